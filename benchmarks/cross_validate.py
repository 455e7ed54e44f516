"""Five-fold comparison of settings on the training questions of a recording; the held-out half is not touched.

    python -m benchmarks.cross_validate STORE RECORDING [--alpha A ...] [--ppo-steps N ...] [--ppo-rollout N ...] [--patience N ...]
        [--learning-rate R ...] [--entropy W ...] [--components N ...] [--tmax N ...] [--seeds S ...] [--questions N]

Cuts off the held-out half as `evaluate` does (or all but N questions). The others are dealt into five folds: those of one
passage, or of passages that are nearly the same, into one. Every combination of the settings given, the rest as in
`deployable`, is trained for each seed and fold on three of the others, the fourth choosing the update that is kept. One policy
(the likeliest action) is then judged on the fold left out and on the three it learned from. Prints one line a combination, and
first what the experts do alone, thresholds fitted and the best one chosen on the other four folds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_core.config import DEPLOYABLE, SPLIT_SEED, TrainConfig
from der_core.evaluation.experiment import choose_splits
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import bootstrap_means
from der_core.recording.splits import passage_groups
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Question
from der_core.routing import state
from der_core.routing.agent.training import train_router
from der_core.routing.confidence import fit_program_confidence
from der_core.routing.cost import fit_prices
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.saved.trained import AgentRouter, TrainedRouter
from der_core.routing.sources import TableSource
from der_core.routing.thresholds import fit_thresholds

FOLDS = 5
SETTINGS = {
    "alpha": float,
    "ppo_steps": int,
    "ppo_rollout": int,
    "patience": int,
    "learning_rate": float,
    "entropy": float,
    "components": int,
    "tmax": int,
}
Ints = NDArray[np.int64]
Setting = dict[str, Any]  # Any: numbers of either kind


@dataclass(frozen=True)
class Fold:
    """Rows of the questions that a router learns from, that choose its update, and that it never sees."""

    training: Ints
    validation: Ints
    left_out: Ints


def main(words: Sequence[str]) -> None:
    """Print one line per combination of settings."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cross_validate")
    parser.add_argument("store", type=Path)
    parser.add_argument("recording")
    for name, kind in SETTINGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, nargs="+", default=[None])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--questions", type=int, default=None)
    given = parser.parse_args(words)
    with Store.open(given.store, create=False, read_only=True) as store:
        table = load_table(store, given.recording)
        n = given.questions
        splits = choose_splits(table.questions, SPLIT_SEED, n, None if n is None else table.n_questions - n)
        fitting = table.subset(table.rows_of(splits.train + splits.validation)).with_gold()
        encoder = CachedEncoder(SentenceEncoder(), store)
        print(f"{fitting.n_questions} questions, {FOLDS} folds, seeds {', '.join(map(str, given.seeds))}")
        print(f"the best expert alone: {singles_told(fitting)}")
        for values in product(*(getattr(given, name) for name in SETTINGS)):
            setting = {name: value for name, value in zip(SETTINGS, values, strict=True) if value is not None}
            told = ", ".join(f"{name} {value}" for name, value in setting.items()) or "deployable as it is"
            print(f"{told}: {cross_validated(fitting, setting, given.seeds, encoder)}", flush=True)


def folds_of(questions: Sequence[Question]) -> Iterator[Fold]:
    """Yield the folds: no group of questions stands in two of them, and they are as equal as whole groups let them be."""
    groups = np.array(passage_groups(questions))
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    filled, fold_of = np.zeros(FOLDS, dtype=np.int64), dict[str, int]()
    for place in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[names[place]] = int(np.argmin(filled))
        filled[np.argmin(filled)] += sizes[place]
    fold = np.array([fold_of[group] for group in groups])
    for k in range(FOLDS):
        chooses = (k + 1) % FOLDS
        yield Fold(*(np.flatnonzero(which) for which in ((fold != k) & (fold != chooses), fold == chooses, fold == k)))


