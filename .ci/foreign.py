"""Drives the local server with the official Python SDK: a client that is not ours.

ORKESTR_BASE_URL and ORKESTR_API_KEY name the server. Every call of that SDK's sandbox API is made,
and what comes back is compared with what was done. The server's log, the one argument, must then
show every operation of openapi.yaml.
"""

import hashlib
import http.server
import json
import os
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import orkestr
from orkestr import Sandbox, Snapshot, Volume, Webhook, verify_webhook_signature


def fails(kind, call, **fields):
    try:
        call()
    except kind as error:
        for name, value in fields.items():
            assert getattr(error, name) == value, (name, getattr(error, name), value)
        return error
    raise AssertionError(f"no {kind.__name__}")


def eventually(what, check):
    for _ in range(600):
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


def lifecycle():
    limits = Sandbox.limits()
    assert limits.plan and limits.max_concurrent > 0 and limits.max_snapshots > 0, limits
    assert {size.size for size in limits.sizes} >= {"small", "medium", "large"}
    sbx = Sandbox.create(
        template="debian-12",
        size="small",
        network="off",
        timeout_seconds=600,
        env={"GREETING": "hi"},
        metadata={"suite": "foreign"},
    )
    assert sbx.id.startswith("sbx_") and sbx.status == "running", sbx
    assert (sbx.template, sbx.network, sbx.cpu, sbx.memory_mb) == ("debian-12", "off", 1.0, 1024)
    assert sbx.metadata == {"suite": "foreign"}
    assert Sandbox.get(sbx.id).id == sbx.id
    assert [found.id for found in Sandbox.list(metadata={"suite": "foreign"})] == [sbx.id]
    assert sbx.id in [found.id for found in Sandbox.list(status="running")]
    before = sbx.expires_at
    sbx.set_timeout(1200)
    assert sbx.expires_at > before
    assert sbx.pause() == sbx.id
    assert sbx.refresh().status == "paused"
    fails(orkestr.SandboxNotReady, lambda: sbx.exec("true"))
    assert Sandbox.resume(sbx.id).status == "running"
    assert sbx.exec("echo $GREETING").stdout == "hi\n"
    sbx.terminate()
    ended = Sandbox.get(sbx.id)
    assert ended.status == "terminated", ended
    fails(orkestr.SandboxNotReady, lambda: ended.exec("true"))
    fails(orkestr.SandboxNotFound, lambda: Sandbox.get("sbx_01HZZZZZZZZZZZZZZZZZZZZZZZ"))
    fails(orkestr.AuthError, lambda: Sandbox.limits(api_key="ork_wrong"))


def commands(sbx):
    done = sbx.exec("echo out; echo err >&2; exit 3", cwd="/tmp", env={"A": "b"})
    assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 3), done
    fails(orkestr.ExecTimeout, lambda: sbx.exec("sleep 60", timeout_seconds=1))
    fails(orkestr.ExecKilled, lambda: sbx.exec("kill -9 $$"), signal=9)
    chunks = list(sbx.exec_stream("printf one; printf two >&2; exit 4"))
    assert "".join(c.data for c in chunks if c.stream == "stdout") == "one"
    assert "".join(c.data for c in chunks if c.stream == "stderr") == "two"
    assert chunks[-1].is_final and chunks[-1].exit_code == 4

    sbx.exec("mkfifo /tmp/gate")
    command = sbx.exec("echo begun; read -r line < /tmp/gate; echo ended", background=True)
    assert command.id.startswith("cmd_") and command.status == "running"
    eventually("it has begun", lambda: command.logs().content == "begun\n")
    assert [found.id for found in sbx.commands()] == [command.id]
    sbx.exec("echo go > /tmp/gate")
    assert command.wait(poll_seconds=0.05, timeout=60) == 0
    assert "".join(chunk.data for chunk in command.stream(offset=6)) == "ended\n"
    sleeping = sbx.exec("sleep 600", background=True)
    sleeping.kill()
    assert sleeping.wait(poll_seconds=0.05, timeout=60) is None and sleeping.status == "killed"


