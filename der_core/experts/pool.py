"""Pools of experts as people write them: presets and single experts in one list, each expert under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts.backends import BACKENDS
from der_core.experts.experts_file import SUFFIX, read_experts_file
from der_core.experts.grammar import ending, take_apart, without_ending
from der_core.experts.presets import INSTALLED, PRESETS, installed_pool


@dataclass(frozen=True)
class Named:
    """An expert, and whether somebody chose its name."""

    spec: ExpertSpec
    is_own_name: bool


def parse_experts(
    texts: Iterable[str], host: str | None = None, models: Path | None = None, *, read_files: bool = False
) -> list[ExpertSpec]:
    """Read a list of experts, presets and experts files, in order, in the grammar of `der_core.experts.grammar`.

    small, paper and installed stand for all experts of the preset, and take @style and +held. Experts called after
    their model that would share a name are numbered; names that somebody chose stay, and must differ. An expert
    written twice is an error, because nothing tells the two apart. `host` is the address of those that need one.
    `models` is the folder in which installed files that come in pieces are joined when needed; without it, `installed` is an error. FILE.toml is an experts file where `read_files` allows it: texts that come over
    a network must not choose what is read here. Its experts keep the names they have there, and their addresses.
    """
    named = [found for text in texts for found in (_of_file(text, host, read_files) or _read(text, host, models))]
    _refuse_twins(named)
    return _uniquely_named(named)


def _of_file(text: str, host: str | None, read_files: bool) -> list[Named]:
    """The experts of a file, under the names they have there; none where `text` names no file."""
    if not without_ending(text.strip())[0].lower().endswith(SUFFIX):
        return []
    if not read_files:
        raise SettingsError("An experts file cannot be named here; upload it, or write its experts one by one.")
    return [
        Named(spec if spec.host or not BACKENDS[spec.backend].needs_address else replace(spec, host=host), True)
        for spec in read_experts_file(Path(text.strip()))
    ]


def _read(text: str, host: str | None, models: Path | None) -> list[Named]:
    bare, style, held = without_ending(text.strip())
    if bare != INSTALLED and bare not in PRESETS:
        return [Named(take_apart(text).spec(host), bool(take_apart(text).name))]
    if bare == INSTALLED and models is None:
        raise SettingsError(f"{INSTALLED} cannot be used here; name its models one by one.")
    pool = installed_pool(models) if bare == INSTALLED and models else [replace(spec, host=host) for spec in PRESETS[bare]]
    if bare == text.strip():
        return [Named(spec, False) for spec in pool]
    # A model that the preset asks in two styles is one expert in the style that was written.
    models_of = {spec.model: replace(spec, name=spec.name.partition("@")[0] + ending(style, held), style=style, held=held) for spec in pool}
    return [Named(spec, False) for spec in models_of.values()]


def _refuse_twins(named: Sequence[Named]) -> None:
    identities = Counter(_identity(found.spec) for found in named if not found.is_own_name)
    twins = {found.spec.name for found in named if not found.is_own_name and identities[_identity(found.spec)] > 1}
    names = Counter(found.spec.name for found in named if found.is_own_name)
    twice = sorted(twins | {name for name, count in names.items() if count > 1})
    if twice:
        raise SettingsError(f"Named twice: {', '.join(twice)}; name each expert once.")


def _identity(spec: ExpertSpec) -> tuple[object, ...]:
    return spec.backend, BACKENDS[spec.backend].canonical_model(spec.model), spec.style, spec.held, spec.host


def _uniquely_named(named: Sequence[Named]) -> list[ExpertSpec]:
    """Number the second, third... expert called after the same model: "name", "name-2", "name-3"."""
    taken = {found.spec.name for found in named if found.is_own_name}
    specs = []
    for found in named:
        name, count = found.spec.name, 1
        while name in taken and not found.is_own_name:
            count += 1
            name = f"{found.spec.name}-{count}"
        taken.add(name)
        specs.append(replace(found.spec, name=name))
    return specs
