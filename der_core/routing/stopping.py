"""When a reply is confident enough to end a route: thresholds fitted on replies whose answers are known.

The confidence of a reply is max(P, 1 - P) of its centred P(yes). It says little until it is calibrated: a
small model's 0.9 may be right six times in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.records import Label
from der_core.routing.process import Floats
from der_core.routing.sources import TableSource

ALWAYS_STOP, NEVER_STOP = 0.0, np.inf
_N_STARTS = 12
_MAX_SWEEPS = 20  # coordinate ascent settles after two or three; the bound only guards against cycling on ties


@dataclass(frozen=True)
class Calibration:
    """A confidence threshold and what it does to the replies it was fitted on.

    `precision` is the share of right replies among those at or above `threshold`; `coverage` the share of
    replies that are; `n` counts all replies looked at. nan where there is no reply to speak of.
    """

    threshold: float
    precision: float
    coverage: float
    n: int


def confidence(p_yes: ArrayLike, labels: ArrayLike) -> Floats:
    """Return max(P, 1 - P) of centred P(yes), in [0.5, 1]; 0 for an invalid reply, however sure."""
    p = np.asarray(p_yes, dtype=np.float64)
    return np.where(np.asarray(labels) == Label.INVALID, 0.0, np.abs(p - 0.5) + 0.5)


def calibrate_confidence(source: TableSource, target: float) -> Calibration:
    """Return the lowest threshold at or above which replies are right with share `target` or more.

    Looks at every recorded reply of `source` (validation questions, if the threshold is to be trusted).
    Where no threshold reaches the target, the one with the highest precision is returned, the lowest of
    several. For `EpisodeConfig.confidence`.
    """
    known = (source.labels > 0) & (source.labels != Label.INVALID) & (source.table.gold > 0)[:, None, None]
    if not known.any():
        return Calibration(1.0, np.nan, np.nan, 0)
    sure = confidence(source.p_yes[known], source.labels[known])
    values, place = np.unique(-sure, return_inverse=True)
    right = np.cumsum(np.bincount(place, weights=source.quality[known]))
    reached = np.cumsum(np.bincount(place))
    precision = right / reached
    enough = np.flatnonzero(precision >= min(target, precision.max()))
    best = int(enough[-1])
    return Calibration(float(-values[best]), float(precision[best]), float(reached[best] / len(sure)), len(sure))


def fit_stop_thresholds(sure: Floats, utility: Floats, starts: int | None = None) -> Floats:
    """Return for each step but the last the confidence from which stopping there pays best, shape [T - 1].

    `sure[q, t]` is the confidence of the reply at step t of a fixed order, `utility[q, t]` the worth of
    ending question q there; a route stops at the first step whose threshold it reaches, else at the last.
    Coordinate ascent on mean utility from several starts: each threshold is the exact best given the
    others (midpoints between neighbouring values, always, never); with more than one threshold the whole
    may be a local optimum. `starts` (None: many) says from how many starts.
    """
    levels = [NEVER_STOP, *np.quantile(sure, np.linspace(1, 0, _N_STARTS - 1))][:: 1 if starts is None else -(-_N_STARTS // starts)]
    fits = [_ascend(sure, utility, np.full(sure.shape[1] - 1, level)) for level in levels]
    return max(fits, key=lambda thresholds: round(_worth(sure, utility, thresholds), 12))


def _ascend(sure: Floats, utility: Floats, thresholds: Floats) -> Floats:
    """Improve one threshold at a time, last to first, until none can be. Among equally good ones the highest is taken."""
    for _ in range(_MAX_SWEEPS):
        before = thresholds.copy()
        for t in reversed(range(len(thresholds))):
            arrives = ~np.any(sure[:, :t] >= thresholds[:t], axis=1)
            onward = utility[np.arange(len(sure)), t + 1 + stop_steps(sure[:, t + 1 :], thresholds[t + 1 :])]
            thresholds[t] = _best_threshold(sure[arrives, t], (utility[:, t] - onward)[arrives])
        if np.array_equal(before, thresholds):
            break
    return thresholds


def _worth(sure: Floats, utility: Floats, thresholds: Floats) -> float:
    return float(utility[np.arange(len(sure)), stop_steps(sure, thresholds)].mean())


def stop_steps(sure: Floats, thresholds: Floats) -> NDArray[np.int64]:
    """Return the step at which each question stops, shape [Q]; see `fit_stop_thresholds`."""
    stops = np.concatenate([sure[:, :-1] >= thresholds, np.ones((len(sure), 1), dtype=bool)], axis=1)
    return np.asarray(np.argmax(stops, axis=1))


def _best_threshold(sure: Floats, gain: Floats) -> float:
    """The threshold from which the gains of stopping add up to most."""
    values, place = np.unique(-sure, return_inverse=True)
    totals = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights=gain, minlength=len(values)))])
    borders = np.concatenate([[NEVER_STOP], -(values[1:] + values[:-1]) / 2, [ALWAYS_STOP]])
    return float(borders[np.argmax(np.round(totals, 12))])
