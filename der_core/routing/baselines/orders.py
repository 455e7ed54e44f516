"""Baselines that ask in a fixed order: singles, refinement, round-robin, majority vote, the best static order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from der_core.config import EpisodeConfig
from der_core.routing.baselines.baseline import FixedOrder, plain_episode
from der_core.routing.process import Codes, Floats
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

MAX_ORDERS = 5_000
"""Most orders tried for the best static one; beyond that the longest orders are left out."""


def single(experts: Sequence[str], expert: int, episode: EpisodeConfig) -> FixedOrder:
    """Return the router that asks one expert once."""
    return FixedOrder(name=single_name(experts[expert]), family="single", rules=RouteRules(plain_episode(episode, 1)), order=(expert,))


def single_name(expert: str) -> str:
    """Return the name of the row of an expert asked once."""
    return f"{expert} once"


def refining(experts: Sequence[str], expert: int, episode: EpisodeConfig, *, gold_stop: bool) -> FixedOrder:
    """Return the router that asks one expert again after its own answer, T_max times, or (an oracle) until it is right."""
    rules = plain_episode(episode, episode.t_max)
    return FixedOrder(
        name=f"{experts[expert]} refining itself" + (", gold stop" if gold_stop else ""),
        family="refine",
        rules=RouteRules(replace(rules, end="gold") if gold_stop else rules),
        oracle=gold_stop,
        order=(expert,) * episode.t_max,
    )


def round_robin(experts: Sequence[str], episode: EpisodeConfig, *, gold_stop: bool) -> FixedOrder:
    """Return the router that asks the experts in turn until two answers agree, or (an oracle) until one is right."""
    order = tuple(t % len(experts) for t in range(episode.t_max))
    return FixedOrder(
        name="round-robin" + (", gold stop" if gold_stop else " until two agree"),
        family="cycle",
        rules=RouteRules(replace(plain_episode(episode, episode.t_max), end="gold" if gold_stop else "agreement")),
        oracle=gold_stop,
        detail=" > ".join(experts[expert] for expert in order),
        order=order,
    )


def majority_vote(experts: Sequence[str], episode: EpisodeConfig) -> FixedOrder:
    """Return the router that asks every expert, none of whom sees another's answer, and takes the majority."""
    return FixedOrder(
        name="majority vote",
        family="vote",
        rules=RouteRules(plain_episode(episode, len(experts)), transfer=False, answer="majority"),
        order=tuple(range(len(experts))),
    )


def best_static_order(training: TableSource, episode: EpisodeConfig, cost_weight: float) -> FixedOrder:
    """Return the order, of up to T_max calls with transfer, that does best on the training questions.

    Best: accuracy less `cost_weight` times mean cost. All orders are tried, repetitions included, as far
    as `MAX_ORDERS` reaches. Among equals the shorter one, then the one found first.
    """
    training = training.with_gold()
    best = max(_tried_orders(training, episode.t_max), key=lambda tried: tried.utility(training.table.gold, cost_weight))
    return FixedOrder(
        name="best static order",
        family="static",
        rules=RouteRules(plain_episode(episode, len(best.order))),
        detail=" > ".join(training.table.experts[expert].name for expert in best.order),
        order=best.order,
    )


@dataclass(frozen=True, eq=False)
class _Tried:
    """An order and where it led on every question: last labels [Q], costs so far [Q]."""

    order: tuple[int, ...]
    labels: Codes
    costs: Floats

    def utility(self, gold: Codes, cost_weight: float) -> float:
        return round(float(np.mean(self.labels == gold) - cost_weight * self.costs.mean()), 12)

    def then(self, source: TableSource, expert: int) -> _Tried:
        at = (np.arange(len(self.labels)), expert, self.labels)
        return _Tried((*self.order, expert), source.labels[at], self.costs + source.costs[at])


def _tried_orders(source: TableSource, t_max: int) -> Iterator[_Tried]:
    """All orders, shorter ones first; each is its prefix and one call more, so that no call is replayed twice."""
    n = source.table.n_questions
    longest = [_Tried((), np.zeros(n, dtype=np.int8), np.zeros(n))]
    n_tried = 0
    for _ in range(t_max):
        # Counted before they are built: at T_max 10 there would be millions.
        n_tried += len(longest) * source.n_experts
        if n_tried > MAX_ORDERS:
            return
        longest = [prefix.then(source, expert) for prefix in longest for expert in range(source.n_experts)]
        yield from longest
