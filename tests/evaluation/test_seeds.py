"""Intervals over questions and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import make_questions, make_table
from random_tables import source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.errors import SettingsError
from der_core.evaluation.comparison import Comparison, compare
from der_core.evaluation.seeds import SEED, Seeds, with_interval
from der_core.evaluation.statistics import paired_bootstrap
from der_core.records import Label
from der_core.routing.baselines import Plan, Reference
from der_core.routing.baselines.orders import single
from der_core.routing.router import RouteRules

YES, NO = int(Label.YES), int(Label.NO)
ONCE = EpisodeConfig(t_max=1, end="never")


def compared(asked: list[int], passage: bool = False) -> Comparison:
    """Expert 0 is right on the first half of the questions, at cost 1, expert 1 on the second, at cost 3; DER asks `asked`."""
    n = len(asked)
    labels = np.array([[YES, NO]] * (n // 2) + [[NO, YES]] * (n - n // 2))
    questions = make_questions(n, gold=[Label.YES] * n, passage=passage)
    source = source_of(make_table(labels, questions=questions, seconds=[0.1, 0.3]))
    learned = Plan(name="DER", family="learned", rules=RouteRules(ONCE), actions=np.array(asked)[:, None])
    singles = [single(["expert0", "expert1"], expert, ONCE) for expert in range(2)]
    return compare([learned, *singles], source, PAPER, {}, Reference("expert0 once", Label.YES), np.random.default_rng(0))


def test_means_over_questions_and_seeds() -> None:
    seeds = Seeds((compared([0, 0, 1, 1]), compared([0, 0, 0, 0])))
    assert seeds.accuracy("DER").value == pytest.approx(0.75)
    assert seeds.gap("DER", "expert0 once").value == pytest.approx(0.25)
    assert seeds.cost("DER").mean() == pytest.approx(1.5)
    # Mixing the two experts, each right on half, gives one half at any cost.
    assert seeds.lead_over_singles("DER").value == pytest.approx(0.25)


def test_seeds_that_differ_widen_the_interval_where_questions_cannot() -> None:
    """One seed always right, the other always wrong: both draws are the same seed half the time, a quarter each way."""
    found = Seeds((compared([0, 0, 1, 1]), compared([1, 1, 0, 0]))).accuracy("DER")
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_one_seed_has_the_interval_of_the_paired_bootstrap() -> None:
    one = compared([0, 1] * 10)
    found = Seeds((one,)).gap("DER", "expert1 once")
    known = paired_bootstrap(one.right_of("DER"), one.right_of("expert1 once"), one.groups, np.random.default_rng(SEED))
    assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high))


def test_equal_seeds_add_nothing() -> None:
    one = compared([0, 1] * 10)
    assert Seeds((one, one)).accuracy("DER") == Seeds((one,)).accuracy("DER")


def test_other_questions_are_refused() -> None:
    with pytest.raises(SettingsError, match="different questions"):
        Seeds((compared([0] * 4), compared([0] * 6)))


def test_unknown_figures_have_no_interval() -> None:
    assert np.isnan(with_interval(np.array([np.nan, 1.0, 2.0])).low)
    assert np.isnan(with_interval(np.array([1.0, np.nan])).low)
