import os, sys
safe = os.environ.get("PYTHONSAFEPATH") == "kernel"
if safe: del os.environ["PYTHONSAFEPATH"]
own_path = safe or sys.path[:1] == [""]
if sys.path[:1] == [""]: del sys.path[0]
control = os.dup(0)
null = os.open("/dev/null", os.O_RDONLY)
os.dup2(null, 0)
os.close(null)
requests = os.fdopen(control, "rb", closefd=False)
source = requests.read(int(requests.readline()))
names = {"__name__": "kernel", "own_path": own_path, "control": control, "requests": requests}
exec(compile(source, "<kernel>", "exec"), names)
