"""Planning: which expert to ask, or whether to stop, from estimates, exactly over the calls that are left.

Shape legend: B routes, Q questions, N experts, K components of the question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from der_core.config import EpisodeConfig
from der_core.errors import SettingsError
from der_core.records import N_LABELS, Label
from der_core.routing.estimates import Estimate, n_history_features, n_reply_features, p_right, read_estimates, write_estimates
from der_core.routing.logistic import logistic
from der_core.routing.process import Floats, Ints, Situation
from der_core.routing.router import Choice

SAID = (Label.YES, Label.NO, Label.INVALID)
MAX_HISTORIES = 20_000
"""Histories that a plan may look at: beyond, one question takes longer to plan than to ask about."""
_ESTIMATES = ("invalid", "yes", "right", "right_seen")
_AT_ONCE = 8_000_000
"""Numbers that one plan may keep (64 MB)."""


@dataclass(frozen=True, eq=False)
class PlannerPolicy:
    """What is estimated of each expert: whether it is invalid, whether it says yes (if not), and whether that is right.

    `right` goes without the P(yes) of the reply, for replies that are still to come; `right_seen` with it. `costs` [N, 4] are means of
    a call after each label, in units of accuracy.
    """

    invalid: tuple[Estimate, ...]
    yes: tuple[Estimate, ...]
    right: tuple[Estimate, ...]
    right_seen: tuple[Estimate, ...]
    costs: Floats

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """All of it as arrays, named as in `planner_shapes`."""
        arrays = {name: write_estimates(getattr(self, name)) for name in _ESTIMATES} | {"costs": self.costs}
        return {f"planner.{name}": array.astype(np.float32) for name, array in arrays.items()}

    @classmethod
    def of_weights(cls, weights: Mapping[str, NDArray[np.float32]]) -> PlannerPolicy:
        """Return the policy that has these `weights`."""
        estimates = {name: read_estimates(weights[f"planner.{name}"].astype(np.float64)) for name in _ESTIMATES}
        return cls(**estimates, costs=weights["planner.costs"].astype(np.float64))


def planner_shapes(components: int, n_experts: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of a planner that sees so many components of a question."""
    features = {
        "invalid": n_history_features(n_experts),
        "yes": n_history_features(n_experts),
        "right": n_reply_features(n_experts, seen=False),
        "right_seen": n_reply_features(n_experts, seen=True),
    }
    shapes: dict[str, tuple[int, ...]] = {f"planner.{name}": (n_experts, components + n + 1) for name, n in features.items()}
    return shapes | {"planner.costs": (n_experts, N_LABELS)}


def n_histories(n_experts: int, t_max: int) -> int:
    """Return how many different things a route of at most `t_max` calls may have heard before it asks: votes by label and who was tried."""
    return sum(
        comb(calls + 2, 2) * sum(comb(n_experts, tried) for tried in range(min(1, calls), min(calls, n_experts) + 1))
        for calls in range(t_max)
    )


def can_plan(n_experts: int, t_max: int) -> bool:
    """Return whether routes of at most `t_max` calls among so many experts can be planned exactly in reasonable time."""
    return n_histories(n_experts, t_max) <= MAX_HISTORIES


def check_can_plan(n_experts: int, t_max: int) -> None:
    """Raise SettingsError where planning exactly would take too long."""
    if not can_plan(n_experts, t_max):
        raise SettingsError(
            f"The planner would have to look at {n_histories(n_experts, t_max):,} histories for routes of {t_max} calls among {n_experts} "
            "experts. Lower T_max (--tmax), choose fewer experts (--use-experts), or train with --algorithm ppo."
        )


@dataclass(frozen=True, eq=False)
class Planned:
    """A planner's policy before certain questions, under the rules of `episode`; `components` [Q, K] are those of the questions that rows index."""

    policy: PlannerPolicy
    components: Floats
    episode: EpisodeConfig

    def choose(self, now: Situation) -> Choice:
        """Plan each route to its end and choose the action of greatest worth: P(the final answer is right) less what the calls cost."""
        worth = self.worth(now)
        return Choice(np.argmax(worth, axis=1), worth=worth)

    def worth(self, now: Situation) -> Floats:
        """Return what each action is worth, shape [B, N], or [B, N + 1] with STOP last; -inf where it is not allowed."""
        n = len(self.policy.invalid)
        worth = np.full((len(now.rows), n + 1), -np.inf)
        # Routes that have heard the same differ in their question alone: one plan is worked out for all of them.
        alike: defaultdict[bytes, list[int]] = defaultdict(list)
        for place, state in enumerate(np.column_stack([now.votes, now.tried, now.label]).astype(np.int8)):
            alike[state.tobytes()].append(place)
        for places in alike.values():
            first = places[0]
            votes, tried = tuple(now.votes[first].tolist()), tuple(now.tried[first].astype(int).tolist())
            asking = self._asking(votes, tried, now.rows[places])
            worth[places, :n] = (asking - self.policy.costs[:, now.label[first], None]).T
        if self._skips_last:
            asked = np.flatnonzero(now.expert >= 0)
            worth[asked, now.expert[asked]] = -np.inf
        stopped = now.step > 0
        worth[stopped, n] = self.p_right(now.take(stopped))
        return worth if self.episode.has_stop_action else worth[:, :n]

    def p_right(self, now: Situation) -> Floats:
        """Return the estimate that the last reply of each route is right, shape [B]."""
        return p_right(self.policy.right_seen, self.components[now.rows], now)

    def _asking(self, votes: tuple[int, ...], tried: tuple[int, ...], rows: Ints) -> Floats:
        left = self.episode.t_max - sum(votes) - 1
        if self._whole is not None:
            return self._whole.asking(votes, tried, left)[:, rows]
        return _Plan(self.policy, self._questions.take(rows), skips_last=self._skips_last).asking(votes, tried, left)

    @cached_property
    def _whole(self) -> _Plan | None:
        """The plan for all questions, which later steps look up in; None where it would fill the memory."""
        n = len(self.policy.invalid)
        fits = n_histories(n, self.episode.t_max) * n * len(self.components) <= _AT_ONCE
        return _Plan(self.policy, self._questions, skips_last=self._skips_last) if fits else None

    @property
    def _skips_last(self) -> bool:
        return self.episode.no_repeat and len(self.policy.invalid) > 1

    @cached_property
    def _questions(self) -> _Questions:
        return _Questions.of(self.policy, self.components)


