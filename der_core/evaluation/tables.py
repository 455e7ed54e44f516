"""A comparison as a text table, for terminals and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from der_core.evaluation.bar import bar, bar_sentence
from der_core.evaluation.comparison import Comparison
from der_core.evaluation.row_columns import HEAD, row_text

DEPLOYABLE_TITLE = "Deployable: needs no gold answer"
ORACLE_TITLE = "Oracle: uses the gold answer, a ceiling and no competitor"


def format_table(comparison: Comparison) -> str:
    """Return both rankings as aligned columns, each under its title; a dash stands for no data."""
    parts = [f"{title}\n{_aligned([HEAD, *cells])}" for title, cells in _sections(comparison)]
    return "\n\n".join([*parts, _legend(comparison)])


def markdown_table(comparison: Comparison) -> str:
    """Return both rankings as Markdown tables, each under its title."""
    parts = [f"**{title}**\n\n{_markdown([HEAD, *cells])}" for title, cells in _sections(comparison)]
    return "\n\n".join([*parts, _legend(comparison)])


def text_table(rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """Return rows of text, the head first, as aligned columns or as a Markdown table."""
    return _markdown(rows) if markdown else _aligned(rows)


def _sections(comparison: Comparison) -> list[tuple[str, list[tuple[str, ...]]]]:
    ranked = ((DEPLOYABLE_TITLE, comparison.deployable), (ORACLE_TITLE, comparison.oracle))
    return [(title, [row_text(row, comparison.cost_mode) for row in rows]) for title, rows in ranked if rows]


def counted(comparison: Comparison) -> str:
    """Return in words how many questions every row counts, and how many it does not for want of a gold answer."""
    return counted_words(comparison.rows[0].n, comparison.n_not_counted)


def counted_words(n: int, n_not_counted: int) -> str:
    """Return in words that `n` questions are counted, and that others are not for want of a gold answer."""
    return f"{n} questions" + (f" ({n_not_counted} without an answer are not counted)" if n_not_counted else "")


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
