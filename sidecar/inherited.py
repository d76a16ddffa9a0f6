"""What a process inherits and must not go on with. Standard library only: hooks wait for this.

A process that crashes leaves its memory on disk where it may, and what is in ours is not redacted yet. One without
standard streams would give their numbers to its files and sockets, and what is printed would go there.
"""

import contextlib
import os

STANDARD_STREAMS = 3
CORE_FILTER = "/proc/self/coredump_filter"
"""Which memory a dump holds (core(5)); the limit says nothing to a program that takes dumps over a pipe."""


def put_right() -> None:
    """No dump of memory, and something behind every standard stream; for this process and all that it starts."""
    with contextlib.suppress(OSError):  # a host without /dev/null
        _open_standard_streams()
    _dump_no_memory()


def _open_standard_streams() -> None:
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < STANDARD_STREAMS:
        os.set_inheritable(descriptor, True)  # noqa: FBT003  takes no names
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def _dump_no_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    with contextlib.suppress(OSError):
        descriptor = os.open(CORE_FILTER, os.O_WRONLY)
        try:
            os.write(descriptor, b"0")
        finally:
            os.close(descriptor)
