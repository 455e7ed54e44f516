"""Estimates of what an expert says next and whether that is right, fitted on recorded replies with what stood before them.

Shape legend: B replies (or routes), N experts, K components of the question, F features of the history.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from der_core.records import N_LABELS, Label
from der_core.routing.logistic import log_loss, logistic, minimise_log_loss, platt_scaling
from der_core.routing.process import Codes, Flags, Floats, Ints, Situation
from der_core.routing.sources import TableSource

L2_WEIGHTS = (0.3, 0.1, 0.03, 0.01, 0.003)
_SCALE = 0.5
"""The spread that a P(yes) has around one half, about: makes its weight comparable to the others."""


@dataclass(frozen=True)
class History:
    """What a route has heard before a reply: `votes` by label [B, 4], and who was `tried` [B, N]."""

    votes: Codes
    tried: Flags

    def columns(self) -> Floats:
        """The history as features [B, 3 + N]."""
        return np.concatenate([self.votes[:, 1:], self.tried], axis=1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Estimate:
    """One logistic regression: P = 1 / (1 + exp(-(features @ weights + bias))), weights [K + F]: of the question first."""

    weights: Floats
    bias: float

    def logits(self, components: Floats, features: Floats) -> Floats:
        """Return the logit of P for B routes."""
        k = components.shape[1]
        return np.asarray(components @ self.weights[:k] + features @ self.weights[k:] + self.bias)

    def __call__(self, components: Floats, features: Floats) -> Floats:
        """Return P for B routes."""
        return logistic(self.logits(components, features))

    def scaled(self, slope: float, intercept: float) -> Estimate:
        """Return the estimate whose logit is `slope` times this one's, and `intercept`."""
        return Estimate(slope * self.weights, slope * self.bias + intercept)


def write_estimates(estimates: Sequence[Estimate]) -> Floats:
    """Return the estimates as one array [N, K + F + 1], biases last."""
    return np.array([[*one.weights, one.bias] for one in estimates])


def read_estimates(array: Floats) -> tuple[Estimate, ...]:
    """Return the estimates that `write_estimates` wrote."""
    rows = np.asarray(array, dtype=np.float64)
    return tuple(Estimate(row[:-1], float(row[-1])) for row in rows)


@dataclass(frozen=True, eq=False)
class Samples:
    """Replies with what stood before them; one row a reply. `components` [B, K] are those of their questions."""

    components: Floats
    expert: Ints
    history: History
    label: Codes
    p_yes: Floats
    right: Flags

    @classmethod
    def of(cls, source: TableSource, components: Floats) -> Samples:
        """Return every first reply and every second one after every first.

        What is said after one call and after two tells enough about a third.
        """
        n_questions, n, every = len(components), source.n_experts, np.arange(len(components))
        found = []
        for order in (*itertools.product(range(n), repeat=1), *itertools.product(range(n), repeat=2)):
            history = History(np.zeros((n_questions, N_LABELS), dtype=np.int8), np.zeros((n_questions, n), dtype=bool))
            previous = np.zeros(n_questions, dtype=np.int8)
            for heard in order[:-1]:
                previous = source.labels[every, heard, Label.NONE]
                history.votes[every, previous] += 1
                history.tried[:, heard] = True
            expert = order[-1]
            label = source.labels[every, expert, previous]
            right = source.quality[every, expert, previous] == 1.0
            found.append((components, np.full(n_questions, expert), history, label, source.p_yes[every, expert, previous], right))
        parts = list(zip(*found, strict=True))
        histories = History(np.concatenate([h.votes for h in parts[2]]), np.concatenate([h.tried for h in parts[2]]))
        joined = [np.concatenate(part) for place, part in enumerate(parts) if place != 2]
        return cls(joined[0], joined[1], histories, *joined[2:])

    def of_expert(self, expert: int) -> Samples:
        """Return the replies of one expert."""
        return self.take(self.expert == expert)

    def valid(self) -> Samples:
        """Return the replies that say yes or no."""
        return self.take(self.label != Label.INVALID)

    def take(self, at: Flags) -> Samples:
        """Return some of the replies."""
        history = History(self.history.votes[at], self.history.tried[at])
        return Samples(self.components[at], self.expert[at], history, self.label[at], self.p_yes[at], self.right[at])

    def reply_features(self, *, seen: bool) -> Floats:
        """The features of P(right); `seen`: with the P(yes) of the reply."""
        own = self.history.tried.copy()
        own[np.arange(len(own)), self.expert] = True
        return _reply_features(History(self.history.votes, own), self.label, self.p_yes if seen else None)


