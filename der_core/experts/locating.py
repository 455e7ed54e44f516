"""Where experts are reached: whoever uses them says so, by an experts file, an address or nothing; a router or a recording never does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from der_core.config import ExpertSpec
from der_core.errors import ModelMissing
from der_core.experts.backends import BACKENDS, backend_of, models_are_files, portable_model


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
            f"There is no model file {name} here; name it with --experts gguf:FILE (for the dashboard: set DER_GGUF to its folder, start again)."
        )
    return replace(own, model=str(files[name]))


def without_addresses(command: Sequence[str]) -> list[str]:
    """Return the words of a command line with every address in them replaced by "URL"."""
    words, after_host = [], False
    for word in command:
        option, equals, _ = word.partition("=")
        is_option = option.startswith("--")
        is_host = is_option and len(option) > len("--h") and "--host".startswith(option)
        if is_host and equals:
            words.append(f"{option}=URL")
        else:
            words.append("URL" if (after_host and not is_option) or "://" in word else word)
        after_host = is_host or (after_host and not is_option)
    return words


def _asks_alike(spec: ExpertSpec, expert: ExpertSpec) -> bool:
    if (spec.backend, spec.style, spec.held) != (expert.backend, expert.style, expert.held) or spec.backend not in BACKENDS:
        return False
    plain = BACKENDS[spec.backend].canonical_model
    return plain(portable_model(spec.backend, spec.model)) == plain(portable_model(expert.backend, expert.model))
