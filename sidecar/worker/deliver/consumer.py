"""EventStreamProcessor: takes the journal's events to one sink, batch by batch, the cursor behind them."""

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from sidecar.errors import LeanvibeError, PermanentExportError, TransientExportError
from sidecar.events import HookEvent
from sidecar.otel.log_model import LogRecord
from sidecar.otel.model import Span
from sidecar.worker.deliver.retry import delay
from sidecar.worker.deliver.sink import Outcome, Sink
from sidecar.worker.deliver.stage import Held, Stage
from sidecar.worker.deliver.state import SinkState
from sidecar.worker.store.notebook import DeadLetter, Notebook, dead_letter
from sidecar.worker.traffic import Traffic

REST_SECONDS = 1.0
"""Between two batches of a sink that is less than one behind: few large ones cost less than many small ones."""
SHARE = 8.0
"""Rest after a batch while events come in, for each second of CPU that it took: others need the machine then."""
UNEXPECTED_ATTEMPTS = 3
"""How often an exporter may fail in a way that it should not before the batch is taken to be at fault."""
UNLIMITED = float("inf")
"""Of what has no batch that could be at fault: it can only be tried again."""

Item = TypeVar("Item", bound=HookEvent | Span | LogRecord)
Result = TypeVar("Result")
Restore = Callable[[Held, int], tuple[list[Span], Iterable[Sequence[HookEvent]]]]
"""The spans that were exported last, and, up to that sequence number, the stored events of these traces' sessions."""


class Reader(Protocol):
    """Gives the events after a cursor."""

    def after(self, seq: int, *, limit: int) -> list[HookEvent]:
        """At most `limit` events after sequence `seq`, oldest first; raises a `LeanvibeError`."""

    def last_seq(self) -> int:
        """The newest event's; raises as `after` does."""


