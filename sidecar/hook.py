"""`leanvibe hook EVENT`: takes one hook event from stdin to the sidecar, and never disturbs the agent.

It prints nothing, exits with 0 whatever happens, and ends within the smaller of `LEANVIBE_HOOK_TIMEOUT` and 1.5 s,
since the client waits for it. While the sidecar answers it needs nothing but the standard library; when it does not,
`sidecar.hook_fallback` keeps the event.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sidecar import private
from sidecar.delivery import DEFAULT_AGENT, Delivery
from sidecar.event_ids import new_event_id
from sidecar.paths import HOOKS
from sidecar.state_dir import announced, default_data_dir, ingest_token, noted_address

DEFAULT_URL = "http://127.0.0.1:8000"
TOTAL_SECONDS = 1.5
ANSWER_SECONDS = 0.7
START_SECONDS = 0.1
"""What starting Python took before this could look at a clock."""
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_DEBUG_BYTES = 1024 * 1024
_OFF = frozenset({"false", "0", "no", "off"})
_HEADERS = {
    "X-LeanVibe-Agent-Id": "LEANVIBE_AGENT_ID",
    "X-LeanVibe-Agent-Name": "LEANVIBE_AGENT_NAME",
    "X-LeanVibe-Session-Id": "LEANVIBE_SESSION_ID",
}


def main(arguments: Sequence[str]) -> None:
    """Delivers the event on stdin and ends the process with 0.

    Args:
        arguments: what follows `leanvibe hook`: the event's name, `--agent NAME`, `--data-dir DIR`,
            `--url URL` (where a sidecar is looked for, and started, when the directory names none that runs).
    """
    started = time.monotonic()
    with contextlib.suppress(BaseException):  # whatever goes wrong here is none of the agent's business
        _silence()
        if os.environ.get("LEANVIBE_ENABLE_HOOKS", "true").strip().lower() not in _OFF:
            _run(arguments, started)
    os._exit(0)


def _run(arguments: Sequence[str], started: float) -> None:
    give_up_at = started + seconds_of(os.environ) - START_SECONDS
    _end_at(give_up_at)
    delivery = _delivery(arguments, sys.stdin.buffer.read(MAX_BODY_BYTES))
    outcome = "delivered"
    if not delivered(delivery, min(give_up_at, started + ANSWER_SECONDS)):
        from sidecar import hook_fallback

        outcome = hook_fallback.keep(delivery)
    if os.environ.get("LEANVIBE_HOOK_DEBUG", "").strip().lower() not in {"", *_OFF}:
        _note(delivery, outcome, time.monotonic() - started)


def delivered(delivery: Delivery, give_up_at: float) -> bool:
    """Whether the sidecar said that it has the event, before `give_up_at` (monotonic seconds)."""
    try:
        parts = urlsplit(delivery.url)
        with _connected(parts, delivery, give_up_at) as connection:
            connection.sendall(_head(parts, delivery) + delivery.body)
            connection.settimeout(_left(give_up_at))
            return connection.recv(64).split(b" ", 2)[1:2] in ([b"204"], [b"200"], [b"202"])
    except (OSError, ValueError):
        return False


def seconds_of(environment: Mapping[str, str]) -> float:
    """How long a hook may take in all: `LEANVIBE_HOOK_TIMEOUT`, at most `TOTAL_SECONDS`."""
    try:
        given = float(environment.get("LEANVIBE_HOOK_TIMEOUT") or TOTAL_SECONDS)
    except ValueError:
        return TOTAL_SECONDS
    return min(given, TOTAL_SECONDS) if given > 0 else TOTAL_SECONDS


def data_dir_of(environment: Mapping[str, str]) -> Path:
    """The data directory, by the same settings as the sidecar's: variable, settings file, default."""
    given = environment.get("LEANVIBE_DATA_DIR")
    if not given and (config := environment.get("LEANVIBE_CONFIG")):
        import tomllib

        with contextlib.suppress(OSError, ValueError):
            given = tomllib.loads(Path(config).read_text("utf-8")).get("data_dir")
    return Path(given).expanduser() if isinstance(given, str) and given else default_data_dir()


