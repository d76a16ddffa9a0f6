"""Tables on a terminal, with what events hold shown as text, never as control codes."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from sidecar.commands.visible import visible

MAX_CELL = 200


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints rows under their columns; on a pipe without colour and without cutting to a width."""
    console = Console(width=None if Console().is_terminal else 100_000)
    table = Table(*(Column(Text(plain(name))) for name in columns))
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row))
    console.print(table)


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
