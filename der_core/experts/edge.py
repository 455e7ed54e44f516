"""Figures and texts of a server, checked where they come in: what no server can mean goes no further.

Types for the fields of pydantic models. Strict: a figure is never read out of a text, nor a text made of a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from der_core.errors import BadReply
from der_core.experts.bounds import LOGPROB_ROUNDING, LONGEST_S, MOST_TOKENS
from der_core.experts.tokens import TokenChoice
from der_core.foreign import in_one_line

_OUT_OF_RANGE = frozenset({"less_than_equal", "finite_number"})

Read = TypeVar("Read", bound=BaseModel)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_halves(value: object) -> object:
    """A text in which half of a pair of code units, cut from its other half, is a replacement character."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


Count = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MOST_TOKENS)]
"""Tokens: whole, 0 to 2**24."""
Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_S * 1e3, allow_inf_nan=False)]
Nanoseconds = Annotated[float, Field(ge=0, le=LONGEST_S * 1e9, allow_inf_nan=False)]
"""Durations of a day at most."""
LogProbability = Annotated[float, Field(le=LOGPROB_ROUNDING, allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_without_halves)]


class FromServer(BaseModel):
    """A part of a reply; fields that are not named here are left alone."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Likely(FromServer):
    token: Text
    logprob: LogProbability | None = None


class _Token(_Likely):
    top_logprobs: list[_Likely] | None = None


_TOKENS = TypeAdapter(list[_Token])


def read_as(kind: type[Read], body: Mapping[str, Any], host: str, protocol: str) -> Read:  # Any: JSON
    """Read what a server sent as `kind`; raises BadReply, with the first thing amiss, where it is not `protocol`."""
    try:
        return kind.model_validate(body)
    except (ValidationError, RecursionError) as error:
        if body.get("error"):  # some servers send their errors as successes
            raise BadReply(f"{host} answers with an error instead of a reply ({_said(body['error'])}); see the server's log.") from error
        raise BadReply(f"The reply from {host} is not {protocol} ({amiss(error)}); is the host right?") from error


def read_tokens(listed: object, host: str) -> tuple[TokenChoice, ...]:
    """The tokens of a reply with their alternatives; nothing where the server tells none, or tells them in a form of its own.

    A place whose alternatives are known in part only has none: P(yes) from the rest would be wrong. Raises BadReply for
    figures that are no log-probabilities.
    """
    try:
        tokens = _TOKENS.validate_python(listed or [])
    except RecursionError:
        return ()
    except ValidationError as error:
        if any(fault["type"] in _OUT_OF_RANGE for fault in error.errors(include_url=False, include_input=False)):
            raise BadReply(f"The log-probabilities from {host} cannot be right ({amiss(error)}); see the server's log.") from error
        return ()
    return tuple(TokenChoice(token.token, _alternatives(token.top_logprobs or []), token.logprob) for token in tokens)


def check_cached(cached: int | None, prompt: int | None, host: str) -> None:
    """Raise BadReply where more tokens were found in the cache than the prompt has."""
    if prompt is not None and cached is not None and cached > prompt:
        raise BadReply(f"{host} counts {cached} cached tokens in a prompt of {prompt}: its figures cannot be right; see the server's log.")


def amiss(error: ValidationError | RecursionError) -> str:
    """The first thing that is wrong, in a few words: its place, and what should be there."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"


def _said(error: object) -> str:
    told = error.get("message") if isinstance(error, dict) else error
    return in_one_line(told, 200) if isinstance(told, str) and told else "no reason given"


def _alternatives(likely: list[_Likely]) -> tuple[tuple[str, float], ...]:
    known = tuple((entry.token, entry.logprob) for entry in likely if entry.logprob is not None)
    return known if len(known) == len(likely) else ()
