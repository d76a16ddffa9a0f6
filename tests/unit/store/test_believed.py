"""Laws of belief in the clock: a moment in which it is wrong deletes nothing."""

from sidecar.worker.store.believed import PATIENCE_SECONDS, BelievedClock

NOW = 1_795_000_000.0
YEAR = 365 * 86_400.0


class Host:
    """A host whose clock is set by whoever likes to."""

    def __init__(self) -> None:
        self.up = 100.0
        self.off = NOW
        self.clock = BelievedClock(lambda: self.up + self.off, lambda: self.up)

    def after(self, seconds: float, *, set_by: float = 0.0, newest: float | None = None) -> bool:
        """Whether the clock is likely so much later, just after it was set."""
        self.up += seconds
        self.off += set_by
        return self.clock.is_likely(lambda: newest)


def test_a_clock_that_goes_on_is_likely() -> None:
    """From the newest event on, or from nothing; a step of hours, as of a time server or a zone, is none."""
    assert Host().after(0, newest=NOW)
    host = Host()
    assert [True, True, True] == [host.after(0), host.after(15, set_by=7200.0), host.after(15, set_by=-7200.0)]


def test_a_leap_is_believed_after_an_hour() -> None:
    """Forwards or back: until it has gone on from there for long nothing is too old; a leap back begins anew."""
    for years in (10, -50):
        host = Host()
        assert host.after(0, newest=NOW)
        assert not host.after(15, set_by=years * YEAR)
        assert not host.after(PATIENCE_SECONDS - 1)
        assert not host.after(15, set_by=-years * YEAR)
        assert host.after(PATIENCE_SECONDS)


def test_a_start_far_from_the_newest_event_waits() -> None:
    """A host that comes up with a wrong clock, or after long, is believed after an hour."""
    host = Host()
    assert not host.after(0, newest=NOW - YEAR)
    assert not host.after(60, newest=NOW - YEAR)
    assert host.after(PATIENCE_SECONDS, newest=NOW - YEAR)
