"""Rows side by side: figures, rankings kept apart, the headline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fakes import make_questions, make_spec, make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.errors import SettingsError
from der_core.evaluation.bar import bar
from der_core.evaluation.comparison import Comparison, compare, fit_all_prices
from der_core.evaluation.statistics import mcnemar_exact, wilson_interval
from der_core.records import Label
from der_core.routing.baselines import Reference, fit_reference
from der_core.routing.baselines.orders import refining, round_robin, single
from der_core.routing.process import Situation
from der_core.routing.router import Choice, Router, RouteRules
from der_core.routing.sources import TableSource

YES, NO = int(Label.YES), int(Label.NO)
EPISODE = EpisodeConfig(t_max=2, end="never")


@dataclass
class Learned:
    """A router that is no baseline: asks one expert once."""

    expert: int
    name: str = "DER"
    oracle: bool = False
    rules: RouteRules = RouteRules(EpisodeConfig(t_max=1, end="never"))

    def choose(self, now: Situation) -> Choice:
        return Choice(np.full(len(now.rows), self.expert))


@dataclass
class LearnedPlan:
    """A router that is no baseline: asks one expert a question, `experts` in turn."""

    experts: tuple[int, ...]
    name: str = "DER"
    oracle: bool = False
    rules: RouteRules = RouteRules(EpisodeConfig(t_max=1, end="never"))

    def choose(self, now: Situation) -> Choice:
        return Choice(np.array(self.experts)[now.rows])


def comparison(source: TableSource, *routers: Router, best: int = 0) -> Comparison:
    """Singles and `routers`; expert `best` is the best single one."""
    names = [spec.name for spec in source.table.experts]
    singles = [single(names, expert, EPISODE) for expert in range(len(names))]
    reference = Reference(singles[best].name, Label.YES)
    return compare([*singles, *routers], source, PAPER, fit_all_prices(source.table), reference, np.random.default_rng(0))


@pytest.fixture
def source() -> TableSource:
    return random_source(np.random.default_rng(0), 80, 3)


class TestRows:
    def test_accuracy_and_interval(self, source: TableSource) -> None:
        row = comparison(source).row("expert1 once")
        right = int(source.quality[:, 1, 0].sum())
        assert row.accuracy == right / 80
        assert (row.low, row.high) == (wilson_interval(right, 80).low, wilson_interval(right, 80).high)

    def test_best_single_differs_from_itself_by_nothing(self, source: TableSource) -> None:
        row = comparison(source, best=2).best_single
        assert row.name == "expert2 once"
        assert (row.difference.value, row.difference.low, row.difference.high, row.mcnemar_p) == (0, 0, 0, 1)
        assert not row.differs

    def test_the_others_are_paired_with_it(self, source: TableSource) -> None:
        row = comparison(source, best=2).row("expert0 once")
        first, best = (source.quality[:, expert, 0] == 1 for expert in (0, 2))
        assert row.difference.value == pytest.approx(first.mean() - best.mean())
        assert row.mcnemar_p == mcnemar_exact(first, best)

    def test_costs_in_every_mode_by_hand(self) -> None:
        source = source_of(make_table([[YES, YES], [NO, NO]], seconds=[0.1, 0.3]))
        row = comparison(source, refining(["expert0", "expert1"], 1, EPISODE, gold_stop=False)).row("expert1 refining itself")
        assert row.calls == 2
        assert row.costs == pytest.approx({"compute": 6.0, "latency": 2.0, "tokens": 2.0, "params": 4.0, "wall": 6.0})
        assert (row.seconds_p50, row.seconds_p95) == pytest.approx((0.6, 0.6))
        assert row.wall_s == pytest.approx(0.66)

    def test_modes_that_lack_figures_are_left_out(self) -> None:
        table = make_table([[YES]], experts=[make_spec(params_billions=None)])
        assert set(fit_all_prices(table)) == {"latency", "compute", "tokens", "wall"}

    def test_the_sources_own_prices_are_always_among_them(self, source: TableSource) -> None:
        reference = fit_reference(source)
        routers = [single(["expert0", "expert1", "expert2"], expert, EPISODE) for expert in range(3)]
        rows = compare(routers, source, PAPER, {}, reference, np.random.default_rng(0)).rows
        assert set(rows[0].costs) == {"compute"}

    def test_shares_and_return(self) -> None:
        source = source_of(make_table([[YES, NO], [YES, NO]]), "latency")
        row = comparison(source, round_robin(["expert0", "expert1"], EPISODE, gold_stop=False)).row("round-robin until two agree")
        assert row.shares == {"expert0": 0.5, "expert1": 0.5}
        # Right then wrong: 1 - .005 + .95 (0 - 1.2 - .005 - 1); wrong then right: -.005 + .95 (1 + 1.2 - .005 + 1).
        assert row.mean_return == pytest.approx(((0.995 - 0.95 * 2.205) + (-0.005 + 0.95 * 3.195)) / 2)

    def test_always_the_majority_answer_is_a_row_without_calls(self, source: TableSource) -> None:
        row = comparison(source).row("always yes, no call")
        assert (row.family, row.oracle, row.calls) == ("constant", False, 0)
        assert row.accuracy == pytest.approx(np.mean(source.table.gold == YES))
        assert row.balanced_accuracy == 0.5
        assert set(row.costs.values()) == {0.0}
        assert math.isnan(row.mean_return)
        assert all(math.isnan(share) for share in row.shares.values())

    def test_same_generator_same_rows(self, source: TableSource) -> None:
        first, second = comparison(source), comparison(source)
        assert [row.difference for row in first.rows] == [row.difference for row in second.rows]

    def test_questions_about_one_passage_are_drawn_together(self) -> None:
        """Forty copies of one passage carry no information on the spread."""
        questions = [replace(question, passage="The same.") for question in make_questions(40)]
        labels = np.random.default_rng(1).integers(1, 3, size=(40, 2))
        gap = comparison(source_of(make_table(labels, questions=questions))).row("expert1 once").difference
        assert gap.low == pytest.approx(gap.high)

    def test_keeps_the_rollouts(self, source: TableSource) -> None:
        found = comparison(source)
        assert found.rollouts["expert2 once"].correct.mean() == found.row("expert2 once").accuracy


class TestBar:
    """Expert 0 is cheap, 1 dear, 2 dearest; the reference says 0, and 1 is right most often."""

    @staticmethod
    def comparison(experts: list[int]) -> Comparison:
        """Ten questions; `experts` are those that the learned router asks, question by question."""
        labels = np.full((10, 3), NO)
        for expert, right in enumerate((4, 8, 6)):
            labels[:right, expert] = YES
        table = make_table(labels, questions=make_questions(10, gold=[Label.YES] * 10, passage=False), seconds=[0.1, 0.2, 0.4])
        return comparison(source_of(table), LearnedPlan(tuple(experts)))

    def test_hindsight_is_measured_from_the_best_on_these_questions(self) -> None:
        found = self.comparison([1] * 10)
        assert found.singles[0].name == "expert1 once"
        assert found.row("DER").difference.value == pytest.approx(0.4)
        gap = found.row("DER").difference_hindsight
        assert (gap.value, gap.low, gap.high) == (0, 0, 0)
        assert found.best_single.difference_hindsight.value == pytest.approx(-0.4)
        assert found.best_single.difference_hindsight.high < 0

    def test_is_told_with_costs(self) -> None:
        told = bar(self.comparison([0] * 5 + [1] * 5))
        assert told is not None
        assert (told.best_single, told.hindsight_single, told.dearest_asked) == ("expert0 once", "expert1 once", "expert1 once")
        assert (told.cost, told.best_single_cost, told.dearest_asked_cost) == pytest.approx((1.5, 1.0, 2.0))
        # Right on 4 of the first five and 3 of the last: .7, where mixing experts 0 and 1 gives .6.
        assert told.lead_over_hull.value == pytest.approx(0.1)

    def test_an_expert_that_gets_a_tenth_of_the_calls_counts(self) -> None:
        assert self.dearest([0] * 9 + [2]) == "expert2 once"
        assert self.dearest([0] * 10) == "expert0 once"

    def dearest(self, experts: list[int]) -> str:
        row = self.comparison(experts).dearest_asked
        return row.name if row else ""

    def test_without_a_learned_router_there_is_none(self, source: TableSource) -> None:
        assert bar(comparison(source)) is None


class TestRankings:
    def test_oracles_and_deployable_rows_never_share_one(self, source: TableSource) -> None:
        found = comparison(source, round_robin(["expert0", "expert1", "expert2"], EPISODE, gold_stop=True))
        assert not any(row.oracle for row in found.deployable)
        assert [row.name for row in found.oracle] == ["round-robin, gold stop"]
        assert len(found.deployable) + len(found.oracle) == len(found.rows)

    def test_best_accuracy_first_then_the_cheaper(self) -> None:
        source = source_of(make_table([[YES, YES, YES], [NO, NO, YES]], seconds=[0.3, 0.1, 0.2]))
        names = [row.name for row in comparison(source).deployable]
        assert names == ["expert1 once", "expert0 once", "always yes, no call", "expert2 once"]


class TestRefusals:
    def test_two_routers_of_one_name(self, source: TableSource) -> None:
        with pytest.raises(SettingsError, match="same name"):
            comparison(source, Learned(0), Learned(1))

    def test_a_best_single_expert_that_is_not_compared(self, source: TableSource) -> None:
        with pytest.raises(SettingsError, match="add it"):
            compare([Learned(0)], source, PAPER, {}, Reference("nobody once", Label.YES), np.random.default_rng(0))

    def test_a_name_that_was_not_compared(self, source: TableSource) -> None:
        with pytest.raises(SettingsError, match="expert0 once"):
            comparison(source).row("nobody")


class TestHeadline:
    @staticmethod
    def skills(*right: int, n: int = 200) -> TableSource:
        """Expert e is right on the first `right[e]` of n questions."""
        gold = np.tile([YES, NO], n // 2)
        labels = np.stack([np.where(np.arange(n) < count, gold, 3 - gold) for count in right], axis=1)
        return source_of(make_table(labels, questions=make_questions(n, passage=False)))

    def test_learned_and_clearly_better(self) -> None:
        source = self.skills(120, 160)
        routers = [single(["expert0"], 0, EPISODE), Learned(1)]
        found = compare(routers, source, PAPER, {}, Reference("expert0 once", Label.YES), np.random.default_rng(0)).headline()
        assert found.startswith("The learned router comes first. DER (80.0 % right, 1.00 calls) is significantly better than")
        assert "+20.0 points" in found

    def test_a_simple_baseline_wins(self) -> None:
        found = comparison(self.skills(160, 120), Learned(1)).headline()
        assert found.startswith("A simple baseline wins: expert0 once (80.0 % right, 1.00 calls). DER (60.0 % right")
        assert "is significantly worse than the best single expert" in found

    def test_the_best_baseline_of_many_was_chosen_in_hindsight(self) -> None:
        routers = [*(single(["expert0", "expert1"], expert, EpisodeConfig(t_max=1)) for expert in range(2)), Learned(2)]
        source = self.skills(120, 160, 100)
        found = compare(routers, source, PAPER, {}, Reference("expert0 once", Label.YES), np.random.default_rng(0)).headline()
        assert found.startswith("A simple baseline, chosen in hindsight, wins: expert1 once (80.0 % right, 1.00 calls). DER (50.0 % right")

    def test_a_difference_that_may_be_chance(self) -> None:
        found = comparison(self.skills(160, 158), Learned(1)).headline()
        assert "is not significantly different from the best single expert" in found

    @pytest.mark.parametrize(
        "skills, learned, verdict",
        [
            ((120, 160), 1, "Routing wins: 80 %, best single expert 60 %, 2.0 times the cost"),
            ((160, 120), 1, "Routing loses: 60 %, best single expert 80 %, 2.0 times the cost"),
            ((160, 158), 1, "A tie: 79 %, best single expert 80 %, 2.0 times the cost"),
        ],
    )
    def test_the_verdict_is_a_dozen_words(self, skills: tuple[int, ...], learned: int, verdict: str) -> None:
        routers = [single(["expert0"], 0, EPISODE), Learned(learned)]
        found = compare(routers, self.skills(*skills), PAPER, {}, Reference("expert0 once", Label.YES), np.random.default_rng(0))
        assert found.verdict() == verdict and len(verdict.replace(" %", "").split()) <= 12
        row = found.row("DER")
        for cost, words in ((1.0, "at equal cost"), (0.5, "at less cost"), (2.1, "2.1 times the cost"), (math.nan, "unknown cost")):
            rows = tuple(replace(each, costs={found.cost_mode: cost if each is row else 1.0}) for each in found.rows)
            assert replace(found, rows=rows).verdict().endswith(words)

    def test_a_verdict_without_a_learned_router(self, source: TableSource) -> None:
        assert comparison(source).verdict().startswith("No learned router here: best single expert ")

    def test_without_a_learned_router(self, source: TableSource) -> None:
        assert comparison(source).headline().endswith("No learned router is among them.")

    def test_a_learned_router_that_stops_on_gold_does_not_compete(self) -> None:
        found = comparison(self.skills(120, 160), Learned(1, oracle=True)).headline()
        assert "DER" not in found
