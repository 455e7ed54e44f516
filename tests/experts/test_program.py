"""Replies of style program: what is taken for the program, and how its output is read."""

from dataclasses import replace

import pytest

from der_core.cli.ask import show_event
from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts.finishing import finish_reply
from der_core.experts.parsing import CUT_PROGRAM, TokenChoice
from der_core.experts.program import NEITHER, NO_PROGRAM, SILENT, failure_of, find_program, read_printed, run_program
from der_core.records import Label, Reply, Step

FENCED = '```python\nprint("yes" if 12 % 5 == 2 else "no")\n```'


def fenced(program: str) -> str:
    return f"```python\n{program}\n```"


def raw(text: str) -> Reply:
    return Reply(text, Label.INVALID, None, 0.0, 0.1, 0.2, 0.3, 500, 0, 20, "sha256:1")


@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        FENCED.removesuffix("```"),
        FENCED.removesuffix("\n```"),
        FENCED.replace("python", "py"),
        FENCED.replace("python", "Python"),
        FENCED.replace("python", ""),
        FENCED.replace("```", "~~~"),
        FENCED.replace("\n", "\r\n"),
        f"Here is the program:\n\n{FENCED}\n\nIt prints yes.",
        f"{FENCED}\n\nQuestion: Is 3 even?\n{fenced('print(no)')}",
        f"```text\n12 % 5\n```\n{FENCED}",
        "   ```python\n   remainder = 12 % 5\n   print('yes' if remainder == 2 else 'no')\n   ```",
        'print("yes" if 12 % 5 == 2 else "no")',
        '`print("yes")`',
        '```python print("yes")```',
    ],
)
def test_the_program_is_found_in_every_dress(text):
    assert run_program(text).label == Label.YES


@pytest.mark.parametrize(
    "text", ["", "yes", "no.", "The answer is yes.", 'It would print("yes") here.', "```python\n```", "```json\n{}\n```", "print('yes'"]
)
def test_text_without_a_program_is_not_read_as_an_answer(text):
    run = run_program(text)
    assert (run.label, run.printed, run.reason) == (Label.INVALID, None, NO_PROGRAM)


@pytest.mark.parametrize("text", ['```python\nprint("no")\nif 3 > ', 'print("yes")\nx = 1', "I will first work out", "```json\n{"])
def test_a_program_that_was_cut_is_not_run(text):
    run = run_program(text, cut=True)
    assert (run.label, run.printed, run.reason) == (Label.INVALID, None, CUT_PROGRAM)


def test_a_program_that_ended_before_the_tokens_did_is_run():
    assert run_program(f"{FENCED}\nThis program works out the rem", cut=True).label == Label.YES


def test_a_program_longer_than_any_model_writes_is_refused():
    assert find_program("print('yes')\n" * 2000).refusal == "the program is longer than 20,000 characters"


@pytest.mark.parametrize(
    ("printed", "label"),
    [
        ("yes\n", Label.YES),
        ("No.\n", Label.NO),
        ("**YES!**", Label.YES),
        ("'no'\n", Label.NO),
        ("no\nyes\n", Label.YES),
        ("no yes no ", Label.NO),
        ("yes\n42\n", Label.YES),
        ("15 == 15: yes\n", Label.YES),
        ("The answer is no, because 3 is odd.\n", Label.NO),
        ("True\n", Label.YES),
        ("false", Label.NO),
        ("(False,)\n", Label.NO),
        ("yes\nFalse\n", Label.NO),
        ("no\n\n\n", Label.NO),
        ("yes\nno letter is left\n", Label.YES),
    ],
)
def test_the_last_yes_or_no_is_the_label(printed, label):
    assert read_printed(printed) == (label, "")


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", SILENT),
        (" \n\n", SILENT),
        ("42\n", NEITHER),
        ("yesterday\n", NEITHER),
        ("now\n", NEITHER),
        ("no-one\n", NEITHER),
        ("There is no such letter.\n", NEITHER),
        ("yes or no\n", NEITHER),
        ("yes/no?", NEITHER),
        ("True is printed\n", NEITHER),
        ("3 > 2 is True\n", NEITHER),
        ("нет\n", NEITHER),
    ],
)
def test_what_is_no_answer_stays_invalid_and_says_why(printed, reason):
    assert read_printed(printed) == (Label.INVALID, reason)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print('yes' if Zinnia > 3 else 'no')", "NameError: name 'Zinnia' is not defined"),
        ("print('yes')\nprint(1 / 0)", "ZeroDivisionError: division by zero"),
        ("print('yes' if 3 >", "SyntaxError: Expected an expression"),
        ("x = 3", SILENT),
        ("'yes' if 3 > 2 else 'no'", SILENT),
    ],
)
def test_a_failing_program_is_invalid_whatever_it_printed_before(program, reason):
    run = run_program(fenced(program))
    assert run.label == Label.INVALID
    assert run.reason.startswith(reason.split(":")[0]) and (reason in run.reason or reason.startswith("SyntaxError"))


def test_what_was_printed_before_a_failure_is_kept():
    assert run_program(fenced("print('yes')\nprint(1 / 0)")).printed == "yes\n"


