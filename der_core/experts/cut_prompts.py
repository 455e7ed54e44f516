"""Whether a server cut a prompt in silence: told by its count of tokens and the length of the text.

Servers that are asked to refuse what does not fit do so, with the numbers. This is for those that know no such wish:
they evaluate a part of the prompt, answer as if nothing had happened, and count the part. Ollama of 2026 keeps a few
tokens and about the later half of the window, older versions fill it to the last token.
"""

from __future__ import annotations

import re
import threading

from der_core.experts.protocol import Messages

USUAL_RATE = 5.0
"""Characters per token taken before anything was learned: English prose has 4.2 to 5, with the marks of a template fewer."""
LOWEST_RATE, HIGHEST_RATE = 2.0, 8.0
"""Rates outside are not learned: they come from odd text, or from counts without what the server had in its cache."""
SHORTEST_LEARNED = 400
"""Characters of the shortest prompt that teaches: in shorter ones the marks of the template weigh too much."""

_USUAL_TOKENS = 200
_WHOLE_SHARE = 0.7
_HALF = 0.45
_BEYOND_DOUBT = 1.5
_RUN = re.compile(r"([\W_])\1{3,}")


class TokenRate:
    """How many characters of a prompt make one token of an expert, learned from its replies; for use from several threads."""

    def __init__(self) -> None:
        """Begin with what is usual, at the weight of one short prompt."""
        self._characters = USUAL_RATE * _USUAL_TOKENS
        self._tokens = float(_USUAL_TOKENS)
        self._lock = threading.Lock()

    def predict(self, messages: Messages) -> float:
        """The tokens that a prompt should have."""
        return text_length(messages) * self._tokens / self._characters

    def learn(self, messages: Messages, count: int) -> None:
        """Take in the count of a prompt that was evaluated whole."""
        characters = text_length(messages)
        if characters >= SHORTEST_LEARNED and LOWEST_RATE * count <= characters <= HIGHEST_RATE * count:
            with self._lock:
                self._characters, self._tokens = self._characters + characters, self._tokens + count


def text_length(messages: Messages) -> int:
    """Characters of a prompt; a long run of one blank or mark counts as four of them, because it makes few tokens."""
    return sum(len(_RUN.sub(r"\1\1\1\1", text)) for _, text in messages)


def is_cut(predicted: float, count: int | None, window: int) -> bool:
    """Whether a prompt of so many predicted tokens was cut, by the tokens counted (None: not told) and the window that is loaded.

    A count at the window is a cut by itself. Below it, the prompt must not have fitted and well under the predicted
    tokens must have been counted; and about half the window at least, unless the prompt is too long beyond doubt: a
    server may leave out of its count what it had in its cache, and such a count is small.
    """
    counted = count or 0
    if counted >= window:
        return True
    if predicted <= window or not is_short(predicted, count):
        return False
    return counted >= _HALF * window or predicted > _BEYOND_DOUBT * window


def is_short(predicted: float, count: int | None) -> bool:
    """Whether a count lies so far below the predicted tokens that it calls for an explanation."""
    return (count or 0) < _WHOLE_SHARE * predicted
