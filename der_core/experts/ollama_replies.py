"""What Ollama sends back, read with care: strict where a wrong figure would pass for a right one, lenient where only P(yes) is at stake."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from der_core.errors import BadReply
from der_core.experts.edge import Text
from der_core.experts.parsing import TokenChoice

_NANOSECONDS_PER_S = 1e9

Read = TypeVar("Read", bound=BaseModel)
Nanoseconds = Annotated[float, Field(allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=1 << 31)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Message(_Strict):
    """What the model wrote; `thinking` is what the server took out of the content."""

    content: str | None = None
    thinking: str | None = None


class ChatReply(_Strict):
    """One reply of `/api/chat`. None where a server does not tell: unknown is not zero."""

    message: Message
    done: bool = True
    done_reason: str | None = None
    logprobs: Any = None  # Any: read by `token_choices`, which loses no reply over them
    load_duration: Nanoseconds | None = None
    prompt_eval_count: int | None = None
    prompt_eval_cached_count: int | None = None
    """How many of the counted tokens were found in the server's cache; servers before autumn 2026 do not tell."""
    prompt_eval_duration: Nanoseconds | None = None
    eval_count: int | None = None
    eval_duration: Nanoseconds | None = None


class Details(_Strict):
    """What a model file says of itself."""

    family: Text | None = None
    families: list[Text] | None = None
    parameter_size: Text | None = None
    quantization_level: Text | None = None
    context_length: Tokens | None = None


class ModelEntry(_Strict):
    """One entry of `/api/tags` or `/api/ps`."""

    model: Text | None = None
    name: Text | None = None
    digest: Text | None = None
    size: Annotated[float, Field(ge=0, le=1 << 50)] | None = None
    context_length: int | None = None
    details: Details | None = None
    capabilities: list[Text] | None = None
    remote_host: Text | None = None
    remote_model: Text | None = None

    @property
    def id(self) -> str:
        """The name by which the model is asked."""
        return self.model or self.name or ""


class ModelList(_Strict):
    """What `/api/tags` or `/api/ps` answers."""

    models: list[ModelEntry]


class ShownModel(_Strict):
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
        return told if type(told) is int and 0 < told < 1 << 53 else None


class _Likely(_Strict):
    token: str
    logprob: float | None = None


class _Token(_Likely):
    top_logprobs: list[_Likely] | None = None


_TOKENS = TypeAdapter(list[_Token])


def read_chat(body: Mapping[str, Any], host: str) -> ChatReply:  # Any: JSON
    """Return the reply to a chat; raises BadReply where it is not one, or not a complete one."""
    reply = read_as(ChatReply, body, host)
    if not reply.done:
        raise BadReply(f"The reply from {host} ends before the model was done; ask again.")
    return reply


def read_as(kind: type[Read], body: Mapping[str, Any], host: str) -> Read:  # Any: JSON
    """Return what a server sent as one of the classes above; raises BadReply, with the first thing amiss."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        amiss = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, amiss["loc"])) or "the whole"
        raise BadReply(f"The reply from {host} is not Ollama's ({place}: {amiss['msg']}); is another program listening there?") from error


def token_choices(logprobs: object) -> tuple[TokenChoice, ...]:
    """The tokens of a generation with their alternatives; nothing where the server tells none, or tells them in a form of its own.

    A place whose alternatives are known in part only has none: P(yes) from the rest would be wrong.
    """
    try:
        tokens = _TOKENS.validate_python(logprobs or [])
    except ValidationError:
        return ()
    return tuple(TokenChoice(token.token, _alternatives(token.top_logprobs or []), token.logprob) for token in tokens)


def seconds(nanoseconds: float | None) -> float:
    """A duration in seconds, nan where the server does not tell it."""
    return math.nan if nanoseconds is None else nanoseconds / _NANOSECONDS_PER_S


def _alternatives(likely: list[_Likely]) -> tuple[tuple[str, float], ...]:
    known = tuple((entry.token, entry.logprob) for entry in likely if entry.logprob is not None)
    return known if len(known) == len(likely) else ()
