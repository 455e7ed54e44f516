"""Accuracy against cost: who is undominated, what mixing gives for free, and how far a router is above that.

Choosing router A with probability t and B otherwise has the mixed cost and the mixed accuracy in expectation, so
every point below the concave hull of some routers can be had without learning anything. The hull of the single
experts is the zero router (Hu et al. 2024, RouterBench): the line that a router has to lie above.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Len
from numpy.typing import ArrayLike, NDArray

from der_core.bounds import MOST_ROWS, Word
from der_core.config import CostMode
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.statistics import CONFIDENCE, UNKNOWN_DIFFERENCE, Difference, Interval, bootstrap_means

Floats = NDArray[np.float64]

N_RESAMPLES = 300
"""Each takes two hulls, so fewer than of a difference of means; ends of intervals are sure to about half a point."""

INTERVAL_SEED = 11
"""Of the resamples behind intervals, so that a page shows the same ones as a report."""


@dataclass(frozen=True, eq=False)
class Hull:
    """The corners of a non-decreasing concave line, by rising cost; it goes on flat beyond the last one.

    `costs` and `qualities` have shape [corners]; without points there are none.
    """

    costs: Floats
    qualities: Floats

    def quality_at(self, cost: float) -> float:
        """Return the quality that mixing reaches at mean `cost`; nan below the cheapest corner."""
        if not len(self.costs) or cost < self.costs[0]:
            return math.nan
        return float(np.interp(cost, self.costs, self.qualities))

    def cost_of(self, quality: float) -> float:
        """Return the least mean cost at which mixing reaches `quality`; nan where it never does."""
        if not len(self.costs) or quality > self.qualities[-1]:
            return math.nan
        return float(np.interp(quality, self.qualities, self.costs))

    def mean_quality(self, low: float, high: float) -> float:
        """Return the mean height between two costs, AIQ of RouterBench over a common range.

        Below the cheapest corner the line is taken as that corner's height; nan without points or for an empty range.
        """
        if not len(self.costs) or not high > low:
            return math.nan
        inside = self.costs[(self.costs > low) & (self.costs < high)]
        at = np.concatenate([[low], inside, [high]])
        heights = np.interp(at, self.costs, self.qualities)
        return float(np.sum(np.diff(at) * (heights[1:] + heights[:-1]) / 2) / (high - low))


@dataclass(frozen=True, eq=False)
class Frontier:
    """Where the routers of a comparison stand in one cost mode; deployable ones only.

    `pareto` names the undominated routers by rising cost. `above` is, by router (oracles included), accuracy less
    that of the zero router at the same cost, `equal_cost` the cost at which the zero router is as accurate; nan
    where there is no such point. `aiq` and `zero_aiq` are the mean heights of the hull of all deployable routers
    and of the zero router, over the costs of the single experts.
    """

    mode: CostMode
    zero: Hull
    pareto: tuple[str, ...]
    above: Mapping[str, float]
    equal_cost: Mapping[str, float]
    aiq: float
    zero_aiq: float


@dataclass(frozen=True, eq=False)
class FrontierIntervals:
    """How sure a Frontier is: 95 % intervals of the same figures, all on the same resamples; nan where there is no figure.

    `gain` is `aiq` less `zero_aiq`. It cannot fall below 0, since the single experts are among the deployable routers,
    and the best of many rises with chance: an interval above 0 does not show that any one router pays.
    """

    aiq: Interval
    zero_aiq: Interval
    gain: Difference
    above: Annotated[Mapping[Word, Interval], Len(0, MOST_ROWS)]


def unknown_intervals(comparison: Comparison) -> FrontierIntervals:
    """Return what is known of intervals where there is nothing to resample: nan throughout."""
    unknown = Interval(math.nan, math.nan)
    above = {row.name: unknown for row in comparison.rows}
    return FrontierIntervals(unknown, unknown, UNKNOWN_DIFFERENCE, above)


def pareto_set(costs: ArrayLike, qualities: ArrayLike) -> NDArray[np.int64]:
    """Return the indices of the points that no other one dominates, by rising cost.

    A point dominates another if it costs no more and is no worse, one of the two strictly; of equal points all stay.
    """
    cost, quality = np.asarray(costs, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
    no_worse = (cost[:, None] <= cost) & (quality[:, None] >= quality)
    strictly = (cost[:, None] < cost) | (quality[:, None] > quality)
    kept = np.flatnonzero(~(no_worse & strictly).any(axis=0))
    return np.asarray(kept[np.argsort(cost[kept], kind="stable")], dtype=np.int64)


def concave_hull(costs: ArrayLike, qualities: ArrayLike) -> Hull:
    """Return the smallest non-decreasing concave line on or above all points (monotone chain on the undominated ones)."""
    cost, quality = np.asarray(costs, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
    corners: list[tuple[float, float]] = []
    for index in pareto_set(cost, quality):
        point = (float(cost[index]), float(quality[index]))
        while corners and (point == corners[-1] or (len(corners) > 1 and not _turns_right(corners[-2], corners[-1], point))):
            corners.pop()
        corners.append(point)
    return Hull(np.array([x for x, _ in corners]), np.array([y for _, y in corners]))


def frontier(comparison: Comparison, mode: CostMode) -> Frontier:
    """Return where the routers of `comparison` stand in cost mode `mode`, which its rows must have."""
    singles = [row for row in comparison.rows if row.family == "single"]
    zero, whole = _hull(singles, mode), _hull(comparison.deployable, mode)
    low, high = _range(singles, mode)
    best = pareto_set([row.costs[mode] for row in comparison.deployable], [row.accuracy for row in comparison.deployable])
    return Frontier(
        mode=mode,
        zero=zero,
        pareto=tuple(comparison.deployable[index].name for index in best),
        above={row.name: row.accuracy - zero.quality_at(row.costs[mode]) for row in comparison.rows},
        equal_cost={row.name: zero.cost_of(row.accuracy) for row in comparison.rows},
        aiq=whole.mean_quality(low, high),
        zero_aiq=zero.mean_quality(low, high),
    )


def frontier_intervals(comparison: Comparison, mode: CostMode, rng: np.random.Generator, n: int = N_RESAMPLES) -> FrontierIntervals:
    """Return percentile intervals of `frontier(comparison, mode)` over `n` resamples of its questions, whole passages at a time.

    AIQ is taken over the resampled costs of the single experts, as its definition says. Needs the comparison's `question_costs`.
    """
    names = [row.name for row in comparison.rows]
    n_rows, point = len(names), frontier(comparison, mode)
    singles = [place for place, row in enumerate(comparison.rows) if row.family == "single"]
    deployable = [place for place, row in enumerate(comparison.rows) if not row.oracle]
    means = bootstrap_means(np.column_stack([comparison.right, comparison.question_costs[mode]]), comparison.groups, rng, n)
    accuracy, cost = means[:, :n_rows], means[:, n_rows:]
    drawn = [_mean_heights(*sample, singles, deployable) for sample in zip(accuracy, cost, strict=True)]
    zero, whole = (np.array([heights[which] for heights in drawn]) for which in (0, 1))
    above = accuracy - hull_heights(cost[:, singles], accuracy[:, singles], cost)
    gain = _interval(whole - zero)
    return FrontierIntervals(
        aiq=_interval(whole),
        zero_aiq=_interval(zero),
        gain=Difference(point.aiq - point.zero_aiq, gain.low, gain.high),
        above={name: _interval(above[:, place], point.above[name]) for place, name in enumerate(names)},
    )


def hull_heights(costs: Floats, qualities: Floats, at: Floats) -> Floats:
    """Return the height of the hull of S points at costs `at` [n, R], in each of n resamples: costs and qualities [n, S].

    nan where `at` lies below the cheapest point. The hull is the best that one point, or a mix of two, reaches at that cost.
    """
    best = np.full(at.shape, -np.inf)
    for a in range(costs.shape[1]):
        affordable = costs[:, a, None] <= at
        best = np.where(affordable, np.maximum(best, qualities[:, a, None]), best)
        for b in range(costs.shape[1]):
            between = affordable & (at < costs[:, b, None])
            width = np.where(between, costs[:, b, None] - costs[:, a, None], 1.0)
            share = (at - costs[:, a, None]) / width
            mixed = qualities[:, a, None] + share * (qualities[:, b, None] - qualities[:, a, None])
            best = np.where(between, np.maximum(best, mixed), best)
    return np.where(np.isfinite(best), best, math.nan)


def lead_over_singles(comparison: Comparison, name: str, rng: np.random.Generator, n: int = N_RESAMPLES) -> Difference:
    """Return how far a router's accuracy lies above the hull of the single experts (the zero router) at its own cost; nan below the cheapest."""
    places = [place for place, row in enumerate(comparison.rows) if row.family == "single"]
    places.append([row.name for row in comparison.rows].index(name))
    values = np.column_stack([comparison.right[:, places], comparison.question_costs[comparison.cost_mode][:, places]])
    point, *drawn = np.split(np.vstack([values.mean(axis=0), bootstrap_means(values, comparison.groups, rng, n)]), [1])
    leads = [_lead(means[:, : len(places)], means[:, len(places) :]) for means in (point, *drawn)]
    interval = _interval(leads[1], float(leads[0][0]))
    return Difference(float(leads[0][0]), interval.low, interval.high)


