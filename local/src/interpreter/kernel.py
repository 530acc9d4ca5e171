"""The kernel of a code context: runs what the server sends and says what came of it.

From the loader come `requests` and `control`, the socket to the server, for reading lines and as a descriptor, and
`own_path`, whether imports look into the working directory. One JSON object a line, both ways. A message with `n` is answered by `{"ack": n}` once the server has read everything that was
written to stdout and stderr before it; that puts pieces from different descriptors into one order.

Python 3.8 or later. Everything that may be slow or shadowed by a user's file is imported before the user's code runs.
"""
import ast
import base64
import builtins
import io
import json
import linecache
import math
import os
import signal
import sys
import threading
import traceback
import types

KERNEL = "<kernel>"
PNG = b"\x89PNG\r\n\x1a\n"

# A value beyond these is cut or left out, and the answer says so.
LONGEST_TEXT = 1 << 20
LONGEST_HTML = 8 << 20
LONGEST_PNG = 8 << 20
LONGEST_JSON = 4 << 20
MOST_NODES = 200_000
DEEPEST_JSON = 64
LONGEST_TRACEBACK = 200
MOST_CELLS = 1000

COROUTINE = 0x80  # inspect.CO_COROUTINE
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class State:
    running = False  # the user's code, which an interrupt may end
    critical = 0  # in the middle of a message, which it may not
    interrupted = False  # it came in the middle of a message
    forked = False  # this is a child of the kernel, which has nothing to say to the server
    serial = 0
    last = None  # the stream that was written to last, since the server has read everything
    loop = None
    cut = False


MAIN = threading.get_ident()
lock = threading.Lock()


def after_fork():
    State.forked = True
    os.close(control)


def on_interrupt(signum, frame):
    if State.critical:
        State.interrupted = True
    elif State.running:
        raise KeyboardInterrupt


class Critical:
    """Puts an interrupt off."""

    def __enter__(self):
        State.critical += 1

    def __exit__(self, *_):
        State.critical -= 1
        if State.interrupted and not State.critical and State.running:
            State.interrupted = False
            raise KeyboardInterrupt


def in_turn():
    """Whether the server listens: in a run, to the thread of the code."""
    return State.running and not State.forked and threading.get_ident() == MAIN


def send(message):
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    with lock:
        view = memoryview(data)
        while view:
            view = view[os.write(control, view) :]


def exchange(message):
    """Sends, and waits until the server has read what was written before."""
    with Critical():
        State.serial += 1
        send(dict(message, n=State.serial))
        while True:
            line = requests.readline()
            if not line:
                os._exit(0)
            if json.loads(line).get("ack") == State.serial:
                break
        State.last = None


class Descriptor(io.RawIOBase):
    """A standard stream, in order with the other one."""

    def __init__(self, fd):
        self.fd = fd
        self.text = None

    def writable(self):
        return True

    def fileno(self):
        return self.fd

    def write(self, data):
        view = memoryview(data).cast("B")
        length = len(view)
        if State.last is not self and in_turn():
            if State.last is not None:
                exchange({"t": "sync"})
            State.last = self
        while view:
            view = view[os.write(self.fd, view) :]
        return length


def stream(fd):
    raw = Descriptor(fd)
    # Nothing waits here, so that what comes first was written first.
    raw.text = io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)
    return raw


OUT = stream(1)
ERR = stream(2)


def flush():
    for text in (sys.stdout, sys.stderr, OUT.text, ERR.text):
        try:
            text.flush()
        except Exception:
            pass


def clip(text, longest=LONGEST_TEXT):
    if len(text) > longest:
        State.cut = True
        return text[:longest] + "..."
    return text


class NotJson(Exception):
    pass


def check_json(value):
    """Whether the value means the same as JSON: no key that is no text, no number that a reader would round."""
    left = MOST_NODES
    rest = [(value, 0)]
    while rest:
        value, depth = rest.pop()
        left -= 1
        if left < 0 or depth > DEEPEST_JSON:
            raise NotJson
        if value is None or isinstance(value, (bool, str)):
            continue
        if isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 64:
                raise NotJson
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise NotJson
        elif isinstance(value, (list, tuple)):
            rest.extend((item, depth + 1) for item in value)
        elif isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise NotJson
            rest.extend((item, depth + 1) for item in value.values())
        else:
            raise NotJson


