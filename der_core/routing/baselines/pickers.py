"""Baselines that look at the question once and ask one expert: guarded nearest neighbours and logistic regression."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from der_core.config import EpisodeConfig
from der_core.records import Label
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.logistic import log_loss, logistic, minimise_log_loss
from der_core.routing.process import Flags, Floats, Ints, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import Part, TableSource

Vectors = NDArray[np.float32]

NEIGHBOURS = (5, 10, 20, 40, 80)
GUARDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, np.inf)
"""Advantages over the best single expert that neighbours may have to show; the last one never leaves it."""
L2_WEIGHTS = (100.0, 10.0, 1.0, 1e-1, 1e-2, 1e-3)
"""From the strongest, which is fitted fastest and starts the next one, to the weakest."""
RISES = 2
"""So many rises of the validation loss in a row end the search: with a weaker penalty the fit only gets worse from there."""


class Picker(Protocol):
    """Picks an expert from the vector of a question."""

    def pick(self, vectors: Vectors) -> Ints:
        """Return one expert per vector, shape [B]."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class PickOnce(Baseline):
    """Asks once, the expert that `picker` picks; `vectors` are those of the questions that rows index."""

    picker: Picker
    vectors: Vectors

    def choose(self, now: Situation) -> Choice:
        """Choose the picked expert."""
        return Choice(self.picker.pick(self.vectors[now.rows]))


def neighbours_router(picker: Neighbours, vectors: Vectors, episode: EpisodeConfig) -> PickOnce:
    """Return the router of guarded nearest neighbours for questions with these `vectors`."""
    rules = RouteRules(plain_episode(episode, 1))
    detail = f"k {picker.k}, guard {picker.guard:g}"
    return PickOnce(name="guarded nearest neighbours", family="neighbours", rules=rules, detail=detail, picker=picker, vectors=vectors)


def logistic_router(picker: Logistic, vectors: Vectors, episode: EpisodeConfig) -> PickOnce:
    """Return the router of logistic regressions for questions with these `vectors`."""
    rules = RouteRules(plain_episode(episode, 1))
    return PickOnce(name="logistic router", family="logistic", rules=rules, detail=f"l2 {picker.l2:g}", picker=picker, vectors=vectors)


def first_call_right(source: TableSource) -> Flags:
    """Return whether each expert's first reply is right, shape [Q, N]; never where nobody knows the answer."""
    gold = source.table.gold[:, None]
    return np.asarray((source.labels[:, :, Label.NONE] == gold) & (gold > 0))


def first_call_utility(source: TableSource, cost_weight: float) -> Floats:
    """Return right (1 or 0) less `cost_weight` times cost of each expert's first reply, shape [Q, N]."""
    return np.asarray(first_call_right(source) - cost_weight * source.costs[:, :, Label.NONE])


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The expert that did best on the k most similar training questions, if by more than `guard`; else `fallback`.

    Similarity is the cosine; `units` [n, D] are unit vectors of the training questions, `utility` [n, N]
    what asking each expert there was worth.
    """

    units: Vectors
    utility: Floats
    k: int
    guard: float
    fallback: int

    def pick(self, vectors: Vectors) -> Ints:
        """Return one expert per vector, shape [B]."""
        worth = neighbour_worth(_unit(vectors) @ self.units.T, self.utility, self.k)
        return guarded(worth, self.guard, self.fallback)


def neighbour_worth(similarity: Vectors, utility: Floats, k: int) -> Floats:
    """Return the mean utility of each expert on the k most similar questions, ties included, shape [B, N].

    `similarity` has shape [B, n], `utility` [n, N].
    """
    kth = np.partition(similarity, -k, axis=1)[:, -k, None]
    near = (similarity >= kth).astype(np.float32)
    return np.asarray(near @ utility.astype(np.float32) / near.sum(axis=1, keepdims=True), dtype=np.float64)


def guarded(worth: Floats, guard: float, fallback: int) -> Ints:
    """Return the expert of greatest worth [B, N] where it exceeds the fallback's by more than `guard`, else the fallback."""
    best = np.argmax(worth, axis=1)
    advantage = worth.max(axis=1) - worth[:, fallback]
    return np.where(advantage > guard, best, fallback)


