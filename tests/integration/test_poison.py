"""One record among 10,000 that a real backend never takes: the others arrive, and nothing waits for it."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from exporters.otlp import Identity, OtlpExporter, Signal, config_from_env
from exporters.postgres import PostgresConfig, PostgresExporter
from sidecar import events
from sidecar.events import HookEvent
from sidecar.journal import Entry, JournalReader, JournalWriter
from sidecar.worker.deliver.consumer import EventStreamProcessor
from sidecar.worker.deliver.stage import EventStage, LogStage
from sidecar.worker.store.notebook import Notebook, Notes
from tests.otlp_receiver import Answer, OtlpReceiver, ReceivedRequest
from tests.recorded_events import recorded_events
from tests.waiting import until

COUNT = 10_000
POISON = 6_543
NO_RESTORE: Callable[..., Any] = lambda traces, seq: ([], [])  # noqa: E731  nothing was open


@pytest.fixture(name="path", scope="module")
def _path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of 10,000 events, one of them with a size beyond any column and the session `poison`."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    small = [msgspec.structs.replace(one, payload=msgspec.Raw(b'{"a":1}')) for one in recorded_events(100)]
    found = [msgspec.structs.replace(small[number % 100], event_id=f"event-{number}") for number in range(COUNT)]
    found[POISON - 1] = msgspec.structs.replace(found[POISON - 1], size_bytes=2**63 - 1, session_id="poison")
    journal = JournalWriter(path)
    done = threading.Event()
    journal.append([Entry(one.event_id, encoded(one)) for one in found], lambda _: done.set())
    assert done.wait(30)
    journal.close()
    return path


def encoded(event: HookEvent) -> bytes:
    """As the journal holds it, with one more than a size may be where it is as large as can be."""
    return events.encode(event).replace(b'"size_bytes":9223372036854775807', b'"size_bytes":9223372036854775808')


def deliver(path: Path, sink: Any, stage: Any) -> tuple[EventStreamProcessor[Any], Notes]:
    """Delivers everything; the consumer, stopped, and what it noted."""
    notebook = Notebook()
    consumer = EventStreamProcessor("sink", sink, stage, JournalReader(path), notebook, 500)
    consumer.start(0, None, NO_RESTORE)
    until(lambda: consumer.state.seq == COUNT, "all has passed", lambda: str(consumer.state))
    consumer.stop(1.0)
    consumer.join(10.0)
    return consumer, notebook.take()


def reasons(notes: Notes) -> list[tuple[int, bool]]:
    """The dead letters: number, and whether there is a reason."""
    return [(letter.seq, bool(letter.reason)) for letter in notes.dead_letters]


def test_postgres_lacks_the_poison_only(path: Path, postgres_dsn: str) -> None:
    """9,999 rows, one dead letter with PostgreSQL's reason and the payload, the cursor at the end."""
    consumer, notes = deliver(path, PostgresExporter(PostgresConfig(postgres_dsn)), EventStage())
    with psycopg.connect(postgres_dsn) as connection:
        rows = connection.execute("SELECT count(*), count(DISTINCT seq) FROM leanvibe_events").fetchone()

    assert (COUNT - 1, COUNT - 1) == rows
    assert [(POISON, True)] == reasons(notes)
    assert "22003" in notes.dead_letters[0].reason
    assert msgspec.json.decode(notes.dead_letters[0].payload)
    assert (COUNT, None) == notes.cursors["sink"]
    assert (COUNT - 1, 1) == (consumer.state.delivered, consumer.state.dead_letters)


class Picky(OtlpReceiver):
    """Refuses a request as a whole, as backends do, for one record in it."""

    def take(self, request: ReceivedRequest) -> Answer:
        """A 400 for the poison."""
        return Answer(status=400) if b"poison" in request.body else super().take(request)


def test_otlp_lacks_the_poison_only(path: Path) -> None:
    """A 400 for the whole batch is divided: 9,999 records, one dead letter, the cursor at the end."""
    with Picky() as receiver:
        config = config_from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}, Signal.LOGS)
        assert config
        consumer, notes = deliver(path, OtlpExporter(config, Identity("instance")), LogStage())
        taken: Sequence[Any] = receiver.logs

    assert COUNT - 1 == len(taken)
    assert [True] == ["400" in letter.reason for letter in notes.dead_letters]
    assert COUNT == notes.cursors["sink"][0]
    assert (COUNT - 1, 1) == (consumer.state.delivered, consumer.state.dead_letters)