def as_json(value):
    try:
        check_json(value)
        # A copy, so that no subclass is asked again, and surrogates are found here.
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (NotJson, TypeError, ValueError, RecursionError):
        return None
    if len(text) > LONGEST_JSON:
        State.cut = True
        return None
    return json.loads(text)


def representation(value, name):
    """What `_repr_html_` and its like give; one that fails is none."""
    if isinstance(value, type):
        return None
    try:
        method = getattr(value, name, None)
        found = method() if callable(method) else None
    except Exception:
        return None
    return found[0] if isinstance(found, tuple) and found else found


def is_figure(value):
    module = sys.modules.get("matplotlib.figure")
    kind = getattr(module, "Figure", None)
    return isinstance(kind, type) and isinstance(value, kind)


def as_png(value):
    if is_figure(value):
        data = io.BytesIO()
        value.savefig(data, format="png", bbox_inches="tight")
        data = data.getvalue()
    else:
        data = representation(value, "_repr_png_")
        if isinstance(data, str):
            try:
                data = base64.b64decode(data)
            except ValueError:
                return None
    if not isinstance(data, (bytes, bytearray)) or not data.startswith(PNG):
        return None
    if len(data) > LONGEST_PNG:
        State.cut = True
        return None
    return base64.b64encode(data).decode("ascii")


def describe(value):
    """The value in every form that it has; the type names the richest."""
    result = {"type": "text", "text": clip(repr(value))}
    if isinstance(value, (dict, list)):
        data = as_json(value)
        if data is not None:
            result.update(type="json", json=data)
    html = representation(value, "_repr_html_")
    if isinstance(html, str):
        if len(html) > LONGEST_HTML:
            State.cut = True
        else:
            result.update(type="html", html=html)
    png = as_png(value)
    if png is not None:
        result.update(type="image_png", png=png)
    return result


def show(value):
    result = describe(value)
    flush()
    message = {"t": "result", "result": result}
    if in_turn():
        exchange(message)
    elif not State.forked:
        send(message)


def display(*values, **_):
    """Shows values as results, at once."""
    for value in values:
        show(value)
        if is_figure(value):
            close(value)


def pyplot():
    module = sys.modules.get("matplotlib.pyplot")
    return module if hasattr(module, "get_fignums") and hasattr(module, "close") else None


def close(figure):
    plt = pyplot()
    if plt is not None:
        plt.close(figure)


def show_figures(*_, **__):
    """In place of `pyplot.show`, and at the end of each run: the open figures become results."""
    plt = pyplot()
    if plt is None:
        return
    try:
        for number in plt.get_fignums():
            show(plt.figure(number))
    finally:
        plt.close("all")


