"""What delivery needs of an exporter, said structurally: this package never names one."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

Item_contra = TypeVar("Item_contra", contravariant=True)


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


class Sink(Protocol[Item_contra]):
    """Pushes; raises `TransientExportError` or `PermanentExportError`. See `exporters.Exporter`."""

    def start(self) -> None:
        """Connects and prepares; repeatable."""

    def export(self, batch: Sequence[Item_contra]) -> Outcome:
        """Pushes one batch."""

    def close(self) -> None:
        """Releases everything; repeatable."""
