"""How a server is asked, and how it is asked again where it does not take what it was asked.

Servers that speak OpenAI's protocol differ in what they know: some models have no system message, some servers give five
likely tokens or none, some want an object where others take a word. What one refuses is left out from then on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from der_core.config import AskOptions, ExpertSpec
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Messages, Request
from der_core.records import Label, Question

TOP_LOGPROBS = (20, 5, 0)
"""Likely tokens asked for at each place: the most that these servers agree to, what OpenAI once agreed to, and none."""

_ANSWER = {"type": "string", "enum": ["yes", "no"]}
_OBJECT = {"type": "object", "properties": {"answer": _ANSWER}, "required": ["answer"], "additionalProperties": False}
# An object takes seven tokens at least; llama.cpp lets a model begin a fenced block and white space around it.
_TOKENS_OF_OBJECT = 32

_SYSTEM = re.compile(r"system|\broles?\b|alternate|first message", re.IGNORECASE)
_LOGPROBS = re.compile(r"log_?prob", re.IGNORECASE)
_FORMAT = re.compile(r"response_format|json|schema|grammar|guided|structured", re.IGNORECASE)
_TEMPLATE = re.compile(r"chat_template_kwargs|enable_thinking|extra|unknown|unrecognized|unexpected", re.IGNORECASE)

_MERGED = "The server takes no system message: its text stands at the head of the user message."
_UNTHINKING = "The model thought until its tokens ran out: the server is told to let it answer without thinking."
_AS_OBJECT = "The server holds replies to an object with the answer, not to the bare word."
_FEWER = {
    5: "The server gives 5 likely tokens at each place, not 20: P(yes) is taken from those.",
    0: "The server gives no log-probabilities: P(yes) is unknown.",
}


@dataclass(frozen=True)
class Manner:
    """How a server is asked; every field that is not as it begins is a concession, told by a note."""

    system: bool = True
    """Whether the task stands in a message of role system."""
    top_logprobs: int = TOP_LOGPROBS[0]
    may_think: bool = True
    """Whether nothing is said about thinking; else the server is told to let the model answer without."""
    as_object: bool = False
    """Whether an expert that is held to yes or no is held to an object with its answer instead of the word."""

    @property
    def notes(self) -> tuple[str, ...]:
        """The concessions, one sentence each."""
        told = ((not self.system, _MERGED), (not self.may_think, _UNTHINKING), (self.as_object, _AS_OBJECT))
        fewer = (_FEWER[self.top_logprobs],) if self.top_logprobs in _FEWER else ()
        return (*(note for holds, note in told if holds), *fewer)

    @classmethod
    def of_notes(cls, notes: Iterable[str]) -> Manner:
        """The manner that these notes tell of; sentences that are none of ours say nothing."""
        known = set(notes)
        fewer = [count for count, note in _FEWER.items() if note in known]
        return cls(
            system=_MERGED not in known,
            top_logprobs=min(fewer, default=TOP_LOGPROBS[0]),
            may_think=_UNTHINKING not in known,
            as_object=_AS_OBJECT in known,
        )

    def simpler(self, refusal: str, held: bool) -> list[Manner]:
        """Manners to try after a refusal: those that its words name; where they name nothing, every one."""
        possible = list(self._concessions(held))
        named = [manner for words, manner in possible if words.search(refusal)]
        return named or [manner for _, manner in possible]

    def names(self, refusal: str, held: bool) -> bool:
        """Whether the words of a refusal name something that may be left out."""
        return any(words.search(refusal) for words, _ in self._concessions(held))

    def request(self, spec: ExpertSpec, options: AskOptions, question: Question, previous_label: Label) -> Request:
        """The chat completion that asks `spec` the question under greedy decoding; pure.

        Log-probabilities are no part of it: they change nothing about the reply.
        """
        max_tokens = options.longest_reply(spec)
        decoding: dict[str, int | float | str] = {"temperature": 0, "seed": options.seed, "max_tokens": max_tokens}
        if spec.held:
            decoding["response_format"] = _response_format(self.as_object)
            decoding["max_tokens"] = max(max_tokens, _TOKENS_OF_OBJECT) if self.as_object else max_tokens
        if not self.may_think:
            decoding["chat_template_kwargs"] = json.dumps({"enable_thinking": False})
        messages = build_messages(question, previous_label, spec.style)
        return Request(spec.backend, spec.digest, messages if self.system else _merged(messages), decoding)

    def _concessions(self, held: bool) -> Iterator[tuple[re.Pattern[str], Manner]]:
        if not self.may_think:
            yield _TEMPLATE, replace(self, may_think=True)
        if self.top_logprobs:
            yield _LOGPROBS, replace(self, top_logprobs=TOP_LOGPROBS[TOP_LOGPROBS.index(self.top_logprobs) + 1])
        if held and not self.as_object:
            yield _FORMAT, replace(self, as_object=True)
        if self.system:
            yield _SYSTEM, replace(self, system=False)


def _response_format(as_object: bool) -> str:
    schema = _OBJECT if as_object else _ANSWER
    return json.dumps({"type": "json_schema", "json_schema": {"name": "yes_or_no", "strict": True, "schema": schema}})


def _merged(messages: Messages) -> Messages:
    (_, task), (role, text), *rest = messages
    return ((role, f"{task}\n\n{text}"), *rest)
