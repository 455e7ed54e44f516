"""Figures by hand, and their edge cases."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from fakes import make_table

from der_core.evaluation import metrics
from der_core.records import Label
from der_core.routing.process import StopReason

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)
GOLD = np.array([YES, YES, YES, NO], dtype=np.int8)


def codes(*labels: int) -> np.ndarray:
    return np.array(labels, dtype=np.int8)


class TestAccuracy:
    def test_counts_invalid_as_wrong(self) -> None:
        assert metrics.accuracy(codes(YES, NO, BAD, NO), GOLD) == 0.5

    def test_questions_without_gold_answer_do_not_count(self) -> None:
        assert metrics.accuracy(codes(YES, YES), codes(YES, 0)) == 1.0

    def test_of_no_question_is_nan(self) -> None:
        assert math.isnan(metrics.accuracy(codes(), codes()))

    def test_balanced_weighs_yes_and_no_questions_alike(self) -> None:
        assert metrics.balanced_accuracy(codes(YES, YES, NO, NO), GOLD) == pytest.approx((2 / 3 + 1) / 2)

    def test_balanced_of_always_yes_is_one_half(self) -> None:
        assert metrics.balanced_accuracy(codes(YES, YES, YES, YES), GOLD) == 0.5

    def test_balanced_needs_both_kinds_of_question(self) -> None:
        assert math.isnan(metrics.balanced_accuracy(codes(YES), codes(YES)))

    def test_majority_is_the_better_constant_answer(self) -> None:
        assert metrics.majority_accuracy(GOLD) == 0.75
        assert metrics.majority_accuracy(codes(NO, NO, YES)) == pytest.approx(2 / 3)

    def test_yes_rate_counts_invalid_in_the_denominator(self) -> None:
        assert metrics.yes_rate(codes(YES, NO, BAD, YES)) == 0.5


class TestPlainFigures:
    def test_no_data_is_nan(self) -> None:
        assert math.isnan(metrics.mean([]))
        assert math.isnan(metrics.quantile([], 0.5))

    def test_quantiles_interpolate(self) -> None:
        assert metrics.quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
        assert metrics.quantile(range(101), 0.95) == pytest.approx(95.0)

    def test_shares_count_calls(self) -> None:
        experts = np.array([[0, 1, -1], [0, -1, -1], [0, -1, -1]], dtype=np.int8)
        assert metrics.expert_shares(experts, 3).tolist() == [0.75, 0.25, 0.0]

    def test_shares_without_calls_are_nan(self) -> None:
        assert np.isnan(metrics.expert_shares(np.full((2, 1), -1, dtype=np.int8), 2)).all()


class TestStopping:
    LABELS = np.array([[YES, 0, 0], [NO, 0, 0], [YES, NO, NO], [NO, NO, YES]], dtype=np.int8)
    """Four yes-questions: stopped right, stopped wrong, right but went on and lost it, wrong until the forced end."""
    REASONS = codes(StopReason.STOP_ACTION, StopReason.STOP_ACTION, StopReason.T_MAX, StopReason.T_MAX)

    def stats(self) -> metrics.StopStats:
        gold = np.full(4, YES, dtype=np.int8)
        return metrics.stop_stats(self.LABELS, np.array([True, False, False, True]), self.REASONS, gold)

    def test_rate_is_the_share_of_routes_ended_by_choice(self) -> None:
        assert self.stats().rate == 0.5

    def test_precision_is_the_share_of_these_that_are_right(self) -> None:
        assert self.stats().precision == 0.5

    def test_recall_counts_right_replies_that_left_a_choice(self) -> None:
        assert self.stats().recall == 0.5, "two right replies before T_max, one of them stopped at"

    def test_lost_counts_routes_that_had_been_right(self) -> None:
        assert self.stats().lost == 0.25

    def test_single_calls_have_nothing_to_choose(self) -> None:
        stats = metrics.stop_stats(codes(YES)[:, None], np.array([True]), codes(StopReason.T_MAX), codes(YES))
        assert all(math.isnan(value) for value in (stats.rate, stats.precision, stats.recall))


class TestFlips:
    def table(self) -> object:
        """One expert, two yes-questions and a no-question; replies after none, yes, no, invalid."""
        labels = np.array([[[YES, YES, NO, 0]], [[NO, YES, NO, NO]], [[NO, YES, NO, 0]]])
        return make_table(labels, gold=[Label.YES, Label.YES, Label.NO])

    def flips(self) -> dict[str, metrics.Flips]:
        return {flips.shown: flips for flips in metrics.flip_matrix(self.table())}

    def test_after_the_right_label(self) -> None:
        right = self.flips()["right"]
        assert (right.n, right.wrong_to_right, right.right_to_wrong, right.kept_right, right.kept_wrong) == (3, 1, 0, 2, 0)
        assert (right.net, right.copy_rate) == (1, 1.0)

    def test_after_the_wrong_label(self) -> None:
        wrong = self.flips()["wrong"]
        assert (wrong.n, wrong.wrong_to_right, wrong.right_to_wrong, wrong.kept_right, wrong.kept_wrong) == (3, 0, 2, 0, 1)
        assert (wrong.net, wrong.copy_rate) == (-2, 1.0)

    def test_after_an_invalid_one_only_where_recorded(self) -> None:
        invalid = self.flips()["invalid"]
        assert (invalid.n, invalid.kept_wrong, invalid.copied) == (1, 1, 0)

    def test_copy_rate_without_replies_is_nan(self) -> None:
        assert math.isnan(metrics.Flips("e", "invalid", 0, 0, 0, 0, 0, 0).copy_rate)

    def test_an_invalid_reply_is_wrong(self) -> None:
        table = make_table(np.array([[[YES, BAD, BAD, BAD]]]), gold=[Label.YES])
        right = metrics.flip_matrix(table)[0]
        assert (right.right_to_wrong, right.copied) == (1, 0)

    def test_every_reply_is_counted_once(self) -> None:
        for flips in metrics.flip_matrix(self.table()):
            assert flips.wrong_to_right + flips.right_to_wrong + flips.kept_right + flips.kept_wrong == flips.n

    def test_questions_without_gold_answer_are_left_out(self) -> None:
        assert all(flips.n == 0 for flips in metrics.flip_matrix(make_table([[YES]], gold=[Label.NONE])))


def test_every_public_figure_is_in_the_dictionary() -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    public = [name for name, value in vars(metrics).items() if callable(value) and getattr(value, "__module__", "") == metrics.__name__]
    assert [name for name in public if not name.startswith("_") and f"`{name}`" not in text and f"metrics.{name}" not in text] == []


class TestSmoothing:
    def test_no_smoothing_changes_nothing(self) -> None:
        assert metrics.smooth([1.0, 5.0, 2.0], 0.0) == [1.0, 5.0, 2.0]

    def test_smoothing_is_not_drawn_to_zero_at_its_start(self) -> None:
        assert metrics.smooth([4.0, 4.0, 4.0], 0.9) == pytest.approx([4.0, 4.0, 4.0])
        assert metrics.smooth([1.0, 2.0], 0.5) == pytest.approx([1.0, (0.5 * 1 + 1 * 2) / 1.5])

    def test_smoothing_is_the_weighted_mean_of_all_values_so_far(self) -> None:
        values, weight = np.random.default_rng(0).normal(size=30), 0.8
        slow = [np.average(values[: n + 1], weights=weight ** np.arange(n, -1, -1)) for n in range(len(values))]
        assert metrics.smooth(values.tolist(), weight) == pytest.approx(slow)

    def test_missing_values_stay_missing_and_move_nothing(self) -> None:
        smoothed = metrics.smooth([math.nan, 1.0, math.nan, 2.0], 0.5)
        assert math.isnan(smoothed[0]) and math.isnan(smoothed[2])
        assert [smoothed[1], smoothed[3]] == pytest.approx(metrics.smooth([1.0, 2.0], 0.5))
        assert metrics.smooth([], 0.5) == []
