"""Recorded questions: their routes replayed, held against the best possible one, and what every expert says first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import streamlit as st

from der_core.config import EpisodeConfig
from der_core.errors import DerError, ExpertError
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.experiment import Evaluation, agent_routers
from der_core.evaluation.reported import reported_comparison
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.single_route import BestRoute, FirstReply, best_route, first_replies, retrace
from der_core.evaluation.stories import Story, stories
from der_core.recording.replay import RecordedExpert
from der_core.records import Label, Question, Reply, Step
from der_core.routing.baselines import single_name
from der_core.routing.live import Decision, LiveSource, route_events
from der_core.routing.saved.trained import AgentRouter, TrainedRouter
from der_core.routing.sources import TableSource
from ui.route.stage_data import Single
from ui.route.view import Event
from ui.shared.home import RecordingRef, run_store
from ui.shared.loaders import (
    load,
    open_store,
    ready_encoder,
    recorded_experts,
    run_evaluation,
    run_parts,
    run_recording,
    run_report,
    run_router,
    text_encoder,
)

NO_CALLS = "constant"


@dataclass(frozen=True, eq=False)
class Stage:
    """What replays need of a run: its recording, its report's rows, its router on the held-out questions, by the name of the row."""

    run_id: str
    ref: RecordingRef
    comparison: Comparison
    traced: str
    source: TableSource
    router: TrainedRouter
    learned: Mapping[str, AgentRouter]
    _told: dict[str, tuple[Told, ...]] = field(default_factory=dict)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The held-out questions, in the order of the comparison."""
        return self.source.table.questions

    @property
    def rows(self) -> dict[str, Row]:
        """The routers that can be replayed, by name, learned ones first."""
        asking = [row for row in self.comparison.rows if row.family != NO_CALLS]
        return {row.name: row for row in sorted(asking, key=lambda row: row.family != "learned")}

    @cached_property
    def evaluation(self) -> Evaluation:
        """The comparison made again, for the routes of baselines: they have to be fitted, which takes a moment."""
        found = run_evaluation(self.run_id)
        assert found is not None  # its recording was found for this stage
        return found

    @cached_property
    def best_single(self) -> int:
        """The place of the best single expert."""
        names = [single_name(spec.name) for spec in self.source.table.experts]
        return names.index(self.comparison.reference.best_single)

    def single_call(self, question: Question) -> Single:
        """Return what one call of the best single expert came to on a held-out question."""
        at = (_row_of(self, question), self.best_single, Label.NONE)
        source = self.source
        expert = source.table.experts[self.best_single].name
        return Single(expert, float(source.costs[at]), float(source.seconds[at]), Label(int(source.labels[at])))

    def good_choices(self, question: Question, events: Sequence[Event]) -> list[list[bool]]:
        """Return for each decision of a route whether each expert would have been right then, and last whether stopping would."""
        row, gold = _row_of(self, question), question.gold
        decisions = [event for event in events if isinstance(event, Decision)]
        said = [Label.NONE, *(event.label for event in events if isinstance(event, Step))]
        return [
            [*(self.source.labels[row, :, decision.previous_label] == gold).tolist(), said[decision.step] == gold] for decision in decisions
        ]

    def told(self, name: str) -> tuple[Told, ...]:
        """Return what came of the routes of router `name`, in the order of the questions."""
        if name not in self._told:
            run = self._routes(name)
            found = zip(self.questions, stories(run, self.source, self.best_single), run.calls, run.correct, strict=True)
            self._told[name] = tuple(Told(question, story, int(calls), bool(right)) for question, story, calls, right in found)
        return self._told[name]

    def _routes(self, name: str) -> Rollout:
        agent = self.learned.get(name)
        return self.evaluation.comparison.rollouts[name] if agent is None else rollout(agent, self.source, self.router.config.reward)


@dataclass(frozen=True)
class Told:
    """What came of the route for one question: its story if it has one, calls, and whether the answer is right."""

    question: Question
    story: Story | None
    calls: int
    right: bool


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
    config, row, agent = stage.router.config, _row_of(stage, question), stage.learned.get(name)
    if agent is None:
        run, place = stage.evaluation.comparison.rollouts[name], row
    else:
        run, place = rollout(agent, stage.source, config.reward, rows=np.array([row])), 0
    episode = agent.rules.episode if agent else None
    with open_store(stage.ref) as store:
        source = _recorded_source(stage, question, [RecordedExpert(store, stage.ref.name, spec) for spec in stage.source.table.experts])
        if episode is None:
            events = tuple(retrace(run, place, source, config.reward))
        else:
            events = tuple(route_events(question, _agent(stage, question, episode, name), source, config.reward))
    return Replay(
        events=events,
        answer=Label(int(run.answers[place])),
        cost=float(run.costs[place].sum()),
        value=None if episode is None else float(run.returns(config.ppo.discount)[place]),
        best=best_route(stage.source, row, episode or config.episode, config.reward, config.ppo.discount),
    )


def recorded_first_replies(stage: Stage, question: Question) -> list[FirstReply]:
    """Return what every expert said to a recorded question when nobody had answered before."""
    with open_store(stage.ref) as store:
        experts = [RecordedExpert(store, stage.ref.name, spec) for spec in stage.source.table.experts]
        return list(first_replies(_recorded_source(stage, question, experts)))


def recorded_reply(run_id: str, question: Question, expert: str, shown: Label) -> Reply | None:
    """Return what an expert replied when a question was recorded, None where this question, or that call of it, was not."""
    try:
        ref = run_recording(run_id)
        asked = load(ref).questions if ref else ()
    except DerError:  # the replay tells what is wrong with the recording
        return None
    same = next((one for one in asked if (one.text, one.passage or None) == (question.text, question.passage)), None)
    if ref is None or same is None:
        return None
    spec = next(spec for spec in recorded_experts(ref) if spec.name == expert)
    with open_store(ref) as store:
        try:
            return RecordedExpert(store, ref.name, spec).ask(same, shown)
        except ExpertError:
            return None


def _recorded_source(stage: Stage, question: Question, experts: Sequence[RecordedExpert]) -> LiveSource:
    return stage.router.live_source([question], experts)


def _agent(stage: Stage, question: Question, episode: EpisodeConfig, name: str) -> AgentRouter:
    encoder = text_encoder(stage.ref, stage.router.config.encoder)
    return AgentRouter(stage.router, stage.router.state.question_vectors([question], encoder), end=episode.end, name=name)


def _row_of(stage: Stage, question: Question) -> int:
    return int(stage.source.table.rows_of([question.id])[0])


@st.cache_resource(max_entries=4, show_spinner=False)
def _stage(root: str, run_id: str, ref: RecordingRef) -> Stage:
    report, router = run_report(run_id), run_router(run_id)
    test = run_parts(run_id, ref).test
    agents = agent_routers(router, test.questions, ready_encoder(ref, test.questions, router.config))
    return Stage(
        run_id=run_id,
        ref=ref,
        comparison=reported_comparison(report),
        traced=report["traces"]["router"],
        source=router.table_source(test),
        router=router,
        learned={agent.name: agent for agent in agents},
    )
