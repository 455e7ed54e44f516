"""The exact optimum of the reward, by dynamic programming over the table.

The process is finite: a route is described by the question, the number of steps, the last label and the
last expert. Values are computed backwards from T_max for all questions at once (Bellman's equation), so
the result is exact. It knows the gold answers: an oracle, the ceiling for every router under this reward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

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
    t_max = process.episode.t_max
    shape = (source.table.n_questions, N_LABELS, source.n_experts + 1)
    value = np.zeros((t_max + 1, *shape))
    action = np.zeros((t_max, *shape), dtype=np.int64)
    later_states = _given_labels(source)
    for t in reversed(range(t_max)):
        states = later_states if t else _starts(source)
        worth = np.stack([_worth(process, *states, t, candidate, value[t + 1], discount) for candidate in range(process.n_actions)])
        # Equal worth: the first action, so that results do not hang on rounding.
        best = np.argmax(worth > worth.max(axis=0) - 1e-12, axis=0)
        action[t][states] = best
        value[t][states] = np.take_along_axis(worth, best[None], axis=0)[0]
    return Optimum(action, value)


def _starts(source: TableSource) -> tuple[Ints, Ints]:
    rows = np.arange(source.table.n_questions)
    return rows, np.zeros_like(rows)


def _given_labels(source: TableSource) -> tuple[Ints, Ints]:
    """Question and label of every state after a call: the labels that some expert gives on that question."""
    given = np.stack([(source.labels == label).any(axis=(1, 2)) for label in range(1, N_LABELS)], axis=1)
    rows, labels = np.nonzero(given)
    return rows, labels + 1


def _worth(process: DecisionProcess, rows: Ints, labels: Ints, t: int, candidate: int, later: Floats, discount: float) -> Floats:
    """Worth of one action by state and last expert + 1, shape [states, N + 1].

    The last expert matters only where it is the candidate itself, so two are tried: that one, and another.
    """
    worth = np.empty((len(rows), process.n_experts + 1))
    another = (candidate + 1) % process.n_experts if t else -1
    worth[:] = _worth_after(process, _situation(process, rows, labels, t, another), candidate, later, discount)[:, None]
    if t and candidate < process.n_experts:
        worth[:, candidate + 1] = _worth_after(process, _situation(process, rows, labels, t, candidate), candidate, later, discount)
    return worth


def _situation(process: DecisionProcess, rows: Ints, labels: Ints, t: int, expert: int) -> Situation:
    source = process.source
    assert isinstance(source, TableSource)
    right = (labels == source.table.gold[rows]) & (labels > 0)
    return replace(
        process.start(rows),
        step=np.full(len(rows), t),
        label=labels.astype(np.int8),
        expert=np.full(len(rows), expert),
        quality=right.astype(np.float64),
    )


def _worth_after(process: DecisionProcess, before: Situation, candidate: int, later: Floats, discount: float) -> Floats:
    outcome = process.advance(before, np.full(len(before.rows), candidate))
    after = outcome.situation
    onward = np.where(outcome.ended, 0.0, later[after.rows, after.label, after.expert + 1])
    worth = outcome.reward + discount * onward
    # What was not recorded cannot be chosen.
    return np.where(np.isnan(worth), -np.inf, worth)
