"""Where the sidecar listens: beyond loopback only with tokens and TLS; on a Unix socket for its owner alone."""

import json
import os
import socket
import ssl
import stat
import subprocess
from pathlib import Path

import httpx
import pytest

from sidecar.front.listen import bound_unix
from tests import commands
from tests.contract.test_otlp_tls import certificate
from tests.forwarders import SILENT, environment, forward, python_hook, shell_hook
from tests.sidecar_process import API, Sidecar, running_sidecar
from tests.waiting import PATIENCE, until

EVENT = {"session_id": "s", "hook_event_name": "Stop"}


def refusal(tmp_path: Path, *words: str, **settings: str) -> str:
    """What `serve` says when it does not start."""
    run = commands.leanvibe("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *words, **settings)
    assert 1 == run.returncode, run.stdout
    assert "Traceback" not in run.stderr
    return run.stderr


CA = """[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
[any]
commonName = supplied
"""
"""For `openssl ca`, which is the one that takes dates of long ago."""


def expired(folder: Path) -> tuple[str, str]:
    """A certificate that was good for a day, long ago."""
    for name, text in (("ca.cnf", CA), ("index", ""), ("serial", "01")):
        (folder / name).write_text(text)
    request = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", "old.key"]
    dates = ["-startdate", "200101000000Z", "-enddate", "200102000000Z"]
    sign = [
        "openssl",
        "ca",
        "-batch",
        "-selfsign",
        "-config",
        "ca.cnf",
        "-keyfile",
        "old.key",
        "-in",
        "old.csr",
        *dates,
    ]
    for command in ([*request, "-out", "old.csr"], [*sign, "-notext", "-out", "old.crt"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return str(folder / "old.crt"), str(folder / "old.key")


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, "a token for sending (LEANVIBE_INGEST=token) and TLS"),
        ({"LEANVIBE_INGEST": "token"}, "needs TLS"),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_beyond_loopback_it_does_not_start(tmp_path: Path, host: str, settings: dict[str, str], missing: str) -> None:
    """Another address than loopback is refused with what is missing, before anything listens or is made."""
    said = refusal(tmp_path, "--host", host, **settings)

    assert missing in said
    assert "--insecure-allow-anyone-on-the-network" in said
    assert not (tmp_path / "data").exists()


def test_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """Each thing that can be wrong with certificate and key is said in one line, with the file."""
    good, other, old = certificate(tmp_path, "good"), certificate(tmp_path, "other"), expired(tmp_path)
    (tmp_path / "text").write_text("no PEM")
    loose = tmp_path / "loose.key"
    loose.write_bytes(Path(good[1]).read_bytes())
    loose.chmod(0o644)
    cases: list[tuple[tuple[str, str], str]] = [
        ((good[0], other[1]), "is not the key of"),
        ((good[0], str(tmp_path / "none")), "No such file"),
        ((str(tmp_path / "text"), good[1]), "no certificate"),
        ((good[0], str(loose)), "others may read the key"),
        (old, "has expired"),
    ]

    for (cert, key), said in cases:
        assert said in refusal(tmp_path, "--tls-cert", cert, "--tls-key", key)
    assert "both a certificate and its key" in refusal(tmp_path, "--tls-cert", good[0])


def test_tls_on_every_way(tmp_path: Path) -> None:
    """With TLS hooks, commands, forwarders, page and live feed work, verified; plain HTTP and strangers do not."""
    cert, key = certificate(tmp_path, "sidecar")
    settings = {"LEANVIBE_TLS_CERT": cert, "LEANVIBE_TLS_KEY": key, "LEANVIBE_INGEST": "token"}
    with running_sidecar({**settings, "LEANVIBE_HOST": "0.0.0.0"}, home=tmp_path) as sidecar:
        send = {"Authorization": f"Bearer {(sidecar.data_dir / 'ingest-token').read_text().strip()}"}
        assert sidecar.url.startswith("https://127.0.0.1:")
        assert 204 == sidecar.post_native(EVENT, headers=send).status_code
        for hook in (python_hook, shell_hook):
            assert SILENT == forward(hook("Stop"), EVENT, environment(sidecar.data_dir))
        until(lambda: 3 == sidecar.sql("SELECT count(*) FROM events")[0][0], "all three arrived")
        with sidecar.live("?after=0") as feed:
            assert 3 == len(json.loads(feed.recv(timeout=PATIENCE))["events"])

        words = ("--data-dir", str(sidecar.data_dir))
        assert "healthy" in commands.leanvibe("status", *words).stdout
        tail = subprocess.Popen(commands.command_line("tail", "--count", "1", *words), env=commands.environment({}))
        until(lambda: sidecar.post_native(EVENT, headers=send) and tail.poll() is not None, "tail has its event")
        assert 0 == tail.returncode
        link = sidecar.post("/api/v1/access/codes", {}, headers=sidecar.bearer).json()["path"]
        assert "Secure" in sidecar.get(link, follow_redirects=False).headers["set-cookie"]

        with pytest.raises(httpx.ConnectError):
            httpx.get(sidecar.url, trust_env=False)
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            httpx.get(sidecar.url.replace("https", "http"), trust_env=False)
        named = commands.leanvibe("status", *words, LEANVIBE_TLS_CA=certificate(tmp_path, "other")[0])
        assert "not trusted" in named.stderr


@pytest.mark.parametrize("more", [[], ["--no-tcp"]])
def test_a_unix_socket_for_its_owner(tmp_path: Path, more: list[str]) -> None:
    """On a Unix socket, beside TCP or alone, both forwarders post and the commands read; only the owner may."""
    path = tmp_path / "own.sock"
    program = [commands.LEANVIBE]
    settings = {"LEANVIBE_UDS": str(path), "LEANVIBE_TCP": "false" if more else "true"}
    words = [*program, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(words, env=commands.environment(settings), stdout=said, stderr=said)
    try:
        until(lambda: (tmp_path / "data" / "server.json").exists() and path.exists(), "it listens")
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        until(lambda: f"unix:{path}" in (tmp_path / "said").read_text(), "it says where")
        env = environment(tmp_path / "data", **({} if more else {"LEANVIBE_HOOK_API_URL": f"unix:{path}"}))
        for hook in (python_hook, shell_hook):
            assert SILENT == forward(hook("Stop"), EVENT, env)
        at = ["--data-dir", str(tmp_path / "data"), *([] if more else ["--url", f"unix:{path}"])]
        # On a busy machine a forwarder gives up waiting for the answer and keeps the event, which arrives later.
        until(lambda: 2 == counted(*at), "both events are stored")
        assert 0 == commands.leanvibe("status", *at).returncode
        assert 401 == asked(path, f"http://localhost{API}/events")
        assert 421 == asked(path, "http://evil.example/")
    finally:
        process.terminate()
        process.wait()
    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "link", "served", "long", "open to all"])
def test_a_place_of_others_is_not_taken(tmp_path: Path, kind: str) -> None:
    """What is no socket of ours stays as it is, also one that another program listens on; a stale one is replaced."""
    path = tmp_path / ("x" * 120 if kind == "long" else "own.sock")
    listener = socket.socket(socket.AF_UNIX)
    if kind == "file":
        path.write_text("precious")
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "served":
        listener.bind(str(path))
        listener.listen()
    elif kind == "open to all":
        tmp_path.chmod(0o777)
    before = path.lstat().st_ino if path.is_symlink() or path.exists() else None

    said = refusal(tmp_path.parent / f"{tmp_path.name}-home", "--uds", str(path))

    assert str(path) in said
    assert before == (path.lstat().st_ino if path.is_symlink() or path.exists() else None)
    listener.close()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    """The socket of a sidecar that was killed does not keep the next one from starting."""
    path = tmp_path / "own.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running_sidecar({"LEANVIBE_UDS": str(path)}, home=tmp_path) as sidecar:
        assert sidecar.health()
        assert 200 == asked(path, f"http://localhost{API}/health")


def test_a_start_that_fails_leaves_no_socket(tmp_path: Path) -> None:
    """Whatever ends the sidecar, the socket's file goes: who finds one takes it for a sidecar that listens."""
    path = tmp_path / "own.sock"

    def fail() -> None:
        with bound_unix(path):
            assert stat.S_ISSOCK(path.lstat().st_mode)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not path.exists()


def counted(*at: str) -> int:
    """How many events the command line counts."""
    run = commands.leanvibe("sql", "SELECT count(*) AS n FROM events", "--format", "json", *at)
    return int(json.loads(run.stdout)[0]["n"]) if run.returncode == 0 else 0


def asked(path: Path, url: str) -> int:
    """The status of a GET over a Unix socket, without a token."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        return client.get(url).status_code


def test_an_unknown_variable_is_warned_of(tmp_path: Path) -> None:
    """It may be another program's, so the sidecar starts, and says which of its own is like it."""
    with running_sidecar({"LEANVIBE_PROT": "1"}, home=tmp_path) as sidecar:
        assert "did you mean LEANVIBE_PORT?" in sidecar.output()


def test_the_flag_does_what_it_says(tmp_path: Path) -> None:
    """With the flag it listens on every address without TLS and token for sending; reading needs the token still."""
    sidecar = Sidecar(tmp_path, {"LEANVIBE_HOST": "0.0.0.0"}, more=["--insecure-allow-anyone-on-the-network"])
    try:
        sidecar.start()
        assert 204 == sidecar.post_native(EVENT).status_code
        assert 401 == sidecar.raw("GET", f"{API}/events").status_code
    finally:
        sidecar.close()
    assert os.environ.get("LEANVIBE_HOST") is None
