"""How sure the figures are: Wilson intervals, paired bootstrap by group, exact McNemar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.bounds import Figure

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
N_RESAMPLES = 2_000
_CHUNK = 200  # resamples drawn at a time; bounds memory at a few megabytes for some thousand questions


NO_DATA = "–"
"""What stands in tables for a figure that nobody knows."""


@dataclass(frozen=True)
class Interval:
    """Bounds of an interval; nan without data."""

    low: Figure
    high: Figure


@dataclass(frozen=True)
class Difference:
    """A difference of means with the bounds of its interval; nan without data."""

    value: Figure
    low: Figure
    high: Figure

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of 0."""
        return self.low > 0 or self.high < 0

    def in_percent(self, sign: str = "") -> tuple[str, str]:
        """Return value and interval as cells of a table, in percent; `sign` "+" tells that they are differences."""
        return f"{100 * self.value:{sign}.1f}", f"{100 * self.low:{sign}.1f} to {100 * self.high:{sign}.1f}"

    def in_points(self) -> str:
        """Return value and interval as one cell of a table, in points; NO_DATA where they are unknown."""
        return NO_DATA if math.isnan(self.value) else "{} ({})".format(*self.in_percent("+"))


UNKNOWN_DIFFERENCE = Difference(math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Resampled:
    """Columns of values [Q, R] and their means over the same resamples [n, R]."""

    values: Floats
    means: Floats

    def interval(self, column: int) -> Interval:
        """Return the percentile interval of a column's mean."""
        return percentiles(self.means[:, column])

    def difference(self, column: int, other: int) -> Difference:
        """Return the mean of one column less that of another."""
        bounds = percentiles(self.means[:, column] - self.means[:, other])
        return Difference(float((self.values[:, column] - self.values[:, other]).mean()), bounds.low, bounds.high)


def percentiles(resampled: Floats, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval between the percentiles of resampled figures."""
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def wilson_interval(k: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of a share of `k` in `n` (Wilson 1927); nan for n = 0."""
    if n == 0:
        return Interval(math.nan, math.nan)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, z2 = k / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def bootstrap_means(values: ArrayLike, groups: Sequence[str], rng: np.random.Generator, n: int = N_RESAMPLES) -> Floats:
    """Return means of each column of `values` [Q, R] over `n` resamples, shape [n, R].

    Whole groups are drawn with replacement (questions about one passage are not independent), the same
    ones for every column, so that columns stay paired.
    """
    columns = np.asarray(values, dtype=np.float64)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    n_groups = int(group.max()) + 1
    totals = np.zeros((n_groups, columns.shape[1] + 1))
    np.add.at(totals, group, np.column_stack([columns, np.ones(len(columns))]))
    sums = np.concatenate([_drawn_counts(n_groups, min(_CHUNK, n - start), rng) @ totals for start in range(0, n, _CHUNK)])
    return np.asarray(sums[:, :-1] / sums[:, -1:])


def paired_bootstrap(a: ArrayLike, b: ArrayLike, groups: Sequence[str], rng: np.random.Generator, n: int = N_RESAMPLES) -> Difference:
    """Return mean(a) - mean(b) with its percentile interval, for a and b of shape [Q] about the same questions.

    Resampled by group (see `bootstrap_means`); nan without questions.
    """
    gaps = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not len(gaps):
        return UNKNOWN_DIFFERENCE
    return difference(gaps, bootstrap_means(gaps[:, None], groups, rng, n)[:, 0])


def difference(gaps: Floats, resampled: Floats, confidence: float = CONFIDENCE) -> Difference:
    """Return the mean of `gaps` [Q] with the percentile interval of its resampled means [n]."""
    bounds = percentiles(resampled, confidence)
    return Difference(float(gaps.mean()), bounds.low, bounds.high)


def mcnemar_exact(a: ArrayLike, b: ArrayLike) -> float:
    """Return the two-sided exact p-value that a and b (booleans [Q]) are right equally often (McNemar 1947).

    The questions on which exactly one of them is right are tosses of a fair coin under that hypothesis;
    p is twice the smaller binomial tail, at most 1, and 1 where they never differ.
    """
    # Whole numbers, not scipy: exact for any number of questions, and nothing heavy to import.
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    only_a, only_b = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    tosses = only_a + only_b
    tail = sum(math.comb(tosses, heads) for heads in range(min(only_a, only_b) + 1))
    return min(1.0, float(2 * tail / 2**tosses))


def _drawn_counts(n_groups: int, n: int, rng: np.random.Generator) -> Floats:
    """How often each group was drawn in each of `n` resamples, shape [n, groups]."""
    drawn = rng.integers(n_groups, size=(n, n_groups)) + np.arange(n)[:, None] * n_groups
    return np.bincount(drawn.ravel(), minlength=n * n_groups).reshape(n, n_groups).astype(np.float64)
