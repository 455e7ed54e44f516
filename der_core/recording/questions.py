"""Yes/no questions: from BoolQ and other hub sets, the bundled set, and files; with an account of what was read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from der_core.errors import QuestionsError
from der_core.recording.hub import BOOLQ, hub_prefix, hub_rows, is_hub_name
from der_core.recording.opening import FILE_LIMITS, FORMATS, ReadLimits, is_question_file, unpacked_stem
from der_core.recording.question_files import file_rows
from der_core.recording.question_rows import Intake, meant_role, shown_names
from der_core.recording.splits import FRACTIONS, Splits, passage_groups, split_counts, split_questions, unknown_to, without_passages
from der_core.records import Label, Question
from der_core.shipped import SHIPPED

__all__ = [
    "BOOLQ",
    "FRACTIONS",
    "QuestionFile",
    "Splits",
    "is_question_file",
    "load_questions",
    "passage_groups",
    "read_questions",
    "split_counts",
    "split_questions",
    "unknown_to",
    "without_passages",
]

BUNDLED_FOLDER = SHIPPED / "assets" / "questions"
BUNDLED_SETS = {"bundled": Path(), "hard": Path("hard")}
"""Our own sets by name, with their folders below BUNDLED_FOLDER: questions that some small model can answer, and such as none can."""
CHOICES = (
    'Choose "boolq", a hub set "org/name" or "org/name:configuration", "bundled", "hard", or --questions FILE.jsonl (or another format).'
)


@dataclass(frozen=True)
class QuestionFile:
    """What was read of one source: the questions to ask, and the account of everything else that stood there.

    `n_read` counts all questions of the source, `questions` are those wanted of them. `columns` tells the columns
    taken, by role (question, passage, answer, id, kind); `unread` are those that nobody reads; `left_out` counts
    rows by the reason for which they became no question.
    """

    source: str
    questions: tuple[Question, ...]
    n_read: int
    columns: Mapping[str, tuple[str, ...]]
    unread: tuple[str, ...]
    left_out: Mapping[str, int]

    @property
    def n_with_passage(self) -> int:
        """How many of the questions are asked about a passage."""
        return sum(question.passage is not None for question in self.questions)

    @property
    def n_without_answer(self) -> int:
        """How many of the questions have no gold answer."""
        return sum(question.gold is None for question in self.questions)

    @property
    def summary(self) -> str:
        """All of it as one line for people."""
        parts = [f"{self.source}: {self._counts()}", *(part for part in (self._columns(), self._unread(), self._left_out()) if part)]
        return ". ".join(parts) + "."

    @property
    def without_answers(self) -> str:
        """What is to be confirmed before questions without a single answer are asked; empty where there is an answer."""
        if self.n_without_answer < len(self.questions):
            return ""
        unread = f", and nobody reads {self._suspects()}" if self.unread else ""
        return (
            f"None of the {len(self.questions):,} questions of {self.source} has an answer{unread}: without answers nothing can be scored."
        )

    def _counts(self) -> str:
        n_yes = sum(question.gold == Label.YES for question in self.questions)
        answers = [
            f"{n_yes:,} yes",
            f"{len(self.questions) - n_yes - self.n_without_answer:,} no",
            f"{self.n_without_answer:,} without an answer",
        ]
        n_bare = sum(question.passage_key is not None for question in self.questions)
        passages = [f"{self.n_with_passage:,} with a passage", *([f"{n_bare:,} asked without theirs"] if n_bare else [])]
        drawn = f" drawn from {self.n_read:,}" if len(self.questions) < self.n_read else ""
        return f"{len(self.questions):,} question{'' if len(self.questions) == 1 else 's'}{drawn}, {', '.join([*passages, *answers])}"

    def _columns(self) -> str:
        renamed = [f"{role} from {shown_names(names)}" for role, names in self.columns.items() if set(names) != {role}]
        return f"Taken: {', '.join(renamed)}" if renamed else ""

    def _unread(self) -> str:
        return f"Nobody reads: {self._suspects()}" if self.unread else ""

    def _suspects(self) -> str:
        """The columns that nobody reads, with what a misspelt one was meant as."""
        meant = {name: role for name in self.unread if (role := meant_role(name)) and role not in self.columns}
        hints = "".join(f" (is {shown_names([name])} meant as {role}?)" for name, role in list(meant.items())[:3])
        return shown_names(self.unread) + hints

    def _left_out(self) -> str:
        return f"Left out: {', '.join(f'{n:,} x {reason}' for reason, n in self.left_out.items())}" if self.left_out else ""


def load_questions(
    source: str | Path,
    *,
    split: str = "validation",
    with_passage: bool = True,
    limit: int | None = None,
    seed: int = 7,
) -> tuple[Question, ...]:
    """Return the questions of `source`: what `read_questions` reads, without the account."""
    return read_questions(source, split=split, with_passage=with_passage, limit=limit, seed=seed).questions


def read_questions(
    source: str | Path,
    *,
    split: str = "validation",
    with_passage: bool = True,
    limit: int | None = None,
    seed: int = 7,
    limits: ReadLimits = FILE_LIMITS,
) -> QuestionFile:
    """Return the questions of `source` and what else was found: "boolq", another hub set, "bundled", "hard", or a file.

    Files need a column for the question; answer (true, false, yes, no, 1 or 0; empty, NaN or -1: gold unknown),
    passage, id and kind are optional, and go by the names of `question_rows.ROLES`. Without an id a question is
    named after its content, so that ids stay when rows are added. `split` concerns hub sets only. `limit` draws
    that many at random, and a larger limit extends a smaller one of the same `seed`. Raises QuestionsError, with
    the line where there is one.
    """
    intake = _taken(str(source), split, limits)
    n_read = len(intake.questions)
    if not n_read:
        raise QuestionsError(f"{source} holds no questions. Put one on each line, or choose another source.")
    if limit is not None and limit < 1:
        raise QuestionsError(f"At least one question is needed, not {limit}.")
    every = intake.questions
    drawn = every if limit is None else [every[place] for place in np.random.default_rng(seed).permutation(n_read)[:limit]]
    columns = {role: tuple(names) for role, names in intake.columns.items()}
    questions = tuple(drawn if with_passage else without_passages(drawn))
    return QuestionFile(str(source), questions, n_read, columns, tuple(intake.unread), dict(intake.left_out))


def _taken(source: str, split: str, limits: ReadLimits) -> Intake:
    intake = Intake()
    if source in BUNDLED_SETS:
        for file in _bundled_files(BUNDLED_FOLDER / BUNDLED_SETS[source]):
            intake.add(file_rows(file, limits), file.stem)
    elif is_question_file(source):
        intake.add(file_rows(Path(source), limits), unpacked_stem(source))
    elif os.path.isfile(source):  # of pathlib's kind it would raise for a name that is too long
        raise QuestionsError(f"{source} is of a format that is not read. Save the questions as {FORMATS}.")
    elif source == "boolq" or is_hub_name(source):
        name = BOOLQ if source == "boolq" else source
        intake.add(hub_rows(name, split), hub_prefix(name, split), by_position=True)
    else:
        raise QuestionsError(f"{source!r} is no source of questions. {CHOICES}")
    return intake


def _bundled_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise QuestionsError(f"The bundled questions are not at {folder}: install the product anew, or choose --questions FILE.jsonl.")
    return files
