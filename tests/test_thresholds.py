"""Thresholds on P(yes): centring, and the fit against a slow search."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import ScriptedExpert, make_table, says
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_table

from der_core.experts.parsing import apply_thresholds
from der_core.records import Label
from der_core.routing.cost import fit_prices
from der_core.routing.live import LiveSource
from der_core.routing.sources import TableSource
from der_core.routing.thresholds import centre, fit_thresholds

PRICES = fit_prices(make_table([[1]]), "params")
probability = st.floats(0.001, 0.999)


class TestCentre:
    @given(probability)
    def test_threshold_itself_becomes_one_half(self, threshold: float) -> None:
        assert centre(threshold, threshold) == pytest.approx(0.5)

    @given(probability)
    def test_without_threshold_nothing_moves(self, p: float) -> None:
        assert centre(p, np.nan) == pytest.approx(p, abs=1e-9)

    @given(probability, probability, probability)
    def test_order_is_kept(self, a: float, b: float, threshold: float) -> None:
        low, high = sorted([a, b])
        assert centre(low, threshold) <= centre(high, threshold)

    @given(probability, probability)
    def test_yes_and_no_mirror_each_other(self, p: float, threshold: float) -> None:
        assert centre(1 - p, 1 - threshold) == pytest.approx(1 - centre(p, threshold))

    @given(st.floats(0, 1), st.floats(0, 1))
    def test_stays_a_probability_even_at_the_ends(self, p: float, threshold: float) -> None:
        assert 0.0 <= centre(p, threshold) <= 1.0

    def test_unknown_probability_is_one_half(self) -> None:
        assert list(centre([np.nan, np.nan], [0.9, np.nan])) == [0.5, 0.5]

    def test_known_number(self) -> None:
        # odds 9 against the border's odds 4: 9 / 4 = 2.25, 2.25 / 3.25
        assert centre(0.9, 0.8) == pytest.approx(2.25 / 3.25)


class TestFit:
    def test_finds_the_border_of_an_expert_that_leans_to_yes(self) -> None:
        p_yes = np.array([[0.95], [0.9], [0.7], [0.6]])
        table = make_table(np.ones((4, 1), dtype=int), p_yes, gold=[Label.YES, Label.YES, Label.NO, Label.NO])
        threshold = fit_thresholds(table)
        assert threshold == pytest.approx([0.8], abs=1e-6)
        assert (table.with_thresholds(threshold).labels[:, 0, 0] == table.gold).all()

    def test_is_nan_where_no_threshold_beats_the_words(self) -> None:
        table = make_table([[1], [2]], gold=[Label.YES, Label.NO])
        assert np.isnan(fit_thresholds(table)).all()

    def test_is_nan_without_probabilities(self) -> None:
        table = make_table([[1], [1]], np.full((2, 1), np.nan), gold=[Label.YES, Label.NO])
        assert np.isnan(fit_thresholds(table)).all()

    def test_is_nan_without_gold_answers(self) -> None:
        assert np.isnan(fit_thresholds(make_table([[1], [1]], gold=[Label.NONE, Label.NONE]))).all()

    def test_looks_past_replies_that_say_neither(self) -> None:
        # Taken for answers, the invalid ones (P(yes) .6, gold no) would draw the border of the others up, to .65.
        labels, p_yes = [[1], [1], [1], [3], [3]], [[0.9], [0.7], [0.5], [0.6], [0.6]]
        table = make_table(labels, p_yes, gold=[Label.YES, Label.YES, Label.NO, Label.NO, Label.NO])
        assert fit_thresholds(table) == pytest.approx([0.6])
        assert fit_thresholds(make_table([[3], [3]], [[0.9], [0.1]], gold=[Label.YES, Label.NO])) == pytest.approx([np.nan], nan_ok=True)

    def test_prefers_one_half_among_equals(self) -> None:
        # the words are wrong though P(yes) is clear: any border between .2 and .8 is right
        table = make_table([[2], [1]], [[0.8], [0.2]], gold=[Label.YES, Label.NO])
        assert fit_thresholds(table) == pytest.approx([0.5])

    @pytest.mark.parametrize("seed", range(8))
    def test_no_threshold_of_a_fine_grid_does_better(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        table = random_table(rng, 30, 2, skill=0.4)
        p, gold = table.p_yes[:, :, 0].astype(float), table.gold
        grid = np.linspace(0, 1.001, 2003)
        for expert, threshold in enumerate(fit_thresholds(table)):
            said = table.labels[:, expert, 0] != Label.INVALID
            best = max(np.mean((p[said, expert] >= t) == (gold[said] == Label.YES)) for t in grid)
            words = np.mean(table.labels[said, expert, 0] == gold[said])
            fitted = words if np.isnan(threshold) else np.mean((p[said, expert] >= threshold) == (gold[said] == Label.YES))
            assert fitted == pytest.approx(max(best, words))


@given(st.sampled_from([Label.YES, Label.NO, Label.INVALID]), st.none() | probability, st.none() | probability)
def test_a_live_reply_is_relabelled_as_a_recorded_one(label: Label, p_yes: float | None, threshold: float | None) -> None:
    p, border = np.nan if p_yes is None else np.float32(p_yes), np.nan if threshold is None else threshold
    source = TableSource(make_table([[label]], [[p]]), PRICES, np.array([border]))
    expert = ScriptedExpert(source.table.experts[0], says(label, None if p_yes is None else float(p)))
    live = LiveSource(source.table.questions, [expert], PRICES, source.thresholds)
    first, none = np.array([0]), np.array([0], dtype=np.int8)
    recorded, replied = (asked.ask(first, first, none, np.array([True])) for asked in (source, live))
    assert (recorded.labels, recorded.p_yes, recorded.quality) == (replied.labels, replied.p_yes, replied.quality)
    assert (recorded.labels[0] == Label.INVALID) == (label == Label.INVALID)


@given(probability, probability)
def test_centred_above_one_half_means_relabelled_yes(p_yes: float, threshold: float) -> None:
    if abs(p_yes - threshold) > 1e-6:
        assert (centre(p_yes, threshold) > 0.5) == (apply_thresholds(Label.NO, p_yes, threshold) == Label.YES)
