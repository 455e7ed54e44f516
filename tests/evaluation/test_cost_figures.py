"""Figures between cost and accuracy, each by a known number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_seeds import compared

from der_core.evaluation.cost_figures import (
    Place,
    accuracy_at_equal_cost,
    aiq_gain,
    apgr,
    cost_at_equal_accuracy,
    cost_figures,
    cpt,
    figures_table,
    regret,
)
from der_core.evaluation.seeds import Seeds

WEAK, STRONG = Place(1.0, 0.5), Place(3.0, 0.9)
TOP = Place(2.0, 0.9)
"""As right as strong, half way to its cost."""
ON_THE_LINE = Place(2.0, 0.7)


def test_apgr_of_mixing_at_random_is_one_half() -> None:
    assert apgr(WEAK, STRONG, ON_THE_LINE) == pytest.approx(0.5)


def test_apgr_by_hand() -> None:
    # The mix rises from 0 to 1 over the first half of the way and stays there.
    assert apgr(WEAK, STRONG, TOP) == pytest.approx(0.75)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_cpt_by_hand(share: float) -> None:
    assert cpt(WEAK, STRONG, ON_THE_LINE, share) == pytest.approx(share)
    assert cpt(WEAK, STRONG, TOP, share) == pytest.approx(share / 2)


def test_without_a_gap_there_is_nothing_to_recover() -> None:
    assert math.isnan(apgr(WEAK, Place(3.0, 0.5), TOP))
    assert math.isnan(cpt(WEAK, Place(3.0, 0.4), TOP, 0.5))
    assert math.isnan(cpt(WEAK, Place(1.0, 0.9), TOP, 0.5))


def test_aiq_gain_by_hand() -> None:
    # Heights .5 to .9, mean .7; with the router .5 to .9 on the first half, then .9: mean .8.
    assert aiq_gain([WEAK, STRONG], TOP) == pytest.approx(0.1)
    assert aiq_gain([WEAK, STRONG], Place(2.0, 0.4)) == pytest.approx(0.0)


def test_equal_accuracy_and_equal_cost_by_hand() -> None:
    router = Place(1.5, 0.7)  # the mix is as right at cost 2, and .6 right at cost 1.5
    assert cost_at_equal_accuracy([WEAK, STRONG], router) == pytest.approx(0.75)
    assert accuracy_at_equal_cost([WEAK, STRONG], router) == pytest.approx(0.1)
    assert math.isnan(cost_at_equal_accuracy([WEAK, STRONG], Place(1.5, 0.95)))
    assert math.isnan(accuracy_at_equal_cost([WEAK, STRONG], Place(0.5, 0.7)))


def test_all_figures_of_routers_with_intervals() -> None:
    """Experts right on 20 of 40 at costs 1 and 3; DER knows whom to ask: right on all at cost 2."""
    seeds = Seeds((compared([0] * 20 + [1] * 20),))
    found = cost_figures(seeds, "DER", 0.95)
    assert found.accuracy_at_equal_cost.value == pytest.approx(0.5)
    assert 0 < found.accuracy_at_equal_cost.low < 0.5
    # From .5 at cost 1 to 1 at cost 2, then 1: mean .875 where the experts have .5.
    assert found.aiq_gain.value == pytest.approx(0.375)
    assert math.isnan(found.apgr.value), "both experts are equally right: there is no gap"
    assert math.isnan(found.cost_at_equal_accuracy.value), "no mix of them is right on all"
    assert math.isnan(found.regret.value), "the optimum was not compared"
    assert figures_table(found)[1][1] == "37.5"


def test_regret_is_the_difference_of_returns() -> None:
    one = compared([0] * 20 + [1] * 20)
    rows = tuple(row if row.name != "expert1 once" else type(row)(**{**row.__dict__, "family": "optimum"}) for row in one.rows)
    better = type(one)(**{**one.__dict__, "rows": rows})
    gap = one.rollouts["expert1 once"].returns(0.9) - one.rollouts["DER"].returns(0.9)
    assert regret(Seeds((better,)), "DER", 0.9).value == pytest.approx(float(np.mean(gap)))
