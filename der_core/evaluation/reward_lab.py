"""What a reward asks for: its exact best routes on a recording, without any training.

The best routes are found by dynamic programming and know the gold answers (oracle): no
route earns more under that reward on the same replies, read by
the same thresholds. They are a plain view of what the reward likes, which need not be accuracy.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from der_core.config import EpisodeConfig, RewardConfig
from der_core.errors import SettingsError
from der_core.evaluation import metrics
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import Interval, wilson_interval
from der_core.records import Label
from der_core.routing.baselines.oracles import exact_optimum
from der_core.routing.reward import order_return, order_returns
from der_core.routing.sources import TableSource

Weight = Literal["alpha", "beta", "gamma"]


class Liking(enum.StrEnum):
    """What kind of route a reward likes best, judged by the order of right and wrong answers alone."""

    RIGHT_AT_ONCE = "right at once"
    WRONG_FIRST = "wrong first, then right"
    LINGERING = "lingering on a right answer"
    WRONG = "ending on a wrong answer"

    @classmethod
    def of(cls, order: str, episode: EpisodeConfig) -> Liking:
        """Return the kind of an order such as "WR"; under end `never` a route cannot end sooner than at T_max."""
        if order.endswith("W"):
            return cls.WRONG
        if "W" in order:
            return cls.WRONG_FIRST
        return cls.RIGHT_AT_ONCE if len(order) == 1 or episode.end == "never" else cls.LINGERING


@dataclass(frozen=True)
class BestRoutes:
    """Figures of the exact best routes under one reward, on `n` questions; all of them oracle.

    `interval` is Wilson's, of `accuracy`, and `wrong_first_interval` of `wrong_first`; `cost` and `calls` are means per question; `stopped_early` is the
    share of routes that ended before T_max forced them to. `wrong_first` is the share of questions whose best
    route begins with a wrong answer and ends with a right one, although some expert would have been right at
    once: there the reward pays for the detour. `shares` are the experts' shares of all calls, in order.
    """

    n: int
    accuracy: float
    interval: Interval
    cost: float
    calls: float
    stopped_early: float
    wrong_first: float
    wrong_first_interval: Interval
    mean_return: float
    shares: tuple[float, ...]


def best_routes(source: TableSource, episode: EpisodeConfig, reward: RewardConfig, discount: float) -> BestRoutes:
    """Return the figures of the exact best routes for all questions of `source` whose gold answer is known."""
    source = source.with_gold()
    run = rollout(exact_optimum(source, episode, reward, discount), source, reward)
    gold = source.table.gold
    wrong_first = _wrong_first(source, run)
    return BestRoutes(
        n=len(run.rows),
        accuracy=metrics.mean(run.correct),
        interval=wilson_interval(int(run.correct.sum()), len(run.rows)),
        cost=metrics.mean(run.costs.sum(axis=1)),
        calls=metrics.mean(run.calls),
        stopped_early=metrics.stop_stats(run.labels, run.correct, run.reasons, gold).rate,
        wrong_first=metrics.mean(wrong_first),
        wrong_first_interval=wilson_interval(int(wrong_first.sum()), len(run.rows)),
        mean_return=metrics.mean(run.returns(discount)),
        shares=tuple(float(share) for share in metrics.expert_shares(run.experts, source.n_experts)),
    )


def sweep(
    source: TableSource, episode: EpisodeConfig, reward: RewardConfig, discount: float, weight: Weight, values: Iterable[float]
) -> tuple[BestRoutes, ...]:
    """Return the best routes for each value of one weight, the others as in `reward`."""
    if weight not in get_args(Weight):
        raise SettingsError(f"Unknown weight {weight!r}; choose from {', '.join(get_args(Weight))}.")
    return tuple(best_routes(source, episode, with_weight(reward, weight, value), discount) for value in values)


def with_weight(reward: RewardConfig, weight: Weight, value: float) -> RewardConfig:
    """Return `reward` with another value of one weight."""
    changes: dict[str, Any] = {weight: value}  # Any: replace() cannot tell which field the name is of
    return replace(reward, **changes)


def _wrong_first(source: TableSource, run: Rollout) -> NDArray[np.bool_]:
    gold = source.table.gold[run.rows]
    right_at_once = (source.labels[run.rows, :, Label.NONE] == gold[:, None]).any(axis=1)
    return np.asarray(right_at_once & (run.labels[:, 0] != gold) & run.correct)


def best_orders(
    reward: RewardConfig, episode: EpisodeConfig, discount: float, betas: Sequence[float], gammas: Sequence[float]
) -> tuple[tuple[str, ...], ...]:
    """Return the order of right (R) and wrong (W) answers that earns most for each gamma (rows) and beta (columns).

    See `der_core.routing.reward.order_returns`; every call costs 1, the shortest of equal orders is taken.
    """
    orders = sorted((row.order for row in order_returns(reward, episode, discount)), key=len)

    def returns(beta: float, gamma: float) -> NDArray[np.float64]:
        weighted = replace(reward, beta=beta, gamma=gamma)
        return np.array([order_return(order, weighted, episode, discount) for order in orders])

    # A return is linear in both weights, so three points give the whole plane.
    base = returns(0.0, 0.0)
    by_beta, by_gamma = returns(1.0, 0.0) - base, returns(0.0, 1.0) - base
    values = base[:, None, None] + by_gamma[:, None, None] * np.asarray(gammas)[:, None] + by_beta[:, None, None] * np.asarray(betas)
    best = np.argmax(values > values.max(axis=0) - 1e-9, axis=0)
    return tuple(tuple(orders[place] for place in row) for row in best)
