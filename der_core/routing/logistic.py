"""Logistic regression: one loss, one way to make it least, and what brings estimates in line with what happens."""

from __future__ import annotations

import numpy as np

from der_core.routing.process import Flags, Floats


def logistic(logits: Floats) -> Floats:
    """Return 1 / (1 + exp(-logits))."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


def log_loss(logits: Floats, right: Flags) -> float:
    """Return the mean of -log P(what happened), in nats."""
    return float(np.mean(np.logaddexp(0.0, np.where(right, -logits, logits))))


def minimise_log_loss(inputs: Floats, happened: Flags, l2: float, start: Floats, max_steps: int = 15_000) -> Floats:
    """Return the weights [D, R] of least log-loss + l2 / 2 * |weights|^2 (biases free) for R regressions at once, by L-BFGS from `start`.

    `inputs` [n, D] end with a column of ones for the bias, `happened` is [n, R].
    """
    from scipy.optimize import minimize  # late: it takes a while to import

    n_fitted = happened.shape[1]

    def loss(flat: Floats) -> tuple[float, Floats]:
        theta = flat.reshape(start.shape)
        free = np.vstack([theta[:-1], np.zeros((1, n_fitted))])
        logits = inputs @ theta
        gradient = inputs.T @ (logistic(logits) - happened) / len(inputs) + l2 * free
        return log_loss(logits, happened) * n_fitted + l2 / 2 * float(np.sum(free**2)), gradient.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": max_steps})
    return np.asarray(found.x.reshape(start.shape))


def platt_scaling(logits: Floats, happened: Flags) -> tuple[float, float]:
    """Return slope and intercept so that 1 / (1 + exp(-(slope * logits + intercept))) says how often it `happened`.

    By least log-loss against the smoothed targets of Platt (1999), which keep both finite where all or nothing happened. Logits that
    point the wrong way say nothing: slope 0.
    """
    from scipy.optimize import minimize  # late: it takes a while to import

    n, n_happened = len(happened), int(happened.sum())
    if n == 0:
        return 1.0, 0.0
    target = np.where(happened, (n_happened + 1) / (n_happened + 2), 1 / (n - n_happened + 2))
    inputs = np.column_stack([logits, np.ones(n)])

    def loss(theta: Floats) -> tuple[float, Floats]:
        fitted = inputs @ theta
        return float(np.mean(np.logaddexp(0.0, fitted) - target * fitted)), inputs.T @ (logistic(fitted) - target) / n

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    if slope > 0:
        return float(slope), float(intercept)
    share = float(target.mean())
    return 0.0, float(np.log(share / (1 - share)))
