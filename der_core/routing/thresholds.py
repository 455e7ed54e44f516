"""Thresholds on P(yes) by expert and previous label: fitted on training questions, applied alike to recorded and live replies.

Small models lean to one label. A threshold t moves the border: a reply that was read as yes or no counts as yes from
P(yes) = t on. A reply that says neither, or a program that failed, is invalid whatever its P(yes).
So that "confident" keeps its meaning, P(yes) is centred on the border: logit(p) - logit(t), back through
the logistic function; a centred value of 0.5 is the border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.recording.table import Table
from der_core.records import N_LABELS, Label

Floats = NDArray[np.float64]
_EPSILON = 1e-6  # keeps logits finite where a server rounds a probability to 0 or 1


def centre(p_yes: ArrayLike, threshold: ArrayLike) -> Floats:
    """Return P(yes) moved so that `threshold` becomes 0.5; 0.5 where P(yes) is nan; unmoved where `threshold` is nan."""
    p = np.asarray(p_yes, dtype=np.float64)
    border = np.where(np.isnan(threshold), 0.5, threshold)
    centred = 1.0 / (1.0 + np.exp(_logit(border) - _logit(p)))
    return np.asarray(np.where(np.isnan(p), 0.5, centred))


FEWEST_REPLIES = 20
"""From how many replies of training questions a threshold is fitted; with fewer, chance would choose it."""


def fit_thresholds(table: Table) -> Floats:
    """Return for each expert and previous label the threshold that is right most often on the replies that say yes or no, shape [N, 4].

    The first column is fitted on first replies. Advice moves P(yes), so that after each label another border is right. There a
    question counts as often as another expert answers it first with that label (with its own threshold): as often as a route would
    show it. Where fewer than `FEWEST_REPLIES` replies count, the threshold of the first column stands; there it is nan.

    nan also where an expert gives no P(yes), or where no threshold beats the words of the replies. Among equally good thresholds the
    one nearest 0.5 is taken; candidates are the midpoints between neighbouring values. What an expert that is asked once replies
    stands after every label, and so does its threshold.
    """
    fitted = np.full((table.n_experts, N_LABELS), np.nan)
    everywhere = np.ones(table.n_questions)
    for expert in range(table.n_experts):
        fitted[expert] = _fit(table, expert, Label.NONE, everywhere, otherwise=np.nan)
    first = table.with_thresholds(fitted[:, Label.NONE]).labels[:, :, Label.NONE]
    for expert, spec in enumerate(table.experts):
        advisers = np.delete(first, expert, axis=1) if table.n_experts > 1 else first
        for label in () if spec.is_asked_once else (Label.YES, Label.NO, Label.INVALID):
            shown = (advisers == label).sum(axis=1).astype(np.float64)
            fitted[expert, label] = _fit(table, expert, label, shown, otherwise=fitted[expert, Label.NONE])
    return fitted


def _fit(table: Table, expert: int, previous: Label, weight: Floats, otherwise: float) -> float:
    """The threshold of one expert after one label, questions weighed; `otherwise` where too few replies count."""
    labels, p_yes = table.labels[:, expert, previous], table.p_yes[:, expert, previous].astype(np.float64)
    known = ((labels == Label.YES) | (labels == Label.NO)) & ~np.isnan(p_yes) & (table.gold > 0) & (weight > 0)
    if known.sum() < FEWEST_REPLIES:
        return otherwise
    order = np.flatnonzero(known)[np.argsort(p_yes[known])]
    p, yes, weight = p_yes[order], table.gold[order] == Label.YES, weight[order]
    spoken = weight @ (labels[order] == table.gold[order])
    values = np.unique(np.concatenate([[0.0, 1.0], p]))
    candidates = np.append((values[1:] + values[:-1]) / 2, 0.5)
    # One border further up: a no below it is right from there on, a yes no longer.
    gained = np.concatenate([[0.0], np.cumsum(np.where(yes, -weight, weight))])
    right = weight @ yes + gained[np.searchsorted(p, candidates)]
    best = candidates[right >= right.max()]
    return float(best[np.argmin(np.abs(best - 0.5))]) if right.max() > spoken else np.nan


def _logit(p: ArrayLike) -> Floats:
    clipped = np.clip(np.asarray(p, dtype=np.float64), _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
