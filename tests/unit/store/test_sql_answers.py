"""Laws of one answer to SQL: bounded in rows and bytes, and JSON that every reader reads alike."""

from typing import Any

import duckdb
import pytest

from sidecar.errors import QueryRefusedError
from sidecar.worker.query import sql
from sidecar.worker.query.guard import MAX_QUERY_CHARS
from sidecar.worker.query.sql import SqlAnswer, json_value, run


def asked(query: str, max_rows: int = 10) -> SqlAnswer:
    with duckdb.connect() as connection:
        return run(connection, query, seconds=10, max_rows=max_rows)


@pytest.mark.parametrize(("there", "told", "truncated"), [(9, 9, False), (10, 10, False), (11, 10, True)])
def test_an_answer_says_when_rows_are_missing(there: int, told: int, truncated: bool) -> None:
    """It has as many rows as it may, and is truncated only when there was one more."""
    answer = asked(f"SELECT * FROM range({there})")

    assert (told, told, truncated) == (answer.row_count, len(answer.rows), truncated)


def test_an_answer_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few large rows end it as many small ones do: what does not fit is left out, and that is said."""
    monkeypatch.setattr(sql, "MAX_ANSWER_BYTES", 2500)
    answer = asked("SELECT repeat('x', 1000) FROM range(5)")

    assert (2, True) == (answer.row_count, answer.truncated)


def test_a_query_has_a_longest_length() -> None:
    """Beyond it a query is refused before anything reads it."""
    with pytest.raises(QueryRefusedError, match="longer than"):
        asked("SELECT 1 --" + "x" * MAX_QUERY_CHARS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2**53, 2**53),
        (2**53 + 1, str(2**53 + 1)),
        (-(2**53) - 1, str(-(2**53) - 1)),
        (float("nan"), "nan"),
        (b"\x00", "00"),
    ],
)
def test_what_json_cannot_say_exactly_is_text(value: Any, shown: Any) -> None:
    """A reader whose numbers are doubles would round a larger whole number without a word."""
    assert [shown] == json_value([value])


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ("-2 seconds", "-00:00:02"),
        ("1.5 seconds", "00:00:01.5"),
        ("90 minutes", "01:30:00"),
        ("1 day 11 hours", "1 day 11:00:00"),
        ("-3 days", "-3 days 00:00:00"),
        ("100 microseconds", "00:00:00.0001"),
        ("0 days", "00:00:00"),
    ],
)
def test_a_span_of_time_is_read_as_it_is(interval: str, shown: str) -> None:
    """Two seconds before are not a day before and nearly a day after: `-1 day, 23:59:58`."""
    assert [[shown]] == asked(f"SELECT INTERVAL '{interval}'").rows
