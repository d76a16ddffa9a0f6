"""What a benchmark says: lines with a value, its budget and what it is compared with; as table, JSON and Markdown."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How a run goes.

    Args:
        quick: few and short windows, a small store: to see that all works, not to quote.
    """

    quick: bool = False

    @property
    def rounds(self) -> int:
        """Windows of each kind; medians are of so many."""
        return 2 if self.quick else 5

    def of(self, full: int, quick: int) -> int:
        """A size by how the run goes."""
        return quick if self.quick else full


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One figure.

    Args:
        name: what was measured.
        value: the figure, None when it could not be had.
        unit: of value, budget and spread.
        budget: what it may be at most, or at least with `at_least`; None where there is no budget.
        at_least: the budget is a floor.
        spread: the lowest and the highest of the values whose median this is.
        comparison: what it stands beside, in words.
        note: what a reader must know, such as that the client was the limit.
    """

    name: str
    value: float | None
    unit: str
    budget: float | None = None
    at_least: bool = False
    spread: tuple[float, float] | None = None
    comparison: str = ""
    note: str = ""

    @property
    def miss_percent(self) -> float | None:
        """By how much the budget is missed, 0 when it is met, None without budget or value."""
        if self.budget is None or self.value is None:
            return None
        over = self.budget - self.value if self.at_least else self.value - self.budget
        return max(0.0, over / (self.budget or 1) * 100)

    @property
    def verdict(self) -> str:
        """`met`, `misses by x %`, `not measured`, or nothing without a budget."""
        if self.budget is None:
            return ""
        if self.miss_percent is None:
            return "not measured"
        return "met" if self.miss_percent == 0 else f"misses by {figure(self.miss_percent)} %"

    def as_json(self) -> dict[str, Any]:
        """Its fields, and the verdict."""
        return {**dataclasses.asdict(self), "verdict": self.verdict}

    def cells(self) -> tuple[str, ...]:
        """Name, value, spread, budget, verdict, and the rest in words."""
        spread = f"{figure(self.spread[0])} to {figure(self.spread[1])}" if self.spread else ""
        sign = "≥" if self.at_least else "≤"
        budget = f"{sign} {figure(self.budget)}" if self.budget is not None else ""
        value = f"{figure(self.value)} {self.unit}" if self.value is not None else "–"
        words = "; ".join(filter(None, (self.comparison, self.note)))
        return self.name, value, spread, budget, self.verdict, words


HEADS = ("what", "figure", "spread", "budget", "", "beside it")


def median(name: str, values: Sequence[float], unit: str, **options: Any) -> Line:
    """The line of several values: their median and spread; `options` are those of `Line`."""
    return Line(name, statistics.median(values), unit, spread=(min(values), max(values)), **options)


def figure(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(lines: Sequence[Line]) -> str:
    """Aligned columns for a terminal."""
    rows = [HEADS, *(line.cells() for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADS) - 1)]
    shown = ("  ".join([*map(str.ljust, row[:-1], widths), row[-1]]).rstrip() for row in rows)
    return "\n".join(shown)


def markdown(lines: Sequence[Line]) -> str:
    """A table for a page: budgets first, then what has none."""
    ordered = sorted(lines, key=lambda line: line.budget is None)
    rows = [HEADS, ("---", "--:", "--:", "--:", "---", "---"), *(line.cells() for line in ordered)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
