"""The one reader of replies: from a text and its tokens to a label, its reason and P(yes).

A label is read, never assumed: text that says neither yes nor no is invalid, and says why. Thoughts are cut off in
`experts.thoughts`, the deciding word is found in `experts.answers`, tokens are laid upon the text in `experts.tokens`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.config import Style
from der_core.experts.answers import NEITHER, Answer, answer_after_reason, answer_at_once
from der_core.experts.thoughts import ReplyProper, reply_proper
from der_core.experts.tokens import STOP_SEQUENCES, Span, TokenChoice, p_yes_at, place_of, token_spans, without_marks
from der_core.records import Label

__all__ = [
    "Reading",
    "TokenChoice",
    "apply_thresholds",
    "p_yes_again",
    "p_yes_from_top_logprobs",
    "read_label",
    "read_reply",
    "stop_sequences",
    "was_cut",
]

_AT_ONCE: frozenset[str] = frozenset({"direct", "examples"})
_REASONED: frozenset[str] = frozenset({"reason"})

_THOUGHT_ATE_ALL = "the thought never ended: all tokens went into it"
_THOUGHT_OPEN = "the thought never ended"
_CUT_THINKING = "the reply is empty: cut while still thinking"
_CUT_EMPTY = "the reply is empty: the tokens ran out before it began"
_ENDED_THINKING = "the reply is empty: nothing follows the thought"
_CUT_BEFORE = "cut before the answer"
CUT_PROGRAM = "cut before the program ended"
"""Why a program that the tokens ran out on is not run."""
_CUT_REASONS = frozenset({_THOUGHT_ATE_ALL, _THOUGHT_OPEN, _CUT_THINKING, _CUT_EMPTY, _ENDED_THINKING, _CUT_BEFORE, CUT_PROGRAM})
_NOT_RUN = "the program was not run"
_LEAST_MASS = 0.1
"""A place that was likely to say something else, with more than 1 minus this, tells nothing of yes and no."""

_PLAIN_WORDS = (frozenset({"yes"}), frozenset({"no"}))
_TRUTH_WORDS = (frozenset({"yes", "true"}), frozenset({"no", "false"}))


@dataclass(frozen=True)
class Reading:
    """What a reply says, and how sure its model was.

    `reason` tells in one plain sentence why the label is INVALID ("" where it is not). `answer_text` is the reply
    proper: what stands after the last closed thought. `p_yes` is the probability of yes against no at the token that
    decides, None where unknown; `alternatives` are the (token, natural log-probability) pairs there. `token_logprobs`
    holds, for styles that write more than a word, the log-probability of each token of the reply proper; empty unless
    all of them are known.
    """

    label: Label
    reason: str
    answer_text: str
    p_yes: float | None
    alternatives: tuple[tuple[str, float], ...]
    token_logprobs: tuple[float, ...]


def read_reply(text: str, style: Style, tokens: Sequence[TokenChoice] = (), *, thinking: str = "", finish: str = "") -> Reading:
    """Read a reply; what is not certain stays INVALID or unknown.

    `tokens` are those of the whole generation, as far as the server tells them; `thinking` is what it returned apart
    from the content, `finish` why it stopped ("length" where the tokens ran out, "" where not told).
    """
    proper = reply_proper(text)
    answer = _answer(text, proper, style, thinking, finish)
    reading = Reading(answer.label, answer.reason, text[proper.start : proper.end].strip(), None, (), ())
    spans = token_spans(tokens, text, thinking)
    return reading if spans is None else _with_tokens(reading, answer, tokens, spans, text, proper, style)


def read_label(text: str, style: Style) -> Label:
    """Read what a reply says: YES, NO, or INVALID for text that is neither.

    `direct` and `examples`: the first word that stands as an answer. `reason`: the word after the last "Answer:";
    without one, where the answer is stated, or the word with which the last line begins. Thoughts, our own prompt and
    an echoed choice ("yes or no") say nothing; text from a question of the model's own on is not read.
    """
    return read_reply(text, style).label


def p_yes_from_top_logprobs(tokens: Sequence[TokenChoice], style: Style) -> float | None:
    """Probability of yes against no, in [0, 1], at the token that decides the label of the text they make up.

    The masses of all spellings (case, leading space, punctuation) are added up. An at-once reply without either word
    is judged where its answer was due, at its first token. None where neither word is among the likely tokens there,
    a reasoned reply never came to its answer, or a thought never ended.
    """
    return read_reply("".join(without_marks(choice.token) for choice in tokens), style, tokens).p_yes


def p_yes_again(text: str, style: Style, alternatives: Sequence[tuple[str, float]]) -> float | None:
    """Probability of yes against no as `read_reply` finds it, from the likely tokens that a reply keeps of its deciding place.

    None where neither word is among them.
    """
    words = _words(_answer(text, reply_proper(text), style, "", ""))
    return p_yes_at(TokenChoice("", tuple(alternatives)), *words)


def apply_thresholds(labels: ArrayLike, p_yes: ArrayLike, thresholds: ArrayLike) -> NDArray[np.int8]:
    """Return the labels with yes or no decided by thresholds on P(yes) in place of the words; arguments broadcast.

    A label is read, never assumed: only what was read as yes or no is moved, so that a reply that says neither, a
    program that failed and a reply that is not there stay what they are. Nothing moves where P(yes) or threshold is nan.
    """
    codes, p, borders = (np.asarray(values, dtype=kind) for values, kind in ((labels, np.int8), (p_yes, float), (thresholds, float)))
    is_read = (codes == Label.YES) | (codes == Label.NO)
    decided = np.where(p >= borders, np.int8(Label.YES), np.int8(Label.NO))
    return np.where(is_read & ~np.isnan(p) & ~np.isnan(borders), decided, codes)


def stop_sequences(style: Style) -> tuple[str, ...]:
    """What a server may be told to stop at, so that a base model does not go on with a question of its own.

    Not for models that think in their content: a thought may well hold such a line, and would be cut there. Nothing
    for styles whose text is not a reply in words.
    """
    return STOP_SEQUENCES if style in _AT_ONCE | _REASONED else ()


def was_cut(reason: str) -> bool:
    """Whether a reply is INVALID because its tokens ran out or went into a thought, not because of what it says."""
    return reason in _CUT_REASONS


def _answer(text: str, proper: ReplyProper, style: Style, thinking: str, finish: str) -> Answer:
    cut = finish.lower() == "length"
    if not proper.finished:
        return Answer(reason=_THOUGHT_ATE_ALL if cut else _THOUGHT_OPEN)
    body = text[proper.start : proper.end]
    if not body.strip():
        return Answer(reason=_why_empty(proper.thought or bool(thinking.strip()), cut))
    if style == "program":
        return Answer(reason=_NOT_RUN)  # what it prints is the answer: experts.program runs it
    read = answer_after_reason(body) if style in _REASONED else answer_at_once(body)
    if read.reason:
        return replace(read, reason=_CUT_BEFORE) if cut and read.reason == NEITHER else read
    return replace(read, place=proper.start + read.place)


def _why_empty(thought: bool, cut: bool) -> str:
    if cut:
        return _CUT_THINKING if thought else _CUT_EMPTY
    return _ENDED_THINKING if thought else "the reply is empty"


def _with_tokens(
    reading: Reading, answer: Answer, tokens: Sequence[TokenChoice], spans: Sequence[Span], text: str, proper: ReplyProper, style: Style
) -> Reading:
    """The reading with what its tokens tell: P(yes) and the alternatives where it is decided, or was due."""
    body = text[proper.start : proper.end]
    start = proper.start + len(body) - len(body.lstrip())
    first = place_of(spans, text, start) if body.strip() else None
    place = first
    if answer.word:
        place = place_of(spans, text, answer.place)
    elif style not in _AT_ONCE or answer.reason not in (NEITHER, _CUT_BEFORE):
        place = None
    words = _words(answer)
    p_yes = p_yes_at(tokens[place], *words) if place is not None else None
    opens = answer.word and not any(map(str.isalnum, text[start : answer.place]))
    if p_yes is None and opens and first is not None and first != place:
        # A server that is held to a quoted word chooses between yes and no after the quote, in pieces at times. What
        # the model would have said by itself stands at the quote; where that is a reason, it says nothing of yes or no.
        p_yes = p_yes_at(tokens[first], *words, least_mass=_LEAST_MASS)
        place = first if p_yes is not None else place
    return replace(
        reading,
        p_yes=p_yes,
        alternatives=tokens[place].top if place is not None else (),
        token_logprobs=() if style in _AT_ONCE else _logprobs(tokens, spans, text, proper),
    )


def _words(answer: Answer) -> tuple[frozenset[str], frozenset[str]]:
    return _TRUTH_WORDS if answer.word in ("true", "false") else _PLAIN_WORDS


def _logprobs(tokens: Sequence[TokenChoice], spans: Sequence[Span], text: str, proper: ReplyProper) -> tuple[float, ...]:
    begin, end = (len(text[:place].encode(errors="surrogatepass")) for place in (proper.start, proper.end))
    of_reply = [choice.logprob for choice, span in zip(tokens, spans, strict=True) if max(span[0], begin) < min(span[1], end)]
    known = tuple(logprob for logprob in of_reply if logprob is not None and math.isfinite(logprob))
    return known if len(known) == len(of_reply) else ()
