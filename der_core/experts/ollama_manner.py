"""What is asked of Ollama beside the prompt, and how it is asked again where a server does not take it.

Servers that speak Ollama's protocol differ in what they know. A field that one refuses is left out from then on, which
is noted with the recording; no reply is lost for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from der_core.experts.protocol import Request

TOP_LOGPROBS = (20, 10, 5)
"""Likely tokens asked for at each place: the most that Ollama agrees to, and fewer for servers that give fewer."""

_THINK = re.compile(r"think", re.IGNORECASE)
_LOGPROBS = re.compile(r"log_?prob", re.IGNORECASE)
_CUTTING = re.compile(r"\b(truncate|shift)\b", re.IGNORECASE)
_SYSTEM = re.compile(r"system[ _](role|message|prompt)|role\W{0,3}system|roles must alternate", re.IGNORECASE)


@dataclass(frozen=True)
class Manner:
    """How a server is asked; every field that is not as it begins is a concession to it."""

    uncut: bool = True
    """Whether the server is told to refuse a prompt that does not fit: else it cuts it and says nothing."""
    unthinking: bool = True
    """Whether it is told not to think: a thought would take the few tokens of a reply."""
    top_logprobs: int | None = TOP_LOGPROBS[0]
    """How many alternatives are asked for; None: no log-probabilities at all."""
    system: bool = True
    """Whether the task stands in a message of role system."""

    def body(self, request: Request, model: str) -> dict[str, Any]:  # Any: JSON
        """The body of a call of `/api/chat`.

        What keeps prompts whole (`truncate`, `shift`) changes no reply that is given, it only makes the server refuse
        instead of cutting, so it is no part of the request and its key.
        """
        options = dict(request.options)
        beside = {name: json.loads(str(options.pop(name))) for name in ("format",) if name in options}
        stop = {"stop": json.loads(str(options["stop"]))} if "stop" in options else {}
        return {
            "model": model,
            "messages": self._messages(request),
            "stream": False,
            "options": options | stop,
            **beside,
            **({"truncate": False, "shift": False} if self.uncut else {}),
            **({"think": False} if self.unthinking else {}),
            **({} if self.top_logprobs is None else {"logprobs": True, "top_logprobs": self.top_logprobs}),
        }

    def conceding(self, refusal: str) -> Manner | None:
        """How to ask again after a refusal in these words; None where nothing that was asked for is to blame."""
        if self.unthinking and _THINK.search(refusal):
            return replace(self, unthinking=False)
        if self.top_logprobs is not None and _LOGPROBS.search(refusal):
            return replace(self, top_logprobs=next((fewer for fewer in TOP_LOGPROBS if fewer < self.top_logprobs), None))
        if self.uncut and _CUTTING.search(refusal):
            return replace(self, uncut=False)
        if self.system and _SYSTEM.search(refusal):
            return replace(self, system=False)
        return None

    def notes(self) -> tuple[str, ...]:
        """The concessions, one sentence each."""
        notes = []
        if not self.unthinking:
            notes.append("The server refuses to be told not to think; it is asked without that.")
        if self.top_logprobs is None:
            notes.append("The server gives no log-probabilities; P(yes) is unknown.")
        elif self.top_logprobs < TOP_LOGPROBS[0]:
            notes.append(f"The server gives {self.top_logprobs} likely tokens at each place, not {TOP_LOGPROBS[0]}.")
        if not self.uncut:
            notes.append("The server refuses to be told not to cut prompts; that none is cut is known by its counts alone.")
        if not self.system:
            notes.append("The server takes no system message; its text stands at the head of the user message.")
        return tuple(notes)

    def _messages(self, request: Request) -> list[dict[str, str]]:
        messages = [{"role": role, "content": text} for role, text in request.messages]
        if self.system or messages[0]["role"] != "system":
            return messages
        task, first, *rest = messages
        return [{**first, "content": f"{task['content']}\n\n{first['content']}"}, *rest]
