"""Replies that cannot be used are told apart by cause, and what can be done is said where it helps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says

from der_core.config import Style
from der_core.experts.parsing import read_reply
from der_core.recording.outlook import Cause, advice_on, cause_of, unusable_replies
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

X = make_spec("x")


@pytest.mark.parametrize(
    ("text", "style", "thinking", "finish", "cause"),
    [
        ("Yes.", "direct", "", "stop", None),
        ("<think>It says so, but", "direct", "", "length", Cause.THINKING),
        ("<think>It says so, but", "direct", "", "", Cause.THINKING),
        ("", "direct", "First the passage", "length", Cause.THINKING),
        ("", "direct", "", "length", Cause.CUT),
        ("The passage says that the shop", "reason", "", "length", Cause.CUT),
        ("", "direct", "", "stop", Cause.EMPTY),
        ("Perhaps.", "direct", "", "stop", Cause.NEITHER),
    ],
)
def test_the_cause_is_that_of_the_reading(text: str, style: Style, thinking: str, finish: str, cause: Cause | None):
    reason = read_reply(text, style, thinking=thinking, finish=finish).reason
    assert cause_of(reason, replace(X, style=style)) == cause


def test_a_program_that_fails_is_a_cause_of_its_own_whatever_its_error_says():
    program = replace(X, style="program")
    assert cause_of("NameError: name 'thought' is not defined", program) is Cause.PROGRAM
    assert cause_of("the program printed nothing", program) is Cause.PROGRAM
    assert cause_of("cut before the program ended", program) is Cause.CUT


def test_shares_are_counted_by_expert():
    reasons = {"x": {"": 5, "cut before the answer": 2, "neither yes nor no": 3}, "y": {}}
    (found,) = unusable_replies(reasons, [X, make_spec("y"), make_spec("z")])
    assert (found.expert, found.n, found.share) == ("x", 10, 0.5)
    assert found.counts == {Cause.NEITHER: 3, Cause.CUT: 2}


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ({"": 5, "cut before the answer": 5}, "5 of 10 replies of x were cut before the answer: give it more tokens"),
        ({"": 6, "cut before the answer": 5}, None),
        ({"cut before the answer": 9}, None),
        (
            {"cut before the answer": 1, "the reply is empty": 9},
            "all 10 replies of x were empty or cut before the answer: look at its server's",
        ),
        (
            {"": 8, "neither yes nor no": 1, "says both yes and no": 1},
            "2 of 10 replies of x were neither yes nor no: hold it to yes or no, with +held",
        ),
        ({"": 81, "neither yes nor no": 19}, None),
        ({"": 100}, None),
    ],
)
def test_advice_is_given_from_ten_replies_and_a_large_enough_share_on(reasons: dict[str, int], told: str | None):
    sentences = advice_on({"x": reasons}, [X])
    assert (told is None and sentences == ()) or (told is not None and sentences[0].startswith(told))


def test_an_expert_that_is_held_is_not_offered_to_be_held():
    assert advice_on({"x": {"neither yes nor no": 10}}, [replace(X, held=True)]) == ()


class Wordy(ScriptedExpert):
    """An expert whose replies to odd questions say neither yes nor no; `keeps_why` tells whether it says so."""

    keeps_why = True

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        if question.kind == "even":
            return reply
        reason = "neither yes nor no" if self.keeps_why else ""
        return replace(reply, text="Perhaps.", label=Label.INVALID, p_yes=None, reason=reason)


@pytest.mark.parametrize("keeps_why", [True, False], ids=["of today", "of an older recording, read again"])
def test_a_recording_tells_its_reasons(tmp_path: Path, keeps_why: bool):
    wordy = Wordy(X, says(Label.YES))
    wordy.keeps_why = keeps_why
    with Store.open(tmp_path / "s.db") as store:
        summary = record(store, "r", make_questions(4), {"x": [wordy]})
        assert store.reasons("r") == {"x": {"": 6, "neither yes nor no": 8}}
    assert summary.advice == ("8 of 14 replies of x were neither yes nor no: hold it to yes or no, with +held behind its name.",)
