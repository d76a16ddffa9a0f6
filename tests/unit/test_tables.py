"""Tables of the command line: what a terminal shows can be read, whatever its width."""

import io

import pytest
from rich.console import Console

from sidecar.commands.tables import print_table

COLUMNS = ["agent", "tool_name", "calls", "errors", "denied", "avg_ms", "p50_ms", "last_used_at"]
ROW = ["claude-code", "Bash", 13, 7, 1, 143.636, 55.0, "2026-01-02T03:04:05.678901+00:00"]


def shown(columns: list[str], rows: list[list[object]], width: int, *, terminal: bool = True) -> str:
    out = io.StringIO()
    print_table(columns, rows, Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 98])
def test_a_row_too_wide_for_the_terminal_is_a_list(width: int) -> None:
    """Nothing is cut: each column stands on a line of its own, under the number of its row."""
    text = shown(COLUMNS, [ROW, ROW], width)

    assert "…" not in text
    assert [2, 2] == [text.count(f"{ROW[-1]}"), text.count("last_used_at")]
    assert "row 2 " in text


@pytest.mark.parametrize(("width", "terminal"), [(160, True), (80, False)])
def test_a_table_stays_one(width: int, terminal: bool) -> None:
    """What fits is a table, and so is what goes into a pipe."""
    assert "row 1" not in shown(COLUMNS, [ROW], width, terminal=terminal)


def test_a_long_cell_takes_several_lines() -> None:
    """A table with one long column stays one, and every character of it is there."""
    told = "x" * 150
    text = shown(["part", "note"], [["redis", told]], 80)

    assert "row 1" not in text
    assert 150 == text.count("x")


def test_no_rows_are_an_empty_table() -> None:
    """Without rows the columns are named, whole."""
    assert [True, True] == [all(name in shown(COLUMNS, [], width) for name in COLUMNS) for width in (40, 160)]
