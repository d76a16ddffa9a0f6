"""The worker process: puts store, sinks and answers together and runs until the front lets it go.

Started by the front with its settings as one JSON line on stdin; the end of stdin means that the front is gone.
"""

import asyncio
import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar import log, wire
from sidecar.errors import StoreError, said_of
from sidecar.events import HookEvent
from sidecar.journal import JournalReader
from sidecar.journal.schema import FILE_NAME as JOURNAL_FILE
from sidecar.otel.model import Span
from sidecar.otel.scope import traces_of
from sidecar.worker import ending
from sidecar.worker.answers import Answers
from sidecar.worker.ceiling import limit_memory
from sidecar.worker.deliver.history import HistoryReader
from sidecar.worker.deliver.replay import Replayer
from sidecar.worker.deliver.stage import Held
from sidecar.worker.given import settings_of
from sidecar.worker.measure.meter import Meter
from sidecar.worker.sinks import REPLAYED, SPAN_SINKS, Sinks, build_metric_exporter, build_sinks, sink_builders
from sidecar.worker.store.history import History
from sidecar.worker.store.loader import Loader
from sidecar.worker.store.notebook import Notebook
from sidecar.worker.store.opening import needs_more_memory, open_store
from sidecar.worker.store.retention import Bounds, Need
from sidecar.worker.store.store import FILE_NAME as STORE_FILE
from sidecar.worker.store.store import Store
from sidecar.worker.store.upkeep import Upkeep

if TYPE_CHECKING:
    from sidecar.settings import Settings

NICE = 10
"""Below the front and the agent, above what only runs when nothing else does."""
FLUSH_SECONDS = 3.0
"""How long a stopping worker lets its sinks try what is left."""
END_SECONDS = 15.0
"""After which a stopping worker is ended as it stands: it holds the store, and the next one waits for it."""
RESTORE_SECONDS = 30.0
UNLINK_GRACE_SECONDS = 5.0
"""Beyond a query's own limit, until a file that a query may still read is removed."""
REMEMBERED_SPANS = 20_000
"""Spans that were exported last, so that a late event after a restart sends none of them again."""


def main() -> None:
    """Runs the worker; exits 0 when told to stop, otherwise with one line on stderr: 1, or `ending.FAULT`."""
    settings = settings_of(sys.stdin.buffer.readline())
    os.umask(0o077)
    log.configure(settings.log_level)
    ending.watch_threads(settings.data_dir)
    limit_memory(settings.worker_memory_mb)
    _step_back()
    code = 0
    try:
        asyncio.run(_run(settings))
    except Exception as error:  # noqa: BLE001  the text of one that is not our own may quote an event
        code = 1
        ending.say(settings.data_dir, said_of(error))
    sys.stderr.flush()
    os._exit(code)  # all is flushed; DuckDB's binding would print pages about what threads that never end still hold


async def _run(settings: "Settings") -> None:
    store = open_store(settings.data_dir / STORE_FILE, settings.store_memory_mb)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending.watch_loop(loop)
    journal = settings.data_dir / JOURNAL_FILE
    notebook = Notebook()
    meter = Meter(store)
    loader = Loader(store, JournalReader(journal), notebook, meter, partial(_give_up, store.path, loop, stopped))
    builders = sink_builders(settings, os.environ)
    sinks = build_sinks(settings, builders, lambda: HistoryReader(JournalReader(journal), store), notebook)
    loader.start()
    _start_sinks(sinks, store, loader)
    exporter = build_metric_exporter(settings, os.environ, meter)
    replayed = {name: build for name, build in builders.items() if name in REPLAYED}
    replayer = Replayer(History(store), replayed, SPAN_SINKS, capture_content=settings.capture_content)
    upkeep = build_upkeep(settings, store, sinks)
    upkeep.start()
    answers = Answers(store, loader, sinks, meter, replayer, upkeep, exporter)
    server = await wire.serve(settings.data_dir, answers)
    try:
        await _until(stopped)
    finally:
        _end_after(END_SECONDS)
        server.close()
        answers.close()
        if exporter:
            await asyncio.to_thread(exporter.close, FLUSH_SECONDS)
        await asyncio.to_thread(upkeep.close)
        await asyncio.to_thread(_stop, sinks, loader, store)


def _give_up(store: Path, loop: asyncio.AbstractEventLoop, stopped: asyncio.Event, for_memory: bool) -> None:  # noqa: FBT001  the loader's
    """Ends the worker, from the loader's thread: the front starts another one, which opens the store anew."""
    if for_memory:
        needs_more_memory(store)
    loop.call_soon_threadsafe(stopped.set)


def _start_sinks(sinks: Sinks, store: Store, loader: Loader) -> None:
    def restore(held: Held, up_to: int) -> tuple[list[Span], Iterable[Sequence[HookEvent]]]:
        if not loader.wait_for(up_to, RESTORE_SECONDS):
            raise StoreError("the events of open turns are not in the store yet", hint="it is still loading")
        return store.recent_spans(REMEMBERED_SPANS), store.sessions_of_traces(traces_of(held), up_to)

    cursors, dead = store.cursors(), store.dead_letter_counts()
    for name, sink in sinks.items():
        seq, state = cursors.get(name, (0, None))
        sink.state.dead_letters = dead.get(name, 0)
        sink.start(seq, state, restore)


def _stop(sinks: Sinks, loader: Loader, store: Store) -> None:
    """Sinks first, all at once, so that the store's last transaction holds their cursors."""
    over = time.monotonic() + FLUSH_SECONDS
    for sink in sinks.values():
        sink.stop(FLUSH_SECONDS)
    for sink in sinks.values():
        sink.join(max(0.0, over - time.monotonic()))
    loader.close(FLUSH_SECONDS)
    store.close()


def _end_after(seconds: float) -> None:
    """Ends the process then, whatever still runs: what was not flushed is in the journal."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


async def _until(stopped: asyncio.Event) -> None:
    """Returns when it is set: by SIGTERM, SIGINT, the end of stdin, or a store that must be opened anew."""
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # whose loops take no signals: there the end of stdin says it
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
    threading.Thread(target=_wait_for_front, args=(loop, stopped), name=ending.FRONT, daemon=True).start()
    await stopped.wait()


def _wait_for_front(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Sets the event once stdin ends. On a thread that nobody waits for: the front may outlive this worker."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
        loop.call_soon_threadsafe(stopped.set)


def _step_back() -> None:
    """Lets everyone else go first, the front above all: a sink that catches up takes what they leave of the CPU."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)


def build_upkeep(settings: "Settings", store: Store, sinks: Sinks) -> Upkeep:
    """The store's upkeep, within the settings' bounds, for these sinks."""
    journal = JournalReader(settings.data_dir / JOURNAL_FILE)

    def need() -> Need:
        positions = {name: sink.state.seq for name, sink in sinks.items()}
        first = journal.after(0, limit=1)
        return Need(positions, first[0].seq if first else journal.last_seq() + 1)

    bounds = Bounds(settings.store_max_mb << 20, dt.timedelta(days=settings.store_max_days))
    return Upkeep(store, bounds, settings.sql_timeout_seconds + UNLINK_GRACE_SECONDS, need)


if __name__ == "__main__":
    main()
