"""A comparison as a text table, for terminals and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from der_core.evaluation.bar import bar, bar_sentence
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.statistics import Difference

DEPLOYABLE_TITLE = "Deployable: needs no gold answer"
ORACLE_TITLE = "Oracle: uses the gold answer, a ceiling and no competitor"
_COLUMNS = (
    "router",
    "right %",
    "95 % interval",
    "balanced %",
    "yes %",
    "calls",
    "cost",
    "p50 s",
    "p95 s",
    "vs best single",
    "p",
    "vs best in hindsight",
)
NO_DATA = "–"


def format_table(comparison: Comparison) -> str:
    """Return both rankings as aligned columns, each under its title; a dash stands for no data."""
    parts = [f"{title}\n{_aligned([_COLUMNS, *cells])}" for title, cells in _sections(comparison)]
    return "\n\n".join([*parts, _legend(comparison)])


def markdown_table(comparison: Comparison) -> str:
    """Return both rankings as Markdown tables, each under its title."""
    parts = [f"**{title}**\n\n{_markdown([_COLUMNS, *cells])}" for title, cells in _sections(comparison)]
    return "\n\n".join([*parts, _legend(comparison)])


def text_table(rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """Return rows of text, the head first, as aligned columns or as a Markdown table."""
    return _markdown(rows) if markdown else _aligned(rows)


def _sections(comparison: Comparison) -> list[tuple[str, list[tuple[str, ...]]]]:
    ranked = ((DEPLOYABLE_TITLE, comparison.deployable), (ORACLE_TITLE, comparison.oracle))
    return [(title, [_cells(row, row.costs[comparison.cost_mode]) for row in rows]) for title, rows in ranked if rows]


def _cells(row: Row, cost: float) -> tuple[str, ...]:
    return (
        row.name,
        _number(100 * row.accuracy, 1),
        f"{_number(100 * row.low, 1)} to {_number(100 * row.high, 1)}",
        _number(100 * row.balanced_accuracy, 1),
        _number(100 * row.yes_rate, 1),
        _number(row.calls, 2),
        _number(cost, 2),
        _number(row.seconds_p50, 3),
        _number(row.seconds_p95, 3),
        _points(row.difference),
        _number(row.mcnemar_p, 3),
        _points(row.difference_hindsight),
    )


def _points(gap: Difference) -> str:
    return f"{_number(100 * gap.value, 1, '+')} ({_number(100 * gap.low, 1, '+')} to {_number(100 * gap.high, 1, '+')})"


def counted(comparison: Comparison) -> str:
    """Return in words how many questions every row counts, and how many it does not for want of a gold answer."""
    without = f" ({comparison.n_not_counted} without an answer are not counted)" if comparison.n_not_counted else ""
    return f"{comparison.rows[0].n} questions{without}"


def _legend(comparison: Comparison) -> str:
    return (
        f"{counted(comparison)}, {100 * comparison.gold_yes_rate:.1f} % of them yes; cost is {comparison.cost_mode}, per question; "
        f"best single expert, by validation questions: {comparison.reference.best_single}; p: exact McNemar against it; "
        f"best in hindsight: {comparison.singles[0].name}."
        + (f" {comparison.cost_note}" if comparison.cost_note else "")
        + (f"\n{bar_sentence(told)}" if (told := bar(comparison)) else "")
    )


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = row
    return "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))])


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    rule = "| --- |" + " ---: |" * (len(rows[0]) - 1)
    return "\n".join([head, rule, *body])


def _number(value: float, digits: int, sign: str = "") -> str:
    return NO_DATA if math.isnan(value) else f"{value:{sign}.{digits}f}"
