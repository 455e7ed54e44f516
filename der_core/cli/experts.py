"""`experts`: which experts are ready, and the next step for those that are not; or an experts file of the models that servers have."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from der_core.cli.settings import ask_options, expert_specs
from der_core.cli.terminal import complain, say
from der_core.config import AskOptions, ExpertSpec
from der_core.errors import DerError, ExpertError, SettingsError
from der_core.experts.backends import BACKENDS
from der_core.experts.experts_file import ExpertSettings, write_experts_file
from der_core.experts.locating import at_addresses
from der_core.experts.opening import check_experts
from der_core.experts.protocol import Backend, ListedModel
from der_core.files import write_whole
from der_core.recording.new_file import check_new

_USUAL = ("paper",)
"""The experts that are checked where none are named."""


def execute(arguments: argparse.Namespace) -> int:
    """Print one line per expert, or write the experts file; return 2 if an expert is not ready."""
    if arguments.write:
        return _write(arguments, Path(arguments.write))
    arguments.experts = arguments.experts or list(_USUAL)
    replicas = [replica for spec in expert_specs(arguments) for replica in at_addresses(spec, arguments.host)]
    healths = check_experts(replicas, ask_options(arguments))
    for health in healths:
        size = f"{health.size_bytes / 1e9:.2f} GB" if health.size_bytes else ""
        say(
            f"{'ready  ' if health.ready else 'missing'}  {health.spec.name:32s} {health.digest[:19]:20s} {size:8s} {health.message}".rstrip()
        )
    return 0 if all(health.ready for health in healths) else 2


def _write(arguments: argparse.Namespace, place: Path) -> int:
    if arguments.experts:
        raise SettingsError(
            "--write names the models that servers have, so leave out --experts and edit the file; --host says which servers."
        )
    check_new(place)
    specs = _with_names_of_their_own(_found(arguments.host, ask_options(arguments)))
    if not specs:
        raise SettingsError("No server with a model that answers questions was found; start one, or name its address with --host.")
    write_whole(place, write_experts_file(specs).encode())
    say(f"Wrote {place}: {len(specs)} experts ({', '.join(spec.name for spec in specs)}). Take out those that you do not want.")
    return 0


def _found(hosts: list[str], options: AskOptions) -> Iterator[ExpertSpec]:
    """The models at the given addresses, each in the first protocol that its server speaks; without any, at the usual address of each."""
    served = [backend for backend in BACKENDS.values() if backend.needs_address]
    for host in hosts:
        yield from _models_at(host, served, options)
    for backend in () if hosts else served:
        assert backend.default_host is not None  # it needs an address
        yield from _models_at(backend.default_host(options.allow_remote), [backend], options)


def _models_at(host: str, backends: list[Backend], options: AskOptions) -> Iterator[ExpertSpec]:
    faults: list[str] = []
    for backend in backends:
        try:
            models = backend.list_models(host, options)
        except ExpertError as error:
            faults.append(f"{backend.label}: {error}")
            continue
        for model in models:
            yield from _expert(model, backend, host, options.allow_remote)
        return
    for fault in faults:
        complain(fault)


def _expert(model: ListedModel, backend: Backend, host: str, allow_remote: bool) -> Iterator[ExpertSpec]:
    """The expert that a model makes; none, with the reason told, where it answers no questions or may not be called."""
    if model.kind == "embedding" or (model.kind == "cloud" and not allow_remote):
        complain(f"{model.id} is left out. {model.note}")
        return
    try:
        yield ExpertSettings(model=model.id, backend=backend.name, host=host, params_billions=model.params_billions).spec()
    except (DerError, ValueError) as error:
        complain(f"{model.id:.80} is left out: {' '.join(str(error).split())[:200]}")


def _with_names_of_their_own(specs: Iterator[ExpertSpec]) -> list[ExpertSpec]:
    named: dict[str, ExpertSpec] = {}
    for spec in specs:
        name, number = spec.name, 1
        while name in named:
            number += 1
            name = f"{spec.name}-{number}"
        named[name] = replace(spec, name=name)
    return list(named.values())
