"""What delivery needs of an exporter, said structurally: this package never names one."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sidecar.errors import SettingsError, TransientExportError

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

    @property
    def unnamed(self) -> int:
        """How many more were not taken, without a word which."""

    @property
    def reason(self) -> str:
        """What the sink said about those."""

    @property
    def skipped(self) -> int:
        """How many were left out because the sink takes nothing of their kind."""

    @property
    def notice(self) -> str:
        """What an operator should know although the batch was taken."""


class Sink(Protocol[Item_contra]):
    """Pushes; raises `TransientExportError` or `PermanentExportError`. See `exporters.Exporter`."""

    def start(self) -> None:
        """Connects and prepares; repeatable."""

    def export(self, batch: Sequence[Item_contra]) -> Outcome:
        """Pushes one batch."""

    def close(self) -> None:
        """Releases everything; repeatable."""


class BrokenSink:
    """Stands in for a sink whose settings are wrong: never starts, and says why, so that the others run on."""

    def __init__(self, error: SettingsError) -> None:
        self._error = error

    def start(self) -> None:
        """Raises `TransientExportError` with what is wrong."""
        raise TransientExportError(self._error.message, hint=self._error.hint or "correct it and restart the sidecar")

    def export(self, batch: Sequence[Any]) -> Outcome:
        """Raises as `start` does."""
        raise TransientExportError(f"{len(batch)} items wait: {self._error.message}", hint=self._error.hint)

    def close(self) -> None:
        """Holds nothing."""


def built_or_broken(build: Callable[[], Sink[Any]]) -> Sink[Any]:
    """The sink, or one that says what is wrong with its settings."""
    try:
        return build()
    except SettingsError as error:
        return BrokenSink(error)
