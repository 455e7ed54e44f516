"""Rows of files and hub sets become questions: which column serves as what, what an answer means, what is left out."""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from reprlib import repr as shortly

import numpy as np

from der_core.errors import QuestionsError
from der_core.records import Label, Question

ROLES: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "query", "q", "prompt", "question_text"),
    "passage": ("passage", "context", "paragraph", "document", "article", "text", "evidence"),
    "answer": ("answer", "answers", "label", "labels", "gold", "gold_label", "gold_answer", "target", "output"),
    "id": ("id", "idx", "qid", "guid", "uid", "question_id"),
    "kind": ("kind",),
}
"""What a question is made of, and the names under which public sets keep it."""

_ROLE_OF = {name: role for role, names in ROLES.items() for name in names}
_ANSWERS = {"true": Label.YES, "yes": Label.YES, "false": Label.NO, "no": Label.NO}
_CODES = {1.0: Label.YES, 0.0: Label.NO, -1.0: None}
_UNKNOWN = {"", "none", "null", "nan", "na", "n/a", "<na>"}
_HALF_LETTER = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"(?<!\d)(-?\d++)\.0+")
_SHOWN, _SHOWN_LETTERS = 8, 40
"""How many names of columns one line takes, and how much of each."""


@dataclass(frozen=True)
class Row:
    """The values of one row by column, none for a row of empty cells, and `where` it stands."""

    where: str
    values: Mapping[str, object]


@dataclass
class Intake:
    """Questions taken from rows, and the account of it: columns by role, columns that nobody reads, rows left out and why."""

    questions: list[Question] = field(default_factory=list)
    columns: dict[str, dict[str, None]] = field(default_factory=dict)
    unread: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    _places: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row], prefix: str, *, by_position: bool = False) -> None:
        """Take the questions of `rows`; one without an id is named after `prefix` and its content.

        `by_position` names it after its place instead, and puts `prefix` before ids of the set's own: those of
        its splits may well be the same.

        Raises QuestionsError for a row without a question, an answer that is none, two columns for one role,
        and an id that stands twice; a row that merely repeats an earlier one is left out.
        """
        for position, row in enumerate(rows):
            if not row.values:
                self.left_out["empty row"] += 1
                continue
            question, is_named = _question(row, self._roles(row), prefix, position if by_position else None)
            if question.id not in self._places:
                self._places[question.id] = (row.where, len(self.questions))
                self.questions.append(question)
                continue
            first, place = self._places[question.id]
            if is_named or self.questions[place] != question:
                raise QuestionsError(f"{row.where}: same question or id ({question.id}) as {first}. Remove one, or give them ids.")
            self.left_out["repeated row"] += 1

    def _roles(self, row: Row) -> Mapping[str, str]:
        try:
            roles, unread = _assigned(tuple(row.values))
        except _TwoColumns as error:
            raise QuestionsError(f"{row.where}: {error}") from error
        for role, name in roles.items():
            self.columns.setdefault(role, {})[name] = None
        self.unread.update(dict.fromkeys(unread))
        return roles


class _TwoColumns(Exception):
    """Two columns of one row could serve as the same."""


@lru_cache(maxsize=256)  # most rows of a file have the same columns
def _assigned(names: tuple[str, ...]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The column for each role, and the columns for none."""
    roles: dict[str, str] = {}
    for name in names:
        role = role_of(name)
        if role in roles:
            raise _TwoColumns(f"two columns for the {role}: {shown_names((roles[role], name))}. Remove or rename one.")
        if role:
            roles[role] = name
    return roles, tuple(name for name in names if not role_of(name))


def role_of(column: str) -> str | None:
    """Return what a column of that name serves as: a key of ROLES, or None where nobody reads it."""
    return _ROLE_OF.get(re.sub(r"[\s-]+", "_", column.strip().lower()))


def meant_role(column: str) -> str | None:
    """Return the role of which a column's name seems to be a misspelling, None where it resembles none."""
    near = difflib.get_close_matches(column.strip().lower()[:_SHOWN_LETTERS], [name for name in _ROLE_OF if len(name) > 3], n=1, cutoff=0.8)
    return _ROLE_OF[near[0]] if near else None


def shown_names(names: Iterable[str]) -> str:
    """Return names of columns as one line can show them, whatever they hold and however many they are."""
    every = list(names)
    shown = ["".join(letter if letter.isprintable() else "\ufffd" for letter in name[:_SHOWN_LETTERS]) or "(no name)" for name in every]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def name_classes(values: Mapping[str, object], classes: Mapping[str, list[str]]) -> dict[str, object]:
    """Return the values with class numbers replaced by their names: a set may well number its classes "yes", "no"."""
    return {name: _class_name(value, classes[name]) if name in classes else value for name, value in values.items()}


def _class_name(value: object, names: list[str]) -> object:
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def gold_of(value: object) -> Label | None:
    """Return what an answer says, None for one that is unknown (nothing, NaN, -1); ValueError for anything else."""
    spoken = "" if value is None else str(value).strip().lower()
    if spoken in _UNKNOWN:
        return None
    if spoken in _ANSWERS:
        return _ANSWERS[spoken]
    code = float(spoken)
    if code not in _CODES:
        raise ValueError(spoken)
    return _CODES[code]


def _question(row: Row, roles: Mapping[str, str], prefix: str, position: int | None) -> tuple[Question, bool]:
    """The question of a row, and whether its id is its own: the row's or, in a hub set, that of its position."""
    values = {role: _python_value(row.values[name]) for role, name in roles.items()}
    text, passage = _text(values, "question", row.where), _text(values, "passage", row.where)
    if not text:
        raise QuestionsError(
            f"{row.where}: no question among the columns {shown_names(row.values)}. "
            "Name it question, query, q or prompt; answer, passage, id and kind are optional."
        )
    own = _WHOLE.sub(r"\1", _text(values, "id", row.where))
    if position is not None:
        own = f"{prefix}-{own or f'{position:05d}'}"
    content = hashlib.sha256(f"{passage}\n{text}".encode()).hexdigest()[:12]
    gold, kind = _gold(values.get("answer"), row.where), _text(values, "kind", row.where) or None
    return Question(own or f"{prefix}-{content}", text, passage or None, gold, kind), bool(own)


def _python_value(value: object) -> object:
    """A value as Python has it: numpy's kinds unwrapped, NaN as None."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and math.isnan(plain) else plain


def _text(values: Mapping[str, object], role: str, where: str) -> str:
    value = values.get(role)
    is_number = isinstance(value, int) and not isinstance(value, bool) or role == "id" and isinstance(value, float) and value.is_integer()
    if value is not None and not isinstance(value, str) and not is_number:
        raise QuestionsError(f"{where}: {role} must be text, not {shortly(value):.60}.")
    text = "" if value is None else str(value).strip()
    if _HALF_LETTER.search(text):
        raise QuestionsError(f"{where}: {role} contains half of a character (a lone surrogate); save the file as UTF-8 again.")
    if "\x00" in text:
        raise QuestionsError(f"{where}: {role} contains a NUL character, which no text has; take it out.")
    return text


def _gold(value: object, where: str) -> Label | None:
    try:
        return gold_of(value)
    except ValueError as error:
        raise QuestionsError(
            f"{where}: the answer {shortly(str(value).strip().lower()):.60} is none of true, false, yes, no, 1, 0 (leave it empty, or -1, if unknown)."
        ) from error
