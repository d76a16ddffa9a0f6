"""How a worker ends that cannot go on: at once, with its reason left for the front, which starts another one."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sidecar import wire
from sidecar.errors import said_of
from sidecar.log import LOGGER
from sidecar.worker.ceiling import end_if_used_up
from sidecar.worker.measure.exporter import NAME as METRICS_SINK

FAULT = 71
"""Exit code of a worker one of whose threads failed as none should."""
FRONT = "front"
OWN = ("store", "upkeep", "sink-", METRICS_SINK, FRONT)
"""Beginnings of the names of the threads without which a worker only seems to work."""


def say(data_dir: Path, reason: str) -> None:
    """Tells the reason on stderr, and the front."""
    sys.stderr.write(f"worker: {reason}\n")
    sys.stderr.flush()
    wire.leave_word(data_dir, reason)


def watch_threads(data_dir: Path) -> None:
    """From now on a thread of ours that fails takes the worker with it: else events would wait for ever, unseen.

    What it had not finished is in the journal. Threads of libraries are left alone.
    """
    threading.excepthook = partial(_failed, data_dir, threading.excepthook)


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """From now on what fails in the loop itself is one line, not a traceback that may quote an event.

    A connection costs nobody else anything; memory that a query has used up costs the worker.
    """
    loop.set_exception_handler(_failed_in_loop)


def _failed_in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    end_if_used_up()  # first: there may be no room for a line
    error = context.get("exception")
    said = said_of(error) if isinstance(error, Exception) else "no error is known"
    LOGGER.error("%s: %s", context["message"], said)


def _failed(
    data_dir: Path, others: Callable[[threading.ExceptHookArgs], object], args: threading.ExceptHookArgs
) -> None:
    name = args.thread.name if args.thread else ""
    if isinstance(args.exc_value, Exception) and name.startswith(OWN):
        say(data_dir, f"its thread {name} failed: {said_of(args.exc_value)}")
        os._exit(FAULT)
    others(args)
