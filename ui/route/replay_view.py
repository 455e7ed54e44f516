"""The recorded side of the Route page: choose a held-out question and a router, watch the route, see what was lost."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.runs import Run
from der_core.records import Question
from ui.route.after import draw_best, draw_first_replies
from ui.route.gallery import draw_gallery, opening
from ui.route.live import usual_costs
from ui.route.recorded import Replay, Stage, Told, recorded_first_replies, replay, set_stage
from ui.route.stage import draw_stage
from ui.route.stage_data import Pane, StageData, pane_of, stage_data
from ui.route.view import FOLD, PLANS, SOURCES, Places, Scene, draw_question, draw_route
from ui.shared.address_choice import choose_by_id
from ui.shared.encoding import NotEncoded
from ui.shared.expert_trial import MAX_PASSAGE, MAX_QUESTION
from ui.shared.loaders import runs
from ui.shared.parts import empty_state, plain
from ui.shared.run_choice import run_names

NOBODY = "nobody"
_OTHER_RUN = "run "
_LONGEST_TITLE = 110


@dataclass(frozen=True)
class Shown:
    """What is on the stage: a router of a run, and its route for the question."""

    stage: Stage
    run: Run
    name: str
    replay: Replay
    scene: Scene

    @property
    def pane(self) -> Pane:
        """The route as the component takes it."""
        question, events = self.scene.question, self.replay.events
        single, good = self.stage.single_call(question), self.stage.good_choices(question, events)
        return pane_of(self.name, self.scene, events, single, usual_costs(self.run.id), good)


def draw_recorded(run: Run, places: Places) -> None:
    """Draw the gallery, the stage with the chosen route, the choice of question and router, and the route in words."""
    stage = set_stage(run.id)
    if stage is None:
        empty_state(
            "The recording that this run was trained on is not here any more, so nothing can be replayed. Ask a question of your own, or choose another run.",
            "pages/runs.py",
            "All runs",
        )
        return
    question, name, beside = _choose(stage, run, places)
    shown = _show(stage, run, name, question)
    other = _show_beside(run, stage, beside, question)
    with places.stage:
        told = next(told for told in stage.told(name) if told.question.id == question.id)
        draw_stage(_data([shown, other] if other else [shown], told))
    with places.below:
        with st.expander(FOLD, icon=":material/format_list_numbered:", key="route_words"):
            _draw_words(shown)
        passage = question.passage or ""
        if len(question.text) <= MAX_QUESTION and len(passage) <= MAX_PASSAGE:
            st.button(
                "Ask this question live", icon=":material/sensors:", key="route_live", on_click=_take_over, args=(question.text, passage)
            )


def _take_over(text: str, passage: str) -> None:
    """Fill the box for a question of one's own, as if somebody had typed it; nobody is asked yet."""
    st.session_state.update({"route_source": SOURCES[1], "route_text": text, "route_passage": passage})


def draw_one_route(run: Run, key: str, height: int) -> bool:
    """Draw a small stage that plays the route of a run most worth seeing; returns whether there is one that can be shown."""
    try:
        stage = set_stage(run.id)
    except (NotEncoded, DerError):  # the pages that need all of it say why
        return False
    if stage is None or stage.traced not in stage.learned:
        return False
    every = stage.told(stage.traced)
    told = next((told for told in every if told.question.id == _opening(every)), every[0])
    shown = _show(stage, run, stage.traced, told.question)
    link = "route?" + urlencode({"run": run.id, "question": told.question.id, "router": shown.name})
    draw_stage(_data([shown], told), key, height=height, plays=True, link=link)
    return True


def _data(all_shown: list[Shown], told: Told) -> StageData:
    question = all_shown[0].scene.question
    identity = " ".join([question.id, *(f"{one.run.id} {one.name}" for one in all_shown)])
    story = told.story.words if told.story else ""
    return stage_data(identity, question, [one.pane for one in all_shown], story=story, note=_note(all_shown))


def _note(all_shown: list[Shown]) -> str:
    """What has to be known of the routers before their figures are compared."""
    oracles = [one.name for one in all_shown if one.stage.rows[one.name].oracle]
    modes = list(dict.fromkeys(one.stage.router.config.episode.cost_mode for one in all_shown))
    told = [f"{' and '.join(oracles)}: oracle, it knows the right answer"] if oracles else []
    return "; ".join([*told, *([f"Costs differ: {' and '.join(modes)}"] if len(modes) > 1 else [])])


