"""The worker's ceiling: how much address space it may take, and its end when a query has used that up for good."""

import contextlib
import os
from pathlib import Path

LEAST_FREE_SHARE = 8
"""Below this part of the ceiling threads and buffers may not be had any more: allocators keep what a query took."""
USED_UP = 70
"""Exit code of a worker that a query has cost."""
_SIZES = Path("/proc/self/statm")


def limit_memory(megabytes: int) -> None:
    """A ceiling on address space, where the system has one: a runaway query costs the worker, never the host."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def is_used_up() -> bool:
    """Whether so little is left that the next question may fail; never where the system does not tell.

    Where there is not even room to ask the system it is.
    """
    try:
        import resource

        pages = int(_SIZES.read_text("ascii").split()[0])
    except MemoryError:
        return True
    except (ImportError, OSError, ValueError, IndexError):
        return False
    ceiling, _ = resource.getrlimit(resource.RLIMIT_AS)
    return (
        ceiling != resource.RLIM_INFINITY and ceiling - pages * resource.getpagesize() < ceiling // LEAST_FREE_SHARE
    )


def end_if_used_up() -> None:
    """Ends the process at once when nothing more can be done in it; the front starts another one."""
    if is_used_up():
        os._exit(USED_UP)
