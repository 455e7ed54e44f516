"""Finding questions among recorded replies: pure, from a table and the texts of its replies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from der_core.recording.store import Call
from der_core.recording.table import Table
from der_core.records import Label
from ui.shared.parts import DASH

Flags = NDArray[np.bool_]
RIGHT, WRONG = "✓", "✗"


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields want everything. `wrong` names an expert whose first reply is wrong."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    wrong: str = ""
    invalid: bool = False


@dataclass(frozen=True, eq=False)
class Replies:
    """A recording to look into: the table, incomplete questions included, and the text of each reply."""

    table: Table
    texts: Mapping[Call, str]

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of question that there are."""
        return tuple(sorted({question.kind for question in self.table.questions if question.kind}))

    def find(self, wanted: Wanted) -> NDArray[np.int64]:
        """Return the rows of the questions that are wanted, in recorded order."""
        table = self.table
        keep = np.ones(table.n_questions, dtype=np.bool_)
        if wanted.text.strip():
            keep &= self._holding(wanted.text.strip().lower())
        if wanted.kinds:
            keep &= np.array([question.kind in wanted.kinds for question in table.questions], dtype=np.bool_)
        names = [spec.name for spec in table.experts]
        if wanted.wrong in names:
            keep &= table.quality[:, names.index(wanted.wrong), Label.NONE] == 0
        if wanted.invalid:
            keep &= (table.labels == Label.INVALID).any(axis=(1, 2))
        return np.flatnonzero(keep)

    def rows_frame(self, rows: Collection[int]) -> pd.DataFrame:
        """Return those questions as a table for people: the label of each expert alone, and after each label shown."""
        return pd.DataFrame([self._row(row) for row in rows])

    @cached_property
    def _haystacks(self) -> list[str]:
        said: dict[str, list[str]] = {}
        for call, text in self.texts.items():
            said.setdefault(call.question_id, []).append(text)
        return [
            "\n".join([question.id, question.text, question.passage or "", *said.get(question.id, ())]).lower()
            for question in self.table.questions
        ]

    def _holding(self, text: str) -> Flags:
        return np.array([text in haystack for haystack in self._haystacks], dtype=np.bool_)

    def _row(self, row: int) -> dict[str, str]:
        question = self.table.questions[row]
        words = {spec.name: self._cell(row, index) for index, spec in enumerate(self.table.experts)}
        return {
            "Question": question.text,
            "Gold": label_word(question.gold or Label.NONE),
            **words,
            "Kind": question.kind or DASH,
            "Id": question.id,
        }

    def _cell(self, row: int, expert: int) -> str:
        codes = [Label(int(code)) for code in self.table.labels[row, expert]]
        after = [label_word(code) for code in codes[1:] if code is not Label.NONE]
        return f"{self.mark(row, expert, Label.NONE)} {label_word(codes[0])} ({', '.join(after) or DASH})".strip()

    def mark(self, row: int, expert: int, previous_label: Label) -> str:
        """Return a sign for a right and for a wrong reply; nothing where nobody knows."""
        quality = float(self.table.quality[row, expert, previous_label])
        return "" if np.isnan(quality) else RIGHT if quality else WRONG


def label_word(label: Label) -> str:
    """Return a label as people read it, a dash for none."""
    return DASH if label is Label.NONE else label.word
