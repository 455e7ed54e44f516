"""Whether probabilities mean what they say: each figure by a known number."""

from __future__ import annotations

import numpy as np
import pytest

from der_core.evaluation.calibration import (
    area_under_risk_coverage,
    brier_score,
    calibration_error,
    reliability_bins,
    risk_coverage,
)
from der_core.evaluation.reliability import sureness_figures

P = np.array([0.95, 0.95, 0.85, 0.55, 0.55])
RIGHT = np.array([True, True, False, True, False])


def test_brier_by_hand() -> None:
    assert brier_score(P, RIGHT) == pytest.approx((2 * 0.05**2 + 0.85**2 + 0.45**2 + 0.55**2) / 5)


def test_calibration_error_by_hand() -> None:
    """Three bins: .95 of which all are right, .85 of which none is, .55 of which half is."""
    assert calibration_error(reliability_bins(P, RIGHT)) == pytest.approx((2 * 0.05 + 1 * 0.85 + 2 * 0.05) / 5)


def test_bins_hold_every_answer_once() -> None:
    bins = reliability_bins(np.array([0.0, 0.1, 0.999, 1.0]), np.array([False, False, True, True]))
    assert [(one.low, one.n) for one in bins] == [(0.0, 1), (0.1, 1), (0.9, 2)]
    assert bins[2].mean_p == pytest.approx(0.9995) and bins[2].share == 1.0 and bins[2].interval.low < 1.0


def test_risk_and_coverage_by_hand() -> None:
    coverage, risk, thresholds = risk_coverage(P, RIGHT)
    assert coverage.tolist() == [0.4, 0.6, 1.0]
    assert risk == pytest.approx([0.0, 1 / 3, 2 / 5])
    assert thresholds.tolist() == [0.95, 0.85, 0.55]


def test_area_under_risk_coverage_by_hand() -> None:
    """Risks at 1 to 5 answers: 0, 0, 1/3, then the two that tie count half each: 1.5/4, 2/5."""
    assert area_under_risk_coverage(P, RIGHT) == pytest.approx((0 + 0 + 1 / 3 + 1.5 / 4 + 2 / 5) / 5)


def test_always_the_same_probability_has_the_base_rate_as_risk() -> None:
    assert area_under_risk_coverage(np.full(5, 0.6), RIGHT) == pytest.approx(0.4)


def test_no_answers_are_no_figures() -> None:
    none = sureness_figures(np.zeros(0), np.zeros(0, dtype=bool))
    assert none.n == 0 and none.bins == () and none.coverage == ()
    assert all(np.isnan(figure) for figure in (none.ece, none.brier, none.brier_of_share, none.aurc))


def test_always_saying_the_mean_has_the_variance_as_brier() -> None:
    assert sureness_figures(P, RIGHT).brier_of_share == pytest.approx(0.6 * 0.4)
