"""Logistic regression: calibration by known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from der_core.routing.logistic import logistic, platt_scaling


def test_calibration_finds_the_slope_and_the_intercept_that_made_the_data() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0.0, 2.0, size=20_000)
    slope, intercept = platt_scaling(logits, rng.random(20_000) < logistic(0.5 * logits - 1.0))
    assert (slope, intercept) == (pytest.approx(0.5, abs=0.03), pytest.approx(-1.0, abs=0.05))


def test_logits_without_differences_come_to_the_share() -> None:
    """Of 8 the 6 that happened: smoothed targets 7/8 and 1/4 with mean .71875."""
    slope, intercept = platt_scaling(np.zeros(8), np.array([True] * 6 + [False] * 2))
    assert logistic(np.array(slope * 0.0 + intercept)) == pytest.approx((6 * 7 / 8 + 2 / 4) / 8, abs=1e-4)


def test_what_always_happened_is_not_certain() -> None:
    slope, intercept = platt_scaling(np.array([0.5, 1.0, 2.0]), np.ones(3, dtype=bool))
    assert 0.5 < logistic(np.array(2.0 * slope + intercept)) < 0.95


def test_logits_that_point_the_wrong_way_say_nothing() -> None:
    logits = np.linspace(-3, 3, 40)
    slope, intercept = platt_scaling(logits, logits < 0)
    assert slope == 0.0 and intercept == pytest.approx(0.0, abs=1e-9)


def test_without_data_nothing_is_changed() -> None:
    assert platt_scaling(np.zeros(0), np.zeros(0, dtype=bool)) == (1.0, 0.0)
