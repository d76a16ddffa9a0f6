"""Times as people type them."""

import datetime as dt
import re
import time

from sidecar.errors import LeanvibeError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def micros(since: str | None) -> int:
    """Microseconds since the epoch of `90s`, `30m`, `1h`, `7d` ago, or of an ISO 8601 time (UTC without a zone).

    0 for what lies before: no event does, and not every such time has a year.

    Raises:
        LeanvibeError: it is neither.
    """
    if since is None:
        return 0
    if ago := re.fullmatch(r"(\d{1,9})([smhd])", since):
        return max(0, int((time.time() - int(ago[1]) * UNITS[ago[2]]) * 1_000_000))
    try:
        moment = dt.datetime.fromisoformat(since)
    except ValueError:
        raise LeanvibeError(f"{since!r} is no time", hint="--since 1h, or --since 2026-01-31T12:00:00Z") from None
    return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000))
