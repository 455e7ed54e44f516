"""The planner as a row of every comparison: the same estimates and the same plan as `--algorithm planner` trains and saves.

No reinforcement learning: regularised logistic regressions, fitted on routes over the training questions, and dynamic programming
over the estimated values. It is the yardstick of the learned router: same replies, same state, same end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from der_core.config import EpisodeConfig
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.planner import fit_planner_policy
from der_core.routing.planning import Planned
from der_core.routing.process import Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import Part
from der_core.routing.state import QUERY_COMPONENTS, Projection, Vectors


@dataclass(frozen=True, eq=False, kw_only=True)
class Planner(Baseline):
    """Chooses what its plan says."""

    planned: Planned

    def choose(self, now: Situation) -> Choice:
        """Plan each route to its end and choose its next action; STOP is the last one."""
        return self.planned.choose(now)


def fit_planner(training: Part, validation: Part, test_vectors: Vectors, episode: EpisodeConfig, cost_weight: float) -> Planner:
    """Return the planner for questions with these vectors; see `fit_planner_policy`."""
    training = training.with_gold()
    projection = Projection.fit(training.vectors, QUERY_COMPONENTS)
    policy = fit_planner_policy(training, validation, projection, cost_weight)
    rules = RouteRules(replace(plain_episode(episode, episode.t_max), end="stop_action"))
    planned = Planned(policy, projection(test_vectors).astype(np.float64), rules.episode)
    return Planner(name="planner", family="planner", rules=rules, detail="logistic estimates", planned=planned)
