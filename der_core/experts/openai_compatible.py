"""Experts behind any OpenAI-compatible endpoint: llama.cpp's server, vLLM, LM Studio, LiteLLM.

Spoken to over `/v1/chat/completions`. Where the server adds llama.cpp's `timings`, times are the server's own;
otherwise the whole wall time counts as generation, because nothing tells the two parts apart, and the seconds of the
prompt are unknown.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from math import nan
from typing import Any

import httpx

from der_core.config import AskOptions, ExpertSpec, Style
from der_core.errors import BadReply, ExpertError, ModelMissing, ServerFault, SettingsError
from der_core.experts.finishing import finish_reply
from der_core.experts.hosts import check_host
from der_core.experts.openai_manner import TOP_LOGPROBS, Manner
from der_core.experts.openai_replies import Completion, described, read_completion, read_models
from der_core.experts.parsing import was_cut
from der_core.experts.patience import Sleep, with_patience
from der_core.experts.protocol import Backend, ExpertHealth, ListedModel, Request
from der_core.experts.thoughts import reply_proper
from der_core.experts.wire import StatusFault, open_client, wire_errors
from der_core.foreign import in_one_line
from der_core.records import Label, Question, Reply

DEFAULT_HOST = "http://127.0.0.1:8080"
"""Where llama.cpp's server listens unless told otherwise."""

REPORTED = "reported:"
"""What the digest of weights begins with that are known by their server's word alone."""

_START_HINT = "start the server there, or correct the expert's host"
_REFUSALS = frozenset({400, 422})
"""Statuses of servers that do not take what they are asked; others send them as errors of their own, with words that tell."""
_TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|exceed.{0,40}context|too long|too many tokens|max_model_len|longer than", re.IGNORECASE
)
_MOST_NAMED = 20


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
        """Prepare connections to `host`; none is made yet. A path may end in "/v1" as other clients want it, or leave it out."""
        self.host = host.removesuffix("/v1")
        self._options = options
        self._sleep = sleep
        self._client = open_client(self.host, options, api_key=api_key, transport=transport)

    def complete(self, request: Request, model: str, style: Style, beside: Mapping[str, object] | None = None) -> Reply:
        """Make the call and read the reply. `beside` are fields that only this server knows."""
        try:
            return reply_of(*self.chat(request, model, TOP_LOGPROBS[0], beside), style, request.model_digest)
        except StatusFault as fault:
            raise explained(fault, self.host, model) from fault

    def chat(self, request: Request, model: str, top_logprobs: int, beside: Mapping[str, object] | None = None) -> tuple[Completion, float]:
        """The completion and the seconds of its call, waits for a busy server left out; raises StatusFault as it is."""
        body = {**_body(request, model, top_logprobs), **(beside or {})}

        def attempt() -> tuple[Completion, float]:
            start_s = time.perf_counter()
            answer = self._send("POST", "/v1/chat/completions", body)
            wall_s = time.perf_counter() - start_s
            return read_completion(answer, self.host, wall_s), wall_s

        return with_patience(attempt, self._options, self._sleep)

    def models(self) -> dict[str, Mapping[str, Any]]:  # Any: JSON
        """The models that the server lists, by id, each with what the server says of it."""
        try:
            return read_models(with_patience(lambda: self._send("GET", "/v1/models", None), self._options, self._sleep), self.host)
        except StatusFault as fault:
            raise explained(fault, self.host, "") from fault

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, method: str, path: str, body: object) -> dict[str, Any]:  # Any: JSON
        with wire_errors(self.host, _START_HINT):
            answer: dict[str, Any] = self._client.request(method, path, json=body).json()
        return answer


