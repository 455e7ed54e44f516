"""What a finished training came to: the headline, its accuracy beside the best single expert, and where to go next."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.reported import reported_comparison
from ui.shared.headline import draw_headline
from ui.shared.home import run_store
from ui.shared.loaders import run_report
from ui.shared.parts import notice, plain_sentence
from ui.shared.result_rows import best_single_row, draw_row, oracle_rows, own_row

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
