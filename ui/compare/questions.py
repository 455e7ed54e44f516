"""The questions of the Compare page: what a router got wrong, where two differ, and the way to each route."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from der_core.evaluation.answers import Answer
from ui.compare.subject import ALONE, Subject, answers_of, choose_router, chosen_answers, pair_of
from ui.shared.address_choice import choose_segment
from ui.shared.parts import empty_state, plain, points, show_text, with_interval

_OUTCOMES = ["All", "Wrong", "Right"]
_MANY, _LIST_HEIGHT = 10, 430
_WIDTHS = {"": 40, "Question": 380, "Gold": 60}
"""Widths of columns in pixels; the others are as wide as what they hold."""


def draw_questions(subject: Subject) -> None:
    """Draw the questions of one router, or those that two routers answer differently, and the way to each route."""
    router, second = _choose_routers(subject)
    outcome, kinds = _choose_filter(subject, router)
    _describe(subject, router, second)
    places = chosen_answers(subject, router, second, outcome, kinds)
    if not places:
        empty_state("No question is left by this choice; choose All, more kinds, or another router.")
        return
    others = [] if second == ALONE else [second]
    listed = {name: [answers_of(subject, name)[place] for place in places] for name in (router, *others)}
    st.caption(f"{len(places)} questions. Choose a row to see the question and its route.")
    row = pick_row(listed, f"compare_picked_{list_name(router, second, outcome, kinds)}")
    if row is not None:
        draw_question(subject, {name: given[row] for name, given in listed.items()})


def pick_row(listed: dict[str, list[Answer]], key: str) -> int | None:
    """Draw the list of questions, as the routers in `listed` answered them, and return the row chosen."""
    router, *others = listed
    places = len(listed[router])
    event = st.dataframe(
        questions_frame(listed),
        hide_index=True,
        width="stretch",
        height="content" if places <= _MANY else _LIST_HEIGHT,
        column_config={name: st.column_config.Column(width=width) for name, width in _WIDTHS.items()},
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        alt=f"Questions as {' and '.join((router, *others))} answered them",
    )
    return next((row for row in event.selection.rows if row < places), None)


def _choose_routers(subject: Subject) -> tuple[str, str]:
    left, right = st.columns(2)
    with left:
        router = choose_router(subject, "compare_router", "Router")
    with right:
        second = choose_router(subject, "compare_second", "Where it differs from", {ALONE: "– (all of its questions)"})
    return router, second


def _choose_filter(subject: Subject, router: str) -> tuple[str, list[str]]:
    kinds = sorted({answer.kind for answer in answers_of(subject, router)} - {""})
    left, right = st.columns(2)
    with left:
        outcome = choose_segment("Questions that it got", _OUTCOMES, "All", "compare_outcome")
    picked: list[str] = []
    if kinds:
        picked = right.multiselect(
            "Kinds", kinds, placeholder="All kinds", key="compare_kinds", bind="query-params", persist_state="session"
        )
    return (outcome if outcome in _OUTCOMES else "All"), [one for one in picked if one in kinds]


def _describe(subject: Subject, router: str, second: str) -> None:
    """Say how right the chosen routers are, with interval and kind, and how far the first is from the second."""
    for name in (router, second):
        if name != ALONE:
            row = subject.comparison.row(name)
            st.markdown(
                f"{plain(name)} :small[({row.kind})]: {with_interval(row.accuracy, row.low, row.high)} right, {row.calls:.2f} calls a question"
                + (" (exact expectation; the answers below are one draw)" if row.family == "random" else "")
            )
    if second not in (ALONE, router):
        pair = pair_of(subject, router, second)
        gap, verdict = pair.difference, "significant" if pair.differs else "not significant"
        test = (
            "no McNemar test, which counts single routes"
            if math.isnan(pair.mcnemar_p)
            else f"exact McNemar p = {pair.mcnemar_p:.2g}: {verdict}"
        )
        st.markdown(
            f"{plain(router)} less {plain(second)}, paired by question: **{points(gap.value)} points** "
            f"[{points(gap.low)}, {points(gap.high)}], {test}"
        )


def questions_frame(listed: dict[str, list[Answer]]) -> pd.DataFrame:
    """Return the questions as the routers in `listed` answered them, the first one in full."""
    router, *others = listed
    given = listed[router]
    columns = {
        "": ["✓" if answer.correct else "✗" for answer in given],
        "Question": [answer.text for answer in given],
        **({"Kind": [answer.kind for answer in given]} if any(answer.kind for answer in given) else {}),
        "Gold": [answer.gold.word for answer in given],
        router: [answer.label.word for answer in given],
        **{other: [answer.label.word for answer in listed[other]] for other in others},
        "Route": [route_in_words(answer) for answer in given],
        "Cost": [round(answer.cost, 2) for answer in given],
        "Experts right": [answer.experts_right for answer in given],
    }
    return pd.DataFrame(columns)


def route_in_words(answer: Answer) -> str:
    """Return a route as "expert: yes → other: no"; a dash where nobody was asked."""
    return " → ".join(f"{expert}: {label.word}" for expert, label in answer.route) or "–"


def draw_question(subject: Subject, given: dict[str, Answer]) -> None:
    """Draw one question as one or two routers answered it, with the way to each route."""
    any_answer = next(iter(given.values()))
    with st.container(border=True):
        show_text(any_answer.text)
        passage = next(q.passage for q in subject.evaluation.source.table.questions if q.id == any_answer.question_id)
        if passage:
            with st.expander("Passage", icon=":material/article:"):
                show_text(passage)
        st.markdown(
            f"Right answer: **{any_answer.gold.word}** · {any_answer.experts_right} of {len(subject.experts)} experts are right at first"
        )
        for name, answer in given.items():
            verdict = "right" if answer.correct else "wrong"
            st.markdown(f"{plain(name)}: **{answer.label.word}**, {verdict}, by {plain(route_in_words(answer))}")
            if subject.run_id and answer.calls:
                st.page_link(
                    "pages/route.py",
                    label=f"Follow this route of {plain(name)} step by step",
                    icon=":material/route:",
                    query_params={"run": subject.run_id, "question": answer.question_id, "router": name},
                )


def list_name(router: str, second: str, outcome: str, kinds: Sequence[str]) -> str:
    """Return a name for a list of questions, so that a row chosen in one list is not carried into another."""
    return "|".join((router, second, outcome, *sorted(kinds)))
