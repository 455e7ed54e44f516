"""Recorded questions: their routes replayed, held against the best possible one, and what every expert says first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from der_core.config import EpisodeConfig
from der_core.evaluation.comparison import Row
from der_core.evaluation.experiment import Evaluation, agent_routers
from der_core.evaluation.single_route import BestRoute, FirstReply, best_route, first_replies, retrace
from der_core.recording.replay import RecordedExpert
from der_core.records import Label, Question
from der_core.routing.live import LiveSource, route_events
from der_core.routing.trained import AgentRouter, TrainedRouter
from ui.home import RecordingRef, run_store
from ui.loaders import open_store, run_evaluation, run_recording, run_router, text_encoder
from ui.route_view import Event

NO_CALLS = "constant"


@dataclass(frozen=True, eq=False)
class Stage:
    """What replays need of a run: its recording, its comparison, and the rules of its learned rows by name."""

    run_id: str
    ref: RecordingRef
    evaluation: Evaluation
    router: TrainedRouter
    learned: dict[str, EpisodeConfig]

    @property
    def questions(self) -> tuple[Question, ...]:
        """The held-out questions, in the order of the comparison."""
        return self.evaluation.parts.test.questions

    @property
    def rows(self) -> dict[str, Row]:
        """The routers that can be replayed, by name, learned ones first."""
        asking = [row for row in self.evaluation.comparison.rows if row.family != NO_CALLS]
        return {row.name: row for row in sorted(asking, key=lambda row: row.family != "learned")}


@dataclass(frozen=True)
class Replay:
    """One replayed route, and what it could have been.

    `value` is its discounted return, None where it ran under other rules than the run's, so that the two
    returns could not be compared.
    """

    events: tuple[Event, ...]
    answer: Label
    cost: float
    value: float | None
    best: BestRoute


def set_stage(run_id: str) -> Stage | None:
    """Return what replays of a run need; None where its recording is not here (any more)."""
    ref = run_recording(run_id)
    return None if ref is None else _stage(str(run_store().root), run_id, ref)


def replay(stage: Stage, question: Question, name: str) -> Replay:
    """Return the route that router `name` takes for a held-out question."""
    evaluation, config = stage.evaluation, stage.router.config
    row, run = _row_of(stage, question), evaluation.comparison.rollouts[name]
    episode = stage.learned.get(name)
    with open_store(stage.ref) as store:
        source = _recorded_source(stage, question, [RecordedExpert(store, stage.ref.name, spec) for spec in evaluation.parts.test.experts])
        if episode is None:
            events = tuple(retrace(run, row, source, config.reward))
        else:
            events = tuple(route_events(question, _agent(stage, question, episode, name), source, config.reward))
    return Replay(
        events=events,
        answer=Label(int(run.answers[row])),
        cost=float(run.costs[row].sum()),
        value=None if episode is None else float(run.returns(config.ppo.discount)[row]),
        best=best_route(evaluation.source, row, episode or config.episode, config.reward, config.ppo.discount),
    )


def recorded_first_replies(stage: Stage, question: Question) -> list[FirstReply]:
    """Return what every expert said to a recorded question when nobody had answered before."""
    with open_store(stage.ref) as store:
        experts = [RecordedExpert(store, stage.ref.name, spec) for spec in stage.evaluation.parts.test.experts]
        return list(first_replies(_recorded_source(stage, question, experts)))


def _recorded_source(stage: Stage, question: Question, experts: Sequence[RecordedExpert]) -> LiveSource:
    return LiveSource([question], experts, stage.router.prices, stage.router.thresholds)


def _agent(stage: Stage, question: Question, episode: EpisodeConfig, name: str) -> AgentRouter:
    encoder = text_encoder(stage.ref, stage.router.config.encoder)
    return AgentRouter(stage.router, stage.router.state.question_vectors([question], encoder), end=episode.end, name=name)


def _row_of(stage: Stage, question: Question) -> int:
    return int(stage.evaluation.parts.test.rows_of([question.id])[0])


@st.cache_resource(max_entries=4, show_spinner=False)
def _stage(root: str, run_id: str, ref: RecordingRef) -> Stage | None:
    evaluation, router = run_evaluation(run_id), run_router(run_id)
    if evaluation is None:
        return None
    agents = agent_routers(router, evaluation.parts.test.questions, text_encoder(ref, router.config.encoder))
    return Stage(run_id, ref, evaluation, router, {agent.name: agent.rules.episode for agent in agents})
