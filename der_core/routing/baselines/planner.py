"""The planner: estimates what each expert will say and whether that is right, then plans exactly over the calls that are left.

No reinforcement learning: regularised logistic regressions, fitted on routes over the training questions, and dynamic programming
over the estimated values. It is the yardstick of the learned router: same replies, same state, same end.

Shape legend: B routes, N experts, K components of the question.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from der_core.config import EpisodeConfig
from der_core.records import N_LABELS, Label
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.baselines.pickers import Part, log_loss, minimise_log_loss
from der_core.routing.process import Codes, Flags, Floats, Ints, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource
from der_core.routing.state import Projection, Vectors

COMPONENTS = 32
"""Principal components of question and passage that the estimates see, at most."""
L2_WEIGHTS = (0.3, 0.1, 0.03, 0.01, 0.003)
SAID = (Label.YES, Label.NO, Label.INVALID)
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

    def __call__(self, components: Floats, features: Floats) -> Floats:
        """Return P for B routes."""
        k = components.shape[1]
        return _logistic(components @ self.weights[:k] + features @ self.weights[k:] + self.bias)


@dataclass(frozen=True, eq=False)
class ExpertEstimates:
    """What is estimated of one expert: whether it is invalid, whether it says yes (if not), and whether that is right.

    `right` goes without the P(yes) of the reply, for replies that are still to come; `right_seen` with it.
    `cost` is the mean of a call after each label [4], in units of accuracy.
    """

    invalid: Estimate
    yes: Estimate
    right: Estimate
    right_seen: Estimate
    cost: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Planner(Baseline):
    """Chooses the action of greatest estimated worth: P(the final answer is right) less what the calls cost.

    `components` [Q, K] are those of the questions that rows index.
    """

    experts: tuple[ExpertEstimates, ...]
    components: Floats

    @cached_property
    def questions(self) -> _Questions:
        """What the components of each question say to the estimates, worked out once."""
        return _Questions.of(self.experts, self.components)

    def choose(self, now: Situation) -> Choice:
        """Plan each route to its end and choose its next action; STOP is the last one."""
        n = len(self.experts)
        worth = np.full((len(now.rows), n + 1), -np.inf)
        # Routes that have heard the same differ in their question alone: one plan is worked out for all of them.
        alike: defaultdict[bytes, list[int]] = defaultdict(list)
        for place, state in enumerate(np.column_stack([now.votes, now.tried, now.label]).astype(np.int8)):
            alike[state.tobytes()].append(place)
        for places in alike.values():
            first = places[0]
            votes, tried = tuple(now.votes[first].tolist()), tuple(now.tried[first].astype(int).tolist())
            plan = _Plan(self.experts, self.questions.take(now.rows[places]))
            left = self.rules.episode.t_max - sum(votes) - 1
            worth[places, :n] = (plan.asking(votes, tried, left) - plan.costs[:, now.label[first], None]).T
        stopped = now.step > 0
        worth[stopped, n] = self.p_right(now.take(stopped))
        return Choice(np.argmax(worth, axis=1))

    def p_right(self, now: Situation) -> Floats:
        """Return the estimate that the last reply of each route is right, shape [B]."""
        found, components = np.zeros(len(now.rows)), self.components[now.rows]
        for expert, estimates in enumerate(self.experts):
            at = (now.expert == expert) & (now.label != Label.INVALID)
            votes = now.votes[at].copy()
            votes[np.arange(len(votes)), now.label[at]] -= 1  # its own reply is none that it heard before
            features = _reply_features(History(votes, now.tried[at]), now.label[at], now.p_yes[at])
            found[at] = estimates.right_seen(components[at], features)
        return found


@dataclass(frozen=True, eq=False)
class _Questions:
    """What the components of questions add to the logit of each estimate, shape [N, Q]."""

    invalid: Floats
    yes: Floats
    right: Floats

    @classmethod
    def of(cls, experts: Sequence[ExpertEstimates], components: Floats) -> _Questions:
        """Work it out for the questions with these `components` [Q, K]."""
        k = components.shape[1]
        return cls(*(np.stack([getattr(one, name).weights[:k] for one in experts]) @ components.T for name in ("invalid", "yes", "right")))

    def take(self, rows: Ints) -> _Questions:
        """Return it for some of the questions."""
        return _Questions(self.invalid[:, rows], self.yes[:, rows], self.right[:, rows])


class _Plan:
    """Worth of asking each expert, for routes that have heard the same; histories are votes by label [4] and who was tried [N].

    In which order something was heard makes no difference to the estimates, so that each history is worked out once.
    """

    def __init__(self, experts: Sequence[ExpertEstimates], questions: _Questions) -> None:
        n = len(experts)
        self.questions = questions
        self.costs = np.array([one.cost for one in experts])
        self._of_invalid = np.array([[*one.invalid.weights[-3 - n :], one.invalid.bias] for one in experts])
        self._of_yes = np.array([[*one.yes.weights[-3 - n :], one.yes.bias] for one in experts])
        self._of_reply = np.array([[*one.right.weights[-4 - n :], one.right.bias] for one in experts])
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], Floats] = {}

    def asking(self, votes: tuple[int, ...], tried: tuple[int, ...], left: int) -> Floats:
        """Return the worth of asking each expert before its own cost, shape [N, B], with `left` calls after it."""
        if (votes, tried) not in self._known:
            self._known[votes, tried] = self._asking(votes, tried, left)
        return self._known[votes, tried]

    def _asking(self, votes: tuple[int, ...], tried: tuple[int, ...], left: int) -> Floats:
        """Over what each expert may say, the better of stopping and asking on while calls are left."""
        history = np.array([*votes[1:], *tried, 1.0])
        p_invalid = _logistic(self.questions.invalid + (self._of_invalid @ history)[:, None])
        p_yes = _logistic(self.questions.yes + (self._of_yes @ history)[:, None])
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
                for worth in self.asking(heard, asked, left - 1) - self.costs[:, label, None]:
                    np.maximum(value[expert], worth, out=value[expert])
        return value

    def _p_right(self, votes: tuple[int, ...], tried: tuple[int, ...], label: Label) -> Floats:
        """P(right) of each expert's reply `label`, by what was heard before it and with the expert among those who were asked."""
        other = Label.NO if label == Label.YES else Label.YES
        reply = [float(label == Label.YES), votes[label], votes[other], votes[Label.INVALID]]
        features = np.array([[*reply, *(was or place == expert for place, was in enumerate(tried)), 1.0] for expert in range(len(tried))])
        return _logistic(self.questions.right + (self._of_reply * features).sum(axis=1)[:, None])


