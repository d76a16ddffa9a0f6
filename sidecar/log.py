"""Logging for both processes: few lines, about the sidecar itself, never about an event."""

import logging

LOGGER = logging.getLogger("leanvibe")


def configure(level: str) -> None:
    """Our lines at `level` to stderr; libraries only when they warn, since theirs may quote what they carry.

    A line that cannot be written is left out: instead of it logging would show a traceback with what it was to say.
    """
    logging.raiseExceptions = False
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    LOGGER.setLevel(level)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of each request that is no HTTP
