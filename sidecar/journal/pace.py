"""The journal's pace: when the caller may wait for a commit, what is said of one that does not end, when to trim."""

import time

CALM_NS = 2_000_000
"""After a commit, how long to leave appends to the journal's thread.

Events that come faster than that are better committed there, while the caller takes in the next ones.
"""
MAX_NOW_BYTES = 64 * 1024
"""What is larger takes long to write, and others wait for the caller's thread."""
SLOW_COMMIT_NS = 5_000_000
WARY_NS = 1_000_000_000
"""As `CALM_NS`, at least, after a commit that took longer than `SLOW_COMMIT_NS`: the next may take as long."""
WARY_TIMES = 50
"""So many times as long as the slow commit: however a disk hangs, it holds up the caller's thread for a fiftieth."""
STALLED_SECONDS = 3.0
"""A commit that takes longer than this is told of while it lasts."""
PAUSE_SECONDS = 0.003
"""How long nothing must come before a slice is trimmed: a client that sends its next event at once takes less."""
URGENT_SHARE = 4
"""Above this part of its bound the journal is trimmed whatever comes in."""


def pause_after(commit_ns: int) -> int:
    """Nanoseconds after a commit that took so long until the caller may wait for one again."""
    return max(WARY_NS, WARY_TIMES * commit_ns) if commit_ns > SLOW_COMMIT_NS else CALM_NS


def stalled(began_ns: int) -> str | None:
    """What is said of a commit that began then (`perf_counter_ns`; 0 for none) and takes far too long."""
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    if not began_ns or seconds < STALLED_SECONDS:
        return None
    return f"the disk has not taken a commit for {seconds:.0f} s: nothing is acknowledged until it does"
