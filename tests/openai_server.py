"""A chat server in OpenAI's protocol that has its ways; for tests only.

A `ChatServer` answers as servers were seen to answer that lack one thing or another: it refuses system messages, log-
probabilities or fields that it does not know, thinks before it answers, or holds replies to a schema.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import httpx


def completion(text: str | None = "No", *, finish: str = "stop", logprobs: object = None, **more: Any) -> dict[str, Any]:
    """A chat completion; `message` and other fields can be given over the usual ones."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "finish_reason": finish, "message": message, "logprobs": logprobs}
    return {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], **more}


def places(*tokens: tuple[str, dict[str, float]]) -> dict[str, Any]:
    """Log-probabilities of tokens, each with the probabilities at its place."""
    return {
        "content": [
            {
                "token": token,
                "logprob": math.log(odds.get(token, 1.0)),
                "top_logprobs": [{"token": likely, "logprob": math.log(p)} for likely, p in odds.items()],
            }
            for token, odds in tokens
        ]
    }


@dataclass
class ChatServer:
    """What the server takes; `calls` are the bodies it got."""

    text: str = "No"
    takes_system: bool = True
    refusal_of_system: tuple[int, str] = (400, "System role not supported")
    most_logprobs: int = 20
    refusal_of_logprobs: str = "top_logprobs must be at most {}"
    takes_other_fields: bool = True
    thinks: bool = False
    schema: str = "any"
    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "me"}]})
        body = json.loads(request.content)
        self.calls.append(body)
        refused = self._refusal(body)
        if refused is not None:
            status, message = refused
            return httpx.Response(status, json={"error": {"message": message, "type": "BadRequestError", "code": status}})
        return httpx.Response(200, json=self._completion(body))

    def _refusal(self, body: dict[str, Any]) -> tuple[int, str] | None:
        if not self.takes_system and body["messages"][0]["role"] == "system":
            return self.refusal_of_system
        if body.get("top_logprobs", 0) > self.most_logprobs or (body.get("logprobs") and not self.most_logprobs):
            return 400, self.refusal_of_logprobs.format(self.most_logprobs)
        if not self.takes_other_fields and "chat_template_kwargs" in body:
            return 422, "Extra inputs are not permitted: chat_template_kwargs"
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        if schema and self.schema != "any" and schema["type"] != self.schema:
            return 400, f"Invalid schema for response_format: type must be {self.schema!r}, got {schema['type']!r}"
        return None

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.thinks and body.get("chat_template_kwargs") != {"enable_thinking": False}:
            return completion(None, finish="length", message={"reasoning_content": "Okay, the user asks whether"})
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        text = self.text if schema is None else '"no"' if schema["type"] == "string" else '{"answer": "no"}'
        logprobs = places((text, {text: 0.6, "Yes": 0.2})) if body.get("logprobs") else None
        return completion(text, logprobs=logprobs, usage={"prompt_tokens": 40, "completion_tokens": 2})
