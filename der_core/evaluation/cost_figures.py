"""Single figures of a learned router's place between cost and accuracy, each with its interval over questions and seeds.

Between the cheapest single expert (weak) and the one that is right most often (strong) RouteLLM's figures are taken over cost: the
share of strong calls becomes (C - C_weak) / (C_strong - C_weak), so that they are the same for two experts and defined for more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from der_core.evaluation.frontier import N_RESAMPLES as N_HULLS
from der_core.evaluation.frontier import Hull, concave_hull
from der_core.evaluation.seeds import Seeds, with_interval
from der_core.evaluation.statistics import NO_DATA, UNKNOWN_DIFFERENCE, Difference
from der_core.routing.process import Floats

OPTIMUM = "optimum"
"""Family of the exact optimum of the reward."""


@dataclass(frozen=True)
class Place:
    """A router's mean cost and accuracy."""

    cost: float
    accuracy: float


@dataclass(frozen=True)
class CostFigures:
    """The figures of one learned router; nan where there is no such figure.

    `aiq_gain`: mean height that the router adds to the hull of the single experts, between their costs. `apgr`: mean performance gap
    recovered by mixing it with weak and strong (random mixing of those two: .5). `cpt_20`, `cpt_50`, `cpt_80`: the least share of
    the way from weak to strong cost at which that mix recovers 20, 50 and 80 % of the gap. `cost_at_equal_accuracy`: its cost over
    that of the cheapest mix of single experts that is as accurate. `accuracy_at_equal_cost`: its accuracy less that of mixing single
    experts at its own cost. `regret`: discounted reward that the exact optimum earns more.
    """

    aiq_gain: Difference
    apgr: Difference
    cpt_20: Difference
    cpt_50: Difference
    cpt_80: Difference
    cost_at_equal_accuracy: Difference
    accuracy_at_equal_cost: Difference
    regret: Difference


TITLES = {
    "aiq_gain": "AIQ with the router less that of the single experts, points",
    "apgr": "APGR",
    "cpt_20": "CPT(20 %)",
    "cpt_50": "CPT(50 %)",
    "cpt_80": "CPT(80 %)",
    "cost_at_equal_accuracy": "cost over that of equally accurate single experts",
    "accuracy_at_equal_cost": "accuracy above single experts at equal cost, points",
    "regret": "regret against the exact optimum, reward",
}


def aiq_gain(singles: list[Place], router: Place) -> float:
    """Return the mean height of the hull of all less that of the single experts alone, over the costs of the single experts."""
    low, high = min(one.cost for one in singles), max(one.cost for one in singles)
    return _hull([*singles, router]).mean_quality(low, high) - _hull(singles).mean_quality(low, high)


def apgr(weak: Place, strong: Place, router: Place) -> float:
    """Return the mean performance gap recovered (RouteLLM) of mixing the three, from weak to strong cost; nan unless strong is better and dearer."""
    mean = _hull([weak, strong, router]).mean_quality(weak.cost, strong.cost)
    return (mean - weak.accuracy) / (strong.accuracy - weak.accuracy) if strong.accuracy > weak.accuracy else math.nan


def cpt(weak: Place, strong: Place, router: Place, share: float) -> float:
    """Return the least share of the way from weak to strong cost at which mixing the three recovers `share` of the gap; nan as in `apgr`."""
    if not (strong.accuracy > weak.accuracy and strong.cost > weak.cost):
        return math.nan
    cost = _hull([weak, strong, router]).cost_of(weak.accuracy + share * (strong.accuracy - weak.accuracy))
    return (cost - weak.cost) / (strong.cost - weak.cost)


def cost_at_equal_accuracy(singles: list[Place], router: Place) -> float:
    """Return the router's cost over that of the cheapest mix of single experts that is as accurate; nan where none is."""
    return router.cost / _hull(singles).cost_of(router.accuracy)


def accuracy_at_equal_cost(singles: list[Place], router: Place) -> float:
    """Return the router's accuracy less that of the best mix of single experts at its cost; nan below the cheapest."""
    return router.accuracy - _hull(singles).quality_at(router.cost)


def cost_figures(seeds: Seeds, name: str, discount: float) -> CostFigures:
    """Return the figures of the learned router of that name; `discount` is that of the reward."""
    rows = seeds.comparisons[0].singles
    names = [*(row.name for row in rows), name]
    weak = min(range(len(rows)), key=lambda place: rows[place].costs[seeds.comparisons[0].cost_mode])
    means = seeds.resampled([*map(seeds.right, names), *map(seeds.cost, names)], N_HULLS)
    found = np.array([_figures([Place(*pair) for pair in zip(*reversed(np.split(sample, 2)), strict=True)], weak) for sample in means])
    figures = [*(with_interval(column) for column in found.T), regret(seeds, name, discount)]
    return CostFigures(**dict(zip(TITLES, figures, strict=True)))


def _figures(places: list[Place], weak: int) -> tuple[float, ...]:
    """All figures but the regret of one resample; the single expert that is right most often comes first, the router last."""
    *singles, router = places
    pair = singles[weak], singles[0]
    return (
        aiq_gain(singles, router),
        apgr(*pair, router),
        *(cpt(*pair, router, share) for share in (0.2, 0.5, 0.8)),
        cost_at_equal_accuracy(singles, router),
        accuracy_at_equal_cost(singles, router),
    )


def regret(seeds: Seeds, name: str, discount: float) -> Difference:
    """Return how much more discounted reward the exact optimum earns than the router; nan where it was not compared."""
    optima = [next((row.name for row in one.rows if row.family == OPTIMUM), None) for one in seeds.comparisons]
    if None in optima:
        return UNKNOWN_DIFFERENCE
    lost: list[Floats] = [
        one.rollouts[optimum].returns(discount) - one.rollouts[name].returns(discount)
        for one, optimum in zip(seeds.comparisons, optima, strict=True)
        if optimum is not None
    ]
    return with_interval(seeds.resampled([np.column_stack(lost)])[:, 0])


def figures_table(figures: CostFigures) -> list[tuple[str, ...]]:
    """Return the figures as rows of text, the head first."""
    rows = [(field.name, getattr(figures, field.name)) for field in fields(CostFigures)]
    return [("figure", "value", "95 % interval"), *((TITLES[name], *_cells(told, name)) for name, told in rows)]


def _cells(told: Difference, name: str) -> tuple[str, str]:
    if math.isnan(told.value):
        return NO_DATA, NO_DATA
    factor = 100 if TITLES[name].endswith("points") else 1
    value, low, high = (f"{factor * figure:.{1 if factor == 100 else 3}f}" for figure in (told.value, told.low, told.high))
    return value, f"{low} to {high}"


def _hull(places: list[Place]) -> Hull:
    return concave_hull([one.cost for one in places], [one.accuracy for one in places])
