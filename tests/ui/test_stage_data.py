"""What the stage is given, checked by hand: chips, shares, sums, the end, the verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_spec

from der_core.experts.finishing import finish_reply
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.live import Decision
from ui.route.stage_data import Pane, Single, pane_of, reply_chip, stage_data
from ui.route.view import Kind, Scene

NONE, YES, NO, INVALID = Label
NAN = float("nan")
COMPUTES = make_spec("qwen2.5-coder-0.5b@program", model="qwen2.5-coder-0.5b", style="program")
READS = make_spec("qwen2.5-coder-1.5b", model="qwen2.5-coder-1.5b")
QUESTION = Question("odd/7", "Is 7 odd?", "A passage.", gold=YES)
PRICES = {COMPUTES.name: 0.5, READS.name: NAN}
FAILS, PRINTS = "```python\nprint(Zinnia)\n```", '```python\nprint("yes")\n```'
SINGLE = Single(READS.name, 4.0, 3.0, NO)


def scene_of(border: float = NAN, kind: Kind = "replay", question: Question = QUESTION) -> Scene:
    return Scene(kind, "Then.", question, (COMPUTES, READS), np.full((2, 4), border), "features")


def said(label: Label, p_yes: float | None = None, text: str = "") -> Reply:
    return Reply(text or label.word, label, p_yes, 0.5, 0.1, 0.1, 2.5, 10, 0, 1, "", reason="empty" if label is INVALID else "")


def computed(text: str) -> Reply:
    return finish_reply(replace(said(INVALID, text=text), reason=""), "program", finish="stop")


def step(spec_name: str, reply: Reply, label: Label | None = None, cost: float = 1.0, seconds: float = 0.5) -> Step:
    return Step(spec_name, NONE, "prompt", reply, reply.label if label is None else label, cost, seconds, NAN, (0.7, 0.2, 0.1))


def decision(place: int, expert: str | None, *shares: float, repeated: bool = False) -> Decision:
    return Decision(place, shares, expert, NONE, "prompt", repeated)


COMPUTED, READ = step(COMPUTES.name, computed(FAILS), cost=0.5), step(READS.name, said(YES, 0.784), cost=1.25, seconds=2.0)
ROUTE = Route(QUESTION, (COMPUTED, READ), "the router chose to stop")
EVENTS = (
    decision(0, COMPUTES.name, 0.7, 0.3, 0.0),
    COMPUTED,
    decision(1, READS.name, 0.1, 0.65, 0.25),
    READ,
    decision(2, None, 0.1, 0.1, 0.8),
    ROUTE,
)


@pytest.mark.parametrize(
    ("made", "border", "chip"),
    [
        (step(READS.name, said(YES, 0.784)), NAN, "yes, 78 %"),
        (step(READS.name, said(NO, 0.2)), NAN, "no, 80 %"),
        (step(READS.name, said(YES)), NAN, "yes"),
        (step(READS.name, said(YES, 0.6), NO), 0.66, "yes, 60 %: counts as no"),
        (step(READS.name, said(INVALID, 0.5)), NAN, "no answer"),
        (step(COMPUTES.name, computed(PRINTS)), NAN, "program printed yes"),
        (step(COMPUTES.name, computed(FAILS)), NAN, "program failed: NameError"),
        (step(COMPUTES.name, computed("```python\nx = 1\n```")), NAN, "program printed nothing"),
        (step(COMPUTES.name, computed("I would say yes.")), NAN, "program wrote no program"),
        (step(COMPUTES.name, replace(computed(FAILS), reason="odd")), NAN, "program failed"),
    ],
)
def test_a_reply_is_a_chip(made: Step, border: float, chip: str) -> None:
    assert reply_chip(scene_of(border), made) == chip


def whole() -> Pane:
    return pane_of("DER", scene_of(), EVENTS, SINGLE, PRICES)


def test_a_route_has_a_move_a_call_and_one_to_its_end() -> None:
    pane = whole()
    assert [(move["choice"], move["kind"], move["chip"]) for move in pane["moves"]] == [
        (0, "failed", "program failed: NameError"),
        (1, "read", "yes, 78 %"),
        (2, "end", "answer: yes"),
    ]
    assert [move["shares"] for move in pane["moves"]] == [[0.7, 0.3, 0.0], [0.1, 0.65, 0.25], [0.1, 0.1, 0.8]]
    assert [move["spent"] for move in pane["moves"]] == [
        "1 call, cost 0.50, 0.50 s",
        "2 calls, cost 1.75, 2.50 s",
        "2 calls, cost 1.75, 2.50 s",
    ]
    assert (pane["moves"][0]["program"].strip(), pane["moves"][1]["program"]) == ("print(Zinnia)", "")
    assert pane["moves"][0]["printed"] == "program failed: NameError: name 'Zinnia' is not defined"


def test_nodes_have_friendly_names_with_the_exact_one_beside_and_their_prices() -> None:
    nodes = whole()["nodes"]
    assert [(node["name"], node["exact"], node["price"]) for node in nodes] == [
        ("Qwen 0.5B, writes a program", COMPUTES.name, "0.50 a call"),
        ("Qwen 1.5B, answers at once", READS.name, "price unknown"),
        ("STOP", "", "the answer stands"),
    ]
    assert len({node["colour"] for node in nodes}) == 3


def test_the_verdict_stands_beside_one_call_of_the_best_single_expert() -> None:
    assert whole()["verdict"] == {
        "outcome": "right",
        "words": "Right: yes",
        "spent": "2 calls, cost 1.75, 2.50 s",
        "single": "One call of Qwen 1.5B, answers at once: wrong, cost 4.00, 3.00 s",
        "reason": "It ended because the router chose to stop.",
    }


@pytest.mark.parametrize(
    ("gold", "answer", "outcome", "words"),
    [
        (NO, YES, "wrong", "Wrong: yes; right is no"),
        (NO, INVALID, "wrong", "No answer; right is no"),
        (None, YES, "unknown", "Answer: yes"),
        (None, INVALID, "unknown", "No answer"),
    ],
)
def test_other_verdicts(gold: Label | None, answer: Label, outcome: str, words: str) -> None:
    scene = replace(scene_of(question=replace(QUESTION, gold=gold)), answer=answer)
    verdict = pane_of("DER", scene, EVENTS, None, {})["verdict"]
    assert verdict is not None and (verdict["outcome"], verdict["words"], verdict["single"]) == (outcome, words, "")


def test_a_live_route_is_as_long_as_what_has_arrived() -> None:
    asked = pane_of("DER", scene_of(kind="live"), EVENTS[:1], Single(READS.name, 4.0, NAN), PRICES)
    assert [(move["kind"], move["chip"], move["spent"]) for move in asked["moves"]] == [("waiting", "", "")]
    assert asked["verdict"] is None
    nobody = pane_of("DER", scene_of(), (), None, PRICES)
    assert (nobody["moves"], [node["name"] for node in nobody["nodes"]][-1]) == ([], "STOP")


def test_seconds_of_a_live_route_are_those_that_passed_and_its_single_call_is_the_usual_one() -> None:
    pane = pane_of("DER", scene_of(kind="live"), EVENTS, Single(READS.name, 4.0, NAN), PRICES)
    assert [move["spent"] for move in pane["moves"]][:2] == ["1 call, cost 0.50, 2.00 s", "2 calls, cost 1.75, 4.00 s"]
    verdict = pane["verdict"]
    assert verdict is not None and verdict["single"] == "One call of Qwen 1.5B, answers at once: cost 4.00 on average"


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    unknown = step(READS.name, said(YES), cost=NAN, seconds=NAN)
    pane = pane_of("DER", scene_of(), (EVENTS[0], COMPUTED, EVENTS[2], unknown), None, {})
    assert [move["spent"] for move in pane["moves"]] == ["1 call, cost 0.50, 0.50 s", "2 calls, cost unknown"]


def test_a_route_that_a_rule_ends_has_no_choice_at_its_end() -> None:
    events = (decision(0, READS.name), READ, Route(QUESTION, (READ,), "the longest route was reached"))
    pane = pane_of("once", scene_of(), events, None, {})
    assert [move["shares"] for move in pane["moves"]] == [[], []]
    assert pane["moves"][-1]["note"] == "It ends: the longest route was reached."
    assert pane["nodes"][-1]["name"] == "The end"


def test_a_threshold_and_a_repeated_choice_are_said_in_words() -> None:
    made = step(READS.name, said(YES, 0.6), NO)
    pane = pane_of("DER", scene_of(0.66), (decision(0, READS.name, 0.5, 0.5, repeated=True), made), None, {})
    assert pane["moves"][0]["why"] == "P(yes) 60 %; of this expert it counts as yes from 66 %"
    assert "just asked" in pane["moves"][0]["note"]
    assert pane["moves"][0]["shares"] == [0.5, 0.5, 0.0], "a router that cannot stop has no chance of it"


def test_the_whole_is_plain_json_with_texts_of_others_as_they_are() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    question = Question("../a b", hostile, hostile)
    data = stage_data("run a", question, [whole()], note="n", story="s")
    assert json.loads(json.dumps(data)) == data
    assert (data["question"], data["passage"], data["file"], data["live"]) == (hostile, hostile, "route----a-b", False)
    assert stage_data("b", replace(question, passage=None), [])["passage"] == ""
    assert len(stage_data("b", replace(question, passage="w" * 30_000), [])["passage"]) < 21_000


def test_what_each_choice_would_have_come_to_is_told_where_it_is_known() -> None:
    good = [[True, False, False], [False, True, False], [False, False, True]]
    pane = pane_of("DER", scene_of(), EVENTS, SINGLE, PRICES, good)
    assert [move["good"] for move in pane["moves"]] == good
    assert [move["good"] for move in whole()["moves"]] == [[], [], []]
    ruled = (decision(0, READS.name), READ, Route(QUESTION, (READ,), "the longest route was reached"))
    assert [move["good"] for move in pane_of("once", scene_of(), ruled, None, {}, good[:1])["moves"]] == [good[0], []]
