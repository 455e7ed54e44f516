"""How likely it is that the present answer of a route is right: fitted on training questions, calibrated on validation questions.

Shape legend: B routes, N experts, K components of the question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.routing.estimates import (
    RIGHT_SEEN,
    Estimate,
    Samples,
    fit_estimates,
    n_reply_features,
    p_right,
    read_estimates,
    write_estimates,
)
from der_core.routing.logistic import platt_scaling
from der_core.routing.process import Flags, Floats, Situation

_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Sureness:
    """P(the present answer is right), by a logistic regression for each expert on its last reply, what was heard before, and the question."""

    estimates: tuple[Estimate, ...]

    def __call__(self, components: Floats, now: Situation) -> Floats:
        """Return P(right) of the last reply of B routes; 0 for an invalid one, nan before the first reply."""
        found = np.full(len(now.rows), np.nan)
        heard = np.flatnonzero(now.step > 0)
        found[heard] = p_right(self.estimates, components[heard], now.take(heard))
        return found

    @property
    def weights(self) -> NDArray[np.float32]:
        """All of it as one array, as in `sureness_shape`."""
        return write_estimates(self.estimates).astype(np.float32)

    @classmethod
    def of_weights(cls, weights: NDArray[np.float32]) -> Sureness:
        """Return the sureness that has these `weights`."""
        return cls(read_estimates(weights.astype(np.float64)))


def sureness_shape(components: int, n_experts: int) -> tuple[int, ...]:
    """Return the shape of the weights for so many components of a question."""
    return (n_experts, components + n_reply_features(n_experts, seen=True) + 1)


def fit_sureness(training: Samples, validation: Samples, n_experts: int, replies: Callable[[Sureness], tuple[Floats, Flags]]) -> Sureness:
    """Return the estimate fitted on `training`, its penalty chosen on `validation`, and calibrated on the replies that a router gets.

    `replies` says of the validation routes of the router: what an estimate says of each reply, and whether that is right. Routes are
    no sample of all replies, since the router chooses whom it asks. The numbers are rounded as they are saved.
    """
    fitted = fit_estimates(RIGHT_SEEN, training, validation, n_experts)
    said, right = replies(Sureness(fitted))
    told = said > 0  # an invalid reply is never right, whatever the calibration
    inside = np.clip(said[told], _SMALLEST, 1 - _SMALLEST)
    slope, intercept = platt_scaling(np.log(inside / (1 - inside)), right[told])
    return Sureness.of_weights(Sureness(tuple(one.scaled(slope, intercept) for one in fitted)).weights)
