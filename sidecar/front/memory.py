"""Asks the C library to give memory that is free back to the system."""

import contextlib
import ctypes
import sys

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8
LARGE_BYTES = 512 * 1024
ARENAS = 2


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
