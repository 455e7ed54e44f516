"""The figures of the Experts page against known answers and slow definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_questions, make_table

from der_core.evaluation.expert_figures import auc, expert_figures, kind_figures, reliability, threshold_effects
from der_core.evaluation.statistics import wilson_interval
from der_core.recording.table import Table
from der_core.records import Label

YES, NO, INVALID = Label.YES, Label.NO, Label.INVALID


def table_of(first: list[list[Label]], **options: object) -> Table:
    """Q x N first labels, the same after every previous label."""
    return make_table(np.array(first, dtype=np.int8), **options)


def test_accuracy_counts_right_first_replies_with_wilson_interval() -> None:
    figures = expert_figures(table_of([[YES], [YES], [YES], [NO]]))[0]  # gold: yes, no, yes, no
    assert figures.accuracy == 0.75
    assert figures.interval == wilson_interval(3, 4)
    assert figures.n == 4


def test_an_invalid_reply_is_wrong_and_counted_apart() -> None:
    figures = expert_figures(table_of([[YES], [INVALID], [YES], [NO]]))[0]
    assert figures.accuracy == 0.75
    assert figures.invalid_rate == 0.25
    assert figures.yes_rate == 0.5


def test_an_expert_that_always_says_yes_leans_by_what_gold_lacks() -> None:
    figures = expert_figures(table_of([[YES]] * 4, gold=[YES, NO, NO, NO]))[0]
    assert figures.gold_yes_rate == 0.25
    assert figures.lean == 0.75
    assert figures.balanced_accuracy == 0.5


def test_questions_without_gold_count_for_times_but_not_for_accuracy() -> None:
    questions = [replace(question, gold=None) if i == 0 else question for i, question in enumerate(make_questions(4))]
    figures = expert_figures(table_of([[NO], [NO], [YES], [INVALID]], questions=questions))[0]
    assert figures.n == 3
    assert figures.accuracy == pytest.approx(2 / 3)
    assert figures.invalid_rate == 0.25


def test_cost_is_relative_to_the_cheapest_expert_by_median_seconds() -> None:
    figures = expert_figures(table_of([[YES, YES, YES]] * 4, seconds=[0.2, 0.1, 0.4]))
    assert [row.relative_cost for row in figures] == pytest.approx([2, 1, 4])
    assert [row.seconds_p50 for row in figures] == pytest.approx([0.2, 0.1, 0.4])


def test_seconds_are_those_of_the_tokens_that_were_read_at_the_experts_own_pace() -> None:
    table = table_of([[YES]] * 4)  # 0.05 s for 20 tokens of prompt, 0.05 s for the reply
    half = replace(table, prompt_s=table.prompt_s / 2, cached_tokens=table.prompt_tokens // 2)
    assert expert_figures(table)[0].seconds_p50 == pytest.approx(0.1)
    assert expert_figures(half)[0].seconds_p50 == pytest.approx(0.075)
    untold = replace(half, prompt_s=table.prompt_s, cached_tokens=np.full_like(table.cached_tokens, np.nan))
    assert expert_figures(untold)[0].seconds_p50 == pytest.approx(0.1)


def test_p95_lies_above_the_median_where_one_prompt_is_long() -> None:
    table = table_of([[YES]] * 20)
    tokens = table.prompt_tokens.copy()
    tokens[0] *= 50
    figures = expert_figures(replace(table, prompt_tokens=tokens))[0]
    assert figures.seconds_p95 > 2 * figures.seconds_p50


def test_loading_stands_apart_from_the_seconds() -> None:
    table = table_of([[YES]] * 3)
    load = table.load_s.copy()
    load[1, 0, Label.NONE] = 7.0
    figures = expert_figures(replace(table, load_s=load))[0]
    assert (figures.load_s_p50, figures.load_s_max) == (0.0, 7.0)
    assert figures.seconds_p95 < 1


def test_influence_is_the_share_of_first_replies_that_change() -> None:
    codes = np.array([[[YES, YES, NO, 0]], [[YES, YES, NO, 0]], [[NO, YES, NO, 0]], [[NO, NO, NO, 0]]], dtype=np.int8)
    figures = expert_figures(make_table(codes))[0]
    assert figures.changed_after_yes == 0.25
    assert figures.changed_after_no == 0.5


def test_influence_without_such_replies_is_nan() -> None:
    codes = np.array([[[YES, 0, NO, 0]]] * 2, dtype=np.int8)
    assert math.isnan(expert_figures(make_table(codes))[0].changed_after_yes)


def test_auc_is_one_for_perfect_order_and_half_for_ties() -> None:
    gold = np.array([YES, NO, YES, NO], dtype=np.int8)
    assert auc([0.9, 0.1, 0.8, 0.2], gold) == 1.0
    assert auc([0.1, 0.9, 0.2, 0.8], gold) == 0.0
    assert auc([0.5] * 4, gold) == 0.5


def test_auc_agrees_with_counting_pairs() -> None:
    rng = np.random.default_rng(5)
    p, gold = rng.integers(0, 6, 60) / 5, rng.integers(1, 3, 60).astype(np.int8)
    p[:5] = np.nan
    pairs = [(y, n) for y in p[5:][gold[5:] == YES] for n in p[5:][gold[5:] == NO]]
    slow = np.mean([1.0 if y > n else 0.5 if y == n else 0.0 for y, n in pairs])
    assert auc(p, gold) == pytest.approx(slow)


def test_auc_of_one_class_or_without_probabilities_is_nan() -> None:
    assert math.isnan(auc([0.2, 0.3], np.array([YES, YES], dtype=np.int8)))
    assert math.isnan(auc([np.nan, np.nan], np.array([YES, NO], dtype=np.int8)))


def test_reliability_bins_hold_mean_probability_and_share_of_yes() -> None:
    table = table_of([[YES]] * 4, p_yes=[[0.81], [0.89], [0.05], [1.0]], gold=[YES, NO, NO, YES])
    bins = reliability(table)[0].bins
    assert [(part.low, part.n) for part in bins] == [(0.0, 1), (pytest.approx(0.8), 2), (pytest.approx(0.9), 1)]
    assert bins[1].mean_p == pytest.approx(0.85)
    assert bins[1].share == 0.5
    assert bins[1].interval == wilson_interval(1, 2)


def test_every_reply_with_a_probability_is_in_exactly_one_bin() -> None:
    rng = np.random.default_rng(3)
    p = rng.random((50, 2))
    p[0, 0], p[1, 0], p[2, 1] = 0.0, 1.0, np.nan
    both = reliability(table_of([[YES, NO]] * 50, p_yes=p))
    assert [sum(part.n for part in row.bins) for row in both] == [50, 49]
    assert all(part.low <= part.mean_p <= part.high for row in both for part in row.bins)


def test_calibration_error_weighs_bins_by_their_replies() -> None:
    table = table_of([[YES]] * 4, p_yes=[[0.95], [0.95], [0.95], [0.15]], gold=[YES, YES, NO, NO])
    error = reliability(table)[0].calibration_error
    assert error == pytest.approx(0.75 * abs(0.95 - 2 / 3) + 0.25 * 0.15, abs=1e-6)


def test_an_expert_without_probabilities_has_no_bins() -> None:
    row = reliability(table_of([[YES]] * 3, p_yes=np.full((3, 1), np.nan)))[0]
    assert row.bins == ()
    assert math.isnan(row.calibration_error)


def test_a_threshold_mends_an_expert_that_leans_to_yes() -> None:
    gold = [YES, NO] * 10
    p = np.array([[0.95] if answer == YES else [0.7] for answer in gold])
    table = table_of([[YES]] * 20, p_yes=p, gold=gold)
    effect = threshold_effects(table, table, np.random.default_rng(0))[0]
    assert 0.7 < effect.threshold < 0.95
    assert (effect.accuracy, effect.accuracy_with) == (0.5, 1.0)
    assert (effect.yes_rate, effect.yes_rate_with, effect.gold_yes_rate) == (1.0, 0.5, 0.5)
    assert effect.difference.value == 0.5
    assert effect.difference.excludes_zero
    assert effect.mcnemar_p == pytest.approx(2 / 2**10)


def test_thresholds_are_fitted_on_training_and_told_on_held_out_questions() -> None:
    training = table_of([[YES]] * 20, p_yes=[[0.9], [0.6], [0.9], [0.6]] * 5)
    held_out = table_of([[YES]] * 4, p_yes=[[0.6], [0.9], [0.6], [0.9]])
    effect = threshold_effects(training, held_out, np.random.default_rng(0))[0]
    assert effect.accuracy == 0.5
    assert effect.accuracy_with == 0.0


def test_without_a_better_threshold_nothing_changes() -> None:
    table = table_of([[YES], [NO]] * 3)
    effect = threshold_effects(table, table, np.random.default_rng(0))[0]
    assert math.isnan(effect.threshold)
    assert effect.accuracy == effect.accuracy_with == 1.0
    assert effect.difference.value == 0.0
    assert effect.mcnemar_p == 1.0


def test_kinds_tell_no_answer_apart_from_a_wrong_one() -> None:
    table = table_of([[YES], [INVALID], [NO], [NO], [INVALID], [YES]])  # kinds and gold: even yes, odd no, even yes ...
    even, odd = kind_figures(table)
    assert (even.kind, even.n, even.n_answered, even.n_right) == ("even", 3, 2, 1)
    assert (odd.kind, odd.n, odd.n_answered, odd.n_right) == ("odd", 3, 2, 1)
    assert even.right == wilson_interval(1, 3)
    assert even.answers == wilson_interval(2, 3)
    assert even.right_where_answered == wilson_interval(1, 2)


def test_questions_without_gold_or_kind_stand_apart_in_the_kinds() -> None:
    questions = [
        replace(question, kind=None if i > 1 else question.kind, gold=question.gold if i else None)
        for i, question in enumerate(make_questions(4))
    ]
    figures = kind_figures(table_of([[YES], [NO], [YES], [YES]], questions=questions))
    assert [(row.kind, row.n, row.n_right) for row in figures] == [("odd", 1, 1), ("", 2, 1)]
