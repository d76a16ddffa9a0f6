"""Benchmarks: what a line says of its budget, and that every entry can be run."""

import importlib
import json
from pathlib import Path

import pytest

from tests.bench import bodies
from tests.bench.__main__ import BEGIN, END, ENTRIES, entries, put
from tests.bench.lines import Line, markdown, table
from tests.bench.spelling import older


@pytest.mark.parametrize(
    ("value", "budget", "at_least", "verdict"),
    [
        (5, 5, False, "met"),
        (6, 5, False, "misses by 20 %"),
        (9_000, 9_000, True, "met"),
        (4_500, 9_000, True, "misses by 50 %"),
        (0, 0, False, "met"),
        (1, 0, False, "misses by 100 %"),
        (None, 5, False, "not measured"),
        (5, None, False, ""),
    ],
)
def test_a_line_says_whether_its_budget_is_met(
    value: float | None, budget: float | None, at_least: bool, verdict: str
) -> None:
    """By how much it is missed is told in percent of the budget, and nothing counts as met that was not measured."""
    assert verdict == Line("x", value, "ms", budget=budget, at_least=at_least).verdict


def test_tables_hold_every_line() -> None:
    """In Markdown the lines with a budget come first, and a bar in a text ends no cell."""
    lines = [Line("free", 1, "ms", note="a|b"), Line("bound", None, "ms", budget=1)]
    rows = markdown(lines).splitlines()

    assert ["bound", "free"] == [row.split("|")[1].strip() for row in rows[2:]]
    assert {7} == {row.count("|") for row in rows}
    assert 3 == len(table(lines).splitlines())


@pytest.mark.parametrize("name", entries())
def test_entries_can_be_run(name: str) -> None:
    """Every entry names a function of a module that there is."""
    module, _, function = ENTRIES[name].partition(":")

    assert callable(getattr(importlib.import_module(f"tests.bench.{module}"), function))


def test_a_page_keeps_its_words(tmp_path: Path) -> None:
    """Only what stands between the marks is replaced; a file without them is all table."""
    page, plain = tmp_path / "page.md", tmp_path / "plain.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put(page, "new\n")
    put(plain, "new\n")

    assert f"before\n{BEGIN}\nnew\n{END}\nafter\n" == page.read_text()
    assert "new\n" == plain.read_text()


def test_bodies_have_their_size_and_differ() -> None:
    """A body has the size that it is asked for; events differ, so that nothing compresses better than in life."""
    assert 50 > abs(1_000 - len(bodies.of_size(1_000)))
    assert 100 == len({json.dumps(bodies.guide_event(number)) for number in range(100)})
    assert 900 < len(bodies.encoded(bodies.guide_event(1))) < 1_200


def test_newer_spelling_is_undone() -> None:
    """`type` statements and type parameters compile on every Python that we support."""
    source = (
        '"""from here."""\nfrom typing import Any\ntype A = int\ndef f[T, *Ts](x: T, *y: *Ts) -> T:\n    return x\n'
    )
    source += "class B[K]:\n    pass\nC = A.__value__\n"
    space: dict[str, object] = {}
    exec(compile(older(source), "x", "exec"), space)

    assert int is space["C"]
