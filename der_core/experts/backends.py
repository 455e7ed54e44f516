"""The backends there are, by name: the one place that knows them all.

A new one is a file that ends in a `Backend` record, and its line below. Nothing heavy is imported here: a backend
loads its libraries when it is used.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import SettingsError
from der_core.experts import embedded, ollama, openai_compatible
from der_core.experts.protocol import Backend

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        ollama.BACKEND,
        openai_compatible.BACKEND,
        embedded.BACKEND,
    )
}

_ABSOLUTE = re.compile(r"/|~|[A-Za-z]:[\\/]|\\\\")


def backend_of(spec: ExpertSpec) -> Backend:
    """Return the backend of an expert; raises SettingsError, with those there are, where it has none of them."""
    if spec.backend not in BACKENDS:
        raise SettingsError(f"Expert {spec.name}: unknown backend {spec.backend[:40]!r}; there are {', '.join(BACKENDS)}.")
    return BACKENDS[spec.backend]


def models_are_files(spec: ExpertSpec) -> bool:
    """Whether the expert's model is a file of this machine; an expert of a backend that is not here has none."""
    return spec.backend in BACKENDS and BACKENDS[spec.backend].models_are_files


def with_address(spec: ExpertSpec, options: AskOptions) -> ExpertSpec:
    """Return the expert with the address at which it is called: its own, else the usual one of its backend."""
    backend = backend_of(spec)
    return spec if spec.host or backend.default_host is None else replace(spec, host=backend.default_host(options.allow_remote))


def portable_model(backend: str, model: str) -> str:
    """Return the model without what only one machine knows: of a file its name, however the path is written."""
    known = BACKENDS.get(backend)
    is_file = _ABSOLUTE.match(model) is not None if known is None else known.models_are_files
    return PurePath(model.replace("\\", "/")).name if is_file else model


def without_machine(spec: ExpertSpec) -> ExpertSpec:
    """Return the settings without what only this machine knows: address, variable of the key, and the folder of a model file."""
    return replace(spec, host=None, key_env=None, model=portable_model(spec.backend, spec.model))
