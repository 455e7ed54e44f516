"""Whether probabilities mean what they say: reliability bins, calibration error, Brier score, and the risk-coverage curve of abstaining.

Pure functions of `p` [Q], probabilities, and `happened` [Q], whether what they are of came true. `docs/metrics.md` is their dictionary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.evaluation.statistics import Interval, wilson_interval

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_BINS = 10
"""Bins of probability, equally wide, in a reliability diagram."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases of alike probability, from `low` to `high`: how many, their mean probability, the share that came true and its Wilson interval."""

    low: float
    high: float
    n: int
    mean_p: float
    share: float
    interval: Interval


def reliability_bins(p: Floats, happened: Flags, n_bins: int = N_BINS) -> tuple[ReliabilityBin, ...]:
    """Return the cases in bins of equal width, those without any left out; a border belongs to the upper bin, 1 to the last."""
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, n_bins - 1)
    return tuple(_bin(p[place == b], happened[place == b], edges[b], edges[b + 1]) for b in np.unique(place))


def _bin(p: Floats, happened: Flags, low: float, high: float) -> ReliabilityBin:
    interval = wilson_interval(int(happened.sum()), len(p))
    return ReliabilityBin(float(low), float(high), len(p), float(p.mean()), float(happened.mean()), interval)


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error, in [0, 1]: the mean gap between probability and share, bins weighed by their cases; nan without any."""
    n = sum(part.n for part in bins)
    return sum(part.n * abs(part.mean_p - part.share) for part in bins) / n if n else math.nan


def brier_score(p: Floats, happened: Flags) -> float:
    """Return the mean of (p - happened)^2: 0 for a prophet, .25 for always one half; nan without cases."""
    return float(np.mean((p - happened) ** 2)) if len(p) else math.nan


def risk_coverage(p: Floats, right: Flags) -> tuple[Floats, Floats, Floats]:
    """Return coverage, risk and threshold, ascending in coverage: answering only where P(right) is at the threshold or above.

    Answers of equal P(right) are given or withheld together.
    """
    values, counts, wrong = _by_sureness(p, right)
    given = np.cumsum(counts)
    return given / max(len(p), 1), np.cumsum(wrong) / np.maximum(given, 1), values


def area_under_risk_coverage(p: Floats, right: Flags) -> float:
    """Return the mean risk over the coverages 1/Q, 2/Q, ..., 1; answers of equal P(right) in expectation over their orders. nan without answers."""
    if not len(p):
        return math.nan
    _, counts, wrong = _by_sureness(p, right)
    one_by_one = np.repeat(wrong / counts, counts)
    return float(np.mean(np.cumsum(one_by_one) / np.arange(1, len(p) + 1)))


def _by_sureness(p: Floats, right: Flags) -> tuple[Floats, Ints, Floats]:
    """The distinct values of `p`, the highest first, with how many answers have each and how many of these are wrong."""
    values, place, counts = np.unique(-p, return_inverse=True, return_counts=True)
    wrong = np.bincount(place, weights=1.0 - right, minlength=len(values))
    return np.asarray(-values, dtype=np.float64), counts.astype(np.int64), wrong.astype(np.float64)
