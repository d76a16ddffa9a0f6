"""Sinks: each folder here is one backend behind the same narrow protocol.

An exporter only pushes. Queue, retry, backoff, dead letters and shutdown belong to `sidecar.worker.deliver`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One item of a batch that the sink will never take.

    Args:
        index: position of the item in the batch that was exported.
        reason: what the sink said, in one line, without credentials or content.
    """

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The sink took the batch, but for the rejected items. A repeat of the same batch must be harmless.

    Args:
        rejected: items that the sink named, or that were never fit to be sent.
        unnamed: how many more the sink rejected without saying which, as OTLP's partial success does.
        reason: what it said about those, in one line, without credentials or content.
        skipped: how many it was not given, or did not look at, since it takes nothing of their kind at all.
        notice: what an operator should know although the batch was taken, in one line; empty when there is nothing.
    """

    rejected: tuple[Rejection, ...] = field(default=())
    unnamed: int = 0
    reason: str = ""
    skipped: int = 0
    notice: str = ""


class Exporter(Protocol[Item_contra]):
    """Pushes batches to one backend. Called from one thread at a time; never retries by itself.

    Every method may block, within the exporter's own timeout, and raises `TransientExportError` when the same
    call may work later and `PermanentExportError` when it never will.
    """

    def start(self) -> None:
        """Connects and prepares the backend. Called again after a failure; must be repeatable."""

    def export(self, batch: Sequence[Item_contra]) -> Outcome:
        """Pushes a batch of at least one item, in order, and returns once the backend has said yes."""

    def close(self) -> None:
        """Releases every resource. Safe to call twice, and when `start` never worked."""
