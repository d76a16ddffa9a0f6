"""The store's own consumer: from the journal into DuckDB, in batches, rows and cursors in one transaction."""

import contextlib
import math
import threading
import time
from collections.abc import Callable

import msgspec

from sidecar.errors import LeanvibeError
from sidecar.events import HookEvent
from sidecar.journal import JournalReader
from sidecar.log import LOGGER
from sidecar.worker.measure.meter import Meter
from sidecar.worker.store.notebook import DeadLetter, Notebook, Notes, dead_letter
from sidecar.worker.store.store import STORE, Store
from sidecar.worker.store.trouble import InvalidatedStoreError, StoreMemoryError, UnstorableError
from sidecar.worker.traffic import Traffic

BATCH_EVENTS = 2000
BATCH_BYTES = 8 * 1024 * 1024
REST_SECONDS = 2.0
"""Between two batches at rest: few large transactions cost less than many small ones, and who asks does not wait."""
SHARE = 2.0
"""Rest after a full batch for each second of CPU that it took: in a burst those who wait for an answer come first."""
FAR_BEHIND = 50_000
"""Events behind from which on the loader takes what it can get: the journal has an end."""
MEMORY_ATTEMPTS = 5
"""Batches in a row that DuckDB may refuse for want of memory before the store is opened with more."""
REFUSED_PAYLOAD = msgspec.Raw(b'{"content_dropped":{"reason":"refused_by_store"}}')


class Loader:
    """A thread that keeps the store a few seconds behind the journal, and not at all once somebody waits.

    Args:
        store: written only by this thread.
        reader: this thread's own reader of the journal.
        notebook: what the other consumers want written.
        meter: counts what is loaded, in the same transaction.
        give_up: called, on this thread, when the store can only go on after it was opened anew; told whether
            that takes more memory.
    """

    def __init__(
        self,
        store: Store,
        reader: JournalReader,
        notebook: Notebook,
        meter: Meter,
        give_up: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._reader = reader
        self._traffic = Traffic(reader.last_seq)
        self._notebook = notebook
        self._meter = meter
        self._give_up = give_up
        self.oldest_at: float | None = None
        """When the first event that is not loaded yet was received, in seconds since the epoch."""
        self._moved = threading.Condition()
        self._wake = threading.Event()
        self._stopping = False
        self._give_up_at = math.inf
        self._memory_failures = 0
        self.last_error: str | None = None
        self.durable = {name: seq for name, (seq, _) in store.cursors().items()}
        """Consumer → sequence number that is safely written as passed. The journal may be trimmed below all."""
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    @property
    def cursor(self) -> int:
        """Sequence number of the last event in the store."""
        return self.durable.get(STORE, 0)

    def start(self) -> None:
        """Begins loading."""
        self._thread.start()

    def wait_for(self, seq: int, seconds: float) -> bool:
        """Loads at once and waits until the store holds `seq`; False when it does not within `seconds`."""
        self._wake.set()
        with self._moved:
            return self._moved.wait_for(lambda: self.cursor >= seq, seconds)

    def close(self, seconds: float = math.inf) -> None:
        """Loads what the journal holds for at most `seconds`, writes the last notes and ends the thread.

        The journal need not have an end: a front that was started anew may append as fast as this loads.
        """
        self._give_up_at = time.monotonic() + seconds
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            stopping, begun = self._stopping, time.thread_time()
            loaded = self._step()
            if _is_full(loaded) and time.monotonic() < self._give_up_at:
                # Whoever waits for events has set `_wake`: then there is no rest.
                self._wake.wait(self._rest(len(loaded), time.thread_time() - begun))
                continue
            if stopping:
                return
            self._wake.wait(REST_SECONDS)
            self._wake.clear()

    def _rest(self, count: int, spent: float) -> float:
        """Seconds until the next batch, after a full one of so many events that took so much CPU."""
        if count < BATCH_EVENTS:  # large events: the journal's end, which is one of bytes, may be near
            return 0.0
        try:
            flows = self._traffic.flows()
        except LeanvibeError:  # the next batch says it
            return 0.0
        return spent * SHARE if flows and self._traffic.newest - self.cursor < FAR_BEHIND else 0.0

    def _step(self) -> list[HookEvent]:
        """One transaction with what is there; what could not be written is tried again at the next step."""
        notes = self._notebook.take()
        try:
            batch = self._reader.after(self.cursor, limit=BATCH_EVENTS, max_bytes=BATCH_BYTES)
            self.oldest_at = batch[0].received_at / 1e6 if batch else None
            self._meter.feed(batch)
            self._meter.note(notes)
            if batch or notes:
                with self._store.room.enough() if self._memory_failures else contextlib.nullcontext():
                    self._load(batch, notes)
            self._store.room.settle()
        except Exception as error:  # noqa: BLE001  whatever it is, a thread that ends would stop everything, unseen
            said = str(error) if isinstance(error, LeanvibeError) else f"cannot load: {type(error).__name__}"
            self._failed(notes, said)
            self._consider_giving_up(error)
            return []
        self.last_error = None
        self._memory_failures = 0
        return batch

    def _consider_giving_up(self, error: Exception) -> None:
        """Memory can be short for a while, because of a query; only then is it worth trying again as it is."""
        is_ceiling = isinstance(error, MemoryError)  # the process's own; DuckDB's limit is below it
        if is_ceiling or isinstance(error, StoreMemoryError):
            self._memory_failures += 1
        if isinstance(error, InvalidatedStoreError):
            self._give_up(error.for_memory)
        elif self._memory_failures >= MEMORY_ATTEMPTS:
            self._give_up(not is_ceiling)

    def _failed(self, notes: Notes, reason: str) -> None:
        self._notebook.put_back(notes)
        if reason != self.last_error:
            LOGGER.warning("the store is tried again: %s", reason)
        self.last_error = reason

    def _load(self, batch: list[HookEvent], notes: Notes) -> None:
        try:
            self._store.load(batch, notes)
        except UnstorableError:
            batch, refused = self._without_refused(batch)
            letters = [self._storable(letter) for letter in (*notes.dead_letters, *refused)]
            notes = msgspec.structs.replace(notes, dead_letters=letters)  # the given ones go back if this fails too
            self._store.load(batch, notes)
        self._meter.settle(notes)
        with self._moved:
            self.durable.update({name: seq for name, (seq, _) in notes.cursors.items()})
            if batch:
                self.durable[STORE] = batch[-1].seq
            self._moved.notify_all()

    def _without_refused(self, batch: list[HookEvent]) -> tuple[list[HookEvent], list[DeadLetter]]:
        """The batch with a note in place of each payload that DuckDB refuses, and those payloads as dead letters."""
        kept: list[HookEvent] = []
        refused: list[DeadLetter] = []
        for event in batch:
            if self._store.takes(event):
                kept.append(event)
                continue
            kept.append(msgspec.structs.replace(event, payload=REFUSED_PAYLOAD))
            refused.append(dead_letter(STORE, event, "DuckDB refuses the payload"))
        return kept, refused

    def _storable(self, letter: DeadLetter) -> DeadLetter:
        """The letter, with a payload that DuckDB takes for no JSON as one string of JSON that holds its text."""
        if self._store.is_json(letter.payload):
            return letter
        return letter._replace(payload=msgspec.json.encode(letter.payload).decode())


def _is_full(batch: list[HookEvent]) -> bool:
    return len(batch) == BATCH_EVENTS or sum(len(event.payload) for event in batch) >= BATCH_BYTES
