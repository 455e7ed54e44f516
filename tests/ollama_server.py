"""A server that speaks Ollama's wire protocol, answering from a script or with a real LLM; for tests only.

with OllamaServer(lambda messages: "yes", models=["tiny:latest"]) as server:
    server.fail("error", times=1)
    ... ollama.Client(server.url) ...
    server.count("/api/chat")

It answers as a real one was seen to: see ollama_exchanges.py, and the test that holds the two together. A word is a token.
"""

from __future__ import annotations

import hashlib
import json
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import httpx

Chat = Sequence[dict[str, str]]
Fault = Literal["slow", "hung", "error", "busy", "missing", "broken_json", "not_ollama", "dropped", "redirect", "loading"]
Field = Literal["think", "truncate", "format", "system"]

SLOW_S = 0.2
LOADING_NS = 4_000_000_000
"""What a chat reports that had to load a model that was put under a name anew."""
CREATED = "2026-01-01T00:00:00Z"
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "tiny",
    "families": ["tiny"],
    "parameter_size": "0.1B",
    "quantization_level": "Q4_0",
}
NUM_KEEP = 4
"""Tokens at the head of a prompt that Ollama keeps when it cuts one."""


@dataclass(frozen=True)
class Spoken:
    """What a model said, with Ollama's figures (times in nanoseconds)."""

    text: str
    logprobs: list[dict[str, Any]] | None = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    thinking: str = ""
    done_reason: str = "stop"


Answer = Callable[[Chat], str | Spoken]


def digest_of(model: str) -> str:
    """The digest under which the server lists a model: 64 hexadecimal digits, as Ollama's."""
    return hashlib.sha256(model.encode()).hexdigest()


