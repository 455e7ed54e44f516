"""Typed questions: routed in the background by experts that answer now, watched from any tab, stopped from any tab."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TypeVar

import streamlit as st

from der_core.config import AskOptions, End, ExpertSpec
from der_core.errors import JobBusy, ModelMissing
from der_core.evaluation.report import Json
from der_core.evaluation.single_route import FirstReply, first_replies
from der_core.experts.backends import models_are_files
from der_core.experts.locating import locate
from der_core.experts.opening import open_experts
from der_core.experts.protocol import Expert, Warmable
from der_core.jobs import JobHandle, JobSnapshot
from der_core.records import Question, Reply, Route, Step
from der_core.routing.baselines import single_name
from der_core.routing.live import Decision
from der_core.routing.saved.trained import TrainedRouter, check_experts_match
from der_core.work.routes import Detour, live_events
from ui.route.stage_data import Single
from ui.route.view import Event
from ui.shared.expert_choice import gguf_files
from ui.shared.home import allow_remote, states_folder
from ui.shared.loaders import live_encoder, own_experts, run_experts, run_report, run_router
from ui.shared.result_rows import best_single_row
from ui.shared.work import board, latest

ROUTE, FIRST_REPLIES, WARMING = "route", "first replies", "warming"
_POLL_S = 0.1
_LET_GO_S = 5.0
_CONNECT_S, _READ_S = 3.0, 120.0
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What was asked, of the router of which run, and how the route ends: the first record of a job."""

    run_id: str
    question: Question
    end: End


@dataclass(frozen=True)
class Resumed:
    """A route that was left and goes on: the second record of its job. `first_id` is the job that began it, `events` how far it was."""

    first_id: str
    detour: Detour
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Warming:
    """The experts that are warmed: the first record of a job."""

    experts: tuple[ExpertSpec, ...]


@dataclass(frozen=True, eq=False)
class _Held:
    """Experts held open, and how to let go of them."""

    experts: tuple[Expert, ...]
    stack: ExitStack


def start_route(asked: Asked, owner: str, resumed: Resumed | None = None) -> str:
    """Route a typed question in the background. Returns the job's id; JobBusy while another question is routed.

    The job's history is `asked`, `resumed` where a route goes on, and then the events of the route from its beginning.
    """
    router, usual_s = run_router(asked.run_id), usual_seconds(asked.run_id)

    def work(job: JobHandle) -> Route | None:
        job.report(0.0, None, "Opening the experts", asked)
        if resumed is not None:
            job.report(0.0, None, "Going on", resumed)
        _wait_until_warm(job)
        event: Event | None = None
        for event in _until_stopped(_events(asked, router, job, resumed), job.stop):
            steps = event.step if not isinstance(event, Step | Route) else 0
            eta_s = usual_s.get(event.expert or "") if isinstance(event, Decision) else None
            job.report(steps / router.config.episode.t_max, eta_s, _words(event), event)
        return event if isinstance(event, Route) else None

    return board().start(ROUTE, f"Routing “{asked.question.text[:60]}”", work, owner)


def asked_of(job: JobSnapshot | None) -> Asked | None:
    """Return what a job asks, None where it is none of those that ask."""
    first = job.history[0] if job is not None and job.history else None
    return first if isinstance(first, Asked) else None


def events_of(job: JobSnapshot) -> list[Event]:
    """Return the events of a route so far; one that goes on is never less far than it was."""
    events = [event for event in job.history if isinstance(event, Decision | Step | Route)]
    resumed = resumed_of(job)
    return events if resumed is None or len(events) >= len(resumed.events) else list(resumed.events)


def resumed_of(job: JobSnapshot) -> Resumed | None:
    """Return how a route goes on that was left; None for one that was not."""
    return next((record for record in job.history[1:2] if isinstance(record, Resumed)), None)


