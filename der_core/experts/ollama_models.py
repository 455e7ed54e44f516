"""The models that an Ollama has: size, quantisation, window, and whether they answer questions, and here.

`/api/tags` lists them; what older servers leave out of the list is asked of `/api/show`, model by model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import httpx

from der_core.config import AskOptions
from der_core.errors import ExpertError, HostRefused
from der_core.experts.edge import read_as
from der_core.experts.hosts import check_host
from der_core.experts.ollama_names import canonical_ollama_name, is_ollama_name
from der_core.experts.ollama_replies import PROTOCOL, Details, ModelEntry, ModelList, ShownModel
from der_core.experts.patience import with_patience
from der_core.experts.protocol import ListedModel
from der_core.experts.wire import open_client, wire_errors
from der_core.foreign import in_one_line

MOST_SHOWN = 200
"""So many models at most are asked about one by one."""

_START_HINT = "start Ollama with `ollama serve`, or correct the host"
_PARAMETERS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([KMBT])", re.IGNORECASE)
_BILLIONS = {"K": 1e-6, "M": 1e-3, "B": 1.0, "T": 1e3}
_EMBEDDING_FAMILIES = re.compile("bert|embed", re.IGNORECASE)
_UNKNOWN_QUANTISATION = "unknown"


def list_ollama_models(host: str, options: AskOptions, transport: httpx.BaseTransport | None = None) -> list[ListedModel]:
    """Return the models of the Ollama at `host`, in its order; raises ExpertError where it cannot be asked.

    What it does not tell of a model is unknown; one whose name Ollama could not have given is left out.
    """
    address = check_host(host, options.allow_remote)
    with open_client(address, options, transport=transport) as client:
        listing = with_patience(lambda: _answer(client, address, "GET", "/api/tags"), replace(options, retries=0))
        entries = [entry for entry in read_as(ModelList, listing, address, PROTOCOL).models if is_ollama_name(entry.id)]
        return [described(entry, _shown(client, address, entry) if place < MOST_SHOWN else None) for place, entry in enumerate(entries)]


def described(entry: ModelEntry, shown: ShownModel | None = None) -> ListedModel:
    """What Ollama says of a model, in our words: in its list, and where it was asked about that one."""
    details, shown = entry.details or Details(), shown or ShownModel()
    more = shown.details or Details()
    quantisation = details.quantization_level or more.quantization_level or ""
    kind, note = _kind(entry, shown)
    return ListedModel(
        id=entry.id,
        size_bytes=int(entry.size) if entry.size else None,
        quantisation="" if quantisation == _UNKNOWN_QUANTISATION else in_one_line(quantisation)[:40],
        context_tokens=details.context_length or shown.trained_window,
        params_billions=shown.n_parameters / 1e9
        if shown.n_parameters
        else params_in_billions(details.parameter_size or more.parameter_size),
        kind=kind,
        note=note,
        digest=f"sha256:{entry.digest}" if entry.digest and ":" not in entry.digest else entry.digest or "",
    )


def params_in_billions(written: str | None) -> float | None:
    """Read a number of parameters as Ollama writes it ("1.8B", "630.17M"), in billions; None for anything else."""
    found = _PARAMETERS.fullmatch((written or "").strip())
    return float(found[1]) * _BILLIONS[found[2].upper()] or None if found else None


def is_cloud(model: str, remote_host: str | None = None, remote_model: str | None = None) -> bool:
    """Whether a model answers on other computers, whatever Ollama it is asked of: told by the server, or by its tag."""
    tag = canonical_ollama_name(model).rpartition(":")[2]
    return bool(remote_host or remote_model) or tag == "cloud" or tag.endswith("-cloud")


def check_not_cloud(model: str, allow_remote: bool, remote_host: str | None = None, remote_model: str | None = None) -> None:
    """Raise HostRefused for a model that answers on other computers, unless those may be called."""
    if not allow_remote and is_cloud(model, remote_host, remote_model):
        raise HostRefused(f"{model} {_cloud_words(remote_host)}; choose another model, or allow remote hosts.")


def _kind(entry: ModelEntry, shown: ShownModel) -> tuple[Literal["chat", "embedding", "cloud"], str]:
    remote_host = entry.remote_host or shown.remote_host
    if is_cloud(entry.id, remote_host, entry.remote_model or shown.remote_model):
        return "cloud", f"It {_cloud_words(remote_host)}."
    capabilities, details = entry.capabilities or shown.capabilities, entry.details or Details()
    families = " ".join([*(details.families or []), details.family or ""])
    answers = "completion" in capabilities if capabilities else _EMBEDDING_FAMILIES.search(families) is None
    if answers:
        return "chat", ""
    purpose = in_one_line(", ".join(capabilities or ["embedding"]))[:80]
    return "embedding", f"It answers no questions: it is for {purpose}."


def _cloud_words(remote_host: str | None) -> str:
    return f"answers on other computers ({in_one_line(remote_host or 'ollama.com')[:80]}), not where Ollama runs: questions would leave it"


def _shown(client: httpx.Client, host: str, entry: ModelEntry) -> ShownModel | None:
    """What is told of one model where the list leaves something out; None where nothing is missing or to be had."""
    if entry.capabilities and entry.details and entry.details.context_length:
        return None
    with suppress(ExpertError):
        return read_as(ShownModel, _answer(client, host, "POST", "/api/show", {"model": entry.id}), host, PROTOCOL)
    return None


def _answer(client: httpx.Client, host: str, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:  # Any: JSON
    with wire_errors(host, _START_HINT):
        answer: dict[str, Any] = client.request(method, path, json=body).json()
    return answer
