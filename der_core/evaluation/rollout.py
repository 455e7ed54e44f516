"""The one loop: any router over all questions of a recording, every step kept.

Shape legend: Q questions (routes), T longest route of the router's rules, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import RewardConfig
from der_core.records import Label
from der_core.routing.process import Codes, DecisionProcess, Flags, Floats, Ints, Outcome, Situation
from der_core.routing.router import Choice, Router
from der_core.routing.sources import TableSource


@dataclass(frozen=True, eq=False)
class Rollout:
    """What a router did on Q questions.

    `experts[q, t]` is the expert asked at step t, -1 for none: the route had ended, or the router stopped
    there. `shown` is the label the expert saw, `labels` the one it replied with (0: no call), `p_yes` its
    centred P(yes) (nan: no call), `costs`, `seconds` (standardised) and `rewards` 0 where nothing happened.
    A STOP has its reward and probabilities at the step it was chosen. `reasons` are codes of StopReason;
    `answers` the final labels, `correct` whether they are the gold answers (an invalid one never is).
    """

    rows: Ints
    experts: Codes
    shown: Codes
    labels: Codes
    p_yes: Floats
    costs: Floats
    seconds: Floats
    rewards: Floats
    probabilities: Floats | None
    calls: Ints
    answers: Codes
    correct: Flags
    reasons: Codes

    @property
    def asked(self) -> Flags:
        """Where a call was made, shape [Q, T]."""
        return np.asarray(self.experts >= 0)

    def returns(self, discount: float) -> Floats:
        """Return the discounted sum of rewards of each route, shape [Q]."""
        return np.asarray(self.rewards @ discount ** np.arange(self.rewards.shape[1]))

    def at_calls(self, table_values: Floats) -> Floats:
        """Look up values of shape [questions, N, 4] at every call, shape [Q, T]; 0 where there was none."""
        # Where nobody was asked, expert 0 stands in so that the look-up is one; its value is thrown away.
        values = table_values[self.rows[:, None], np.maximum(self.experts, 0), self.shown]
        return np.where(self.asked, values, 0.0)


def rollout(router: Router, source: TableSource, reward: RewardConfig, rows: Ints | None = None) -> Rollout:
    """Return the routes of `router` for the questions `rows` of `source` (None: all), under the router's own rules."""
    rules = router.rules
    process = DecisionProcess(source, rules.episode, reward, transfer=rules.transfer)
    now = process.start(np.arange(source.table.n_questions) if rows is None else rows)
    notes = _Notes(now.rows, rules.episode.t_max)
    active = np.arange(len(now.rows))
    for t in range(rules.episode.t_max):
        choice = router.choose(now)
        outcome = process.advance(now, choice.actions)
        notes.write(active, t, now if rules.transfer else None, choice, outcome)
        going_on = ~outcome.ended
        active, now = active[going_on], outcome.situation.take(going_on)
        if not len(active):
            break
    return notes.rollout(source.table.gold, by_majority=rules.answer == "majority")


class _Notes:
    """The arrays of a rollout while it is written."""

    def __init__(self, rows: Ints, t_max: int) -> None:
        shape = (len(rows), t_max)
        self.rows = rows
        self.experts = np.full(shape, -1, dtype=np.int8)
        self.shown, self.labels = np.zeros(shape, dtype=np.int8), np.zeros(shape, dtype=np.int8)
        self.p_yes = np.full(shape, np.nan)
        self.costs, self.seconds, self.rewards = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.probabilities: Floats | None = None
        self.reasons = np.zeros(len(rows), dtype=np.int8)

    def write(self, active: Ints, t: int, seen: Situation | None, choice: Choice, outcome: Outcome) -> None:
        """Note step `t` of the routes `active`; `seen` is what the experts were shown, None for nothing."""
        called, after = outcome.asked >= 0, outcome.situation
        self.experts[active, t] = outcome.asked
        if seen is not None:
            self.shown[active, t] = np.where(called, seen.label, 0)
        self.labels[active, t] = np.where(called, after.label, 0)
        self.p_yes[active, t] = np.where(called, after.p_yes, np.nan)
        self.costs[active, t], self.seconds[active, t], self.rewards[active, t] = outcome.cost, outcome.seconds, outcome.reward
        self.reasons[active] = outcome.reason
        if choice.probabilities is not None:
            self._write_probabilities(active, t, choice.probabilities)

    def _write_probabilities(self, active: Ints, t: int, probabilities: Floats) -> None:
        if self.probabilities is None:
            self.probabilities = np.full((*self.experts.shape, probabilities.shape[1]), np.nan)
        self.probabilities[active, t] = probabilities

    def rollout(self, gold: Codes, *, by_majority: bool) -> Rollout:
        """Return what was written, with the final answers."""
        calls = np.sum(self.experts >= 0, axis=1)
        answers = majority_answer(self.labels) if by_majority else self.labels[np.arange(len(calls)), calls - 1]
        expected = gold[self.rows]
        return Rollout(
            rows=self.rows,
            experts=self.experts,
            shown=self.shown,
            labels=self.labels,
            p_yes=self.p_yes,
            costs=self.costs,
            seconds=self.seconds,
            rewards=self.rewards,
            probabilities=self.probabilities,
            calls=calls,
            answers=answers,
            correct=(answers == expected) & (expected > 0),
            reasons=self.reasons,
        )


def majority_answer(labels: Codes) -> Codes:
    """Return the more frequent of yes and no in each row of `labels` [Q, T].

    A tie goes to the earlier of the two; rows with neither are INVALID.
    """
    yes, no = np.sum(labels == Label.YES, axis=1), np.sum(labels == Label.NO, axis=1)
    valid = (labels == Label.YES) | (labels == Label.NO)
    earliest = labels[np.arange(len(labels)), np.argmax(valid, axis=1)]
    decided = np.where(yes > no, np.int8(Label.YES), np.where(no > yes, np.int8(Label.NO), earliest))
    return np.where(yes + no > 0, decided, np.int8(Label.INVALID))
