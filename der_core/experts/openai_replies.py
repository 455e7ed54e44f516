"""What OpenAI-compatible servers send back: chat completions, with the figures that llama.cpp adds, and lists of models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from der_core.errors import BadReply
from der_core.experts.edge import Count, FromServer, Milliseconds, Text, check_cached, read_as, read_tokens
from der_core.experts.protocol import ListedModel
from der_core.experts.tokens import TokenChoice

LONGEST_ID = 1000
"""Characters in the name of a model; llama.cpp names models by their paths."""

_PROTOCOL = "an OpenAI chat completion"
_EMBEDDING = re.compile(r"embed|rerank|(?<![a-z0-9])(?:bge|gte|e5|minilm)(?![a-z0-9])", re.IGNORECASE)
_WINDOWS = ("loaded_context_length", "max_model_len", "context_length", "max_context_length", "context_window")
_LARGEST = 1e15

T = TypeVar("T")


def _or_nothing(value: object) -> object:
    """Details in a form of the server's own tell nothing; they are no reason to lose a reply."""
    return value if isinstance(value, dict) else None


Details = Annotated[T | None, BeforeValidator(_or_nothing)]


class _Part(FromServer):
    """A part of a content that is a list: text, or a thought that consists of such parts itself."""

    type: Literal["text", "output_text", "thinking", "reasoning"]
    text: Text = ""
    thinking: Text | list[_Part] = ""


class _Message(FromServer):
    content: Text | list[_Part] | None = None
    reasoning_content: Any = None
    reasoning: Any = None


class _Choice(FromServer):
    message: _Message
    finish_reason: str | None = None
    logprobs: Any = None


class _PromptDetails(FromServer):
    cached_tokens: Count | None = None


class _Usage(FromServer):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: Details[_PromptDetails] = None


class _Timings(FromServer):
    """What llama.cpp measured: `prompt_n` tokens evaluated after `cache_n` found in its cache."""

    prompt_n: Count | None = None
    cache_n: Count | None = None
    prompt_ms: Milliseconds | None = None
    predicted_n: Count | None = None
    predicted_ms: Milliseconds | None = None


class _Completion(FromServer):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    timings: _Timings | None = None


@dataclass(frozen=True)
class Figures:
    """What a call took, as far as the server tells it: counts None and seconds nan where it does not."""

    prompt_tokens: int | None
    cached_tokens: int | None
    generated_tokens: int | None
    prompt_s: float
    generation_s: float


@dataclass(frozen=True)
class Completion:
    """A reply: its text, the thought that the server returned apart, why it ended, its tokens, and what it took."""

    text: str
    thinking: str
    finish: str
    tokens: tuple[TokenChoice, ...]
    figures: Figures


def read_completion(body: Mapping[str, Any], host: str, wall_s: float) -> Completion:  # Any: JSON
    """Read a chat completion; raises BadReply for what is none, or holds figures that no server can mean."""
    told = read_as(_Completion, body, host, _PROTOCOL)
    choice = told.choices[0]
    content = choice.message.content
    parts = [_Part(type="text", text=content)] if isinstance(content, str) else content or []
    apart = (choice.message.reasoning_content, choice.message.reasoning)
    return Completion(
        text=_joined(parts, ("text", "output_text")),
        thinking=next((thought for thought in apart if isinstance(thought, str) and thought), "")
        or _joined(parts, ("thinking", "reasoning")),
        finish=choice.finish_reason or "",
        tokens=read_tokens(choice.logprobs.get("content") if isinstance(choice.logprobs, dict) else None, host),
        figures=_figures(told.usage or _Usage(), told.timings or _Timings(), host, wall_s),
    )


def read_models(body: Mapping[str, Any], host: str) -> dict[str, Mapping[str, Any]]:  # Any: JSON
    """The models of a list, by name, each with what the server says of it; entries without a usable name are left out."""
    entries = body.get("data")
    if not isinstance(entries, list):
        raise BadReply(f"The list of models from {host} is not OpenAI's: it has no list called data; is the host right?")
    listed: dict[str, Mapping[str, Any]] = {
        model_id: entry for entry in entries if isinstance(entry, dict) and (model_id := _id(entry.get("id")))
    }
    if entries and not listed:
        raise BadReply(f"The list of models from {host} is not OpenAI's: no entry has a name that can be used.")
    return listed


def described(model_id: str, entry: Mapping[str, Any]) -> ListedModel:  # Any: JSON
    """What a server says of a model in its list, in our words; whether it is an embedding model shows in its type or its name."""
    meta = entry.get("meta")
    told: Mapping[str, object] = meta if isinstance(meta, dict) else {}
    kind = str(entry.get("type") or "")
    is_embedding = "embed" in kind or (not kind and _EMBEDDING.search(model_id) is not None)
    windows = (told.get("n_ctx"), *(entry.get(name) for name in _WINDOWS), told.get("n_ctx_train"))
    params = _number(told.get("n_params"))
    return ListedModel(
        id=model_id,
        size_bytes=_number(told.get("size")),
        quantisation=str(entry.get("quantization") or told.get("ftype") or "")[:40],
        context_tokens=next((window for window in map(_number, windows) if window), None),
        params_billions=params / 1e9 if params else None,
        kind="embedding" if is_embedding else "chat",
        note="An embedding model: it answers no questions." if is_embedding else "",
    )


def _joined(parts: Iterable[_Part], types: tuple[str, ...]) -> str:
    return "".join(
        part.text or (part.thinking if isinstance(part.thinking, str) else _joined(part.thinking, ("text",)))
        for part in parts
        if part.type in types
    )


def _figures(usage: _Usage, timings: _Timings, host: str, wall_s: float) -> Figures:
    """Usage first, then timings.

    `prompt_n` counts what was evaluated, so that it is no count of the whole prompt without what the cache held.
    Without timings the wall time is all there is: it counts as generation, and the part of the prompt is unknown.
    """
    evaluated, cached = timings.prompt_n, timings.cache_n
    prompt = usage.prompt_tokens
    if prompt is None and evaluated is not None and cached is not None:
        prompt = evaluated + cached
    if cached is None and prompt is not None and evaluated is not None and evaluated <= prompt:
        cached = prompt - evaluated
    if cached is None and usage.prompt_tokens_details is not None:
        cached = usage.prompt_tokens_details.cached_tokens
    check_cached(cached, prompt, host)
    is_timed = timings.prompt_ms is not None or timings.predicted_ms is not None
    return Figures(
        prompt_tokens=prompt,
        cached_tokens=cached,
        generated_tokens=timings.predicted_n if usage.completion_tokens is None else usage.completion_tokens,
        prompt_s=_seconds(timings.prompt_ms),
        generation_s=_seconds(timings.predicted_ms) if is_timed else wall_s,
    )


def _seconds(milliseconds: float | None) -> float:
    return nan if milliseconds is None else milliseconds / 1000


def _id(value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= LONGEST_ID and text.isprintable() else ""


def _number(value: object) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST
    return int(value) if is_number else None  # type: ignore[call-overload]  # it is a number