def waiting_for(job: JobSnapshot) -> Decision | None:
    """Return the choice of the expert that has been asked and has not replied; None where nobody is waited for."""
    events = events_of(job)
    last = events[-1] if events else None
    return last if isinstance(last, Decision) and last.expert is not None else None


def go_on(job: JobSnapshot, owner: str, reply: Reply | None = None) -> str:
    """Leave the call that a route waits for and go on: with `reply` in its place, or without its expert. Returns the new job's id.

    A call under way is left to end by itself.
    """
    asked, left, before = asked_of(job), waiting_for(job), resumed_of(job)
    assert asked is not None and left is not None and left.expert is not None
    detour = before.detour if before else Detour()
    events = tuple(events_of(job)[:-1])
    steps = tuple(event for event in events if isinstance(event, Step))
    if reply is None:
        detour = replace(detour, steps=steps, without=(*detour.without, (left.expert, left.step)))
    else:
        detour = replace(detour, steps=steps, said=(*detour.said, (left.expert, left.previous_label, reply)))
    board().stop(job.id)
    board().wait(job.id, _LET_GO_S)
    return start_route(asked, owner, Resumed(before.first_id if before else job.id, detour, events))


def start_first_replies(asked: Asked, owner: str) -> str:
    """Ask every expert the question, without another's answer, in the background. Returns the job's id; JobBusy like `start_route`.

    The job's history is `asked` and then each FirstReply.
    """
    router, usual_s = run_router(asked.run_id), usual_seconds(asked.run_id)
    left_s = [sum(usual_s.get(spec.name, math.nan) for spec in router.experts[place:]) for place in range(len(router.experts) + 1)]

    def work(job: JobHandle) -> None:
        job.report(0.0, _known(left_s[0]), "Opening the experts", asked)
        _wait_until_warm(job)
        for place, reply in enumerate(_until_stopped(_first_replies(asked, router), job.stop), start=1):
            job.report(place / len(router.experts), _known(left_s[place]), f"{reply.expert} has answered", reply)

    return board().start(FIRST_REPLIES, f"Asking every expert “{asked.question.text[:60]}”", work, owner)


def start_warming(experts: tuple[ExpertSpec, ...], owner: str) -> None:
    """Load the models of experts that run inside this program, in the background, with the fixed beginnings of their prompts.

    Nothing happens where these experts were the last that were warmed, where a file is missing, or while others are warmed or
    questions are under way: opening other experts would close those. The job's history begins with Warming.
    """
    if not any(models_are_files(spec) for spec in experts):
        return
    jobs = [latest(kind) for kind in (ROUTE, FIRST_REPLIES, WARMING)]
    last = jobs[-1]
    if any(job is not None and job.state.active for job in jobs) or (last is not None and last.history[:1] == (Warming(experts),)):
        return
    try:
        places = located(experts)
    except ModelMissing:  # the page says which, and what to do
        return

    def work(job: JobHandle) -> float:
        job.report(0.0, None, "Opening the experts", Warming(experts))
        cold = [expert for expert in _held_open(places, allow_remote()).experts if isinstance(expert, Warmable)]
        seconds = 0.0
        for place, expert in enumerate(cold):
            if job.stop.is_set():
                break
            job.report(place / len(cold), None, f"Loading {expert.spec.name} and reading the beginning of its prompts")
            seconds += expert.warm()
        return seconds

    try:
        board().start(WARMING, "Loading the experts", work, owner)
    except JobBusy:  # another tab was quicker
        return


def _wait_until_warm(job: JobHandle) -> None:
    """Let a warming that is under way end first: seconds of loading are none of the first answer's own."""
    warming = latest(WARMING)
    while warming is not None and warming.state.active and not job.stop.wait(_POLL_S):
        job.report(0.0, None, warming.report.text)
        warming = latest(WARMING)


def usual_seconds(run_id: str) -> dict[str, float]:
    """Return the median seconds of a first reply of each expert, as recorded; an expert whose pace nobody measured is left out."""
    rows = {row["name"]: row["seconds_p50"] for row in run_report(run_id)["results"]["deployable"]}
    found = {name: rows.get(single_name(name)) for name in run_experts(run_id)}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


