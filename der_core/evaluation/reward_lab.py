"""What a reward asks for: its exact best routes on a recording, without any training.

The best routes are found by dynamic programming and know the gold answers (oracle): a ceiling for every
router under that reward, and a plain view of what the reward likes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from der_core.config import EpisodeConfig, RewardConfig
from der_core.errors import SettingsError
from der_core.evaluation import metrics
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import Interval, wilson_interval
from der_core.records import Label
from der_core.routing.baselines.oracles import exact_optimum
from der_core.routing.sources import TableSource

Weight = Literal["alpha", "beta", "gamma"]


@dataclass(frozen=True)
class BestRoutes:
    """Figures of the exact best routes under one reward, on `n` questions; all of them oracle.

    `interval` is Wilson's, of `accuracy`; `cost` and `calls` are means per question; `stopped_early` is the
    share of routes that ended before T_max forced them to. `wrong_first` is the share of questions whose best
    route begins with a wrong answer although some expert would have been right at once: there the reward pays
    for the detour. `shares` are the experts' shares of all calls, in order.
    """

    n: int
    accuracy: float
    interval: Interval
    cost: float
    calls: float
    stopped_early: float
    wrong_first: float
    mean_return: float
    shares: tuple[float, ...]


def best_routes(source: TableSource, episode: EpisodeConfig, reward: RewardConfig, discount: float) -> BestRoutes:
    """Return the figures of the exact best routes for all questions of `source`."""
    run = rollout(exact_optimum(source, episode, reward, discount), source, reward)
    gold = source.table.gold
    return BestRoutes(
        n=len(run.rows),
        accuracy=metrics.mean(run.correct),
        interval=wilson_interval(int(run.correct.sum()), len(run.rows)),
        cost=metrics.mean(run.costs.sum(axis=1)),
        calls=metrics.mean(run.calls),
        stopped_early=metrics.stop_stats(run.labels, run.correct, run.reasons, gold).rate,
        wrong_first=_wrong_first(source, run),
        mean_return=metrics.mean(run.returns(discount)),
        shares=tuple(float(share) for share in metrics.expert_shares(run.experts, source.n_experts)),
    )


def sweep(
    source: TableSource, episode: EpisodeConfig, reward: RewardConfig, discount: float, weight: Weight, values: Iterable[float]
) -> tuple[BestRoutes, ...]:
    """Return the best routes for each value of one weight, the others as in `reward`."""
    if weight not in get_args(Weight):
        raise SettingsError(f"Unknown weight {weight!r}; choose from {', '.join(get_args(Weight))}.")
    return tuple(best_routes(source, episode, replace(reward, **{weight: value}), discount) for value in values)


def _wrong_first(source: TableSource, run: Rollout) -> float:
    gold = source.table.gold[run.rows]
    right_at_once = (source.labels[run.rows, :, Label.NONE] == gold[:, None]).any(axis=1)
    return metrics.mean(np.asarray(right_at_once & (run.labels[:, 0] != gold)))
