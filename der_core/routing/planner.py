"""Training a planner: estimates fitted on routes over the training questions; no reinforcement learning, no torch, well under a second."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from der_core.config import TrainConfig
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.encoding import TextEncoder
from der_core.routing.estimates import INVALID, RIGHT, RIGHT_SEEN, YES, Estimate, Samples, Target, calibrated, fit_estimates
from der_core.routing.planning import PlannerPolicy, check_can_plan
from der_core.routing.process import Floats
from der_core.routing.reading import Reading, check_can_learn
from der_core.routing.reward import accuracy_per_cost
from der_core.routing.saved.trained import TrainedRouter
from der_core.routing.sources import Part
from der_core.routing.state import Projection, QueryState, query_vectors

LIBRARIES = ("numpy", "scipy")


def train_planner(table: Table, config: TrainConfig, encoder: TextEncoder, validation: Table) -> TrainedRouter:
    """Return a planner whose estimates are fitted on the questions of `table`, and chosen and calibrated on those of `validation`.

    Nothing is drawn by chance: all seeds give the same planner. Raises SettingsError for settings that contradict the table or themselves.
    """
    check_can_learn(table, config)
    check_can_plan(table.n_experts, config.episode.t_max)
    with threadpool_limits(limits=1):  # small matrices: on a busy machine a second thread waits longer than it helps
        reading, state = Reading.fit(table, config), QueryState.fit(table.questions, encoder)
        training, judged = (Part(reading.source(some), query_vectors(some.questions, encoder)) for some in (table, validation))
        policy = fit_planner_policy(training, judged, state.projection, accuracy_per_cost(config.reward))
    return TrainedRouter(**reading.facts(table, config, LIBRARIES), state=state, network=policy, curves=())


def fit_planner_policy(training: Part, validation: Part, projection: Projection, cost_weight: float) -> PlannerPolicy:
    """Return estimates fitted on `training`, their penalties chosen and all of them calibrated on `validation`.

    `cost_weight` is the accuracy that one unit of cost is worth. The numbers are rounded as they are saved, so that a router that was
    loaded chooses as the one that was trained.
    """
    n = training.source.n_experts
    fitted, judged = (
        Samples.of(part.source, projection(part.vectors).astype(np.float64)) for part in (training.with_gold(), validation.with_gold())
    )

    def fit(*targets: Target) -> tuple[tuple[Estimate, ...], ...]:
        return calibrated([fit_estimates(target, fitted, judged, n) for target in targets], targets, judged)

    (invalid,), (yes,), (right, right_seen) = fit(INVALID), fit(YES), fit(RIGHT, RIGHT_SEEN)
    costs = cost_weight * _mean_costs(training.with_gold().source.costs)
    exact = PlannerPolicy(invalid, yes, right, right_seen, costs)
    return PlannerPolicy.of_weights(exact.weights)


def _mean_costs(costs: Floats) -> Floats:
    """Mean cost of each expert after each label [N, 4]; that of a first call where no route heard that label before."""
    known = ~np.isnan(costs)
    sums, counts = np.where(known, costs, 0.0).sum(axis=0), known.sum(axis=0)
    means = sums / np.maximum(counts, 1)
    return np.asarray(np.where(counts > 0, means, means[:, Label.NONE, None]))
