"""From the text of a reply to its label, and from log-probabilities to P(yes).

A label is read, never assumed: text that says neither yes nor no is invalid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from der_core.config import Style
from der_core.records import Label

_WORD = r"(?<![a-z0-9])(yes|no|neither)(?![a-z0-9])"
_FIRST_WORD = re.compile(_WORD, re.IGNORECASE)
_ANSWER = re.compile(r"(?<![a-z])answer(?:\s+(?:to\s+(?:the|this)\s+question\s+)?is)?[^a-z0-9]*" + _WORD, re.IGNORECASE)
_ECHO = re.compile(r"(?<![a-z0-9])(?:yes|no)\W*(?:/|\b(?:or|and|nor)\b)\W*(?:yes|no)(?![a-z0-9])", re.IGNORECASE)
_LABELS = {"yes": Label.YES, "no": Label.NO, "neither": Label.INVALID}


@dataclass(frozen=True)
class TokenChoice:
    """A generated token and the most likely tokens at its place, as (token, natural log-probability)."""

    token: str
    top: tuple[tuple[str, float], ...]


def read_label(text: str, style: Style) -> Label:
    """Read what a reply says: YES, NO, or INVALID for text that is neither.

    `direct`: the first of the words yes, no, neither. `reason`: the word after the last "answer:"; without
    one, the word with which the last line begins. An echoed choice ("yes or no") says nothing.
    """
    found = _deciding_word(text, style)
    return _LABELS[found.group(1).lower()] if found else Label.INVALID


def p_yes_from_top_logprobs(tokens: Sequence[TokenChoice], style: Style) -> float | None:
    """Probability of yes against no, in [0, 1], at the token that decides the label.

    The masses of all spellings (case, leading space, punctuation) are added up. A `direct` reply without
    either word is judged at its first token, where the answer was due. None where neither word is among
    the likely tokens there, or a `reason` reply never came to its answer.
    """
    place = _deciding_place(tokens, style)
    if place is None:
        return None
    yes, no = (_mass(tokens[place].top, word) for word in ("yes", "no"))
    return yes / (yes + no) if yes + no > 0 else None


def apply_threshold(label: Label, p_yes: float | None, threshold: float | None) -> Label:
    """Let a threshold on P(yes) decide in place of the word; without threshold or probability the label stands."""
    if threshold is None or p_yes is None:
        return label
    return Label.YES if p_yes >= threshold else Label.NO


def _deciding_word(text: str, style: Style) -> re.Match[str] | None:
    plain = _ECHO.sub(lambda echo: " " * len(echo.group()), text)
    return _reasoned_word(plain) if style == "reason" else _FIRST_WORD.search(plain)


def _reasoned_word(plain: str) -> re.Match[str] | None:
    answers = list(_ANSWER.finditer(plain))
    if answers:
        return _FIRST_WORD.search(plain, answers[-1].start(1))
    stripped = plain.rstrip()
    start = stripped.rfind("\n") + 1
    word = _FIRST_WORD.search(plain, start)
    return word if word and not re.search("[a-zA-Z0-9]", plain[start : word.start()]) else None


def _deciding_place(tokens: Sequence[TokenChoice], style: Style) -> int | None:
    word = _deciding_word("".join(choice.token for choice in tokens), style)
    if word is None:
        return 0 if tokens and style != "reason" else None
    end = 0
    for place, choice in enumerate(tokens):
        end += len(choice.token)
        if end > word.start():
            return place
    return None


def _mass(top: Iterable[tuple[str, float]], word: str) -> float:
    return sum(math.exp(logprob) for token, logprob in top if "".join(filter(str.isalpha, token)).lower() == word)
