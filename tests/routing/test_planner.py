"""The planner: worth by hand, second opinions where they pay, and estimates that are as often right as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of
from test_baselines import BAD, EPISODE, NO, REWARD, YES, part
from test_baselines import TestNeighbours as Neighbours

from der_core.config import EpisodeConfig
from der_core.errors import SettingsError
from der_core.evaluation.rollout import rollout
from der_core.routing import planning
from der_core.routing.baselines.planner import fit_planner
from der_core.routing.estimates import Estimate
from der_core.routing.planning import Planned, PlannerPolicy, check_can_plan, n_histories
from der_core.routing.process import Situation
from der_core.routing.sources import Part

ONE_COMPONENT = np.zeros((1, 1))


def always(probability: float, n_features: int) -> Estimate:
    return Estimate(np.zeros(1 + n_features), float(np.log(probability / (1 - probability))))


Expert = tuple[float, float, float]


def planned_of(*experts: Expert, t_max: int, **rules: object) -> Planned:
    """Of two experts that say yes half of the time: P(invalid), P(right) of a valid reply, cost."""
    estimates = (
        tuple(always(invalid, 5) for invalid, _, _ in experts),
        tuple(always(0.5, 5) for _ in experts),
        tuple(always(right, 6) for _, right, _ in experts),
        tuple(always(right, 8) for _, right, _ in experts),
    )
    policy = PlannerPolicy(*estimates, np.array([[cost] * 4 for _, _, cost in experts]))
    return Planned(policy, ONE_COMPONENT, replace(EpisodeConfig(t_max=t_max, end="stop_action", no_repeat=False), **rules))


START = Situation.start(np.array([0]), 2)
CHEAP, DEAR = (0.4, 0.8, 0.02), (0.1, 0.9, 0.1)


def test_worth_by_hand_cheap_and_failing_then_dear() -> None:
    """The cheap one fails 4 times in 10 and costs .02; the dear one is right 9 times in 10 at .1, and fails once in 10."""
    planned = planned_of(CHEAP, DEAR, t_max=2)
    worth = planned.worth(START)[0]
    dear_alone = 0.9 * 0.9 - 0.1
    cheap_alone = 0.6 * 0.8 - 0.02
    # After a valid reply stopping is worth .8; asking the dear one .71. After a failure the dear one is worth .71.
    assert worth[0] == pytest.approx(-0.02 + 0.6 * 0.8 + 0.4 * dear_alone)
    assert worth[1] == pytest.approx(-0.1 + 0.9 * 0.9 + 0.1 * max(dear_alone, cheap_alone))
    assert np.isneginf(worth[2]), "nobody stops before the first reply"
    assert planned.choose(START).actions.tolist() == [1], ".781 against .744"


def test_after_the_last_call_nothing_is_planned() -> None:
    chosen = planned_of(CHEAP, DEAR, t_max=1).choose(START)
    assert chosen.actions.tolist() == [1], "one call: the dear one is worth .71, the cheap one .46"


def test_the_plan_keeps_to_no_repeat() -> None:
    """Asking the cheap one again after a failure is worth .46; where that is forbidden, the dear one is worth .41 there."""
    dearer = (0.1, 0.9, 0.4)
    worth = {rule: planned_of(CHEAP, dearer, t_max=2, no_repeat=rule).worth(START)[0, 0] for rule in (False, True)}
    assert worth[False] == pytest.approx(-0.02 + 0.6 * 0.8 + 0.4 * 0.46)
    assert worth[True] == pytest.approx(-0.02 + 0.6 * 0.8 + 0.4 * 0.41)
    failed = replace(START, step=START.step + 1, expert=START.expert + 1, label=START.label + np.int8(BAD))
    failed.tried[:, 0], failed.votes[:, BAD] = True, 1
    chosen = [planned_of(CHEAP, dearer, t_max=2, no_repeat=rule).choose(failed).actions[0] for rule in (False, True)]
    assert chosen == [0, 1]


def test_many_histories_are_refused_with_what_to_do() -> None:
    assert n_histories(2, 2) == 1 + 3 * 2, "nothing heard, or one of three labels from one of two experts"
    check_can_plan(4, 6)
    with pytest.raises(SettingsError, match="--tmax"):
        check_can_plan(16, 8)


def test_a_plan_for_few_questions_at_a_time_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    training, validation, test = (part(random_source(np.random.default_rng(seed), 60, 3, skill=0.7), seed) for seed in range(3))
    whole = rollout(fit_planner(training, validation, test.vectors, EPISODE, 0.02), test.source, REWARD)
    monkeypatch.setattr(planning, "_AT_ONCE", 0)
    apart = rollout(fit_planner(training, validation, test.vectors, EPISODE, 0.02), test.source, REWARD)
    assert np.array_equal(whole.experts, apart.experts)


def test_finds_who_is_good_at_what_and_stops() -> None:
    training, validation, test = (Neighbours.two_kinds(n) for n in (40, 20, 12))
    route = rollout(fit_planner(training, validation, test.vectors, EPISODE, 0.02), test.source, REWARD)
    assert route.experts[:, 0].tolist() == [q % 2 for q in range(12)]
    assert route.correct.all() and (route.experts[:, 1:] < 0).all()


def test_a_failure_sends_the_question_on_and_an_answer_does_not() -> None:
    gold = [YES, NO, YES, NO] * 30
    labels = [[g if q % 4 < 2 else BAD, g] for q, g in enumerate(gold)]
    source = source_of(make_table(labels, gold=gold, seconds=[0.1, 0.6]))
    route = rollout(fit_planner(part(source), part(source, 1), part(source, 2).vectors, EPISODE, 0.02), source, REWARD)
    assert route.correct.all()
    assert [route.experts[q].tolist() for q in (0, 2)] == [[0, -1, -1], [0, 1, -1]]


@pytest.mark.parametrize(("cost_weight", "first"), [(0.0, 1), (10.0, 0)])
def test_price_tips_the_balance(cost_weight: float, first: int) -> None:
    gold = [YES, NO] * 40
    labels = [[YES if q % 8 < 6 else BAD, g] for q, g in enumerate(gold)]
    source = source_of(make_table(labels, gold=gold, seconds=[0.1, 0.4]))
    router = fit_planner(part(source), part(source, 1), part(source, 2).vectors, replace(EPISODE, t_max=1), cost_weight)
    assert (rollout(router, source, REWARD).experts[:, 0] == first).all()


def test_the_estimate_is_as_often_right_as_it_says() -> None:
    fitted, validation, other = (
        part(random_source(np.random.default_rng(seed), n, 2, skill=0.75), seed) for seed, n in ((1, 600), (2, 200), (3, 600))
    )
    planner = fit_planner(fitted, validation, other.vectors, EPISODE, 0.0)
    rows = np.arange(600)
    label = other.source.labels[:, 0, 0]
    now = Situation.start(rows, 2)
    heard = replace(now, step=now.step + 1, label=label, expert=now.expert + 1, p_yes=other.source.p_yes[:, 0, 0])
    heard.tried[:, 0] = True
    heard.votes[rows, label] += 1
    estimate = planner.planned.p_right(heard)
    assert estimate.mean() == pytest.approx(other.source.quality[:, 0, 0].mean(), abs=0.06)
    assert (estimate[label == BAD] == 0).all()


def test_a_label_that_nobody_heard_leaves_the_plan_whole() -> None:
    """Nobody ever failed, so that no call was made after a failure and its cost is unknown: the better expert is asked all the same."""
    gold = [YES, NO] * 40
    source = source_of(make_table([[YES, g] for g in gold], gold=gold, seconds=[0.1, 0.1]))
    source.costs[:, :, BAD] = np.nan
    router = fit_planner(part(source), part(source, 1), part(source, 2).vectors, EPISODE, 0.01)
    assert (rollout(router, source, REWARD).experts[:, 0] == 1).all()


def test_equal_data_give_equal_plans_and_an_expert_that_never_varies_is_no_fault() -> None:
    source = source_of(make_table([[YES, YES]] * 30, gold=[YES] * 30))
    pair = Part(source, np.ones((30, 3), dtype=np.float32))
    first, second = (fit_planner(pair, pair, pair.vectors, EPISODE, 0.01) for _ in range(2))
    routes = [rollout(router, source, REWARD) for router in (first, second)]
    assert np.array_equal(routes[0].experts, routes[1].experts) and routes[0].correct.all()
