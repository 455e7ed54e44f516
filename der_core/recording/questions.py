"""Yes/no questions: from BoolQ and other hub datasets, the bundled set, JSONL and CSV files; and their splits.

A split keeps the questions of one passage together. Groups stand in the order of a hash of seed and group, so
that the side of a question depends on little else: added questions move only the few groups at a border.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from der_core.errors import QuestionsError, SettingsError
from der_core.records import Label, Question

BOOLQ = "google/boolq"
BUNDLED_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "questions"
CHOICES = 'Choose "boolq", a hub dataset "org/name", "bundled", or --questions FILE.jsonl (or .csv).'

FRACTIONS = (0.4, 0.1, 0.5)
"""Shares of the questions for training, validation and test: half is held out, because a difference of some points needs many questions to be told from chance."""

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_ANSWERS = {"true": Label.YES, "yes": Label.YES, "1": Label.YES, "false": Label.NO, "no": Label.NO, "0": Label.NO, "": None, "none": None}
_ALIASES = {"idx": "id", "label": "answer"}

Row = Mapping[str, object]
Numbered = Iterator[tuple[int, Row]]
"""Rows with the number of the line on which each was found."""


@dataclass(frozen=True)
class Splits:
    """Ids of the questions of each side; nothing is fitted or chosen on `test`."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def load_questions(
    source: str | Path,
    *,
    split: str = "validation",
    with_passage: bool = True,
    limit: int | None = None,
    seed: int = 7,
) -> tuple[Question, ...]:
    """Return the questions of `source`: "boolq", another hub dataset "org/name", "bundled", or a .jsonl or .csv file.

    Files need the columns question and answer (true, false, yes, no, 1 or 0; empty: gold unknown); passage,
    id (or idx) and kind are optional. Without an id a question is named after its content, so that ids stay
    when rows are added. `split` concerns hub datasets only. `limit` draws that many at random, and a larger
    limit extends a smaller one of the same `seed`. Raises QuestionsError, with the line where there is one.
    """
    questions = tuple(_without_passage(question) for question in _read(source, split)) if not with_passage else _read(source, split)
    if not questions:
        raise QuestionsError(f"{source} holds no questions. Put one on each line, or choose another source.")
    if limit is None:
        return questions
    if limit < 1:
        raise QuestionsError(f"At least one question is needed, not {limit}.")
    return tuple(questions[place] for place in np.random.default_rng(seed).permutation(len(questions))[:limit])


