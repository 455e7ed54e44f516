"""Splits of questions into training, validation and test.

A split keeps the questions of one passage together, and those of passages that are nearly the same. Groups stand in
the order of a hash of seed and group, so that the side of a question depends on little else: added questions move
only the few groups at a border.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from der_core.errors import SettingsError
from der_core.recording.near_duplicates import near_duplicates, normal_form
from der_core.records import Question, subject_key

FRACTIONS = (0.4, 0.1, 0.5)
"""Shares of the questions for training, validation and test: half is held out, because a difference of some points needs many questions to be told from chance."""


@dataclass(frozen=True)
class Splits:
    """Ids of the questions of each side; nothing is fitted or chosen on `test`."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split_questions(questions: Sequence[Question], *, seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Splits:
    """Return the split of `questions` by passage, close to `fractions` of train, validation and test.

    The test side is drawn first, as `split_counts` does, so that its questions depend on its share only. Ids
    keep the order of `questions`. Groups without any gold answer are divided by themselves: they count nowhere, and
    must not take the place of others on a side. Raises SettingsError unless the fractions are shares that sum to 1.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise SettingsError(f"The fractions of train, validation and test must sum to 1, not {fractions}.")
    borders = (fractions[2], fractions[2] + fractions[1])
    side_of: dict[str, int] = {}
    every = _groups(questions, seed)
    for has_gold in (True, False):
        groups = [group for group in every if any(question.gold for question in group) is has_gold]
        passed, total = 0, sum(map(len, groups))
        for group in groups:
            middle = (passed + len(group) / 2) / total
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


def passage_groups(questions: Sequence[Question]) -> list[str]:
    """Return for each question the key of its group: one for all questions of a passage, and of passages that are nearly the same.

    Questions without a passage stand with those that ask the same but for case, punctuation and white space;
    those that are asked without their passage, with the others of that passage.
    """
    passages = list(dict.fromkeys(question.passage for question in questions if question.passage is not None))
    bare = [question for question in questions if question.passage is None and question.passage_key is None]
    group_of = _lowest([subject_key(passage) for passage in passages], near_duplicates(tuple(passages)))
    group_of |= _lowest([question.group for question in bare], [normal_form(question.text) for question in bare])
    return [group_of.get(question.group, question.group) for question in questions]


def _lowest(keys: Sequence[str], classes: Sequence[Hashable]) -> dict[str, str]:
    """The lowest key of its class for each key: it does not hang on the order, and a key alone in its class stays as it is."""
    lowest: dict[Hashable, str] = {}
    for key, of in zip(keys, classes, strict=True):
        lowest[of] = min(key, lowest.get(of, key))
    return {key: lowest[of] for key, of in zip(keys, classes, strict=True)}


def unknown_to(held_out: Sequence[Question], questions: Sequence[Question]) -> tuple[Question, ...]:
    """Return those of `questions` that share no group with a question that is held out."""
    groups = passage_groups([*held_out, *questions])
    tested = set(groups[: len(held_out)])
    return tuple(question for question, group in zip(questions, groups[len(held_out) :], strict=True) if group not in tested)


def without_passages(questions: Sequence[Question]) -> list[Question]:
    """Return the questions without their passages, but with a key by which splits keep together what these would have.

    The key is that of the first passage that is nearly the same, so that questions added at the end change no earlier one.
    """
    passages = list(dict.fromkeys(question.passage for question in questions if question.passage is not None))
    key_of = {passage: subject_key(passages[first]) for passage, first in zip(passages, near_duplicates(tuple(passages)), strict=True)}
    return [
        question if question.passage is None else replace(question, passage=None, passage_key=key_of[question.passage])
        for question in questions
    ]


def _groups(questions: Sequence[Question], seed: int) -> list[list[Question]]:
    groups: dict[str, list[Question]] = {}
    for question, group in zip(questions, passage_groups(questions), strict=True):
        groups.setdefault(group, []).append(question)
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
