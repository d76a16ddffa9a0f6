"""What delivery needs of an exporter, said structurally: this package never names one."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item", contravariant=True)


class Rejection(Protocol):
    """One item that the sink will never take: its position in the batch, and the reason."""

    @property
    def index(self) -> int:
        """Position in the exported batch."""

    @property
    def reason(self) -> str:
        """What the sink said, in one line."""


class Outcome(Protocol):
    """The batch was taken but for `rejected`."""

    @property
    def rejected(self) -> Sequence[Rejection]:
        """Items that were not taken."""


class Sink(Protocol[Item]):
    """Pushes; raises `TransientExportError` or `PermanentExportError`. See `exporters.Exporter`."""

    def start(self) -> None:
        """Connects and prepares; repeatable."""

    def export(self, batch: Sequence[Item]) -> Outcome:
        """Pushes one batch."""

    def close(self) -> None:
        """Releases everything; repeatable."""