def split_questions(questions: Sequence[Question], *, seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Splits:
    """Return the split of `questions` by passage, close to `fractions` of train, validation and test.

    The test side is drawn first, as `split_counts` does, so that its questions depend on its share only. Ids
    keep the order of `questions`. Raises SettingsError unless the fractions are shares that sum to 1.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise SettingsError(f"The fractions of train, validation and test must sum to 1, not {fractions}.")
    borders = (fractions[2], fractions[2] + fractions[1])
    side_of: dict[str, int] = {}
    passed = 0
    for group in _groups(questions, seed):
        middle = (passed + len(group) / 2) / len(questions)
        side_of |= {question.id: sum(middle > border for border in borders) for question in group}
        passed += len(group)
    test, validation, train = (tuple(question.id for question in questions if side_of[question.id] == side) for side in range(3))
    return Splits(train, validation, test)


def split_counts(questions: Sequence[Question], *, train: int, test: int, seed: int, validation_share: float = 0.2) -> Splits:
    """Return a split with `train` and `test` questions, validation being cut out of the former.

    The test side is drawn first and does not depend on `train`. A passage that would overfill a side is cut
    short, its other questions unused; the training side may end up short by those. Raises SettingsError if
    there are fewer than train + test questions, or a side would be empty.
    """
    if train < 1 or test < 1 or not 0 <= validation_share < 1:
        raise SettingsError(f"At least one training and one test question are needed, not {train} and {test}.")
    if train + test > len(questions):
        raise SettingsError(f"{train} training and {test} test questions are wanted, but there are {len(questions)}; lower one of the two.")
    groups = _groups(questions, seed)
    tested, rest = _take(groups, test)
    chosen, rest = _take(rest, round(train * validation_share))
    learned, _ = _take(rest, train - len(chosen))
    if not learned:
        raise SettingsError("The test side takes every passage; ask for fewer test questions.")
    return Splits(_ids(questions, learned), _ids(questions, chosen), _ids(questions, tested))


def _read(source: str | Path, split: str) -> tuple[Question, ...]:
    name = str(source)
    if name == "bundled":
        return _read_bundled(BUNDLED_FOLDER)
    if Path(name).suffix.lower() in (".jsonl", ".csv"):
        return _read_file(Path(name))
    if name == "boolq" or _HUB_NAME.fullmatch(name):
        return _read_hub(BOOLQ if name == "boolq" else name, split)
    raise QuestionsError(f"{name!r} is no source of questions. {CHOICES}")


def _read_bundled(folder: Path) -> tuple[Question, ...]:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise QuestionsError(f"The bundled questions are not at {folder}: run from a complete checkout, or choose --questions FILE.jsonl.")
    questions = tuple(question for file in files for question in _read_file(file))
    _check_unique((f"the bundled files, question {number}", question) for number, question in enumerate(questions, start=1))
    return questions


def _read_file(path: Path) -> tuple[Question, ...]:
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _jsonl_rows(path)
    try:
        found = [(f"{path}, line {line}", _question(row, f"{path}, line {line}", path.stem)) for line, row in rows]
    except UnicodeDecodeError as error:
        raise QuestionsError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8.") from error
    except OSError as error:
        raise QuestionsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error
    _check_unique(found)
    return tuple(question for _, question in found)


def _jsonl_rows(path: Path) -> Numbered:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _json_object(line, f"{path}, line {number}")


def _json_object(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise QuestionsError(f"{where}: not JSON ({error}). Each line must be one JSON object.") from error
    if not isinstance(row, dict):
        raise QuestionsError(f"{where}: not a JSON object. Each line must be one, with question and answer.")
    return row


def _csv_rows(path: Path) -> Numbered:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        try:
            for row in reader:
                if None in row:  # csv's key for fields beyond the header
                    raise QuestionsError(f"{path}, line {reader.line_num}: more fields than the header names. Quote fields with commas.")
                yield reader.line_num, row
        except csv.Error as error:
            raise QuestionsError(f"{path}, line {reader.line_num}: not CSV ({error}).") from error


def _question(row: Row, where: str, prefix: str) -> Question:
    named = {_ALIASES.get(name, name): value for name, value in ((str(key).strip().lower(), value) for key, value in row.items())}
    text, passage = _text(named, "question", where), _text(named, "passage", where)
    if not text:
        raise QuestionsError(f'{where}: no question. A file needs the columns "question" and "answer"; passage, id and kind are optional.')
    content = hashlib.sha256(f"{passage}\n{text}".encode()).hexdigest()[:12]
    return Question(
        id=_text(named, "id", where) or f"{prefix}-{content}",
        text=text,
        passage=passage or None,
        gold=_gold(named, where),
        kind=_text(named, "kind", where) or None,
    )


def _text(row: Row, column: str, where: str) -> str:
    value = row.get(column)
    if value is not None and not isinstance(value, str | int) or isinstance(value, bool):
        raise QuestionsError(f"{where}: {column} must be text, not {value!r:.60}.")
    text = "" if value is None else str(value).strip()
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise QuestionsError(f"{where}: {column} contains half of a character (a lone surrogate); save the file as UTF-8 again.")
    return text


def _gold(row: Row, where: str) -> Label | None:
    answer = row.get("answer")
    spoken = "" if answer is None else str(answer).strip().lower()
    if spoken not in _ANSWERS:
        raise QuestionsError(f"{where}: the answer {spoken!r:.60} is none of true, false, yes, no, 1, 0 (leave it empty if unknown).")
    return _ANSWERS[spoken]


def _check_unique(found: Iterable[tuple[str, Question]]) -> None:
    first: dict[str, str] = {}
    for where, question in found:
        if question.id in first:
            raise QuestionsError(f"{where}: same question or id ({question.id}) as {first[question.id]}. Remove one, or give them ids.")
        first[question.id] = where


def _read_hub(name: str, split: str) -> tuple[Question, ...]:
    prefix = f"{name.rpartition('/')[2]}-{split}"
    rows = enumerate(_hub_rows(name, split))
    return tuple(_question({"id": f"{prefix}-{number:05d}", **row}, f"{name}, {split} question {number}", prefix) for number, row in rows)


def _hub_rows(name: str, split: str) -> Iterable[Row]:
    with _quiet("huggingface_hub"):
        import httpx  # late, like datasets: the hub is one source of several
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError

        try:
            rows: Iterable[Row] = load_dataset(name, split=split)
        except (OSError, ValueError, httpx.HTTPError, DatasetsError) as error:
            reason = " ".join(str(error).split())[:200]
            raise QuestionsError(
                f"{name} ({split}) could not be loaded from the hub: {reason}. "
                "Without a hub, use --questions FILE.jsonl with question and answer on each line."
            ) from error
    return rows


@contextmanager
def _quiet(logger_name: str) -> Iterator[None]:
    """Keep a library's retry notices away from people, who get one line at the end."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _without_passage(question: Question) -> Question:
    return Question(question.id, question.text, None, question.gold, question.kind)


def _groups(questions: Sequence[Question], seed: int) -> list[list[Question]]:
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.group, []).append(question)
    return [groups[key] for key in sorted(groups, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())]


def _take(groups: list[list[Question]], n: int) -> tuple[list[Question], list[list[Question]]]:
    """The first n questions of the groups, and the groups that are left untouched."""
    taken: list[Question] = []
    for used, group in enumerate(groups):
        if len(taken) >= n:
            return taken, groups[used:]
        taken += group[: n - len(taken)]
    return taken, []


def _ids(questions: Sequence[Question], chosen: list[Question]) -> tuple[str, ...]:
    wanted = {question.id for question in chosen}
    return tuple(question.id for question in questions if question.id in wanted)
