import re

import pytest

from benchmarks.questions import GENERATED_KINDS, generate
from der_core.experts.program import run_program
from der_core.experts.prompts import build_messages, show_prompts
from der_core.experts.protocol import Request
from der_core.records import Label, Question

QUESTION = Question(id="q", text="do penguins fly", passage="  Penguins swim and cannot fly.\n")
OPEN_QUESTION = Question(id="q", text="Do penguins fly?")
STYLES = ["direct", "examples", "reason", "program"]
ADVISED = ["direct", "examples", "reason"]
ADVICE_LABELS = [Label.YES, Label.NO, Label.INVALID]


def user_text(question: Question, label: Label, style: str) -> str:
    (_, _), (role, text) = build_messages(question, label, style)
    assert role == "user"
    return text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("label", list(Label))
def test_every_prompt_has_a_task_a_passage_and_a_question(label, style):
    (role, task), (_, text) = build_messages(QUESTION, label, style)
    assert role == "system" and task
    assert text.startswith("Passage: Penguins swim and cannot fly.\n\nQuestion: Do penguins fly?\n\n")


@pytest.mark.parametrize("style", STYLES)
def test_a_question_without_passage_shows_none(style):
    text = user_text(OPEN_QUESTION, Label.NONE, style)
    assert "assage" not in text
    assert text.startswith("Question: Do penguins fly?")


def test_the_first_prompt_knows_of_no_other_model():
    assert "nother model" not in user_text(QUESTION, Label.NONE, "direct")


@pytest.mark.parametrize(("label", "said"), [(Label.YES, "is yes"), (Label.NO, "is no."), (Label.INVALID, "neither yes nor no")])
def test_later_prompts_show_the_previous_answer_as_advice(label, said):
    text = user_text(QUESTION, label, "direct")
    assert "Another model" in text and said in text
    assert text.endswith("Answer with one word, yes or no.")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("label", ADVICE_LABELS)
def test_prompts_of_a_question_differ_only_behind_the_question(label, style):
    first, later = user_text(QUESTION, Label.NONE, style), user_text(QUESTION, label, style)
    shared = first.index("Do penguins fly?") + len("Do penguins fly?")
    assert first[:shared] == later[:shared]
    assert build_messages(QUESTION, label, style)[0] == build_messages(QUESTION, Label.NONE, style)[0]


@pytest.mark.parametrize("style", ADVISED)
def test_each_previous_label_has_its_own_prompt(style):
    assert len({user_text(QUESTION, label, style) for label in Label}) == len(Label)


def test_a_program_is_asked_for_alike_after_every_label():
    assert {build_messages(QUESTION, label, "program") for label in Label} == {build_messages(QUESTION, Label.NONE, "program")}
    assert user_text(QUESTION, Label.YES, "program").endswith("Question: Do penguins fly?\n\nWrite the program.")


@pytest.mark.parametrize("text", ["do penguins fly", "Do penguins fly?", " do penguins fly ?? "])
def test_questions_are_written_as_sentences(text):
    assert "Question: Do penguins fly?\n" in user_text(Question(id="q", text=text), Label.NONE, "direct")


def test_the_prompts_never_tell_the_gold_answer():
    gold = Question(id="q", text=QUESTION.text, passage=QUESTION.passage, gold=Label.NO, kind="birds")
    assert build_messages(gold, Label.NONE, "direct") == build_messages(QUESTION, Label.NONE, "direct")


def test_show_prompts_shows_all_of_them_with_placeholders():
    shown = show_prompts()
    assert shown.count("=== style") == len(STYLES) * len(Label)
    assert "<passage>" in shown and "<question>" in shown


def request(**changes) -> Request:
    fields = {"backend": "ollama", "model_digest": "sha256:1", "messages": (("user", "é?"),), "options": {"seed": 7, "max_tokens": 8}}
    return Request(**{**fields, **changes})


def test_the_key_is_the_hash_of_the_canonical_json():
    from hashlib import blake2b

    canonical = '{"backend":"ollama","messages":[["user","é?"]],"model_digest":"sha256:1","options":{"max_tokens":8,"seed":7}}'
    assert request().key == "b2:" + blake2b(canonical.encode(), digest_size=16).hexdigest()


def test_the_order_of_options_does_not_change_the_key():
    assert request(options={"max_tokens": 8, "seed": 7}).key == request().key


@pytest.mark.parametrize(
    "changes",
    [{"backend": "openai"}, {"model_digest": "sha256:2"}, {"messages": (("system", "é?"),)}, {"options": {"seed": 8, "max_tokens": 8}}],
)
def test_anything_the_reply_depends_on_changes_the_key(changes):
    assert request(**changes).key != request().key


def test_a_request_reads_as_text():
    assert request(messages=(("system", "Be brief."), ("user", "Why?"))).text == "[system]\nBe brief.\n\n[user]\nWhy?"


def test_the_examples_show_both_answers_with_and_without_passage_and_stand_before_everything_that_differs():
    (role, task), _ = build_messages(QUESTION, Label.YES, "examples")
    assert role == "system"
    assert task.count("Answer: yes") == task.count("Answer: no") == 2
    assert task.count("Passage: ") == 2 and task.count("Question: ") == 4
    assert "Penguins" not in task


def example_programs() -> list[tuple[str, str]]:
    (_, task), _ = build_messages(QUESTION, Label.NONE, "program")
    return re.findall(r"Question: ([^\n]+)\n(```python\n.+?\n```)", task, re.DOTALL)


def test_the_example_programs_run_and_print_both_answers():
    answers = [run_program(program).label for _, program in example_programs()]
    assert len(answers) == 8 and answers.count(Label.YES) == answers.count(Label.NO) == 4


def test_no_example_is_among_the_generated_questions():
    generated = {question.text for kind in GENERATED_KINDS for seed in range(7, 12) for question in generate(kind, seed)}
    assert generated and not generated & {text for text, _ in example_programs()}