def files(sbx):
    files = sbx.files
    files.write("/workspace/a/text.txt", "grüße", mode=0o600)
    files.write_bytes("/workspace/a/blob", b"\x00\xff\x01")
    assert files.read("/workspace/a/text.txt") == "grüße"
    assert files.read_bytes("/workspace/a/blob") == b"\x00\xff\x01"
    listed = {entry.name: entry for entry in files.list("/workspace/a")}
    assert set(listed) == {"text.txt", "blob"} and listed["blob"].size == 3
    assert listed["text.txt"].mode & 0o777 == 0o600, listed
    files.mkdir("/workspace/b/c")
    files.move("/workspace/a/blob", "/workspace/b/c/blob")
    stat = files.stat("/workspace/b/c/blob")
    assert stat.exists and stat.size == 3 and not stat.is_dir
    assert not files.exists("/workspace/a/blob")
    rows = files.write_batch({"/workspace/one": "1", "/usr/two": "2"})
    assert [row.error is None for row in rows] == [True, False], rows
    files.delete("/workspace/one")
    assert not files.exists("/workspace/one")
    fails(orkestr.OrkestrError, lambda: files.delete("/workspace/b"))
    fails(orkestr.OrkestrError, lambda: files.read("/workspace/missing"))

    content = os.urandom(3 << 20)
    up = files.presign_upload("/workspace/big", expires_in=60)
    request = urllib.request.Request(up.url, data=content, method=up.method)
    assert urllib.request.urlopen(request).status in (200, 201, 204)
    down = files.presign_download("/workspace/big")
    got = urllib.request.urlopen(down.url).read()
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()


def code():
    with Sandbox.create(template="debian-12") as other:
        fails(orkestr.InterpreterUnavailable, lambda: other.run_code("1"))
    with Sandbox.create(template="code-interpreter") as sbx:
        first = sbx.run_code("x = 20\nprint('out')\nx + 1")
        assert (first.text, first.stdout, first.error) == ("21", "out\n", None), first
        assert first.execution_count == 1 and not first.interrupted and not first.restarted
        failed = sbx.run_code("x / 0")
        assert failed.error.name == "ZeroDivisionError" and failed.error.traceback, failed
        late = sbx.run_code("x = 5\nwhile True: pass", timeout_seconds=1)
        assert late.interrupted and sbx.run_code("x").text == "5", late
        events = list(sbx.run_code_stream("import sys; print('a'); print('b', file=sys.stderr); {'k': 1}"))
        assert events[-1].kind == "done" and events[-1].execution.stdout == "a\n", events
        assert any(e.kind == "result" and e.result.json == {"k": 1} for e in events), events
        context = sbx.create_code_context(cwd="/tmp")
        assert context.run_code("import os; os.getcwd()").text == "'/tmp'"
        assert context.run_code("'x' in globals()").text == "False"
        assert context.id in [found.id for found in sbx.code_contexts()]
        context.run_code("y = 1")
        context.restart()
        assert context.run_code("'y' in globals()").text == "False"
        context.remove()
        assert context.id not in [found.id for found in sbx.code_contexts()]


def snapshots():
    with Sandbox.create(template="debian-12") as base:
        base.files.write("/workspace/state", "warm")
        snapshot = base.snapshot(name="warmed")
        assert snapshot.id.startswith("snap_") and snapshot.name == "warmed"
        snapshot = eventually(
            "it is ready",
            lambda: (found := Snapshot.get(snapshot.id)).status == "ready" and found,
        )
        assert snapshot.source_sandbox_id == base.id and snapshot.template == "debian-12"
        assert snapshot.id in [found.id for found in Snapshot.list()]
        with Sandbox.create(snapshot=snapshot.id) as one, Sandbox.create(snapshot=snapshot.id) as two:
            one.files.write("/workspace/state", "changed")
            assert two.files.read("/workspace/state") == "warm"
            assert base.files.read("/workspace/state") == "warm"
    Snapshot.delete(snapshot.id)
    Snapshot.delete(snapshot.id)
    assert snapshot.id not in [found.id for found in Snapshot.list()]


def volumes():
    volume = Volume.create("foreign", size_gb=0.25, max_lifetime_hours=6)
    assert volume.id.startswith("vol_") and volume.size_mb == 256 and volume.expires_at
    with Sandbox.create(template="debian-12", volume="foreign") as sbx:
        assert sbx.volume == "foreign", sbx.volume
        sbx.files.write("/persist/kept", "data")
        held = next(found for found in Volume.list() if found.id == volume.id)
        assert held.attached_sandbox_id == sbx.id, held
        fails(orkestr.OrkestrError, lambda: Volume.delete(volume.id), status_code=409)
        again = lambda: Sandbox.create(template="debian-12", volume=volume.id)
        fails(orkestr.OrkestrError, again, status_code=409)
    with Sandbox.create(template="debian-12", volume=volume.id) as sbx:
        assert sbx.exec("cat /persist/kept").stdout == "data"
    region = Sandbox.limits().regions[0].id
    assert Volume.move(volume.id, region).region == region
    assert Volume.update(volume.id, max_lifetime_hours=2).max_lifetime_hours == 2
    assert Volume.update(volume.id, max_lifetime_hours=None).expires_at is None
    Volume.delete(volume.id)
    # A name that is not there yet is made by its first use.
    with Sandbox.create(template="debian-12", volume="first-use") as sbx:
        sbx.files.write("/persist/x", "y")
    made = next(found for found in Volume.list() if found.name == "first-use")
    assert made.size_mb == 10 * 1024, made
    Volume.delete(made.id)


