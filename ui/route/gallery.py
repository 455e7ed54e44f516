"""The gallery: held-out routes by what makes them worth showing, filtered by kind of question, calls and outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from der_core.evaluation.stories import Story
from ui.route.recorded import Told
from ui.route.view import Places
from ui.shared.address_choice import news_in_address

STORY, KINDS, CALLS, OUTCOME = "route_story", "route_kinds", "route_calls", "route_outcome"
RIGHT, WRONG = "right", "wrong"
_OPENS_WITH = (Story.PROGRAM_FAILED, Story.RESCUED, Story.LED_ASTRAY, Story.CHEAP_CALL, Story.IN_VAIN, Story.STOPPED_EARLY)


@dataclass(frozen=True)
class Wanted:
    """Which routes are looked for; an empty choice takes all."""

    kinds: tuple[str, ...] = ()
    calls: tuple[int, ...] = ()
    outcome: str = ""

    def takes(self, told: Told) -> bool:
        """Tell whether a route is among them."""
        outcome = RIGHT if told.right else WRONG
        return (
            (not self.kinds or told.question.kind in self.kinds)
            and (not self.calls or told.calls in self.calls)
            and (not self.outcome or outcome == self.outcome)
        )


def draw_gallery(every: Sequence[Told], places: Places) -> tuple[Told, ...]:
    """Draw the stories with their counts, and return the routes of the chosen one, of all where none is chosen."""
    _make_room_for_link(every)
    with places.bar, st.popover("Filter", icon=":material/filter_list:"):
        wanted = _draw_filters(every)
    found = tuple(told for told in every if wanted.takes(told))
    shown = found or tuple(every)
    with places.head:
        if not found:
            st.caption("No route fits the filter, so all are shown.")
        story = _draw_stories(shown)
    return tuple(told for told in shown if story is None or told.story is story)


def opening(every: Sequence[Told]) -> str | None:
    """Return the id of the question whose route has the story most worth seeing, None where no route has one."""
    for story in _OPENS_WITH:
        told = next((told for told in every if told.story is story), None)
        if told is not None:
            return told.question.id
    return None


def _draw_stories(shown: Sequence[Told]) -> Story | None:
    counts = Counter(told.story for told in shown)
    options = [story.value for story in Story if counts[story]]
    if st.session_state.get(STORY) not in options:
        st.session_state[STORY] = None
    picked = st.pills(
        "Stories",
        options,
        key=STORY,
        format_func=lambda value: f"{value.capitalize()} · {counts[Story(value)]}",
        label_visibility="collapsed",
        persist_state="session",
        wrap=True,
    )
    return Story(picked) if picked in options else None


def _draw_filters(every: Sequence[Told]) -> Wanted:
    kinds = sorted({told.question.kind for told in every if told.question.kind})
    calls = sorted({told.calls for told in every})
    for key, options in ((KINDS, kinds), (CALLS, calls)):
        st.session_state[key] = [one for one in st.session_state.get(key) or [] if one in options]
    chosen_kinds = st.multiselect("Kind of question", kinds, key=KINDS, persist_state="session", placeholder="All kinds") if kinds else []
    chosen_calls = st.pills("Calls", calls, key=CALLS, selection_mode="multi", persist_state="session")
    outcome = st.pills("Answer", (RIGHT, WRONG), key=OUTCOME, persist_state="session")
    st.caption("\n\n".join(f"**{story.value.capitalize()}**: {story.rule}" for story in Story))
    return Wanted(tuple(chosen_kinds), tuple(chosen_calls), outcome or "")


def _make_room_for_link(every: Sequence[Told]) -> None:
    """Leave all choices aside where an address asks for a certain question: a link shows its route whatever was chosen before."""
    asked = news_in_address("question")
    if any(told.question.id == asked for told in every):
        st.session_state.update({STORY: None, KINDS: [], CALLS: [], OUTCOME: None})
