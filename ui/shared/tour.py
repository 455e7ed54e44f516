"""A tour for newcomers: each page in turn with one sentence on what to look at. Where one is stands in the address (`?tour=2`)."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

PARAMETER = "tour"
_LAST = "tour_last"


@dataclass(frozen=True)
class Stop:
    """A page of the tour, opened with `address` beside the number of the stop, and what to look at there."""

    page: str
    title: str
    look: str
    label: str = ""
    address: tuple[tuple[str, str], ...] = ()
    asks_experts: bool = False

    @property
    def name(self) -> str:
        """What the link to this stop says."""
        return self.label or self.title


STOPS = (
    Stop(
        "pages/experts.py",
        "Experts",
        "One expert alone: how often each is right, what a call costs, and the answer it leans to. At the foot of the page you can ask one.",
        "One expert alone",
    ),
    Stop(
        "pages/route.py",
        "Route",
        "A route: what the router sees, whom it asks, what comes back, and why it stops. Choose another question and see another route.",
        "A route",
        (("route_source", "Recorded question"),),
    ),
    Stop(
        "pages/reward_lab.py",
        "Reward lab",
        "The reward decides what a good route is. Move the weights and see at once which routes it likes best, and whether it pays for being wrong first.",
        "The reward",
    ),
    Stop(
        "pages/train.py",
        "Train",
        "Press Train. The router learns from the recorded replies, so this takes seconds and asks no expert.",
        "Training",
    ),
    Stop(
        "pages/compare.py",
        "Compare",
        "Was learning worth it? DER has to lie above the dashed line and beside the simple baselines. Click a point.",
        "The comparison",
    ),
    Stop(
        "pages/route.py",
        "Route",
        "Your turn: type a yes/no question, or take an example, and watch the experts answer it now. Nobody tells them what is right.",
        "A question of your own",
        (("route_source", "Your own question"),),
        asks_experts=True,
    ),
)


def start_tour() -> None:
    """Go to the first stop."""
    st.switch_page(STOPS[0].page, query_params=_address(1))


def draw_tour(title: str) -> None:
    """Draw, on a page that is part of a tour in progress, what to look at and the way to the next stop."""
    number = current_stop(st.query_params.get(PARAMETER, ""), title)
    if number is None:
        st.session_state.pop(_LAST, None)
        return
    _arrive(number)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tour"):
        st.markdown(f":material/explore: **Tour, {number} of {len(STOPS)}.** {STOPS[number - 1].look}", width="stretch")
        if number < len(STOPS):
            after = STOPS[number]
            st.page_link(after.page, label=f"**Next: {after.name}**", icon=":material/arrow_forward:", query_params=_address(number + 1))
        st.page_link("app.py", label="End the tour", icon=":material/close:")


def _arrive(number: int) -> None:
    """Open a stop as its address says, once: an address alone cannot, where a default in it does not replace what the page remembers."""
    if st.session_state.get(_LAST) != number:
        st.session_state[_LAST] = number
        stop = STOPS[number - 1]
        st.session_state.update(dict(stop.address))
        if stop.asks_experts:
            _take_usable_run()


def _take_usable_run() -> None:
    from ui.route.readiness import run_to_use  # late: every page draws its frame, and only this stop needs it

    usable = run_to_use()
    if usable is not None:
        st.session_state["run"] = usable.id


def current_stop(asked: str, title: str) -> int | None:
    """Return the number, from 1, of the stop that an address asks for, None unless it is the page called `title`."""
    number = next((number for number in range(1, len(STOPS) + 1) if asked == str(number)), None)
    return number if number is not None and STOPS[number - 1].title == title else None


def _address(number: int) -> dict[str, str]:
    return {**dict(STOPS[number - 1].address), PARAMETER: str(number)}
