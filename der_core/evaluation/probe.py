"""The look at single experts on a few training questions that comes before any training: whom is there to route to?"""

from __future__ import annotations

from dataclasses import dataclass

from der_core.bounds import Count, Figure, Share, Word
from der_core.config import TrainConfig
from der_core.evaluation.metrics import mean
from der_core.evaluation.statistics import wilson_interval
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.cost import fit_prices


@dataclass(frozen=True)
class ProbedExpert:
    """First replies of one expert to `n` training questions: share right with Wilson's interval, and mean cost."""

    expert: Word
    n: Count
    accuracy: Share
    low: Share
    high: Share
    cost: Figure


def probe_experts(training: Table, samples: int, config: TrainConfig) -> tuple[ProbedExpert, ...]:
    """Return how every expert does on the first `samples` training questions, at prices fitted on all of them; empty without questions."""
    table = training.subset(range(min(samples, training.n_questions)))
    if not table.n_questions:
        return ()
    costs = fit_prices(training, config.episode.cost_mode, config.calibration_samples).table_costs(table)
    return tuple(_probed(table, index, float(mean(costs[:, index, Label.NONE]))) for index in range(table.n_experts))


def _probed(table: Table, index: int, cost: float) -> ProbedExpert:
    right = table.quality[:, index, Label.NONE]
    interval = wilson_interval(int(right.sum()), len(right))
    return ProbedExpert(table.experts[index].name, len(right), float(right.mean()), interval.low, interval.high, cost)
