"""The five claims, each on routes whose figures are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_questions, make_spec, make_table
from random_tables import source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.evaluation.claims import (
    Claim,
    Evidence,
    NotComputed,
    claims_table,
    dynamic_beats_static,
    five_claims,
    learned_beats_by_hand,
    live_is_replayed,
    price_matters,
    refinement_improves,
    same_routes,
)
from der_core.evaluation.comparison import Comparison, compare
from der_core.evaluation.rollout import rollout
from der_core.evaluation.seeds import Seeds
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.baselines import Baseline, FixedOrder, Plan, Reference
from der_core.routing.baselines.orders import round_robin, single
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

YES, NO = int(Label.YES), int(Label.NO)
NAMES = ["expert0", "expert1"]
N = 40


def rules(t_max: int) -> RouteRules:
    return RouteRules(EpisodeConfig(t_max=t_max, end="never", no_repeat=False))


def source(first_right: int = N // 2) -> TableSource:
    """Expert 0 is right on the first questions, at cost 1, expert 1 on the others, at cost 3."""
    labels = np.array([[YES, NO]] * first_right + [[NO, YES]] * (N - first_right))
    questions = make_questions(N, gold=[Label.YES] * N, passage=False)
    return source_of(make_table(labels, questions=questions, seconds=[0.1, 0.3]))


def learned(*actions: list[int]) -> Plan:
    """A learned router that asks these experts at each step."""
    return Plan(name="DER", family="learned", rules=rules(len(actions)), actions=np.array(actions).T)


def compared(der: Plan, *others: Baseline, replies: TableSource | None = None, best: int = 0) -> Comparison:
    replies = replies or source()
    singles = [single(NAMES, expert, EpisodeConfig()) for expert in range(2)]
    return compare([der, *singles, *others], replies, PAPER, {}, Reference(f"expert{best} once", Label.YES), np.random.default_rng(0))


def evidence(*comparisons: Comparison, replies: TableSource | None = None, live: list[bool] | str = "none was routed") -> Evidence:
    seeds = Seeds(comparisons)
    return Evidence(seeds, "DER", (replies or source()).table, {0.005: seeds}, live)


KNOWING = [0] * (N // 2) + [1] * (N // 2)
STATIC = FixedOrder(name="best static order", family="static", rules=rules(2), order=(0, 1))


class TestDynamicBeatsStatic:
    def test_holds_where_the_router_knows_whom_to_ask(self) -> None:
        found = dynamic_beats_static(evidence(compared(learned(KNOWING), STATIC)))
        assert [part.value for part in found.parts] == pytest.approx([0.5, 0.5, 0.5])
        assert found.holds
        assert found.low > 0
        assert found.n == N
        assert (found.value, found.low, found.high) in [(part.value, part.low, part.high) for part in found.parts]

    def test_the_weakest_comparison_decides(self) -> None:
        """A static order that is always right leaves nothing to win, whatever the single experts do."""
        always = Plan(name="best static order", family="static", rules=rules(1), actions=np.array(KNOWING)[:, None])
        found = dynamic_beats_static(evidence(compared(learned(KNOWING), always)))
        assert not found.holds
        assert (found.value, found.low, found.high) == (0, 0, 0)
        assert "best static order" in found.reason

    def test_a_comparison_without_a_figure_leaves_it_open(self) -> None:
        """A router that never asks costs less than any expert: there is no mix to compare it with."""
        free = compared(learned(KNOWING), STATIC)
        costs = {mode: np.where(np.arange(values.shape[1]) == 0, 0.0, values) for mode, values in free.question_costs.items()}
        found = dynamic_beats_static(evidence(replace(free, question_costs=costs)))
        assert not found.holds
        assert math.isnan(found.value)
        assert "hull" in found.reason


class TestLearnedBeatsByHand:
    def test_each_rival_is_a_part(self) -> None:
        rival = Plan(name="logistic router", family="logistic", rules=rules(1), actions=np.array([0] * 30 + [1] * 10)[:, None])
        turns = round_robin(NAMES, EpisodeConfig(t_max=2), gold_stop=False)
        found = learned_beats_by_hand(evidence(compared(learned(KNOWING), turns, rival)))
        assert {part.name: part.value for part in found.parts} == pytest.approx({turns.name: 0.5, rival.name: 0.25})
        assert found.holds
        assert found.value == pytest.approx(0.25)

    def test_without_rivals_there_is_no_figure(self) -> None:
        with pytest.raises(NotComputed):
            learned_beats_by_hand(evidence(compared(learned(KNOWING))))


class TestRefinementImproves:
    def test_last_answer_against_first(self) -> None:
        """Expert 0 is right on 10 of 40, expert 1, asked next, on the 30 others: +.5."""
        replies = source(10)
        found = refinement_improves(evidence(compared(learned([0] * N, [1] * N), replies=replies), replies=replies))
        assert found.value == pytest.approx(0.5)
        assert found.n == N
        assert found.holds

    def test_routes_of_one_call_do_not_count(self) -> None:
        replies = source(10)
        stop = [2] * 20 + [1] * 20  # STOP after the first call on the first half
        found = refinement_improves(evidence(compared(learned([0] * N, stop), replies=replies), replies=replies))
        assert found.value == pytest.approx(1.0)
        assert found.n == 20

    def test_needs_a_second_call_somewhere(self) -> None:
        with pytest.raises(NotComputed):
            refinement_improves(evidence(compared(learned(KNOWING))))

    def test_tells_what_advice_does_to_each_expert(self) -> None:
        labels = np.full((N, 1, 4), NO)  # wrong alone, and right after any advice
        labels[:, :, 1:] = YES
        replies = source_of(make_table(labels, questions=make_questions(N, gold=[Label.YES] * N, passage=False)))
        alone = compare(
            [learned([0] * N, [0] * N), single(["expert0"], 0, EpisodeConfig())],
            replies,
            PAPER,
            {},
            Reference("expert0 once", Label.YES),
            np.random.default_rng(0),
        )
        found = refinement_improves(evidence(alone, replies=replies))
        assert [(part.value, part.n) for part in found.details] == [(1.0, N), (1.0, N)]


class TestPriceMatters:
    def test_cost_saved_at_equal_accuracy(self) -> None:
        """The best single expert is right on half at cost 3; DER, asking the cheap one, on half at cost 1."""
        found = price_matters(evidence(compared(learned([0] * N), best=1, replies=source_of(dear_and_cheap()))))
        assert found.value == pytest.approx(2 / 3)
        assert found.holds
        assert [part.value for part in found.details] == [0.5]

    def test_an_accuracy_that_is_never_reached_saves_nothing(self) -> None:
        never = compared(learned([1] * 20 + [0] * 20))
        found = price_matters(evidence(never))
        assert not found.holds
        assert math.isinf(found.value)
        assert "100%" in found.reason

    def test_routers_at_other_prices_may_be_mixed(self) -> None:
        """Right on all at cost 2, and on none at cost 2: half of each is right on half at cost 2, twice what expert 0 costs."""
        all_right, none_right = compared(learned(KNOWING)), compared(learned([1 - expert for expert in KNOWING]))
        seeds = Seeds((all_right,))
        found = price_matters(Evidence(seeds, "DER", source().table, {0.0: seeds, 1.0: Seeds((none_right,))}, "none"))
        assert found.value == pytest.approx(-1.0)
        assert len(found.details) == 2


def dear_and_cheap() -> Table:
    labels = np.array([[YES, YES]] * (N // 2) + [[NO, NO]] * (N // 2))
    return make_table(labels, questions=make_questions(N, gold=[Label.YES] * N, passage=False), seconds=[0.1, 0.3])


class TestRealExperts:
    @pytest.mark.parametrize(("same", "holds"), [(100, True), (99, False)])
    def test_the_lower_end_has_to_lie_above_95_percent(self, same: int, holds: bool) -> None:
        found = live_is_replayed(evidence(compared(learned(KNOWING)), live=[True] * same + [False] * (100 - same)))
        assert found.holds is holds
        assert found.value == same / 100
        assert found.n == 100

    def test_without_a_live_recording_that_is_said(self) -> None:
        with pytest.raises(NotComputed, match="none was routed"):
            live_is_replayed(evidence(compared(learned(KNOWING))))

    def test_same_calls_and_same_labels(self) -> None:
        """Routes ask expert 0, then expert 1. Live: the same; another label; a call missing; a call too many; not routed live."""
        table = make_table(np.tile([[YES, NO]], (5, 1)), questions=make_questions(5, passage=False))
        run = rollout(learned([0] * 5, [1] * 5), source_of(table), PAPER.reward)
        labels = np.zeros((5, 2, 4), dtype=np.int8)
        labels[:, 0, 0], labels[:, 1, YES] = YES, NO
        labels[1, 1, YES] = YES
        labels[2, 1, YES] = 0
        labels[3, 0, NO] = YES
        assert same_routes(run, table, replace(table, labels=labels).subset(range(4))) == [True, False, False, False]

    def test_an_expert_that_is_asked_once_says_the_same_after_every_label(self) -> None:
        experts = [make_spec("reader"), replace(make_spec("writer"), style="program")]
        table = make_table(np.array([[YES, NO]]), experts=experts)
        run = rollout(learned([0], [1]), source_of(table), PAPER.reward)
        labels = np.zeros((1, 2, 4), dtype=np.int8)
        labels[0, 0, 0], labels[0, 1, :] = YES, NO
        assert same_routes(run, table, replace(table, labels=labels)) == [True]


class TestAll:
    def test_there_are_five_and_what_is_not_computed_says_why(self) -> None:
        found = five_claims(evidence(compared(learned(KNOWING), STATIC)), "the command")
        assert [claim.name for claim in found] == [
            "dynamic beats static",
            "learned beats written by hand",
            "refinement improves answers",
            "price matters",
            "real experts",
        ]
        assert {claim.command for claim in found} == {"the command"}
        assert [claim.reason.startswith("not computed") for claim in found] == [False, True, True, False, True]
        assert not any(claim.holds for claim in found if math.isnan(claim.value))

    def test_without_evidence_none_is_computed(self) -> None:
        found = five_claims("there is no learned router", "")
        assert [claim.reason for claim in found] == ["not computed: there is no learned router"] * 5

    def test_table_tells_verdict_and_weakest_comparison(self) -> None:
        _, first, second, *_ = claims_table(five_claims(evidence(compared(learned(KNOWING), STATIC)), ""))
        assert first[:3] == ("dynamic beats static", "yes", "+50.0")
        assert first[-1].startswith("weakest of 3 comparisons: ")
        assert second[1:4] == ("not computed", "–", "–")


def test_a_claim_holds_exactly_if_its_lower_end_lies_above_its_border() -> None:
    found: list[Claim] = list(five_claims(evidence(compared(learned(KNOWING), STATIC), live=[True] * 200), ""))
    assert [claim.holds for claim in found] == [claim.low > (0.95 if claim.name == "real experts" else 0) for claim in found]
