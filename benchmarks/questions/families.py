"""Families of questions: one meaning, several phrasings, and an answer computed from the facts that fill them.

A `Deck` deals from families so that every family and every phrasing stands as often with yes as with no:
neither the subject nor the wording of a question gives its answer away.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import TypeVar

from der_core.errors import QuestionsError

T = TypeVar("T")

MAX_OVERLAP = 0.75
"""Largest share of words (Jaccard) that two texts of one kind may have in common."""

_ALMOST_ALL = 0.999
"""A share of words that no two texts have which differ in a word."""
_FILLINGS = 300
"""Fillings drawn for one phrasing before the next family is tried; a refusal is rare, a run of 300 means none is left."""
_SCENES = 12
"""Passages drawn for every one that is kept."""


@dataclass(frozen=True)
class Filling:
    """What goes into the gaps of a phrasing, and the answer that follows from the same facts.

    `subject` is what the question is about, where that repeats easily: a family asks about it only once.
    `passage` is what the question refers to, where every question has facts of its own.
    """

    slots: Mapping[str, object]
    answer: bool
    subject: str | None = None
    passage: str | None = None


@dataclass(frozen=True)
class Family:
    """Questions of one meaning: any phrasing goes with any filling."""

    name: str
    phrasings: tuple[str, ...]
    fill: Callable[[Random], Filling]


@dataclass(frozen=True)
class Scene:
    """A passage and the families of questions that can be asked about it."""

    passage: str
    families: tuple[Family, ...]


@dataclass(frozen=True)
class Draft:
    """A question before it has an id."""

    family: str
    text: str
    answer: bool
    passage: str | None = None


def overlap(first: str, second: str) -> float:
    """Share of distinct words that two texts have in common (Jaccard), in [0, 1]."""
    return _share(_words(first), _words(second))


class Deck:
    """Deals drafts of one kind; remembers what it dealt, to stay balanced and free of near-duplicates."""

    def __init__(self, rng: Random, refuses: Callable[[str], bool] = lambda text: False) -> None:
        """`refuses` says of the text of a question that it must not be dealt."""
        self._rng = rng
        self._refuses = refuses
        self._subjects: set[tuple[str, str]] = set()
        self._used: Counter[tuple[str, bool]] = Counter()
        self._phrasings: Counter[tuple[str, str]] = Counter()
        self._dealt: list[frozenset[str]] = []
        self._passages: list[frozenset[str]] = []

    def deal(self, families: Sequence[Family], n_questions: int) -> list[Draft]:
        """`n_questions` drafts without passage, half of them yes, in random order."""
        answers = [index % 2 == 0 for index in range(n_questions)]
        self._rng.shuffle(answers)
        return [self._draw(families, answer) for answer in answers]

    def deal_even(self, families: Sequence[Family], n_questions: int) -> list[Draft]:
        """`n_questions` drafts in random order, as many yes as no in every family; the phrasings know nothing of the answers."""
        turns = [families[index % len(families)] for index in range(n_questions // 2)]
        drafts = [self._draw_from(family, answer) for family in turns for answer in self._rng.sample((True, False), 2)]
        return self._rng.sample(drafts, len(drafts))

    def deal_scenes(self, scenes: Sequence[Callable[[Random], Scene]], n_questions: int) -> list[Draft]:
        """`n_questions` drafts, two to a passage (one yes, one no, from different families), the scenes in turn."""
        turns = [scenes[index % len(scenes)] for index in range(n_questions // 2)]
        self._rng.shuffle(turns)
        return [draft for build in turns for draft in self._draw_pair(build)]

    def _draw_pair(self, build: Callable[[Random], Scene]) -> list[Draft]:
        scene = self._fresh_scene(build)
        first_answer = self._rng.random() < 0.5
        first = self._draw(scene.families, first_answer)
        others = [family for family in scene.families if family.name != first.family]
        second = self._draw(others, not first_answer)
        return [replace(draft, passage=scene.passage) for draft in (first, second)]

    def _fresh_scene(self, build: Callable[[Random], Scene]) -> Scene:
        """The candidate whose passage is least like any earlier one."""
        scenes = [build(self._rng) for _ in range(_SCENES)]
        scene = min(scenes, key=lambda scene: _likeness(_words(scene.passage), self._passages))
        self._passages.append(_words(scene.passage))
        return scene

    def _draw(self, families: Sequence[Family], answer: bool) -> Draft:
        for family in self._least_used_first(families, answer):
            phrasing = self._least_used_phrasing(family, answer)
            draft = self._fill(family, phrasing, answer)
            if draft is not None:
                self._used.update([(family.name, answer), (phrasing, answer)])
                return draft
        raise QuestionsError(f"No new question with answer {answer} is left; ask for fewer questions or another seed.")

    def _draw_from(self, family: Family, answer: bool) -> Draft:
        """A draft of the family, unlike the earlier ones if it can be had, otherwise one that differs in a word."""
        shuffled = self._rng.sample(family.phrasings, len(family.phrasings))
        least_used = sorted(shuffled, key=lambda phrasing: self._phrasings[family.name, phrasing])
        for limit, phrasing in product((MAX_OVERLAP, _ALMOST_ALL), least_used):
            draft = self._fill(family, phrasing, answer, limit)
            if draft is not None:
                self._phrasings[family.name, phrasing] += 1
                return draft
        raise QuestionsError(f"No new question of {family.name!r} with answer {answer} is left; ask for fewer questions or another seed.")

    def _fill(self, family: Family, phrasing: str, answer: bool, limit: float = MAX_OVERLAP) -> Draft | None:
        for _ in range(_FILLINGS):
            filling = family.fill(self._rng)
            if filling.answer != answer or (family.name, filling.subject) in self._subjects:
                continue
            text = capitalise(phrasing.format(**filling.slots))
            words = _words(text if filling.passage is None else f"{filling.passage} {text}")
            if not self._refuses(text) and _likeness(words, self._dealt) <= limit:
                self._remember(family, filling, words)
                return Draft(family.name, text, answer, filling.passage)
        return None

    def _remember(self, family: Family, filling: Filling, words: frozenset[str]) -> None:
        self._dealt.append(words)
        if filling.subject is not None:
            self._subjects.add((family.name, filling.subject))

    def _least_used_first(self, families: Sequence[Family], answer: bool) -> list[Family]:
        shuffled = self._rng.sample(families, len(families))
        return sorted(shuffled, key=lambda family: self._used[family.name, answer])

    def _least_used_phrasing(self, family: Family, answer: bool) -> str:
        shuffled = self._rng.sample(family.phrasings, len(family.phrasings))
        return min(shuffled, key=lambda phrasing: self._used[phrasing, answer])


def capitalise(text: str) -> str:
    """The text with its first letter in upper case, the rest as it was."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    """The names as a phrase: "Mei, Olu and Tariq"."""
    return f"{', '.join(names[:-1])} and {names[-1]}"


def nearby(rng: Random, value: int, offsets: Sequence[int], chance: float = 0.5) -> int:
    """The value itself with the given chance, otherwise the value plus or minus one of the offsets, above zero."""
    if rng.random() < chance:
        return value
    choices = [value + sign * offset for offset in offsets for sign in (-1, 1)]
    return rng.choice([choice for choice in choices if choice > 0])


def either(rng: Random, true: T, wrong: Sequence[T]) -> T:
    """The true value or, with the same chance, one of the wrong ones."""
    return true if rng.random() < 0.5 else rng.choice(wrong)


def true_and_stated(rng: Random, low: int, high: int, step: int = 1) -> tuple[int, int]:
    """Two numbers of one pair of neighbours from `low` to `high`, equal in half of the draws: neither tells whether they are."""
    bottom = rng.randrange(low, high - step + 1, step)
    return bottom + rng.choice((0, step)), bottom + rng.choice((0, step))


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[\w:./-]*\w", text.lower()))


def _share(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second)


def _likeness(words: frozenset[str], earlier: Sequence[frozenset[str]]) -> float:
    return max((_share(words, other) for other in earlier), default=0.0)
