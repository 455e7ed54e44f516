"""Questions that a short program can answer, for recordings of one's own: nine kinds, as many questions as wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from random import Random

from benchmarks.questions import arithmetic_more, dates, lists, numbers, percentages, sets, small_tables, units_more, words_more
from benchmarks.questions.families import Deck, Draft, Family
from der_core.errors import QuestionsError
from der_core.records import Label, Question

WORKLOAD_KINDS: dict[str, tuple[Family, ...]] = {
    "arithmetic": arithmetic_more.FAMILIES,
    "words": words_more.FAMILIES,
    "units": units_more.FAMILIES,
    "dates": dates.FAMILIES,
    "lists": lists.FAMILIES,
    "percentages": percentages.FAMILIES,
    "numbers": numbers.FAMILIES,
    "sets": sets.FAMILIES,
    "small_tables": small_tables.FAMILIES,
}
"""The families of every kind that `draw` knows."""

WORKED = (
    {"27", "18"},
    {"lantern"},
    {"pepper", "letters"},
    {"09:40", "135"},
    {"2", "july", "23", "june"},
    {"june", "august"},
    {"35", "celsius", "95", "fahrenheit"},
    {"8", "6", "1", "3", "smallest"},
    {"kilometre", "hundred"},
    {"garden"},
)
"""What the worked examples shown to the experts are about: a question with all words of one of these sets is not dealt."""


def draw(kind: str, n_questions: int, seed: int, taken: Iterable[str] = ()) -> tuple[Question, ...]:
    """`n_questions` questions of a kind, as many yes as no in every family, ids counted from 001.

    No question is one of `taken`, whatever the case of its letters or the table before it. Equal arguments give equal
    questions. Raises QuestionsError for an unknown kind, for a number that is odd or below two, and where so many
    questions cannot be had.
    """
    if kind not in WORKLOAD_KINDS:
        raise QuestionsError(f"No questions of kind {kind!r} can be drawn; choose from {', '.join(WORKLOAD_KINDS)}.")
    if n_questions < 2 or n_questions % 2:
        raise QuestionsError(f"Half of the questions are yes and half no: ask for an even number above zero, not {n_questions}.")
    rng, known = Random(f"workload:{kind}:{seed}"), frozenset(map(_asked, taken))
    drafts = Deck(rng, lambda text: _asked(text) in known or _is_worked(text)).deal_even(WORKLOAD_KINDS[kind], n_questions)
    if kind == "small_tables":
        drafts = [_told_in_question(draft) if rng.random() < 0.5 else draft for draft in drafts]
    return tuple(
        Question(f"{kind}-{number:03d}", draft.text, draft.passage, Label.of_answer(draft.answer), kind)
        for number, draft in enumerate(drafts, start=1)
    )


def _asked(text: str) -> str:
    """What is asked, without a table before it."""
    return text.lower().splitlines()[-1]


def _is_worked(text: str) -> bool:
    words = set(re.findall(r"[\w:]*\w", text.lower()))
    return any(example <= words for example in WORKED)


def _told_in_question(draft: Draft) -> Draft:
    return replace(draft, text=f"{draft.passage}\n{draft.text}", passage=None)