class PyplotFinder:
    """Puts `show_figures` into pyplot when it is imported."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "matplotlib.pyplot":
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not cls else None
            if spec is not None:
                break
        else:
            return None
        load = getattr(spec.loader, "exec_module", None)
        if load is not None:

            def exec_module(module):
                load(module)
                module.show = show_figures

            spec.loader.exec_module = exec_module
        return spec


def no_input(prompt="", /):
    raise EOFError("input() has nobody to ask here: set a variable in the code, or read a file")


def await_result(coroutine):
    import asyncio

    if State.loop is None or State.loop.is_closed():
        State.loop = asyncio.new_event_loop()
    task = State.loop.create_task(coroutine)
    try:
        return State.loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            task.cancel()
            try:
                State.loop.run_until_complete(task)
            except BaseException:
                pass
        raise


async def in_a_loop(codes):
    value = None
    for code in codes:
        value = eval(code, main.__dict__)
        if code.co_flags & COROUTINE:
            value = await value
    return value


def execute(codes):
    """What the last of them gives. With one `await`, all of them run in a loop."""
    if any(code.co_flags & COROUTINE for code in codes):
        return await_result(in_a_loop(codes))
    value = None
    for code in codes:
        value = eval(code, main.__dict__)
    return value


def run(source, name):
    tree = compile(source, name, "exec", ast.PyCF_ONLY_AST | AWAIT, dont_inherit=True)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    # Both before either runs: what is no Python has no effect.
    codes = [compile(tree, name, "exec", AWAIT, dont_inherit=True)]
    if last:
        codes.append(compile(last, name, "eval", AWAIT, dont_inherit=True))
    value = execute(codes)
    if value is not None:
        builtins._ = value
        display(value)


def attempt(work):
    """The exception that ended it."""
    try:
        try:
            State.running = True
            work()
        finally:
            State.running = False
    except BaseException as error:
        # An interrupt may have come before the line above.
        State.running = False
        return error
    return None


def without_kernel(summary, seen):
    """Takes the frames of this file out, here and in what the exception was caused by."""
    if summary is None or id(summary) in seen:
        return
    seen.add(id(summary))
    if summary.stack is not None:
        frames = [frame for frame in summary.stack if frame.filename != KERNEL]
        # Nor what lies between it and the user's code: an event loop.
        first = next((at for at, frame in enumerate(frames) if frame.filename in cells), 0)
        summary.stack = traceback.StackSummary.from_list(frames[first:])
    causes = [summary.__cause__, summary.__context__, *(getattr(summary, "exceptions", None) or [])]
    for cause in causes:
        without_kernel(cause, seen)


def failure(error):
    try:
        value = str(error)
    except BaseException:
        value = "<the exception cannot be printed>"
    try:
        summary = traceback.TracebackException(type(error), error, error.__traceback__)
        without_kernel(summary, set())
        has_frames = summary.stack or summary.__cause__ or summary.__context__
        parts = summary.format() if has_frames else summary.format_exception_only()
        lines = "".join(parts).splitlines()
    except BaseException:
        lines = []
    if len(lines) > LONGEST_TRACEBACK:
        half = LONGEST_TRACEBACK // 2
        lines = lines[:half] + ["  ..."] + lines[-half:]
    return {
        "name": type(error).__name__,
        "value": clip(value),
        "traceback": [clip(line, 10_000) for line in lines],
    }


def remember(name, source):
    """For tracebacks, and for `inspect.getsource`."""
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    cells.append(name)
    if len(cells) > MOST_CELLS:
        linecache.cache.pop(cells.pop(0), None)


def end_child(error):
    """The code has forked, and this child of it has come to its end."""
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    flush()
    os._exit(status & 0xFF)


def serve(request):
    State.cut = State.interrupted = False
    State.last = None
    remember(request["name"], request["code"])
    error = attempt(lambda: run(request["code"], request["name"]))
    if State.forked:
        end_child(error)
    if isinstance(error, KeyboardInterrupt):
        attempt(lambda: pyplot() and pyplot().close("all"))
    else:
        # What was drawn before an exception is shown as well.
        undrawn = attempt(show_figures)
        error = error or undrawn
    flush()
    described = error and failure(error)
    # Printing it may have printed.
    flush()
    error = None
    send({"t": "done", "error": described, "cut": State.cut})


cells = []
# The loader's own is of no use to anybody, and pickle finds the user's classes here.
main = types.ModuleType("__main__")
main.__dict__["__builtins__"] = builtins
sys.modules["__main__"] = main
sys.stdout = sys.__stdout__ = OUT.text
sys.stderr = sys.__stderr__ = ERR.text
sys.argv = [""]
if own_path:
    sys.path.insert(0, "")
sys.meta_path.insert(0, PyplotFinder)
builtins.display = display
builtins.input = no_input
os.register_at_fork(after_in_child=after_fork)
signal.signal(signal.SIGINT, on_interrupt)

send({"t": "ready"})
while True:
    received = requests.readline()
    if not received:
        os._exit(0)
    received = json.loads(received)
    if "code" in received:
        serve(received)
