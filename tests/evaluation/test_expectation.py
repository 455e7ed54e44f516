"""Exact expectations of random routers: by hand, and as the mean over all routes there are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, EpisodeConfig, RewardConfig
from der_core.evaluation.comparison import compare, compare_two, fit_all_prices
from der_core.evaluation.expectation import expect
from der_core.evaluation.rollout import rollout
from der_core.records import Label
from der_core.routing.baselines import Plan, Random, Reference
from der_core.routing.baselines.orders import single
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

YES, NO = int(Label.YES), int(Label.NO)
SOURCE = source_of(make_table([[YES, NO]], seconds=[0.1, 0.3]))
"""One question, answer yes: expert 0 is right at cost 1, expert 1 wrong at cost 3."""


def router(t_max: int, *, stops: bool = False, gold: bool = False, n: int = 1) -> Random:
    rules = RouteRules(EpisodeConfig(t_max=t_max, end="gold" if gold else "never", no_repeat=False))
    actions = np.zeros((n, t_max), dtype=np.int64)
    return Random(name="random", family="random", rules=rules, oracle=gold, actions=actions, stops=stops)


@pytest.mark.parametrize(
    ("t_max", "stops", "gold", "right", "calls", "cost"),
    [
        (1, False, False, 0.5, 1.0, 2.0),
        (2, True, False, 0.5, 1 + 2 / 3, 2 + 2 / 3 * 2),
        # Half the routes end at once at cost 1; the others pay 3, then 2 on average, and half of them end right.
        (2, False, True, 0.75, 1.5, 3.0),
    ],
)
def test_by_hand(t_max: int, stops: bool, gold: bool, right: float, calls: float, cost: float) -> None:
    found = expect(router(t_max, stops=stops, gold=gold), SOURCE, RewardConfig(), 0.95, np.array([0]))
    assert found.answers[0, YES] == pytest.approx(right)
    assert found.answers.sum() == pytest.approx(1)
    assert found.visits.sum() == pytest.approx(calls)
    assert found.at_calls(SOURCE.costs)[0] == pytest.approx(cost)


@pytest.mark.parametrize(("stops", "gold"), [(True, False), (False, False), (False, True)])
def test_is_the_mean_over_all_routes(stops: bool, gold: bool) -> None:
    source = random_source(np.random.default_rng(2), 30, 2)
    rows = np.arange(30)
    asked = router(3, stops=stops, gold=gold, n=30)
    found = expect(asked, source, RewardConfig(), 0.9, rows)
    later = range(2 + stops)
    plans = [np.tile(actions, (30, 1)) for actions in itertools.product(range(2), later, later)]
    runs = [rollout(Plan(name="", family="static", rules=asked.rules, actions=plan), source, RewardConfig()) for plan in plans]
    np.testing.assert_allclose(found.answers[rows, source.table.gold], np.mean([run.correct for run in runs], axis=0))
    np.testing.assert_allclose(found.visits.sum(axis=(1, 2)), np.mean([run.calls for run in runs], axis=0))
    np.testing.assert_allclose(found.at_calls(source.costs), np.mean([run.costs.sum(axis=1) for run in runs], axis=0))
    np.testing.assert_allclose(found.returns, np.mean([run.returns(0.9) for run in runs], axis=0))


def test_what_is_never_asked_may_be_unknown() -> None:
    costs = np.full_like(SOURCE.costs, math.nan)
    costs[:, :, Label.NONE] = 2.0
    assert expect(router(1), SOURCE, RewardConfig(), 1.0, np.array([0])).at_calls(costs).tolist() == [2.0]


class TestRow:
    @staticmethod
    def source() -> TableSource:
        return source_of(make_table([[YES, NO], [NO, NO], [YES, YES], [NO, YES]], seconds=[0.1, 0.3]))

    def test_is_the_expectation_and_no_draw(self) -> None:
        source = self.source()
        routers = [*(single(["expert0", "expert1"], expert, EpisodeConfig()) for expert in range(2)), router(1, n=4)]
        found = compare(
            routers, source, PAPER, fit_all_prices(source.table), Reference("expert0 once", Label.YES), np.random.default_rng(0)
        )
        row = found.row("random")
        # Expert 0 is right on all four, expert 1 on two: the second and the third.
        assert (row.accuracy, row.calls, row.costs["compute"]) == pytest.approx((0.75, 1.0, 2.0))
        assert row.difference.value == pytest.approx(-0.25)
        assert row.shares == pytest.approx({"expert0": 0.5, "expert1": 0.5})
        assert row.low <= 0.75 <= row.high
        assert all(math.isnan(value) for value in (row.mcnemar_p, row.seconds_p50, row.stop.precision))
        pair = compare_two(found, "random", "expert1 once", np.random.default_rng(0))
        assert pair.difference.value == pytest.approx(0.25)
        assert math.isnan(pair.mcnemar_p)
        assert not pair.differs
