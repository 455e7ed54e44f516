"""Splits share no passage, nor nearly the same one, whatever becomes of the passage later."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import make_questions

from der_core.errors import SettingsError
from der_core.recording.near_duplicates import SAME_NUMBERS, SIMILAR, near_duplicates, normal_form
from der_core.recording.questions import read_questions
from der_core.recording.splits import Splits, passage_groups, split_counts, split_questions, unknown_to, without_passages
from der_core.recording.store import Store
from der_core.records import Label, Question

DEMO = Path(__file__).resolve().parent.parent.parent / "assets" / "demo.sqlite"
WORDS = np.array([first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in "bdfgklmnprst"])


def made_up(n: int, n_words: int = 40, seed: int = 0) -> list[str]:
    """Passages of random words, no two alike."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, n_words)).capitalize() + "." for _ in range(n)]


def about(passages: Sequence[str]) -> tuple[Question, ...]:
    return tuple(Question(f"q{place}", f"Is statement {place} true?", passage) for place, passage in enumerate(passages))


def with_a_word_changed(passage: str, place: int = 20) -> str:
    words = passage.split()
    return " ".join([*words[:place], "lighthouse", *words[place + 1 :]])


def sides_of(splits: Splits, names: Sequence[str]) -> set[str]:
    return {side for side in ("train", "validation", "test") for name in names if name in getattr(splits, side)}


def passages_of(questions: tuple[Question, ...], ids: tuple[str, ...]) -> set[str]:
    return {question.group for question in questions if question.id in ids}


def test_a_split_is_close_to_its_fractions_and_shares_no_passage():
    questions = make_questions(400)
    splits = split_questions(questions, seed=7)
    sides = (splits.train, splits.validation, splits.test)
    np.testing.assert_allclose([len(side) for side in sides], [160, 40, 200], atol=2)
    assert sorted(sum(sides, ())) == sorted(question.id for question in questions)
    groups = [passages_of(questions, side) for side in sides]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_a_split_depends_on_the_seed_and_on_nothing_else():
    questions = make_questions(60)
    shuffled = tuple(questions[place] for place in np.random.default_rng(0).permutation(60))
    one, other = split_questions(questions, seed=1), split_questions(shuffled, seed=1)
    assert set(one.test) == set(other.test) and set(one.train) == set(other.train)
    assert one.test == tuple(question.id for question in questions if question.id in one.test)
    assert split_questions(questions, seed=2) != one


def test_a_split_of_known_questions_stays():
    assert split_questions(make_questions(10), seed=7) == Splits(("q4", "q5", "q8", "q9"), (), ("q0", "q1", "q2", "q3", "q6", "q7"))


def test_both_ways_of_splitting_hold_out_the_same_questions():
    questions = make_questions(400)
    assert split_questions(questions, seed=7).test == split_counts(questions, train=200, test=200, seed=7).test


def test_added_questions_move_few_others():
    before, after = split_questions(make_questions(400), seed=7), split_questions(make_questions(420), seed=7)
    moved = sum(
        len(set(old) - set(new))
        for old, new in ((before.train, after.train), (before.validation, after.validation), (before.test, after.test))
    )
    assert moved <= 20


def test_one_passage_with_other_spaces_and_case_is_one_group():
    question = make_questions(1)[0]
    same = replace(question, id="again", passage=question.passage.upper().replace(" ", "  "))
    splits = split_questions((question, same, *make_questions(40)[2:]), seed=3)
    assert any({question.id, "again"} <= set(side) for side in (splits.train, splits.validation, splits.test))


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0)])
def test_fractions_that_are_no_shares_are_refused(fractions: tuple[float, float, float]):
    with pytest.raises(SettingsError, match="must sum to 1"):
        split_questions(make_questions(4), seed=7, fractions=fractions)


@pytest.mark.parametrize("seed", range(8))
def test_questions_without_gold_take_no_place_of_others(seed: int) -> None:
    """Every second of 24 has an answer: each side has its share of those, whatever the seed."""
    questions = make_questions(24, passage=False, gold=[Label.YES, None] * 12)
    splits = split_questions(questions, seed=seed)
    has_gold = {question.id: question.gold is not None for question in questions}
    assert [sum(has_gold[name] for name in side) for side in (splits.train, splits.validation, splits.test)] == [5, 1, 6]
    assert [len(side) for side in (splits.train, splits.validation, splits.test)] == [10, 2, 12]