def _delivery(arguments: Sequence[str], body: bytes) -> Delivery:
    options = dict(zip(arguments[1::2], arguments[2::2], strict=False))
    given = options.get("--data-dir")
    data_dir = Path(given) if given else data_dir_of(os.environ)
    hooks_url = options.get("--url", "")
    url = os.environ.get("LEANVIBE_HOOK_API_URL") or _url(data_dir, hooks_url)
    micros = time.time_ns() // 1000
    event = arguments[0] if arguments else ""
    agent = options.get("--agent", DEFAULT_AGENT)
    return Delivery(body, event, agent, new_event_id(micros), micros, data_dir, url.rstrip("/"), hooks_url)


def _url(data_dir: Path, hooks_url: str) -> str:
    """Of the sidecar that runs, else of the one that would: it may be about to."""
    running = (announced(data_dir) or {}).get("url")
    return str(running or hooks_url or noted_address(data_dir).get("url") or DEFAULT_URL)


def _connected(parts: SplitResult, delivery: Delivery, give_up_at: float) -> socket.socket:
    if parts.scheme == "unix":
        return _unix(parts.path, give_up_at)
    secure = parts.scheme == "https"
    address = (parts.hostname or "", parts.port or (443 if secure else 80))
    connection = socket.create_connection(address, timeout=_left(give_up_at))
    if not secure:
        return connection
    from sidecar import trust

    ca = os.environ.get("LEANVIBE_TLS_CA", "")
    if not ca and not os.environ.get("LEANVIBE_HOOK_API_URL"):
        ca = str((announced(delivery.data_dir) or {}).get("ca", ""))
    return trust.context(ca).wrap_socket(connection, server_hostname=parts.hostname)


def _unix(path: str, give_up_at: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_left(give_up_at))
    connection.connect(path)
    return connection


def _head(parts: SplitResult, delivery: Delivery) -> bytes:
    headers = {
        "Host": parts.netloc.rpartition("@")[2] or "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(delivery.body)),
        "Connection": "close",
        "Idempotency-Key": delivery.event_id,
        "X-LeanVibe-Event": delivery.event,
        **{header: os.environ.get(variable, "") for header, variable in _HEADERS.items()},
    }
    token = _token(delivery)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    base = "" if parts.scheme == "unix" else parts.path  # which is the socket's file there
    lines = [f"POST {base}{HOOKS}/{delivery.agent} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value and value.isprintable()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def _left(give_up_at: float) -> float:
    left = give_up_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _end_at(moment: float) -> None:
    """Ends the process at that moment, whatever it is waiting for."""

    def end() -> None:
        time.sleep(max(0.0, moment - time.monotonic()))
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()


def _token(delivery: Delivery) -> str:
    """For sending: from the environment, else that of the data directory, which is for its own sidecar alone."""
    given = os.environ.get("LEANVIBE_INGEST_TOKEN") or os.environ.get("LEANVIBE_TOKEN")
    if given or os.environ.get("LEANVIBE_HOOK_API_URL"):
        return given or ""
    return ingest_token(delivery.data_dir)


def _silence() -> None:
    """What a hook prints the client may read as an order, or show to the user."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _note(delivery: Delivery, outcome: str, seconds: float) -> None:
    """One line without content into `hook.log` of the data directory, up to `MAX_DEBUG_BYTES`."""
    path = delivery.data_dir / "hook.log"
    event = delivery.event if delivery.event.isalnum() else "?"
    line = f"{delivery.micros} {event} {delivery.event_id} {outcome} {seconds * 1000:.0f} ms\n"
    descriptor = private.opened(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    if os.fstat(descriptor).st_size < MAX_DEBUG_BYTES:
        os.write(descriptor, line.encode())
