"""A baseline's route told again is the route it took; no route beats the best one; first replies see no other answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_table
from table_experts import table_experts
from trained_routers import ENCODER, QUICK_DEPLOYABLE, QUICK_PAPER, changed, untrained_router

from der_core.config import EpisodeConfig, RewardConfig, TrainConfig
from der_core.errors import ExpertError
from der_core.evaluation.rollout import rollout
from der_core.evaluation.single_route import BestRoute, best_route, first_replies, retrace
from der_core.recording.table import Table
from der_core.records import Label, Question, Route, Step
from der_core.routing.baselines import Baseline, Part, build_baselines
from der_core.routing.cost import fit_prices
from der_core.routing.live import Decision, LiveSource
from der_core.routing.optimum import solve
from der_core.routing.process import DecisionProcess, StopReason
from der_core.routing.saved.trained import AgentRouter
from der_core.routing.sources import TableSource

THRESHOLDS = np.array([0.4, np.nan, 0.55])
REWARD = QUICK_DEPLOYABLE.reward


def table_source(table: Table, thresholds: np.ndarray = THRESHOLDS) -> TableSource:
    return TableSource(table, fit_prices(table, "compute"), thresholds)


def live_source(table: Table, question: Question, thresholds: np.ndarray = THRESHOLDS) -> LiveSource:
    return LiveSource([question], table_experts(table), fit_prices(table, "compute"), thresholds)


def every_baseline(table: Table, config: TrainConfig) -> Sequence[Baseline]:
    part = Part(table_source(table), np.random.default_rng(2).normal(size=(table.n_questions, 6)).astype(np.float32))
    return build_baselines(part, part, part, config, 0.01, np.random.default_rng(3))


@pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, QUICK_PAPER], ids=["deployable", "paper"])
def test_a_retraced_route_is_the_route_that_was_taken(config: TrainConfig) -> None:
    table = random_table(np.random.default_rng(4), 14, 3, invalid=0.15)
    names = [spec.name for spec in table.experts]
    for router in every_baseline(table, config):
        run = rollout(router, table_source(table), config.reward)
        for row, question in enumerate(table.questions):
            *_, route = retrace(run, row, live_source(table, question), config.reward)
            assert isinstance(route, Route)
            calls = int(run.calls[row])
            assert [step.expert for step in route.steps] == [names[expert] for expert in run.experts[row, :calls]], router.name
            assert [int(step.previous_label) for step in route.steps] == run.shown[row, :calls].tolist()
            assert [int(step.label) for step in route.steps] == run.labels[row, :calls].tolist()
            assert route.cost == pytest.approx(run.costs[row].sum())
            assert route.stop_reason == StopReason(int(run.reasons[row])).words


@pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, QUICK_PAPER], ids=["deployable", "paper"])
def test_no_router_makes_an_answer_of_replies_that_say_neither(config: TrainConfig) -> None:
    table = random_table(np.random.default_rng(5), 12, 3)
    unread = replace(table, labels=np.full_like(table.labels, Label.INVALID))
    for router in [*every_baseline(unread, config), agent(unread, config)]:
        run = rollout(router, table_source(unread), config.reward)
        assert (run.answers == Label.INVALID).all() and not run.correct.any(), router.name


def agent(table: Table, config: TrainConfig) -> AgentRouter:
    trained = untrained_router(table, config, 1, prices=fit_prices(table, "compute"), thresholds=THRESHOLDS)
    return AgentRouter(trained, trained.state.question_vectors(table.questions, ENCODER))


def test_a_stop_is_told_as_a_decision_of_its_own() -> None:
    table = make_table([[1, 2]], gold=[Label.YES])
    run = rollout(_stopping(), table_source(table, np.full(2, np.nan)), REWARD)
    events = list(retrace(run, 0, live_source(table, table.questions[0], np.full(2, np.nan)), REWARD))
    assert [type(event) for event in events] == [Decision, Step, Decision, Route]
    assert isinstance(events[2], Decision) and events[2].expert is None


def _stopping() -> Baseline:
    from der_core.routing.baselines import Plan
    from der_core.routing.router import RouteRules

    return Plan(name="one, then stop", family="static", rules=RouteRules(EpisodeConfig(end="stop_action")), actions=np.array([[0, 2, 0]]))


@pytest.mark.parametrize("end", ["stop_action", "gold", "agreement", "never"])
def test_the_best_route_is_worth_what_the_optimum_promises(end: str) -> None:
    table = random_table(np.random.default_rng(6), 20, 3)
    source, episode = table_source(table), EpisodeConfig(end=end)  # one of the ends above
    values = solve(DecisionProcess(source, episode, REWARD), 0.95).start_value()
    for row in range(table.n_questions):
        best = best_route(source, row, episode, REWARD, 0.95)
        assert best.value == pytest.approx(values[row])
        assert best.right == (best.labels[-1] == table.questions[row].gold)
        assert len(best.experts) == len(best.labels) <= episode.t_max


def test_no_route_under_the_same_rules_earns_more_than_the_best_one() -> None:
    table = random_table(np.random.default_rng(7), 30, 3)
    for seed in range(3):
        trained = untrained_router(
            table, changed(QUICK_DEPLOYABLE, no_repeat=False), seed, prices=fit_prices(table, "compute"), thresholds=THRESHOLDS
        )
        router = AgentRouter(trained, trained.state.question_vectors(table.questions, ENCODER))
        earned = rollout(router, table_source(table), REWARD).returns(0.95)
        best = [best_route(table_source(table), row, router.rules.episode, REWARD, 0.95).value for row in range(table.n_questions)]
        assert np.all(np.array(best) >= earned - 1e-9)
        assert np.any(np.array(best) > earned + 0.1)


def test_the_best_route_of_a_known_table() -> None:
    """Expert 0 is wrong, expert 1 right: asked at once, it earns 1 + beta less its price, and gamma one step later."""
    table = make_table([[Label.NO, Label.YES]], gold=[Label.YES], seconds=[0.1, 0.3])
    reward = RewardConfig(alpha=0.1, shaping="potential")
    best = best_route(table_source(table, np.full(2, np.nan)), 0, EpisodeConfig(end="stop_action"), reward, 0.95)
    assert (best.experts, best.labels, best.right) == (("expert1",), (Label.YES,), True)
    assert best.cost == pytest.approx(3.0)
    assert best.value == pytest.approx(2.2 - 0.3 + 0.95)
    assert best.stop_reason == StopReason.STOP_ACTION.words


def test_first_replies_are_those_after_no_answer() -> None:
    table = random_table(np.random.default_rng(9), 6, 3, invalid=0.2)
    source = table_source(table)
    for row, question in enumerate(table.questions):
        replies = list(first_replies(live_source(table, question)))
        assert [reply.expert for reply in replies] == [spec.name for spec in table.experts]
        assert [int(reply.label) for reply in replies] == source.labels[row, :, 0].tolist()
        np.testing.assert_allclose([reply.cost for reply in replies], source.costs[row, :, 0])
        np.testing.assert_allclose([reply.seconds for reply in replies], source.seconds[row, :, 0])
        assert [reply.quality for reply in replies] == source.quality[row, :, 0].tolist()


def test_what_a_route_lost_is_told_against_the_best_one() -> None:
    best = BestRoute(("a",), (Label.YES,), True, 1.5, 3.0, "")
    assert best.cost_lost(1.25) == -0.25
    assert best.value_lost(1.0) == 2.0


def test_first_replies_need_no_gold_answer() -> None:
    table = random_table(np.random.default_rng(9), 2, 3)
    replies = list(first_replies(live_source(table, replace(table.questions[0], gold=None))))
    assert len(replies) == 3
    assert all(math.isnan(reply.quality) for reply in replies)


def test_an_expert_without_a_reply_ends_the_round() -> None:
    table = random_table(np.random.default_rng(9), 2, 3)
    source = live_source(table, table.questions[0])

    def fails(question: Question, previous: Label) -> None:
        raise ExpertError("Nothing answers there.")

    source.experts[1].ask = fails  # a fault put into a fake
    told = first_replies(source)
    assert next(told).expert == "expert0"
    with pytest.raises(ExpertError, match="Nothing answers"):
        next(told)
