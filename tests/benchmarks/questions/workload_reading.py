"""Reads the questions of a workload back, by the first rule that applies; shares no code with the generators."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = tuple[str, Callable[[str], bool]]
"""What the sentence must contain (a pattern), and the reading: sentence in, answer out."""


def read(sentence: str, rules: Sequence[Rule]) -> bool:
    """The answer under the first rule that applies to the sentence."""
    for pattern, reading in rules:
        if re.search(pattern, sentence):
            return reading(sentence)
    raise AssertionError(f"no reading of {sentence!r}")


def arranged(values: Sequence[int], sentence: str, orders: dict[str, str], roles: str) -> list[int]:
    """The values in the order of `roles`; they stand in the sentence as the first fitting pattern of `orders` says, else so already.

    An order is a string with one letter a value, such as "nab"; a letter that is no role is passed over.
    """
    order = next((order for pattern, order in orders.items() if re.search(pattern, sentence)), roles)
    assert len(order) == len(values), f"{values} are not {order!r} in {sentence!r}"
    found = dict(zip(order, values, strict=True))
    return [found[role] for role in roles]


def runs(sentence: str, *, last_and: bool) -> list[list[str]]:
    """The lists that stand in a sentence: at least two entries with commas between, and perhaps "and" before the last."""
    found = re.findall(r"\w+(?:, \w+)+(?: and \w+)?" if last_and else r"\w+(?:, \w+)+", sentence)
    no_entries = {"is", "are", "do", "does", "in", "the"}  # what follows a list after a comma
    entries = [[entry for entry in re.split(r", | and ", run) if entry not in no_entries] for run in found]
    return [run for run in entries if len(run) > 1]
