"""Experts without a server of their own: llama.cpp from a GGUF file.

xllamacpp serves the file on loopback in a process of its own, and the OpenAI-compatible backend speaks to it. Experts on
the same file (one per answering style) share one server; the last one to close ends it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import logging
import mmap
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from der_core.config import AskOptions, ExpertSpec, Style
from der_core.errors import BadReply, ExpertError, HostUnreachable, ModelMissing, ServerFault
from der_core.experts.openai_compatible import ChatEndpoint, chat_request
from der_core.experts.parsing import stop_sequences
from der_core.experts.presets import known_params
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Backend, ExpertHealth, ListedModel, Messages, Request
from der_core.experts.weights import check_pieces, installed_weights, weights_file, weights_known_at
from der_core.records import Label, Question, Reply

PLAIN_TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}Answer:"
"""Prompt layout for base models, whose files bring no chat template: they continue a text, they do not chat."""

# Metadata stands before the weights; even a vocabulary of 262,144 words ends well within this.
_METADATA_BYTES = 1 << 26
ENGINE = f"xllamacpp {importlib.metadata.version('xllamacpp')}"
"""The build of llama.cpp: another one may reply with other last digits."""
CANONICAL = 1
"""How calls are begun (see LlamaServer); raised with every change, because P(yes) moves with it."""
BATCH_TOKENS = 512
"""Tokens that the model reads at a time."""
_NATIVE_TIMEOUT_S, _END_S, _STALE_S = 600.0, 5.0, 86_400.0
_QUESTIONS_KEPT = 4
_LINES_KEPT = 256

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
    return f"sha256:{_checksum(path)}"


def has_chat_template(path: Path) -> bool:
    """Whether the file says how its model wants a conversation laid out."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"tokenizer.chat_template", 0, _METADATA_BYTES) >= 0


@dataclass(frozen=True)
class Standing:
    """A state of the model that a call begins from: the tokens that it has read, where it is kept, and what reading the last part took."""

    tokens: tuple[int, ...]
    file: str
    read_s: float


