"""Experts behind any OpenAI-compatible endpoint: llama.cpp's server, vLLM, LM Studio, LiteLLM.

Spoken to over `/v1/chat/completions`. Where the server adds llama.cpp's `timings`, times are the server's own;
otherwise the whole wall time counts as generation, because nothing tells the two parts apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import httpx

from der_core.config import AskOptions, ExpertSpec, Style
from der_core.errors import BadReply, ExpertError, ModelMissing, ServerFault
from der_core.experts.finishing import finish_reply
from der_core.experts.hosts import check_host
from der_core.experts.parsing import TokenChoice
from der_core.experts.patience import Sleep, with_patience
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Backend, ExpertHealth, Request
from der_core.experts.wire import StatusFault, open_client, wire_errors
from der_core.records import Label, Question, Reply

DEFAULT_HOST = "http://127.0.0.1:8080"
"""Where llama.cpp's server listens unless told otherwise."""

TOP_LOGPROBS = 20
"""Likely tokens asked for at each place: the most that these servers agree to."""

REPORTED = "reported:"
"""What the digest of weights begins with that are known by their server's word alone."""

_START_HINT = "start the server there, or correct the expert's host"


class ChatEndpoint:
    """A conversation with one OpenAI-compatible server; `transport` and `sleep` are replaced in tests."""

    def __init__(
        self,
        host: str,
        options: AskOptions,
        *,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Prepare connections to `host`; none is made yet."""
        self._host = host
        self._options = options
        self._sleep = sleep
        self._client = open_client(host, options, api_key=api_key, transport=transport)

    def complete(self, request: Request, model: str, style: Style, beside: Mapping[str, object] | None = None) -> Reply:
        """Make the call and read the reply; connection faults are retried. `beside` are fields that only this server knows."""
        body = {
            "model": model,
            "messages": [{"role": role, "content": text} for role, text in request.messages],
            "temperature": request.options["temperature"],
            "seed": request.options["seed"],
            "max_tokens": request.options["max_tokens"],
            "logprobs": True,
            "top_logprobs": TOP_LOGPROBS,
            **(beside or {}),
        }

        def attempt() -> Reply:
            start_s = time.perf_counter()
            answer = self._send("POST", "/v1/chat/completions", model, body)
            return _reply(answer, style, time.perf_counter() - start_s, request.model_digest)

        return with_patience(attempt, self._options, self._sleep)

    def models(self) -> dict[str, Mapping[str, Any]]:  # Any: JSON
        """The models that the server lists, by id, each with what the server says of it."""
        listing = self._send("GET", "/v1/models", "", None)
        try:
            return {entry["id"]: entry for entry in listing["data"]}
        except (KeyError, TypeError) as error:
            raise BadReply(f"The list of models from {self._host} is not OpenAI's: {error!r}.") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, method: str, path: str, model: str, body: object) -> dict[str, Any]:  # Any: JSON
        try:
            with wire_errors(self._host, _START_HINT):
                answer: dict[str, Any] = self._client.request(method, path, json=body).json()
        except StatusFault as fault:
            raise _status_error(fault, self._host, model) from fault
        return answer


class OpenAICompatibleExpert:
    """An expert behind a server that somebody else runs."""

    def __init__(
        self,
        spec: ExpertSpec,
        options: AskOptions,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Connect, and name the weights; raises HostRefused, HostUnreachable or ModelMissing."""
        self._host = check_host(spec.host or DEFAULT_HOST, options.allow_remote)
        self._options = options
        self._endpoint = ChatEndpoint(self._host, options, transport=transport, sleep=sleep)
        self._spec = spec if spec.digest else replace(spec, digest=self._digest(spec.model, sleep))

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it is asked."""
        return ()

    def current_digest(self) -> str | None:
        """What the server says of the model now, as a digest; None where it does not answer or has the model no more."""
        try:
            listed = self._endpoint.models()
        except ExpertError:
            return None
        is_comparable = self._spec.model in listed and self._spec.digest.startswith(REPORTED)
        return reported_digest(listed[self._spec.model]) if is_comparable else None

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make; pure."""
        return chat_request(self._spec, self._options, question, previous_label)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply."""
        return self._endpoint.complete(self.request(question, previous_label), self._spec.model, self._spec.style)

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _digest(self, model: str, sleep: Sleep) -> str:
        try:
            listed = with_patience(self._endpoint.models, self._options, sleep)
            if model not in listed:
                raise missing_model(model, self._host, listed)
        except ExpertError:
            self._endpoint.close()
            raise
        return reported_digest(listed[model])


def chat_request(spec: ExpertSpec, options: AskOptions, question: Question, previous_label: Label) -> Request:
    """The chat completion that asks `spec` the question under greedy decoding."""
    decoding = {"temperature": 0, "seed": options.seed, "max_tokens": options.longest_reply(spec)}
    return Request(spec.backend, spec.digest, build_messages(question, previous_label, spec.style), decoding)


def reported_digest(entry: Mapping[str, Any]) -> str:  # Any: JSON
    """Name weights by what the server says of them, marked "reported:", for want of a checksum.

    Two servers that report alike are taken for the same model: the protocol has nothing better.
    """
    lasting = {key: entry.get(key) for key in ("id", "owned_by", "root", "meta")}
    told = json.dumps(lasting, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{REPORTED}{entry['id']}:{blake2b(told.encode(), digest_size=8).hexdigest()}"


def missing_model(model: str, host: str, listed: Mapping[str, object]) -> ModelMissing:
    """The error for a model that the server does not list, with those that it does."""
    return ModelMissing(f"{host} does not serve {model}; it serves {', '.join(sorted(listed)) or 'nothing'}.")


def check_openai(spec: ExpertSpec, options: AskOptions, transport: httpx.BaseTransport | None = None) -> ExpertHealth:
    """Whether the server lists the model; raises ExpertError where it cannot be asked."""
    host = check_host(spec.host or DEFAULT_HOST, options.allow_remote)
    endpoint = ChatEndpoint(host, options, transport=transport)
    try:
        # A server that is not there is told at once; one that is about to be ready is worth waiting for.
        listed = with_patience(endpoint.models, replace(options, retries=0))
    finally:
        endpoint.close()
    if spec.model not in listed:
        raise missing_model(spec.model, host, listed)
    return ExpertHealth(spec, True, spec.digest or reported_digest(listed[spec.model]), None, f"Ready at {host}.")


def _status_error(fault: StatusFault, host: str, model: str) -> ExpertError:
    if fault.status == httpx.codes.NOT_FOUND:
        return ModelMissing(f"{host} does not serve chats with {model or 'any model'} ({fault.said}); correct the model or the host.")
    if httpx.codes.is_server_error(fault.status):
        return ServerFault(f"{host} failed with HTTP {fault.status} ({fault.said}); see the server's log.")
    return fault


def _reply(answer: Mapping[str, Any], style: Style, wall_s: float, digest: str) -> Reply:  # Any: JSON
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        tokens = _token_choices(choice.get("logprobs") or {})
        times = _llama_times(answer["timings"]) if "timings" in answer else _usage_times(answer.get("usage") or {}, wall_s)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise BadReply(f"The reply is not an OpenAI chat completion: {error!r}; is the host right?") from error
    reply = Reply(text=text, label=Label.INVALID, p_yes=None, load_s=0.0, wall_s=wall_s, model_digest=digest, **times)
    thinking, finish = choice["message"].get("reasoning_content") or "", choice.get("finish_reason") or ""
    return finish_reply(reply, style, tokens, thinking=thinking, finish=finish)


def _token_choices(logprobs: Mapping[str, Any]) -> list[TokenChoice]:  # Any: JSON
    entries = logprobs.get("content") or []
    return [
        TokenChoice(
            entry["token"], tuple((top["token"], float(top["logprob"])) for top in entry.get("top_logprobs") or ()), entry.get("logprob")
        )
        for entry in entries
    ]


def _llama_times(timings: Mapping[str, Any]) -> dict[str, Any]:  # Any: keyword arguments of Reply
    cached = int(timings.get("cache_n", 0))
    return {
        "prompt_s": float(timings["prompt_ms"]) / 1000,
        "generation_s": float(timings["predicted_ms"]) / 1000,
        "prompt_tokens": int(timings["prompt_n"]) + cached,
        "cached_tokens": cached,
        "generated_tokens": int(timings["predicted_n"]),
    }


def _usage_times(usage: Mapping[str, Any], wall_s: float) -> dict[str, Any]:  # Any: keyword arguments of Reply
    details = usage.get("prompt_tokens_details") or {}
    return {
        "prompt_s": 0.0,
        "generation_s": wall_s,
        "prompt_tokens": int(usage.get("prompt_tokens") or 0),
        "cached_tokens": int(details.get("cached_tokens") or 0),
        "generated_tokens": int(usage.get("completion_tokens") or 0),
    }


BACKEND = Backend(
    name="openai",
    prefix="openai:",
    label="OpenAI-compatible server",
    place="on an OpenAI-compatible server",
    open=OpenAICompatibleExpert,
    check=check_openai,
    default_host=lambda allow_remote: DEFAULT_HOST,
)
