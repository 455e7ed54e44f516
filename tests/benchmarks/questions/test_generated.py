"""Generated questions: balance, limits, variety, and files that regenerate byte for byte."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest

from benchmarks.questions import DEFAULT_SEED, GENERATED_KINDS, generate, write
from benchmarks.questions.families import MAX_OVERLAP, Deck, Family, Filling, overlap
from der_core.errors import QuestionsError
from der_core.records import Label, Question

ASSETS = Path(__file__).parents[3] / "assets" / "questions" / "hard"
COUNTS = {"timetables": 84, "tables": 84, "arithmetic": 60, "logic": 60, "words": 60, "units": 60}
SEEDS = (DEFAULT_SEED, 1, 2024)

drawn = cache(generate)
"""The questions of a kind and seed, generated once for all tests that only look at them."""

every_kind = pytest.mark.parametrize("kind", GENERATED_KINDS)
every_passage_kind = pytest.mark.parametrize("kind", ("timetables", "tables"))


def passages(kind: str, seed: int = DEFAULT_SEED) -> list[str]:
    return list(dict.fromkeys(question.passage or "" for question in drawn(kind, seed)))


@every_kind
@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_each_kind_is_answered_yes(kind: str, seed: int) -> None:
    answers = Counter(question.gold for question in drawn(kind, seed))
    assert answers == {Label.YES: COUNTS[kind] // 2, Label.NO: COUNTS[kind] // 2}


@every_kind
def test_ids_count_from_one_and_kinds_are_named(kind: str) -> None:
    questions = drawn(kind, DEFAULT_SEED)
    assert [question.id for question in questions] == [f"{kind}-{n:03d}" for n in range(1, COUNTS[kind] + 1)]
    assert {question.kind for question in questions} == {kind}


@every_kind
@pytest.mark.parametrize("seed", SEEDS)
def test_questions_have_5_to_20_words_and_one_question_mark_at_the_end(kind: str, seed: int) -> None:
    for question in drawn(kind, seed):
        assert 5 <= len(question.text.split()) <= 20, question.text
        assert question.text.index("?") == len(question.text) - 1
        assert question.text[0].isupper() and "  " not in question.text and "{" not in question.text


@every_kind
@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_questions_share_most_of_their_words(kind: str, seed: int) -> None:
    texts = [question.text for question in drawn(kind, seed)]
    assert max(overlap(one, other) for index, one in enumerate(texts) for other in texts[:index]) <= MAX_OVERLAP


@every_passage_kind
@pytest.mark.parametrize("seed", SEEDS)
def test_passages_have_30_to_90_words_however_bars_are_counted(kind: str, seed: int) -> None:
    for passage in passages(kind, seed):
        assert len(passage.replace("|", " ").split()) >= 30 and len(passage.split()) <= 90, passage


@every_passage_kind
def test_each_passage_serves_one_yes_and_one_no_in_either_order(kind: str) -> None:
    questions = drawn(kind, DEFAULT_SEED)
    pairs = list(zip(questions[::2], questions[1::2], strict=True))
    assert all(one.passage == other.passage and {one.gold, other.gold} == {Label.YES, Label.NO} for one, other in pairs)
    assert 10 < sum(one.gold is Label.YES for one, _ in pairs) < len(pairs) - 10
    assert len({one.group for one, _ in pairs}) == len(pairs)


@every_passage_kind
def test_passages_differ_in_more_than_half_of_their_words(kind: str) -> None:
    texts = passages(kind)
    assert max(overlap(one, other) for index, one in enumerate(texts) for other in texts[:index]) < 0.5


@pytest.mark.parametrize("kind", ("arithmetic", "logic", "words", "units"))
def test_plain_kinds_have_no_passage(kind: str) -> None:
    assert all(question.passage is None for question in drawn(kind, DEFAULT_SEED))


@every_kind
def test_equal_seeds_give_equal_questions_and_other_seeds_others(kind: str) -> None:
    assert generate(kind, 5) == drawn(kind, 5)
    assert {question.text for question in drawn(kind, 5)} != {question.text for question in drawn(kind, 6)}


def test_bundled_files_equal_a_regeneration(tmp_path: Path) -> None:
    for path in write(tmp_path, DEFAULT_SEED):
        assert path.read_bytes() == (ASSETS / path.name).read_bytes(), path.name


def test_written_lines_read_back_as_the_questions(tmp_path: Path) -> None:
    paths = write(tmp_path, 3, GENERATED_KINDS)
    assert [path.name for path in paths] == [f"{kind}.jsonl" for kind in GENERATED_KINDS]
    for kind, path in zip(GENERATED_KINDS, paths, strict=True):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert tuple(as_question(row) for row in rows) == generate(kind, 3)


def as_question(row: dict[str, object]) -> Question:
    assert list(row) == ["id", "kind", *(["passage"] if "passage" in row else []), "question", "answer"]
    passage = str(row["passage"]) if "passage" in row else None
    return Question(str(row["id"]), str(row["question"]), passage, Label.YES if row["answer"] is True else Label.NO, str(row["kind"]))


def test_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(QuestionsError, match="'poems'.*timetables"):
        generate("poems", 1)


def coin(rng: Random) -> Filling:
    number = rng.randrange(10**6)
    return Filling({"n": number}, number % 2 == 0)


def test_a_deck_uses_every_phrasing_equally_often_with_yes_and_with_no() -> None:
    families = [Family(name, tuple(f"{name} {form} {{n}}?" for form in "vwxyz"), coin) for name in ("a", "b")]
    drafts = Deck(Random(1)).deal(families, 20)
    assert set(Counter((draft.text[:3], draft.answer) for draft in drafts).values()) == {1}


def test_a_deck_that_runs_out_says_so() -> None:
    always_yes = Family("same", ("Is it so, {who}?",), lambda rng: Filling({"who": "Mei"}, True))
    with pytest.raises(QuestionsError, match="answer False"):
        Deck(Random(1)).deal([always_yes], 2)


def test_a_deck_asks_about_a_subject_once_per_family() -> None:
    def about_tea(rng: Random) -> Filling:
        return Filling({"a": rng.random(), "b": rng.random(), "c": rng.random()}, rng.random() < 0.5, "tea")

    with pytest.raises(QuestionsError, match="left"):
        Deck(Random(1)).deal([Family("tea", ("Tea {a} {b} {c}?",), about_tea)], 2)


def test_overlap_is_the_share_of_distinct_words() -> None:
    assert overlap("Is red warm?", "is Red cold") == pytest.approx(2 / 4)
    assert overlap("one two", "three") == 0
