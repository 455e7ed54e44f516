"""The recorded side of the Route page: choose a held-out question and a router, watch the route, see what was lost."""

from __future__ import annotations

import random

import streamlit as st

from der_core.evaluation.comparison import Row
from der_core.evaluation.runs import Run
from ui.route.after import draw_best, draw_first_replies
from ui.route.recorded import Replay, Stage, recorded_first_replies, replay, set_stage
from ui.route.view import Scene, draw_question, draw_route
from ui.shared.address_choice import choose_by_id
from ui.shared.parts import empty_state, plain

_LONGEST_TITLE = 110


def draw_recorded(run: Run) -> None:
    """Draw the choice of a question and a router, and the replayed route."""
    stage = set_stage(run.id)
    if stage is None:
        empty_state(
            "The recording that this run was trained on is not here any more, so nothing can be replayed. Ask a question of your own, or choose another run.",
            "pages/runs.py",
            "All runs",
        )
        return
    question_id, name = _choose(stage)
    question = next(question for question in stage.questions if question.id == question_id)
    shown = replay(stage, question, name)
    scene = _scene(stage, run, name, shown, question_id)
    draw_question(scene)
    n_shown = _reveal(len(shown.events), f"{run.id} {question_id} {name}")
    draw_route(scene, shown.events[:n_shown])
    if n_shown == len(shown.events):
        draw_best(shown, scene.experts)
        _draw_first(stage, scene)


def _choose(stage: Stage) -> tuple[str, str]:
    titles = {question.id: f"{question.text[:_LONGEST_TITLE]}  ({question.id})" for question in stage.questions}
    rows = stage.rows
    left, middle, right = st.columns([11, 5, 8], vertical_alignment="bottom")
    with left:
        question_id = choose_by_id(
            "question", "held-out question", f"Question ({len(titles)} held out: no router learned from them)", titles
        )
    middle.button(
        "Another", icon=":material/shuffle:", key="route_another", shortcut="A", on_click=_another, args=(tuple(titles),), width="stretch"
    )
    with right:
        labels = {name: f"{name} · {_kind(row)}" for name, row in rows.items()}
        name = choose_by_id("router", "router", "Router", labels, default=stage.traced)
    return question_id, name


def _another(question_ids: tuple[str, ...]) -> None:
    others = [one for one in question_ids if one != st.session_state.get("question")]
    st.session_state["question"] = random.choice(others or list(question_ids))


def _kind(row: Row) -> str:
    return "oracle" if row.oracle else "deployable"


def _scene(stage: Stage, run: Run, name: str, shown: Replay, question_id: str) -> Scene:
    row = stage.rows[name]
    oracle = "; oracle: it uses the gold answer" if row.oracle else "; deployable: it needs no gold answer"
    question = next(question for question in stage.questions if question.id == question_id)
    detail = f" {row.detail[:1].upper()}{row.detail[1:]}." if row.detail else ""
    return Scene(
        kind="replay",
        told=plain(f"Recorded replies of {stage.ref.title}, chosen by {name} of the run “{run.name}”{oracle}."),
        question=question,
        specs=stage.router.experts,
        borders=stage.router.thresholds,
        state=stage.router.config.episode.state,
        answer=shown.answer,
        why_plain=f"A {row.family} router: it goes by a rule, without probabilities.{detail}",
    )


def _reveal(n_events: int, what: str) -> int:
    """Draw the switch and buttons for showing one event at a time, and return how many to show."""
    with st.container(horizontal=True, vertical_alignment="center"):
        stepwise = st.toggle(
            "One step at a time",
            key="route_stepwise",
            bind="query-params",
            persist_state="session",
            help="Shows each choice before its reply, so that an audience can guess.",
        )
        if not stepwise:
            return n_events
        if st.session_state.get("route_revealing") != what:
            st.session_state["route_revealing"], st.session_state["route_revealed"] = what, 1
        revealed = min(int(st.session_state["route_revealed"]), n_events)
        st.button(
            "Next",
            key="route_next",
            icon=":material/skip_next:",
            type="primary",
            shortcut="N",
            disabled=revealed == n_events,
            on_click=_next,
        )
        st.button("All", key="route_all", icon=":material/fast_forward:", disabled=revealed == n_events, on_click=_next, args=(n_events,))
        st.caption(f"{revealed} of {n_events}")
    return revealed


def _next(by: int = 1) -> None:
    st.session_state["route_revealed"] = int(st.session_state.get("route_revealed", 0)) + by


def _draw_first(stage: Stage, scene: Scene) -> None:
    every = st.expander("What every expert says first", icon=":material/groups:", on_change="rerun", key="route_every")
    if every.open:
        with every:
            draw_first_replies(recorded_first_replies(stage, scene.question), scene.question.gold)
