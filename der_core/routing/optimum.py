"""The exact optimum of the reward, by dynamic programming over the table.

The process is finite: a route is described by the question, the number of steps, the last label and the
last expert. Values are computed backwards from T_max for all questions at once (Bellman's equation), so
the result is exact. It knows the gold answers: an oracle, the ceiling for every router under this reward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.records import N_LABELS
from der_core.routing.process import DecisionProcess, Floats, Ints, Situation
from der_core.routing.sources import TableSource


@dataclass(frozen=True)
class Optimum:
    """Best actions and values.

    `action[t, q, l, e]` is the best action at step t after label l from expert e - 1 (e = 0: none yet);
    `value` has the same shape plus one step, in units of discounted reward.
    """

    action: Ints
    value: Floats

    def choose(self, now: Situation) -> Ints:
        """Return the best action of each route."""
        return np.asarray(self.action[now.step, now.rows, now.label, now.expert + 1])

    def start_value(self) -> Floats:
        """Return the best discounted return of each question, shape [Q]."""
        return np.asarray(self.value[0, :, 0, 0])


def solve(process: DecisionProcess, discount: float) -> Optimum:
    """Return the optimum of `process`, whose source must be a TableSource."""
    source = process.source
    assert isinstance(source, TableSource)
    n_questions, n_experts, t_max = source.table.n_questions, source.n_experts, process.episode.t_max
    shape = (n_questions, N_LABELS, n_experts + 1)
    value = np.zeros((t_max + 1, *shape))
    action = np.zeros((t_max, *shape), dtype=np.int64)
    for t in reversed(range(t_max)):
        states = _states(n_questions, n_experts, t)
        before = _situations(source, *states, t)
        best = np.full(len(states[0]), -np.inf)
        for candidate in range(process.n_actions):
            worth = _worth(process, before, candidate, value[t + 1], discount)
            better = worth > best + 1e-12  # equal worth: the first action, so that results do not hang on rounding
            best = np.where(better, worth, best)
            action[t][states] = np.where(better, candidate, action[t][states])
        value[t][states] = best
    return Optimum(action, value)


def _states(n_questions: int, n_experts: int, t: int) -> tuple[Ints, Ints, Ints]:
    """Question, label and expert + 1 of every state at step t: one a question at t = 0, all later."""
    labels, experts = ([0], [0]) if t == 0 else (range(1, N_LABELS), range(1, n_experts + 1))
    grid = np.meshgrid(np.arange(n_questions), labels, experts, indexing="ij")
    return tuple(np.asarray(axis).ravel() for axis in grid)  # type: ignore[return-value]  # three axes in, three out


def _situations(source: TableSource, rows: Ints, labels: Ints, experts: Ints, t: int) -> Situation:
    start = Situation.start(rows, source.n_experts)
    gold = source.table.gold[rows]
    return Situation(
        rows=rows,
        step=start.step + t,
        label=labels.astype(np.int8),
        expert=experts - 1,
        p_yes=start.p_yes,
        tried=start.tried,
        votes=start.votes,
        quality=np.where(labels > 0, labels == gold, 0.0).astype(np.float64),
    )


def _worth(process: DecisionProcess, before: Situation, candidate: int, later: Floats, discount: float) -> Floats:
    outcome = process.advance(before, np.full(len(before.rows), candidate))
    after = outcome.situation
    onward = np.where(outcome.ended, 0.0, later[after.rows, after.label, after.expert + 1])
    worth = outcome.reward + discount * onward
    # A previous label that no expert ever gave on this question was not recorded, and cannot be reached.
    return np.where(np.isnan(worth), -np.inf, worth)
