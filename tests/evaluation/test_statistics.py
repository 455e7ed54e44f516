"""Intervals and tests against figures from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from der_core.evaluation.statistics import bootstrap_means, mcnemar_exact, paired_bootstrap, wilson_interval


class TestWilson:
    @pytest.mark.parametrize(
        ("k", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
    )
    def test_published_numbers(self, k: int, n: int, low: float, high: float) -> None:
        """Newcombe 1998, Statistics in Medicine 17:857-872, table I, the score method without continuity correction."""
        interval = wilson_interval(k, n)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)

    @given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
    def test_agrees_with_scipy(self, n: int, share: float, confidence: float) -> None:
        k = round(share * n)
        expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
        interval = wilson_interval(k, n, confidence)
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)

    def test_without_data_is_nan(self) -> None:
        assert math.isnan(wilson_interval(0, 0).low)
        assert math.isnan(wilson_interval(0, 0).high)

    def test_all_right_reaches_one_but_not_from_one(self) -> None:
        interval = wilson_interval(50, 50)
        assert interval.high == pytest.approx(1.0)
        assert interval.low < 0.95


class TestMcNemar:
    @staticmethod
    def pair(only_a: int, only_b: int, both: int = 5, neither: int = 3) -> tuple[list[bool], list[bool]]:
        a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
        b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
        return a, b

    def test_by_hand(self) -> None:
        # 9 differences, 1 against 8: 2 * (C(9, 0) + C(9, 1)) / 2^9 = 20 / 512
        assert mcnemar_exact(*self.pair(1, 8)) == pytest.approx(20 / 512)

    @given(st.integers(0, 60), st.integers(0, 60))
    def test_is_scipys_two_sided_binomial_test(self, only_a: int, only_b: int) -> None:
        expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
        assert mcnemar_exact(*self.pair(only_a, only_b)) == pytest.approx(expected)

    def test_is_the_same_either_way_round(self) -> None:
        a, b = self.pair(3, 11)
        assert mcnemar_exact(a, b) == mcnemar_exact(b, a)

    def test_equal_answers_give_one(self) -> None:
        assert mcnemar_exact(*self.pair(0, 0)) == 1.0
        assert mcnemar_exact([], []) == 1.0

    def test_thousands_of_questions_do_not_overflow(self) -> None:
        assert 0 <= mcnemar_exact(*self.pair(900, 1500)) < 1e-30


class TestPairedBootstrap:
    def test_same_answers_differ_by_nothing(self) -> None:
        a = np.random.default_rng(0).random(50) < 0.7
        gap = paired_bootstrap(a, a, [str(i) for i in range(50)], np.random.default_rng(1))
        assert (gap.value, gap.low, gap.high) == (0.0, 0.0, 0.0)
        assert not gap.excludes_zero

    def test_width_is_that_of_the_normal_approximation(self) -> None:
        rng = np.random.default_rng(2)
        a, b = rng.random(2_000) < 0.8, rng.random(2_000) < 0.7
        gap = paired_bootstrap(a, b, [str(i) for i in range(2_000)], np.random.default_rng(3))
        gaps = a.astype(float) - b
        half = 1.96 * gaps.std() / math.sqrt(2_000)
        assert gap.value == pytest.approx(gaps.mean())
        assert (gap.value - gap.low, gap.high - gap.value) == pytest.approx((half, half), rel=0.1)
        assert gap.excludes_zero

    def test_groups_are_drawn_whole(self) -> None:
        """Four copies of each question carry no more evidence than one: the interval must not shrink."""
        rng = np.random.default_rng(4)
        a, b = rng.random(100) < 0.8, rng.random(100) < 0.7
        names = [str(i) for i in range(100)]
        one = paired_bootstrap(a, b, names, np.random.default_rng(5))
        four = paired_bootstrap(np.tile(a, 4), np.tile(b, 4), names * 4, np.random.default_rng(5))
        assert (four.low, four.high) == pytest.approx((one.low, one.high))

    def test_a_single_group_has_no_spread(self) -> None:
        gap = paired_bootstrap([1, 0, 1], [0, 0, 0], ["p"] * 3, np.random.default_rng(6))
        assert gap.low == pytest.approx(gap.value)
        assert gap.high == pytest.approx(gap.value)

    def test_groups_of_unequal_size_weigh_by_questions(self) -> None:
        means = bootstrap_means([[1.0], [1.0], [1.0], [0.0]], ["big", "big", "big", "small"], np.random.default_rng(7), 4_000)[:, 0]
        assert set(np.round(means, 6)) == {0.0, 0.75, 1.0}
        assert np.mean(means == 0.75) == pytest.approx(0.5, abs=0.03)

    def test_columns_share_their_resamples(self) -> None:
        values = np.random.default_rng(8).random((40, 1))
        means = bootstrap_means(np.column_stack([values, 2 * values]), [str(i) for i in range(40)], np.random.default_rng(9), 100)
        np.testing.assert_allclose(means[:, 1], 2 * means[:, 0])

    def test_is_repeatable_and_draws_as_many_as_asked(self) -> None:
        values = np.random.default_rng(10).random((30, 2))
        first, second = (bootstrap_means(values, [str(i) for i in range(30)], np.random.default_rng(11), 450) for _ in range(2))
        assert first.shape == (450, 2)
        np.testing.assert_array_equal(first, second)

    def test_without_questions_is_nan(self) -> None:
        assert math.isnan(paired_bootstrap([], [], [], np.random.default_rng(0)).value)
