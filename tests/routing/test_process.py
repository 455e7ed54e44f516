"""The decision process: end rules, repeats, STOP, what is charged when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source, source_of

from der_core.config import End, EpisodeConfig, RewardConfig
from der_core.records import Label
from der_core.routing.process import DecisionProcess, Outcome, Situation, StopReason
from der_core.routing.sources import TableSource

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)
FREE = RewardConfig(alpha=0.0, beta=0.0, gamma=0.0)


def process_of(
    labels: object, p_yes: object = None, reward: RewardConfig = FREE, transfer: bool = True, **episode: object
) -> DecisionProcess:
    """Questions whose gold answers alternate yes and no; every call costs 1."""
    source = source_of(make_table(labels, p_yes), "latency")
    return DecisionProcess(source, EpisodeConfig(**{"end": "never", **episode}), reward, transfer=transfer)


def route(process: DecisionProcess, *actions: int, row: int = 0) -> list[Outcome]:
    """The outcomes of a route until it ends or the actions run out."""
    now, outcomes = process.start(np.array([row])), []
    for action in actions:
        outcomes.append(process.advance(now, np.array([action])))
        now = outcomes[-1].situation
        if outcomes[-1].ended[0]:
            break
    return outcomes


def reasons(outcomes: list[Outcome]) -> list[StopReason]:
    return [StopReason(int(outcome.reason[0])) for outcome in outcomes]


class TestEndRules:
    def test_gold_ends_at_the_first_right_answer(self) -> None:
        process = process_of([[NO, YES]], end="gold")
        assert reasons(route(process, 0, 1, 0)) == [StopReason.GOING_ON, StopReason.GOLD]

    def test_gold_runs_to_t_max_while_answers_are_wrong(self) -> None:
        assert reasons(route(process_of([[NO, NO]], end="gold"), 0, 1, 0))[-1] is StopReason.T_MAX

    def test_gold_at_t_max_is_gold(self) -> None:
        assert reasons(route(process_of([[NO, YES]], end="gold", t_max=2), 0, 1))[-1] is StopReason.GOLD

    def test_agreement_ends_when_two_in_a_row_say_the_same(self) -> None:
        process = process_of([[NO, YES]], end="agreement", no_repeat=False)
        assert reasons(route(process, 0, 1, 1)) == [StopReason.GOING_ON, StopReason.GOING_ON, StopReason.AGREEMENT]

    def test_two_invalid_replies_do_not_agree(self) -> None:
        assert reasons(route(process_of([[BAD, BAD]], end="agreement", t_max=2), 0, 1))[-1] is StopReason.T_MAX

    @pytest.mark.parametrize("p_yes", [0.95, 0.05])
    def test_confidence_ends_on_either_side(self, p_yes: float) -> None:
        process = process_of([[YES]], [[p_yes]], end="confidence", confidence=0.9)
        assert reasons(route(process, 0)) == [StopReason.CONFIDENCE]

    def test_confidence_below_the_threshold_goes_on(self) -> None:
        assert reasons(route(process_of([[YES]], [[0.89]], end="confidence", confidence=0.9), 0)) == [StopReason.GOING_ON]

    def test_a_confident_invalid_reply_goes_on(self) -> None:
        assert reasons(route(process_of([[BAD]], [[0.99]], end="confidence"), 0)) == [StopReason.GOING_ON]

    def test_confidence_is_that_of_the_centred_probability(self) -> None:
        table = make_table([[YES]], [[0.95]])
        source = TableSource(table, source_of(table).prices, np.array([0.9]))
        process = DecisionProcess(source, EpisodeConfig(end="confidence"), FREE)
        assert reasons(route(process, 0)) == [StopReason.GOING_ON], "0.95 is odds 19, against the border's 9 only 0.68"

    @pytest.mark.parametrize("end", ["never", "stop_action", "gold", "confidence", "agreement"])
    def test_t_max_ends_every_route(self, end: End) -> None:
        rng = np.random.default_rng(5)
        process = DecisionProcess(random_source(rng, 20, 3), EpisodeConfig(end=end, t_max=4), FREE)
        now = process.start(np.arange(20))
        for _ in range(4):
            outcome = process.advance(now, rng.integers(3, size=len(now.rows)))
            now = outcome.situation.take(~outcome.ended)
        assert not len(now.rows)


class TestStop:
    def test_is_an_action_only_where_the_end_is_learned(self) -> None:
        assert process_of([[YES, NO]], end="stop_action").n_actions == 3
        assert process_of([[YES, NO]], end="never").n_actions == 2

    def test_ends_the_route_without_a_call(self) -> None:
        outcome = route(process_of([[YES, NO]], end="stop_action", reward=RewardConfig()), 0, 2)[1]
        assert StopReason(int(outcome.reason[0])) is StopReason.STOP_ACTION
        assert (outcome.asked[0], outcome.cost[0], outcome.seconds[0]) == (-1, 0.0, 0.0)
        assert outcome.situation.label[0] == Label.YES
        assert outcome.situation.step[0] == 1

    @pytest.mark.parametrize(("first", "end_term"), [(0, 0.7), (1, -0.7)])
    def test_earns_the_end_term_and_nothing_else(self, first: int, end_term: float) -> None:
        process = process_of([[YES, NO]], end="stop_action", reward=RewardConfig(alpha=0.5, beta=1.2, gamma=0.7))
        assert route(process, first, 2)[1].reward[0] == pytest.approx(end_term)

    def test_before_the_first_reply_is_refused_and_the_first_expert_asked(self) -> None:
        outcome = route(process_of([[YES, NO]], end="stop_action"), 2)[0]
        assert outcome.asked[0] == 0
        assert not outcome.ended[0]

    def test_that_was_refused_leaves_no_trace_of_stopping(self) -> None:
        process = process_of([[NO, YES]], end="stop_action", reward=RewardConfig(alpha=0.1))
        assert route(process, 2)[0].reward[0] == pytest.approx(-0.1), "the cost of the call, no end term"


class TestRepeats:
    def test_asking_the_same_expert_again_asks_the_next_one(self) -> None:
        outcomes = route(process_of([[NO, YES, NO]]), 1, 1)
        assert outcomes[1].asked[0] == 2
        assert outcomes[1].repeated[0]

    def test_next_after_the_last_is_the_first(self) -> None:
        assert route(process_of([[NO, YES]]), 1, 1)[1].asked[0] == 0

    def test_a_replaced_choice_is_charged(self) -> None:
        reward = replace(FREE, repeat_penalty=0.05)
        plain, replaced = (route(process_of([[NO, YES]], reward=reward), 0, action)[1] for action in (1, 0))
        assert replaced.asked[0] == plain.asked[0]
        assert replaced.reward[0] == pytest.approx(plain.reward[0] - 0.05)

    def test_may_be_allowed(self) -> None:
        outcome = route(process_of([[NO, YES]], no_repeat=False, reward=replace(FREE, repeat_penalty=0.05)), 0, 0)[1]
        assert outcome.asked[0] == 0
        assert not outcome.repeated[0]
        assert outcome.reward[0] == 0.0

    def test_a_lone_expert_may_always_be_asked_again(self) -> None:
        outcome = route(process_of([[NO]]), 0, 0)[1]
        assert outcome.asked[0] == 0
        assert not outcome.repeated[0]

    def test_coming_back_later_is_no_repeat(self) -> None:
        assert not any(outcome.repeated[0] for outcome in route(process_of([[NO, YES]]), 0, 1, 0))


class TestReplies:
    LABELS = np.array([[[YES, YES, NO, NO], [NO, YES, YES, BAD]]])
    """One question; expert 0 says yes first and no after no, expert 1 no first and yes after yes."""

    def test_later_experts_see_the_previous_answer(self) -> None:
        outcomes = route(process_of(self.LABELS), 0, 1)
        assert [Label(int(o.situation.label[0])) for o in outcomes] == [Label.YES, Label.YES]

    def test_without_transfer_they_do_not(self) -> None:
        outcomes = route(process_of(self.LABELS, transfer=False), 0, 1)
        assert [Label(int(o.situation.label[0])) for o in outcomes] == [Label.YES, Label.NO]

    def test_situation_keeps_who_was_tried_and_what_was_said(self) -> None:
        after = route(process_of(self.LABELS, no_repeat=False), 1, 0, 0)[-1].situation
        assert list(after.tried[0]) == [True, True]
        assert list(after.votes[0]) == [0, 0, 3, 0]
        assert after.agreement[0] == 1.0

    def test_agreement_is_the_share_that_says_what_the_last_one_says(self) -> None:
        outcomes = route(process_of([[YES, NO, YES]]), 0, 1, 2)
        assert [float(o.situation.agreement[0]) for o in outcomes] == pytest.approx([1.0, 0.5, 2 / 3])

    def test_before_the_first_reply_nothing_agrees(self) -> None:
        assert list(Situation.start(np.arange(2), 3).agreement) == [0.0, 0.0]

    def test_an_invalid_reply_has_no_quality(self) -> None:
        assert route(process_of([[BAD]]), 0)[0].situation.quality[0] == 0.0


def test_rewards_of_a_whole_route_by_hand() -> None:
    """Wrong, right, wrong to T_max; cost 1 a call; alpha .1, beta 2, gamma .5."""
    weights = RewardConfig(alpha=0.1, beta=2.0, gamma=0.5)
    paper = [float(o.reward[0]) for o in route(process_of([[NO, YES]], reward=weights), 0, 1, 0)]
    assert paper == pytest.approx([-0.1, 1 + 2 - 0.1, 0 - 2 - 0.1 - 0.5])
    potential = [float(o.reward[0]) for o in route(process_of([[NO, YES]], reward=replace(weights, shaping="potential")), 0, 1, 0)]
    assert potential == pytest.approx([-0.1, 3 - 0.1, -3 - 0.1 - 0.5])


@pytest.mark.parametrize("end", ["never", "stop_action", "gold", "confidence", "agreement"])
@pytest.mark.parametrize("seed", [0, 1])
def test_many_routes_move_as_each_would_alone(end: End, seed: int) -> None:
    rng = np.random.default_rng(seed)
    process = DecisionProcess(random_source(rng, 12, 3), EpisodeConfig(end=end, t_max=3), RewardConfig(shaping="potential"))
    actions = rng.integers(process.n_actions, size=(3, 12))
    together = process.start(np.arange(12))
    alone = [process.start(np.array([row])) for row in range(12)]
    for step in range(3):
        outcome = process.advance(together, actions[step])
        singles = [process.advance(alone[row], actions[step, row : row + 1]) for row in range(12)]
        for name in ("asked", "reward", "cost", "seconds", "reason", "repeated"):
            np.testing.assert_array_equal(getattr(outcome, name), np.concatenate([getattr(single, name) for single in singles]))
        together, alone = outcome.situation, [single.situation for single in singles]


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_reason_has_words(reason: StopReason) -> None:
    assert reason.words