def test_a_reason_is_one_line_of_at_most_200_characters():
    reason = run_program(fenced("raise ValueError('first line\\nsecond line ' * 100)")).reason
    assert reason.startswith("ValueError: first line second line") and "\n" not in reason and len(reason) == 200


def test_the_run_names_its_interpreter_and_takes_time():
    run = run_program(FENCED)
    assert run.interpreter.startswith("pydantic-monty 1.") and 0 < run.seconds < 0.5


def test_a_reply_counts_as_what_its_program_prints():
    text = fenced('print("no")')
    tokens = [TokenChoice(token, ((token, -0.25),), -0.25) for token in ("```python\n", 'print("no")', "\n```")]
    reply = finish_reply(raw(text), "program", tokens, finish="stop")
    assert (reply.label, reply.reason, reply.printed, reply.p_yes) == (Label.NO, "", "no\n", None)
    assert reply.interpreter.startswith("pydantic-monty") and reply.token_logprobs == (-0.25, -0.25, -0.25)
    assert reply.text == text and 0.3 < reply.wall_s < 0.8 and reply.generation_s == 0.2


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ('```python\nprint("yes")', "length", CUT_PROGRAM),
        ("", "stop", "the reply is empty"),
        ("<think>\n" + FENCED, "stop", "the thought never ended"),
        ("yes", "stop", NO_PROGRAM),
    ],
)
def test_a_reply_without_a_whole_program_is_invalid(text, finish, reason):
    reply = finish_reply(raw(text), "program", finish=finish)
    assert (reply.label, reply.reason, reply.printed) == (Label.INVALID, reason, None)


def test_a_program_inside_a_thought_is_not_the_reply():
    text = f"<think>{fenced('print(1 > 2)')}</think>\n{FENCED}"
    assert finish_reply(raw(text), "program").label == Label.YES


def test_a_program_cannot_be_held_to_yes_or_no():
    ExpertSpec("tiny@program", "ollama", "tiny", "program").check()
    with pytest.raises(SettingsError, match="could write no program"):
        ExpertSpec("tiny@program", "ollama", "tiny", "program", held=True).check()


def test_replies_in_other_styles_are_read_and_nothing_is_run():
    reply = finish_reply(raw("Yes."), "direct")
    assert (reply.label, reply.printed, reply.interpreter, reply.wall_s) == (Label.YES, None, "", 0.3)


@pytest.mark.parametrize(
    ("text", "finish", "group"),
    [
        (fenced("print(Zinnia)"), "", "NameError"),
        (fenced("print(1 / 0)"), "", "ZeroDivisionError"),
        (fenced("if"), "", "SyntaxError"),
        (fenced("raise ValueError"), "", "ValueError"),
        (fenced("while True: pass"), "", "time limit"),
        (fenced("x = 'a' * 10**9"), "", "memory limit"),
        (fenced("while True: print('yes')"), "", "output limit"),
        (fenced("x = 1"), "", "printed nothing"),
        (fenced("print('maybe')"), "", "printed neither yes nor no"),
        ("```python\nprint('y", "length", "cut at the token limit"),
        ("<think>hm", "length", "cut at the token limit"),
        ("", "length", "cut at the token limit"),
        (fenced("print('yes')\n" * 2000), "", "too long to be run"),
        ("I cannot tell.", "", "wrote no program"),
        ("", "", "empty reply"),
    ],
)
def test_failures_are_grouped_by_what_went_wrong(text, finish, group):
    reply = finish_reply(raw(text), "program", finish=finish)
    assert reply.label == Label.INVALID
    assert failure_of(reply.reason) == group


def test_a_reason_that_nobody_knows_is_a_group_of_its_own():
    assert failure_of("something else, in words") == "another reason"


def test_ask_prints_the_program_and_what_came_of_it(capsys):
    fitted = replace(finish_reply(raw(fenced("x = 3\nprint('no')")), "program"), p_yes=0.2)
    failed = finish_reply(raw(fenced("print(Zinnia)")), "program")
    for reply in (fitted, failed):
        show_event(Step("small@program", Label.NONE, "", reply, reply.label, 1.0, 0.5, float("nan")), [])
    assert capsys.readouterr().out.splitlines()[:8] == [
        "    small@program writes a program:",
        "    | x = 3",
        "    | print('no')",
        f"    printed: no → no, P(yes) 0.20 (fitted confidence), {fitted.wall_s:.2f} s, cost 1.00",
        "    small@program writes a program:",
        "    | print(Zinnia)",
        f"    program failed: NameError: name 'Zinnia' is not defined → invalid, {failed.wall_s:.2f} s, cost 1.00",
    ]


def test_ask_says_why_a_text_is_no_answer(capsys):
    reply = finish_reply(raw("I cannot tell."), "direct")
    show_event(Step("small", Label.NONE, "", reply, reply.label, 1.0, 0.5, float("nan")), [])
    assert f"'I cannot tell.': invalid, 0.30 s, cost 1.00 ({reply.reason})" in capsys.readouterr().out
