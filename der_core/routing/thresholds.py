"""Each expert's threshold on P(yes): fitted on training questions, applied alike to recorded and live replies.

Small models lean to one label. A threshold t moves the border: a reply that was read as yes or no counts as yes from
P(yes) = t on. A reply that says neither, or a program that failed, is invalid whatever its P(yes).
So that "confident" keeps its meaning, P(yes) is centred on the border: logit(p) - logit(t), back through
the logistic function; a centred value of 0.5 is the border.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.recording.table import Table
from der_core.records import Label

Floats = NDArray[np.float64]
_EPSILON = 1e-6  # keeps logits finite where a server rounds a probability to 0 or 1


def centre(p_yes: ArrayLike, threshold: ArrayLike) -> Floats:
    """Return P(yes) moved so that `threshold` becomes 0.5; 0.5 where P(yes) is nan; unmoved where `threshold` is nan."""
    p = np.asarray(p_yes, dtype=np.float64)
    border = np.where(np.isnan(threshold), 0.5, threshold)
    centred = 1.0 / (1.0 + np.exp(_logit(border) - _logit(p)))
    return np.asarray(np.where(np.isnan(p), 0.5, centred))


def fit_thresholds(table: Table) -> Floats:
    """Return for each expert the threshold that is right most often on those first replies of `table` that say yes or no.

    nan where an expert gives no P(yes), or where no threshold beats the words of the replies. Among equally
    good thresholds the one nearest 0.5 is taken; candidates are the midpoints between neighbouring values.
    """
    return np.array([_fit(table, expert) for expert in range(table.n_experts)])


def _fit(table: Table, expert: int) -> float:
    labels, p_yes = table.labels[:, expert, Label.NONE], table.p_yes[:, expert, Label.NONE].astype(np.float64)
    known = ((labels == Label.YES) | (labels == Label.NO)) & ~np.isnan(p_yes) & (table.gold > 0)
    if not known.any():
        return np.nan
    p, yes = p_yes[known], table.gold[known] == Label.YES
    spoken = np.mean(labels[known] == table.gold[known])
    values = np.unique(np.concatenate([[0.0, 1.0], p]))
    candidates = np.append((values[1:] + values[:-1]) / 2, 0.5)
    right = ((p[None, :] >= candidates[:, None]) == yes[None, :]).mean(axis=1)
    best = candidates[right >= right.max()]
    return float(best[np.argmin(np.abs(best - 0.5))]) if right.max() > spoken else np.nan


def _logit(p: ArrayLike) -> Floats:
    clipped = np.clip(np.asarray(p, dtype=np.float64), _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
