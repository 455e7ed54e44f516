"""What a reward asks for, against known tables, slow definitions and the evaluation of the exact optimum."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import DEPLOYABLE, PAPER, EpisodeConfig, RewardConfig, Shaping
from der_core.errors import SettingsError
from der_core.evaluation.comparison import compare
from der_core.evaluation.reward_lab import BestRoutes, Liking, best_orders, best_routes, sweep, with_weight
from der_core.evaluation.statistics import wilson_interval
from der_core.records import Label
from der_core.routing.baselines import build_baselines, fit_reference
from der_core.routing.reward import order_returns
from der_core.routing.sources import Part

DISCOUNT = 0.95
YES, NO = int(Label.YES), int(Label.NO)
GOLD_END, STOP_END = EpisodeConfig(end="gold"), EpisodeConfig(end="stop_action")


def figures(labels: list[list[int]], episode: EpisodeConfig, reward: RewardConfig, **options: object) -> BestRoutes:
    gold = [Label.YES] * len(labels)
    return best_routes(source_of(make_table(labels, gold=gold, **options), "latency"), episode, reward, DISCOUNT)


def test_the_papers_reward_makes_the_detour() -> None:
    """One expert is wrong, the other right: with the paper's weights wrong-then-right earns 3.030, right at once 1.995."""
    seen = figures([[NO, YES]], GOLD_END, PAPER.reward)
    assert (seen.wrong_first, seen.accuracy, seen.calls) == (1.0, 1.0, 2.0)
    assert seen.mean_return == pytest.approx(3.030, abs=5e-4)


def test_potential_shaping_does_not() -> None:
    seen = figures([[NO, YES]], GOLD_END, replace(PAPER.reward, shaping="potential"))
    assert (seen.wrong_first, seen.accuracy, seen.calls) == (0.0, 1.0, 1.0)
    assert seen.mean_return == pytest.approx(3.195, abs=5e-4)


def test_a_detour_counts_only_where_there_was_a_straight_way() -> None:
    """On the second question nobody is right at first; whoever hears a wrong answer there corrects it."""
    labels = np.array([[[NO] * 4, [YES] * 4], [[NO, YES, YES, YES]] * 2])
    seen = best_routes(source_of(make_table(labels, gold=[Label.YES] * 2), "latency"), GOLD_END, PAPER.reward, DISCOUNT)
    assert seen.calls == 2.0
    assert seen.accuracy == 1.0
    assert seen.wrong_first == 0.5
    assert seen.wrong_first_interval == wilson_interval(1, 2)


def test_giving_up_is_no_detour() -> None:
    """Where cost outweighs a right answer, the cheap wrong one is taken and kept."""
    source = source_of(make_table([[NO, YES]], gold=[Label.YES], seconds=[0.1, 0.9]), "compute")
    seen = best_routes(source, STOP_END, RewardConfig(alpha=10.0, shaping="potential"), DISCOUNT)
    assert seen.accuracy == 0.0
    assert seen.wrong_first == 0.0


def test_stopping_early_is_ending_before_t_max() -> None:
    reward = RewardConfig(shaping="potential")
    assert figures([[YES, YES]], STOP_END, reward).stopped_early == 1.0
    assert figures([[YES, YES]], replace(STOP_END, end="never"), reward).stopped_early == 0.0


def test_shares_are_of_all_calls() -> None:
    seen = figures([[NO, YES], [YES, NO], [NO, YES]], STOP_END, RewardConfig(shaping="potential"))
    assert seen.shares == pytest.approx((1 / 3, 2 / 3))


def test_the_interval_is_that_of_the_accuracy() -> None:
    seen = best_routes(random_source(np.random.default_rng(0), 40, 2, skill=0.4), STOP_END, RewardConfig(shaping="potential"), DISCOUNT)
    assert seen.n == 40
    assert seen.interval.low < seen.accuracy <= seen.interval.high


