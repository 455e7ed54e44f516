"""How good must a stop signal be for DER to pay? A simulated judge says after each reply whether it is right, and errs at a given rate.

The router asks on while the judge says wrong, up to T_max; the rate 0 is the gold stop, one half a toss. Exact: a route that never
stops by itself is known, and the judge decides only where along it the answer is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Len

from der_core.bounds import Figure, Share, Word
from der_core.config import RewardConfig
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.seeds import Seeds, with_interval
from der_core.evaluation.statistics import Difference
from der_core.records import Label
from der_core.routing.process import Codes, Floats
from der_core.routing.saved.trained import AgentRouter
from der_core.routing.sources import TableSource

RATES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
_HALVINGS = 9


@dataclass(frozen=True, eq=False)
class Judged:
    """A route ended by a judge, by question [Q]: how probably its answer is right, and its expected cost and calls."""

    right: Floats
    cost: Floats
    calls: Floats


@dataclass(frozen=True)
class JudgePoint:
    """The router under a judge that errs at `rate`: accuracy, lead over the best single expert, mean cost and calls."""

    rate: Share
    accuracy: Difference
    lead: Difference
    cost: Figure
    calls: Figure


@dataclass(frozen=True)
class JudgeEffects:
    """All rates; `pays_until` is the greatest rate at which the lead's interval lies above 0, nan where it does at none."""

    router: Word
    best_single: Word
    points: Annotated[tuple[JudgePoint, ...], Len(0, 1_000)]
    pays_until: Share


def judged(run: Rollout, gold: Codes, rate: float) -> Judged:
    """Return what comes of routes that never stop by themselves under a judge that errs at `rate`; an invalid reply is always sent on."""
    right = (run.labels == gold[run.rows][:, None]) & (run.labels > 0)
    ends = np.where(right, 1 - rate, rate)
    ends = np.where(run.labels == Label.INVALID, 0.0, ends)
    ends[:, -1] = 1.0
    reached = np.cumprod(np.column_stack([np.ones(len(ends)), 1 - ends[:, :-1]]), axis=1)
    return Judged((reached * ends * right).sum(axis=1), (reached * run.costs).sum(axis=1), reached.sum(axis=1))


def judge_effects(agents: Sequence[tuple[AgentRouter, TableSource, RewardConfig]], seeds: Seeds) -> JudgeEffects:
    """Return what a judge would buy the learned routers of one setting, one a seed, with intervals over questions and seeds."""
    runs = [(rollout(agent.ending("never"), source, reward), source.table.gold) for agent, source, reward in agents]
    best = seeds.comparisons[0].reference.best_single
    single = seeds.right(best)

    def point(rate: float) -> JudgePoint:
        ended = [judged(run, gold, rate) for run, gold in runs]
        right = np.column_stack([one.right for one in ended])
        means = seeds.resampled([right, right - single])
        cost, calls = np.mean([one.cost for one in ended]), np.mean([one.calls for one in ended])
        return JudgePoint(rate, with_interval(means[:, 0]), with_interval(means[:, 1]), float(cost), float(calls))

    points = tuple(point(rate) for rate in RATES)
    above = [one.rate for one in points if one.lead.low > 0]
    if not above:
        return JudgeEffects(agents[0][0].name, best, points, math.nan)
    low, high = max(above), min((one.rate for one in points if one.rate > max(above)), default=max(above))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if point(middle).lead.low > 0 else (low, middle)
    return JudgeEffects(agents[0][0].name, best, points, low)


def judge_table(effects: JudgeEffects) -> list[tuple[str, ...]]:
    """Return the effects as rows of text, the head first."""
    head = ("judge errs %", "right %", "95 % interval", "cost", "calls", f"points from {effects.best_single}", "95 % interval")
    return [head, *(_cells(point) for point in effects.points)]


def _cells(point: JudgePoint) -> tuple[str, ...]:
    figures = (f"{point.cost:.2f}", f"{point.calls:.2f}")
    return (f"{100 * point.rate:.0f}", *point.accuracy.in_percent(), *figures, *point.lead.in_percent("+"))


def pays_in_words(effects: JudgeEffects) -> str:
    """Return up to which error rate a judge would make the router pay."""
    if math.isnan(effects.pays_until):
        return f"No judge, however good, would put {effects.router} surely above {effects.best_single}."
    return f"A judge that errs on up to {100 * effects.pays_until:.1f} % of the replies would put {effects.router} surely above {effects.best_single}."