def _logistic(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def fit_planner(training: Part, validation: Part, test_vectors: Vectors, episode: EpisodeConfig, cost_weight: float) -> Planner:
    """Return the planner for questions with these vectors; estimates are fitted on `training`, their penalty chosen on `validation`.

    Routes of one and two calls over all experts are the samples: what is said after one call and after two tells enough
    about a third.
    """
    training, validation = training.with_gold(), validation.with_gold()
    projection = Projection.fit(training.vectors, COMPONENTS)
    parts = [_Samples.of(part.source, projection(part.vectors).astype(np.float64)) for part in (training, validation)]
    n = training.source.n_experts
    costs = cost_weight * _mean_costs(training.source.costs)
    fitted, judged = parts
    experts = tuple(_fit_expert(fitted.of_expert(expert), judged.of_expert(expert), costs[expert]) for expert in range(n))
    rules = RouteRules(replace(plain_episode(episode, episode.t_max), end="stop_action"))
    components = projection(test_vectors).astype(np.float64)
    return Planner(name="planner", family="planner", rules=rules, detail="logistic estimates", experts=experts, components=components)


def _mean_costs(costs: Floats) -> Floats:
    """Mean cost of each expert after each label [N, 4]; that of a first call where no route heard that label before."""
    known = ~np.isnan(costs)
    sums, counts = np.where(known, costs, 0.0).sum(axis=0), known.sum(axis=0)
    means = sums / np.maximum(counts, 1)
    return np.asarray(np.where(counts > 0, means, means[:, Label.NONE, None]))


@dataclass(frozen=True, eq=False)
class _Samples:
    """Replies with what stood before them; one row a reply."""

    components: Floats
    expert: Ints
    history: History
    label: Codes
    p_yes: Floats
    right: Flags

    @classmethod
    def of(cls, source: TableSource, components: Floats) -> _Samples:
        """Return every first reply and every second one after every first."""
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

    def of_expert(self, expert: int) -> _Samples:
        """Return the replies of one expert."""
        return self.take(self.expert == expert)

    def take(self, at: Flags) -> _Samples:
        """Return some of the replies."""
        history = History(self.history.votes[at], self.history.tried[at])
        return _Samples(self.components[at], self.expert[at], history, self.label[at], self.p_yes[at], self.right[at])

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


def _fit_expert(training: _Samples, validation: _Samples, cost: Floats) -> ExpertEstimates:
    valid, judged = (samples.take(samples.label != Label.INVALID) for samples in (training, validation))
    seen = valid.reply_features(seen=True), judged.reply_features(seen=True)
    unseen = valid.reply_features(seen=False), judged.reply_features(seen=False)
    return ExpertEstimates(
        invalid=_fit(training, validation, training.history.columns(), validation.history.columns(), "invalid"),
        yes=_fit(valid, judged, valid.history.columns(), judged.history.columns(), "yes"),
        right=_fit(valid, judged, *unseen, "right"),
        right_seen=_fit(valid, judged, *seen, "right"),
        cost=cost,
    )


def _fit(training: _Samples, validation: _Samples, features: Floats, judged: Floats, target: str) -> Estimate:
    """Return the regression on components and `features` whose penalty has the lowest log-loss on `validation`."""
    happened, later = (_target(samples, target) for samples in (training, validation))
    if not len(happened) or happened.all() or not happened.any():
        return _constant(training.components.shape[1] + features.shape[1], happened)
    inputs = np.column_stack([training.components, features])
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # a feature that never varies gets no weight
    scaled = np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))])
    theta, best = np.zeros((scaled.shape[1], 1)), None
    for l2 in L2_WEIGHTS:
        theta = minimise_log_loss(scaled, happened[:, None], l2, theta, max_steps=60)
        weights = theta[:-1, 0] / scale
        bias = float(theta[-1, 0] - mean @ weights)
        loss = log_loss(np.column_stack([validation.components, judged]) @ weights + bias, later) if len(later) else 0.0
        if best is not None and loss >= best[0]:
            break
        best = (loss, Estimate(weights, bias))
    assert best is not None
    return best[1]


def _target(samples: _Samples, target: str) -> Flags:
    found = {"invalid": samples.label == Label.INVALID, "yes": samples.label == Label.YES, "right": samples.right}
    return np.asarray(found[target])


def _constant(size: int, happened: Flags) -> Estimate:
    """An estimate that is the same for all: of what always or never happened, as if seen once more either way."""
    share = (happened.sum() + 0.5) / (len(happened) + 1)
    return Estimate(np.zeros(size), float(np.log(share / (1 - share))))
