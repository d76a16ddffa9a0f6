"""Writes events as rows, and finds the ones that PostgreSQL will never take."""

from collections.abc import Sequence
from importlib.resources import files

import psycopg
from psycopg.types.json import Json

from exporters import Rejection
from exporters.postgres.answers import is_about_rows, refusal
from exporters.postgres.connection import BoundedConnection
from exporters.postgres.document import document, payload_as_text
from sidecar.events import HookEvent

INSERT = (files("exporters.postgres") / "insert.sql").read_bytes()


def write(connection: BoundedConnection, events: Sequence[HookEvent], first: int = 0) -> list[Rejection]:
    """Inserts events, in one statement unless one is refused; those that are there stay as they are.

    Args:
        connection: in autocommit mode, so that each statement is a transaction.
        events: at least one.
        first: index of the first event in its batch, from which rejections count.

    Returns:
        The events that PostgreSQL refuses for what they hold; all others are committed.

    Raises:
        psycopg.Error: PostgreSQL has another complaint; a part of the events may be committed.
    """
    try:
        _insert(connection, events)
    except psycopg.Error as error:
        if not is_about_rows(error):
            raise
    else:
        return []
    if len(events) == 1:
        return _write_with_text(connection, events[0], first)
    half = len(events) // 2
    return write(connection, events[:half], first) + write(connection, events[half:], first + half)


def _write_with_text(connection: BoundedConnection, event: HookEvent, index: int) -> list[Rejection]:
    try:
        _insert(connection, [payload_as_text(event)])
    except psycopg.Error as error:
        if not is_about_rows(error):
            raise
        return [Rejection(index, refusal(error))]
    return []


def _insert(connection: BoundedConnection, events: Sequence[HookEvent]) -> None:
    connection.execute(INSERT, [Json(events, dumps=document)])