class OpenAICompatibleExpert:
    """An expert behind a server that somebody else runs.

    What the server does not take is found out at the first call, and left out from then on (see `notes`).
    """

    def __init__(
        self,
        spec: ExpertSpec,
        options: AskOptions,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Connect, and name the weights; raises HostRefused, HostUnreachable, ModelMissing, and SettingsError without its key."""
        self._options = options
        self._endpoint = _endpoint(spec, options, transport, sleep)
        self._manner = Manner()
        self._is_settled = False
        self._spec = spec if spec.digest else self._as_listed(spec)

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """How it is asked otherwise than usual, one sentence each, known after the first call."""
        return self._manner.notes

    def recall(self, notes: Sequence[str]) -> None:
        """Ask as these notes tell, which were taken of an earlier recording: it is to go on as it began."""
        self._manner = Manner.of_notes(notes)

    def current_digest(self) -> str | None:
        """What the server says of the model now, as a digest; None where it does not answer or has the model no more."""
        try:
            listed = self._endpoint.models()
        except ExpertError:
            return None
        is_comparable = self._spec.model in listed and self._spec.digest.startswith(REPORTED)
        return reported_digest(listed[self._spec.model]) if is_comparable else None

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make, as far as is known before the first one; pure."""
        return self._manner.request(self._spec, self._options, question, previous_label)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; a busy server is waited for, connection faults are retried."""
        if self._is_settled:
            try:
                return self._ask(self._manner, question, previous_label)
            except StatusFault as fault:
                raise explained(fault, self._endpoint.host, self._spec.model) from fault
        manner, reply = self._first_reply(question, previous_label)
        self._manner, self._is_settled = manner, True
        return reply

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _first_reply(self, question: Question, previous_label: Label) -> tuple[Manner, Reply]:
        """Find the manner in which the server answers, nearest to the usual one, and its reply."""
        waiting, tried = deque([self._manner]), set[Manner]()
        refusals: list[StatusFault] = []
        while waiting:
            manner = waiting.popleft()
            if manner in tried:
                continue
            tried.add(manner)
            try:
                return self._without_endless_thought(manner, question, previous_label)
            except StatusFault as fault:
                refusals.append(fault)
                if _is_refusal_of_form(fault, manner, self._spec.held):
                    waiting.extend(manner.simpler(fault.said, self._spec.held))
        raise explained(refusals[0], self._endpoint.host, self._spec.model) from refusals[0]

    def _without_endless_thought(self, manner: Manner, question: Question, previous_label: Label) -> tuple[Manner, Reply]:
        """Ask; where a thought took all tokens and nobody chose their number, see whether the model answers without one."""
        completion, wall_s = self._chat(manner, question, previous_label)
        reply = self._reply(completion, wall_s)
        is_thought = bool(completion.thinking.strip()) or reply_proper(completion.text).thought
        if not (is_thought and was_cut(reply.reason) and manner.may_think and self._spec.max_tokens is None):
            return manner, reply
        unthinking = replace(manner, may_think=False)
        try:
            other = self._ask(unthinking, question, previous_label)
        except StatusFault:
            return manner, reply
        return (manner, reply) if was_cut(other.reason) else (unthinking, other)

    def _ask(self, manner: Manner, question: Question, previous_label: Label) -> Reply:
        return self._reply(*self._chat(manner, question, previous_label))

    def _chat(self, manner: Manner, question: Question, previous_label: Label) -> tuple[Completion, float]:
        request = manner.request(self._spec, self._options, question, previous_label)
        completion, wall_s = self._endpoint.chat(request, self._spec.model, manner.top_logprobs)
        window = self._spec.context_tokens or self._options.context_tokens
        if (completion.figures.prompt_tokens or 0) >= window:
            raise ServerFault(
                f"The prompt of {completion.figures.prompt_tokens:,} tokens does not fit the context of {window:,} and may have been cut: "
                "raise --context-tokens if the server's window is larger, or shorten the passage."
            )
        return completion, wall_s

    def _reply(self, completion: Completion, wall_s: float) -> Reply:
        return reply_of(completion, wall_s, self._spec.style, self._spec.digest)

    def _as_listed(self, spec: ExpertSpec) -> ExpertSpec:
        """The expert with the digest of its model, and its size where only the server tells one."""
        try:
            listed = self._endpoint.models()
            if spec.model not in listed:
                raise missing_model(spec.model, self._endpoint.host, listed)
        except ExpertError:
            self._endpoint.close()
            raise
        entry = listed[spec.model]
        params = described(spec.model, entry).params_billions if spec.params_billions is None else spec.params_billions
        return replace(spec, digest=reported_digest(entry), params_billions=params)


def reply_of(completion: Completion, wall_s: float, style: Style, digest: str) -> Reply:
    """The reply of an expert, read from a chat completion; whether the model was loaded for it, the server does not tell."""
    figures = completion.figures
    reply = Reply(
        text=completion.text,
        label=Label.INVALID,
        p_yes=None,
        load_s=nan,
        prompt_s=figures.prompt_s,
        generation_s=figures.generation_s,
        wall_s=wall_s,
        prompt_tokens=figures.prompt_tokens,
        cached_tokens=figures.cached_tokens,
        generated_tokens=figures.generated_tokens,
        model_digest=digest,
    )
    return finish_reply(reply, style, completion.tokens, thinking=completion.thinking, finish=completion.finish)


def chat_request(spec: ExpertSpec, options: AskOptions, question: Question, previous_label: Label) -> Request:
    """The chat completion that asks `spec` the question in the usual manner, under greedy decoding."""
    return Manner().request(spec, options, question, previous_label)


def list_models(
    host: str, options: AskOptions, *, key_env: str | None = None, transport: httpx.BaseTransport | None = None
) -> list[ListedModel]:
    """The models that a server lists, in its order; raises ExpertError where it cannot be asked."""
    endpoint = _endpoint(ExpertSpec("the list", "openai", "", host=host, key_env=key_env), replace(options, retries=0), transport)
    try:
        return [described(model_id, entry) for model_id, entry in endpoint.models().items()]
    finally:
        endpoint.close()


def check_openai(spec: ExpertSpec, options: AskOptions, transport: httpx.BaseTransport | None = None) -> ExpertHealth:
    """Whether the server lists the model; raises ExpertError where it cannot be asked."""
    # A server that is not there is told at once; one that is about to be ready is worth waiting for.
    endpoint = _endpoint(spec, replace(options, retries=0), transport)
    try:
        listed = endpoint.models()
    finally:
        endpoint.close()
    if spec.model not in listed:
        raise missing_model(spec.model, endpoint.host, listed)
    entry = listed[spec.model]
    size_bytes = described(spec.model, entry).size_bytes
    return ExpertHealth(spec, True, spec.digest or reported_digest(entry), size_bytes, f"Ready at {endpoint.host}.")


def reported_digest(entry: Mapping[str, Any]) -> str:  # Any: JSON
    """Name weights by what the server says of them, marked "reported:", for want of a checksum.

    Two servers that report alike are taken for the same model: the protocol has nothing better.
    """
    lasting = {key: entry.get(key) for key in ("id", "owned_by", "root", "meta")}
    try:
        told = json.dumps(lasting, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError as error:
        raise BadReply("What the server says of a model is nested too deeply to be read; is the host right?") from error
    return f"{REPORTED}{entry['id']}:{blake2b(told.encode(errors='surrogatepass'), digest_size=8).hexdigest()}"


def missing_model(model: str, host: str, listed: Mapping[str, object]) -> ModelMissing:
    """The error for a model that the server does not list, with those that it does."""
    names = sorted(listed)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ModelMissing(f"{host} does not serve {model}; it serves {', '.join(names[:_MOST_NAMED]) or 'nothing'}{more}.")


def explained(fault: StatusFault, host: str, model: str) -> ExpertError:
    """What a status of failure means here, with the next step."""
    if fault.status == httpx.codes.NOT_FOUND:
        return ModelMissing(f"{host} does not serve chats with {model or 'any model'} ({fault.said}); correct the model or the host.")
    if fault.status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ServerFault(
            f"{host} wants another key (HTTP {fault.status}: {fault.said}); name the variable that holds it in the experts file."
        )
    if _TOO_LONG.search(fault.said):
        return ServerFault(
            f"{host} has no room for the prompt ({fault.said}); load the model with a larger context or shorten the passage."
        )
    if httpx.codes.is_server_error(fault.status):
        return ServerFault(f"{host} failed with HTTP {fault.status} ({fault.said}); see the server's log.")
    return fault


def _endpoint(spec: ExpertSpec, options: AskOptions, transport: httpx.BaseTransport | None, sleep: Sleep = time.sleep) -> ChatEndpoint:
    host = check_host(spec.host or DEFAULT_HOST, options.allow_remote)
    return ChatEndpoint(host, options, api_key=_key(spec), transport=transport, sleep=sleep)


def _key(spec: ExpertSpec) -> str | None:
    if not spec.key_env:
        return None
    key = os.environ.get(spec.key_env, "").strip()
    if not key:
        raise SettingsError(
            f"The environment variable {in_one_line(spec.key_env)} does not hold the key of {spec.name}; set it and try again."
        )
    return key


def _body(request: Request, model: str, top_logprobs: int) -> dict[str, Any]:  # Any: JSON
    told = request.options
    return {
        "model": model,
        "messages": [{"role": role, "content": text} for role, text in request.messages],
        **{name: told[name] for name in ("temperature", "seed", "max_tokens")},
        **{name: json.loads(str(told[name])) for name in ("response_format", "chat_template_kwargs", "stop") if name in told},
        **({"logprobs": True, "top_logprobs": top_logprobs} if top_logprobs else {}),
    }


def _is_refusal_of_form(fault: StatusFault, manner: Manner, held: bool) -> bool:
    """Whether a server refused how it was asked, not what: a prompt that is too long stays so in any form."""
    if _TOO_LONG.search(fault.said):
        return False
    return fault.status in _REFUSALS or (httpx.codes.is_server_error(fault.status) and manner.names(fault.said, held))


BACKEND = Backend(
    name="openai",
    prefix="openai:",
    label="OpenAI-compatible server",
    place="on an OpenAI-compatible server",
    open=OpenAICompatibleExpert,
    check=check_openai,
    default_host=lambda allow_remote: DEFAULT_HOST,
    list_models=list_models,
)
