"""Several routers of one setting that differ in their seed, on the same held-out questions: figures over both.

Questions are drawn by passage and, for each such draw, as many seeds as there are, with replacement: an interval covers what
other questions and other trainings would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from der_core.errors import SettingsError
from der_core.evaluation.comparison import Comparison
from der_core.evaluation.frontier import hull_heights
from der_core.evaluation.statistics import N_RESAMPLES, UNKNOWN_DIFFERENCE, Difference, bootstrap_means, percentiles
from der_core.routing.process import Floats

SEED = 13
"""Of the resamples, so that a report shows the same intervals as the command line."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """The comparisons of one setting, one a seed; SettingsError unless they are about the same questions and count cost alike."""

    comparisons: tuple[Comparison, ...]

    def __post_init__(self) -> None:
        first, *others = self.comparisons
        if any(other.groups != first.groups or other.cost_mode != first.cost_mode for other in others):
            raise SettingsError(
                "These routers were compared on different questions or in different cost modes; evaluate them by one command, "
                "with the same recording, split and --cost-mode."
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """What each question is drawn with."""
        return self.comparisons[0].groups

    @property
    def cost_mode(self) -> str:
        """The mode that costs are in."""
        return self.comparisons[0].cost_mode

    def right(self, name: str) -> Floats:
        """Return whether, or how probably, the router of that name is right, shape [Q, seeds]."""
        return np.column_stack([one.right_of(name) for one in self.comparisons])

    def cost(self, name: str) -> Floats:
        """Return what the router of that name costs, shape [Q, seeds]."""
        places = [[row.name for row in one.rows].index(name) for one in self.comparisons]
        return np.column_stack([one.question_costs[one.cost_mode][:, place] for one, place in zip(self.comparisons, places, strict=True)])

    def resampled(self, columns: Sequence[Floats], n: int = N_RESAMPLES) -> Floats:
        """Return means over questions and seeds of columns [Q, seeds], shape [n + 1, columns]: as they are, then in each resample."""
        stacked = np.stack(columns, axis=1)
        n_questions, n_columns, n_seeds = stacked.shape
        rng = np.random.default_rng(SEED)
        means = bootstrap_means(stacked.reshape(n_questions, -1), self.groups, rng, n).reshape(n, n_columns, n_seeds)
        drawn = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n) / n_seeds
        return np.vstack([stacked.mean(axis=(0, 2)), np.einsum("nks,ns->nk", means, drawn)])

    def accuracy(self, name: str) -> Difference:
        """Return a router's mean accuracy with its interval over questions and seeds."""
        return with_interval(self.resampled([self.right(name)])[:, 0])

    def gap(self, name: str, other: str) -> Difference:
        """Return the accuracy of one router less that of another."""
        return with_interval(self.resampled([self.right(name) - self.right(other)])[:, 0])

    def lead_over_singles(self, name: str) -> Difference:
        """Return how far a router lies above the hull of the single experts at its own mean cost; nan below the cheapest."""
        names = [*(row.name for row in self.comparisons[0].singles), name]
        means = self.resampled([*map(self.right, names), *map(self.cost, names)])
        accuracy, cost = means[:, : len(names)], means[:, len(names) :]
        return with_interval(accuracy[:, -1] - hull_heights(cost[:, :-1], accuracy[:, :-1], cost[:, -1:])[:, 0])


def with_interval(figures: Floats) -> Difference:
    """Return the first figure with the percentiles of the others, its resamples; nan where the first is unknown."""
    known = figures[1:][~np.isnan(figures[1:])]
    if np.isnan(figures[0]) or not len(known):
        return UNKNOWN_DIFFERENCE
    bounds = percentiles(known)
    return Difference(float(figures[0]), bounds.low, bounds.high)
