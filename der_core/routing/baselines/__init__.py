"""Routers to compare the learned one with: every baseline of the design, deployable or oracle.

Everything fitted is fitted on training and validation questions; only the oracles look at the test
questions' gold answers, and say so by `oracle = True`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import EpisodeConfig, TrainConfig
from der_core.records import Label
from der_core.routing.baselines.baseline import Baseline, Family, FixedOrder, Plan, plain_episode
from der_core.routing.baselines.cascade import Cascade, fit_cascade
from der_core.routing.baselines.oracles import exact_optimum, oracle_multi_step, oracle_one_step
from der_core.routing.baselines.orders import best_static_order, majority_vote, refining, round_robin, single, single_name
from der_core.routing.baselines.pickers import (
    Part,
    PickOnce,
    first_call_right,
    fit_logistic,
    fit_neighbours,
    logistic_router,
    neighbours_router,
)
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

__all__ = [
    "Baseline",
    "Cascade",
    "Family",
    "FixedOrder",
    "Part",
    "PickOnce",
    "Plan",
    "Reference",
    "build_baselines",
    "fit_reference",
    "single_name",
]


@dataclass(frozen=True)
class Reference:
    """What every router is measured against, decided on training questions.

    `best_single` is the name of the row of the expert that is right most often there (the cheaper of
    equals), `majority` the more frequent gold answer.
    """

    best_single: str
    majority: Label


def fit_reference(training: TableSource) -> Reference:
    """Return the reference rows that the training questions single out."""
    training = training.with_gold()
    accuracy = np.round(first_call_right(training).mean(axis=0), 12)
    prices = np.nanmean(training.costs[:, :, Label.NONE], axis=0)
    best = int(np.lexsort((prices, -accuracy))[0])
    yes = np.sum(training.table.gold == Label.YES) >= np.sum(training.table.gold == Label.NO)
    return Reference(single_name(training.table.experts[best].name), Label.of_answer(bool(yes)))


def build_baselines(
    training: Part, validation: Part, test: Part, config: TrainConfig, cost_weight: float, rng: np.random.Generator
) -> tuple[Baseline, ...]:
    """Return every baseline, ready to route the questions of `test`.

    `cost_weight` is the accuracy that one unit of cost is worth, for the baselines that are chosen by
    accuracy less cost; 0 looks at accuracy alone. `rng` draws the random routers' choices, once.
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


def _random(source: TableSource, episode: EpisodeConfig, rng: np.random.Generator) -> list[Baseline]:
    """One random expert a question, and a route whose every action is random, STOP among them from the second step on."""
    n, stop = source.table.n_questions, source.n_experts
    once = rng.integers(stop, size=(n, 1))
    steps = np.concatenate([rng.integers(stop, size=(n, 1)), rng.integers(stop + 1, size=(n, episode.t_max - 1))], axis=1)
    return [
        Plan(name="random expert", family="random", rules=RouteRules(plain_episode(episode, 1)), actions=once),
        Plan(name="random route", family="random", rules=RouteRules(plain_episode(episode, episode.t_max)), actions=steps),
    ]
