"""Experts without a server of their own: llama.cpp inside this process, from a GGUF file.

xllamacpp serves the file on loopback, and the OpenAI-compatible backend speaks to it. Experts on the same file
(one per answering style) share one server; the last one to close frees its memory.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import mmap
import os
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ExpertError, ModelMissing, ServerFault
from der_core.experts.openai_compatible import ChatEndpoint, chat_request
from der_core.experts.protocol import ExpertHealth, Request
from der_core.records import Label, Question, Reply

PLAIN_TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}Answer:"
"""Prompt layout for base models, whose files bring no chat template: they continue a text, they do not chat."""

# Metadata stands before the weights; even a vocabulary of 262,144 words ends well within this.
_METADATA_BYTES = 1 << 26
_QUIET = -1
_LISTENING_TIMEOUT_S = 60.0

_log = logging.getLogger(__name__)


def check_gguf(path: Path) -> int:
    """The size of a GGUF file in bytes; raises ModelMissing where there is none."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelMissing(f"No GGUF file can be read at {path} ({error.strerror}); correct the path.") from error
    if magic != b"GGUF":
        raise ModelMissing(f"{path} is not a GGUF file; choose a model file that llama.cpp can load.")
    return path.stat().st_size


def file_digest(path: Path) -> str:
    """ "sha256:" and the checksum of the file, remembered in memory until size or time of change differ."""
    state = path.stat()
    return _digest_of(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def has_chat_template(path: Path) -> bool:
    """Whether the file says how its model wants a conversation laid out."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"tokenizer.chat_template", 0, _METADATA_BYTES) >= 0


class LlamaServer:
    """One GGUF file, loaded at its first use and served on loopback to holders of its key."""

    def __init__(self, path: Path, context_tokens: int, threads: int | None) -> None:
        """Remember what to load; nothing is loaded yet."""
        self.path = path
        self.context_tokens = context_tokens
        self.threads = threads or os.cpu_count() or 1
        self.key = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._server: Any = None  # Any: xllamacpp has no types

    def start(self) -> tuple[str, float]:
        """Load the file unless it is loaded; return the address and the seconds that loading took now."""
        with self._lock:
            if self._server is not None:
                return self._server.listening_address, 0.0
            start_s = time.perf_counter()
            server = _serve(self)
            _wait_until_listening(server.listening_address)
            self._server = server
            load_s = time.perf_counter() - start_s
            _log.info("loaded %s in %.2f s", self.path.name, load_s)
            return self._server.listening_address, load_s

    def stop(self) -> None:
        """Free the model."""
        with self._lock:
            self._server = None


def _serve(server: LlamaServer) -> Any:  # Any: xllamacpp has no types
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(server.path)
    params.n_ctx = server.context_tokens
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = server.threads
    params.cache_prompt = True
    params.cache_ram_mib = 0
    # Models with sliding-window attention (Gemma 3) otherwise lose the prefix of a longer prompt.
    params.swa_full = True
    params.fit_params = False
    params.ui = False
    params.endpoint_slots = False
    params.api_keys = [server.key]
    params.cors_origins = ""
    params.verbosity = _QUIET
    if not has_chat_template(server.path):
        params.chat_template = PLAIN_TEMPLATE
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ServerFault(
            f"llama.cpp cannot load {server.path}: the file is damaged, of an unknown kind, or larger than the free memory."
        ) from error


def _wait_until_listening(address: str) -> None:
    # A server that is freed before its listening thread runs waits for that thread for ever (xllamacpp 2026.10).
    try:
        httpx.get(f"{address}/health", timeout=_LISTENING_TIMEOUT_S, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise ServerFault(f"llama.cpp loaded the model but does not answer at {address} ({type(error).__name__}); try again.") from error


@dataclass
class ServerPool:
    """Servers in use, so that experts on the same file share one; safe across threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _holders: dict[LlamaServer, int] = field(default_factory=dict)

    def acquire(self, path: Path, context_tokens: int, threads: int | None = None) -> LlamaServer:
        """The server of this file and context, held once more."""
        with self._lock:
            shared = (server for server in self._holders if (server.path, server.context_tokens) == (path, context_tokens))
            server = next(shared, None) or LlamaServer(path, context_tokens, threads)
            self._holders[server] = self._holders.get(server, 0) + 1
            return server

    def release(self, server: LlamaServer) -> None:
        """Give the server back; the last holder stops it."""
        with self._lock:
            self._holders[server] -= 1
            if not self._holders[server]:
                del self._holders[server]
                server.stop()


SERVERS = ServerPool()
"""The servers of this process."""


class EmbeddedExpert:
    """An expert whose GGUF file is loaded into this process at its first question."""

    def __init__(self, spec: ExpertSpec, options: AskOptions, *, pool: ServerPool = SERVERS) -> None:
        """Find the file and name its weights; raises ModelMissing where there is none."""
        path = Path(spec.model).resolve()
        check_gguf(path)
        self._spec = replace(spec, digest=file_digest(path))
        self._options = options
        self._template = "" if has_chat_template(path) else PLAIN_TEMPLATE
        self._pool = pool
        self._server = pool.acquire(path, options.context_tokens, options.threads)
        self._endpoint: ChatEndpoint | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._n_in_flight = 0

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make; pure."""
        asked = chat_request(self._spec, self._options, question, previous_label)
        return replace(asked, options={**asked.options, "template": self._template}) if self._template else asked

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; the first one loads the file, in seconds given as `load_s`."""
        endpoint, load_s = self._open()
        try:
            reply = endpoint.complete(self.request(question, previous_label), self._spec.name, self._spec.style)
        finally:
            self._end_call()
        return replace(reply, load_s=load_s, wall_s=load_s + reply.wall_s)

    def close(self) -> None:
        """Give the server back, once calls that are under way have ended; asking afterwards is an error."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if not self._n_in_flight:
                self._give_back()

    def _end_call(self) -> None:
        with self._lock:
            self._n_in_flight -= 1
            # Freeing a server that is generating waits for its reply with the interpreter locked, which nobody could then read.
            if self._closed and not self._n_in_flight:
                self._give_back()

    def _give_back(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
        self._pool.release(self._server)

    def _open(self) -> tuple[ChatEndpoint, float]:
        with self._lock:
            if self._closed:
                raise ExpertError(f"Expert {self._spec.name} is closed; open it again to ask it.")
            address, load_s = self._server.start()
            if self._endpoint is None:
                self._endpoint = ChatEndpoint(address, self._options, api_key=self._server.key)
            self._n_in_flight += 1
            return self._endpoint, load_s


def check_embedded(spec: ExpertSpec) -> ExpertHealth:
    """Whether the file is there and looks like a model; raises ModelMissing where not."""
    path = Path(spec.model).resolve()
    size_bytes = check_gguf(path)
    return ExpertHealth(spec, True, file_digest(path), size_bytes, "Ready: the file is loaded at its first question.")
