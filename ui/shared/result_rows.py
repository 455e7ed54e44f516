"""Rows of a report as pages show them: the trained router, its oracle twins, the best single expert."""

from __future__ import annotations

import math

import streamlit as st

from der_core.evaluation.comparison import differs
from der_core.evaluation.report import Json
from der_core.evaluation.statistics import Difference
from ui.shared.parts import number, percent, plain


def own_row(report: Json) -> Json | None:
    """Return the row of the trained router as it would be used: the deployable one whose routes the report writes out."""
    rows = [row for row in report["results"]["deployable"] if row["family"] == "learned"]
    return next((row for row in rows if row["name"] == report["traces"]["router"]), next(iter(rows), None))


def oracle_rows(report: Json) -> list[Json]:
    """Return the rows of the trained router under rules that need the gold answer."""
    return [row for row in report["results"]["oracle"] if row["family"] == "learned"]


def best_single_row(report: Json) -> Json | None:
    """Return the row of the best single expert."""
    results = report["results"]
    return next((row for row in results["deployable"] if row["name"] == results["best_single"]), None)


def kind_badge(row: Json) -> str:
    """Return as Markdown whether a router could be used without knowing the answers."""
    return ":orange-badge[oracle]" if row["oracle"] else ":blue-badge[deployable]"


def draw_row(row: Json, title: str, detail: str = "") -> None:
    """Draw the accuracy of a router with its interval, and its distance to the best single expert; `detail` says more than the title."""
    kind = kind_badge(row)
    with st.container(border=True, width=240, height="stretch"):
        help_text = f"Right answers on {row['n']} held-out questions; the interval tells how far chance alone may be off."
        st.metric(plain(title), percent(row["accuracy"]), help=help_text)
        st.markdown(f"{kind} :small[{plain(detail)}]" if detail else kind)
        interval = f"95 % interval {percent(row['low'])} to {percent(row['high'])}"
        st.caption(f"{interval}; {number(row['calls'])} calls per question. {against_best(row)}")


def against_best(row: Json) -> str:
    """Return in a sentence how far a row is from the best single expert."""
    gap = row["difference"]
    if gap["value"] is None or row["family"] == "single":
        return "The others are measured against it."
    # Not the report's own word for it: earlier versions decided by McNemar's p as well.
    p = row.get("mcnemar_p")
    verdict = "significant" if differs(Difference(**gap), math.nan if p is None else p) else "not significant"
    return (
        f"{100 * gap['value']:+.1f} points [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}] against the best single expert: {verdict}."
    )
