"""A tour for newcomers: each page in turn with one sentence on what to look at. Where one is stands in the address (`?tour=2`)."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

PARAMETER = "tour"


@dataclass(frozen=True)
class Stop:
    """A page of the tour and what to look at there."""

    page: str
    title: str
    look: str


STOPS = (
    Stop(
        "pages/experts.py",
        "Experts",
        "Who can answer: each expert's accuracy, price, and the answer it leans to. No single one is best at both.",
    ),
    Stop(
        "pages/record.py", "Record", "Every reply is asked for once and kept. With a complete recording there is nothing to do here: go on."
    ),
    Stop("pages/reward_lab.py", "Reward lab", "What is a good route worth? Move the weights and see which route the reward likes best."),
    Stop("pages/train.py", "Train", "Press Train. The router learns from the recorded replies, so this takes seconds and asks no expert."),
    Stop("pages/route.py", "Route", "Follow one question: what the router sees, whom it asks, what comes back, and why it stops."),
    Stop(
        "pages/compare.py",
        "Compare",
        "Was learning worth it? DER has to lie above the dashed line and beside the simple baselines. Click a point.",
    ),
)


def start_tour() -> None:
    """Go to the first stop."""
    st.switch_page(STOPS[0].page, query_params={PARAMETER: "1"})


def draw_tour(title: str) -> None:
    """Draw, on a page that is part of a tour in progress, what to look at and the way to the next stop."""
    number = current_stop(st.query_params.get(PARAMETER, ""), title)
    if number is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tour"):
        st.markdown(f":material/explore: **Tour, {number} of {len(STOPS)}.** {STOPS[number - 1].look}", width="stretch")
        if number < len(STOPS):
            after = STOPS[number]
            st.page_link(
                after.page, label=f"**Next: {after.title}**", icon=":material/arrow_forward:", query_params={PARAMETER: str(number + 1)}
            )
        st.page_link("app.py", label="End the tour", icon=":material/close:")


def current_stop(asked: str, title: str) -> int | None:
    """Return the number, from 1, of the stop that an address asks for, None unless it is the page called `title`."""
    number = next((number for number in range(1, len(STOPS) + 1) if asked == str(number)), None)
    return number if number is not None and STOPS[number - 1].title == title else None
