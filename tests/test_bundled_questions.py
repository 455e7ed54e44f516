"""The questions in assets/questions: balanced, of the right lengths, each one once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from der_core.recording.questions import load_questions, split_questions
from der_core.records import Label, Question
from der_core.routing.encoding import SentenceEncoder, Vectors

WITH_PASSAGE = {"notices", "rules", "instructions", "stories", "dialogues", "descriptions", "timetables", "tables"}
WITHOUT_PASSAGE = {"knowledge", "programming", "arithmetic", "logic", "words", "units"}
NEAR = 0.965
"""Cosine from which two questions would be the same to the router. The nearest pair below it differs in its numbers."""


@pytest.fixture(scope="module")
def questions() -> tuple[Question, ...]:
    return load_questions("bundled")


def vectors(texts: list[str]) -> Vectors:
    return SentenceEncoder().encode(texts)


def test_there_are_enough_questions_in_every_kind(questions: tuple[Question, ...]) -> None:
    kinds = Counter(question.kind for question in questions)
    assert set(kinds) == WITH_PASSAGE | WITHOUT_PASSAGE
    assert len(questions) >= 1_000
    assert min(kinds.values()) >= 60


def test_six_in_ten_come_with_a_passage(questions: tuple[Question, ...]) -> None:
    assert {question.kind for question in questions if question.passage} == WITH_PASSAGE
    assert np.mean([question.passage is not None for question in questions]) >= 0.6


@pytest.mark.parametrize("kind", sorted(WITH_PASSAGE | WITHOUT_PASSAGE))
def test_half_of_each_kind_is_yes(questions: tuple[Question, ...], kind: str) -> None:
    golds = [question.gold for question in questions if question.kind == kind]
    assert golds.count(Label.YES) * 2 == len(golds)
    assert set(golds) == {Label.YES, Label.NO}


def test_every_passage_has_one_question_of_each_answer(questions: tuple[Question, ...]) -> None:
    answers: dict[str, list[Label | None]] = {}
    for question in questions:
        if question.passage:
            answers.setdefault(question.group, []).append(question.gold)
    assert all(sorted(golds, key=str) == sorted([Label.YES, Label.NO], key=str) for golds in answers.values())


def test_questions_are_short_and_passages_of_the_promised_length(questions: tuple[Question, ...]) -> None:
    # The bars of a table are not words.
    passages = {question.id: len(question.passage.replace("|", " ").split()) for question in questions if question.passage}
    assert not {name: n for name, n in passages.items() if not 30 <= n <= 90}
    assert not {
        question.id: question.text for question in questions if not 4 <= len(question.text.split()) <= 25 or not question.text.endswith("?")
    }


def test_ids_and_texts_are_unique(questions: tuple[Question, ...]) -> None:
    assert len({question.id for question in questions}) == len(questions)
    assert len({(question.group, question.text.lower()) for question in questions}) == len(questions)


def test_no_two_questions_are_nearly_the_same(questions: tuple[Question, ...]) -> None:
    found = vectors([question.text for question in questions])
    alike = np.triu(found @ found.T, k=1) >= NEAR
    assert not [(questions[i].text, questions[j].text) for i, j in np.argwhere(alike)]


def test_the_guard_against_near_duplicates_can_fail() -> None:
    one, other = vectors(["Is the sauna heated on Sunday evenings?", "Is the sauna heated on a Sunday evening?"])
    assert one @ other >= NEAR


def test_a_split_keeps_passages_together(questions: tuple[Question, ...]) -> None:
    splits = split_questions(questions, seed=7)
    group = {question.id: question.group for question in questions}
    sides = [{group[name] for name in side} for side in (splits.train, splits.validation, splits.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
