"""From what a server sent to the reply as it counts: every backend ends with this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from der_core.config import Style
from der_core.experts.bounds import check_reply
from der_core.experts.parsing import Reading, TokenChoice, read_reply
from der_core.experts.program import run_program
from der_core.records import Reply


def finish_reply(reply: Reply, style: Style, tokens: Sequence[TokenChoice] = (), *, thinking: str = "", finish: str = "") -> Reply:
    """Return `reply` with what its text says: label, reason, P(yes) and the log-probabilities it was read from.

    `tokens` are those of the whole generation, as far as the server tells them; `thinking` is what it returned apart
    from the content, `finish` why it stopped ("length" where the tokens ran out, "" where not told). Of style
    `program` the program is run, and its seconds are added to `wall_s`. Raises InterpreterMissing, and BadReply for what
    no server can mean.
    """
    check_reply(reply)  # before it is read: reading an immense text takes a while
    reply = _without_false_zeros(reply)
    reading = read_reply(reply.text, style, tokens, thinking=thinking, finish=finish)
    read = replace(
        reply,
        label=reading.label,
        reason=reading.reason,
        p_yes=reading.p_yes,
        alternatives=reading.alternatives,
        token_logprobs=reading.token_logprobs,
    )
    return _with_run(read, reading, finish) if style == "program" and reading.answer_text else read


def _without_false_zeros(reply: Reply) -> Reply:
    """The reply with counts of 0 unknown where there was a prompt, as there always is, or a text: servers that do not count say 0."""
    generated = reply.generated_tokens or (None if reply.text else reply.generated_tokens)
    return replace(reply, prompt_tokens=reply.prompt_tokens or None, generated_tokens=generated)


def _with_run(reply: Reply, reading: Reading, finish: str) -> Reply:
    run = run_program(reading.answer_text, cut=finish.lower() == "length")
    return replace(
        reply,
        label=run.label,
        reason=run.reason,
        printed=run.printed,
        interpreter=run.interpreter,
        wall_s=reply.wall_s + run.seconds,
    )
