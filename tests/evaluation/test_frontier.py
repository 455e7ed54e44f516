"""Pareto set, concave hull and the zero router, against known answers and slow definitions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.evaluation.comparison import Comparison, compare, compare_two, fit_all_prices
from der_core.evaluation.frontier import Hull, concave_hull, frontier, frontier_intervals, hull_heights, lead_over_singles, pareto_set
from der_core.evaluation.statistics import Difference, bootstrap_means, mcnemar_exact, paired_bootstrap
from der_core.records import Label
from der_core.routing.baselines import Plan, fit_reference
from der_core.routing.baselines.oracles import oracle_one_step
from der_core.routing.baselines.orders import majority_vote, refining, single
from der_core.routing.router import RouteRules

EPISODE = EpisodeConfig(t_max=2, end="never")


@pytest.fixture(scope="module")
def compared() -> Comparison:
    source = random_source(np.random.default_rng(3), 60, 3)
    names = [spec.name for spec in source.table.experts]
    singles = [single(names, expert, EPISODE) for expert in range(3)]
    others = [refining(names, 0, EPISODE, gold_stop=False), majority_vote(names, EPISODE), oracle_one_step(source, EPISODE)]
    prices = fit_all_prices(source.table)
    return compare([*singles, *others], source, PAPER, prices, fit_reference(source), np.random.default_rng(0))


def random_points(seed: int, n: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 12, size=n).astype(float), rng.integers(1, 12, size=n) / 12


class TestLeadOverSingles:
    def test_heights_are_those_of_the_hull(self) -> None:
        costs, qualities = random_points(8, 5)
        at = np.linspace(0, 13, 27)
        expected = [concave_hull(costs, qualities).quality_at(cost) for cost in at]
        np.testing.assert_allclose(hull_heights(costs[None], qualities[None], at[None])[0], expected)

    def test_by_hand(self) -> None:
        """Experts right on 1 of 4 at cost 1 and on 2 of 4 at cost 3; a router right on 2 of 4 that asks each for half: hull .375 at cost 2."""
        source = source_of(make_table([[2, 1], [2, 2], [1, 1], [1, 1]], gold=[Label.YES] * 2 + [Label.NO, Label.YES], seconds=[0.1, 0.3]))
        labels = source.labels[:, :, 0]
        right = labels == source.table.gold[:, None]
        assert right.mean(axis=0).tolist() == [0.25, 0.5]
        plan = Plan(name="DER", family="learned", rules=RouteRules(EpisodeConfig(t_max=1)), actions=np.array([[1], [1], [0], [0]]))
        singles = [single(["expert0", "expert1"], expert, EPISODE) for expert in range(2)]
        found = compare([plan, *singles], source, PAPER, {}, fit_reference(source), np.random.default_rng(0))
        lead = lead_over_singles(found, "DER", np.random.default_rng(1))
        assert lead.value == pytest.approx(0.125)
        assert lead.low <= lead.value <= lead.high

    def test_below_the_cheapest_expert_there_is_nothing_to_compare_with(self, compared: Comparison) -> None:
        assert math.isnan(lead_over_singles(compared, "always yes, no call", np.random.default_rng(1)).value)

    def test_interval_is_that_of_the_frontier(self, compared: Comparison) -> None:
        whole = frontier_intervals(compared, "compute", np.random.default_rng(4)).above["majority vote"]
        alone = lead_over_singles(compared, "majority vote", np.random.default_rng(4))
        assert (alone.low, alone.high) == pytest.approx((whole.low, whole.high))


class TestParetoSet:
    def test_by_hand(self) -> None:
        costs, qualities = [1, 2, 3, 2, 4], [0.5, 0.7, 0.6, 0.4, 0.9]
        assert pareto_set(costs, qualities).tolist() == [0, 1, 4]

    def test_equal_points_all_stay(self) -> None:
        assert pareto_set([1, 1, 2], [0.5, 0.5, 0.5]).tolist() == [0, 1]

    def test_comes_by_rising_cost(self) -> None:
        assert pareto_set([3, 1, 2], [0.9, 0.1, 0.5]).tolist() == [1, 2, 0]

    def test_no_points_no_indices(self) -> None:
        assert pareto_set([], []).tolist() == []

    @pytest.mark.parametrize("seed", range(5))
    def test_slow_definition(self, seed: int) -> None:
        costs, qualities = random_points(seed)
        points = list(zip(costs, qualities, strict=True))
        kept = {i for i, (c, q) in enumerate(points) if not any(other[0] <= c and other[1] >= q and other != (c, q) for other in points)}
        assert set(pareto_set(costs, qualities).tolist()) == kept


class TestHull:
    def test_by_hand(self) -> None:
        hull = concave_hull([1, 2, 3, 5, 6], [0.2, 0.3, 0.8, 0.9, 0.7])
        assert hull.costs.tolist() == [1, 3, 5]
        assert hull.qualities.tolist() == [0.2, 0.8, 0.9]

    def test_points_on_a_line_are_no_corners(self) -> None:
        assert concave_hull([1, 2, 3], [0.25, 0.5, 0.75]).costs.tolist() == [1, 3]

    def test_twins_make_one_corner(self) -> None:
        assert concave_hull([1, 1, 2, 2], [0.1, 0.1, 0.3, 0.3]).costs.tolist() == [1, 2]

    def test_a_dearer_but_worse_expert_adds_nothing(self) -> None:
        hull = concave_hull([1, 2], [0.8, 0.6])
        assert (hull.costs.tolist(), hull.quality_at(2)) == ([1], 0.8)

    @pytest.mark.parametrize("seed", range(5))
    def test_is_the_best_mixture_of_two_points(self, seed: int) -> None:
        costs, qualities = random_points(seed, 12)
        hull = concave_hull(costs, qualities)
        for budget in np.linspace(costs.min(), costs.max() + 1, 9):
            assert hull.quality_at(budget) == pytest.approx(best_mixture(costs, qualities, budget))

    @pytest.mark.parametrize("seed", range(5))
    def test_rises_ever_more_slowly(self, seed: int) -> None:
        hull = concave_hull(*random_points(seed))
        slopes = np.diff(hull.qualities) / np.diff(hull.costs)
        assert (slopes > 0).all()
        assert all(steeper > flatter for steeper, flatter in pairwise(slopes))


def best_mixture(costs: np.ndarray, qualities: np.ndarray, budget: float) -> float:
    """The best expected quality of any two points mixed at a mean cost of at most `budget`."""
    found = [q for c, q in zip(costs, qualities, strict=True) if c <= budget]
    for low_cost, low in zip(costs, qualities, strict=True):
        for high_cost, high in zip(costs, qualities, strict=True):
            if low_cost <= budget < high_cost:
                share = (budget - low_cost) / (high_cost - low_cost)
                found.append((1 - share) * low + share * high)
    return max(found)


class TestReadingTheHull:
    hull = Hull(np.array([1.0, 3.0]), np.array([0.4, 0.8]))

    def test_between_corners_mixes(self) -> None:
        assert self.hull.quality_at(2) == pytest.approx(0.6)
        assert self.hull.cost_of(0.6) == pytest.approx(2)

    def test_beyond_the_last_corner_is_flat(self) -> None:
        assert self.hull.quality_at(99) == pytest.approx(0.8)

    def test_what_mixing_never_reaches_is_nan(self) -> None:
        assert math.isnan(self.hull.quality_at(0.5))
        assert math.isnan(self.hull.cost_of(0.81))

    def test_less_than_the_cheapest_offers_costs_the_cheapest(self) -> None:
        assert self.hull.cost_of(0.1) == 1

    def test_mean_quality_by_hand(self) -> None:
        assert self.hull.mean_quality(1, 3) == pytest.approx(0.6)
        assert self.hull.mean_quality(1, 5) == pytest.approx((0.6 * 2 + 0.8 * 2) / 4)
        assert self.hull.mean_quality(0, 2) == pytest.approx((0.4 + 0.5) / 2)

    def test_mean_quality_is_the_integral(self) -> None:
        hull = concave_hull(*random_points(1))
        grid = np.linspace(2, 11, 20_001)
        assert hull.mean_quality(2, 11) == pytest.approx(np.interp(grid, hull.costs, hull.qualities).mean(), abs=1e-4)

    def test_without_points_or_range_there_is_nothing(self) -> None:
        empty = concave_hull([], [])
        assert math.isnan(empty.quality_at(1))
        assert math.isnan(empty.cost_of(0.0))
        assert math.isnan(empty.mean_quality(0, 1))
        assert math.isnan(self.hull.mean_quality(2, 2))


class TestFrontier:
    def test_zero_router_is_made_of_single_experts_only(self, compared: Comparison) -> None:
        found = frontier(compared, "compute")
        singles = {(row.costs["compute"], row.accuracy) for row in compared.rows if row.family == "single"}
        assert set(zip(found.zero.costs.tolist(), found.zero.qualities.tolist(), strict=True)) <= singles

    def test_no_single_expert_lies_above_it(self, compared: Comparison) -> None:
        above = frontier(compared, "compute").above
        assert all(above[row.name] <= 1e-12 for row in compared.rows if row.family == "single")

    def test_oracles_are_measured_but_never_on_the_frontier(self, compared: Comparison) -> None:
        found = frontier(compared, "compute")
        assert "oracle, one step" in found.above
        assert "oracle, one step" not in found.pareto

    def test_what_asks_nobody_is_on_the_frontier_and_below_the_zero_router(self, compared: Comparison) -> None:
        found = frontier(compared, "tokens")
        (constant,) = (row.name for row in compared.rows if row.family == "constant")
        assert found.pareto[0] == constant
        assert math.isnan(found.above[constant])

    def test_equal_cost_turns_above_round(self, compared: Comparison) -> None:
        found = frontier(compared, "compute")
        row = compared.row("majority vote")
        wanted = min(row.accuracy, float(found.zero.qualities[-1]))
        assert found.zero.quality_at(found.zero.cost_of(wanted)) == pytest.approx(max(wanted, float(found.zero.qualities[0])))

    def test_more_routers_never_lower_the_mean_height(self, compared: Comparison) -> None:
        for mode in compared.rows[0].costs:
            found = frontier(compared, mode)
            assert math.isnan(found.aiq) or found.aiq >= found.zero_aiq - 1e-12


class TestIntervals:
    def test_they_are_percentiles_of_the_frontier_of_each_resample(self, compared: Comparison) -> None:
        found = frontier_intervals(compared, "compute", np.random.default_rng(5), n=40)
        names = [row.name for row in compared.rows]
        columns = [np.column_stack([compared.rollouts[name].correct for name in names]), compared.question_costs["compute"]]
        slow = [
            self.slow(compared, sample) for sample in bootstrap_means(np.hstack(columns), compared.groups, np.random.default_rng(5), 40)
        ]
        for told, which in ((found.zero_aiq, 0), (found.aiq, 1), (found.above["majority vote"], 2)):
            assert (told.low, told.high) == pytest.approx(np.quantile([figures[which] for figures in slow], [0.025, 0.975]))

    def slow(self, compared: Comparison, sample: np.ndarray) -> tuple[float, float, float]:
        """Heights of both hulls, and the vote's above the first, by the ends of ranges and means over a fine grid."""
        right, cost = sample[: len(compared.rows)], sample[len(compared.rows) :]
        zero = concave_hull(cost[:3], right[:3])
        own = [place for place, row in enumerate(compared.rows) if not row.oracle]
        vote = next(place for place, row in enumerate(compared.rows) if row.name == "majority vote")
        ends = min(cost[:3]), max(cost[:3])
        return (
            zero.mean_quality(*ends),
            concave_hull(cost[own], right[own]).mean_quality(*ends),
            right[vote] - zero.quality_at(cost[vote]),
        )

    def test_costs_by_question_average_to_those_of_the_rows(self, compared: Comparison) -> None:
        for mode, costs in compared.question_costs.items():
            assert costs.mean(axis=0).tolist() == pytest.approx([row.costs[mode] for row in compared.rows])

    def test_the_gain_cannot_fall_below_nothing(self, compared: Comparison) -> None:
        gain, point = frontier_intervals(compared, "tokens", np.random.default_rng(5)).gain, frontier(compared, "tokens")
        assert gain.value == point.aiq - point.zero_aiq
        assert 0 <= gain.low <= gain.value <= gain.high

    def test_what_has_no_figure_has_no_interval(self, compared: Comparison) -> None:
        (constant,) = (row.name for row in compared.rows if row.family == "constant")
        assert math.isnan(frontier_intervals(compared, "compute", np.random.default_rng(5), n=10).above[constant].low)

    def test_two_routers_are_compared_with_one_another(self, compared: Comparison) -> None:
        pair = compare_two(compared, "majority vote", "expert0 once", np.random.default_rng(5))
        vote, first = (compared.rollouts[name].correct for name in ("majority vote", "expert0 once"))
        assert pair.difference == paired_bootstrap(vote, first, compared.groups, np.random.default_rng(5))
        assert pair.difference.value == pytest.approx(vote.mean() - first.mean())
        assert pair.mcnemar_p == mcnemar_exact(vote, first)
        assert compare_two(compared, "majority vote", "majority vote", np.random.default_rng(5)).difference == Difference(0, 0, 0)
