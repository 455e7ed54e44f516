"""A judge that errs: by hand, at both ends, and as the mean over what it may say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import EpisodeConfig, RewardConfig
from der_core.evaluation.judge import JudgeEffects, judged, pays_in_words
from der_core.evaluation.rollout import Rollout, rollout
from der_core.records import Label
from der_core.routing.baselines import FixedOrder
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)


def route(source: TableSource, *order: int) -> Rollout:
    rules = RouteRules(EpisodeConfig(t_max=len(order), end="never", no_repeat=False))
    return rollout(FixedOrder(name="", family="static", rules=rules, order=order), source, RewardConfig())


def test_by_hand() -> None:
    """Wrong at cost 1, then right at cost 2, then wrong at cost 3; the judge errs one time in five."""
    source = source_of(make_table([[NO, YES, NO]], gold=[Label.YES], seconds=[0.1, 0.2, 0.3]))
    found = judged(route(source, 0, 1, 2), source.table.gold, 0.2)
    # Ends after the first .2 (wrong), after the second .8 * .8 (right), else after the third (wrong).
    assert found.right[0] == pytest.approx(0.64)
    assert found.calls[0] == pytest.approx(1 + 0.8 + 0.16)
    assert found.cost[0] == pytest.approx(1 + 0.8 * 2 + 0.16 * 3)


def test_a_judge_that_never_errs_is_the_gold_stop() -> None:
    source = random_source(np.random.default_rng(1), 60, 3)
    never = route(source, 0, 1, 2)
    rules = RouteRules(EpisodeConfig(t_max=3, end="gold", no_repeat=False))
    gold = rollout(FixedOrder(name="", family="static", rules=rules, order=(0, 1, 2)), source, RewardConfig())
    found = judged(never, source.table.gold, 0.0)
    np.testing.assert_allclose(found.right, gold.correct)
    np.testing.assert_allclose(found.cost, gold.costs.sum(axis=1))
    np.testing.assert_allclose(found.calls, gold.calls)


def test_a_failed_reply_is_always_sent_on() -> None:
    source = source_of(make_table([[BAD, YES]], gold=[Label.YES]))
    found = judged(route(source, 0, 1), source.table.gold, 0.5)
    assert (found.right[0], found.calls[0]) == (1.0, 2.0)


def test_words() -> None:
    effects = JudgeEffects("DER", "small once", (), 0.125)
    assert pays_in_words(effects).startswith("A judge that errs on up to 12.5 %")
    assert pays_in_words(replace(effects, pays_until=math.nan)).startswith("No judge")
