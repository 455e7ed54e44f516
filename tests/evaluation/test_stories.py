"""Each story on a route made by hand, and the same rules on a whole rollout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import make_spec, make_table

from der_core.config import EpisodeConfig, RewardConfig
from der_core.evaluation.rollout import rollout
from der_core.evaluation.stories import Story, Told, stories, story_of
from der_core.records import Label
from der_core.routing.baselines import Plan
from der_core.routing.cost import fit_prices
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

NONE, YES, NO, INVALID = Label
NAN = float("nan")
ONE_RIGHT = Told(
    experts=[0],
    labels=[YES],
    shown=[NONE],
    answer=YES,
    gold=YES,
    alone=[YES, NO, NO],
    after=[YES, NO, NO],
    programs=frozenset({2}),
    may_go_on=True,
    cost=1.0,
    best_cost=4.0,
)


def told(**changes: object) -> Story | None:
    return story_of(replace(ONE_RIGHT, **changes))


def test_one_call_is_cheap_only_against_the_best_single_expert() -> None:
    assert told() is Story.CHEAP_CALL
    assert told(cost=4.0) is None
    assert told(cost=NAN) is None


@pytest.mark.parametrize(
    ("experts", "labels", "answer", "story"),
    [
        ([0, 1], [NO, YES], YES, Story.RESCUED),
        ([0, 1], [INVALID, YES], YES, Story.RESCUED),
        ([0, 1, 0], [NO, NO, YES], YES, None),  # the first expert itself came to better thoughts
        ([0, 1], [YES, YES], YES, Story.IN_VAIN),
        ([0, 1], [YES, NO], NO, Story.IN_VAIN),
    ],
)
def test_more_calls(experts: list[int], labels: list[Label], answer: Label, story: Story | None) -> None:
    shown = [NONE, *labels[:-1]]
    route = {"experts": experts, "labels": labels, "shown": shown, "answer": answer, "alone": [NO, NO, NO], "after": [NO, NO, NO]}
    assert told(**route) is story


def test_a_failed_program_and_a_reader_that_stands_in() -> None:
    failed = {"experts": [2, 0], "labels": [INVALID, YES], "shown": [NONE, INVALID]}
    assert told(**failed) is Story.PROGRAM_FAILED
    assert told(**failed, gold=NO) is Story.PROGRAM_FAILED  # the outcome is a matter of its own
    assert told(experts=[2, 0], labels=[INVALID, INVALID], answer=INVALID, shown=[NONE, INVALID], may_go_on=False) is Story.IN_VAIN
    assert told(experts=[0, 2], labels=[INVALID, YES], shown=[NONE, INVALID]) is Story.RESCUED


def test_led_astray_takes_a_wrong_advice_that_was_repeated_and_better_knowledge() -> None:
    astray = {"experts": [0, 1], "labels": [NO, NO], "shown": [NONE, NO], "answer": NO, "alone": [NO, YES, NO], "after": [NO, NO, NO]}
    assert told(**astray) is Story.LED_ASTRAY
    assert told(**{**astray, "alone": [NO, NO, NO]}) is Story.IN_VAIN
    assert told(**{**astray, "shown": [NONE, NONE]}) is Story.IN_VAIN
    assert told(**{**astray, "labels": [INVALID, INVALID], "shown": [NONE, INVALID], "answer": INVALID}) is Story.IN_VAIN


def test_stopped_early_needs_calls_left_and_another_who_would_be_right() -> None:
    wrong = {"labels": [NO], "answer": NO, "after": [NO, YES, NO]}
    assert told(**wrong) is Story.STOPPED_EARLY
    assert told(**wrong, may_go_on=False) is None
    assert told(**{**wrong, "after": [YES, NO, NO]}) is None  # itself, asked again: not another


def test_without_a_gold_answer_there_is_no_story() -> None:
    assert told(gold=NONE) is None


def test_the_stories_of_a_rollout_are_those_of_its_routes() -> None:
    """Four questions, all yes: the program of expert 0 is right, fails, is wrong, is wrong; expert 1 reads."""
    labels = np.empty((4, 2, 4), dtype=np.int8)
    labels[:, 0] = np.array([YES, INVALID, NO, NO])[:, None]
    labels[:, 1] = np.array([[NO] * 4, [YES] * 4, [YES, YES, NO, YES], [NO, NO, YES, NO]])
    specs = (make_spec("computes", style="program", params_billions=0.5), make_spec("reads", params_billions=1.5))
    table = make_table(labels, gold=[YES] * 4, experts=specs)
    source = TableSource(table, fit_prices(table, "compute"))
    actions = np.array([[0, 2], [0, 1], [0, 1], [0, 1]])
    rules = RouteRules(EpisodeConfig(t_max=2, end="stop_action"))
    run = rollout(Plan(name="plan", family="static", rules=rules, actions=actions), source, RewardConfig())
    assert stories(run, source, best_single=1) == [Story.CHEAP_CALL, Story.PROGRAM_FAILED, Story.LED_ASTRAY, Story.RESCUED]


def test_every_story_has_words_and_a_rule() -> None:
    assert len({story.words for story in Story}) == len({story.rule for story in Story}) == len(Story) == 6
