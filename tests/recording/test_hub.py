"""Sets of the hub, read by the real library from folders that look as a hub set does, or from sets made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from der_core.errors import QuestionsError
from der_core.recording.questions import load_questions, read_questions
from der_core.records import Label, Question

ROWS = [
    {"question": "is tea made from leaves", "passage": "Tea is made from leaves.", "idx": 0, "label": 1},
    {"question": "is tea made from bark", "passage": "Tea is made from leaves.", "idx": 1, "label": 0},
    {"question": "is tea hot", "passage": "Tea is made from leaves.", "idx": 2, "label": -1},
]
CARD = """---
configs:
- config_name: boolq
  data_files: [{split: train, path: boolq.jsonl}]
- config_name: colours
  data_files: [{split: train, path: colours.jsonl}]
---
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where the library keeps what it unpacks, and no hub is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path


def jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def install(monkeypatch: pytest.MonkeyPatch, found: Callable[[str, str | None], Dataset]) -> list[tuple[str, str | None, str]]:
    """Let `found` answer instead of the hub; returns the calls it got."""
    calls: list[tuple[str, str | None, str]] = []

    def load_dataset(name: str, configuration: str | None = None, *, split: str) -> Dataset:
        calls.append((name, configuration, split))
        return found(name, configuration)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def test_boolq_comes_from_the_hub_with_its_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"question": "is ice hot", "passage": "Ice is cold.", "answer": False},
        {"question": "is fire hot", "passage": None, "answer": True},
    ]
    calls = install(monkeypatch, lambda name, configuration: Dataset.from_list(rows))
    assert load_questions("boolq", split="train") == (
        Question("boolq-train-00000", "is ice hot", "Ice is cold.", Label.NO),
        Question("boolq-train-00001", "is fire hot", None, Label.YES),
    )
    assert calls == [("google/boolq", None, "train")]


def test_a_set_in_a_folder_is_read_by_its_two_names(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    jsonl(folder / "google" / "boolq" / "train.jsonl", ROWS)
    file = read_questions("google/boolq", split="train")
    assert [(question.id, question.gold) for question in file.questions] == [
        ("boolq-train-0", Label.YES),
        ("boolq-train-1", Label.NO),
        ("boolq-train-2", None),
    ]
    assert (file.n_with_passage, file.n_without_answer, file.unread) == (3, 1, ())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["super_glue/boolq", "aps/super_glue:boolq"])
def test_a_configuration_is_named_after_the_set(folder: Path, name: str) -> None:
    card = folder / name.replace(":", "/").removesuffix("/boolq") / "README.md"
    jsonl(card.with_name("boolq.jsonl"), ROWS)
    jsonl(card.with_name("colours.jsonl"), [{"question": "is red blue", "label": 0}])
    card.write_text(CARD, encoding="utf-8")
    assert [question.text for question in load_questions(name, split="train")] == [row["question"] for row in ROWS]


def test_a_set_with_configurations_needs_one(folder: Path) -> None:
    jsonl(folder / "aps" / "super_glue" / "boolq.jsonl", ROWS)
    jsonl(folder / "aps" / "super_glue" / "colours.jsonl", ROWS)
    (folder / "aps" / "super_glue" / "README.md").write_text(CARD, encoding="utf-8")
    with pytest.raises(QuestionsError, match=r"Config name is missing.*\['boolq', 'colours'\]"):
        load_questions("aps/super_glue", split="train")


def test_two_names_are_taken_as_set_and_configuration_where_there_is_no_such_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str, configuration: str | None) -> Dataset:
        if configuration is None:
            raise datasets.exceptions.DatasetNotFoundError(f"Dataset '{name}' doesn't exist on the Hub or cannot be accessed.")
        return Dataset.from_list(ROWS)

    calls = install(monkeypatch, found)
    assert len(load_questions("super_glue/boolq", split="train")) == 3
    assert calls == [("super_glue/boolq", None, "train"), ("super_glue", "boolq", "train")]


def test_a_set_that_is_not_there_is_told_by_the_name_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str, configuration: str | None) -> Dataset:
        raise datasets.exceptions.DatasetNotFoundError(f"Dataset '{name}' doesn't exist on the Hub or cannot be accessed.")

    install(monkeypatch, found)
    with pytest.raises(QuestionsError, match="Dataset 'google/bolq' doesn't exist"):
        load_questions("google/bolq")


def test_splits_whose_own_ids_are_the_same_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda name, configuration: Dataset.from_list(ROWS))
    learn, held_out = (load_questions("google/boolq", split=split) for split in ("train", "validation"))
    assert not {question.id for question in learn} & {question.id for question in held_out}


def test_numbers_of_classes_are_read_by_the_names_of_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features({"question": Value("string"), "label": ClassLabel(names=["yes", "no"])})
    columns = {"question": ["is ice cold", "is ice hot", "is ice wet"], "label": [0, 1, -1]}
    install(monkeypatch, lambda name, configuration: Dataset.from_dict(columns, features=features))
    assert [question.gold for question in load_questions("a/b")] == [Label.YES, Label.NO, None]


def test_classes_that_are_no_answers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features({"question": Value("string"), "label": ClassLabel(names=["entailment", "contradiction"])})
    columns = {"question": ["is ice cold"], "label": [0]}
    install(monkeypatch, lambda name, configuration: Dataset.from_dict(columns, features=features))
    with pytest.raises(QuestionsError, match="a/b, validation question 0: the answer 'entailment' is none of"):
        load_questions("a/b")


def test_columns_that_nobody_reads_are_named_but_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"question": ["is ice cold"], "picture": [{"bytes": b"no picture", "path": None}]}
    features = Features({"question": Value("string"), "picture": datasets.Image()})
    install(monkeypatch, lambda name, configuration: Dataset.from_dict(columns, features=features))
    assert read_questions("a/b").unread == ("picture",)


def test_a_set_without_questions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda name, configuration: Dataset.from_list([{"text": "is ice hot"}]))
    with pytest.raises(QuestionsError, match="google/boolq, validation question 0: no question among the columns text"):
        load_questions("boolq")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach\nthe hub"),
        FileNotFoundError("no such dataset"),
        ValueError("Unknown split"),
        ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."),
    ],
)
def test_without_a_hub_the_file_option_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def found(name: str, configuration: str | None) -> Dataset:
        raise error

    install(monkeypatch, found)
    with pytest.raises(QuestionsError, match=r"google/boolq \(validation\) could not be loaded.*--questions FILE\.jsonl") as caught:
        load_questions("boolq")
    assert "\n" not in str(caught.value)