@pytest.mark.parametrize("config", [PAPER, DEPLOYABLE], ids=["paper", "deployable"])
def test_figures_are_those_of_the_optimum_in_a_comparison(config: object) -> None:
    assert config in (PAPER, DEPLOYABLE)
    config = PAPER if config == PAPER else DEPLOYABLE
    source = random_source(np.random.default_rng(1), 50, 3, mode=config.episode.cost_mode)
    part = Part(source, np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32))
    routers = build_baselines(part, part, part, config, 0.01, np.random.default_rng(3))
    row = compare(routers, source, config, {}, fit_reference(source), np.random.default_rng(4)).row("exact optimum of the reward")
    seen = best_routes(source, config.episode, config.reward, config.ppo.discount)
    assert (seen.accuracy, seen.interval.low, seen.calls) == pytest.approx((row.accuracy, row.low, row.calls))
    assert seen.cost == pytest.approx(row.costs[config.episode.cost_mode])
    assert seen.stopped_early == pytest.approx(row.stop.rate)
    assert seen.mean_return == pytest.approx(row.mean_return)


def test_a_sweep_is_one_optimum_after_the_other() -> None:
    source, reward = random_source(np.random.default_rng(5), 20, 3), RewardConfig(alpha=0.05)
    points = sweep(source, GOLD_END, reward, DISCOUNT, "beta", [0.0, 0.5, 2.0])
    assert points == tuple(best_routes(source, GOLD_END, replace(reward, beta=beta), DISCOUNT) for beta in (0.0, 0.5, 2.0))


def test_dearer_cost_never_buys_dearer_routes() -> None:
    """Without discount this is exact: between two optima the one that weighs cost more is the cheaper."""
    source = random_source(np.random.default_rng(6), 60, 3, skill=0.5)
    points = sweep(source, STOP_END, RewardConfig(shaping="potential"), 1.0, "alpha", np.geomspace(0.01, 20, 12))
    costs = [point.cost for point in points]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(costs))
    assert costs[-1] < costs[0]
    assert points[-1].accuracy < points[0].accuracy


def test_an_unknown_weight_is_refused() -> None:
    with pytest.raises(SettingsError, match="choose from alpha, beta, gamma"):
        sweep(random_source(np.random.default_rng(0), 4, 2), GOLD_END, RewardConfig(), DISCOUNT, "p0", [1.0])  # what an address could hold


def test_one_weight_is_changed_and_no_other() -> None:
    assert with_weight(RewardConfig(alpha=0.3), "gamma", 2.5) == RewardConfig(alpha=0.3, gamma=2.5)


@pytest.mark.parametrize("shaping", ["paper", "potential"])
@pytest.mark.parametrize("end", ["gold", "stop_action", "agreement", "never"])
@pytest.mark.parametrize("t_max", [1, 3, 4])
def test_the_map_of_orders_is_what_enumeration_finds(shaping: Shaping, end: str, t_max: int) -> None:
    episode = EpisodeConfig(t_max=t_max, end=end)  # one of the ends above
    reward = RewardConfig(alpha=0.02, shaping=shaping)
    betas, gammas = [0.0, 0.3, 1.2, 4.0], [0.0, 0.7, 2.0]
    found = best_orders(reward, episode, DISCOUNT, betas, gammas)
    for gamma, row in zip(gammas, found, strict=True):
        for beta, order in zip(betas, row, strict=True):
            returns = order_returns(replace(reward, beta=beta, gamma=gamma), episode, DISCOUNT)
            ties = [one.order for one in returns if one.value > returns[0].value - 1e-9]
            assert order in ties
            assert len(order) == min(len(one) for one in ties)


def test_the_papers_reward_is_in_order_only_below_its_bound() -> None:
    """beta <= (1 + gamma) (1 / discount - 1), with a cost so small that it does not count."""
    gamma = 1.0
    bound = (1 + gamma) * (1 / DISCOUNT - 1)
    reward = RewardConfig(alpha=1e-9)
    ((below, above),) = best_orders(reward, replace(GOLD_END, t_max=2), DISCOUNT, [bound - 0.01, bound + 0.01], [gamma])
    assert (below, above) == ("R", "WR")


@pytest.mark.parametrize(
    ("order", "episode", "liking"),
    [
        ("R", STOP_END, Liking.RIGHT_AT_ONCE),
        ("RR", STOP_END, Liking.LINGERING),
        ("RRR", EpisodeConfig(end="never"), Liking.RIGHT_AT_ONCE),
        ("WR", GOLD_END, Liking.WRONG_FIRST),
        ("RWR", STOP_END, Liking.WRONG_FIRST),
        ("W", STOP_END, Liking.WRONG),
        ("RW", STOP_END, Liking.WRONG),
    ],
)
def test_every_order_is_of_one_kind(order: str, episode: EpisodeConfig, liking: Liking) -> None:
    assert Liking.of(order, episode) is liking
