"""Something that goes on beside a test or a benchmark."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Protocol, TypeVar


class Beside(Protocol):
    """Does something over and over, and keeps what it saw."""

    def run(self, over: threading.Event) -> None:
        """Goes on until the event is set."""


One = TypeVar("One", bound=Beside)


@contextlib.contextmanager
def beside(one: One) -> Iterator[One]:
    """Runs it on a thread as long as the block lasts."""
    over = threading.Event()
    thread = threading.Thread(target=one.run, args=(over,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        over.set()
        thread.join()
