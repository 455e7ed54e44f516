"""Experts served by Ollama, over its own protocol.

Non-streaming `/api/chat` under greedy decoding; the digest of the weights comes from `/api/tags`. Nothing is ever
pulled, created or deleted: a missing model is an error that names the `ollama pull` command. Ollama's Python client is
not used: it has no field for keeping prompts whole, drops the count of cached tokens, loses replies whose
log-probabilities are incomplete, and cannot be imported where the environment names an odd proxy.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, ExpertError, ModelMissing, ServerFault
from der_core.experts.cut_prompts import TokenRate, is_cut, is_short
from der_core.experts.edge import read_as, read_tokens
from der_core.experts.finishing import finish_reply
from der_core.experts.hosts import check_host
from der_core.experts.ollama_manner import Manner
from der_core.experts.ollama_models import check_not_cloud, described, list_ollama_models
from der_core.experts.ollama_names import canonical_ollama_name, default_ollama_host, is_ollama_name, same_ollama_model
from der_core.experts.ollama_replies import PROTOCOL, ChatReply, ModelEntry, ModelList, ShownModel, read_chat, seconds
from der_core.experts.parsing import stop_sequences
from der_core.experts.patience import Sleep, with_patience
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Backend, ExpertHealth, Request
from der_core.experts.tokens import TokenChoice
from der_core.experts.wire import StatusFault, open_client, wire_errors
from der_core.records import Label, Question, Reply

YES_OR_NO = '{"type": "string", "enum": ["yes", "no"]}'
"""The JSON schema that holds a reply to yes or no; it comes back in quotes."""

_START_HINT = "start Ollama with `ollama serve`, or correct the expert's host"
_TOO_LONG = re.compile(r"exceeds the (available )?context|longer than the context|exceed_context_size", re.IGNORECASE)
_TOO_LONG_COUNTS = re.compile(r"\((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")


class OllamaExpert:
    """An expert served by Ollama; `transport` and `sleep` are replaced in tests."""

    def __init__(
        self,
        spec: ExpertSpec,
        options: AskOptions,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        """Connect, and find the model's digest; raises HostRefused, HostUnreachable or ModelMissing."""
        self._options = options
        self._sleep = sleep
        self._server = _Server(
            check_host(spec.host or default_ollama_host(options.allow_remote), options.allow_remote), spec.model, options, transport
        )
        self._manner = Manner()
        self._rate = TokenRate()
        try:
            listed = with_patience(self._server.listed, options, sleep)
            params = described(listed).params_billions if spec.params_billions is None else spec.params_billions
            self._spec = replace(spec, digest=_digest(listed), params_billions=params)
            may_stop = spec.style == "reason" and with_patience(self._server.is_plain, options, sleep)
        except ExpertError:
            self._server.close()
            raise
        # A thought may well hold such a line, and would be cut there.
        self._stop = stop_sequences(spec.style) if may_stop else ()

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be conceded to the server, one sentence each."""
        return self._manner.notes()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: what is noted is no part of its requests, and is found out anew by the first call."""

    def current_digest(self) -> str | None:
        """The digest that Ollama lists now; None where it does not answer or has the model no more."""
        try:
            return _digest(self._server.listed())
        except ExpertError:
            return None

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make; pure."""
        spec, options = self._spec, self._options
        decoding: dict[str, int | float | str] = {
            "temperature": 0,
            "seed": options.seed,
            "num_predict": options.longest_reply(spec),
            "num_ctx": self._asked_window,
        }
        if self._stop:
            decoding["stop"] = json.dumps(self._stop)
        if spec.held:
            decoding["format"] = YES_OR_NO
        return Request("ollama", spec.digest, build_messages(question, previous_label, spec.style), decoding)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; a busy server is waited for, connection faults are retried.

        Raises ServerFault for a prompt that does not fit the window, cut by the server or refused.
        """
        request = self.request(question, previous_label)
        told, wall_s = self._answered(request)
        self._check_whole(request, told)
        return _reply(told, self._spec, read_tokens(told.logprobs, self._server.host), wall_s)

    def close(self) -> None:
        """Close the connections; the model stays with Ollama."""
        self._server.close()

    @property
    def _asked_window(self) -> int:
        return self._spec.context_tokens or self._options.context_tokens

    def _answered(self, request: Request) -> tuple[ChatReply, float]:
        """The reply and the seconds of its call; what the server refuses to be asked for is left out from then on."""
        manner = self._manner
        while True:
            try:
                answered = with_patience(partial(self._server.chat, manner.body(request, self._spec.model)), self._options, self._sleep)
            except StatusFault as fault:
                simpler = None if _TOO_LONG.search(fault.said) else manner.conceding(fault.said)
                if simpler is None:
                    raise self._explained(fault, request) from fault
                manner = simpler
            else:
                if manner != Manner():
                    self._manner = manner
                return answered

    def _check_whole(self, request: Request, told: ChatReply) -> None:
        """Raise ServerFault where the server cut the prompt in silence; a count of a whole prompt is learned from."""
        count, asked, predicted = told.prompt_eval_count, self._asked_window, self._rate.predict(request.messages)
        window = self._server.window(asked) if is_short(predicted, count) else asked
        if is_cut(predicted, count, window) or (count or 0) >= asked:
            read = f" and was cut: {count if count else 'an unknown number of'} tokens were read"
            raise _too_long(f"about {max(predicted, count or 0):.0f}", window, asked, read)
        if count is not None:
            self._rate.learn(request.messages, count)

    def _explained(self, fault: StatusFault, request: Request) -> ExpertError:
        if _TOO_LONG.search(fault.said):
            counts = _TOO_LONG_COUNTS.search(fault.said)
            asked = self._asked_window
            prompt = counts[1] if counts else f"about {self._rate.predict(request.messages):.0f}"
            return _too_long(prompt, int(counts[2]) if counts else asked, asked)
        if self._spec.held and re.search(r"format|schema|grammar", fault.said, re.IGNORECASE):
            return ServerFault(
                f"Ollama at {self._server.host} cannot hold {self._spec.model} to yes or no ({fault.said}); ask it without +held."
            )
        return self._server.explained(fault)