def fit_neighbours(training: Part, validation: Part, cost_weight: float) -> Neighbours:
    """Return the neighbours of `training`; k and guard are those that do best on `validation`.

    Best: accuracy less `cost_weight` times mean cost; among equals the higher guard, then the larger k.
    """
    training, validation = training.with_gold(), validation.with_gold()
    utility = first_call_utility(training.source, cost_weight)
    fallback = int(np.argmax(utility.mean(axis=0)))
    units = _unit(training.vectors)
    similarity = _unit(validation.vectors) @ units.T
    judged = first_call_utility(validation.source, cost_weight)
    sizes = [k for k in NEIGHBOURS if k <= len(units)] or [len(units)]
    worth = {k: neighbour_worth(similarity, utility, k) for k in sizes}

    def score(setting: tuple[float, int]) -> tuple[float, float, int]:
        guard, k = setting
        picks = guarded(worth[k], guard, fallback)
        return round(float(judged[np.arange(len(picks)), picks].mean()), 12), guard, k

    guard, k = max(itertools.product(GUARDS, sizes), key=score)
    return Neighbours(units, utility, k, guard, fallback)


@dataclass(frozen=True, eq=False)
class Logistic:
    """One logistic regression per expert on P(its first reply is right), less what it costs.

    P = 1 / (1 + exp(-(v @ weights + bias))), weights [D, N]; `charge` [N] is the mean cost of a first call
    in units of accuracy; `l2` the penalty it was fitted with, on vectors scaled to unit variance.
    """

    weights: Floats
    bias: Floats
    charge: Floats
    l2: float

    def logits(self, vectors: Vectors) -> Floats:
        """Return the logit of P(right) of each expert, shape [B, N]."""
        return np.asarray(vectors @ self.weights + self.bias)

    def pick(self, vectors: Vectors) -> Ints:
        """Return one expert per vector, shape [B]."""
        return np.asarray(np.argmax(logistic(self.logits(vectors)) - self.charge, axis=1))


def fit_logistic(training: Part, validation: Part, cost_weight: float) -> Logistic:
    """Return the regressions fitted on `training`; the l2 weight is the one with the lowest log-loss on `validation`.

    Penalties are tried from the strongest on, each fit beginning where the one before ended, until the loss has risen twice in a row.
    """
    training, validation = training.with_gold(), validation.with_gold()
    right = first_call_right(validation.source)
    charge = cost_weight * np.nanmean(training.source.costs[:, :, Label.NONE], axis=0)
    fit = _LogisticFit(training, charge)
    models: list[Logistic] = []
    losses: list[float] = []
    for l2 in L2_WEIGHTS:
        models.append(fit.model(l2))
        losses.append(log_loss(models[-1].logits(validation.vectors), right))
        if _has_risen(losses):
            break
    return models[int(np.argmin(losses))]


def _has_risen(losses: list[float]) -> bool:
    latest = losses[-RISES - 1 :]
    return len(latest) > RISES and all(later > earlier for earlier, later in itertools.pairwise(latest))


class _LogisticFit:
    """Fits all experts in one go, each time from the last solution."""

    def __init__(self, training: Part, charge: Floats) -> None:
        self.charge = charge
        self.mean, scale = training.vectors.mean(axis=0, dtype=np.float64), training.vectors.std(axis=0, dtype=np.float64)
        self.scale = np.where(scale > 1e-9, scale, 1.0)
        self.inputs = np.column_stack([(training.vectors - self.mean) / self.scale, np.ones(len(training.vectors))])
        self.right = first_call_right(training.source)
        self.theta: Floats = np.zeros((self.inputs.shape[1], self.right.shape[1]))

    def model(self, l2: float) -> Logistic:
        """Return the regressions under this penalty."""
        self.theta = minimise_log_loss(self.inputs, self.right, l2, self.theta)
        weights = self.theta[:-1] / self.scale[:, None]
        return Logistic(weights, self.theta[-1] - self.mean @ weights, self.charge, l2)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
