"""Passwords in settings: in no answer, log, file of ours or process list."""

import json
from pathlib import Path

import pytest

from tests import commands
from tests.sidecar_process import API, running_sidecar

CANARY = "canary-Pa55word"
SETTINGS = {
    "LEANVIBE_POSTGRES_DSN": f"postgresql://user:{CANARY}@127.0.0.1:1/none",
    "LEANVIBE_REDIS_URL": f"redis://:{CANARY}@127.0.0.1:1/0",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{CANARY}@127.0.0.1:1",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{CANARY}",
    "LEANVIBE_TOKEN": f"{CANARY}-token",
    "LEANVIBE_LOG_LEVEL": "DEBUG",
}
BROKEN = {
    "LEANVIBE_POSTGRES_DSN": f"postgresql://user:{CANARY}@[::1/none",
    "LEANVIBE_REDIS_URL": f"nonsense://:{CANARY}@127.0.0.1:port/x",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{CANARY}@127.0.0.1:port",
    "OTEL_EXPORTER_OTLP_HEADERS": f"\x01{CANARY}",
}


@pytest.mark.parametrize("settings", [SETTINGS, BROKEN], ids=["refused", "broken"])
def test_passwords_are_nowhere(tmp_path: Path, settings: dict[str, str]) -> None:
    """With sinks that fail in every way, no password is said, written, answered, or in a command line."""
    with running_sidecar(settings, home=tmp_path) as sidecar:
        sidecar.post_native({"session_id": "s", "hook_event_name": "Stop"})
        sidecar.sql("SELECT count(*) FROM events")
        places = {
            "health": json.dumps(sidecar.health()),
            "metrics": sidecar.get("/metrics").text,
            "page": sidecar.get(f"{API}/page").text,
            "audit": json.dumps(sidecar.sql("SELECT * EXCLUDE recorded_at FROM audit")),
            "wrong": sidecar.post(
                f"{API}/sql", {"query": "SELECT current_setting('x')"}, headers=sidecar.bearer
            ).text,
            "replay": sidecar.post(f"{API}/replay", {"sink": "postgres"}, headers=sidecar.bearer).text,
        }
        for pid in (sidecar.pid, sidecar.worker_pid):
            places[f"arguments of {pid}"] = Path(f"/proc/{pid}/cmdline").read_text()
        of_worker = Path(f"/proc/{sidecar.worker_pid}/environ").read_text()
        places["settings that the worker inherits"] = "\n".join(
            line for line in of_worker.split("\0") if line.startswith("LEANVIBE_")
        )
        sidecar.stop()
        places.update({name: content.decode("utf-8", "replace") for name, content in sidecar.files().items()})
    for words in (("config", "show"), ("config", "show", "--json"), ("config", "check")):
        run = commands.leanvibe(*words, **settings)
        places[" ".join(words)] = run.stdout + run.stderr

    assert [] == [name for name, content in places.items() if CANARY in content]
