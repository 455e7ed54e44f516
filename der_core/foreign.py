"""Text that others wrote (names, questions, servers, recordings), as it can be shown without doing anything."""

from __future__ import annotations

import unicodedata

LONGEST = 300
_JOINERS = "\u200c\u200d"


def harmless(text: str) -> str:
    """Return the text with control characters, half characters and what turns the writing direction spelled out; lines stay."""
    return text if text.isprintable() else "".join(map(_spelled, text))


def in_one_line(text: str, longest: int = LONGEST) -> str:
    """Return the text as one harmless line of at most `longest` characters."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _spelled(letter: str) -> str:
    if letter.isprintable() or letter in "\n\t" or letter in _JOINERS or unicodedata.category(letter) == "Zs":
        return letter
    return letter.encode("unicode_escape").decode()
