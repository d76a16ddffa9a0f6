"""Asks the C library to give memory that is free back to the system."""

import asyncio
import contextlib
import ctypes
import sys
import time
from pathlib import Path

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8
LARGE_BYTES = 512 * 1024
ARENAS = 2
LOOK_SECONDS = 5.0
GROWN_BYTES = 8 * 1024 * 1024
"""What a burst may leave with us: giving back takes some ten milliseconds, and faults when it is needed again."""
CALM_SHARE = 0.2
"""Of a processor, used since the last look: less is calm."""
_SIZES = Path("/proc/self/statm")


def prefer_to_give_back() -> None:
    """Blocks from `LARGE_BYTES` on are mapped one by one; glibc alone raises that bound to 32 MB once one was freed.

    Bodies of megabytes come now and then, and what they took must not stay with us. Does nothing without glibc.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            for parameter, value in (
                (M_MMAP_THRESHOLD, LARGE_BYTES),
                (M_TRIM_THRESHOLD, LARGE_BYTES),
                (M_ARENA_MAX, ARENAS),
            ):
                mallopt(parameter, value)


def give_back() -> None:
    """Gives everything free back at once, such as the megabytes that compiling the rules took."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


async def give_back_after_bursts(look_seconds: float = LOOK_SECONDS) -> None:
    """Gives back what bursts left behind, each time that it is calm again. Goes on until it is cancelled.

    What was freed lies in holes between what lives on, which the C library alone never gives back.

    Args:
        look_seconds: between two looks.
    """
    least, used = private_bytes(), time.process_time()
    while True:
        await asyncio.sleep(look_seconds)
        before, used = used, time.process_time()
        least = min(least, private_bytes())
        if used - before < CALM_SHARE * look_seconds and private_bytes() > least + GROWN_BYTES:
            give_back()
            least = private_bytes()


def private_bytes() -> int:
    """What this process holds for itself in memory (proc_pid_statm(5)); 0 where the system does not tell."""
    try:
        _, resident, shared, *_ = map(int, _SIZES.read_text("ascii").split())
        return (resident - shared) * _page_size()
    except (OSError, ValueError, ImportError):
        return 0


def _page_size() -> int:
    import resource  # not on Windows

    return resource.getpagesize()