class EventStreamProcessor(Generic[Item]):
    """One sink's thread. A sink that is away or slow holds up nothing but its own cursor.

    Args:
        name: the sink, and its cursor's name.
        sink: the exporter.
        stage: turns events into the exporter's items.
        reader: this thread's own, of the journal and what came before it.
        notebook: where cursor, dead letters and exported spans are noted.
        batch_size: most events read, and most items pushed, at once.
    """

    def __init__(
        self,
        name: str,
        sink: Sink[Item],
        stage: Stage[Item],
        reader: Reader,
        notebook: Notebook,
        batch_size: int,
    ) -> None:
        self.state = SinkState(name=name)
        self._name = name
        self._sink = sink
        self._stage = stage
        self._reader = reader
        self._notebook = notebook
        self._batch_size = batch_size
        self._stop = threading.Event()
        self._give_up_at = float("inf")
        self._left_out = 0
        """Of the batch at hand: what the sink did not take and that has no dead letter of its own."""
        self._traffic = Traffic(reader.last_seq)
        self._rng = random.Random()  # noqa: S311  jitter is no secret
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)

    def start(self, cursor: int, kept_state: str | None, restore: Restore) -> None:
        """Goes on after `cursor`.

        Args:
            cursor: sequence number of the last event that the sink has passed.
            kept_state: the stage's state as it was noted with that cursor.
            restore: reads the events of turns that were open then.
        """
        self.state.seq = cursor
        self._resume = (kept_state, restore)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Lets the thread try what is left for at most `seconds`, then ends it; the rest is delivered next time."""
        self._give_up_at = time.monotonic() + seconds
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Waits for the thread and releases the sink, but not under a thread that is still at work with it.

        What it pushes would be refused by a closed sink, for ever as it seems; the process ends it anyway.
        """
        if self._thread.is_alive():
            self._thread.join(seconds)
        if not self._thread.is_alive():
            self._sink.close()

    def _run(self) -> None:
        if self._attempt(self._restore, UNLIMITED) is None or self._attempt(self._start_sink, UNLIMITED) is None:
            return
        while True:
            stopping, begun = self._stop.is_set(), time.thread_time()
            moved = self._step()
            if moved is None or (stopping and (not moved or time.monotonic() > self._give_up_at)):
                return
            self._stop.wait(self._rest(time.thread_time() - begun) if moved else REST_SECONDS)

    def _rest(self, spent: float) -> float:
        """Seconds until the next batch, after one that took so much CPU."""
        try:
            pause = spent * SHARE if self._traffic.flows() else 0.0
        except LeanvibeError:  # the next batch says it
            return REST_SECONDS
        behind = self._traffic.newest - self.state.seq
        return max(REST_SECONDS, pause) if behind < self._batch_size else pause

    def _restore(self) -> bool:
        """Without the events of its open turns a sink must not go on: it would send those turns in parts."""
        kept_state, restore = self._resume
        if kept_state is not None:
            held = self._stage.held(kept_state)
            self._stage.restore(held, *restore(held, self.state.seq))
        return True

    def _start_sink(self) -> bool:
        """Starting can be put right from outside, so even a permanent refusal is tried again."""
        try:
            self._sink.start()
        except PermanentExportError as error:
            raise TransientExportError(error.message, hint=error.hint) from error
        return True

    def _step(self) -> bool | None:
        """One batch: whether there was anything to do; None when it was given up because of the stop."""
        try:
            events = self._reader.after(self.state.seq, limit=self._batch_size)
        except Exception as error:  # noqa: BLE001  memory that a query took, say: the next look may find them
            self.state.failed(_said(error))
            return False
        self.state.recovered()
        self.state.oldest_at = events[0].received_at / 1e6 if events else None
        unmapped: list[DeadLetter] = []
        items = self._fed(events, unmapped)
        self._left_out = 0
        refused: list[DeadLetter] = []
        for start in range(0, len(items), self._batch_size):
            letters = self._push(items[start : start + self._batch_size])
            if letters is None:
                return None
            refused += letters
        if events or items:
            seq = events[-1].seq if events else self.state.seq
            delivered = len(items) - len(refused) - self._left_out
            self.state.succeeded(seq, delivered, len(unmapped) + len(refused))
            self._note(seq, items, unmapped + refused)
        return bool(events)

    def _fed(self, events: Sequence[HookEvent], unmapped: list[DeadLetter]) -> list[Item]:
        """What the stage makes of the events; one that it fails on becomes a dead letter and stops no other.

        Raises:
            MemoryError: no event's fault. The stage may hold part of them: the worker must begin from the cursor.
        """
        if not events:
            return self._stage.feed(events)
        items: list[Item] = []
        for event in events:
            try:
                items += self._stage.feed([event])
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001  the event must not end the thread
                unmapped.append(dead_letter(self._name, event, f"cannot be mapped ({type(error).__name__})"))
        return items

    def _note(self, seq: int, items: Sequence[Item], dead: list[DeadLetter]) -> None:
        spans = [item for item in items if isinstance(item, Span)]
        self._notebook.note(self._name, seq, self._stage.state(), dead, spans)

    def _push(self, items: Sequence[Item]) -> list[DeadLetter] | None:
        """Exports until the sink says yes; its refusals as dead letters. None when given up because of the stop."""
        try:
            outcome = self._attempt(lambda: self._sink.export(items))
        except PermanentExportError as error:
            return self._divide(items, error)
        if outcome is None:
            return None
        self.state.skip(outcome.skipped, outcome.reason)
        self.state.notify(outcome.notice)
        self._left_out += outcome.skipped
        letters = [self._letter(items[one.index], one.reason) for one in outcome.rejected]
        if outcome.unnamed:
            self._left_out += outcome.unnamed - 1  # of which one letter tells
            letters.append(self._collective_letter(items, outcome))
        return letters

    def _divide(self, items: Sequence[Item], error: PermanentExportError) -> list[DeadLetter] | None:
        """A batch that is refused as a whole is halved until what the sink cannot take stands alone."""
        if len(items) == 1:
            return [self._letter(items[0], str(error))]
        middle = len(items) // 2
        first = self._push(items[:middle])
        second = self._push(items[middle:]) if first is not None else None
        return None if first is None or second is None else first + second

    def _attempt(self, call: Callable[[], Result], most: float = UNEXPECTED_ATTEMPTS) -> Result | None:
        """Calls the sink until it works, waiting longer each time; None when given up because of the stop.

        Args:
            call: of the sink.
            most: how often it may fail in a way that it should not.

        Raises:
            PermanentExportError: the sink refuses this batch for ever, or fails on it time and again in a way
                that lies in the batch.
        """
        failures = 0
        while True:
            try:
                found = call()
            except PermanentExportError:
                raise
            except Exception as error:  # whatever it is must not end the thread, unseen
                failures += 1
                if _lies_in_the_batch(error) and failures >= most:
                    raise PermanentExportError(_said(error)) from error
                self.state.failed(_said(error))
                self._look_behind()
                asked = error.retry_after if isinstance(error, TransientExportError) else None
            else:
                self.state.recovered()
                return found
            pause = delay(failures, asked, self._rng)
            self.state.next_attempt_at = time.time() + pause
            if self._stop.wait(pause) or self._stop.is_set():
                return None

    def _look_behind(self) -> None:
        """Since when events wait, for a sink that never started and so has read none."""
        if self.state.oldest_at is None:
            with contextlib.suppress(LeanvibeError):
                waiting = self._reader.after(self.state.seq, limit=1)
                self.state.oldest_at = waiting[0].received_at / 1e6 if waiting else None

    def _collective_letter(self, items: Sequence[Item], outcome: Outcome) -> DeadLetter:
        """The sink refused some of a batch without saying which: the whole batch is kept with what it said."""
        reason = f"{outcome.unnamed} of {len(items)} refused, not said which: {outcome.reason}"
        payload = msgspec.json.encode(items).decode()
        return DeadLetter(self._name, self.state.seq, "", reason, payload, time.time_ns() // 1000)

    def _letter(self, item: Item, reason: str) -> DeadLetter:
        if isinstance(item, HookEvent):
            return dead_letter(self._name, item, reason)
        payload = msgspec.json.encode(item).decode()
        key = item.event_id if isinstance(item, LogRecord) else item.span_id
        return DeadLetter(self._name, self.state.seq, key, reason, payload, time.time_ns() // 1000)


def _lies_in_the_batch(error: Exception) -> bool:
    """Neither the sink nor the system has a word for it, so it is a mistake of ours that some item brings out."""
    return not isinstance(error, LeanvibeError | OSError | MemoryError)


def _said(error: Exception) -> str:
    """Our own errors whole; of others the kind only, since their text may quote an event."""
    return str(error) if isinstance(error, LeanvibeError) else f"unexpected {type(error).__name__}"