def _draw_words(shown: Shown) -> None:
    """Draw the route as a list of steps, and what it lost against the best one."""
    draw_question(shown.scene)
    events = shown.replay.events
    n_shown = _reveal(len(events), f"{shown.run.id} {shown.scene.question.id} {shown.name}")
    draw_route(shown.scene, events[:n_shown])
    if n_shown == len(events):
        draw_best(shown.replay, shown.scene.experts)
        _draw_first(shown.stage, shown.scene)


def _choose(stage: Stage, run: Run, places: Places) -> tuple[Question, str, str]:
    with places.choices:
        left, middle, right = st.columns([8, 5, 5], vertical_alignment="bottom")
    with middle:
        labels = {name: f"{name} · {row.kind}" for name, row in stage.rows.items()}
        name = choose_by_id("router", "router", "Router", labels, default=stage.traced)
    with right:
        beside = choose_by_id("beside", "router", "Beside it, on the same question", _others(stage, run, name), default=NOBODY)
    every = stage.told(name)
    found = draw_gallery(every, places)
    titles = {told.question.id: f"{told.question.text[:_LONGEST_TITLE]}  ({told.question.id})" for told in found}
    with left:
        of_all = f"{len(stage.questions)} held out: no router learned from them"
        label = f"Question ({of_all})" if len(titles) == len(stage.questions) else f"Question ({len(titles)} of {of_all})"
        question_id = choose_by_id("question", "held-out question", label, titles, default=_opening(found))
    with places.bar:
        st.button("Another", icon=":material/shuffle:", key="route_another", shortcut="A", on_click=_another, args=(tuple(titles),))
        _draw_second(stage, name, beside)
    return next(told.question for told in found if told.question.id == question_id), name, beside


def _opening(found: tuple[Told, ...]) -> str:
    return opening(found) or found[0].question.id


def _another(question_ids: tuple[str, ...]) -> None:
    others = [one for one in question_ids if one != st.session_state.get("question")]
    st.session_state["question"] = random.choice(others or list(question_ids))


def _draw_second(stage: Stage, name: str, beside: str) -> None:
    """Draw the button that puts the best single expert beside the router, or takes the second router away."""
    best = stage.comparison.reference.best_single
    if beside != NOBODY:
        st.button("One router", icon=":material/looks_one:", key="route_second", on_click=_set_beside, args=(NOBODY,))
    elif name != best:
        st.button("Beside the best single expert", icon=":material/compare_arrows:", key="route_second", on_click=_set_beside, args=(best,))


def _set_beside(beside: str) -> None:
    st.session_state["beside"] = beside


def _others(stage: Stage, run: Run, name: str) -> Mapping[str, str]:
    """Whom to show beside router `name`: nobody, the other routers of the run, and the routers of other runs."""
    own = {other: f"{other} · {row.kind}" for other, row in stage.rows.items() if other != name}
    known = [one for one in runs() if one.id != run.id]
    names = run_names(runs())
    return {NOBODY: "Nobody", **own, **{_OTHER_RUN + one.id: f"the router of ‘{names[one.id]}’" for one in known}}


def _show_beside(run: Run, stage: Stage, beside: str, question: Question) -> Shown | None:
    if beside == NOBODY:
        return None
    if beside in stage.rows:
        return _show(stage, run, beside, question)
    other = next(one for one in runs() if _OTHER_RUN + one.id == beside)
    its = set_stage(other.id)
    same = next((one for one in its.questions if one.id == question.id), None) if its else None
    if its is None or same is None:
        why = "its recording is not here" if its is None else "it does not hold this question out"
        st.info(plain(f"The router of ‘{other.name}’ cannot be shown beside it: {why}."), icon=":material/info:")
        return None
    return _show(its, other, its.traced, same)


def _show(stage: Stage, run: Run, name: str, question: Question) -> Shown:
    replayed = replay(stage, question, name)
    return Shown(stage, run, name, replayed, _scene(stage, run, name, replayed, question))


def _scene(stage: Stage, run: Run, name: str, shown: Replay, question: Question) -> Scene:
    row = stage.rows[name]
    oracle = "; oracle: it uses the gold answer" if row.oracle else "; deployable: it needs no gold answer"
    detail = f" {row.detail[:1].upper()}{row.detail[1:]}." if row.detail else ""
    return Scene(
        kind="replay",
        told=plain(f"Recorded replies of {stage.ref.title}, chosen by {name} of the run “{run.name}”{oracle}."),
        question=question,
        specs=stage.router.experts,
        borders=stage.router.thresholds,
        state=stage.router.config.episode.state,
        answer=shown.answer,
        why_plain=PLANS if row.family == "learned" else f"A {row.family} router: it goes by a rule, without probabilities.{detail}",
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
