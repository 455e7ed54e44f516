"""Thresholds on P(yes): centring, and the fit against a slow search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import ScriptedExpert, make_table, says
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_table

from der_core.experts.parsing import apply_thresholds
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.cost import fit_prices
from der_core.routing.live import LiveSource
from der_core.routing.sources import TableSource
from der_core.routing.thresholds import FEWEST_REPLIES, centre, fit_thresholds

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


def first(thresholds: np.ndarray) -> np.ndarray:
    """The thresholds of first replies."""
    return thresholds[:, Label.NONE]


class TestFit:
    def test_finds_the_border_of_an_expert_that_leans_to_yes(self) -> None:
        p_yes = np.array([[0.95], [0.9], [0.7], [0.6]] * 5)
        table = make_table(np.ones((20, 1), dtype=int), p_yes, gold=[Label.YES, Label.YES, Label.NO, Label.NO] * 5)
        threshold = fit_thresholds(table)
        assert first(threshold) == pytest.approx([0.8], abs=1e-6)
        assert (table.with_thresholds(threshold).labels[:, 0, 0] == table.gold).all()

    def test_looks_past_replies_that_say_neither(self) -> None:
        # Taken for answers, the invalid ones (P(yes) .6, gold no) would draw the border of the others up, to .65.
        labels, p_yes = [[1], [1], [1], [3], [3]] * 7, [[0.9], [0.7], [0.5], [0.6], [0.6]] * 7
        table = make_table(labels, p_yes, gold=[Label.YES, Label.YES, Label.NO, Label.NO, Label.NO] * 7)
        assert first(fit_thresholds(table)) == pytest.approx([0.6])
        assert np.isnan(fit_thresholds(make_table([[3], [3]] * 20, [[0.9], [0.1]] * 20, gold=[Label.YES, Label.NO] * 20))).all()

    def test_is_nan_where_no_threshold_beats_the_words(self) -> None:
        table = make_table([[1], [2]] * 10, gold=[Label.YES, Label.NO] * 10)
        assert np.isnan(fit_thresholds(table)).all()

    @pytest.mark.parametrize(("n", "fitted"), [(FEWEST_REPLIES - 1, np.nan), (FEWEST_REPLIES, 0.5)])
    def test_chance_chooses_no_threshold(self, n: int, fitted: float) -> None:
        # the words are wrong though P(yes) is clear: any border between .2 and .8 is right, one half is taken
        table = make_table(([[2], [1]] * n)[:n], ([[0.8], [0.2]] * n)[:n], gold=([Label.YES, Label.NO] * n)[:n])
        assert fit_thresholds(table) == pytest.approx(np.full((1, 4), fitted), nan_ok=True)

    def test_is_nan_without_probabilities_or_gold_answers(self) -> None:
        assert np.isnan(fit_thresholds(make_table([[1], [1]] * 20, np.full((40, 1), np.nan), gold=[Label.YES, Label.NO] * 20))).all()
        assert np.isnan(fit_thresholds(make_table([[1], [1]] * 20, gold=[Label.NONE, Label.NONE] * 20))).all()

    @pytest.mark.parametrize("seed", range(8))
    def test_no_threshold_of_a_fine_grid_does_better(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        table = random_table(rng, 40, 2, skill=0.4)
        fitted = fit_thresholds(table)
        advisers = table.with_thresholds(first(fitted)).labels[:, ::-1, 0]
        grid = np.linspace(0, 1.001, 2003)
        for expert, previous in np.ndindex(2, 4):
            labels, p = table.labels[:, expert, previous], table.p_yes[:, expert, previous].astype(float)
            said = (labels != Label.INVALID) & ((advisers[:, expert] == previous) | (previous == Label.NONE))
            if said.sum() < FEWEST_REPLIES:
                assert fitted[expert, previous] == pytest.approx(fitted[expert, 0], nan_ok=True)
                continue
            best = max(np.mean((p[said] >= t) == (table.gold[said] == Label.YES)) for t in grid)
            words, border = np.mean(labels[said] == table.gold[said]), fitted[expert, previous]
            found = words if np.isnan(border) else np.mean((p[said] >= border) == (table.gold[said] == Label.YES))
            assert found == pytest.approx(max(best, words))


def advised(says_yes: np.ndarray, p_after: dict[Label, tuple[float, float]], n: int = 80) -> Table:
    """An adviser without P(yes) whose reply is yes where told, and an expert with these P(yes), where yes and where no is right, by what it is shown."""
    gold = [Label.YES, Label.NO] * (n // 2)
    p_yes = np.zeros((n, 2, 4))
    p_yes[:, 0] = np.where(says_yes, 0.9, 0.1)[:, None]
    for label, (if_yes, if_no) in p_after.items():
        p_yes[:, 1, label] = np.where(np.array(gold) == Label.YES, if_yes, if_no)
    labels = np.where(p_yes > 0.5, Label.YES, Label.NO)
    p_yes[:, 0] = np.nan
    return make_table(labels, p_yes, gold=gold)


NONE, YES, NO, INVALID = Label


class TestFitByPreviousLabel:
    def test_advice_that_moves_p_yes_is_undone_after_each_answer(self) -> None:
        knows = {NONE: (0.6, 0.4), YES: (0.9, 0.7), NO: (0.4, 0.2), INVALID: (0.6, 0.4)}
        table = advised(np.tile([True, True, False, False], 20), knows)
        fitted = fit_thresholds(table)
        assert fitted[1] == pytest.approx([np.nan, 0.8, 0.3, np.nan], nan_ok=True)
        moved = table.with_thresholds(fitted).labels[:, 1]
        assert (moved[:, [NONE, YES, NO]] == table.gold[:, None]).all()

    def test_advice_counts_as_often_as_a_route_would_show_it(self) -> None:
        """The adviser is right on four of five; the other contradicts and knows nothing: best it repeats what it is shown."""
        says_yes = np.tile([True, False] * 4 + [False, True], 10)
        contrary = {NONE: (0.5, 0.5), YES: (0.3, 0.3), NO: (0.7, 0.7), INVALID: (0.5, 0.5)}
        table = advised(says_yes, contrary, n=100)
        moved = table.with_thresholds(fit_thresholds(table)).labels
        after = moved[np.arange(100), 1, moved[:, 0, NONE]]
        assert np.mean(table.labels[np.arange(100), 1, table.labels[:, 0, NONE]] == table.gold) == pytest.approx(0.2)
        assert np.mean(after == table.gold) == pytest.approx(0.8)

    def test_a_label_that_is_hardly_ever_shown_takes_the_threshold_of_first_replies(self) -> None:
        leans = {label: (0.9, 0.7) for label in Label}
        says_yes = np.ones(80, dtype=bool)
        says_yes[: FEWEST_REPLIES - 1] = False
        assert fit_thresholds(advised(says_yes, leans | {NO: (0.3, 0.1)}))[1] == pytest.approx([0.8] * 4)
        says_yes[FEWEST_REPLIES - 1] = False
        assert fit_thresholds(advised(says_yes, leans | {NO: (0.3, 0.1)}))[1] == pytest.approx([0.8, 0.8, 0.2, 0.8])

    def test_what_is_asked_once_has_one_threshold(self) -> None:
        table = advised(np.tile([True, True, False, False], 20), {label: (0.9, 0.7) for label in Label})
        writes = replace(table, experts=(table.experts[0], replace(table.experts[1], style="program")))
        assert fit_thresholds(writes)[1] == pytest.approx([0.8] * 4)


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


def test_each_previous_label_has_its_own_threshold_live_and_recorded() -> None:
    table = make_table([[1]], [[0.6]], gold=[Label.YES])
    thresholds = np.array([[np.nan, 0.7, 0.5, 0.65]])
    recorded = TableSource(table, PRICES, thresholds)
    live = LiveSource(table.questions, [ScriptedExpert(table.experts[0], says(Label.YES, float(np.float32(0.6))))], PRICES, thresholds)
    place, asked = np.array([0]), np.array([True])
    for source in (recorded, live):
        replies = [source.ask(place, place, np.array([label], dtype=np.int8), asked) for label in Label]
        assert [int(reply.labels[0]) for reply in replies] == [Label.YES, Label.NO, Label.YES, Label.NO]
        assert [reply.p_yes[0] > 0.5 for reply in replies] == [True, False, True, False]
    np.testing.assert_array_equal(TableSource(table, PRICES, np.array([0.7])).thresholds, [[0.7] * 4])
