"""Tokens of a reply: where each stands in its text, and what its place says of yes and no."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from der_core.experts.bounds import LOGPROB_ROUNDING
from der_core.experts.thoughts import is_only_marks, reply_proper

Span = tuple[int, int]
"""Begin and end of a token, in bytes of UTF-8 from the beginning of the text; negative before it."""

STOP_SEQUENCES = ("\nQuestion:", "\nPassage:")
"""Where a base model begins a question of its own."""


@dataclass(frozen=True)
class TokenChoice:
    """A generated token and the most likely tokens at its place, as (token, natural log-probability).

    `logprob` is the token's own log-probability, None where the server does not tell it.
    """

    token: str
    top: tuple[tuple[str, float], ...]
    logprob: float | None = None


def token_spans(tokens: Sequence[TokenChoice], text: str, thinking: str = "") -> list[Span] | None:
    """Where each token stands in `text`; None where the tokens do not add up to it.

    Tokens before the text (a thought that the server returned apart, special tokens) and after it (the end of the
    turn, the beginning of a stop sequence) are allowed. Byte-level marks are undone where that makes the tokens fit.
    """
    body = text.strip()
    if not body:
        return None
    lead = len(_utf8(text[: text.index(body)]))
    for spelled in _SPELLINGS:
        pieces = [spelled(choice.token) for choice in tokens]
        joined = b"".join(pieces)
        begin = joined.rfind(_utf8(body))
        if begin >= 0 and _is_before(joined[:begin], thinking) and _is_after(joined[begin + len(_utf8(body)) :]):
            return _spans(pieces, lead - begin)
    return None


def place_of(spans: Sequence[Span], text: str, character: int) -> int | None:
    """Index of the token that holds a character of the text."""
    at = len(_utf8(text[:character]))
    return next((place for place, (start, end) in enumerate(spans) if start <= at < end), None)


def p_yes_at(choice: TokenChoice, yes_words: frozenset[str], no_words: frozenset[str], least_mass: float = 0.0) -> float | None:
    """Probability of yes against no at one place, in [0, 1]; None where neither is likely or a figure cannot be.

    Both together must have more than `least_mass`.
    The masses of all spellings (case, leading space, punctuation) are added up. None as well where the token that was
    chosen is a piece of a word whose whole is not among the likely tokens: the mass of the word is then unknown.
    """
    if any(not logprob <= LOGPROB_ROUNDING for _, logprob in choice.top):
        return None
    yes, no = _mass(choice.top, yes_words), _mass(choice.top, no_words)
    chosen = _letters(choice.token)
    for words, mass in ((yes_words, yes), (no_words, no)):
        if mass == 0 and chosen and any(word != chosen and word.startswith(chosen) for word in words):
            return None
    return yes / (yes + no) if yes + no > least_mass else None


def _mass(top: Iterable[tuple[str, float]], words: frozenset[str]) -> float:
    return sum(math.exp(logprob) for token, logprob in top if _letters(token) in words)


def without_marks(token: str) -> str:
    """A token with white space in place of the marks that vocabularies write for it."""
    return token.translate(_MARKS)


def _letters(token: str) -> str:
    plain = unicodedata.normalize("NFKC", without_marks(token))
    return "".join(filter(str.isalpha, plain)).lower()


def _is_before(head: bytes, thinking: str) -> bool:
    text = head.decode(errors="replace")
    if is_only_marks(text) or (thinking.strip() and thinking.strip() in text):
        return True
    proper = reply_proper(text)
    return proper.thought and proper.finished and is_only_marks(text[proper.start :])


def _is_after(tail: bytes) -> bool:
    rest = tail.decode(errors="replace")
    return is_only_marks(rest) or any(stop.strip().startswith(rest.strip()) or rest.strip() == stop.strip() for stop in STOP_SEQUENCES)


def _spans(pieces: Iterable[bytes], begin: int) -> list[Span]:
    spans = []
    for piece in pieces:
        spans.append((begin, begin + len(piece)))
        begin += len(piece)
    return spans


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _sentence_piece(token: str) -> bytes:
    byte = re.fullmatch(r"<0x([0-9A-Fa-f]{2})>", token)
    return bytes.fromhex(byte[1]) if byte else _utf8(token.replace("▁", " "))


def _byte_level(token: str) -> bytes:
    if all(character in _BYTE_OF for character in token):
        return bytes(_BYTE_OF[character] for character in token)
    return _utf8(token)


def _byte_alphabet() -> dict[str, int]:
    """The characters by which byte-level vocabularies write bytes: printable ones as they are, others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_BYTE_OF = _byte_alphabet()
_MARKS = str.maketrans({"Ġ": " ", "Ċ": "\n", "ĉ": "\t", "▁": " "})
_SPELLINGS: tuple[Callable[[str], bytes], ...] = (_utf8, _sentence_piece, _byte_level)