class _Server:
    """One model of the Ollama at `host`, as calls see it; what goes wrong on the way is an error of ours."""

    def __init__(self, host: str, model: str, options: AskOptions, transport: httpx.BaseTransport | None) -> None:
        self.host = host
        self.model = model
        self._allow_remote = options.allow_remote
        self._client = open_client(host, options, transport=transport)

    def chat(self, body: Mapping[str, object]) -> tuple[ChatReply, float]:
        """The reply and the seconds that the call took; raises StatusFault as it is."""
        start_s = time.perf_counter()
        told = self._send("POST", "/api/chat", body)
        return read_chat(told, self.host), time.perf_counter() - start_s

    def listed(self) -> ModelEntry:
        """The model's entry in the list of models; raises ModelMissing where it is not in it, HostRefused where it answers elsewhere."""
        check_not_cloud(self.model, self._allow_remote)
        try:
            found = self._entry("/api/tags")
        except StatusFault as fault:
            raise self.explained(fault) from fault
        if found is None:
            raise self._missing()
        check_not_cloud(self.model, self._allow_remote, found.remote_host, found.remote_model)
        return found

    def window(self, asked: int) -> int:
        """The tokens that the window of the loaded model holds, as far as the server tells; else what it was asked to hold."""
        with suppress(ExpertError):
            loaded = self._entry("/api/ps")
            if loaded and loaded.context_length:
                return loaded.context_length
        with suppress(ExpertError):
            return min(asked, self._shown().trained_window or asked)
        return asked

    def is_plain(self) -> bool:
        """Whether the model is known not to think: told what it can do, the server names no thinking, nor does the template."""
        try:
            shown = self._shown()
        except StatusFault:
            return False
        return shown.capabilities is not None and "think" not in " ".join([*shown.capabilities, shown.template or ""]).lower()

    def explained(self, fault: StatusFault) -> ExpertError:
        """The fault in the words of somebody who knows Ollama."""
        if fault.status == httpx.codes.NOT_FOUND and "model" in fault.said:
            return self._missing()
        return ServerFault(f"Ollama at {self.host} failed with HTTP {fault.status} on {self.model}: {fault.said}; see its log.")

    def close(self) -> None:
        self._client.close()

    def _entry(self, path: str) -> ModelEntry | None:
        models = read_as(ModelList, self._send("GET", path), self.host, PROTOCOL).models
        return next((entry for entry in models if same_ollama_model(entry.id, self.model)), None)

    def _shown(self) -> ShownModel:
        return read_as(ShownModel, self._send("POST", "/api/show", {"model": self.model}), self.host, PROTOCOL)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:  # Any: JSON
        with wire_errors(self.host, _START_HINT):
            answer: dict[str, Any] = self._client.request(method, path, json=body).json()
        return answer

    def _missing(self) -> ModelMissing:
        return ModelMissing(f"Ollama at {self.host} does not have {self.model}; fetch it with `{_pull(self.model)}`.")


