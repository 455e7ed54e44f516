"""Experts served by Ollama, through its own Python client.

Non-streaming `/api/chat` under greedy decoding; the digest of the weights comes from `/api/tags`. Nothing is ever
pulled, created or deleted: a missing model is an error that names the `ollama pull` command.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import httpx

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, ExpertError, ModelMissing, ServerFault
from der_core.experts.finishing import finish_reply
from der_core.experts.hosts import check_host
from der_core.experts.ollama_names import canonical_ollama_name, default_ollama_host, same_ollama_model
from der_core.experts.parsing import TokenChoice
from der_core.experts.patience import Sleep, with_patience
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Backend, ExpertHealth, Request
from der_core.experts.wire import StatusFault, Wire, open_client, timeouts, wire_error
from der_core.records import Label, Question, Reply

if TYPE_CHECKING:
    from ollama import ChatResponse, Client, ListResponse
    from ollama._types import Logprob

T = TypeVar("T")

TOP_LOGPROBS = 20
"""Likely tokens asked for at each place: the most that Ollama agrees to."""

_NANOSECONDS_PER_S = 1e9
_START_HINT = "start Ollama with `ollama serve`, or correct the expert's host"


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
        self._host = check_host(spec.host or default_ollama_host(options.allow_remote), options.allow_remote)
        self._options = options
        self._sleep = sleep
        self._cached_tokens = _CachedTokens()
        self._client = _client(self._host, options, transport, self._cached_tokens)
        try:
            listed = with_patience(lambda: _listed_model(self._client, self._host, spec.model), options, sleep)
        except ExpertError:
            _close(self._client)
            raise
        self._spec = replace(spec, digest=_digest(listed))

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it is asked."""
        return ()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: what is noted is no part of its requests."""

    def current_digest(self) -> str | None:
        """The digest that Ollama lists now; None where it does not answer or has the model no more."""
        try:
            return _digest(_listed_model(self._client, self._host, self._spec.model))
        except ExpertError:
            return None

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make; pure."""
        options = self._options
        num_predict = options.longest_reply(self._spec)
        decoding = {"temperature": 0, "seed": options.seed, "num_predict": num_predict, "num_ctx": options.context_tokens}
        return Request("ollama", self._spec.digest, build_messages(question, previous_label, self._spec.style), decoding)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; connection faults are retried."""
        request = self.request(question, previous_label)
        return with_patience(lambda: self._ask_once(request), self._options, self._sleep)

    def close(self) -> None:
        """Close the connections; the model stays with Ollama."""
        _close(self._client)

    def _ask_once(self, request: Request) -> Reply:
        start_s = time.perf_counter()
        response = _called(lambda: self._chat(request), self._host, self._spec.model)
        wall_s = time.perf_counter() - start_s
        if (response.prompt_eval_count or 0) >= self._options.context_tokens:
            room = self._options.context_tokens
            raise ServerFault(f"The prompt fills the context of {room} tokens and was cut; raise context_tokens or shorten the passage.")
        return self._reply(response, wall_s)

    def _chat(self, request: Request) -> ChatResponse:
        messages = [{"role": role, "content": text} for role, text in request.messages]
        # Models that can think would spend the few tokens of a reply on it.
        return self._client.chat(
            self._spec.model, messages, think=False, logprobs=True, top_logprobs=TOP_LOGPROBS, options=dict(request.options)
        )

    def _reply(self, response: ChatResponse, wall_s: float) -> Reply:
        reply = Reply(
            text=response.message.content or "",
            label=Label.INVALID,
            p_yes=None,
            load_s=_seconds(response.load_duration),
            prompt_s=_seconds(response.prompt_eval_duration),
            generation_s=_seconds(response.eval_duration),
            wall_s=wall_s,
            prompt_tokens=response.prompt_eval_count or 0,
            cached_tokens=self._cached_tokens.count,
            generated_tokens=response.eval_count or 0,
            model_digest=self._spec.digest,
        )
        tokens = _token_choices(response.logprobs or ())
        thinking, finish = response.message.thinking or "", response.done_reason or ""
        return finish_reply(reply, self._spec.style, tokens, thinking=thinking, finish=finish)


def check_ollama(spec: ExpertSpec, options: AskOptions, transport: httpx.BaseTransport | None = None) -> ExpertHealth:
    """Whether Ollama has the model; raises ExpertError, with the next step, where it has not or is not there."""
    host = check_host(spec.host or default_ollama_host(options.allow_remote), options.allow_remote)
    client = _client(host, options, transport, _CachedTokens())
    try:
        # A server that is not there is told at once; one that is about to be ready is worth waiting for.
        listed = with_patience(lambda: _listed_model(client, host, spec.model), replace(options, retries=0))
    finally:
        _close(client)
    return ExpertHealth(spec, True, _digest(listed), int(listed.size) if listed.size else None, f"Ready at {host}.")


def is_ollama_up(host: str, timeout_s: float, allow_remote: bool = False) -> bool:
    """Whether Ollama answers at an address that we agree to call; told within about twice the timeout."""
    try:
        address = check_host(host, allow_remote)
        options = AskOptions(connect_timeout_s=timeout_s, read_timeout_s=timeout_s, allow_remote=allow_remote)
        with open_client(address, options) as client:
            return "version" in client.get("/api/version").json()
    except (ExpertError, httpx.TransportError):
        return False


class _CachedTokens(threading.local):
    """How many prompt tokens the last call of this thread found in the server's cache (0 where not told).

    Newer servers send `prompt_eval_cached_count`, which version 0.6 of the client drops.
    """

    count = 0

    def read(self, response: httpx.Response) -> None:
        """Take the count from a response, a JSON object."""
        response.read()
        count = response.json().get("prompt_eval_cached_count")
        self.count = count if isinstance(count, int) else 0


def _client(host: str, options: AskOptions, transport: httpx.BaseTransport | None, cached: _CachedTokens) -> Client:
    from ollama import Client

    return Client(
        host,
        timeout=timeouts(options),
        follow_redirects=False,
        trust_env=False,
        transport=Wire(host, options, transport=transport),
        event_hooks={"response": [cached.read]},
    )


def _close(client: Client) -> None:
    client.close()  # type: ignore[no-untyped-call]  # the client annotates its calls, but not its close


def _called(call: Callable[[], T], host: str, model: str) -> T:
    """What `call` returns; everything that the client raises becomes an error of ours."""
    try:
        return call()
    except StatusFault as error:
        raise _status_error(error, host, model) from error
    except (httpx.TransportError, ConnectionError) as error:
        raise wire_error(error, host, _START_HINT) from error
    except (ValueError, TypeError) as error:
        raise BadReply(f"The reply from {host} is not Ollama's ({type(error).__name__}); is another program listening there?") from error


def _status_error(fault: StatusFault, host: str, model: str) -> ExpertError:
    if fault.status == httpx.codes.NOT_FOUND:
        return _missing(model, host)
    return ServerFault(f"Ollama at {host} failed with HTTP {fault.status} on {model}: {fault.said}; see its log.")


def _pull(model: str) -> str:
    return f"ollama pull {model}"


def _missing(model: str, host: str) -> ModelMissing:
    return ModelMissing(f"Ollama at {host} does not have {model}; fetch it with `{_pull(model)}`.")


def _listed_model(client: Client, host: str, model: str) -> ListResponse.Model:
    listing = _called(client.list, host, model)
    found = next((entry for entry in listing.models if same_ollama_model(entry.model or "", model)), None)
    if found is None:
        raise _missing(model, host)
    return found


def _digest(listed: ListResponse.Model) -> str:
    if not listed.digest:
        raise BadReply(f"Ollama lists {listed.model} without a digest; update Ollama.")
    return listed.digest if ":" in listed.digest else f"sha256:{listed.digest}"


def _token_choices(logprobs: Sequence[Logprob]) -> list[TokenChoice]:
    return [
        TokenChoice(entry.token, tuple((top.token, top.logprob) for top in entry.top_logprobs or ()), entry.logprob) for entry in logprobs
    ]


def _seconds(nanoseconds: int | None) -> float:
    return (nanoseconds or 0) / _NANOSECONDS_PER_S


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
)
