"""What the baselines have in common, and the two whose routes are written down beforehand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from der_core.config import EpisodeConfig
from der_core.routing.process import Floats, Ints, Situation
from der_core.routing.router import Choice, RouteRules

Family = Literal[
    "constant",
    "single",
    "refine",
    "cycle",
    "random",
    "vote",
    "static",
    "cascade",
    "neighbours",
    "logistic",
    "planner",
    "oracle",
    "optimum",
    "learned",
]
"""What kind of router a row of a comparison is; `learned` is the agent, `constant` a row without calls."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Baseline(ABC):
    """A router that is not learned by reinforcement; a `Router` with a family.

    `detail` says in a few words what was fitted or fixed (an order, thresholds); it may be empty.
    """

    name: str
    family: Family
    rules: RouteRules
    oracle: bool = False
    detail: str = ""

    @abstractmethod
    def choose(self, now: Situation) -> Choice:
        """Choose an action for each of B routes in progress."""

    def p_right(self, now: Situation) -> Floats | None:
        """Return None: only trained routers say how sure they are."""
        return None


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedOrder(Baseline):
    """Asks the same experts in the same order for every question; `rules` decide the end."""

    order: tuple[int, ...]

    def choose(self, now: Situation) -> Choice:
        """Choose the expert whose turn it is."""
        return Choice(np.asarray(self.order)[now.step])


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan(Baseline):
    """Follows actions written down for each question and step: `actions`, shape [Q, T]."""

    actions: Ints

    def choose(self, now: Situation) -> Choice:
        """Choose what the plan says for the question and the step."""
        return Choice(self.actions[now.rows, now.step])


@dataclass(frozen=True, eq=False, kw_only=True)
class Random(Plan):
    """Draws every action uniformly among the experts; with `stops`, STOP is among them from the second step on.

    `actions` are one draw, for whoever wants to see routes; figures of a comparison are exact expectations over all draws
    (`der_core.evaluation.expectation`).
    """

    stops: bool

    def n_choices(self, step: int, n_experts: int) -> int:
        """Return how many actions are drawn from at `step` (from 0)."""
        return n_experts + int(self.stops and step > 0)


def plain_episode(episode: EpisodeConfig, t_max: int) -> EpisodeConfig:
    """Return `episode` for a router that decides all by itself: `t_max` calls at most, no end rule, repeats allowed."""
    return replace(episode, t_max=t_max, end="never", no_repeat=False)
