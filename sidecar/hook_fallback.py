"""What a forwarder does when no sidecar answers: the event is redacted and appended to the journal right here.

By the sidecar's own parts, so that what reaches disk is the same. When that does not finish in time, or the event is
too large, only its metadata is kept. SessionStart also starts the sidecar.
"""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar import private, spool
from sidecar.delivery import DEFAULT_AGENT, Delivery
from sidecar.state_dir import HASH_KEY_FILE, noted_policy

if TYPE_CHECKING:
    from sidecar.redact import PIIRedactor

START_EVENT = "SessionStart"
MAX_EVENT_BYTES = 16 * 1024 * 1024
MAX_JOURNAL_BYTES = 256 * 1024 * 1024
"""Bytes of the journal's files beyond which a forwarder appends nothing more."""
LOG_FILE = "autostart.log"


def keep(delivery: Delivery) -> str:
    """Keeps an event that no sidecar took; what became of it, in a few words.

    Its metadata is written first and removed once the event itself is in the journal, so that a process that is
    ended in between, because its time is over, has not lost it.
    """
    _prepare(delivery)
    metadata = spool.keep(delivery.data_dir, spool.metadata(_names(delivery), delivery.event_id, delivery.micros))
    if delivery.event == START_EVENT and not os.environ.get("LEANVIBE_HOOK_API_URL"):
        _start_sidecar(delivery)
    with contextlib.suppress(Exception):  # the metadata is kept
        if len(delivery.body) <= MAX_EVENT_BYTES and _append(delivery):
            if metadata:
                metadata.unlink(missing_ok=True)
            return "kept"
    return "kept as metadata" if metadata else "lost: the spool is full"


def _append(delivery: Delivery) -> bool:
    from sidecar import events
    from sidecar.agents import normaliser_of
    from sidecar.intake import incoming_of, prepared
    from sidecar.journal import Entry, outside

    beside = {
        "event": delivery.event,
        **{name: os.environ.get(f"LEANVIBE_{name.upper()}", "") for name in ("agent_id", "agent_name", "session_id")},
    }
    incoming = incoming_of(delivery.body, delivery.event_id, beside, delivery.micros)
    one = prepared(incoming, normaliser_of(delivery.agent), _redactor(delivery.data_dir), _host())
    entry = Entry(one.event.event_id, events.encode(one.event), one.given)
    return outside.append(delivery.data_dir, entry, max_bytes=MAX_JOURNAL_BYTES)


def _redactor(data_dir: Path) -> "PIIRedactor":
    """By the policy of the last sidecar. Raises what keeps it from being read: only metadata is kept then."""
    from sidecar.redact import PIIRedactor, load_policy

    named = os.environ.get("LEANVIBE_REDACTION_POLICY") or noted_policy(data_dir)
    if not named:
        return PIIRedactor()
    key = data_dir / HASH_KEY_FILE
    return PIIRedactor(load_policy(Path(named).expanduser(), lambda: private.read(key).strip()))


def _names(delivery: Delivery) -> dict[str, Any]:
    import json

    payload: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        payload = json.loads(delivery.body)
    known = {"hook_event_name": delivery.event, "session_id": os.environ.get("LEANVIBE_SESSION_ID") or "unknown"}
    agent = {} if delivery.agent == DEFAULT_AGENT else {"agent": delivery.agent}
    return {**known, **(payload if isinstance(payload, dict) else {}), **agent}


def _prepare(delivery: Delivery) -> None:
    os.umask(0o077)
    private.make_directory(delivery.data_dir)
    private.check_entries(delivery.data_dir, deep=False)


def _host() -> str:
    return os.environ.get("LEANVIBE_HOST_NAME") or socket.gethostname()


def _start_sidecar(delivery: Delivery) -> None:
    """Starts one in the background; it ends by itself when another runs, or when `autostart` is off."""
    # -P: a folder of the user's own called like one of our packages must not shadow it
    run = "from sidecar.cli import main; main()"
    command = [sys.executable, "-P", "-c", run, "serve", "--autostarted", "--data-dir", str(delivery.data_dir)]
    command += ["--hooks-url", delivery.hooks_url] if delivery.hooks_url else []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    new = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    with contextlib.suppress(OSError), os.fdopen(private.opened(delivery.data_dir / LOG_FILE, new), "wb") as log:
        subprocess.Popen(
            command,
            cwd=delivery.data_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
