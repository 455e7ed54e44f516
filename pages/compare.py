"""Compare: accuracy against cost of every router on the same questions, and the questions behind each point."""

from __future__ import annotations

import streamlit as st

from ui.compare_subject import Subject, choose_subject, frontier_of
from ui.compare_views import ADVICE, QUESTIONS, RANKING, ROUTES, draw_advice, draw_frontier, draw_questions, draw_ranking, draw_routes
from ui.frame import frame

VIEWS = [RANKING, QUESTIONS, ROUTES, ADVICE]


def choose_axes(subject: Subject) -> tuple[str, bool, bool]:
    """Draw the choices of the chart: cost mode, whether oracles are shown, whether cost is on a log scale."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        picked = st.segmented_control(
            "Cost",
            subject.cost_modes,
            default=subject.comparison.cost_mode,
            required=True,
            key="compare_cost",
            bind="query-params",
            persist_state="session",
            help="What a call is charged: computing time, time over the expert's own median, tokens, parameters, or time on the clock.",
        )
        oracles = st.toggle("Show oracles", value=True, key="compare_oracles", bind="query-params", persist_state="session")
        log_cost = st.toggle("Log scale", key="compare_log", bind="query-params", persist_state="session")
    return picked, oracles, log_cost


frame("Compare", "Is learning to route worth it? Every router on the same held-out questions, with the same replies and the same prices.")
subject = choose_subject()
picked, oracles, log_cost = choose_axes(subject)
mode = next((mode for mode in subject.cost_modes if mode == picked), subject.comparison.cost_mode)
frontier = frontier_of(subject, mode)
draw_frontier(subject, frontier, oracles=oracles, log_cost=log_cost, large=bool(st.session_state.get("present")))

view = st.segmented_control(
    "View",
    VIEWS,
    default=RANKING,
    required=True,
    key="compare_view",
    bind="query-params",
    persist_state="session",
    label_visibility="collapsed",
)
if view == QUESTIONS:
    draw_questions(subject)
elif view == ROUTES:
    draw_routes(subject, oracles=oracles)
elif view == ADVICE:
    draw_advice(subject)
else:
    draw_ranking(subject, frontier, oracles=oracles)
