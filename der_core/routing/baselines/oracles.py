"""Baselines that know the gold answer: ceilings, never competitors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from der_core.config import EpisodeConfig, RewardConfig
from der_core.records import N_LABELS, Label
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.optimum import Optimum, solve
from der_core.routing.process import DecisionProcess, Floats, Ints, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource


@dataclass(frozen=True, eq=False, kw_only=True)
class CheapestRight(Baseline):
    """Takes a cheapest route that ends right; `actions[t, q, l]` is the choice at step t after label l."""

    actions: Ints

    def choose(self, now: Situation) -> Choice:
        """Choose the next expert of a cheapest route that ends right, STOP where there is none."""
        return Choice(self.actions[now.step, now.rows, now.label])


def oracle_one_step(source: TableSource, episode: EpisodeConfig) -> CheapestRight:
    """Return the oracle that asks the cheapest expert whose first reply is right, the cheapest where none is."""
    return _cheapest_right("oracle, one step", source, plain_episode(episode, 1))


def oracle_multi_step(source: TableSource, episode: EpisodeConfig) -> CheapestRight:
    """Return the oracle that takes a cheapest route of up to T_max calls ending right; one call of the cheapest expert where none does."""
    return _cheapest_right("oracle, multi-step", source, plain_episode(episode, episode.t_max))


def _cheapest_right(name: str, source: TableSource, episode: EpisodeConfig) -> CheapestRight:
    rules = RouteRules(replace(episode, end="gold"))
    return CheapestRight(name=name, family="oracle", rules=rules, oracle=True, actions=_cheapest_actions(source, episode.t_max))


def _cheapest_actions(source: TableSource, t_max: int) -> Ints:
    """Backward induction on the cost still to pay until a right answer; infinite where none can be reached."""
    n, stop = source.table.n_questions, source.n_experts
    # What was not recorded must not look cheap.
    costs = np.where(np.isnan(source.costs), np.inf, source.costs)
    right = source.labels == source.table.gold[:, None, None]
    rest: Floats = np.full((n, N_LABELS), np.inf)
    actions = np.full((t_max, n, N_LABELS), stop)
    for t in reversed(range(t_max)):
        onward = np.where(right, 0.0, rest[np.arange(n)[:, None, None], source.labels])
        total = costs + onward
        rest = total.min(axis=1)
        actions[t] = np.where(np.isfinite(rest), total.argmin(axis=1), stop)
    hopeless = ~np.isfinite(rest[:, Label.NONE])
    actions[0, hopeless, Label.NONE] = costs[hopeless, :, Label.NONE].argmin(axis=1)
    return actions


@dataclass(frozen=True, eq=False, kw_only=True)
class ExactOptimum(Baseline):
    """Follows the exact optimum of the reward."""

    optimum: Optimum

    def choose(self, now: Situation) -> Choice:
        """Choose the best action."""
        return Choice(self.optimum.choose(now))


def exact_optimum(source: TableSource, episode: EpisodeConfig, reward: RewardConfig, discount: float) -> ExactOptimum:
    """Return the router of greatest discounted reward under the rules of `episode`."""
    optimum = solve(DecisionProcess(source, episode, reward), discount)
    return ExactOptimum(name="exact optimum of the reward", family="optimum", rules=RouteRules(episode), oracle=True, optimum=optimum)
