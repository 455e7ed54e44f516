"""Routers to compare the learned one with: every baseline of the design, deployable or oracle.

Everything fitted is fitted on training and validation questions; only the oracles look at the test
questions' gold answers, and say so by `oracle = True`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from der_core.config import EpisodeConfig, TrainConfig
from der_core.records import Label
from der_core.routing.baselines.baseline import Baseline, Family, FixedOrder, Plan, Random, plain_episode
from der_core.routing.baselines.cascade import Cascade, fit_cascade
from der_core.routing.baselines.oracles import exact_optimum, oracle_multi_step, oracle_one_step
from der_core.routing.baselines.orders import best_static_order, majority_vote, refining, round_robin, single, single_name
from der_core.routing.baselines.pickers import (
    PickOnce,
    first_call_right,
    fit_logistic,
    fit_neighbours,
    logistic_router,
    neighbours_router,
)
from der_core.routing.baselines.planner import fit_planner
from der_core.routing.planning import can_plan
from der_core.routing.router import RouteRules
from der_core.routing.sources import Part, TableSource

__all__ = [
    "Baseline",
    "Cascade",
    "Family",
    "FixedOrder",
    "Part",
    "PickOnce",
    "Plan",
    "Random",
    "Reference",
    "build_baselines",
    "fit_reference",
    "single_name",
]


@dataclass(frozen=True)
class Reference:
    """What every router is measured against, decided before the test questions are looked at.

    `best_single` is the name of the row of the expert whose first reply is right most often on validation questions (the
    cheaper of equals), `majority` the more frequent gold answer of training.
    """

    best_single: str
    majority: Label


def fit_reference(training: TableSource, validation: TableSource | None = None) -> Reference:
    """Return the reference rows that training and validation questions single out; without `validation`, the training questions alone."""
    training = training.with_gold()
    validation = training if validation is None else validation.with_gold()
    accuracy = np.round(first_call_right(validation).mean(axis=0), 12)
    prices = np.nanmean(validation.costs[:, :, Label.NONE], axis=0)
    best = int(np.lexsort((prices, -accuracy))[0])
    yes = np.sum(training.table.gold == Label.YES) >= np.sum(training.table.gold == Label.NO)
    return Reference(single_name(training.table.experts[best].name), Label.of_answer(bool(yes)))


def build_baselines(
    training: Part, validation: Part, test: Part, config: TrainConfig, cost_weight: float, rng: np.random.Generator
) -> tuple[Baseline, ...]:
    """Return every baseline, ready to route the questions of `test`.

    `cost_weight` is the accuracy that one unit of cost is worth, for the baselines that are chosen by
    accuracy less cost; 0 looks at accuracy alone. `rng` draws the routes that random routers show. The planner is left out where its
    plans would be too large (`check_can_plan`).
    """
    episode = config.episode
    names = [spec.name for spec in test.source.table.experts]
    return (
        *_fixed(names, episode),
        *_random(test.source, episode, rng),
        best_static_order(training.source, episode, cost_weight),
        fit_cascade(training.source, episode, cost_weight),
        neighbours_router(fit_neighbours(training, validation, cost_weight), test.vectors, episode),
        logistic_router(fit_logistic(training, validation, cost_weight), test.vectors, episode),
        *([fit_planner(training, validation, test.vectors, episode, cost_weight)] if can_plan(len(names), episode.t_max) else []),
        oracle_one_step(test.source, episode),
        oracle_multi_step(test.source, episode),
        exact_optimum(test.source, episode, config.reward, config.ppo.discount),
    )


def _fixed(names: list[str], episode: EpisodeConfig) -> list[Baseline]:
    """Baselines that need no fitting. With one call at most, refinement and round-robin are single calls: left out."""
    experts = range(len(names))
    routers = [single(names, expert, episode) for expert in experts]
    if episode.t_max > 1:
        for gold_stop in (False, True):
            routers += [refining(names, expert, episode, gold_stop=gold_stop) for expert in experts]
            routers.append(round_robin(names, episode, gold_stop=gold_stop))
    return [*routers, majority_vote(names, episode)]


def _random(source: TableSource, episode: EpisodeConfig, rng: np.random.Generator) -> list[Random]:
    """One random expert a question; random routes that may stop, and random routes that end at a right answer (an oracle)."""
    return [
        _random_router("random expert", source, plain_episode(episode, 1), rng),
        _random_router("random route", source, plain_episode(episode, episode.t_max), rng, stops=True),
        _random_router("random route, gold stop", source, replace(plain_episode(episode, episode.t_max), end="gold"), rng),
    ]


def _random_router(name: str, source: TableSource, episode: EpisodeConfig, rng: np.random.Generator, *, stops: bool = False) -> Random:
    n, n_experts = source.table.n_questions, source.n_experts
    actions = rng.integers(n_experts, size=(n, episode.t_max))
    if stops:
        actions[:, 1:] = rng.integers(n_experts + 1, size=(n, episode.t_max - 1))
    return Random(
        name=name,
        family="random",
        rules=RouteRules(episode),
        oracle=episode.end == "gold",
        detail="exact expectation over all draws; routes shown are one draw",
        actions=actions,
        stops=stops,
    )
