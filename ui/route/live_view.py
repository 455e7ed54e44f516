"""The live side of the Route page: type a question, watch the experts answer it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from der_core.config import End, ExpertSpec
from der_core.errors import JobBusy
from der_core.evaluation.experiment import GOLDLESS_ENDS, usable_end
from der_core.evaluation.runs import Run
from der_core.evaluation.single_route import FirstReply
from der_core.jobs import JobSnapshot, JobState
from der_core.records import Question, Reply
from der_core.routing.live import Decision
from der_core.routing.saved.trained import TrainedRouter
from ui.route.after import draw_first_replies
from ui.route.live import (
    FIRST_REPLIES,
    ROUTE,
    WARMING,
    Asked,
    Warming,
    asked_of,
    events_of,
    go_on,
    resumed_of,
    start_first_replies,
    start_route,
    start_warming,
    usual_costs,
    usual_single,
    waiting_for,
)
from ui.route.readiness import draw_readiness, listed
from ui.route.recorded import recorded_reply
from ui.route.stage import draw_stage
from ui.route.stage_data import pane_of, stage_data
from ui.route.view import FOLD, PLANS, Places, Scene, draw_question, draw_route
from ui.shared.address_choice import choose_segment, text_from_address, text_to_address
from ui.shared.expert_trial import MAX_PASSAGE, MAX_QUESTION
from ui.shared.loaders import run_report, run_router
from ui.shared.parts import duration, notice, plain, plain_sentence
from ui.shared.work import board, latest, this_tab

REFRESH_S = 0.5
PATIENCE_S = 10.0
"""How long an expert is waited for before the page offers to go on without it."""
_END_WORDS: dict[End, str] = {
    "stop_action": "when it chooses to stop",
    "agreement": "two answers agree",
    "confidence": "an answer is confident",
    "never": "only at the longest route",
}


@dataclass(frozen=True)
class Example:
    """A question to try, with the passage it is about if there is one."""

    text: str
    passage: str = ""


EXAMPLES = {
    "Whales": Example("Are whales fish?"),
    "Leap year": Example("Was the year 2000 a leap year?"),
    "Boiling point": Example("Does water boil at a lower temperature on a high mountain?"),
    "Ferry": Example(
        "Can a cyclist cross at half past nine in the evening?",
        "The ferry to Lindholm sails every twenty minutes from six in the morning. Cars are taken until eight in the evening, "
        "bicycles until the last crossing at ten. On Sundays the first boat leaves an hour later.",
    ),
    "Library": Example(
        "May a visitor borrow the atlas over the weekend?",
        "The reading room is open to all. Members may take home up to four books for three weeks. Atlases and newspapers are read "
        "in the room, except that members may borrow an atlas from Friday to Monday. Visitors may not borrow anything.",
    ),
}


def draw_live(run: Run, places: Places) -> None:
    """Draw the box for a question, and the route that the experts take for the last one that was asked."""
    router = run_router(run.id)
    with places.bar:
        st.markdown(":small[Examples]", width="content")
        for name in EXAMPLES:
            st.button(name, key=f"route_example_{name}", on_click=_take_example, args=(name,))
    with places.head:
        asked = _draw_box(run, router)
    if asked is not None:
        _start(lambda: start_route(asked, this_tab()))
    start_warming(router.experts, this_tab())
    job = latest(ROUTE)
    first = latest(FIRST_REPLIES)
    active = any(one is not None and one.state.active for one in (job, first))
    warming = latest(WARMING)
    is_polling = active or (warming is not None and warming.state.active)
    with places.stage:
        st.fragment(_draw_job, run_every=REFRESH_S if is_polling else None)(run, is_polling)
    # Last, because servers are asked: all else stands on the page by then.
    if not active:
        with places.below:
            draw_readiness(run, router.experts, told=job.message if job is not None else "")


def _draw_box(run: Run, router: TrainedRouter) -> Asked | None:
    with st.form("route_form", border=True):
        field, button = st.columns([5, 1], vertical_alignment="bottom")
        text = field.text_input(
            "Your yes/no question",
            max_chars=MAX_QUESTION,
            key="route_text",
            bind="query-params",
            persist_state="session",
            placeholder="Your yes/no question: is …?",
            label_visibility="collapsed",
        )
        pressed = button.form_submit_button("Route it", icon=":material/send:", type="primary", width="stretch")
        text_from_address("route_passage", MAX_PASSAGE)
        given = bool(st.session_state.get("route_passage"))  # one that is sent along has to be seen
        with st.expander("Passage, and how the route ends", icon=":material/tune:", expanded=given):
            passage = st.text_area(
                "Passage the question is about (optional)", max_chars=MAX_PASSAGE, key="route_passage", persist_state="session", height=100
            )
            text_to_address("route_passage", passage or "")
            end = _choose_end(router)
    typed = (text or "").strip()[:MAX_QUESTION]
    if not pressed:
        before = asked_of(latest(ROUTE))
        if typed and (before is None or before.question.text != typed):
            st.caption(":material/info: Nobody has been asked this yet: press “Route it”.")
        return None
    if not typed:
        st.warning("Type a question first, or take one of the examples.", icon=":material/edit:")
        return None
    return Asked(run.id, Question("typed", typed, (passage or "").strip()[:MAX_PASSAGE] or None), end)


def _choose_end(router: TrainedRouter) -> End:
    usual = usable_end(router)
    if router.config.episode.end != "gold":
        st.caption(f"The route ends as the router was trained to: {_END_WORDS[usual]}.")
        return usual
    return choose_segment(
        "The route ends when",
        GOLDLESS_ENDS,
        usual,
        "route_end",
        format_func=_END_WORDS.__getitem__,
        help="This router learned to end on the gold answer, which nobody knows of a typed question.",
    )


def _take_example(name: str) -> None:
    example = EXAMPLES[name]
    st.session_state["route_text"], st.session_state["route_passage"] = example.text, example.passage


def _start(start: Callable[[], str]) -> None:
    try:
        start()
    except JobBusy as error:
        notice(error)


def _draw_job(run: Run, was_active: bool) -> None:
    job, first, warming = latest(ROUTE), latest(FIRST_REPLIES), latest(WARMING)
    if was_active and not any(one is not None and one.state.active for one in (job, first, warming)):
        st.rerun()  # the whole page: the polling ends
    with st.container():  # always there, so that what follows keeps its place when this comes and goes
        _draw_warming(warming, run_router(run.id).experts)
    asked = asked_of(job)
    if job is None or asked is None:
        st.caption("The route appears here step by step: what the router sees, whom it asks, what comes back, and why it ends.")
    elif asked.run_id != run.id:
        st.info(plain(f"The last question was routed with another run, {asked.run_id}."), icon=":material/info:")
    else:
        _draw_asked(job, asked)


def _draw_warming(job: JobSnapshot | None, experts: tuple[ExpertSpec, ...]) -> None:
    """Draw how far the loading of these experts is, how long it took, or why it failed."""
    if job is None or job.history[:1] != (Warming(experts),):
        return
    if job.state.active:
        st.markdown(f":material/hourglass_top: {plain(job.report.text)} · {duration(job.elapsed_s)}")
    elif job.state is JobState.DONE:
        st.caption(f"The models are loaded; that took {duration(job.result)}, which no answer's time includes.")
    elif job.state is JobState.FAILED:
        st.warning(plain_sentence(job.message), icon=":material/power_off:")


def _draw_asked(job: JobSnapshot, asked: Asked) -> None:
    router, resumed = run_router(asked.run_id), resumed_of(job)
    scene = Scene(
        kind="live",
        told=f"The experts answer now; nobody tells them or the router what is right. Started in {'this' if job.owner == this_tab() else 'another'} tab.",
        question=asked.question,
        specs=router.experts,
        borders=router.thresholds,
        state=router.config.episode.state,
        recorded=frozenset((expert, shown) for expert, shown, _ in resumed.detour.said) if resumed else frozenset(),
        why_plain=PLANS,
    )
    with st.container():
        _draw_state(job, scene)
    events = events_of(job)
    pane = pane_of(run_report(asked.run_id)["traces"]["router"], scene, events, usual_single(asked.run_id), usual_costs(asked.run_id))
    identity = resumed.first_id if resumed else job.id
    draw_stage(stage_data(identity, asked.question, [pane], live=True, note=_note(job, scene.friendly)))
    with st.expander(FOLD, icon=":material/format_list_numbered:", key="route_words"):
        draw_question(scene)
        draw_route(scene, events, broken=not job.state.active)
    if job.state is JobState.DONE:
        _draw_first(asked)


def _draw_state(job: JobSnapshot, scene: Scene) -> None:
    waiting = waiting_for(job)
    if job.state.active:
        with st.container(horizontal=True, vertical_alignment="center"):
            stopping = job.state is JobState.STOPPING
            usual = "" if job.report.eta_s is None else f" · usually {duration(job.report.eta_s)} for a reply"
            passed_s = _waited_s(job) if waiting else job.elapsed_s
            st.markdown(
                f":material/hourglass_top: {plain('Stopping' if stopping else job.report.text)} · {duration(passed_s)}{usual}",
                width="content",
            )
            st.button(
                "Stop", icon=":material/stop:", key="route_stop", shortcut="S", disabled=stopping, on_click=board().stop, args=(job.id,)
            )
            if waiting and not stopping and passed_s >= PATIENCE_S:
                _draw_ways_on(job, scene, waiting)
    elif job.state is JobState.FAILED:
        st.error(plain_sentence(job.message), icon=":material/error:")
        if waiting:
            with st.container(horizontal=True):
                _draw_ways_on(job, scene, waiting)
    elif job.state is JobState.STOPPED:
        st.warning("The route was stopped before its end. Ask again when you like.", icon=":material/stop_circle:")


def _waited_s(job: JobSnapshot) -> float:
    """Return for how long this tab has seen the job wait for the reply that it waits for."""
    key, since = (job.id, len(job.history)), st.session_state.get("route_waiting")
    if since is None or since[0] != key:
        since = st.session_state["route_waiting"] = (key, job.elapsed_s)
    return job.elapsed_s - since[1]


def _draw_ways_on(job: JobSnapshot, scene: Scene, waiting: Decision) -> None:
    """Offer what to do where an expert does not answer: an audience does not wait."""
    asked = asked_of(job)
    if asked is None or waiting.expert is None:
        return
    st.button(
        plain(f"Go on without {scene.friendly[waiting.expert]}"),
        icon=":material/skip_next:",
        key="route_go_on",
        on_click=_go_on,
        args=(job, None),
    )
    reply = recorded_reply(asked.run_id, asked.question, waiting.expert, waiting.previous_label)
    if reply is not None:
        st.button("Show the recorded reply", icon=":material/history:", key="route_recorded", on_click=_go_on, args=(job, reply))


def _go_on(job: JobSnapshot, reply: Reply | None) -> None:
    _start(lambda: go_on(job, this_tab(), reply))


def _note(job: JobSnapshot, names: Mapping[str, str]) -> str:
    """What the stage says of a live route beside its moves."""
    resumed = resumed_of(job)
    left_out = [names[expert] for expert, _ in resumed.detour.without] if resumed else []
    told = [f"Went on without {listed(left_out)}"] if left_out else []
    ended = {JobState.FAILED: "No reply came", JobState.STOPPED: "Stopped before its end"}.get(job.state)
    return ". ".join([*told, *([ended] if ended else [])])


def _draw_first(asked: Asked) -> None:
    job = latest(FIRST_REPLIES)
    if job is None or asked_of(job) != asked:
        about = "Asks every expert the question, none seeing another's answer."
        if st.button("What would the others have said?", icon=":material/groups:", key="route_first", help=about):
            _start(lambda: start_first_replies(asked, this_tab()))
            st.rerun()
        return
    st.subheader("What every expert says first", anchor=False)
    if job.state.active:
        left = "" if job.report.eta_s is None else f" · about {duration(job.report.eta_s)} left"
        st.progress(job.report.fraction, text=plain(job.report.text) + left)
        st.button("Stop", icon=":material/stop:", key="route_first_stop", on_click=board().stop, args=(job.id,))
    elif job.state is JobState.FAILED:
        st.error(plain_sentence(job.message), icon=":material/error:")
    replies = _replies(job.history)
    if replies:
        draw_first_replies(replies, None)


def _replies(history: Sequence[object]) -> list[FirstReply]:
    return [record for record in history if isinstance(record, FirstReply)]
