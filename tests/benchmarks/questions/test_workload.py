"""Questions of a workload: balance in every family, no giveaways in the wording, nothing asked twice, and the command that writes them."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, cross_val_score

from benchmarks.questions.__main__ import main
from benchmarks.questions.families import Deck, Family, Filling, true_and_stated
from benchmarks.questions.workload import WORKED, WORKLOAD_KINDS, draw
from der_core.errors import QuestionsError
from der_core.recording.questions import load_questions
from der_core.records import Label, Question

drawn = cache(draw)
"""The questions of a kind, number and seed, drawn once for all tests that only look at them."""

every_kind = pytest.mark.parametrize("kind", WORKLOAD_KINDS)


def told(question: Question) -> str:
    return question.text if question.passage is None else f"{question.passage}\n{question.text}"


@every_kind
def test_each_kind_has_six_families_and_each_family_five_wordings_or_more(kind: str) -> None:
    assert len(WORKLOAD_KINDS[kind]) >= 6
    assert len({family.name for family in WORKLOAD_KINDS[kind]}) == len(WORKLOAD_KINDS[kind])
    for family in WORKLOAD_KINDS[kind]:
        assert len(set(family.phrasings)) == len(family.phrasings) >= 5, family.name


@every_kind
def test_every_family_is_as_often_yes_as_no(kind: str) -> None:
    families = WORKLOAD_KINDS[kind]
    drafts = Deck(Random(5)).deal_even(families, 12 * len(families))
    assert Counter((draft.family, draft.answer) for draft in drafts) == {
        (family.name, yes): 6 for family in families for yes in (True, False)
    }


def bag_of_words_score(texts: list[str], answers: list[bool]) -> float:
    """Share of right answers of a logistic model of the words, trained on one half and tried on the other, over twenty cuts."""
    bags = CountVectorizer(token_pattern=r"[\w:.%/]*\w").fit_transform(texts)
    return float(
        cross_val_score(LogisticRegression(max_iter=500), bags, answers, cv=ShuffleSplit(20, test_size=0.5, random_state=1)).mean()
    )


@every_kind
def test_the_bag_of_words_tells_nothing(kind: str) -> None:
    # With half as many questions, chance alone takes a kind of rare numbers to 57 %.
    questions = [question for seed in range(100, 116) for question in drawn(kind, 84, seed)]
    assert bag_of_words_score([told(question) for question in questions], [question.gold is Label.YES for question in questions]) < 0.55


def test_the_bag_of_words_finds_a_word_that_gives_answers_away() -> None:
    questions = [question for seed in range(100, 102) for question in drawn("dates", 84, seed)]
    answers = [question.gold is Label.YES for question in questions]
    texts = [f"{told(question)} {'really' if yes else ''}" for question, yes in zip(questions, answers, strict=True)]
    assert bag_of_words_score(texts, answers) > 0.8


@every_kind
def test_ids_count_from_one_and_kinds_are_named(kind: str) -> None:
    questions = drawn(kind, 84, 7)
    assert [question.id for question in questions] == [f"{kind}-{n:03d}" for n in range(1, 85)]
    assert {question.kind for question in questions} == {kind}


@every_kind
def test_texts_are_single_short_questions_with_positions_in_figures(kind: str) -> None:
    for question in drawn(kind, 84, 7):
        assert 4 <= len(told(question).split()) <= 45, question.text
        assert question.text.endswith("?") and "  " not in question.text, question.text
        assert question.text[0].isupper() or question.text[0].isdigit()
        assert not re.search(r"\b(first|second|third|fourth|fifth|median)\b", question.text), question.text


@every_kind
def test_nothing_is_asked_twice_even_where_wordings_run_out(kind: str) -> None:
    texts = [told(question).lower() for question in drawn(kind, 160, 3)]
    assert len(set(texts)) == 160


@every_kind
def test_equal_seeds_give_equal_questions_and_other_seeds_others(kind: str) -> None:
    assert draw(kind, 84, 7) == drawn(kind, 84, 7)
    assert {told(question) for question in draw(kind, 84, 8)} != {told(question) for question in drawn(kind, 84, 7)}


@every_kind
def test_what_was_asked_before_is_not_asked_again(kind: str) -> None:
    earlier = [question.text for question in drawn(kind, 84, 7)]
    again = draw(kind, 84, 7, [text.upper() for text in earlier])
    asked = {text.splitlines()[-1].lower() for text in earlier}
    assert not [question.text for question in again if question.text.splitlines()[-1].lower() in asked]


def test_a_question_that_repeats_a_worked_example_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    words = set(re.findall(r"\w+", told(drawn("words", 2, 1)[0]).lower()))
    monkeypatch.setattr("benchmarks.questions.workload.WORKED", (*WORKED, words))
    assert not any(words <= set(re.findall(r"\w+", question.text.lower())) for question in draw("words", 2, 1))


def test_small_tables_stand_in_the_passage_or_before_the_question() -> None:
    questions = drawn("small_tables", 84, 7)
    in_passage = [question for question in questions if question.passage is not None]
    assert 20 < len(in_passage) < 64
    for question in questions:
        *_, last = question.text.split("\n")
        lines = told(question).removesuffix(last).strip().split("\n")[1:]
        assert 4 <= len(lines) <= 7 and all(re.fullmatch(r"\w+: \d+", line) for line in lines)


def test_a_pair_of_neighbours_says_nothing_about_whether_they_are_equal() -> None:
    rng = Random(2)
    pairs = Counter(true_and_stated(rng, 2, 5) for _ in range(12_000))
    for stated in range(2, 6):
        of_it = {true: count for (true, other), count in pairs.items() if other == stated}
        assert of_it[stated] / sum(of_it.values()) == pytest.approx(0.5, abs=0.04)


def test_an_odd_number_none_and_an_unknown_kind_are_refused() -> None:
    with pytest.raises(QuestionsError, match="even number above zero, not 3"):
        draw("dates", 3, 1)
    with pytest.raises(QuestionsError, match="not 0"):
        draw("dates", 0, 1)
    with pytest.raises(QuestionsError, match="'poems'.*small_tables"):
        draw("poems", 2, 1)


def test_a_family_that_runs_out_says_so() -> None:
    always_yes = Family("same", ("Is it so, {who}?",), lambda rng: Filling({"who": "Mei"}, True))
    with pytest.raises(QuestionsError, match="'same' with answer False is left"):
        Deck(Random(1)).deal_even([always_yes], 2)


def test_the_command_writes_questions_that_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier, later = tmp_path / "earlier.jsonl", tmp_path / "later.jsonl"
    main(["--kinds", "dates", "small_tables", "dates", "--n", "10", "--seed", "4", "--out", str(earlier)])
    assert "20 questions written" in capsys.readouterr().out
    assert load_questions(earlier) == (*draw("dates", 10, 4), *draw("small_tables", 10, 4))
    main(["--kinds", "dates", "--n", "10", "--seed", "4", "--out", str(later), "--without", str(earlier)])
    texts = [[json.loads(row)["question"] for row in path.read_text(encoding="utf-8").splitlines()] for path in (earlier, later)]
    assert not set(texts[0]) & set(texts[1])


def test_the_command_says_in_one_line_why_nothing_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--n", "5", "--seed", "1", "--out", str(tmp_path / "none.jsonl")])
    assert ended.value.code == 1
    assert "Nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
