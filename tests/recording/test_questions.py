"""Questions are read as they stand, and mistakes are named with their line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from der_core.errors import QuestionsError
from der_core.recording import questions as module
from der_core.recording.questions import load_questions
from der_core.records import Label, Question

GOOD = {"id": "a", "kind": "tale", "passage": "A cat sat.", "question": "Did a cat sit?", "answer": True}


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_jsonl_is_read_with_all_its_fields(tmp_path: Path):
    path = jsonl(tmp_path / "mine.jsonl", GOOD, "", {"question": "Is ice hot?", "answer": "no", "idx": 7})
    assert load_questions(path) == (
        Question("a", "Did a cat sit?", "A cat sat.", Label.YES, "tale"),
        Question("7", "Is ice hot?", None, Label.NO, None),
    )


def test_csv_is_read_with_marks_quotes_and_line_breaks(tmp_path: Path):
    text = '\ufeffQuestion,Answer,Passage\r\n"Is it ""so"",\nreally?",YES,"One\nTwo"\r\nIs ice hot?,0,\r\n'
    first, second = load_questions(csv(tmp_path / "mine.csv", text))
    assert (first.text, first.passage, first.gold) == ('Is it "so",\nreally?', "One\nTwo", Label.YES)
    assert (second.text, second.passage, second.gold) == ("Is ice hot?", None, Label.NO)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        (True, Label.YES),
        ("Yes", Label.YES),
        (1, Label.YES),
        ("TRUE ", Label.YES),
        (False, Label.NO),
        ("no", Label.NO),
        (0, Label.NO),
        (1.0, Label.YES),
        (0.0, Label.NO),
        ("1.0", Label.YES),
        ("0.0", Label.NO),
        ("True", Label.YES),
        ("False", Label.NO),
        ("", None),
        (None, None),
        (-1, None),
        (-1.0, None),
        ("-1", None),
        (float("nan"), None),
        ("NaN", None),
        ("null", None),
        ("None", None),
    ],
)
def test_answers_are_read_in_their_usual_spellings(tmp_path: Path, answer: object, gold: Label | None):
    assert load_questions(jsonl(tmp_path / "q.jsonl", {**GOOD, "answer": answer}))[0].gold == gold


def test_a_question_without_an_answer_has_no_gold(tmp_path: Path):
    assert load_questions(jsonl(tmp_path / "q.jsonl", {"question": "Is ice hot?"}))[0].gold is None


def test_a_line_separator_within_a_text_is_no_new_line(tmp_path: Path):
    path = jsonl(tmp_path / "q.jsonl", json.dumps({**GOOD, "passage": "One\u2028two\x85three"}, ensure_ascii=False))
    assert load_questions(path)[0].passage == "One\u2028two\x85three"


def test_an_id_made_from_content_stays_when_rows_are_added(tmp_path: Path):
    row = {"question": "Is ice hot?", "answer": False}
    (alone,) = load_questions(jsonl(tmp_path / "q.jsonl", row))
    after = load_questions(jsonl(tmp_path / "q.jsonl", {"question": "Is fire hot?"}, row))
    assert after[1] == alone and alone.id.startswith("q-")


def test_the_passage_can_be_left_out_under_the_same_id(tmp_path: Path):
    path = jsonl(tmp_path / "q.jsonl", GOOD, {"question": "Is ice hot?", "passage": "Ice is cold."})
    bare = load_questions(path, with_passage=False)
    assert [question.passage for question in bare] == [None, None]
    assert [question.id for question in bare] == [question.id for question in load_questions(path)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "line 2: not JSON"),
        ("[" * 100_000, "line 2: not JSON"),
        ('["question"]', "line 2: not a JSON object"),
        ('{"answer": true}', "line 2: no question"),
        ('{"question": "  "}', "line 2: no question"),
        ('{"question": ["a"]}', "line 2: question must be text"),
        ('{"question": "Is it?", "passage": {"a": 1}}', "line 2: passage must be text"),
        ('{"question": "Is it?", "answer": "maybe"}', "line 2: the answer 'maybe' is none of"),
        ('{"question": "Is it?", "answer": 2}', "line 2: the answer '2' is none of"),
        ('{"question": "Is it \\ud83d?"}', "line 2: question contains half of a character"),
        ('{"question": "Is it \\u0000?"}', "line 2: question contains a NUL"),
        ('{"question": "Is it?", "passage": "One.", "context": "Two."}', "line 2: two columns for the passage: passage, context"),
        ('{"question": "Is it?", "answer": true, "answer": false}', "line 2: not JSON .'answer' stands twice"),
        ('{"question": "Is it?", "idx": 1.5}', "line 2: id must be text, not 1.5"),
        ('{"question": "Is it?", "idx": true}', "line 2: id must be text, not True"),
        ('{"question": 1.5}', "line 2: question must be text, not 1.5"),
        ('{"question": "Is it?", "label": 0.5}', "line 2: the answer '0.5' is none of"),
        ('{"question": "Is it?", "label": Infinity}', "line 2: the answer 'inf' is none of"),
        ('{"question": "Is it?", "label": ["yes"]}', "line 2: the answer .* is none of"),
        ("1" * 5_000, "line 2: not JSON"),
        (json.dumps(GOOD), "line 2: same question or id .a. as .*line 1"),
    ],
)
def test_a_mistake_in_jsonl_is_named_with_its_line(tmp_path: Path, line: str, problem: str):
    with pytest.raises(QuestionsError, match=problem) as caught:
        load_questions(jsonl(tmp_path / "q.jsonl", GOOD, line))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("question,answer\nIs it?,yes\nIs it, really?,yes\n", "line 3: more fields than the header"),
        ("question,answer\n\nIs it?,perhaps\n", "line 3: the answer 'perhaps'"),
        ("statement,answer\nIs it?,yes\n", "line 1: no question column among statement, answer"),
        ("question:answer\nIs it?:yes\n", r"line 1: no question column among question:answer.*comma, semicolon, tab or \|"),
        ("question,answer,Answer\nIs it?,yes,no\n", "line 2: two columns for the answer: answer, Answer"),
        ("question,answer,answer\nIs it?,yes,no\n", "line 1: the column answer stands twice"),
        ("question,answer\nIs it\nreally?,yes\n", "line 2: 1 fields where the header names 2"),
        ('question,answer\n"Is it?,yes\nIs ice hot?,no\n', "line 2: not CSV .unexpected end of data, by line 3.*never closed"),
        ('question,answer\n"Is it?,yes\nIs "ice" hot?,no\n"Is fire",yes\n', "line 2: not CSV .*by line 3.*never closed"),
        ("question,answer\nIs\x00 it?,yes\n", "line 2: a NUL byte"),
        ("question,answer\n", "holds no questions"),
        ("", "holds no questions"),
    ],
)
def test_a_mistake_in_csv_is_named_with_its_line(tmp_path: Path, text: str, problem: str):
    with pytest.raises(QuestionsError, match=problem):
        load_questions(csv(tmp_path / "q.csv", text))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "q.csv").write_bytes(b"question\nCaf\xe9?\n")
    with pytest.raises(QuestionsError, match="not UTF-8"):
        load_questions(tmp_path / "q.csv")


@pytest.mark.parametrize("source", ["missing.jsonl", "missing.csv"])
def test_a_missing_file_is_told(tmp_path: Path, source: str):
    with pytest.raises(QuestionsError, match=r"cannot be read: No such file.* Check the path"):
        load_questions(tmp_path / source)


@pytest.mark.parametrize("source", ["questions", "my/file.txt/deep", "notes.txt", ""])
def test_what_is_no_source_is_answered_with_the_choices(source: str):
    with pytest.raises(QuestionsError, match=r"no source of questions.*boolq.*bundled.*--questions FILE\.jsonl"):
        load_questions(source)


def test_a_larger_limit_extends_a_smaller_one(tmp_path: Path):
    path = jsonl(tmp_path / "q.jsonl", *({"question": f"Is {n} odd?"} for n in range(30)))
    few, more, every = (load_questions(path, limit=limit, seed=3) for limit in (5, 12, 99))
    assert more[:5] == few and len(set(more)) == 12 and len(every) == 30
    assert load_questions(path, limit=5, seed=4) != few
    with pytest.raises(QuestionsError, match="At least one"):
        load_questions(path, limit=0)


def test_the_bundled_files_are_read_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(module, "BUNDLED_FOLDER", tmp_path)
    with pytest.raises(QuestionsError, match="bundled questions are not at .* choose --questions FILE"):
        load_questions("bundled")
    jsonl(tmp_path / "b.jsonl", {**GOOD, "id": "b"})
    jsonl(tmp_path / "a.jsonl", GOOD)
    assert [question.id for question in load_questions("bundled")] == ["a", "b"]
    jsonl(tmp_path / "c.jsonl", GOOD)
    with pytest.raises(QuestionsError, match="same question or id"):
        load_questions("bundled")
