"""What is known of one sink, for health, status and metrics."""

import time

import msgspec

from sidecar.log import LOGGER


class SinkState(msgspec.Struct, kw_only=True):
    """Written by the sink's own thread, read by anyone. Times in seconds since the epoch."""

    name: str
    state: str = "starting"
    """starting, up or retrying."""
    seq: int = 0
    """Sequence number of the last event that the sink has passed."""
    delivered: int = 0
    dead_letters: int = 0
    skipped: int = 0
    """Items left out because the sink takes nothing of their kind, such as logs for a tracing backend."""
    retries: int = 0
    oldest_at: float | None = None
    """When the first event that the sink has not passed was received; None when it has passed all."""
    last_success_at: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    notice: str = ""
    """What an operator should know although the sink takes events, in one line."""
    next_attempt_at: float | None = None
    """When a sink that is being retried is asked again."""

    def lag_seconds(self) -> float:
        """How long the oldest event has waited for this sink; 0 when none does."""
        oldest_at = self.oldest_at  # read once: its thread may pass the last event in between
        return 0.0 if oldest_at is None else round(max(0.0, time.time() - oldest_at), 3)

    def skip(self, count: int, reason: str) -> None:
        """The sink takes nothing of this kind; said once."""
        if count and not self.skipped:
            LOGGER.warning("sink %s leaves everything out: %s", self.name, reason)
        self.skipped += count

    def notify(self, notice: str) -> None:
        """What the sink says beside its yes; a change of it is said once."""
        if notice and notice != self.notice:
            LOGGER.warning("sink %s: %s", self.name, notice)
        self.notice = notice

    def succeeded(self, seq: int, delivered: int, dead: int) -> None:
        """A batch was taken."""
        self.recovered()
        self.state = "up"
        self.seq = seq
        self.delivered += delivered
        self.dead_letters += dead
        self.last_success_at = time.time()

    def recovered(self) -> None:
        """What was tried again has worked, if there was anything."""
        if self.state == "retrying":
            LOGGER.info("sink %s takes events again", self.name)
            self.state = "up"
        self.last_error = None
        self.next_attempt_at = None

    def failed(self, reason: str) -> None:
        """An attempt failed and will be made again."""
        if self.state != "retrying":
            LOGGER.warning("sink %s is tried again: %s", self.name, reason)
        self.state = "retrying"
        self.retries += 1
        self.last_error = reason
        self.last_error_at = time.time()