def test_counts_are_kept_and_validation_is_cut_from_training():
    questions = make_questions(100)
    splits = split_counts(questions, train=60, test=30, seed=7)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (48, 12, 30)
    groups = [passages_of(questions, side) for side in (splits.train, splits.validation, splits.test)]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])


def test_the_test_side_does_not_depend_on_the_training_side():
    questions = make_questions(100)
    assert split_counts(questions, train=20, test=30, seed=7).test == split_counts(questions, train=60, test=30, seed=7).test


def test_a_passage_is_cut_short_rather_than_shared():
    splits = split_counts(make_questions(10), train=7, test=3, seed=7, validation_share=0)
    assert len(splits.test) == 3 and len(splits.train) == 6 and splits.validation == ()


@pytest.mark.parametrize(("train", "test", "problem"), [(8, 3, "there are 10"), (0, 3, "At least one"), (3, 0, "At least one")])
def test_counts_that_cannot_be_met_are_refused(train: int, test: int, problem: str):
    with pytest.raises(SettingsError, match=problem):
        split_counts(make_questions(10), train=train, test=test, seed=7)


def test_one_passage_cannot_serve_both_sides():
    same = tuple(replace(question, passage="One.") for question in make_questions(4))
    with pytest.raises(SettingsError, match="takes every passage"):
        split_counts(same, train=1, test=1, seed=7)


# --- what is nearly the same


@pytest.mark.parametrize(
    "other",
    [
        "the  harbour is closed at night, says the café’s keeper",
        "THE HARBOUR IS CLOSED AT NIGHT; says the cafe\u0301's keeper!",
        "The har\u00adbour is closed at night \u2013 says the \uff43afé's\u00a0keeper.",
    ],
)
def test_case_marks_spaces_and_encoding_make_no_difference(other: str) -> None:
    assert normal_form(other) == normal_form("The harbour is closed at night, says the café's keeper.")


def test_a_text_without_words_is_itself() -> None:
    assert normal_form(" ?! ") == "?!" and normal_form("?") != normal_form("!")


def test_a_full_stop_less_leaves_a_passage_on_one_side() -> None:
    passages = made_up(60)
    questions = about([*passages, *(passage.removesuffix(".") for passage in passages)])
    splits = split_questions(questions, seed=7)
    assert all(len(sides_of(splits, [f"q{place}", f"q{place + 60}"])) == 1 for place in range(60))
    assert len(set(passage_groups(questions))) == 60


def test_a_word_changed_added_or_left_out_leaves_a_passage_on_one_side() -> None:
    passages = made_up(60)
    changed = [with_a_word_changed(passage) for passage in passages]
    longer = [f"{passage} So the keeper says." for passage in passages]
    shorter = [passage.split(" ", 2)[2] for passage in passages]
    groups = np.array(passage_groups(about([*passages, *changed, *longer, *shorter]))).reshape(4, 60)
    assert (groups == groups[0]).all() and len(set(groups[0])) == 60


def test_what_a_chain_of_like_passages_joins_is_one_group() -> None:
    words = made_up(1)[0].split()
    chain = [" ".join([*WORDS[100 : 100 + 2 * place], *words[2 * place :]]) for place in range(8)]
    assert len(set(passage_groups(about(chain)))) == 1
    assert len(set(passage_groups(about([chain[0], chain[-1]])))) == 2


def test_passages_made_by_rule_that_differ_in_their_numbers_are_apart() -> None:
    rule = "Room {n} of the house is lit at night by a lamp that the keeper trims, and its door stands open until the watch has gone round."
    assert len(set(near_duplicates(tuple(rule.format(n=n) for n in range(300))))) == 300
    dated = (
        "In 1850, 1863 and 1871 the light was rebuilt on the rock; the keeper of {n} wrote of it in a book that is kept in the town hall."
    )
    assert len(set(near_duplicates(tuple(dated.format(n=n) for n in (1880, 1881))))) == 1


