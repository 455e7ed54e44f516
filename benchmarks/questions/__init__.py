"""Yes/no questions built by rule, their answers computed from the facts that they state.

    >>> generate("arithmetic", DEFAULT_SEED)[0].id
    'arithmetic-001'

A kind is a set of families (`families.py`): one meaning, several phrasings, one way to compute the answer.
Half of the questions of every kind are answered yes. Equal seeds give equal questions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.questions import arithmetic, logic, tables, timetables, units, words
from benchmarks.questions.families import Deck, Draft
from der_core.errors import QuestionsError
from der_core.records import Label, Question

DEFAULT_SEED = 7
"""The seed of the files in assets/questions/hard."""
HARD_KINDS = ("timetables", "tables", "logic")
"""Generated kinds that are shipped: small models guess on them. The others live on in the workload's families."""

_PASSAGE_KINDS = {"timetables": (timetables.SCENES, 84), "tables": (tables.SCENES, 84)}
_PLAIN_KINDS = {
    "arithmetic": (arithmetic.FAMILIES, 60),
    "logic": (logic.FAMILIES, 60),
    "words": (words.FAMILIES, 60),
    "units": (units.FAMILIES, 60),
}

GENERATED_KINDS = (*_PASSAGE_KINDS, *_PLAIN_KINDS)
"""Kinds that `generate` knows: first those with a passage for every two questions, then those without."""


def generate(kind: str, seed: int = DEFAULT_SEED) -> tuple[Question, ...]:
    """All questions of a kind with their gold labels, ids counted from 001.

    Questions about the same passage follow one another, one yes and one no. Raises QuestionsError for an unknown kind.
    """
    return tuple(
        Question(f"{kind}-{number:03d}", draft.text, draft.passage, Label.of_answer(draft.answer), kind)
        for number, draft in enumerate(_draft(kind, seed), start=1)
    )


def _draft(kind: str, seed: int) -> list[Draft]:
    deck = Deck(Random(f"{kind}:{seed}"))
    if kind in _PASSAGE_KINDS:
        return deck.deal_scenes(*_PASSAGE_KINDS[kind])
    if kind in _PLAIN_KINDS:
        return deck.deal(*_PLAIN_KINDS[kind])
    raise QuestionsError(f"No questions of kind {kind!r} are generated; choose from {', '.join(GENERATED_KINDS)}.")


def write(folder: Path, seed: int = DEFAULT_SEED, kinds: Sequence[str] = HARD_KINDS) -> tuple[Path, ...]:
    """Write `<kind>.jsonl` for every kind into an existing folder; the paths, in the order of `kinds`.

    One question a line: id, kind, passage (where there is one), question, answer (true for yes).
    """
    paths = tuple(folder / f"{kind}.jsonl" for kind in kinds)
    for kind, path in zip(kinds, paths, strict=True):
        path.write_text("".join(line(question) for question in generate(kind, seed)), encoding="utf-8", newline="\n")
    return paths


def line(question: Question) -> str:
    """The question as a line of a question file."""
    passage = {} if question.passage is None else {"passage": question.passage}
    answer = question.gold == Label.YES
    record = {"id": question.id, "kind": question.kind, **passage, "question": question.text, "answer": answer}
    return json.dumps(record, ensure_ascii=False) + "\n"
