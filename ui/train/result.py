"""What a finished training came to: the headline, its accuracy beside the best single expert, and where to go next."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.report import Json
from der_core.evaluation.reported import reported_comparison
from ui.shared.headline import draw_headline
from ui.shared.home import run_store
from ui.shared.loaders import run_report
from ui.shared.parts import notice, number, percent, plain, plain_sentence

LINKS = (
    ("pages/compare.py", "run", "Compare with every baseline", ":material/scatter_plot:"),
    ("pages/route.py", "run", "Follow its routes", ":material/route:"),
    ("pages/runs.py", "runs_chosen", "See it among the runs", ":material/list_alt:"),
)
"""Pages that take a run by its id, each under its own key of the address."""


def show_result(run_id: str) -> None:
    """Draw the result of a run, or the one line that says why there is none."""
    try:
        run_store().get(run_id)  # it may have been deleted since
        report = run_report(run_id)
        comparison = reported_comparison(report)
    except DerError as error:
        notice(error)
        return
    st.caption("Result on held-out questions")
    draw_headline(comparison)
    for training in report.get("training", {}).values():
        st.caption(plain_sentence(f"Training: {training['ending']}."))
    with st.container(horizontal=True):
        own, best = own_row(report), best_single_row(report)
        for row in (own, *oracle_rows(report)):
            if row is not None:
                draw_row(row, row["name"])
        if best is not None:
            draw_row(best, "Best single expert", best["name"])
    with st.container(horizontal=True):
        for page, key, label, icon in LINKS:
            st.page_link(page, label=label, icon=icon, query_params={key: run_id})


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


def draw_row(row: Json, title: str, detail: str = "") -> None:
    """Draw the accuracy of a router with its interval, and its distance to the best single expert; `detail` says more than the title."""
    kind = ":orange-badge[oracle]" if row["oracle"] else ":blue-badge[deployable]"
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
    # Reports of an earlier version decided by McNemar's p as well: the interval alone decides now.
    verdict = "significant" if gap["low"] > 0 or gap["high"] < 0 else "not significant"
    return (
        f"{100 * gap['value']:+.1f} points [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}] against the best single expert: {verdict}."
    )