def _lead(accuracy: Floats, cost: Floats) -> Floats:
    """How far the last column lies above the hull of the others, shape [n]."""
    return np.asarray(accuracy[:, -1] - hull_heights(cost[:, :-1], accuracy[:, :-1], cost[:, -1:])[:, 0])


def _mean_heights(accuracy: Floats, cost: Floats, singles: list[int], deployable: list[int]) -> tuple[float, float]:
    """Mean heights of the zero router and of all deployable routers in one resample."""
    bounds = float(cost[singles].min()), float(cost[singles].max())
    zero, whole = (concave_hull(cost[places], accuracy[places]) for places in (singles, deployable))
    return zero.mean_quality(*bounds), whole.mean_quality(*bounds)


def _interval(values: Floats, point: float = 0.0) -> Interval:
    """Percentiles of the resamples that have the figure; nan where the figure itself (`point`) or all resamples are."""
    known = values[~np.isnan(values)]
    if not len(known) or math.isnan(point):
        return Interval(math.nan, math.nan)
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def _hull(rows: tuple[Row, ...] | list[Row], mode: CostMode) -> Hull:
    return concave_hull([row.costs[mode] for row in rows], [row.accuracy for row in rows])


def _range(singles: list[Row], mode: CostMode) -> tuple[float, float]:
    costs = [row.costs[mode] for row in singles]
    return min(costs, default=math.nan), max(costs, default=math.nan)


def _turns_right(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) < (c[0] - a[0]) * (b[1] - a[1])
