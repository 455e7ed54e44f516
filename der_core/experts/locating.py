"""Where experts are reached: whoever uses them says so, by an experts file, an address or nothing; a router or a recording never does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

from der_core.config import ExpertSpec
from der_core.errors import ModelMissing
from der_core.experts.backends import BACKENDS, backend_of, models_are_files, portable_model

Told = TypeVar("Told")

_URL = re.compile(r"(?<!\w)\w+://[^\s,;)'\"`]+")
_HOST_OPTION = re.compile("--ho(s|st)?")
_HOST_WITH_VALUE = re.compile("(--ho(?:s|st)?=).*", re.DOTALL)
_COMMAND = "python -m der_core "


def at_addresses(spec: ExpertSpec, hosts: Sequence[str]) -> list[ExpertSpec]:
    """Return the expert once for every address at which it is called.

    That is its own, else each of `hosts`, which share its calls; without any it is left to the usual one of its backend.
    """
    if spec.host or not hosts or not backend_of(spec).needs_address:
        return [spec]
    return [replace(spec, host=host) for host in dict.fromkeys(hosts)]


def with_file(spec: ExpertSpec, files: Mapping[str, Path]) -> ExpertSpec:
    """Return the expert with its model file as it is here: at the path it names, else of that name among `files`, else as it was."""
    if not models_are_files(spec) or Path(spec.model).is_file():
        return spec
    name = portable_model(spec.backend, spec.model)
    return replace(spec, model=str(files[name])) if name in files else spec


def locate(expert: ExpertSpec, given: Sequence[ExpertSpec], files: Mapping[str, Path]) -> ExpertSpec:
    """Return where an expert of a router (or of somebody's recording) is reached here, its digest yet to be read.

    It is sought by name among the experts `given` by the person who asks, then by model, style and +held; where none
    fits, it keeps its model and has no address of its own. Its model file is sought by name among `files`, never at
    the path it names. Raises ModelMissing for a file that is not here.
    """
    told = next((spec for spec in given if spec.name == expert.name), None)
    told = told or next((spec for spec in given if _asks_alike(spec, expert)), None)
    if told is not None:
        return replace(
            told,
            name=expert.name,
            digest="",
            context_tokens=told.context_tokens or expert.context_tokens,
            max_tokens=told.max_tokens or expert.max_tokens,
            threads=told.threads or expert.threads,
            batch_tokens=told.batch_tokens or expert.batch_tokens,
        )
    own = replace(expert, host=None, key_env=None, digest="")
    if not models_are_files(own):
        return own
    name = portable_model(own.backend, own.model)
    if name not in files:
        raise ModelMissing(
            f"There is no model file {name} here. Set DER_GGUF to the folder that holds it and start the dashboard again; "
            "on the command line name it with --experts gguf:FILE."
        )
    return replace(own, model=str(files[name]))


def without_addresses(told: Told) -> Told:
    """Return a text, or texts at any depth of lists and tables, with every address in them replaced by "URL".

    Addresses are those with a scheme, and what stands behind --host in a command, written as one text or word by word.
    """
    if isinstance(told, str):
        is_command = told.startswith(_COMMAND)
        return cast(Told, " ".join(without_addresses(told.split(" "))) if is_command else _URL.sub("URL", told))
    if isinstance(told, dict):
        return cast(Told, {key: without_addresses(value) for key, value in told.items()})
    if isinstance(told, list):
        places = [place for place, word in enumerate(told) if isinstance(word, str) and _HOST_OPTION.fullmatch(word)]
        hosts = {place for start in places for place in _values(told, start)}
        words = [_HOST_WITH_VALUE.sub(r"\1URL", word) if isinstance(word, str) else word for word in told]
        return cast(Told, ["URL" if place in hosts else without_addresses(word) for place, word in enumerate(words)])
    return told


def _values(words: Sequence[object], start: int) -> Iterator[int]:
    """The places of the words behind the option at `start` that belong to it."""
    for place in range(start + 1, len(words)):
        word = words[place]
        if not isinstance(word, str) or word.startswith("--"):
            return
        yield place


def _asks_alike(spec: ExpertSpec, expert: ExpertSpec) -> bool:
    if (spec.backend, spec.style, spec.held) != (expert.backend, expert.style, expert.held) or spec.backend not in BACKENDS:
        return False
    plain = BACKENDS[spec.backend].canonical_model
    return plain(portable_model(spec.backend, spec.model)) == plain(portable_model(expert.backend, expert.model))
