"""What a reply can be: bounds that every server keeps which means what it says."""

from __future__ import annotations

import math
from collections.abc import Iterator

from der_core.errors import BadReply
from der_core.records import Label, Reply

MOST_TOKENS = 1 << 24
"""The largest count of tokens that is believed: float32 holds whole numbers exactly up to it."""
LONGEST_S = 86_400.0
"""The longest time that a part of one call is believed to have taken, in seconds: a day."""
MOST_CHARACTERS = 1 << 20
"""The longest text of a reply that is kept."""
LOGPROB_ROUNDING = 1e-3
"""How far above 0 a log-probability may lie: servers round, and a certain token may come with a little more than log 1."""

TEXTS = ("text", "reason", "printed", "interpreter", "model_digest")
TIMES = ("load_s", "prompt_s", "generation_s", "wall_s")
COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")


def check_reply(reply: Reply) -> None:
    """Raise BadReply where a reply holds what no server can mean; what is unknown (None, a time of nan) is none of that."""
    for what in oddities(reply):
        raise BadReply(f"The server's reply cannot be: {what}. It is not kept; update the server, or choose another.")


def oddities(reply: Reply) -> Iterator[str]:
    """What of a reply no server can mean, in words."""
    for name in TEXTS:
        text = getattr(reply, name)
        if not isinstance(text, str) and not (name == "printed" and text is None):
            yield f"{name} is {_shown(text)}, not text"
        elif len(text or "") > MOST_CHARACTERS:
            yield f"{name} is longer than {MOST_CHARACTERS:,} characters"
    if reply.label not in (Label.YES, Label.NO, Label.INVALID):
        yield f"{_shown(reply.label)} is not the label of a reply"
    if reply.p_yes is not None and not is_within(reply.p_yes, 1.0):
        yield f"P(yes) is {_shown(reply.p_yes)}, not a probability"
    yield from _odd_numbers(reply)
    yield from _odd_logprobs(reply)


def _odd_numbers(reply: Reply) -> Iterator[str]:
    for name in TIMES:
        seconds = getattr(reply, name)
        if not (is_unknown_time(seconds) or is_within(seconds, LONGEST_S)):
            yield f"{name} is {_shown(seconds)}, not a time from 0 s to a day"
    for name in COUNTS:
        count = getattr(reply, name)
        if not (count is None or is_count(count)):
            yield f"{name} is {_shown(count)}, not a count from 0 to {MOST_TOKENS:,}"
    cached, prompt = reply.cached_tokens, reply.prompt_tokens
    if is_count(cached) and is_count(prompt) and (cached or 0) > (prompt or 0):
        yield f"{cached} of {prompt} tokens of the prompt were cached"


def _odd_logprobs(reply: Reply) -> Iterator[str]:
    if not all(isinstance(token, str) for token, _ in reply.alternatives):
        yield "a likely token is not text"
    for logprob in (*(logprob for _, logprob in reply.alternatives), *reply.token_logprobs):
        if not is_logprob(logprob):
            yield f"a log-probability is {_shown(logprob)}, not a number from 0 down"


def is_within(value: object, high: float) -> bool:
    """Whether a value is a number from 0 to `high`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= high


def is_unknown_time(value: object) -> bool:
    """Whether a value stands for a time that the server does not tell."""
    return isinstance(value, float) and math.isnan(value)


def is_count(value: object) -> bool:
    """Whether a value is a whole number of tokens that can be believed."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS


def is_logprob(value: object) -> bool:
    """Whether a value is a log-probability: minus infinity is one, nan and what lies above 0 by more than rounding is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= LOGPROB_ROUNDING


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > MOST_TOKENS**2:
        return "an immense number"  # spelling it out may fail, or take a screen
    return repr(value)[:60] if isinstance(value, int | float | str) or value is None else f"a {type(value).__name__}"
