"""What flipped replies do to accuracy and lead, against what is known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_questions, make_spec, make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.evaluation.comparison import compare
from der_core.evaluation.flipping import RATES, FlipEffects, Flipped, draw_flips, ends_in_words, flip_effects, flipped_source, flips_table
from der_core.evaluation.seeds import Seeds
from der_core.records import Label
from der_core.routing.baselines import Plan, Reference
from der_core.routing.baselines.orders import single
from der_core.routing.router import RouteRules

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)
ONCE = EpisodeConfig(t_max=1, end="never")
N = 200


def effects(der_right: int, single_right: int, measured: dict[str, float] | None = None) -> FlipEffects:
    """Of 200 questions DER, which asks expert 1, gets `der_right` right and the best single expert, expert 0, `single_right`."""
    labels = np.full((N, 2), NO)
    labels[:single_right, 0] = labels[:der_right, 1] = YES
    source = source_of(make_table(labels, questions=make_questions(N, gold=[Label.YES] * N, passage=False)))
    learned = Plan(name="DER", family="learned", rules=RouteRules(ONCE), actions=np.ones((N, 1), dtype=np.int64))
    singles = [single(["expert0", "expert1"], expert, ONCE) for expert in range(2)]
    found = compare([learned, *singles], source, PAPER, {}, Reference("expert0 once", Label.YES), np.random.default_rng(0))
    return flip_effects([Flipped(learned, singles[0], source, PAPER.reward)], Seeds((found,)), measured or {})


class TestFlippedSource:
    def test_swaps_yes_and_no_and_mirrors_p_yes(self) -> None:
        source = source_of(make_table([[YES, NO, BAD]], [[0.9, 0.2, 0.7]]))
        found = flipped_source(source, 1.0, np.zeros(source.labels.shape))
        assert found.labels[0, :, 0].tolist() == [NO, YES, BAD], "a reply that says neither stays"
        np.testing.assert_allclose(found.p_yes[0, :, 0], [0.1, 0.8, 0.7], atol=1e-6)
        assert found.quality[0, :, 0].tolist() == [0, 1, 0]
        assert source.labels[0, :, 0].tolist() == [YES, NO, BAD], "the source stays as it was"

    def test_quality_is_still_that_of_the_label(self) -> None:
        source = random_source(np.random.default_rng(0), 50, 3)
        found = flipped_source(source, 0.3, draw_flips(source, np.random.default_rng(1)))
        np.testing.assert_array_equal(found.quality == 1, found.labels == source.table.gold[:, None, None])

    def test_what_flips_at_one_rate_flips_at_every_higher_one(self) -> None:
        source = random_source(np.random.default_rng(0), 50, 3)
        drawn = draw_flips(source, np.random.default_rng(1))
        few, many = (flipped_source(source, rate, drawn).labels != source.labels for rate in (0.1, 0.4))
        assert not (few & ~many).any()
        assert many.mean() == pytest.approx(0.4 * np.mean(source.labels != BAD), abs=0.05)

    def test_an_expert_that_is_asked_once_flips_as_a_whole(self) -> None:
        experts = [make_spec("reader"), replace(make_spec("writer"), style="program")]
        source = source_of(make_table([[YES, NO]] * 30, experts=experts))
        found = flipped_source(source, 0.5, draw_flips(source, np.random.default_rng(0))).labels
        assert (found[:, 1] == found[:, 1, :1]).all()
        assert not (found[:, 0] == found[:, 0, :1]).all()


class TestEffects:
    def test_accuracy_and_lead_shrink_as_they_must(self) -> None:
        """Right on a share p, flipped at rate r: p (1 - r) + (1 - p) r; a lead of .4 becomes .4 (1 - 2 r)."""
        found = effects(180, 100)
        assert [point.rate for point in found.points] == [0.0, *RATES]
        for point in found.points:
            assert point.accuracy.value == pytest.approx(0.9 * (1 - point.rate) + 0.1 * point.rate, abs=0.02)
            assert point.lead.value == pytest.approx(0.4 * (1 - 2 * point.rate), abs=0.03)
            assert point.lead.low <= point.lead.value <= point.lead.high
        assert (found.points[0].accuracy.value, found.points[0].lead.value) == pytest.approx((0.9, 0.4))

    def test_measured_rates_above_0_are_among_them(self) -> None:
        found = effects(180, 100, {"expert0": 0.02, "expert1": 0.0, "both": 0.03})
        assert [point.rate for point in found.points] == [0.0, 0.01, 0.02, 0.03, 0.06, 0.12]
        assert [point.measured for point in found.points] == [(), (), ("expert0",), ("both",), (), ()]

    def test_a_great_lead_ends_near_one_half(self) -> None:
        assert 0.3 < effects(180, 100).lead_ends < 0.5

    def test_a_lead_that_may_be_chance_has_ended_before_any_flip(self) -> None:
        assert effects(101, 100).lead_ends == 0.0

    def test_a_smaller_lead_ends_earlier(self) -> None:
        small = effects(125, 100).lead_ends
        assert 0 < small < effects(180, 100).lead_ends

    def test_is_told_in_words_and_rows(self) -> None:
        found = effects(101, 100)
        assert flips_table(found)[1][:2] == ("0.0", "50.5")
        assert ends_in_words(found) == "The interval of the lead contains 0 without any flip."
        assert "12.5 %" in ends_in_words(replace(found, lead_ends=0.125))
        assert "every rate" in ends_in_words(replace(found, lead_ends=math.nan))
