"""The one loop: every step kept, the final answer by the router's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import EpisodeConfig, RewardConfig
from der_core.evaluation.rollout import Rollout, majority_answer, rollout
from der_core.records import Label
from der_core.routing.process import Situation, StopReason
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)
FREE = RewardConfig(alpha=0.0)


@dataclass
class Scripted:
    """Takes the same actions for every question; says how likely they were if asked to."""

    actions: tuple[int, ...]
    rules: RouteRules
    n_actions: int = 0
    name: str = "scripted"
    oracle: bool = False

    def choose(self, now: Situation) -> Choice:
        actions = np.array(self.actions)[now.step]
        return Choice(actions, np.eye(self.n_actions)[actions] if self.n_actions else None)


def run(labels: object, *actions: int, n_actions: int = 0, answer: str = "last", transfer: bool = True, **episode: object) -> Rollout:
    rules = RouteRules(EpisodeConfig(**{"end": "never", "t_max": len(actions), **episode}), transfer=transfer, answer=answer)
    return rollout(Scripted(actions, rules, n_actions), source_of(make_table(labels), "latency"), FREE)


class TestSteps:
    LABELS = np.array([[[YES, YES, NO, NO], [NO, YES, YES, BAD]], [[NO, NO, NO, NO], [NO, NO, BAD, NO]]])
    """Two questions (yes, no) and two experts, replies after none, yes, no, invalid."""

    def test_keeps_who_was_asked_what_they_saw_and_said(self) -> None:
        route = run(self.LABELS, 0, 1)
        assert route.experts.tolist() == [[0, 1], [0, 1]]
        assert route.shown.tolist() == [[0, YES], [0, NO]]
        assert route.labels.tolist() == [[YES, YES], [NO, BAD]]

    def test_without_transfer_nothing_is_shown(self) -> None:
        route = run(self.LABELS, 0, 1, transfer=False)
        assert route.shown.tolist() == [[0, 0], [0, 0]]
        assert route.labels.tolist() == [[YES, NO], [NO, NO]]

    def test_an_invalid_final_answer_is_wrong(self) -> None:
        route = run(self.LABELS, 0, 1)
        assert route.answers.tolist() == [YES, BAD]
        assert route.correct.tolist() == [True, False]

    def test_nothing_is_written_after_the_end(self) -> None:
        route = run([[YES, YES], [YES, NO]], 0, 1, 0, end="gold")
        assert route.experts.tolist() == [[0, -1, -1], [0, 1, -1]]
        assert route.labels.tolist() == [[YES, 0, 0], [YES, NO, 0]]
        assert route.calls.tolist() == [1, 2]
        assert np.isnan(route.p_yes[0, 1:]).all()
        assert route.costs[0, 1:].tolist() == route.seconds[0, 1:].tolist() == route.rewards[0, 1:].tolist() == [0.0, 0.0]
        assert [StopReason(code) for code in route.reasons] == [StopReason.GOLD, StopReason.GOLD]

    def test_stop_has_its_reward_and_probabilities_at_its_own_step(self) -> None:
        route = run([[YES, YES]], 0, 2, 0, n_actions=3, end="stop_action")
        assert route.experts.tolist() == [[0, -1, -1]]
        assert route.calls.tolist() == [1]
        assert route.rewards[0].tolist() == pytest.approx([1.0, 1.0, 0.0])
        assert route.probabilities is not None
        assert route.probabilities[0, 1].tolist() == [0, 0, 1]
        assert np.isnan(route.probabilities[0, 2]).all()

    def test_routers_without_probabilities_have_none(self) -> None:
        assert run(self.LABELS, 0).probabilities is None

    def test_question_without_gold_answer_counts_as_wrong(self) -> None:
        source = source_of(make_table([[YES]], gold=[Label.NONE]))
        route = rollout(Scripted((0,), RouteRules(EpisodeConfig(end="never", t_max=1))), source, FREE)
        assert not route.correct[0]


class TestRows:
    def test_some_questions_only_in_the_given_order(self) -> None:
        source = random_source(np.random.default_rng(0), 10, 2)
        router = Scripted((0, 1), RouteRules(EpisodeConfig(end="never", t_max=2)))
        some, all_ = rollout(router, source, FREE, np.array([7, 2])), rollout(router, source, FREE)
        assert some.rows.tolist() == [7, 2]
        np.testing.assert_array_equal(some.labels, all_.labels[[7, 2]])

    def test_looks_up_values_at_every_call(self) -> None:
        source = random_source(np.random.default_rng(1), 8, 2)
        route = rollout(Scripted((1, 0), RouteRules(EpisodeConfig(end="gold", t_max=2))), source, FREE)
        np.testing.assert_allclose(route.at_calls(source.costs), route.costs)
        np.testing.assert_allclose(route.at_calls(source.seconds), route.seconds)

    def test_returns_are_discounted_sums(self) -> None:
        route = run([[NO, YES]], 0, 1)
        assert route.returns(0.5) == pytest.approx([0 + 0.5 * (1 + 1.2 + 1)])


class TestMajority:
    @pytest.mark.parametrize(
        ("labels", "answer"),
        [
            ([YES, NO, YES], YES),
            ([YES, NO, NO], NO),
            ([YES, NO], YES),
            ([NO, YES], NO),
            ([BAD, NO, YES], NO),
            ([BAD, BAD, NO], NO),
            ([BAD, BAD], BAD),
            ([YES, 0, 0], YES),
        ],
    )
    def test_of_yes_and_no_ties_to_the_earlier(self, labels: list[int], answer: int) -> None:
        assert majority_answer(np.array([labels], dtype=np.int8)).tolist() == [answer]

    def test_is_the_answer_where_the_rules_say_so(self) -> None:
        assert run([[YES, YES, NO]], 0, 1, 2, answer="majority", transfer=False).answers.tolist() == [YES]
        assert run([[YES, YES, NO]], 0, 1, 2, transfer=False).answers.tolist() == [NO]


@pytest.mark.parametrize("end", ["gold", "stop_action", "confidence", "agreement", "never"])
def test_all_questions_together_go_as_each_would_alone(end: str) -> None:
    rng = np.random.default_rng(2)
    source: TableSource = random_source(rng, 15, 3)
    router = Scripted((2, 0, 3), RouteRules(EpisodeConfig(end=end, t_max=3)))
    together = rollout(router, source, RewardConfig())
    for row in range(15):
        alone = rollout(router, source, RewardConfig(), np.array([row]))
        for name in ("experts", "shown", "labels", "p_yes", "costs", "seconds", "rewards", "calls", "answers", "correct", "reasons"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[row], err_msg=name)
