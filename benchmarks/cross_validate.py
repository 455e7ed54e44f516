"""Five-fold comparison of state sizes and of weights of cost, on the training questions of a recording; the held-out part is not touched.

    python -m benchmarks.cross_validate STORE RECORDING [QUESTIONS]

Cuts off the held-out half as `evaluate --eval-samples` does, then trains the `deployable` setting on four fifths
of the other QUESTIONS (150 unless given) for each number of components and each training length, then for each
weight of cost, and prints the share of right answers on the fifth left out.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from der_core.config import DEPLOYABLE, SPLIT_SEED, TrainConfig
from der_core.evaluation.experiment import choose_splits
from der_core.evaluation.rollout import rollout
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label
from der_core.routing import state
from der_core.routing.agent.training import train_router
from der_core.routing.confidence import fit_program_confidence, with_program_confidence
from der_core.routing.cost import fit_prices
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.thresholds import fit_thresholds
from der_core.routing.trained import AgentRouter

COMPONENTS, STEPS, ALPHAS, FOLDS = (0, 2, 8, 32), (12_288, 24_576), (0.05, 0.02, 0.01, 0.005, 0.002), 5


def main(arguments: list[str]) -> None:
    """Print one line per setting."""
    path, name, *size = arguments
    with Store.open(Path(path), create=False) as store:
        table = load_table(store, name)
        n = int(size[0]) if size else 150
        splits = choose_splits(table.questions, SPLIT_SEED, n, table.n_questions - n)
        fitting = table.subset(table.rows_of(splits.train + splits.validation))
        encoder = CachedEncoder(SentenceEncoder(), store)
        _print_singles(fitting)
        usual = state.COMPONENTS
        for components, steps in product(COMPONENTS, STEPS):
            state.COMPONENTS = components
            config = replace(DEPLOYABLE, ppo=replace(DEPLOYABLE.ppo, total_steps=steps))
            print(f"{components:3d} components, {steps} steps: {_cross_validated(fitting, config, encoder)}")
        state.COMPONENTS = usual
        for alpha in ALPHAS:
            config = replace(DEPLOYABLE, reward=replace(DEPLOYABLE.reward, alpha=alpha))
            print(f"alpha {alpha}: {_cross_validated(fitting, config, encoder)}")


def _print_singles(table: Table) -> None:
    """The same questions, each expert asked once: what a router has to beat."""
    table = with_program_confidence(table, fit_program_confidence(table))
    moved = table.with_thresholds(fit_thresholds(table))
    costs = fit_prices(table, DEPLOYABLE.episode.cost_mode).table_costs(table)[:, :, Label.NONE].mean(axis=0)
    for spec, right, cost in zip(table.experts, moved.quality[:, :, Label.NONE].mean(axis=0), costs, strict=True):
        print(f"{spec.name} once, threshold fitted on these questions: right {right:.1%}, cost {cost:.2f}")


def _cross_validated(table: Table, config: TrainConfig, encoder: TextEncoder) -> str:
    folds = np.array_split(np.random.default_rng(0).permutation(table.n_questions), FOLDS)
    figures = []
    for fold in folds:
        held_out = table.subset(fold)
        trained = train_router(table.subset(np.setdiff1d(np.concatenate(folds), fold)), config, encoder)
        router = AgentRouter(trained, trained.state.question_vectors(held_out.questions, encoder))
        run = rollout(router, trained.table_source(held_out), config.reward)
        figures.append((run.correct.mean(), trained.curves[-1].accuracy, run.costs.sum(axis=1).mean()))
    left_out, training, cost = np.mean(figures, axis=0)
    return f"right {left_out:.1%} left out, {training:.1%} in training, cost {cost:.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
