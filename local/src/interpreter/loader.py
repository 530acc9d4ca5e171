import os, sys
own_path = sys.path[:1] == [""]
if own_path: del sys.path[0]
control = os.dup(0)
null = os.open("/dev/null", os.O_RDONLY)
os.dup2(null, 0)
os.close(null)
requests = os.fdopen(control, "rb", closefd=False)
source = requests.read(int(requests.readline()))
names = {"__name__": "kernel", "own_path": own_path, "control": control, "requests": requests}
exec(compile(source, "<kernel>", "exec"), names)
