"""The figures of a router that people read: one list for terminals, Markdown, the HTML report and the tables of the pages.

`docs/metrics.md` defines each figure. A figure without data is a dash in text, and nan where numbers are wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from der_core.config import CostMode
from der_core.evaluation.comparison import Row
from der_core.evaluation.statistics import NO_DATA, Difference, Interval

Figure = str | float | Interval | Difference


def _probability(p: float) -> str:
    return NO_DATA if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


@dataclass(frozen=True)
class Column:
    """One figure of every router.

    `figure` gives words, a number, an interval, or a number with its interval; shares and differences of shares are in percent
    where `scale` is 100. Columns that are not `brief` stand in full tables only.
    """

    title: str
    figure: Callable[[Row, CostMode], Figure]
    digits: int = 1
    scale: int = 100
    brief: bool = True

    def text(self, row: Row, mode: CostMode) -> str:
        """Return the figure as one cell of a table for people."""
        figure = self.figure(row, mode)
        if isinstance(figure, str):
            return figure
        if isinstance(figure, Difference):
            return figure.in_points()
        if isinstance(figure, Interval):
            return self._ends(figure)
        return self._number(figure)

    def cells(self, row: Row, mode: CostMode, *, ends_apart: bool) -> dict[str, str | float]:
        """Return the figure as cells of a data frame by title: numbers stay numbers, the ends of an interval may stand apart or in words."""
        figure = self.figure(row, mode)
        if isinstance(figure, str):
            return {self.title: figure}
        if isinstance(figure, float):
            return {self.title: self._rounded(figure)}
        value = {self.title: self._rounded(figure.value)} if isinstance(figure, Difference) else {}
        if ends_apart:
            return {**value, f"{self.title} from": self._rounded(figure.low), f"{self.title} to": self._rounded(figure.high)}
        sign = "+" if isinstance(figure, Difference) else ""
        return {**value, (f"{self.title}, 95 %" if value else self.title): self._ends(figure, sign)}

    def _rounded(self, value: float) -> float:
        return round(self.scale * value, self.digits)

    def _ends(self, bounds: Interval | Difference, sign: str = "") -> str:
        return NO_DATA if math.isnan(bounds.low) else f"{self._number(bounds.low, sign)} to {self._number(bounds.high, sign)}"

    def _number(self, value: float, sign: str = "") -> str:
        return NO_DATA if math.isnan(value) else f"{self.scale * value:{sign}.{self.digits}f}"


COLUMNS = (
    Column("Router", lambda row, _: row.name),
    Column("Right %", lambda row, _: row.accuracy),
    Column("95 % interval", lambda row, _: Interval(row.low, row.high)),
    Column("Vs best single", lambda row, _: row.difference),
    Column("p", lambda row, _: _probability(row.mcnemar_p)),
    Column("Differs", lambda row, _: "yes" if row.differs else "", brief=False),
    Column("Calls", lambda row, _: row.calls, digits=2, scale=1),
    Column("Cost", lambda row, mode: row.costs.get(mode, math.nan), digits=2, scale=1),
    Column("Vs best in hindsight", lambda row, _: row.difference_hindsight),
    Column("Balanced %", lambda row, _: row.balanced_accuracy),
    Column("Says yes %", lambda row, _: row.yes_rate),
    Column("Median s", lambda row, _: row.seconds_p50, digits=3, scale=1),
    Column("p95 s", lambda row, _: row.seconds_p95, digits=3, scale=1),
    Column("Stops right %", lambda row, _: row.stop.precision, brief=False),
    Column("Stops when right %", lambda row, _: row.stop.recall, brief=False),
    Column("Right, then lost %", lambda row, _: row.stop.lost, brief=False),
    Column("What it does", lambda row, _: row.detail, brief=False),
)
BRIEF = tuple(column for column in COLUMNS if column.brief)
HEAD = tuple(column.title for column in BRIEF)


def row_text(row: Row, mode: CostMode) -> tuple[str, ...]:
    """Return the brief figures of a router as text, in the order of HEAD."""
    return tuple(column.text(row, mode) for column in BRIEF)


def row_cells(row: Row, mode: CostMode, *, ends_apart: bool = False) -> dict[str, str | float]:
    """Return all figures of a router by title, for a data frame."""
    return {title: cell for column in COLUMNS for title, cell in column.cells(row, mode, ends_apart=ends_apart).items()}
