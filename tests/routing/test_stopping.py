"""Calibrated confidence thresholds against slow searches."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from fakes import make_table
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_source, source_of

from der_core.records import Label
from der_core.routing.stopping import NEVER_STOP, calibrate_confidence, confidence, fit_stop_thresholds, stop_steps

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)


class TestConfidence:
    @given(st.floats(0, 1))
    def test_is_the_larger_of_both_probabilities(self, p: float) -> None:
        assert confidence(p, YES) == pytest.approx(max(p, 1 - p))

    def test_of_an_invalid_reply_is_zero(self) -> None:
        assert confidence([0.99, 0.01], [BAD, BAD]).tolist() == [0.0, 0.0]


class TestCalibration:
    @staticmethod
    def first_calls_only(labels: list[int], p_yes: list[float], gold: Label = Label.YES) -> object:
        """One expert, one question a reply; only first replies are recorded."""
        codes = np.zeros((len(labels), 1, 4), dtype=int)
        codes[:, 0, 0] = labels
        spread = np.repeat(np.array(p_yes)[:, None, None], 4, axis=2)
        return source_of(make_table(codes, spread, gold=[gold] * len(labels)))

    def test_lowest_threshold_that_reaches_the_target(self) -> None:
        source = self.first_calls_only([YES, YES, NO, YES, NO], [0.95, 0.9, 0.2, 0.7, 0.4])
        found = calibrate_confidence(source, 0.75)
        # At or above 0.7 three of four are right (.95, .9, .7 right, .8 wrong); at .6 three of five.
        assert found.threshold == pytest.approx(0.7)
        assert (found.precision, found.coverage, found.n) == pytest.approx((0.75, 0.8, 5))

    def test_target_out_of_reach_gives_the_best_there_is(self) -> None:
        source = self.first_calls_only([NO, YES, NO], [0.05, 0.9, 0.3])
        found = calibrate_confidence(source, 0.99)
        assert found.precision == pytest.approx(0.5)
        assert found.threshold == pytest.approx(0.9)

    def test_invalid_replies_are_left_out(self) -> None:
        assert calibrate_confidence(self.first_calls_only([BAD, YES], [0.99, 0.8]), 0.9).n == 1

    def test_without_replies_nothing_ends_a_route(self) -> None:
        found = calibrate_confidence(self.first_calls_only([BAD], [0.5]), 0.9)
        assert (found.threshold, found.n) == (1.0, 0)
        assert math.isnan(found.precision)

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_trying_every_value(self, seed: int) -> None:
        source = random_source(np.random.default_rng(seed), 15, 2, skill=0.7)
        valid = (source.labels != BAD) & (source.labels > 0)
        sure, right = np.maximum(source.p_yes, 1 - source.p_yes)[valid], source.quality[valid] == 1
        reaching = [t for t in sure if right[sure >= t].mean() >= 0.75]
        found = calibrate_confidence(source, 0.75)
        assert found.threshold == pytest.approx(min(reaching))
        assert found.precision == pytest.approx(right[sure >= found.threshold].mean())


class TestStopThresholds:
    def test_stops_where_confidence_pays(self) -> None:
        # Sure replies are right and need no second call; the unsure one is put right by it.
        sure = np.array([[0.9, 0.6], [0.8, 0.6], [0.6, 0.6]])
        utility = np.array([[1.0, 0.9], [1.0, 0.9], [0.0, 0.9]])
        assert fit_stop_thresholds(sure, utility).tolist() == pytest.approx([0.7])

    def test_never_stops_where_going_on_is_better(self) -> None:
        assert fit_stop_thresholds(np.array([[0.9, 0.5]]), np.array([[0.0, 1.0]])).tolist() == [NEVER_STOP]

    def test_always_stops_where_going_on_only_costs(self) -> None:
        sure, utility = np.array([[0.9, 0.5], [0.0, 0.5]]), np.array([[1.0, 0.5], [0.0, -0.5]])
        thresholds = fit_stop_thresholds(sure, utility)
        assert stop_steps(sure, thresholds).tolist() == [0, 0]

    def test_does_not_stop_for_nothing(self) -> None:
        assert fit_stop_thresholds(np.array([[0.9, 0.5]]), np.array([[1.0, 1.0]])).tolist() == [NEVER_STOP]

    def test_a_single_step_needs_no_threshold(self) -> None:
        assert fit_stop_thresholds(np.array([[0.9]]), np.array([[1.0]])).tolist() == []

    def test_last_step_always_stops(self) -> None:
        assert stop_steps(np.zeros((2, 3)), np.array([0.5, 0.5])).tolist() == [2, 2]

    @pytest.mark.parametrize("seed", range(6))
    def test_one_threshold_is_the_exact_best(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sure, utility = rng.uniform(0.5, 1, (25, 2)), rng.random((25, 2))
        grid = [*np.linspace(0, 1.01, 400), np.inf]
        best = max(np.where(sure[:, 0] >= t, utility[:, 0], utility[:, 1]).mean() for t in grid)
        assert self.value(sure, utility, fit_stop_thresholds(sure, utility)) == pytest.approx(best, abs=1e-9)

    @pytest.mark.parametrize("seed", range(6))
    def test_two_thresholds_come_close_to_the_best_pair(self, seed: int) -> None:
        """Coordinate ascent may stop at a local optimum; on these it does as well as a fine grid."""
        rng = np.random.default_rng(seed)
        sure = rng.uniform(0.5, 1, (60, 3))
        utility = (rng.random((60, 3)) < sure) - np.array([0.0, 0.05, 0.15])
        grid = [*np.linspace(0.5, 1.01, 40), np.inf]
        best = max(self.value(sure, utility, np.array(pair)) for pair in itertools.product(grid, grid))
        assert self.value(sure, utility, fit_stop_thresholds(sure, utility)) >= best - 1e-9

    @staticmethod
    def value(sure: np.ndarray, utility: np.ndarray, thresholds: np.ndarray) -> float:
        return float(utility[np.arange(len(sure)), stop_steps(sure, thresholds)].mean())