def check_ollama(spec: ExpertSpec, options: AskOptions, transport: httpx.BaseTransport | None = None) -> ExpertHealth:
    """Whether Ollama has the model; raises ExpertError, with the next step, where it has not or is not there."""
    server = _Server(
        check_host(spec.host or default_ollama_host(options.allow_remote), options.allow_remote), spec.model, options, transport
    )
    try:
        # A server that is not there is told at once; one that is about to be ready is worth waiting for.
        listed = with_patience(server.listed, replace(options, retries=0))
    finally:
        server.close()
    return ExpertHealth(spec, True, _digest(listed), int(listed.size) if listed.size else None, f"Ready at {server.host}.")


def is_ollama_up(host: str, timeout_s: float, allow_remote: bool = False) -> bool:
    """Whether Ollama answers at an address that we agree to call; told within about twice the timeout."""
    try:
        address = check_host(host, allow_remote)
        options = AskOptions(connect_timeout_s=timeout_s, read_timeout_s=timeout_s, allow_remote=allow_remote)
        with open_client(address, options) as client:
            return "version" in client.get("/api/version").json()
    except (ExpertError, httpx.TransportError):
        return False


def _too_long(tokens: str, window: int, asked: int, read: str = "") -> ServerFault:
    """The fault of a prompt that does not fit: `window` is what the server holds, `asked` what it was asked to hold."""
    remedy = "raise context_tokens (--context-tokens) or shorten the passage"
    if window < asked:
        remedy = f"the model holds no more than {window}, so shorten the passage or choose another model"
    return ServerFault(f"The prompt ({tokens} tokens) does not fit the window ({window} tokens){read}; {remedy}.")


def _pull(model: str) -> str:
    return f"ollama pull {model}"


def _digest(listed: ModelEntry) -> str:
    if not listed.digest:
        raise BadReply(f"Ollama lists {listed.model or listed.name} without a digest; update Ollama.")
    return listed.digest if ":" in listed.digest else f"sha256:{listed.digest}"


def _reply(told: ChatReply, spec: ExpertSpec, tokens: tuple[TokenChoice, ...], wall_s: float) -> Reply:
    reply = Reply(
        text=told.message.content or "",
        label=Label.INVALID,
        p_yes=None,
        load_s=seconds(told.load_duration),
        prompt_s=seconds(told.prompt_eval_duration),
        generation_s=seconds(told.eval_duration),
        wall_s=wall_s,
        prompt_tokens=told.prompt_eval_count,
        cached_tokens=told.prompt_eval_cached_count,
        generated_tokens=told.eval_count,
        model_digest=spec.digest,
    )
    thinking, finish = told.message.thinking or "", told.done_reason or ""
    return finish_reply(reply, spec.style, tokens, thinking=thinking, finish=finish)


BACKEND = Backend(
    name="ollama",
    prefix="",
    label="Ollama",
    place="in Ollama",
    open=OllamaExpert,
    check=check_ollama,
    default_host=default_ollama_host,
    fetch_command=_pull,
    canonical_model=canonical_ollama_name,
    is_model_name=is_ollama_name,
    list_models=list_ollama_models,
)
