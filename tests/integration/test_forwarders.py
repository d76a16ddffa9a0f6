"""Laws of the forwarders: silent, harmless, and no event lost or doubled, whether a sidecar runs or not."""

import contextlib
import gzip
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sidecar import spool
from sidecar.journal import Entry, JournalReader, outside
from sidecar.journal.schema import FILE_NAME, open_for_writing
from tests.contract.test_otlp_tls import certificate
from tests.forwarders import NOBODY, SHELL_TWIN, SILENT, environment, forward, python_hook, shell_hook
from tests.otlp_receiver import Answer, OtlpReceiver
from tests.privileges import as_root, nobody
from tests.processes import processes
from tests.sidecar_process import Sidecar
from tests.waiting import PATIENCE, until

SESSIONS = Path(__file__).parent.parent / "data" / "sessions"
FORWARDERS = pytest.mark.parametrize("command", [python_hook, shell_hook], ids=["python", "shell"])
NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="the shell twin calls curl")
STOP = {"session_id": "s", "hook_event_name": "Stop"}


@pytest.fixture(scope="module", name="sidecar")
def _sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with contextlib.closing(Sidecar(tmp_path_factory.mktemp("running"))) as sidecar:
        yield sidecar.start()


def rows(sidecar: Sidecar, session: str) -> list[list[Any]]:
    return sidecar.sql(f"SELECT hook_event_name, payload FROM events WHERE session_id = '{session}' ORDER BY seq")