def config_of(setting: Setting, seed: int) -> TrainConfig:
    """Return `deployable` with these settings in their places."""
    places = {"ppo_steps": "total_steps", "ppo_rollout": "n_steps", "entropy": "entropy_weight"}
    ppo = {places.get(name, name): value for name, value in setting.items() if name not in ("alpha", "components", "tmax")}
    return replace(
        DEPLOYABLE,
        reward=replace(DEPLOYABLE.reward, alpha=setting.get("alpha", DEPLOYABLE.reward.alpha)),
        episode=replace(DEPLOYABLE.episode, t_max=setting.get("tmax", DEPLOYABLE.episode.t_max)),
        ppo=replace(DEPLOYABLE.ppo, **ppo),
        seed=seed,
    )


def cross_validated(table: Table, setting: Setting, seeds: Sequence[int], encoder: TextEncoder) -> str:
    """Return in words how routers of one setting do on questions left out and on those they learned from."""
    usual, state.COMPONENTS = state.COMPONENTS, setting.get("components", state.COMPONENTS)
    right = np.zeros((len(seeds), table.n_questions))
    figures = []
    for (number, seed), fold in product(enumerate(seeds), folds_of(table.questions)):
        config = config_of(setting, seed)
        router = train_router(table.subset(fold.training), config, encoder, validation=table.subset(fold.validation))
        unseen, known = (judged(router, table.subset(rows), encoder) for rows in (fold.left_out, fold.training))
        right[number, fold.left_out] = unseen.correct
        figures.append((known.correct.mean(), unseen.costs.sum(axis=1).mean(), unseen.calls.mean(), *_progress(router)))
    state.COMPONENTS = usual
    training, cost, calls, best, steps, converged = np.mean(figures, axis=0)
    by_seed = " ".join(f"{share:.1%}" for share in right.mean(axis=1))
    return (
        f"right {right.mean():.1%} ({by_seed}) left out, standard error {_error(right.mean(axis=0), table):.1%}; {training:.1%} in training; "
        f"cost {cost:.2f}, calls {calls:.2f}; best after {best:,.0f} of {steps:,.0f} steps, {converged:.0%} converged"
    )


def judged(router: TrainedRouter, table: Table, encoder: TextEncoder) -> Rollout:
    """Return the routes of the router on these questions, the likeliest action taken each time."""
    agent = AgentRouter(router, router.state.question_vectors(table.questions, encoder))
    return rollout(agent, router.table_source(table), router.config.reward)


def _progress(router: TrainedRouter) -> tuple[float, float, float]:
    """Steps up to the best update, steps in all, and whether training converged."""
    return router.curves[(router.best_update or len(router.curves)) - 1].steps, router.curves[-1].steps, float(bool(router.converged))


def _error(right: NDArray[np.float64], table: Table) -> float:
    """The standard error of a share over questions, whole groups drawn."""
    return float(bootstrap_means(right[:, None], passage_groups(table.questions), np.random.default_rng(0)).std())


def singles_told(table: Table) -> str:
    """Return in words what one expert asked once does: what a router has to beat."""
    right, costs = np.zeros(table.n_questions), np.zeros(table.n_questions)
    chosen = []
    for fold in folds_of(table.questions):
        fitting = table.subset(np.concatenate([fold.training, fold.validation]))
        confidence, prices = fit_program_confidence(fitting), fit_prices(fitting, DEPLOYABLE.episode.cost_mode)
        thresholds = fit_thresholds(TableSource(fitting, prices, None, confidence).table)
        seen, unseen = (TableSource(part, prices, thresholds, confidence) for part in (fitting, table.subset(fold.left_out)))
        best = int(np.argmax(seen.quality[:, :, Label.NONE].mean(axis=0)))
        chosen.append(table.experts[best].name)
        right[fold.left_out], costs[fold.left_out] = unseen.quality[:, best, Label.NONE], unseen.costs[:, best, Label.NONE]
    names = ", ".join(dict.fromkeys(chosen))
    return f"right {right.mean():.1%} left out, standard error {_error(right, table):.1%}; cost {costs.mean():.2f} ({names})"


if __name__ == "__main__":
    main(sys.argv[1:])