@dataclass(frozen=True, eq=False)
class _Questions:
    """What the components of questions add to the logit of each estimate, shape [N, Q]."""

    invalid: Floats
    yes: Floats
    right: Floats

    @classmethod
    def of(cls, policy: PlannerPolicy, components: Floats) -> _Questions:
        """Work it out for the questions with these `components` [Q, K]."""
        k = components.shape[1]
        return cls(*(np.stack([one.weights[:k] for one in some]) @ components.T for some in (policy.invalid, policy.yes, policy.right)))

    def take(self, rows: Ints) -> _Questions:
        """Return it for some of the questions."""
        return _Questions(self.invalid[:, rows], self.yes[:, rows], self.right[:, rows])


class _Plan:
    """Worth of asking each expert, for routes that have heard the same; histories are votes by label [4] and who was tried [N].

    In which order something was heard makes no difference to the estimates, so that each history is worked out once. With `skips_last`
    nobody is asked twice in a row.
    """

    def __init__(self, policy: PlannerPolicy, questions: _Questions, *, skips_last: bool = False) -> None:
        n = len(policy.invalid)
        self.questions = questions
        self.costs = policy.costs
        self._skips_last = skips_last
        self._of_invalid = np.array([[*one.weights[-3 - n :], one.bias] for one in policy.invalid])
        self._of_yes = np.array([[*one.weights[-3 - n :], one.bias] for one in policy.yes])
        self._of_reply = np.array([[*one.weights[-4 - n :], one.bias] for one in policy.right])
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], Floats] = {}

    def asking(self, votes: tuple[int, ...], tried: tuple[int, ...], left: int) -> Floats:
        """Return the worth of asking each expert before its own cost, shape [N, B], with `left` calls after it."""
        if (votes, tried) not in self._known:
            self._known[votes, tried] = self._asking(votes, tried, left)
        return self._known[votes, tried]

    def _asking(self, votes: tuple[int, ...], tried: tuple[int, ...], left: int) -> Floats:
        """Over what each expert may say, the better of stopping and asking on while calls are left."""
        history = np.array([*votes[1:], *tried, 1.0])
        p_invalid = logistic(self.questions.invalid + (self._of_invalid @ history)[:, None])
        p_yes = logistic(self.questions.yes + (self._of_yes @ history)[:, None])
        p_valid = 1 - p_invalid
        chances = {Label.YES: p_valid * p_yes, Label.NO: p_valid * (1 - p_yes), Label.INVALID: p_invalid}
        return np.asarray(sum(chances[label] * self._after(votes, tried, label, left) for label in SAID))

    def _after(self, votes: tuple[int, ...], tried: tuple[int, ...], label: Label, left: int) -> Floats:
        """Worth of having heard `label` from each expert, shape [N, B]."""
        value = np.zeros_like(self.questions.right) if label == Label.INVALID else self._p_right(votes, tried, label)
        if left:
            heard = tuple(count + (place == label) for place, count in enumerate(votes))
            for expert in range(len(tried)):
                asked = tuple(int(was or place == expert) for place, was in enumerate(tried))
                # Row by row: several times as fast as the maximum along an axis this short.
                for following, worth in enumerate(self.asking(heard, asked, left - 1) - self.costs[:, label, None]):
                    if not (self._skips_last and following == expert):
                        np.maximum(value[expert], worth, out=value[expert])
        return value

    def _p_right(self, votes: tuple[int, ...], tried: tuple[int, ...], label: Label) -> Floats:
        """P(right) of each expert's reply `label`, by what was heard before it and with the expert among those who were asked."""
        other = Label.NO if label == Label.YES else Label.YES
        reply = [float(label == Label.YES), votes[label], votes[other], votes[Label.INVALID]]
        features = np.array([[*reply, *(was or place == expert for place, was in enumerate(tried)), 1.0] for expert in range(len(tried))])
        return logistic(self.questions.right + (self._of_reply * features).sum(axis=1)[:, None])
