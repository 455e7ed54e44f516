"""What every expert can do, what a call of it is identified by, and what a backend tells of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Literal, Protocol, runtime_checkable

from der_core.config import AskOptions, ExpertSpec
from der_core.records import Label, Question, Reply

Messages = tuple[tuple[str, str], ...]
"""A prompt: (role, text) pairs, role "system" or "user", in the order in which they are sent."""


@dataclass(frozen=True)
class Request:
    """One call of an expert, before it is made: all that its reply depends on under greedy decoding.

    `options` are the decoding options that are sent; patience (timeouts, retries) is not among them.
    """

    backend: str
    model_digest: str
    messages: Messages
    options: Mapping[str, int | float | str]

    @property
    def key(self) -> str:
        """Identity of the call: "b2:" and 32 hexadecimal digits of BLAKE2b over its canonical JSON."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "b2:" + blake2b(canonical.encode(), digest_size=16).hexdigest()

    @property
    def text(self) -> str:
        """The prompt as people read it: each message under its role."""
        return "\n\n".join(f"[{role}]\n{text}" for role, text in self.messages)


class Expert(Protocol):
    """A model with an answering style, open and ready to be asked.

    Experts may be asked from several threads; whether their server answers side by side is its own affair.
    """

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was opened with, the digest of the weights filled in."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it is asked, one sentence each; kept with a recording. May grow while it is asked."""

    def recall(self, notes: Sequence[str]) -> None:
        """Ask as these notes tell, which were kept with a recording that is to go on as it began."""

    def current_digest(self) -> str | None:
        """The digest that its weights have at this moment, read anew; None where the server does not tell."""

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make; pure, touches no server."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Make the call and read the reply; raises ExpertError, with its cause, when there is none."""

    def close(self) -> None:
        """Give back connections and memory; asking afterwards is an error."""


@runtime_checkable
class Warmable(Protocol):
    """An expert that can be made ready before its first question."""

    def warm(self) -> float:
        """Load what it needs, so that the first question waits for nothing; return the seconds."""


@dataclass(frozen=True)
class ExpertHealth:
    """Whether an expert could be asked now, and if not, what to do.

    `digest` is empty and `size_bytes` None where unknown; `message` is one plain sentence with the next step.
    """

    spec: ExpertSpec
    ready: bool
    digest: str
    size_bytes: int | None
    message: str


@dataclass(frozen=True)
class ListedModel:
    """A model that a backend has, as its server (or this installation) tells it; None and "" where it does not tell.

    Models of kind "embedding" answer no questions, those of kind "cloud" answer on other computers although the server
    is here; `note` says so, or whatever else people should know, in one sentence. `digest` names the weights.
    """

    id: str
    size_bytes: int | None = None
    quantisation: str = ""
    context_tokens: int | None = None
    params_billions: float | None = None
    kind: Literal["chat", "embedding", "cloud"] = "chat"
    note: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Backend:
    """One way of reaching experts: everything that the rest of the product asks about it.

    `name` stands in specs and recordings; `prefix` marks its models where people type them ("": the backend meant
    without one). `label` and `place` are for people ("Ollama"; experts answer "in Ollama"). `default_host` gives the
    address used where none is told, and raises DerError where it cannot be used or is on another computer and those
    are not allowed; None: its experts have no address. `models_are_files` tells that a model is a file of this machine; `fetch_command` gives
    the command that brings a missing model, "" where there is none. `canonical_model` gives names that mean one model
    one spelling, `is_model_name` whether a model could be called so. `list_models` tells what there is at an address ("" where it needs none), and raises ExpertError.
    """

    name: str
    prefix: str
    label: str
    place: str
    open: Callable[[ExpertSpec, AskOptions], Expert]
    check: Callable[[ExpertSpec, AskOptions], ExpertHealth]
    default_host: Callable[[bool], str] | None = None
    models_are_files: bool = False
    fetch_command: Callable[[str], str] = lambda model: ""
    canonical_model: Callable[[str], str] = str
    is_model_name: Callable[[str], bool] = bool
    list_models: Callable[[str, AskOptions], Sequence[ListedModel]] = lambda host, options: ()

    @property
    def needs_address(self) -> bool:
        """Whether its models are reached over an address."""
        return self.default_host is not None