def _reply_features(before: History, label: Codes, p_yes: Floats | None) -> Floats:
    """What P(right) depends on beside the question: who was heard, how many agree and disagree with the reply, and how sure it is."""
    every, other = np.arange(len(label)), np.where(label == Label.YES, Label.NO, Label.YES)
    agree, against, failed = before.votes[every, label], before.votes[every, other], before.votes[:, Label.INVALID]
    is_yes = label == Label.YES
    features = [is_yes, agree, against, failed, *before.tried.T]
    if p_yes is not None:
        sure = np.where(is_yes, p_yes - 0.5, 0.5 - p_yes) / _SCALE
        features += [sure, sure * is_yes]
    return np.column_stack(features).astype(np.float64)


def n_reply_features(n_experts: int, *, seen: bool) -> int:
    """Return how many features P(right) has beside the question."""
    return 4 + n_experts + 2 * seen


def n_history_features(n_experts: int) -> int:
    """Return how many features a history has."""
    return 3 + n_experts


def p_right(estimates: Sequence[Estimate], components: Floats, now: Situation) -> Floats:
    """Return by the `right_seen` estimate of each expert that the last reply of each route is right, shape [B].

    An invalid reply never is. `components` [B, K] are those of the routes' questions; every route has had a reply.
    """
    found = np.zeros(len(now.rows))
    for expert, estimate in enumerate(estimates):
        at = (now.expert == expert) & (now.label != Label.INVALID)
        votes = now.votes[at].copy()
        votes[np.arange(len(votes)), now.label[at]] -= 1  # its own reply is none that it heard before
        found[at] = estimate(components[at], _reply_features(History(votes, now.tried[at]), now.label[at], now.p_yes[at]))
    return found


Features = Callable[[Samples], Floats]


@dataclass(frozen=True)
class Target:
    """What is estimated: which replies count, what they are judged by, and what the estimate sees beside the question."""

    samples: Callable[[Samples], Samples]
    happened: Callable[[Samples], Flags]
    features: Features


INVALID = Target(lambda some: some, lambda some: some.label == Label.INVALID, lambda some: some.history.columns())
YES = Target(Samples.valid, lambda some: some.label == Label.YES, lambda some: some.history.columns())
RIGHT = Target(Samples.valid, lambda some: some.right, lambda some: some.reply_features(seen=False))
RIGHT_SEEN = Target(Samples.valid, lambda some: some.right, lambda some: some.reply_features(seen=True))


def fit_estimates(target: Target, training: Samples, validation: Samples, n_experts: int) -> tuple[Estimate, ...]:
    """Return one estimate per expert, fitted on `training` with the penalty that suits `validation` best."""
    return tuple(_fit(target, training.of_expert(expert), validation.of_expert(expert)) for expert in range(n_experts))


def calibrated(
    estimates: Sequence[tuple[Estimate, ...]], targets: Sequence[Target], validation: Samples
) -> tuple[tuple[Estimate, ...], ...]:
    """Return the estimates of all `targets` with one slope and intercept for all logits, as they suit `validation` best.

    One for all of them: what two estimates say of one reply must not drift apart, or the difference looks like a gain.
    """
    logits, happened = [], []
    for some, target in zip(estimates, targets, strict=True):
        for expert, estimate in enumerate(some):
            judged = target.samples(validation.of_expert(expert))
            logits.append(estimate.logits(judged.components, target.features(judged)))
            happened.append(target.happened(judged))
    scaling = platt_scaling(np.concatenate(logits), np.concatenate(happened))
    return tuple(tuple(estimate.scaled(*scaling) for estimate in some) for some in estimates)


def _fit(target: Target, training: Samples, validation: Samples) -> Estimate:
    """Return the regression on components and features whose penalty has the lowest log-loss on `validation`."""
    training, validation = target.samples(training), target.samples(validation)
    happened, later = target.happened(training), target.happened(validation)
    inputs, judged = (np.column_stack([some.components, target.features(some)]) for some in (training, validation))
    if not len(happened) or happened.all() or not happened.any():
        return _constant(inputs.shape[1], happened)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # a feature that never varies gets no weight
    scaled = np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))])
    theta, best = np.zeros((scaled.shape[1], 1)), None
    for l2 in L2_WEIGHTS:
        theta = minimise_log_loss(scaled, happened[:, None], l2, theta, max_steps=60)
        weights = theta[:-1, 0] / scale
        bias = float(theta[-1, 0] - mean @ weights)
        loss = log_loss(judged @ weights + bias, later) if len(later) else 0.0
        if best is not None and loss >= best[0]:
            break
        best = (loss, Estimate(weights, bias))
    assert best is not None
    return best[1]


def _constant(size: int, happened: Flags) -> Estimate:
    """An estimate that is the same for all: of what always or never happened, as if seen once more either way."""
    share = (happened.sum() + 0.5) / (len(happened) + 1)
    return Estimate(np.zeros(size), float(np.log(share / (1 - share))))
