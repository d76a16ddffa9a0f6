"""Another user of this host: may send an event, and reads nothing, whichever way they try."""

import json
import os
import subprocess
import sys

import pytest

from tests.privileges import as_root, nobody
from tests.servers import scratch
from tests.sidecar_process import API, LIVE, running_sidecar

SECRET = "what-only-the-owner-may-read"

INTRUDER = """
import base64, contextlib, encodings.idna, http.client, json, os, socket, sys

folder, uds, port, secret, pids, uid, paths, live = json.loads(sys.argv[1])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
read, sent = [], []

def attempt(name, work):
    try:
        content = work()
    except (OSError, http.client.HTTPException):
        return
    read.append([name, str(content)[:80]])

def asked(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()

def reads(path):
    status, body = asked(*path)
    if status < 400 and status != 303 or secret.encode() in body:
        return status
    raise OSError(path)

def connects(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)
    return "connected"

def lists(path):
    return os.listdir(path)

def handshake():
    key = base64.b64encode(b"0" * 16).decode()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = key
    status, _ = asked("GET", live, None, upgrade)
    if status == 101:
        return status
    raise OSError("refused")

attempt("data directory", lambda: lists(folder))
for name in sorted(json.loads(sys.argv[2])):
    attempt(name, lambda: open(os.path.join(folder, name), "rb").read())
    attempt("write " + name, lambda: open(os.path.join(folder, name), "ab"))
attempt("new file", lambda: open(os.path.join(folder, "planted"), "wb"))
attempt("worker socket", lambda: connects(os.path.join(folder, "worker.sock")))
attempt("unix socket", lambda: connects(uds))
for pid in pids:
    for part in ("environ", "mem", "fd", "cwd"):
        path = f"/proc/{pid}/{part}"
        attempt(path, lambda: (lists(path) if part == "fd" else os.readlink(path) if part == "cwd" else
                               open(path, "rb").read(10)))
for path in paths:
    attempt(path, lambda: reads(path))
attempt("live feed", handshake)
event = json.dumps({"session_id": "intruder", "hook_event_name": "Stop"})
sent.append(asked("POST", "/api/v1/hooks/claude-code", event)[0])
print(json.dumps({"read": read, "sent": sent, "argv": [open(f"/proc/{pid}/cmdline").read() for pid in pids]}))
"""
"""Run as root by Python itself, which then becomes the other user: its libraries may lie where they cannot look."""

READING: list[tuple[str, ...]] = [
    ("GET", f"{API}/events"),
    ("GET", f"{API}/page"),
    ("POST", f"{API}/sql", '{"query": "SELECT * FROM events"}'),
    ("POST", f"{API}/replay", '{"sink": "redis"}'),
    ("POST", "/api/v1/access/codes", "{}"),
    ("POST", "/api/v1/access/rotate", "{}"),
    ("POST", "/api/v1/access/session", '{"token": "guess"}'),
    ("GET", "/open?code=guess"),
]


@as_root
@pytest.mark.parametrize("ingest", ["loopback", "token"])
def test_another_user_may_send_and_read_nothing(ingest: str) -> None:
    """Files, sockets, /proc, every route and the live feed: nothing is read; an event is taken if ingest is open."""
    dsn = f"postgresql://user:{SECRET}@127.0.0.1:1/none"
    with scratch() as home:
        home.chmod(0o755)
        settings = {"LEANVIBE_POSTGRES_DSN": dsn, "LEANVIBE_INGEST": ingest, "LEANVIBE_UDS": str(home / "own.sock")}
        with running_sidecar(settings, home=home) as sidecar:
            send = sidecar.bearer
            event = {"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": SECRET}
            assert 204 == sidecar.post_native(event, headers=send).status_code
            names = [
                str(path.relative_to(sidecar.data_dir)) for path in sidecar.data_dir.rglob("*") if path.is_file()
            ]
            facts = [
                str(sidecar.data_dir), str(home / "own.sock"), sidecar.port, SECRET,
                [sidecar.pid, sidecar.worker_pid], nobody(), READING, LIVE,
            ]  # fmt: skip
            got = intrude(facts, names)
            open_to_all = [sidecar.raw("GET", path).text for path in (f"{API}/health", "/metrics")]
            said = sidecar.output()

    assert [] == got["read"]
    assert [204 if ingest == "loopback" else 401] == got["sent"]
    for told in (*got["argv"], *open_to_all, said):
        assert SECRET not in told


def intrude(facts: list[object], names: list[str]) -> dict[str, list[object]]:
    """What the other user got."""
    words = [sys.executable, "-c", INTRUDER, json.dumps(facts), json.dumps(names)]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert 0 == run.returncode, run.stderr
    found: dict[str, list[object]] = json.loads(run.stdout)
    return found


@as_root
def test_the_intruder_would_find_an_open_door() -> None:
    """What the test above tries does read where it may: an open directory, and a file in it."""
    server = subprocess.Popen(["sleep", "60"], user=nobody(), group=nobody(), extra_groups=[])
    try:
        with scratch() as home:
            home.chmod(0o755)
            (home / "token").write_text("known")
            (home / "token").chmod(0o644)
            facts = [str(home), "", closed_port(), SECRET, [server.pid], nobody(), [], LIVE]
            words = [sys.executable, "-c", INTRUDER.replace("sent.append", "0 and sent.append"), json.dumps(facts)]
            run = subprocess.run(
                [*words, '["token"]'], capture_output=True, text=True, timeout=60, check=True, cwd="/"
            )
    finally:
        server.kill()
        server.wait()

    got = {name for name, _ in json.loads(run.stdout)["read"]}
    assert {"data directory", "token", f"/proc/{server.pid}/environ"} <= got


def closed_port() -> int:
    """A port on which nobody listens."""
    return 9


def test_root_runs_these_in_ci() -> None:
    """Where CI runs as root none of these may be skipped."""
    marked = [
        mark.args[0] for mark in test_another_user_may_send_and_read_nothing.pytestmark if mark.name == "skipif"
    ]

    assert [os.geteuid() != 0] == marked
