"""Compare: accuracy against cost of every router on the same questions, and the questions behind each point."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from der_core.config import CostMode
from ui.compare.questions import draw_questions
from ui.compare.subject import Subject, choose_subject, frontier_of, open_routes
from ui.compare.sureness import SURENESS, draw_sureness
from ui.compare.views import ADVICE, QUESTIONS, RANKING, ROUTES, draw_advice, draw_frontier, draw_ranking, draw_routes
from ui.shared.address_choice import choose_segment
from ui.shared.frame import frame
from ui.shared.recording_choice import stop_unless_readable

VIEWS = [RANKING, QUESTIONS, ROUTES, ADVICE, SURENESS]


def choose_axes(subject: Subject, cost: DeltaGenerator, switches: DeltaGenerator) -> tuple[CostMode, bool, bool]:
    """Draw the choices of the chart and return the cost mode, whether oracles are shown, and whether cost is on a log scale."""
    help_text = "What a call is charged: computing time, time over the expert's own median, tokens, parameters, or time on the clock."
    with cost:
        mode = choose_segment("Cost", subject.cost_modes, subject.comparison.cost_mode, "compare_cost", help=help_text)
    oracles = switches.toggle("Show oracles", value=True, key="compare_oracles", bind="query-params", persist_state="session")
    log_cost = switches.toggle("Log scale", key="compare_log", bind="query-params", persist_state="session")
    return mode, oracles, log_cost


frame(
    "Compare", "Is learning to route worth it? All routers answer the same held-out questions, from the same replies, at the same prices."
)
stop_unless_readable()
headline = st.container()
run_place, cost_place, switch_place = st.columns([3, 7, 3], vertical_alignment="bottom")
subject = choose_subject(run_place, headline)
mode, oracles, log_cost = choose_axes(subject, cost_place, switch_place)
frontier = frontier_of(subject, mode)
draw_frontier(subject, frontier, oracles=oracles, log_cost=log_cost)

view = choose_segment("View", VIEWS, RANKING, "compare_view", label_visibility="collapsed")
if view in (QUESTIONS, ROUTES, SURENESS):
    open_routes(subject)
if view == QUESTIONS:
    draw_questions(subject)
elif view == ROUTES:
    draw_routes(subject, oracles=oracles)
elif view == ADVICE:
    draw_advice(subject)
elif view == SURENESS:
    draw_sureness(subject)
else:
    draw_ranking(subject, frontier, oracles=oracles)
