"""What Ollama sends back, read with care."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from der_core.errors import BadReply
from der_core.experts.edge import Count, FromServer, Nanoseconds, Text, check_cached, read_as

PROTOCOL = "Ollama's"
_NANOSECONDS_PER_S = 1e9
_LARGEST = 1 << 53
_LONGEST_DIGEST = 1_000


class Message(FromServer):
    """What the model wrote; `thinking` is what the server took out of the content."""

    content: Text | None = None
    thinking: Text | None = None


class ChatReply(FromServer):
    """One reply of `/api/chat`. None where a server does not tell: unknown is not zero."""

    message: Message
    done: bool = True
    done_reason: str | None = None
    logprobs: Any = None  # Any: read by `read_tokens`, which loses no reply over a form of its own
    load_duration: Nanoseconds | None = None
    prompt_eval_count: Count | None = None
    prompt_eval_cached_count: Count | None = None
    """How many of the counted tokens were found in the server's cache; servers before autumn 2026 do not tell."""
    prompt_eval_duration: Nanoseconds | None = None
    eval_count: Count | None = None
    eval_duration: Nanoseconds | None = None


class Details(FromServer):
    """What a model file says of itself."""

    family: Text | None = None
    families: list[Text] | None = None
    parameter_size: Text | None = None
    quantization_level: Text | None = None
    context_length: Count | None = None


class ModelEntry(FromServer):
    """One entry of `/api/tags` or `/api/ps`."""

    model: Text | None = None
    name: Text | None = None
    digest: Annotated[Text, Field(max_length=_LONGEST_DIGEST)] | None = None
    size: Annotated[float, Field(ge=0, le=1 << 50)] | None = None
    context_length: Count | None = None
    details: Details | None = None
    capabilities: list[Text] | None = None
    remote_host: Text | None = None
    remote_model: Text | None = None

    @property
    def id(self) -> str:
        """The name by which the model is asked."""
        return self.model or self.name or ""


class ModelList(FromServer):
    """What `/api/tags` or `/api/ps` answers."""

    models: list[ModelEntry]


class ShownModel(FromServer):
    """What `/api/show` answers, as far as it is read here."""

    template: str | None = None
    capabilities: list[Text] | None = None
    details: Details | None = None
    model_info: dict[str, Any] | None = None  # Any: JSON
    remote_host: Text | None = None
    remote_model: Text | None = None

    @property
    def trained_window(self) -> int | None:
        """The longest window that the model was trained for, in tokens."""
        return self._told(".context_length")

    @property
    def n_parameters(self) -> int | None:
        """The number of the model's parameters."""
        return self._told("general.parameter_count")

    def _told(self, ending: str) -> int | None:
        told = next((value for name, value in (self.model_info or {}).items() if name.endswith(ending)), None)
        return told if type(told) is int and 0 < told < _LARGEST else None


def read_chat(body: Mapping[str, Any], host: str) -> ChatReply:  # Any: JSON
    """Return the reply to a chat; raises BadReply where it is not one, or not a complete one."""
    reply = read_as(ChatReply, body, host, PROTOCOL)
    if not reply.done:
        raise BadReply(f"The reply from {host} ends before the model was done; ask again.")
    check_cached(reply.prompt_eval_cached_count, reply.prompt_eval_count, host)
    return reply


def seconds(nanoseconds: float | None) -> float:
    """A duration in seconds, nan where the server does not tell it."""
    return math.nan if nanoseconds is None else nanoseconds / _NANOSECONDS_PER_S