def webhooks():
    deliveries = queue.Queue()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            deliveries.put((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    hook = Webhook.create(url, event_types=["sandbox.created", "sandbox.terminated"])
    assert hook.id.startswith("whk_") and hook.secret.startswith("whsec_") and hook.active
    listed = next(found for found in Webhook.list() if found.id == hook.id)
    assert listed.secret is None and listed.event_types == hook.event_types
    with Sandbox.create(template="debian-12") as sbx:
        pass
    for event in ("sandbox.created", "sandbox.terminated"):
        headers, body = deliveries.get(timeout=60)
        headers = {name.lower(): value for name, value in headers.items()}
        assert headers["x-orkestr-event"] == event, headers
        assert headers["x-orkestr-delivery"]
        assert verify_webhook_signature(hook.secret, body, headers["x-orkestr-signature"])
        assert not verify_webhook_signature("whsec_x", body, headers["x-orkestr-signature"])
        assert sbx.id in json.dumps(json.loads(body))
    assert Webhook.enable(hook.id).consecutive_failures == 0
    Webhook.delete(hook.id)
    assert hook.id not in [found.id for found in Webhook.list()]
    receiver.shutdown()


def metrics_and_previews():
    with Sandbox.create(template="debian-12", network="restricted", preview_auth=True) as sbx:
        metrics = sbx.metrics()
        assert metrics.sandbox_id == sbx.id and metrics.sandbox_status == "running", metrics
        assert metrics.memory.limit_bytes == sbx.memory_mb << 20, metrics
        metrics = eventually("there is a sample", lambda: (m := sbx.metrics()).samples and m)
        later = metrics.samples[-1].t + timedelta(hours=1)
        assert sbx.metrics(since=later).samples == []
        assert isinstance(metrics.as_of, datetime), metrics.as_of
        server = (
            "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', "
            "LocalPort => 8000, Listen => 5, ReuseAddr => 1) or die; while ($c = $s->accept) { "
            "while (<$c>) { last if /^\\r?$/ } "
            'print $c "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nhello"; '
            "close $c }"
        )
        sbx.files.write("/tmp/server.pl", server)
        sbx.exec("perl /tmp/server.pl", background=True)
        host = sbx.get_host(8000)
        token = sbx.preview_url(8000).partition("ork_preview_token=")[2]
        assert token, "no token in the preview URL"

        def get(query):
            try:
                with urllib.request.urlopen(f"http://{host}/{query}") as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, b""

        assert get("")[0] == 401
        wanted = (200, b"hello")
        eventually("it answers", lambda: get(f"?ork_preview_token={token}") == wanted)
        sbx.pause()
        paused = sbx.metrics()
        assert paused.cpu.usage_cores is None and paused.memory.usage_bytes is None, paused
    ended = sbx.metrics()
    assert ended.sandbox_status == "terminated" and ended.lifetime is not None, ended


def operations(contract):
    """The operations of the contract, each as a method and a path without names."""
    path, found = None, set()
    for line in contract.splitlines():
        if match := re.match(r"  (/v1/\S+):$", line):
            path = re.sub(r"\{\w+\}", "{}", match[1])
        elif match := re.match(r"    (get|post|put|patch|delete):$", line):
            if path:
                found.add((match[1].upper(), path))
        elif re.match(r"\S", line):
            path = None
    return found


def every_operation_was_called(log):
    with open("openapi.yaml") as contract:
        wanted = operations(contract.read())
    with open(log) as lines:
        calls = re.findall(r'method=(\w+) route="(/v1[^"]*)" status=2', lines.read())
    called = {(method, re.sub(r"\{\w+\}", "{}", route)) for method, route in calls}
    assert len(wanted) > 40, wanted
    assert not wanted - called, sorted(wanted - called)


if __name__ == "__main__":
    started = datetime.now(timezone.utc)
    lifecycle()
    with Sandbox.create(template="debian-12") as shared:
        assert abs(shared.created_at - started) < timedelta(hours=1)
        commands(shared)
        files(shared)
    code()
    snapshots()
    webhooks()
    metrics_and_previews()
    volumes()
    every_operation_was_called(sys.argv[1])
    print(f"every call of the Python SDK {orkestr.__version__} was answered as it expects")
