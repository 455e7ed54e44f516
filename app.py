"""Overview: what DER is, what is ready, the headline result, and where to start."""

from __future__ import annotations

import streamlit as st

from der_core.evaluation.runs import Run
from ui.overview.readiness import draw_experts, draw_recording, draw_router
from ui.overview.result import draw_claims, draw_result
from ui.route.replay_view import draw_one_route
from ui.route.view import SOURCES
from ui.shared.expert_trial import MAX_QUESTION
from ui.shared.frame import frame
from ui.shared.home import ROOT
from ui.shared.run_choice import active_run
from ui.shared.tour import start_tour

WHAT = (
    "DER answers a question with several language models: a router picks one, reads its answer, then stops or asks another, "
    "who is shown that answer. It has learned from real replies what each model is worth."
)
PICTURE_FILE = ROOT / "assets" / "route.svg"
STAGE_HEIGHT = 560
PICTURE = (
    "A question goes to the router, which asks a cheap expert; that one says no. The router asks another expert, who is shown the no and "
    "says yes. The router stops: the answer is yes."
)


def draw_what() -> None:
    """Draw in a sentence or two what this is, and the way into the tour."""
    words, tour = st.columns([5, 1], vertical_alignment="center")
    words.markdown(WHAT)
    if tour.button(
        "Take the tour",
        type="primary",
        icon=":material/explore:",
        key="overview_start",
        width="stretch",
        help="Six stops, a sentence on each: about five minutes.",
    ):
        start_tour()


def draw_box(run: Run) -> None:
    """Draw a box for a question of one's own, which Route then asks."""
    with st.form("overview_form", border=False):
        text = st.text_input("Ask it something", max_chars=MAX_QUESTION, placeholder="Is 17 times 3 more than 50?", key="overview_text")
        if st.form_submit_button("Route it", icon=":material/send:", width="stretch") and text.strip():
            address = {"run": run.id, "route_source": SOURCES[1], "route_text": text.strip()}
            st.switch_page("pages/route.py", query_params=address)


frame("Overview")
run = active_run()
draw_what()
picture, side = st.columns([5, 2] if run else [3, 2], gap="medium", vertical_alignment="top")
with side:
    draw_result(run)
    if run is not None:
        draw_box(run)
if run is None:
    picture.image(PICTURE_FILE, width="stretch", alt=PICTURE)
else:
    draw_claims(run)
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
