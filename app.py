"""Overview: what DER is, what is ready, the headline result, and where to start."""

from __future__ import annotations

import streamlit as st

from ui.overview.readiness import draw_experts, draw_recording, draw_result, draw_router
from ui.route.replay_view import draw_one_route
from ui.shared.frame import frame
from ui.shared.home import ROOT
from ui.shared.run_choice import active_run
from ui.shared.tour import start_tour

WHAT = (
    "LLM experts differ in accuracy and in price, and no single one is best for every question. "
    "DER answers step by step: a router picks an expert, reads its answer, and then stops or asks another one, who is shown that answer. "
    "The router is learned from a reward, right answers less the cost of calls, on real replies that were recorded once."
)
PICTURE_FILE = ROOT / "assets" / "route.svg"
STAGE_HEIGHT = 560
PICTURE = (
    "A question goes to the router, which asks a cheap expert; that one says no. The router asks another expert, who is shown the no and "
    "says yes. The router stops: the answer is yes."
)

frame("Overview")
run = active_run()
words, picture = (st.container(), st.container()) if run else st.columns([2, 3], gap="large", vertical_alignment="center")
with words:
    st.markdown(WHAT)
    if st.button(
        "Take the tour",
        type="primary",
        icon=":material/explore:",
        key="overview_start",
        help="Six stops, a sentence on each: about five minutes.",
    ):
        start_tour()
if run is None:
    picture.image(PICTURE_FILE, width="stretch", alt=PICTURE)

first, second = st.container(), st.container()
result_place, ready_place = (first, second) if run is not None else (second, first)
with result_place:
    st.subheader("Result of the active run", anchor=False)
    draw_result(run)
with ready_place:
    st.subheader("What is ready", anchor=False)
    experts_place, recording_place, router_place = (column.container(border=True, height="stretch") for column in st.columns(3))
with recording_place:
    ref = draw_recording()
with router_place:
    draw_router(run, can_train=ref is not None)

# Last, because a recording is read and servers are asked: all else stands on the page by then.
if run is not None:
    with picture:
        if draw_one_route(run, "overview_stage", STAGE_HEIGHT):
            st.page_link("pages/route.py", label="Watch more routes", icon=":material/route:", query_params={"run": run.id})
        else:
            st.image(PICTURE_FILE, width="stretch", alt=PICTURE)
with experts_place, st.spinner("Asking the servers"):
    draw_experts(ref)