def recorded(name: str) -> list[dict[str, Any]]:
    lines = gzip.decompress((SESSIONS / f"{name}.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line)["body"] for line in lines]


def secrets() -> list[bytes]:
    return gzip.decompress((SESSIONS / "pii.secrets.txt.gz").read_bytes()).splitlines()


@NEEDS_CURL
@FORWARDERS
def test_a_running_sidecar_gets_the_event(sidecar: Sidecar, command: Any, request: pytest.FixtureRequest) -> None:
    """The event is stored with the guide's agent beside it, and nothing is printed."""
    session = f"running-{request.node.callspec.id}"
    env = environment(sidecar.data_dir, LEANVIBE_AGENT_ID="a-1", LEANVIBE_AGENT_NAME="claude_agent")

    assert SILENT == forward(command("SessionStart"), {"session_id": session, "source": "startup"}, env)

    ((name, payload),) = rows(sidecar, session)
    assert "SessionStart" == name
    assert {"agent_id": "a-1", "agent_name": "claude_agent"} == json.loads(payload)["leanvibe"]
    assert not (sidecar.data_dir / spool.FOLDER).exists()


@NEEDS_CURL
@FORWARDERS
def test_a_session_may_come_from_the_environment(sidecar: Sidecar, command: Any) -> None:
    """`LEANVIBE_SESSION_ID` names the session of a payload that names none, and of no other."""
    session = f"given-{command.__name__}"
    env = environment(sidecar.data_dir, LEANVIBE_SESSION_ID=session)

    assert SILENT == forward(command("Stop"), {"n": 1}, env)
    assert SILENT == forward(command("Stop"), {"session_id": f"{session}-own"}, env)

    assert (1, 1) == (len(rows(sidecar, session)), len(rows(sidecar, f"{session}-own")))


@NEEDS_CURL
@FORWARDERS
def test_hooks_can_be_switched_off(sidecar: Sidecar, command: Any) -> None:
    """With `LEANVIBE_ENABLE_HOOKS=false` nothing is sent or kept."""
    session = f"off-{command.__name__}"
    env = environment(sidecar.data_dir, LEANVIBE_ENABLE_HOOKS="false")

    assert SILENT == forward(command("Stop"), {"session_id": session}, env)

    assert [] == rows(sidecar, session)


def test_http_hooks_can_be_switched_off(sidecar: Sidecar) -> None:
    """The same variable comes with http hooks as a header: such an event is answered, and not kept."""
    answer = sidecar.post_native({**STOP, "session_id": "off-http"}, headers={"X-LeanVibe-Enable": "false"})

    assert (204, []) == (answer.status_code, rows(sidecar, "off-http"))


@pytest.mark.parametrize("user", ["nobody-of-this-host", "; exit 2", ""])
@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_the_shell_twin_ends_well_without_a_home(tmp_path: Path, shell: str, user: str) -> None:
    """Exit code 2 would keep the agent's tool from running, and nothing is put into the agent's folder instead."""
    place = shutil.which(shell) or pytest.skip(f"no {shell} here")
    command_of(tmp_path, "id", f"echo '{user}'")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LEANVIBE_HOOK_API_URL": "http://127.0.0.1:9"}

    assert SILENT == forward([place, SHELL_TWIN, "PreToolUse"], STOP, env)
    assert [] == list(Path.cwd().glob("~*"))


@pytest.mark.parametrize("missing", ["cat", "date", "od", "mkdir", "mv", "awk"])
def test_the_shell_twin_ends_well_whatever_is_missing(tmp_path: Path, missing: str) -> None:
    """A host without one of the usual commands loses the event at most: the agent goes on."""
    command_of(tmp_path, missing, "exit 127")
    env = {
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LEANVIBE_HOOK_API_URL": "http://127.0.0.1:9",
    }

    assert SILENT == forward(shell_hook("PreToolUse"), STOP, env)


def command_of(folder: Path, name: str, script: str) -> None:
    """Puts a command of that name into the folder."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"no": "session"}', b"x" * 100_000])
def test_any_input_is_harmless(tmp_path: Path, body: bytes) -> None:
    """Whatever is on stdin, the hook is silent and exits with 0; names of what could not be read are kept."""
    assert SILENT == forward(python_hook("Stop"), body, environment(tmp_path, LEANVIBE_HOOK_API_URL=NOBODY))

    assert {"Stop"} == {(spool.read(path) or {})["hook_event_name"] for path in spool.waiting(tmp_path)}


def test_a_directory_that_cannot_be_used_is_harmless(tmp_path: Path) -> None:
    """Without a place to keep anything the hook is silent and exits with 0."""
    (tmp_path / "file").write_text("")

    env = environment(tmp_path / "file" / "data", LEANVIBE_HOOK_API_URL=NOBODY)
    assert SILENT == forward(python_hook("Stop"), STOP, env)


def test_what_happens_while_the_sidecar_is_stopped(tmp_path: Path) -> None:
    """Every event is there once after the next start, redacted before it touched the disk."""
    bodies = [body for body in recorded("pii") if any(secret.decode() in str(body) for secret in secrets())][::2]
    sidecar = Sidecar(tmp_path)
    sidecar.data_dir.mkdir()
    env = environment(sidecar.data_dir, LEANVIBE_HOOK_API_URL=NOBODY)
    with ThreadPoolExecutor(3) as agents:
        answers = list(agents.map(lambda body: forward(python_hook(body["hook_event_name"]), body, env), bodies))
    assert [SILENT] * len(bodies) == answers
    leaks = [(name, secret) for name, content in sidecar.files().items() for secret in secrets() if secret in content]
    assert [] == leaks

    with contextlib.closing(sidecar.start()):
        until(lambda: not list(spool.waiting(sidecar.data_dir)), "the spool is taken in", sidecar.output)
        found = sidecar.sql("SELECT hook_event_name, coalesce(tool_use_id, '') FROM events")
        sidecar.stop()
        sidecar.start()
        assert [[len(bodies)]] == sidecar.sql("SELECT count(*) FROM events")

    expected = [[body["hook_event_name"], body.get("tool_use_id", "")] for body in bodies]
    assert sorted(expected) == sorted(found)


def test_the_policy_of_the_last_sidecar_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forwarder redacts by the user's policy; when it cannot be read nothing but metadata is kept."""
    unhurried(tmp_path, monkeypatch)
    policy = tmp_path / "policy.toml"
    policy.write_text('leave_out = ["prompts"]\n[actions]\nemail = "hash"\n')
    sidecar = Sidecar(tmp_path, {"LEANVIBE_REDACTION_POLICY": str(policy)})
    prompt = {
        "session_id": "s",
        "hook_event_name": "UserPromptSubmit",
        "prompt": "p1 e4",
        "title": "jane@example.com",
    }
    env = environment(sidecar.data_dir)
    with contextlib.closing(sidecar.start()):
        sidecar.post_native(prompt)
        ((_, expected),) = rows(sidecar, "s")
        sidecar.stop()
        assert SILENT == forward(python_hook("UserPromptSubmit"), prompt, env)
        policy.rename(tmp_path / "gone.toml")
        assert SILENT == forward(python_hook("UserPromptSubmit"), {**prompt, "session_id": "t"}, env)
        (tmp_path / "gone.toml").rename(policy)
        sidecar.start()
        until(lambda: not list(spool.waiting(sidecar.data_dir)), "the spool is taken in")

        assert [expected, expected] == [payload for _, payload in rows(sidecar, "s")]
        ((_, metadata),) = rows(sidecar, "t")
    assert "prompt" not in json.loads(metadata)


@NEEDS_CURL
def test_the_shell_twin_keeps_metadata_only(tmp_path: Path) -> None:
    """Stopped, the shell twin keeps names and ids; the next start takes each in once, with its own time."""
    bodies = recorded("pii")
    sidecar = Sidecar(tmp_path)
    sidecar.data_dir.mkdir()
    env = environment(sidecar.data_dir, LEANVIBE_HOOK_API_URL=NOBODY)
    for body in bodies:
        assert SILENT == forward(shell_hook(body["hook_event_name"]), body, env)
    kept = [spool.read(path) for path in spool.waiting(sidecar.data_dir)]
    assert len(bodies) == len(kept)
    assert [] == [secret for secret in secrets() for content in sidecar.files().values() if secret in content]

    with contextlib.closing(sidecar.start()):
        until(lambda: not list(spool.waiting(sidecar.data_dir)), "the spool is taken in", sidecar.output)
        found = sidecar.sql(
            "SELECT session_id, hook_event_name, coalesce(tool_use_id, ''), epoch_us(occurred_at), "
            "payload -> 'content_dropped' ->> 'reason' FROM events"
        )

    names = [[body["session_id"], body["hook_event_name"], body.get("tool_use_id", "")] for body in bodies]
    assert sorted(names) == sorted(row[:3] for row in found)
    assert sorted(one["forwarded_at"] for one in kept if one) == sorted(row[3] for row in found)
    assert {"no_sidecar_answered"} == {row[4] for row in found}


def test_an_answer_that_is_late_is_no_double(sidecar: Sidecar) -> None:
    """When the sidecar took the event but its answer never came, the kept copy is recognised by its id."""
    with relay(sidecar.url) as (url, passed):
        env = environment(sidecar.data_dir, LEANVIBE_HOOK_API_URL=url)
        assert SILENT == forward(python_hook("Stop"), {**STOP, "session_id": "late"}, env)

    assert passed.is_set()
    sidecar.post_native({**STOP, "session_id": "afterwards"})
    assert 1 == len(rows(sidecar, "late"))


def test_a_sidecar_that_hangs_is_left_after_a_while(tmp_path: Path) -> None:
    """A server that accepts and says nothing costs the agent no event and no more than the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert SILENT == forward(python_hook("Stop"), STOP, environment(tmp_path, LEANVIBE_HOOK_API_URL=url))

    assert 1 == len(kept_events(tmp_path)) + len(list(spool.waiting(tmp_path)))


@NEEDS_CURL
@FORWARDERS
@pytest.mark.parametrize("status", [301, 307, 404])
def test_only_a_sidecar_takes_an_event(tmp_path: Path, receiver: OtlpReceiver, command: Any, status: int) -> None:
    """What another server at the address answers, a redirect say, is no receipt: the event is kept."""
    receiver.answer_always(Answer(status, {"Location": "/elsewhere"}))
    assert SILENT == forward(command("Stop"), STOP, environment(tmp_path, LEANVIBE_HOOK_API_URL=receiver.url))

    assert 1 == len(kept_events(tmp_path)) + len(list(spool.waiting(tmp_path)))


def test_many_forwarders_beside_a_running_sidecar(sidecar: Sidecar) -> None:
    """Forwarders that append to the journal while the sidecar does lose nothing of theirs or of its own."""
    env = environment(sidecar.data_dir, LEANVIBE_HOOK_API_URL=NOBODY)
    with ThreadPoolExecutor(3) as agents:
        forwards = [agents.submit(forward, python_hook("Stop"), {"session_id": "many"}, env) for _ in range(6)]
        for _ in range(100):
            assert 204 == sidecar.post_native({**STOP, "session_id": "posted"}).status_code
        assert [SILENT] * 6 == [one.result() for one in forwards]
    until(lambda: not list(spool.waiting(sidecar.data_dir)), "what was not appended in time is taken in")
    sidecar.post_native({**STOP, "session_id": "posted"})

    assert (6, 101) == (len(rows(sidecar, "many")), len(rows(sidecar, "posted")))


@as_root
@pytest.mark.parametrize("hook", [python_hook, shell_hook])
def test_nothing_is_kept_in_a_directory_of_others(tmp_path: Path, hook: Any) -> None:
    """A data directory that another user prepared gets nothing; the hook stays silent."""
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, nobody(), -1)

    assert SILENT == forward(hook("Stop"), STOP, environment(folder, LEANVIBE_HOOK_API_URL=NOBODY))
    assert [] == [path for path in folder.rglob("*") if path.is_file()]


def test_a_remote_sidecar_gets_the_token_over_tls(tmp_path: Path) -> None:
    """An https URL is trusted by the system's authorities only, and gets the token."""
    files = certificate(tmp_path, "sidecar")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    with heard(context) as (port, requests):
        url = f"https://127.0.0.1:{port}"
        env = environment(tmp_path / "data", LEANVIBE_HOOK_API_URL=url, LEANVIBE_TOKEN="made-up-token")
        assert SILENT == forward(python_hook("Stop"), STOP, env)
        assert [] == requests
        assert SILENT == forward(python_hook("Stop"), STOP, {**env, "SSL_CERT_FILE": files[0]})

    head = requests[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert b"POST /api/v1/hooks/claude-code HTTP/1.1" == head[0]
    assert b"Authorization: Bearer made-up-token" in head


def test_session_start_starts_the_sidecar(tmp_path: Path) -> None:
    """When none runs, the SessionStart hook starts one, which has the event; with `autostart` off it does not."""
    data_dir = tmp_path / "data"
    start = [*python_hook("SessionStart"), "--url", NOBODY]
    assert SILENT == forward(start, STOP, environment(data_dir))
    assert "autostart.log" in {path.name for path in data_dir.iterdir()}
    assert not (data_dir / "server.json").exists()

    env = environment(data_dir, LEANVIBE_AUTOSTART="true", LEANVIBE_PORT="0")
    assert SILENT == forward(start, STOP, env)
    facts = until(lambda: announced(data_dir), "a sidecar was started")
    try:
        assert SILENT == forward(python_hook("Stop"), STOP, env)
    finally:
        os.kill(facts["pid"], signal.SIGTERM)
    until(lambda: facts["pid"] not in processes(), "it has ended")

    assert 3 == len(stored(data_dir)) + len(list(spool.waiting(data_dir)))


def test_the_fast_path_needs_the_standard_library_only() -> None:
    """Nothing that is not Python's own is loaded before the sidecar has answered."""
    program = (
        "import sys; before = set(sys.modules); from sidecar import entry, hook\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - sys.stdlib_module_names))"
    )

    run = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert "['sidecar']\n" == run.stdout


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound of the journal nothing is appended, over that of the spool nothing is spooled."""
    monkeypatch.setattr(spool, "MAX_FILES", 2)

    assert outside.append(tmp_path, Entry("first", b"{}", given=True), max_bytes=1000)
    assert not outside.append(tmp_path, Entry("second", b"{}", given=True), max_bytes=1000)
    kept = [spool.keep(tmp_path, spool.metadata({}, name, 1)) for name in ("a", "b", "c")]

    assert [tmp_path / "spool" / "a.json", tmp_path / "spool" / "b.json", None] == kept


def test_metadata_is_ids_or_nothing() -> None:
    """What does not have the form of an id is not kept, whatever its name says."""
    payload = {"session_id": "s-1", "tool_name": "Bash", "tool_use_id": "two words", "agent_id": 7, "prompt": "text"}

    expected = {"event_id": "e", "forwarded_at": 5, "session_id": "s-1", "tool_name": "Bash"}
    assert expected == spool.metadata(payload, "e", 5)


def unhurried(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forwarders have all the time that they need: on a busy machine redacting takes longer than an agent waits."""
    (folder / "sitecustomize.py").write_text(f"from sidecar import hook; hook.TOTAL_SECONDS = {PATIENCE}")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def kept_events(data_dir: Path) -> list[Any]:
    """What the next sidecar finds; a forwarder whose time was over may have left a journal without tables."""
    if not (data_dir / FILE_NAME).exists():
        return []
    open_for_writing(data_dir / FILE_NAME).close()
    reader = JournalReader(data_dir / FILE_NAME)
    try:
        return list(reader.after(0, limit=100))
    finally:
        reader.close()


def stored(data_dir: Path) -> list[Any]:
    command = [python_hook("")[0], "sql", "SELECT seq FROM events", "--data-dir", str(data_dir), "--format", "json"]
    rows: list[Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return rows


def announced(data_dir: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        facts: dict[str, Any] = json.loads((data_dir / "server.json").read_text())
        return facts
    return None


@contextlib.contextmanager
def heard(context: ssl.SSLContext) -> Iterator[tuple[int, list[bytes]]]:
    """The port of a TLS server that answers 204, and the requests that it got."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as secured:
                        requests.append(secured.recv(65_536))
                        secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], requests
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def relay(url: str) -> Iterator[tuple[str, threading.Event]]:
    """A URL that passes one request on and keeps the answer to itself; the event says that there was one."""
    passed = threading.Event()
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(client.recv(65_536))
                if server.recv(65_536):
                    passed.set()
                client.recv(1)  # until the forwarder gives up

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", passed
        thread.join()
