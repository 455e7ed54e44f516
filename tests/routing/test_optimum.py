"""The exact optimum against all routes, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import End, EpisodeConfig, RewardConfig, Shaping
from der_core.evaluation.rollout import rollout
from der_core.records import Label
from der_core.routing.baselines.oracles import exact_optimum
from der_core.routing.optimum import solve
from der_core.routing.process import DecisionProcess
from der_core.routing.sources import TableSource

DISCOUNT = 0.9
ENDS: tuple[End, ...] = ("gold", "stop_action", "confidence", "agreement", "never")
YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)


def slow_return(source: TableSource, q: int, actions: tuple[int, ...], episode: EpisodeConfig, reward: RewardConfig) -> float:
    """The discounted return of one list of actions, written out from the design; actions after the end are not taken."""
    total, label, last, quality = 0.0, 0, -1, 0.0
    for step, action in enumerate(actions):
        weight = DISCOUNT**step
        if action == source.n_experts and step:
            return total + weight * (reward.gamma if quality >= reward.p0 else -reward.gamma)
        expert = 0 if action == source.n_experts else action
        penalty = 0.0
        if episode.no_repeat and source.n_experts > 1 and expert == last:
            expert, penalty = (expert + 1) % source.n_experts, reward.repeat_penalty
        at = (q, expert, label)
        before, quality = quality, float(source.quality[at])
        earned = -reward.alpha * float(source.costs[at]) - penalty
        if reward.shaping == "potential":
            earned += (1 + reward.beta) * (quality - before)
        else:
            earned += quality + (reward.beta * (quality - before) if step else 0.0)
        total += weight * earned
        shown, label, last = label, int(source.labels[at]), expert
        sure = max(source.p_yes[at], 1 - source.p_yes[at])
        done = {
            "gold": quality >= reward.p0,
            "agreement": label == shown and label != BAD,
            "confidence": sure >= episode.confidence and label != BAD,
        }.get(episode.end, False)
        if done or step + 1 == episode.t_max:
            return total + weight * (reward.gamma if quality >= reward.p0 else -reward.gamma)
    raise AssertionError("a route ends at T_max")


def slow_best(source: TableSource, q: int, episode: EpisodeConfig, reward: RewardConfig) -> float:
    n_actions = source.n_experts + int(episode.has_stop_action)
    return max(slow_return(source, q, actions, episode, reward) for actions in itertools.product(range(n_actions), repeat=episode.t_max))


@pytest.mark.parametrize("shaping", ["paper", "potential"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("n_experts", "t_max", "no_repeat"), [(3, 3, True), (3, 3, False), (2, 4, True), (1, 3, True), (3, 1, True)])
def test_is_the_best_of_all_routes(end: End, shaping: Shaping, n_experts: int, t_max: int, no_repeat: bool) -> None:
    source = random_source(np.random.default_rng(n_experts * 10 + t_max), 12, n_experts, skill=0.5, invalid=0.2)
    episode = EpisodeConfig(t_max=t_max, end=end, no_repeat=no_repeat, confidence=0.8)
    reward = RewardConfig(alpha=0.07, beta=1.2, gamma=0.6, shaping=shaping)
    optimum = solve(DecisionProcess(source, episode, reward), DISCOUNT)
    expected = [slow_best(source, q, episode, reward) for q in range(12)]
    np.testing.assert_allclose(optimum.start_value(), expected, rtol=1e-9)


@pytest.mark.parametrize("end", ENDS)
def test_following_it_earns_what_it_promises(end: End) -> None:
    source = random_source(np.random.default_rng(4), 60, 3)
    episode, reward = EpisodeConfig(end=end), RewardConfig(alpha=0.03, shaping="potential")
    router = exact_optimum(source, episode, reward, DISCOUNT)
    earned = rollout(router, source, reward).returns(DISCOUNT)
    np.testing.assert_allclose(earned, router.optimum.start_value(), rtol=1e-9)


def test_knows_thresholds_and_costs_of_its_source() -> None:
    table = make_table([[YES, YES]], [[0.6, 0.6]], gold=[Label.NO], seconds=[0.1, 0.3])
    source = TableSource(table, source_of(table).prices, np.array([np.nan, 0.7]))
    optimum = solve(DecisionProcess(source, EpisodeConfig(), RewardConfig(alpha=0.1)), DISCOUNT)
    # Expert 1 is relabelled no, and right: asked at once 1 - .3 + 1; after expert 0's yes (which costs .1) 1 + 1.2 - .3 + 1.
    assert optimum.start_value() == pytest.approx([max(1.7, -0.1 + DISCOUNT * 2.9)])


def test_paper_reward_is_best_served_by_a_wrong_answer_first() -> None:
    source = source_of(make_table([[NO, YES]]), "latency")
    optimum = solve(DecisionProcess(source, EpisodeConfig(), RewardConfig()), 0.95)
    assert optimum.start_value() == pytest.approx([3.030], abs=5e-4)
    assert optimum.action[0, 0, 0, 0] == 0


def test_equal_worth_takes_the_first_action() -> None:
    source = source_of(make_table([[YES, YES, YES]]), "latency")
    optimum = solve(DecisionProcess(source, EpisodeConfig(), RewardConfig(shaping="potential")), 0.95)
    assert optimum.action[0, 0, 0, 0] == 0


def test_unrecorded_replies_are_never_chosen() -> None:
    """Nobody says invalid, so what follows invalid was not recorded."""
    labels = np.full((1, 2, 4), NO)
    labels[:, :, BAD] = 0
    optimum = solve(DecisionProcess(source_of(make_table(labels)), EpisodeConfig(), RewardConfig(alpha=0.0)), DISCOUNT)
    assert np.isfinite(optimum.start_value()).all()