class LlamaServer:
    """One GGUF file, loaded at its first use in a process of its own and served on loopback to holders of its key.

    A reply must not depend on what was asked before. The server's prefix cache would split a prompt differently after
    different predecessors, and that changes the last digits of P(yes), at times the first word. So every call begins
    from a state made in one way: the fixed beginning of the style, read from an empty context; then what all prompts of
    the question have in common; then the rest. Both states are saved when first made and restored before each call:
    that is faster than the cache, which forgets the beginning of one style when another one is asked.
    """

    def __init__(
        self, path: Path, context_tokens: int, threads: int | None = None, batch_tokens: int | None = None, states: Path | None = None
    ) -> None:
        """Remember what to load; nothing is loaded yet. `states` is the folder that keeps fixed beginnings, None: only for now."""
        self.path = path
        self.context_tokens = context_tokens
        self.threads = threads or os.cpu_count() or 1
        self.batch_tokens = batch_tokens or BATCH_TOKENS
        self.key = secrets.token_hex(16)
        self.template = "" if has_chat_template(path) else PLAIN_TEMPLATE  # else the layout for base models
        self.turn = threading.Lock()
        """Held from the moment at which the model is brought to a state until the reply has come: there is one context for all."""
        self._states = states
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._client: httpx.Client | None = None
        self._folder: Path | None = None
        self._fixed: dict[Style, Standing] = {}
        self._recent: dict[tuple[int, ...], Standing] = {}
        self._lines: dict[Messages, tuple[int, ...]] = {}

    @property
    def settings(self) -> tuple[Path, int, int, int]:
        """What replies depend on beside the weights: servers of equal settings are one."""
        return self.path, self.context_tokens, self.threads, self.batch_tokens

    def start(self) -> tuple[str, float]:
        """Load the file unless it is loaded; return the address and the seconds that loading took now."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                assert self._client is not None
                return str(self._client.base_url).rstrip("/"), 0.0
            start_s = time.perf_counter()
            self._forget()
            folder = self._states_folder()
            orders = {
                "path": str(self.path),
                "context_tokens": self.context_tokens,
                "threads": self.threads,
                "batch_tokens": self.batch_tokens,
            }
            orders |= {"states": str(folder), "key": self.key, "template": self.template}
            script = str(Path(__file__).with_name("llama_process.py"))
            process = subprocess.Popen(
                [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(orders) + "\n")
            process.stdin.flush()
            told = json.loads(process.stdout.readline() or '{"error": "the process ended"}')
            if "address" not in told:
                _end(process)
                raise ServerFault(
                    f"llama.cpp cannot load {self.path} ({told['error'][:200]}): the file is damaged, of an unknown kind, "
                    "or larger than the free memory."
                )
            self._process, self._folder = process, folder
            headers = {"Authorization": f"Bearer {self.key}"}
            self._client = httpx.Client(base_url=told["address"], headers=headers, timeout=_NATIVE_TIMEOUT_S, trust_env=False)
            load_s = time.perf_counter() - start_s
            _log.info("loaded %s in %.2f s", self.path.name, load_s)
            return told["address"], load_s

    def stand(self, prompts: Sequence[Messages], style: Style, reply_tokens: int) -> Standing:
        """Bring the model to where all `prompts` of one question part; whoever calls this holds `turn`.

        Raises ServerFault where a prompt and its reply of `reply_tokens` do not fit into the context.
        """
        lines = [self._tokens(prompt) for prompt in prompts]
        longest = max(len(line) for line in lines)
        if longest + reply_tokens > self.context_tokens:
            raise ServerFault(
                f"A prompt of {longest} tokens with a reply of {reply_tokens} exceeds the available context size ({self.context_tokens} "
                "tokens); raise context_tokens or shorten the passage."
            )
        fixed = self._fixed_beginning(style)
        # One token at least is left to each prompt: the server has to read something before it can reply.
        shared = tuple(_common_beginning([line[:-1] for line in lines]))
        if shared in self._recent:
            standing = self._recent.pop(shared)
            self._restore(standing)
        else:
            self._restore(fixed)
            if shared[: len(fixed.tokens)] != fixed.tokens:
                raise ServerFault(
                    f"{self.path.name} lays the prompts of a style out in different ways; its replies would not be comparable."
                )
            standing = Standing(shared, f"question-{os.getpid()}-{secrets.token_hex(4)}.state", self._read(shared))
            self._save(standing.file)
        self._recent[shared] = standing
        while len(self._recent) > _QUESTIONS_KEPT:
            oldest = self._recent.pop(next(iter(self._recent)))
            (self._native_folder / oldest.file).unlink(missing_ok=True)
        return standing

    def fixed_tokens(self, style: Style) -> int:
        """How many tokens every prompt of a style begins with; they are read once and restored before each call."""
        return len(self._fixed[style].tokens)

    def forget_states(self) -> None:
        """Make all states anew at their next use: what was restored was not what was saved."""
        for standing in (*self._fixed.values(), *self._recent.values()):
            (self._native_folder / standing.file).unlink(missing_ok=True)
        self._fixed.clear()
        self._recent.clear()

    def stop(self) -> None:
        """End the process, and free its memory with it."""
        with self._lock:
            if self._process is not None:
                _end(self._process)
            self._forget()

    @property
    def _native_folder(self) -> Path:
        assert self._folder is not None
        return self._folder

    def _forget(self) -> None:
        if self._client is not None:
            self._client.close()
        for standing in self._recent.values():
            (self._native_folder / standing.file).unlink(missing_ok=True)
        if self._folder is not None and self._states is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._process, self._client, self._folder = None, None, None
        self._fixed.clear()
        self._recent.clear()

    def _states_folder(self) -> Path:
        """A folder for states of these weights under these settings, and of nothing else."""
        if self._states is None:
            return Path(tempfile.mkdtemp(prefix="der-states-"))
        name = f"{file_digest(self.path)[7:23]}-{ENGINE.replace(' ', '-')}-{self.threads}-{self.batch_tokens}-{self.context_tokens}"
        folder = self._states / name
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("question-*"):
            if time.time() - leftover.stat().st_mtime > _STALE_S:
                leftover.unlink(missing_ok=True)
        return folder

    def _fixed_beginning(self, style: Style) -> Standing:
        """The state after the fixed beginning of a style, made anew or found on disk."""
        if style in self._fixed:
            return self._fixed[style]
        probes = [Question("a", "Above?"), Question("b", "zebra?"), Question("c", "is it?", "The sea."), Question("d", "Is it?", "9 men.")]
        tokens = tuple(_common_beginning([self._tokens(build_messages(probe, Label.NONE, style)) for probe in probes]))
        name = hashlib.blake2b(json.dumps(tokens).encode(), digest_size=8).hexdigest()
        standing = Standing(tokens, f"beginning-{name}.state", 0.0)
        place = self._native_folder / standing.file
        checksum = place.with_suffix(".sha256")
        # llama.cpp ends at once when it is given a damaged state, so that nothing is restored without its checksum.
        is_sound = place.exists() and checksum.exists() and checksum.read_text() == _checksum(place)
        if not (is_sound and self._restore(standing, required=False)):
            self._call("/slots/0?action=erase", {})
            self._read(tokens)
            # Another process may be saving the same state: each writes a file of its own, the last one stays.
            own = place.with_name(f"{place.name}-{os.getpid()}")
            self._save(own.name)
            checksum.write_text(_checksum(own))
            os.replace(own, place)
        self._fixed[style] = standing
        return standing

    def _tokens(self, prompt: Messages) -> tuple[int, ...]:
        if prompt not in self._lines:
            messages = [{"role": role, "content": text} for role, text in prompt]
            laid_out = self._call("/apply-template", {"messages": messages})["prompt"]
            tokens = self._call("/tokenize", {"content": laid_out, "add_special": True, "parse_special": True})["tokens"]
            if len(self._lines) > _LINES_KEPT:
                self._lines.clear()
            self._lines[prompt] = tuple(tokens)
        return self._lines[prompt]

    def _read(self, tokens: Sequence[int]) -> float:
        """Let the model read on up to the end of `tokens`; return the seconds that took."""
        body = {"prompt": list(tokens), "n_predict": 0, "cache_prompt": True, "id_slot": 0}
        return float(self._call("/completion", body)["timings"]["prompt_ms"]) / 1000

    def _save(self, file: str) -> None:
        self._call("/slots/0?action=save", {"filename": file})

    def _restore(self, standing: Standing, required: bool = True) -> bool:
        try:
            told = self._call("/slots/0?action=restore", {"filename": standing.file})
        except ServerFault:
            if required:
                raise
            return False
        return int(told["n_restored"]) == len(standing.tokens)

    def _call(self, path: str, body: object) -> dict[str, Any]:  # Any: JSON
        assert self._client is not None
        try:
            response = self._client.post(path, json=body)
            told = response.json()
        except httpx.TransportError as error:
            raise HostUnreachable(
                f"llama.cpp ended while it read {self.path.name} ({type(error).__name__}); ask again to load it anew."
            ) from error
        if not response.is_success:
            raise ServerFault(f"llama.cpp refused {path} for {self.path.name}: {str(told)[:200]}")
        return dict(told)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _common_beginning(lines: Sequence[Sequence[int]]) -> Iterator[int]:
    for tokens in zip(*lines, strict=False):
        if len(set(tokens)) > 1:
            return
        yield tokens[0]


def _end(process: subprocess.Popen[str]) -> None:
    """End the process of a server; it ends by itself when its input does."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


