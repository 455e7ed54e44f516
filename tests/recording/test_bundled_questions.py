"""The questions in assets/questions: the mix as it was chosen, balanced, each one once, no answer told by its words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit, cross_val_score

from benchmarks.questions.__main__ import main as draw_questions
from benchmarks.questions.workload import WORKLOAD_KINDS
from der_core.recording.questions import BUNDLED_FOLDER, load_questions, split_questions
from der_core.records import Label, Question
from der_core.routing.encoding import SentenceEncoder, Vectors

READING = {"passages": 526, "plain": 120, "programming": 26, "instructions": 24, "knowledge": 24}
MIX = {**dict.fromkeys(WORKLOAD_KINDS, 80), **READING}
"""Questions by kind: fixed before any reply was scored, see docs/questions.md."""
HARD = {**dict.fromkeys(("descriptions", "dialogues", "notices", "rules", "stories", "tables", "timetables"), 84), "logic": 60}
WORDS_OF_PASSAGE = {
    "passages": (80, 150),
    "plain": (20, 55),
    "instructions": (30, 90),
    "small_tables": (8, 40),
    **dict.fromkeys(HARD, (30, 90)),
}
NEAR = 0.965
"""Cosine from which two questions would be the same to the router. The nearest pair below it differs in its numbers."""
SETS = {"bundled": MIX, "hard": HARD}
each_set = pytest.mark.parametrize("name", SETS)


def vectors(texts: list[str]) -> Vectors:
    return SentenceEncoder().encode(texts)


@each_set
def test_the_kinds_are_those_of_the_mix(name: str) -> None:
    assert Counter(question.kind for question in load_questions(name)) == SETS[name]


def test_half_is_computable_and_most_of_the_rest_is_long_passages() -> None:
    assert sum(MIX[kind] for kind in WORKLOAD_KINDS) == sum(READING.values())
    assert READING["passages"] / sum(READING.values()) >= 2 / 3
    assert len(split_questions(load_questions("bundled"), seed=7).test) >= 700


@each_set
def test_half_of_each_kind_is_yes(name: str) -> None:
    golds = Counter((question.kind, question.gold) for question in load_questions(name))
    assert all(golds[kind, Label.YES] == golds[kind, Label.NO] == n / 2 for kind, n in SETS[name].items())


@each_set
def test_every_passage_has_one_question_of_each_answer(name: str) -> None:
    answers: dict[str, list[Label | None]] = {}
    for question in load_questions(name):
        if question.passage and question.kind != "small_tables":
            answers.setdefault(question.group, []).append(question.gold)
    assert all(sorted(golds, key=str) == sorted([Label.YES, Label.NO], key=str) for golds in answers.values())


@each_set
def test_passages_are_of_the_promised_length(name: str) -> None:
    # The bars of a table are not words.
    passages = [(question, len(question.passage.replace("|", " ").split())) for question in load_questions(name) if question.passage]
    lengths = {question.id: (n, WORDS_OF_PASSAGE[question.kind or ""]) for question, n in passages}
    assert not {found: n for found, (n, (least, most)) in lengths.items() if not least <= n <= most}


def test_computable_questions_equal_a_regeneration(tmp_path: Path) -> None:
    draw_questions(["--n", "60", "--seed", "1602", "--out", str(tmp_path / "pilot.jsonl")])
    draw_questions(["--n", "80", "--seed", "1512", "--without", str(tmp_path / "pilot.jsonl"), "--out", str(tmp_path / "computable.jsonl")])
    assert (tmp_path / "computable.jsonl").read_bytes() == (BUNDLED_FOLDER / "computable.jsonl").read_bytes()


def test_the_bag_of_words_tells_nothing_about_held_out_answers() -> None:
    questions = load_questions("bundled")
    for told in (lambda question: question.text, lambda question: f"{question.passage}\n{question.text}"):
        for kinds in (MIX, *({kind} for kind, n in MIX.items() if n >= 80)):
            assert bag_of_words_score([question for question in questions if question.kind in kinds], told) < 0.55, kinds


def bag_of_words_score(questions: list[Question], told: Callable[[Question], str]) -> float:
    """Accuracy on other passages of a classifier that sees which words occur."""
    bags = CountVectorizer(token_pattern=r"[\w:.%/]*\w").fit_transform(map(told, questions))
    is_yes, groups = [question.gold is Label.YES for question in questions], [question.group for question in questions]
    folds = GroupShuffleSplit(20, test_size=0.5, random_state=1)
    return float(cross_val_score(LogisticRegression(max_iter=500), bags, is_yes, groups=groups, cv=folds).mean())


def test_the_bag_of_words_finds_a_word_that_gives_answers_away() -> None:
    questions = [Question(str(n), f"Is {n} {'truly' if n % 2 else 'hardly'} odd?", None, Label.of_answer(n % 2 == 1)) for n in range(60)]
    assert bag_of_words_score(questions, lambda question: question.text) > 0.9


@each_set
def test_ids_and_texts_are_unique(name: str) -> None:
    questions = load_questions(name)
    assert len({question.id for question in questions}) == len(questions)
    assert len({(question.group, question.text.lower()) for question in questions}) == len(questions)


@each_set
def test_no_two_questions_are_nearly_the_same(name: str) -> None:
    # Computable questions differ in their numbers alone; that none is asked twice is tested where they are drawn.
    questions = [question for question in load_questions(name) if question.kind not in WORKLOAD_KINDS]
    found = vectors([question.text for question in questions])
    alike = np.triu(found @ found.T, k=1) >= NEAR
    assert not [(questions[i].text, questions[j].text) for i, j in np.argwhere(alike)]


def test_the_guard_against_near_duplicates_can_fail() -> None:
    one, other = vectors(["Is the sauna heated on Sunday evenings?", "Is the sauna heated on a Sunday evening?"])
    assert one @ other >= NEAR


@each_set
def test_a_split_keeps_passages_together(name: str) -> None:
    questions = load_questions(name)
    splits = split_questions(questions, seed=7)
    group = {question.id: question.group for question in questions}
    sides = [{group[name] for name in side} for side in (splits.train, splits.validation, splits.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
