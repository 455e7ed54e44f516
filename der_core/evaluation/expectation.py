"""What a random router does in the mean over all its draws: exact, by carrying probabilities forward instead of drawing.

Shape legend: Q questions, N experts, 4 labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from der_core.config import RewardConfig
from der_core.records import N_LABELS, Label
from der_core.routing.baselines import Random
from der_core.routing.process import DecisionProcess, Floats, Ints, Outcome
from der_core.routing.sources import TableSource


@dataclass(frozen=True, eq=False)
class Expectation:
    """Expectations of a random router on Q questions.

    `visits[q, e, l]` is how often expert e is asked after label l, `answers[q, l]` the probability that the final answer is
    l, `returns` [Q] the discounted sum of rewards.
    """

    rows: Ints
    visits: Floats
    answers: Floats
    returns: Floats

    def at_calls(self, table_values: Floats) -> Floats:
        """Return the expected sum over all calls of values of shape [questions, N, 4], shape [Q]."""
        # What is never asked may be unknown (nan).
        return np.asarray(np.where(self.visits > 0, self.visits * table_values[self.rows], 0.0).sum(axis=(1, 2)))


def expect(router: Random, source: TableSource, reward: RewardConfig, discount: float, rows: Ints) -> Expectation:
    """Return the expectations of `router` for the questions `rows` of `source`, under the router's own rules."""
    process = DecisionProcess(source, router.rules.episode, reward)
    found = Expectation(rows, np.zeros((len(rows), source.n_experts, N_LABELS)), np.zeros((len(rows), N_LABELS)), np.zeros(len(rows)))
    standing = np.zeros((len(rows), N_LABELS))
    standing[:, Label.NONE] = 1.0
    for step in range(router.rules.episode.t_max):
        later = np.zeros_like(standing)
        n_choices = router.n_choices(step, source.n_experts)
        for label in range(N_LABELS):
            here = np.flatnonzero(standing[:, label])
            share = standing[here, label] / n_choices
            for action, outcome in _outcomes(process, rows[here], label, step, n_choices):
                after, ended = outcome.situation.label, outcome.ended
                found.returns[here] += share * discount**step * outcome.reward
                if action < source.n_experts:
                    found.visits[here, action, label] += share
                found.answers[here[ended], after[ended]] += share[ended]
                later[here[~ended], after[~ended]] += share[~ended]
        standing = later
    return found


def _outcomes(process: DecisionProcess, rows: Ints, label: int, step: int, n_choices: int) -> Iterator[tuple[int, Outcome]]:
    """What each action leads to, for routes whose last reply at `step` is `label`."""
    source = process.source
    assert isinstance(source, TableSource)
    labels = np.full(len(rows), label, dtype=np.int8)
    right = (labels == source.table.gold[rows]) & (labels > 0)
    now = replace(process.start(rows), step=np.full(len(rows), step), label=labels, quality=right.astype(np.float64))
    for action in range(n_choices if len(rows) else 0):
        yield action, process.advance(now, np.full(len(rows), action))