@dataclass
class ServerPool:
    """Servers in use, so that experts on the same file share one; safe across threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _holders: dict[LlamaServer, int] = field(default_factory=dict)

    def acquire(
        self, path: Path, context_tokens: int, threads: int | None = None, batch_tokens: int | None = None, states: Path | None = None
    ) -> LlamaServer:
        """The server of this file, context, threads and batch, held once more."""
        wanted = LlamaServer(path, context_tokens, threads, batch_tokens, states)
        with self._lock:
            server = next((server for server in self._holders if server.settings == wanted.settings), wanted)
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
        unjoined = weights_known_at(path)
        if unjoined is not None:
            weights_file(unjoined, path.parent)
        check_gguf(path)
        states = Path(options.states_folder) if options.states_folder else None
        window = spec.context_tokens or options.context_tokens
        self._server = pool.acquire(path, window, options.threads or spec.threads, spec.batch_tokens, states)
        threads, batch_tokens = self._server.threads, self._server.batch_tokens
        self._spec = replace(spec, digest=file_digest(path), threads=threads, batch_tokens=batch_tokens, engine=ENGINE)
        self._options = options
        self._pool = pool
        self._endpoint: ChatEndpoint | None = None
        self._address = ""
        self._lock = threading.Lock()
        self._closed = False
        self._n_in_flight = 0

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, digest filled in."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it is asked."""
        return ()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: it is asked in one way only."""

    def current_digest(self) -> str | None:
        """The checksum of the file as it is now; None where there is none any more."""
        try:
            return file_digest(Path(self._spec.model).resolve())
        except OSError:
            return None

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make, with all that its numbers depend on; pure."""
        asked = chat_request(self._spec, self._options, question, previous_label)
        decoding = dict(asked.options) | {"engine": self._spec.engine, "canonical": CANONICAL}
        decoding |= {"threads": self._server.threads, "batch_tokens": self._server.batch_tokens}
        if self._server.template:
            decoding["template"] = self._server.template
            if self._spec.style == "reason":
                decoding["stop"] = json.dumps(stop_sequences("reason"))  # a base model goes on with questions of its own
        return replace(asked, options=decoding)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; the first one loads the file, in seconds given as `load_s`.

        `cached_tokens` are those of the style's fixed beginning, and `prompt_s` counts all others, though those that the
        question's prompts share may have been read for an earlier one: so much a call costs that comes alone.
        """
        prompts = [build_messages(question, label, self._spec.style) for label in Label]
        return self._reply(self.request(question, previous_label), prompts)

    def reply_to(self, prompt: Messages, prompts: Sequence[Messages]) -> Reply:
        """The reply to a prompt of any wording, begun where all `prompts` of its question part; for trials of wordings."""
        request = self.request(Question("trial", "trial"), Label.NONE)
        return self._reply(replace(request, messages=prompt), prompts)

    def _reply(self, request: Request, prompts: Sequence[Messages]) -> Reply:
        start_s = time.perf_counter()
        endpoint, load_s = self._open()
        try:
            with self._server.turn:
                reply, standing = self._ask(endpoint, request, prompts)
                if reply.cached_tokens != len(standing.tokens):
                    self._server.forget_states()
                    reply, standing = self._ask(endpoint, request, prompts)
                if reply.cached_tokens != len(standing.tokens):
                    raise BadReply(
                        f"llama.cpp began a call of {self._spec.name} at token {reply.cached_tokens}, not at {len(standing.tokens)}: "
                        "its reply would depend on what was asked before."
                    )
                n_fixed = self._server.fixed_tokens(self._spec.style)
        finally:
            self._end_call()
        wall_s = time.perf_counter() - start_s
        return replace(reply, load_s=load_s, wall_s=wall_s, cached_tokens=n_fixed, prompt_s=standing.read_s + reply.prompt_s)

    def warm(self) -> float:
        """Load the file and read the fixed beginning of the style, so that the first question waits for neither; return the seconds."""
        start_s = time.perf_counter()
        self._open()
        try:
            with self._server.turn:
                self._server.stand([build_messages(Question("warm", "Is it?"), Label.NONE, self._spec.style)], self._spec.style, 1)
        finally:
            self._end_call()
        return time.perf_counter() - start_s

    def _ask(self, endpoint: ChatEndpoint, request: Request, prompts: Sequence[Messages]) -> tuple[Reply, Standing]:
        standing = self._server.stand(prompts, self._spec.style, int(request.options["max_tokens"]))
        slot = {"id_slot": 0, "cache_prompt": True}
        return endpoint.complete(request, self._spec.name, self._spec.style, slot), standing

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
            if self._endpoint is None or address != self._address:
                self._endpoint = ChatEndpoint(address, self._options, api_key=self._server.key)
                self._address = address
            self._n_in_flight += 1
            return self._endpoint, load_s


def check_embedded(spec: ExpertSpec) -> ExpertHealth:
    """Whether the file is there and looks like a model, or all of its pieces are; raises ModelMissing where not."""
    path = Path(spec.model).resolve()
    unjoined = weights_known_at(path)
    if unjoined is not None:
        size_bytes = check_pieces(unjoined)
        return ExpertHealth(spec, True, f"sha256:{unjoined.sha256}", size_bytes, "Ready: its pieces are joined at its first question.")
    size_bytes = check_gguf(path)
    return ExpertHealth(spec, True, file_digest(path), size_bytes, "Ready: the file is loaded at its first question.")


BACKEND = Backend(
    name="embedded",
    prefix="gguf:",
    label="Inside this program",
    place="inside this program",
    open=EmbeddedExpert,
    check=lambda spec, options: check_embedded(spec),
    models_are_files=True,
    list_models=lambda host, options: [
        ListedModel(weights.file_name, params_billions=known_params(weights.name), digest=f"sha256:{weights.sha256}")
        for weights in installed_weights()
    ],
)
