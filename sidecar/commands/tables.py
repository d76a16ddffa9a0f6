"""Tables on a terminal, with what events hold shown as text, never as control codes."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich_click as click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from sidecar.commands.visible import visible

MAX_CELL = 200
NARROWEST = 24
"""Characters that a long cell keeps of a terminal's width, so that its lines can still be read."""
FRAME = 3
"""Characters that a table puts around each cell: a line and two blanks."""


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], console: Console | None = None) -> None:
    """Prints rows under their columns; on a pipe without colour and without cutting to a width.

    On a terminal nothing is cut either: long cells take several lines, and where the columns are too many for that,
    each row is a list of its own.
    """
    console = console or Console(width=None if Console().is_terminal else 100_000)
    columns = [plain(name) for name in columns]
    cells = [[plain(value) for value in row] for row in rows]
    if console.is_terminal and _least_width(columns, cells) > console.width:
        _print_lists(console, columns, cells)
    else:
        _print_table(console, columns, cells)


def _least_width(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """The width below which a cell would have lines that are too short to read. Pure."""
    widths = (max(map(cell_len, column)) for column in zip(columns, *cells, strict=True))
    return sum(min(width, NARROWEST) + FRAME for width in widths) + 1


def _print_table(console: Console, columns: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    table = Table(*(Column(Text(name), overflow="fold") for name in columns))
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_lists(console: Console, columns: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    """Each row under its number, a line for each column; the terminal breaks lines, so that they can be copied."""
    room = max(map(cell_len, columns))
    names = [(set_cell_size(name, room), "bold") for name in columns]
    for number, row in enumerate(cells, start=1):
        console.rule(Text(f"row {number}"), align="left", style="dim")
        lines = (Text.assemble(name, "  ", cell) for name, cell in zip(names, row, strict=True))
        console.print(Text("\n").join(lines), soft_wrap=True)
    if not cells:
        console.print(Text(f"no rows; columns: {', '.join(columns)}"), soft_wrap=True)


def plain(value: Any) -> str:
    """A value in one line: control characters are made visible, long text is cut."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: MAX_CELL + 1])
    return shown if len(text) <= MAX_CELL else shown[:MAX_CELL] + "…"


def print_data(text: str, *, nl: bool = True) -> None:
    """Prints text that programs read: in a file or a pipe always UTF-8, whatever the encoding of the terminal.

    On a terminal as a person may see it; see `visible`.
    """
    click.echo(visible(text) if sys.stdout.isatty() else text.encode("utf-8", "backslashreplace"), nl=nl)
