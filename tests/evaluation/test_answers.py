"""Answers question by question, where two routers differ, and how routes flow."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, EpisodeConfig
from der_core.evaluation.answers import RIGHT, WRONG, Flow, answers, differing, flows
from der_core.evaluation.rollout import Rollout, rollout
from der_core.records import Label
from der_core.routing.baselines.orders import majority_vote, refining, round_robin, single
from der_core.routing.router import Router
from der_core.routing.sources import TableSource

YES, NO, INVALID = int(Label.YES), int(Label.NO), int(Label.INVALID)
NAMES = ["expert0", "expert1"]
EPISODE = EpisodeConfig(t_max=2, end="never")


@pytest.fixture
def source() -> TableSource:
    """Gold yes, no, yes, no; the first expert always says yes, the second is right but once invalid."""
    return source_of(make_table([[YES, YES], [YES, NO], [YES, INVALID], [YES, NO]]))


def routes(source: TableSource, router: Router) -> Rollout:
    return rollout(router, source, PAPER.reward)


class TestAnswers:
    def test_tell_question_label_and_route(self, source: TableSource) -> None:
        given = answers(routes(source, round_robin(NAMES, EPISODE, gold_stop=False)), source.table)
        assert [answer.question_id for answer in given] == ["q0", "q1", "q2", "q3"]
        assert [answer.kind for answer in given] == ["even", "odd", "even", "odd"]
        assert given[0].route == (("expert0", Label.YES), ("expert1", Label.YES))
        assert (given[2].label, given[2].correct, given[2].gold) == (Label.INVALID, False, Label.YES)

    def test_cost_is_that_of_the_whole_route(self, source: TableSource) -> None:
        run = routes(source, refining(NAMES, 1, EPISODE, gold_stop=False))
        given = answers(run, source.table)
        assert [answer.cost for answer in given] == pytest.approx(run.costs.sum(axis=1))
        assert all(answer.calls == 2 for answer in given)

    def test_counts_the_experts_that_are_right_at_first(self, source: TableSource) -> None:
        given = answers(routes(source, single(NAMES, 0, EPISODE)), source.table)
        assert [answer.experts_right for answer in given] == [2, 1, 1, 1]

    def test_only_first_replies_count_for_that(self) -> None:
        source = random_source(np.random.default_rng(4), 30, 3)
        names = [spec.name for spec in source.table.experts]
        for row, answer in enumerate(answers(routes(source, single(names, 0, EPISODE)), source.table)):
            assert answer.experts_right == sum(source.table.labels[row, expert, Label.NONE] == answer.gold for expert in range(3))

    def test_nobody_is_right_about_a_question_without_gold_answer(self) -> None:
        source = source_of(make_table([[YES, NO], [YES, NO]], gold=[Label.NONE, Label.YES]))
        first, second = answers(routes(source, single(NAMES, 0, EPISODE)), source.table)
        assert (first.gold, first.correct, first.experts_right) == (Label.NONE, False, 0)
        assert second.correct

    def test_of_some_questions_only(self, source: TableSource) -> None:
        run = rollout(single(NAMES, 1, EPISODE), source, PAPER.reward, rows=np.array([3, 1]))
        assert [answer.question_id for answer in answers(run, source.table)] == ["q3", "q1"]


class TestDiffering:
    def test_lists_where_the_answers_differ(self, source: TableSource) -> None:
        first, second = (routes(source, single(NAMES, expert, EPISODE)) for expert in range(2))
        assert differing(first, second) == (1, 2, 3)

    def test_nothing_differs_from_itself(self, source: TableSource) -> None:
        run = routes(source, single(NAMES, 0, EPISODE))
        assert differing(run, run) == ()


class TestFlows:
    def test_by_hand(self, source: TableSource) -> None:
        found = flows(routes(source, round_robin(NAMES, EPISODE, gold_stop=False)), NAMES)
        assert set(found) == {
            Flow(0, "expert0", "expert1", False, 4),
            Flow(1, "expert1", RIGHT, True, 3),
            Flow(1, "expert1", WRONG, True, 1),
        }

    def test_every_call_goes_on_once_and_every_route_ends_once(self) -> None:
        source = random_source(np.random.default_rng(1), 50, 3)
        names = [spec.name for spec in source.table.experts]
        for router in (round_robin(names, EpisodeConfig(t_max=3), gold_stop=False), majority_vote(names, EPISODE)):
            run = routes(source, router)
            found = flows(run, names)
            assert sum(flow.n for flow in found) == run.calls.sum()
            assert sum(flow.n for flow in found if flow.ends) == 50
            assert sum(flow.n for flow in found if flow.target == RIGHT and flow.ends) == run.correct.sum()

    def test_what_enters_a_step_leaves_it(self) -> None:
        source = random_source(np.random.default_rng(2), 40, 3)
        names = [spec.name for spec in source.table.experts]
        found = flows(routes(source, round_robin(names, EpisodeConfig(t_max=3), gold_stop=False)), names)
        for step in (1, 2):
            entering = sum(flow.n for flow in found if flow.step == step - 1 and not flow.ends)
            assert entering == sum(flow.n for flow in found if flow.step == step)

    def test_a_router_that_asks_nobody_has_none(self, source: TableSource) -> None:
        nobody = routes(source, single(NAMES, 0, EPISODE))
        silent = Rollout(**{**vars(nobody), "experts": np.full_like(nobody.experts, -1)})
        assert flows(silent, NAMES) == ()
