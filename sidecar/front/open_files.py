"""How many files and connections this process may have open: as many as the system lets it."""

import contextlib

RESERVED = 200
"""Files that are no connections of clients: journal, store, worker, libraries."""


def raise_limit() -> None:
    """Raises the soft limit of open files to the hard one, which services often start far below."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # no such limit, or one that may not be raised
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_within(wanted: int) -> int:
    """As many connections as were wanted, or as the limit of open files leaves."""
    with contextlib.suppress(ImportError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            return max(1, min(wanted, soft - min(RESERVED, soft // 2)))
    return wanted
