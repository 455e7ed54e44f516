"""Verifying says what is proven and what cannot be: labels, P(yes) and programs are computed again from what was kept."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says

from der_core.cli import main
from der_core.config import ExpertSpec, Style
from der_core.experts.finishing import finish_reply
from der_core.experts.parsing import TokenChoice
from der_core.recording.recorder import record
from der_core.recording.store import Calibration, Store
from der_core.records import Label, Question, Reply

QUESTIONS = make_questions(4)
TRUE_PROGRAM = "```python\nprint('yes' if 3 > 2 else 'no')\n```"


class Speaking(ScriptedExpert):
    """An expert whose replies are read from what it says, with the likely tokens of its one word."""

    def __init__(self, spec: ExpertSpec, text: str, top: tuple[tuple[str, float], ...] = ()) -> None:
        super().__init__(spec, says(Label.YES))
        self.text, self.top = text, top

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = replace(super().ask(question, previous_label), text=self.text)
        tokens = [TokenChoice(self.text, self.top, self.top[0][1])] if self.top else []
        return finish_reply(reply, self.spec.style, tokens)


def styled(name: str, style: Style = "direct") -> ExpertSpec:
    return make_spec(name, style=style)


@pytest.fixture
def opened(tmp_path: Path):
    """A recording of an expert with likely tokens, one without, and one that writes programs."""
    likely = ((" Yes", math.log(0.7)), (" No", math.log(0.2)), (" yes", math.log(0.05)))
    experts = [
        Speaking(styled("sure"), " Yes", likely),
        ScriptedExpert(styled("bare"), says(Label.YES, 0.8)),
        Speaking(styled("coder", "program"), TRUE_PROGRAM),
    ]
    with Store.open(tmp_path / "s.db") as store:
        record(store, "demo", QUESTIONS, {expert.spec.name: [expert] for expert in experts})
        store.put_vectors("mini", {"a": np.ones(3)})
        store.put_calibration("demo", Calibration("sure", 0.001, 0.01, 30, {"threads": 1}))
        store.put_fault("demo", "sure", "BadReply", "Odd.")
        yield store


def of(expert: str) -> str:
    return f"(SELECT reply FROM entries e JOIN recorded_experts x ON x.id = e.expert WHERE x.name = '{expert}')"


def change(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        db.execute(sql, values)
    db.close()


def test_a_sound_store_says_what_is_proven_and_what_is_not(opened: Store):
    found = opened.examine()
    n_programs = sum(entry.call.expert == "coder" for entry in opened.entries("demo"))
    assert found.problems == ()
    assert found.proven == (
        f"{24 + n_programs} requests hash to their keys",
        "24 labels are what their texts say",
        "12 values of P(yes) are what their likely tokens say",
        f"{n_programs} programs print what was recorded when they are run again",
        f"for {24 + n_programs} replies the server named the same weights once they had been made",
    )
    assert found.unproven[0].startswith("that the models gave these texts")
    assert found.unproven[1:] == ("values of P(yes) whose likely tokens were not kept: 12",)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (f"UPDATE replies SET label = 3 - label WHERE id IN {of('sure')}", "its label is no, and its text says yes"),
        (f"UPDATE replies SET label = 3 - label WHERE id IN {of('bare')}", "its label is no, and its text says yes"),
        (f"UPDATE replies SET label = 3 WHERE id IN {of('bare')}", "its label is invalid, and its text says yes"),
        (f"UPDATE replies SET text = 'No.' WHERE id IN {of('bare')}", "its label is yes, and its text says no"),
        (
            f"UPDATE replies SET text = 'No.', label = 2 WHERE id IN {of('bare')}",
            "P(yes) of bare contradicts the words of 12 of 12 replies",
        ),
        (f"UPDATE replies SET p_yes = 1 - p_yes WHERE id IN {of('sure')}", "P(yes) is 0.2105, and its likely tokens say 0.7895"),
        (f"UPDATE replies SET p_yes = 1 - p_yes WHERE id IN {of('bare')}", "P(yes) of bare contradicts the words of 12 of 12 replies"),
        (f"UPDATE replies SET p_yes = p_yes + 0.01 WHERE id IN {of('sure')}", "P(yes) is 0.7995, and its likely tokens say 0.7895"),
        (f"UPDATE replies SET label = 3 - label WHERE id IN {of('coder')}", "its label is no, and its program run again says yes"),
        (f"UPDATE replies SET printed = 'no', label = 2 WHERE id IN {of('coder')}", "its label is no, and its program run again says yes"),
        (
            f"UPDATE replies SET text = replace(text, '>', '<') WHERE id IN {of('coder')}",
            "its label is yes, and its program run again says no",
        ),
        ("UPDATE replies SET digest_in_force = 'sha256:other' WHERE id = 1", "its server named other weights"),
        ("UPDATE replies SET prompt_tokens = 1 << 40 WHERE id = 1", "prompt_tokens is 1099511627776"),
        ("UPDATE replies SET generated_tokens = 2.5 WHERE id = 1", "generated_tokens is 2.5"),
        ("UPDATE replies SET prompt_s = 1e6 WHERE id = 1", "prompt_s is 1000000.0"),
        ("UPDATE replies SET text = x'ff' WHERE id = 1", "text is a bytes"),
        ("UPDATE replies SET alternatives = x'00' WHERE id = 1", "Reply 1: packed text that is cut"),
        ("UPDATE replies SET token_logprobs = x'0000c07f' WHERE id = 1", "the log-probabilities of the tokens are not finite"),
        ("UPDATE replies SET printed = 5 WHERE id = 1", None),  # a number becomes text in a column of text
        ("UPDATE vectors SET vector = x'007e007e007e'", "Table vectors, row 1: a vector with a number that is none"),
        ("UPDATE vectors SET vector = ''", "Table vectors, row 1"),
        ("UPDATE vectors SET packed = 'f8'", "Table vectors, row 1: not a packed vector"),
        (
            "UPDATE recorded_experts SET name = 'other' WHERE name = 'sure'",
            "Table recorded_experts, row 1: its settings are those of another",
        ),
        ("UPDATE recorded_experts SET spec = '[]' WHERE name = 'sure'", "Table recorded_experts, row 1: Input should be an object"),
        ("UPDATE recorded_questions SET question_id = 'z' WHERE question_id = 'q0'", "Question 1: its id is not the one"),
        ("UPDATE calibrations SET prompt_token_s = -1", "table calibrations, row 1: prompt_token_s"),
        ("UPDATE faults SET created_utc = 1e300", "table faults, row 1: created_utc"),
        ("UPDATE recordings SET meta = '[]'", "table recordings, row 1"),
    ],
)
def test_what_contradicts_is_found(opened: Store, sql: str, problem: str | None):
    change(opened.path, sql)
    found = opened.examine().problems
    assert found == () if problem is None else any(problem in line for line in found), found


def test_a_reply_that_was_set_aside_is_said_not_to_be_read_again(opened: Store):
    entry = next(entry for entry in opened.entries("demo") if entry.call.expert == "bare")
    expert = ScriptedExpert(styled("bare"), says(Label.YES))
    question = next(question for question in QUESTIONS if question.id == entry.call.question_id)
    opened.set_aside("demo", {entry.call: expert.request(question, entry.call.previous_label)}, "sha256:new")
    found = opened.examine()
    assert found.problems == () and "replies that no recording shows, which are not read again: 1" in found.unproven


def test_a_program_that_met_a_limit_is_not_held_against_the_recording(opened: Store):
    change(opened.path, f"UPDATE replies SET label = 3, reason = 'the program ran longer than 0.5 seconds' WHERE id IN {of('coder')}")
    found = opened.examine()
    assert found.problems == () and any(line.startswith("programs that met a limit") for line in found.unproven)


def test_the_command_tells_proven_from_unproven_and_ends_with_1_where_something_contradicts(
    opened: Store, capsys: pytest.CaptureFixture[str]
):
    assert main(["store", "verify", "--store", str(opened.path)]) == 0
    shown = capsys.readouterr().out
    assert "proven: " in shown and "cannot be proven: that the models gave these texts" in shown and "verified" in shown
    change(opened.path, f"UPDATE replies SET label = 3 - label WHERE id IN {of('sure')}")
    assert main(["store", "verify", "--store", str(opened.path)]) == 1
    shown = capsys.readouterr()
    assert "its label is no" in shown.err and "problems: 12" in shown.out and "verified" not in shown.out
