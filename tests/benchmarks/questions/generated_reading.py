"""Reads the sentences of generated questions back; shares no code with the generators."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
Rule = tuple[str, Callable[[str], bool]]
"""What the sentence must contain for a reading to apply (a pattern), and the reading: sentence in, answer out."""


def read(sentence: str, rules: Sequence[Rule]) -> bool:
    """The answer under the one rule that applies to the sentence."""
    readings = [reading for pattern, reading in rules if re.search(pattern, sentence)]
    assert len(readings) == 1, f"{len(readings)} readings of {sentence!r}"
    return readings[0](sentence)


def numbers(sentence: str) -> list[int]:
    """The whole numbers of a sentence, times of day left out."""
    return [int(word) for word in re.findall(r"-?\d+", re.sub(r"\d+:\d+", "", sentence))]


def times(sentence: str) -> list[int]:
    """The times of day of a sentence, in minutes after midnight."""
    return [60 * int(hour) + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", sentence)]


def days(sentence: str) -> list[str]:
    """The days of the week named in a sentence."""
    return re.findall("|".join(DAYS), sentence)


def found(pattern: str, sentence: str) -> tuple[str, ...]:
    """The groups of the pattern that took part in its first match."""
    match = re.search(pattern, sentence)
    assert match is not None, f"{pattern!r} not in {sentence!r}"
    return tuple(group for group in match.groups() if group is not None)


def mentioned(sentence: str, words: Sequence[str]) -> list[str]:
    """Those of the words that stand in the sentence, in the order of their first appearance."""
    places = {word: found_at.start() for word in words if (found_at := re.search(rf"\b{word}\b", sentence))}
    return sorted(places, key=lambda word: places[word])


def filled(facts: object, rules: Mapping[str, Callable[..., bool]]) -> list[Rule]:
    """The rules with the facts of a passage put in front of the sentence."""
    return [(pattern, partial(reading, facts)) for pattern, reading in rules.items()]
