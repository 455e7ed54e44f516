"""A live route takes the steps that the replay takes, tells each choice before it asks, and looks at no gold answer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEncoder, ScriptedExpert, make_questions, make_spec, make_table, says
from random_tables import random_table
from table_experts import table_experts
from trained_routers import ENCODER, QUICK_DEPLOYABLE, QUICK_PAPER, changed, untrained_router

from der_core.config import CostMode, End, RewardConfig, TrainConfig
from der_core.errors import ExpertTimeout, SettingsError
from der_core.evaluation.rollout import Rollout, rollout
from der_core.experts.protocol import Expert
from der_core.recording.recorder import record
from der_core.recording.replay import RecordedExpert
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Question, Route, Step
from der_core.routing.baselines import Plan
from der_core.routing.baselines.baseline import plain_episode
from der_core.routing.cost import fit_prices
from der_core.routing.live import Decision, LiveSource, route_events, route_question
from der_core.routing.process import StopReason
from der_core.routing.router import Router, RouteRules
from der_core.routing.saved.trained import AgentRouter, TrainedRouter
from der_core.routing.sources import TableSource

STOP = 3
REWARD = RewardConfig()


def live_route(trained: TrainedRouter, experts: Sequence[Expert], question: Question, end: End | None = None) -> Route:
    router = AgentRouter(trained, trained.state.question_vectors([question], ENCODER), end=end)
    return route_question(question, router, LiveSource([question], experts, trained.prices, trained.thresholds), trained.config.reward)


def replayed(trained: TrainedRouter, table: Table, end: End | None = None) -> Rollout:
    router = AgentRouter(trained, trained.state.question_vectors(table.questions, ENCODER), end=end)
    return rollout(router, TableSource(table, trained.prices, trained.thresholds), trained.config.reward)


def assert_alike(route: Route, run: Rollout, row: int, names: Sequence[str]) -> None:
    calls = int(run.calls[row])
    assert [step.expert for step in route.steps] == [names[expert] for expert in run.experts[row, :calls]]
    assert [int(step.label) for step in route.steps] == run.labels[row, :calls].tolist()
    assert [int(step.previous_label) for step in route.steps] == run.shown[row, :calls].tolist()
    assert route.stop_reason == StopReason(int(run.reasons[row])).words
    assert int(route.answer) == run.answers[row]
    np.testing.assert_allclose([step.cost for step in route.steps], run.costs[row, :calls])
    np.testing.assert_allclose([step.seconds for step in route.steps], run.seconds[row, :calls])
    assert run.probabilities is not None
    for t, step in enumerate(route.steps):
        np.testing.assert_allclose(step.probabilities, run.probabilities[row, t], rtol=1e-5)  # P(yes) is single precision in a table


SETTINGS: list[tuple[TrainConfig, End | None, CostMode]] = [
    (QUICK_DEPLOYABLE, None, "compute"),
    (QUICK_DEPLOYABLE, "agreement", "tokens"),
    (QUICK_DEPLOYABLE, "never", "params"),
    (changed(QUICK_DEPLOYABLE, end="confidence", confidence=0.8), None, "compute"),
    (changed(QUICK_DEPLOYABLE, no_repeat=False, t_max=4), None, "wall"),
    (QUICK_PAPER, None, "latency"),
    (QUICK_PAPER, "agreement", "latency"),
    (QUICK_PAPER, "confidence", "latency"),
]


@pytest.mark.parametrize(("config", "end", "mode"), SETTINGS)
def test_live_and_replay_choose_alike(config: TrainConfig, end: End | None, mode: CostMode) -> None:
    table = random_table(np.random.default_rng(5), 24, 3, invalid=0.15)
    for seed in (0, 1):
        trained = untrained_router(table, changed(config, cost_mode=mode), seed)
        run, experts = replayed(trained, table, end), table_experts(table)
        for row, question in enumerate(table.questions):
            assert_alike(live_route(trained, experts, question, end), run, row, trained.prices.experts)


def test_routes_of_the_conformance_test_differ() -> None:
    """A router that always did the same would make the test above an easy one."""
    table = random_table(np.random.default_rng(5), 24, 3, invalid=0.15)
    run = replayed(untrained_router(table, QUICK_DEPLOYABLE), table)
    assert len(set(run.calls.tolist())) > 1
    assert len({tuple(route) for route in run.experts.tolist()}) > 3
    assert len(set(run.reasons.tolist())) > 1


def test_a_recording_answers_as_the_experts_did(tmp_path: Path) -> None:
    """Through the real store: experts recorded, replayed by RecordedExpert, and loaded as a table."""
    questions = make_questions(8)
    experts = [ScriptedExpert(make_spec(name), _opinionated(name)) for name in ("first", "second", "third")]
    with Store.open(tmp_path / "store.sqlite") as store:
        record(store, "demo", questions, {expert.spec.name: [expert] for expert in experts})
        table = load_table(store, "demo")
        trained = untrained_router(table, QUICK_DEPLOYABLE)
        recorded = [RecordedExpert(store, "demo", spec) for spec in table.experts]
        run = replayed(trained, table)
        for row, question in enumerate(table.questions):
            live, replay = live_route(trained, experts, question), live_route(trained, recorded, question)
            assert [step.reply for step in live.steps] == [step.reply for step in replay.steps]
            assert_alike(live, run, row, trained.prices.experts)
            assert_alike(replay, run, row, trained.prices.experts)


def _opinionated(name: str):
    def script(question: Question, previous: Label) -> tuple[Label, float]:
        p_yes = float(np.random.default_rng(list(f"{name} {question.id} {int(previous)}".encode())).uniform(0.02, 0.98))
        return (Label.YES if p_yes >= 0.5 else Label.NO), p_yes

    return script


@pytest.mark.parametrize("end", ["stop_action", "confidence", "agreement", "never"])
def test_the_gold_answer_changes_nothing(end: End) -> None:
    table = random_table(np.random.default_rng(8), 16, 3)
    trained = untrained_router(table, changed(QUICK_DEPLOYABLE, end=end))
    experts = table_experts(table)
    for question in table.questions:
        known, unknown = (live_route(trained, experts, asked) for asked in (question, replace(question, gold=None)))
        assert [(s.expert, s.label, s.cost, s.probabilities) for s in known.steps] == [
            (s.expert, s.label, s.cost, s.probabilities) for s in unknown.steps
        ]
        assert known.stop_reason == unknown.stop_reason
        assert all(math.isnan(step.quality) for step in unknown.steps)
        assert [step.quality for step in known.steps] == [float(step.label == question.gold) for step in known.steps]


def test_a_gold_end_is_refused_where_nobody_knows_the_answer() -> None:
    table = random_table(np.random.default_rng(1), 4, 3)
    trained, experts = untrained_router(table, QUICK_PAPER), table_experts(table)
    with pytest.raises(SettingsError, match="Choose the end confidence, agreement or never"):
        live_route(trained, experts, replace(table.questions[0], gold=None))
    assert not any(expert.asked for expert in experts)


def plan(*actions: int, t_max: int = 3) -> Router:
    return Plan(name="plan", family="static", rules=RouteRules(plain_episode(QUICK_DEPLOYABLE.episode, t_max)), actions=np.array([actions]))


def planned_source(*scripts: ScriptedExpert) -> LiveSource:
    table = make_table(np.full((1, len(scripts)), int(Label.YES)), experts=[expert.spec for expert in scripts])
    return LiveSource(make_questions(1), scripts, fit_prices(table, "compute"), np.full(len(scripts), np.nan))


def three(label: Label = Label.NO) -> list[ScriptedExpert]:
    return [ScriptedExpert(make_spec(name), says(label, 0.2)) for name in ("a", "b", "c")]


def test_each_choice_is_told_before_the_expert_is_asked() -> None:
    experts = three()
    source = planned_source(*experts)
    events = route_events(source.questions[0], plan(1, 0, STOP), source, REWARD)
    first = next(events)
    assert isinstance(first, Decision) and first.expert == "b" and not experts[1].asked
    assert isinstance(next(events), Step) and len(experts[1].asked) == 1
    second = next(events)
    assert isinstance(second, Decision) and second.previous_label == Label.NO and not experts[0].asked


def test_events_come_in_order_and_end_with_the_route() -> None:
    source = planned_source(*three())
    events = list(route_events(source.questions[0], plan(1, 0, STOP), source, REWARD))
    assert [type(event) for event in events] == [Decision, Step, Decision, Step, Decision, Route]
    route = events[-1]
    assert isinstance(route, Route)
    assert list(route.steps) == [event for event in events if isinstance(event, Step)]
    assert [event.step for event in events if isinstance(event, Decision)] == [0, 1, 2]


def test_stopping_asks_nobody_and_shows_no_prompt() -> None:
    source = planned_source(*three())
    *_, stop, route = route_events(source.questions[0], plan(0, STOP), source, REWARD)
    assert isinstance(stop, Decision) and (stop.expert, stop.prompt) == (None, "")
    assert isinstance(route, Route) and len(route.steps) == 1
    assert route.stop_reason == StopReason.STOP_ACTION.words


def test_the_prompt_told_is_the_prompt_asked() -> None:
    experts = three(Label.YES)
    source = planned_source(*experts)
    decisions = [e for e in route_events(source.questions[0], plan(0, 2, t_max=2), source, REWARD) if isinstance(e, Decision)]
    assert decisions[0].prompt == experts[0].request(source.questions[0], Label.NONE).text
    assert decisions[1].prompt == experts[2].request(source.questions[0], Label.YES).text
    assert experts[2].asked == [("q0", Label.YES)]


def test_without_transfer_no_answer_is_shown() -> None:
    experts = three()
    source = planned_source(*experts)
    voting = replace(plan(0, 1, 2), rules=RouteRules(plain_episode(QUICK_DEPLOYABLE.episode, 3), transfer=False))
    route = route_question(source.questions[0], voting, source, REWARD)
    assert [step.previous_label for step in route.steps] == [Label.NONE] * 3
    assert [expert.asked for expert in experts] == [[("q0", Label.NONE)]] * 3


def test_a_repeated_choice_is_replaced_and_said_to_be() -> None:
    source = planned_source(*three())
    refused = replace(plan(1, 1, t_max=2), rules=RouteRules(replace(plain_episode(QUICK_DEPLOYABLE.episode, 2), no_repeat=True)))
    decisions = [event for event in route_events(source.questions[0], refused, source, REWARD) if isinstance(event, Decision)]
    assert [(event.expert, event.repeated) for event in decisions] == [("b", False), ("c", True)]


def test_a_threshold_relabels_a_live_reply() -> None:
    experts = [ScriptedExpert(make_spec("a"), says(Label.NO, 0.4))]
    source = planned_source(*experts)
    source.thresholds = np.full((1, 4), 0.3)
    (step,) = route_question(source.questions[0], plan(0, t_max=1), source, REWARD).steps
    assert (step.reply.label, step.label) == (Label.NO, Label.YES)


def test_an_experts_fault_ends_the_route_as_what_it_is() -> None:
    def fails(question: Question, previous: Label) -> tuple[Label, float | None]:
        raise ExpertTimeout("No complete reply from http://127.0.0.1:11434 in time; raise the read timeout or choose a smaller model.")

    source = planned_source(ScriptedExpert(make_spec("a"), says(Label.NO)), ScriptedExpert(make_spec("b"), fails))
    events = route_events(source.questions[0], plan(0, 1, t_max=2), source, REWARD)
    told = list(itertools.islice(events, 3))
    assert [type(event) for event in told] == [Decision, Step, Decision]
    with pytest.raises(ExpertTimeout, match="in time"):
        next(events)


def test_experts_in_another_order_are_refused() -> None:
    a, b, c = three()
    prices = planned_source(a, b, c).prices
    with pytest.raises(SettingsError, match="in this order"):
        LiveSource(make_questions(1), [b, a, c], prices, np.full(3, np.nan))


def test_routing_needs_only_the_vectors_of_its_question() -> None:
    """The encoder sees the typed question and nothing of the recording."""
    table = random_table(np.random.default_rng(3), 12, 3)
    trained = untrained_router(table, QUICK_DEPLOYABLE)
    seen: list[str] = []

    class Watched(HashEncoder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            seen.extend(texts)
            return super().encode(texts)

    typed = Question("typed", "Is this question new?", "A passage nobody has recorded.")
    trained.state.question_vectors([typed], Watched())
    assert set(seen) <= {typed.text, typed.passage, "", "yes", "no", "invalid"}