class OllamaServer:
    """The server, on a free port of 127.0.0.1 while the context is open."""

    def __init__(self, answer: Answer, models: Sequence[str] = ("tiny:latest",)) -> None:
        self.answer = answer
        self.models = list(models)
        self.chats: list[dict[str, Any]] = []
        self.loaded: set[str] = set()
        self._remade: Counter[str] = Counter()
        self._to_load: set[str] = set()
        self.windows: dict[str, int] = {}
        self.closing = threading.Event()
        self.trained_window = 32_768
        self.capabilities: list[str] | None = ["completion"]
        self.template = "{{ .Prompt }}"
        self.digests: dict[str, str] = {}
        self.described: dict[str, dict[str, Any]] = {}
        """What the list says of a model in place of the usual."""
        self.cuts = True
        """Whether prompts that do not fit are cut where the caller does not say otherwise (else every one is refused)."""
        self.ignores: set[Field] = set()
        """Fields that this server has never heard of."""
        self.refuses: set[Field] = set()
        """Fields that it answers with an error."""
        self.most_logprobs = 20
        self._calls: Counter[str] = Counter()
        self._faults: dict[str, tuple[Fault, int]] = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"ollama": self}))
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> OllamaServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def fail(self, fault: Fault, times: int = 1_000_000, path: str = "/api/chat") -> None:
        """Let the next `times` calls of `path` go wrong."""
        with self._lock:
            self._faults[path] = (fault, times)

    def remake(self, model: str) -> None:
        """Put another model under the name, as `ollama create` does; the next chat loads it."""
        with self._lock:
            self._remade[model] += 1
            self._to_load.add(model)

    def digest(self, model: str) -> str:
        """The digest under which the model is listed now."""
        return digest_of(f"{model} {self._remade[model]}" if self._remade[model] else model)

    def count(self, path: str) -> int:
        """How often `path` was called, failures included."""
        return self._calls[path]

    def next_fault(self, path: str) -> Fault | None:
        """Count a call of `path`, and tell how it should go wrong."""
        with self._lock:
            self._calls[path] += 1
            fault, times = self._faults.get(path, (None, 0))
            if fault is None or times == 0:
                return None
            self._faults[path] = (fault, times - 1)
            return fault

    def says(self, body: dict[str, Any]) -> Spoken:
        """What the model answers to the body of a chat."""
        with self._lock:
            self.chats.append(body)
            tag = body["model"] if ":" in body["model"] else f"{body['model']}:latest"
            figures = {"load_duration": LOADING_NS} if tag in self._to_load else {}
            self._to_load.discard(tag)
            self.loaded.add(body["model"])
            self.windows[body["model"]] = self.window(body)
        said = self.answer(body["messages"])
        if isinstance(said, Spoken):
            return said
        if "format" in body and "format" not in self.ignores:
            held = next(word for word in body["format"]["enum"] if word in said.lower())
            return Spoken(f'"{held}"', _held(held, said), {**_counted(self.evaluated(body), 3), **figures})
        return Spoken(said, [_certain(said)], {**_counted(self.evaluated(body), len(said.split())), **figures})

    def window(self, body: dict[str, Any]) -> int:
        """The tokens that the window holds into which a call loads its model."""
        return min(int(body.get("options", {}).get("num_ctx", 4096)), self.trained_window)

    def evaluated(self, body: dict[str, Any]) -> int:
        """The tokens of a prompt that are evaluated: those of all its words, or about half a window of them."""
        tokens, window = count_words(body["messages"]), self.window(body)
        return tokens if tokens < window else window - max((window - NUM_KEEP) // 2, 1)

    def refusal(self, body: dict[str, Any]) -> tuple[int, str] | None:
        """Status and reason where a chat is refused for what it asks for."""
        model, tokens, window = body["model"], count_words(body["messages"]), self.window(body)
        asked = {
            "think": "think" in body,
            "logprobs": "logprobs" in body and body.get("top_logprobs", 0) > self.most_logprobs,
            "truncate": "truncate" in body,
            "format": "format" in body,
            "system": any(message["role"] == "system" for message in body["messages"]),
        }
        said = {
            "think": f'"{model}" does not support thinking',
            "logprobs": f"top_logprobs must be between 0 and {self.most_logprobs}",
            "truncate": 'json: unknown field "truncate"',
            "format": "invalid format: expected a grammar",
            "system": "System role not supported",
        }
        if body.get("think") and "thinking" not in (self.capabilities or []):
            return 400, said["think"]
        blamed = next((name for name in said if asked[name] and (name in self.refuses or name == "logprobs")), None)
        if blamed is not None:
            return 400, said[blamed]
        if tokens >= window and (not self.cuts or (body.get("truncate") is False and "truncate" not in self.ignores)):
            return 400, too_long(tokens, window)
        return None


class _Handler(BaseHTTPRequestHandler):
    ollama: OllamaServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if data:
            self._handle(json.loads(data))
        else:
            self._send(400, {"error": "unexpected EOF"})

    def _handle(self, body: dict[str, Any] | None) -> None:
        fault = self.ollama.next_fault(self.path)
        if fault == "slow":
            time.sleep(SLOW_S)
        elif fault is not None:
            getattr(self, f"_go_{fault}")()
            return
        routes = {
            "/api/version": self._version,
            "/api/tags": self._tags,
            "/api/ps": self._ps,
            "/api/show": self._show,
            "/api/chat": self._chat,
        }
        if self.path in routes:
            routes[self.path](body or {})
        else:
            self._send(404, {"error": f"path {self.path} not found"})

    def _version(self, _: dict[str, Any]) -> None:
        self._send(200, {"version": "0.99.0"})

    def _tags(self, _: dict[str, Any]) -> None:
        self._send(200, {"models": [self._listed(model) for model in self.ollama.models]})

    def _ps(self, _: dict[str, Any]) -> None:
        running = []
        for model, window in sorted(self.ollama.windows.items()):
            entry = {key: value for key, value in self._listed(model).items() if key not in ("modified_at", "capabilities")}
            running.append({**entry, "details": DETAILS, "expires_at": CREATED, "size_vram": 0, "context_length": window})
        self._send(200, {"models": running})

    def _show(self, body: dict[str, Any]) -> None:
        if self._knows(body.get("model")):
            shown = {
                "modelfile": "FROM tiny",
                "parameters": 'stop    "<end>"',
                "template": self.ollama.template,
                "details": DETAILS,
                "model_info": {"general.architecture": "tiny", "tiny.context_length": self.ollama.trained_window},
                "modified_at": CREATED,
            }
            self._send(200, shown if self.ollama.capabilities is None else {**shown, "capabilities": self.ollama.capabilities})

    def _chat(self, body: dict[str, Any]) -> None:
        if not self._knows(body["model"]):
            return
        about = {"model": body["model"], "created_at": CREATED}
        if not body["messages"]:
            self._send(200, {**about, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"})
            return
        if badly := next((name for name, value in body.get("options", {}).items() if name == "top_k" and not isinstance(value, int)), None):
            self._send(500, {"error": f'option "{badly}" must be of type integer'})
            return
        if refused := self.ollama.refusal(body):
            status, reason = refused
            self._send(status, {"error": reason})
            return
        said = self.ollama.says(body)
        logprobs = {"logprobs": said.logprobs} if body.get("logprobs") and said.logprobs != [] else {}
        message = {"role": "assistant", "content": said.text}
        whole = {
            **about,
            "message": {**message, "thinking": said.thinking} if said.thinking else message,
            "done": True,
            "done_reason": said.done_reason,
            **logprobs,
            **said.figures,
        }
        if body.get("stream", True):
            self._stream(
                [
                    {**about, "message": {"role": "assistant", "content": said.text}, "done": False},
                    {**whole, "message": {"role": "assistant", "content": ""}},
                ]
            )
        else:
            self._send(200, whole)

    def _knows(self, model: str | None) -> bool:
        known = model in self.ollama.models or f"{model}:latest" in self.ollama.models
        if not known:
            self._go_missing(model)
        return known

    def _listed(self, model: str) -> dict[str, Any]:
        return {
            "name": model,
            "model": model,
            "modified_at": CREATED,
            "size": 1234,
            "digest": self.ollama.digests.get(model, self.ollama.digest(model)),
            "details": {**DETAILS, "context_length": self.ollama.trained_window, "embedding_length": 64},
            **({} if self.ollama.capabilities is None else {"capabilities": self.ollama.capabilities}),
            **self.ollama.described.get(model, {}),
        }

    def _send(self, status: int, body: object) -> None:
        self._send_bytes(status, json.dumps(body).encode())

    def _send_bytes(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, parts: Sequence[object]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        for part in parts:
            self.wfile.write(json.dumps(part).encode() + b"\n")
        self.close_connection = True

    def _go_hung(self) -> None:
        self.ollama.closing.wait()
        self.close_connection = True

    def _go_error(self) -> None:
        self._send(500, {"error": "llama runner process\nhas terminated"})

    def _go_loading(self) -> None:
        self._send(503, {"error": "llm server loading model"})

    def _go_busy(self) -> None:
        self._send(503, {"error": "server busy, please try again.  maximum pending requests exceeded"})

    def _go_missing(self, model: str | None = None) -> None:
        self._send(404, {"error": f"model '{model}' not found"})

    def _go_broken_json(self) -> None:
        self._send_bytes(200, b'{"model": "tiny", "message": {"role": "assi')

    def _go_not_ollama(self) -> None:
        self._send(200, {"hello": "world"})

    def _go_dropped(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _go_redirect(self) -> None:
        self._send_bytes(307, b"", Location="/elsewhere")


def _certain(text: str) -> dict[str, Any]:
    return token(text, 1.0, [token(text, 1.0)])


def _held(held: str, said: str) -> list[dict[str, Any]]:
    """The tokens of a reply that is held to a word: what it would have been unheld still shows at the first place."""
    other = "no" if held == "yes" else "yes"
    free = [token(said, 0.7), token(other.capitalize(), 0.2)]
    return [token('"', 0.0001, free), token(held, 0.75, [token(held, 0.75), token(other, 0.25)]), token('"', 1.0, [token('"', 1.0)])]


def token(text: str, share: float, top: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A token with its probability, and the likely ones at its place where there are any to tell."""
    told = {"token": text, "logprob": math.log(share), "bytes": list(text.encode())}
    return told if top is None else {**told, "top_logprobs": list(top)}


def count_words(messages: Chat) -> int:
    """The tokens of a prompt, as this server counts."""
    return sum(len(message["content"].split()) for message in messages)


def too_long(tokens: int, window: int) -> str:
    """The reason for which Ollama refuses a prompt that it may not cut: JSON inside a text."""
    message = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
    error = {"code": 400, "message": message, "type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": window}
    return json.dumps({"error": error}, separators=(",", ":"))


def _counted(prompt: int, reply: int) -> dict[str, int]:
    return {
        "total_duration": 60_000_000,
        "load_duration": 5_000_000,
        "prompt_eval_count": prompt,
        "prompt_eval_cached_count": prompt // 2,
        "prompt_eval_duration": 30_000_000,
        "eval_count": reply,
        "eval_duration": 20_000_000,
    }


def llm_answers(address: str, api_key: str, max_tokens: int = 8) -> Answer:
    """Answers of a real LLM that llama.cpp serves at `address`, turned into what Ollama would report."""
    client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {api_key}"}, timeout=120, trust_env=False)

    def answer(messages: Chat) -> Spoken:
        body = {"messages": list(messages), "temperature": 0, "seed": 7, "max_tokens": max_tokens, "logprobs": True, "top_logprobs": 20}
        told = client.post("/v1/chat/completions", json=body).raise_for_status().json()
        choice, timings = told["choices"][0], told["timings"]
        return Spoken(choice["message"]["content"], list(_ollama_logprobs(choice["logprobs"]["content"])), _ollama_figures(timings))

    return answer


def _ollama_logprobs(content: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in content:
        top = [{"token": likely["token"], "logprob": likely["logprob"]} for likely in entry["top_logprobs"]]
        yield {"token": entry["token"], "logprob": entry["logprob"], "top_logprobs": top}


def _ollama_figures(timings: dict[str, Any]) -> dict[str, int]:
    return {
        "load_duration": 0,
        "prompt_eval_count": timings["prompt_n"] + timings["cache_n"],
        "prompt_eval_cached_count": timings["cache_n"],
        "prompt_eval_duration": int(timings["prompt_ms"] * 1e6),
        "eval_count": timings["predicted_n"],
        "eval_duration": int(timings["predicted_ms"] * 1e6),
    }