def slowly(texts: Sequence[str]) -> list[int]:
    """The definition, by comparing every pair."""

    def jaccard(one: set[object], other: set[object], least: float) -> bool:
        return len(one & other) >= least * len(one | other)

    words = [normal_form(text).split() for text in texts]
    pairs = [set(zip(of, of[1:], strict=False)) or {(of[0], None)} for of in words]
    numbers = [{word for word in of if any(letter.isdigit() for letter in word)} for of in words]
    groups = list(range(len(texts)))
    for one in range(len(texts)):
        for other in range(one):
            if jaccard(pairs[one], pairs[other], SIMILAR) and jaccard(numbers[one], numbers[other], SAME_NUMBERS):
                old, new = max(groups[one], groups[other]), min(groups[one], groups[other])
                groups = [new if group == old else group for group in groups]
    return groups


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = made_up(30, 25, seed) + [f"{word} 7" for word in WORDS[:5]] + ["One", "one.", "two"]
    for _ in range(170):
        words = str(rng.choice(texts)).split()
        for place in rng.integers(0, len(words), int(rng.integers(0, 4))):
            words[place] = str(rng.choice(["17", "4", *WORDS[:20]]))
        texts.append(" ".join(words))
    assert list(near_duplicates(tuple(texts))) == slowly(texts)


def test_ten_thousand_passages_take_seconds() -> None:
    passages = made_up(5_000, 100)
    began = time.process_time()
    groups = near_duplicates((*passages, *(with_a_word_changed(passage, 60) for passage in passages)))
    assert groups == (*range(5_000), *range(5_000))
    assert time.process_time() - began < 15


def test_a_question_without_a_passage_stands_with_those_that_ask_the_same() -> None:
    questions = [
        Question("a", "Is ice hot?"),
        Question("b", "is ice hot"),
        Question("c", "Is fire hot?"),
        Question("d", "So?", "Is ice hot?"),
    ]
    a, b, c, _ = passage_groups(questions)
    assert a == b != c


# --- what becomes of the passage


def test_the_pair_of_a_passage_stays_together_without_it(tmp_path: Path) -> None:
    passages = made_up(30)
    rows = [f"{question.id},{question.text},{question.passage}\n" for question in about([*passages, *map(with_a_word_changed, passages)])]
    (tmp_path / "q.csv").write_text("id,question,passage\n" + "".join(rows), encoding="utf-8")
    whole, bare = (read_questions(tmp_path / "q.csv", with_passage=with_passage) for with_passage in (True, False))
    assert {question.passage for question in bare.questions} == {None}
    assert "0 with a passage, 60 asked without theirs" in bare.summary
    splits = split_questions(bare.questions, seed=7)
    assert all(len(sides_of(splits, [f"q{place}", f"q{place + 30}"])) == 1 for place in range(30))


def test_a_larger_sample_changes_no_key_of_a_smaller_one() -> None:
    passages = made_up(30)
    questions = about([*passages, *map(with_a_word_changed, passages)])
    assert without_passages(questions)[:30] == without_passages(questions[:30])


def test_a_recording_keeps_the_groups_of_dropped_passages_and_can_be_gone_on_with(tmp_path: Path) -> None:
    bare = [replace(question, passage=None, passage_key=question.group) for question in make_questions(4)]
    with Store.open(tmp_path / "r.sqlite") as store:
        store.start_recording("new")
        store.add_questions("new", bare)
        assert store.questions("new") == tuple(bare)
        store.start_recording("old")
        store.add_questions("old", [replace(question, passage_key=None) for question in bare])
        store.add_questions("old", bare)
        assert store.questions("old") == tuple(replace(question, passage_key=None) for question in bare)


def test_what_is_trained_on_shares_no_passage_with_what_is_held_out() -> None:
    passages = made_up(20)
    held_out = about(passages[:10])
    learn = [replace(question, id=f"t{question.id}") for question in about([*map(with_a_word_changed, passages[:5]), *passages[10:]])]
    assert unknown_to(held_out, learn) == tuple(learn[5:])


# --- what must not change


def test_the_split_of_the_demo_is_the_one_that_its_routers_were_trained_on() -> None:
    with Store.open(DEMO, create=False, read_only=True) as store:
        splits = split_questions(store.questions("demo"), seed=7)
    digests = [hashlib.sha256("\n".join(side).encode()).hexdigest()[:16] for side in (splits.train, splits.validation, splits.test)]
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [428, 107, 537]
    assert digests == ["169335f07677e582", "986fa4b403c40ae8", "df7f9416493e790e"]