def usual_costs(run_id: str) -> dict[str, float]:
    """Return the mean cost of a first reply of each expert, as recorded, by exact name; nan where nobody knows it."""
    found = {row["name"]: _usual_cost(run_id, row) for row in run_report(run_id)["results"]["deployable"]}
    return {name: found.get(single_name(name), math.nan) for name in run_experts(run_id)}


def usual_single(run_id: str) -> Single | None:
    """Return one call of the best single expert as it usually is; None where the report compares none."""
    row = best_single_row(run_report(run_id))
    name = next((name for name in run_experts(run_id) if row is not None and single_name(name) == row["name"]), None)
    return None if row is None or name is None else Single(name, _usual_cost(run_id, row), math.nan)


def _usual_cost(run_id: str, row: Json) -> float:
    cost = row["costs"].get(run_report(run_id)["results"]["cost_mode"])
    return math.nan if cost is None else float(cost)


def _known(seconds: float) -> float | None:
    return None if math.isnan(seconds) else seconds


def located(experts: Sequence[ExpertSpec]) -> tuple[ExpertSpec, ...]:
    """Return where to find a router's experts on this machine; ModelMissing for a model file that is not here.

    Servers are where the person recorded the same expert here, else at the usual address of their backend; model files
    are looked for by name among the user's own and the installed ones.
    """
    return tuple(locate(expert, _recorded_here(expert), gguf_files()) for expert in experts)


def _recorded_here(expert: ExpertSpec) -> list[ExpertSpec]:
    served = (spec for spec in own_experts() if spec.host)
    return [spec for spec in served if (spec.name, spec.digest) == (expert.name, expert.digest)]


def _events(asked: Asked, router: TrainedRouter, job: JobHandle, resumed: Resumed | None) -> Iterator[Event]:
    experts = _open(router)
    job.report(0.0, None, "Encoding the question; the first one loads the encoder, which takes some seconds")
    detour = resumed.detour if resumed else None
    yield from live_events(asked.question, router, experts, live_encoder(router.config.encoder), asked.end, detour)


def _first_replies(asked: Asked, router: TrainedRouter) -> Iterator[FirstReply]:
    yield from first_replies(router.live_source([asked.question], _open(router)))


def _open(router: TrainedRouter) -> Sequence[Expert]:
    experts = _held_open(located(router.experts), allow_remote()).experts
    check_experts_match(router, [expert.spec for expert in experts])
    return experts


def _words(event: Event) -> str:
    if isinstance(event, Route):
        return "The route has ended"
    if isinstance(event, Step):
        return "The router chooses"
    return f"Asking {event.expert}; a model that is not loaded yet is loaded first" if event.expert else "The router stops"


def _until_stopped(results: Iterator[T], stop: threading.Event) -> Iterator[T]:
    """Yield `results` as they come, and nothing more within moments of `stop` being set: a call under way is left to end by itself."""
    worker = ThreadPoolExecutor(1, thread_name_prefix="asking")
    try:
        while not stop.is_set():
            following: Future[T | None] = worker.submit(next, results, None)
            while not wait([following], timeout=_POLL_S).done:
                if stop.is_set():
                    return
            result = following.result()
            if result is None:
                return
            yield result
    finally:
        worker.shutdown(wait=False, cancel_futures=True)


def _let_go(held: _Held) -> None:
    held.stack.close()


@st.cache_resource(max_entries=1, show_spinner=False, on_release=_let_go)
def _held_open(specs: tuple[ExpertSpec, ...], remote: bool) -> _Held:
    options = AskOptions(
        connect_timeout_s=_CONNECT_S, read_timeout_s=_READ_S, retries=0, states_folder=str(states_folder()), allow_remote=remote
    )
    stack = ExitStack()
    return _Held(tuple(stack.enter_context(open_experts(specs, options))), stack)
