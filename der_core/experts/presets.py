"""Expert pools by name, and the grammar in which people write experts on a command line.

small | paper          a preset: all its experts
installed              a preset: the models that came with the installation, run inside this process
MODEL                  a model of Ollama, as `ollama list` writes it
openai:MODEL           a model of an OpenAI-compatible server
gguf:/path/file.gguf   a GGUF file, run inside this process
...@reason             any of the above, reasoning first
...@examples           any of the above, shown four answered examples (@direct: answering at once, the default)
...@program            any of the above, writing a short program that is run and prints the answer
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from der_core.config import Backend, ExpertSpec, Style
from der_core.errors import SettingsError
from der_core.experts.weights import installed_weights, weights_place


def _ollama(model: str, params_billions: float) -> ExpertSpec:
    return ExpertSpec(_readable(model), "ollama", model, params_billions=params_billions)


def _readable(model: str) -> str:
    return model.removesuffix(":latest").replace(":", "-")


PAPER_POOL: tuple[ExpertSpec, ...] = (
    _ollama("llama3.2:3b-instruct-q4_K_M", 3.21),
    _ollama("qwen2.5:3b-instruct-q4_0", 3.09),
    _ollama("mistral:instruct", 7.25),
)
"""The pool of the demonstration that this product succeeds: three instruction models of 3 to 7 billion parameters."""

SMALL_POOL: tuple[ExpertSpec, ...] = (
    _ollama("smollm2:135m", 0.135),
    _ollama("gemma3:270m", 0.268),
    _ollama("qwen2.5-coder:0.5b", 0.494),
    _ollama("qwen2.5-coder:1.5b", 1.54),
)
"""Four models that a laptop without a graphics card can run."""

PRESETS: dict[str, tuple[ExpertSpec, ...]] = {"paper": PAPER_POOL, "small": SMALL_POOL}

INSTALLED = "installed"
"""The preset of models that came with the installation."""

_PREFIXES: dict[str, Backend] = {"openai:": "openai", "gguf:": "embedded"}


def installed_pool(folder: Path) -> list[ExpertSpec]:
    """Return the experts that came with the installation; a file in pieces is joined in `folder` when its expert is opened first.

    Raises SettingsError where there are none.
    """
    specs = [
        ExpertSpec(weights.name, "embedded", str(weights_place(weights, folder)), params_billions=_known_params(weights.name))
        for weights in installed_weights()
    ]
    if not specs:
        raise SettingsError("No model came with this installation; `make demo` brings some, or name others.")
    return specs


def parse_expert(text: str, host: str | None = None, params_billions: float | None = None) -> ExpertSpec:
    """Read one expert in the grammar of this module (presets excluded); raises SettingsError.

    Models of the presets bring their size along; `params_billions` tells it for others. `host` is left out
    where the expert runs inside this process.
    """
    backend, model, style = _taken_apart(text.strip())
    if not model:
        raise SettingsError(
            f"{text!r} names no model; write MODEL, openai:MODEL or gguf:/path/file.gguf, with @reason behind it if you like."
        )
    plain = _readable(Path(model).stem if backend == "embedded" else model)
    return ExpertSpec(
        name=plain if style == "direct" else f"{plain}@{style}",
        backend=backend,
        model=model,
        style=style,
        host=None if backend == "embedded" else host,
        params_billions=params_billions or _known_params(plain),
    )


def parse_experts(texts: Iterable[str], host: str | None = None, models: Path | None = None) -> list[ExpertSpec]:
    """Read a list of experts and presets, in order; experts that would share a name get one each.

    An expert written twice is an error, because nothing tells the two apart. `models` is the folder in which
    installed files that come in pieces are joined; without it, `installed` is an error.
    """
    specs = [spec for text in texts for spec in _parsed(text, host, models)]
    if len(set(specs)) < len(specs):
        twice = sorted({spec.name for spec in specs if specs.count(spec) > 1})
        raise SettingsError(f"Named twice: {', '.join(twice)}; name each expert once.")
    return _uniquely_named(specs)


def _parsed(text: str, host: str | None, models: Path | None) -> list[ExpertSpec]:
    word = text.strip()
    if word == INSTALLED:
        if models is None:
            raise SettingsError(f"{INSTALLED} cannot be used here; name its models one by one.")
        return installed_pool(models)
    return [replace(spec, host=host) for spec in PRESETS[word]] if word in PRESETS else [parse_expert(text, host)]


def _taken_apart(text: str) -> tuple[Backend, str, Style]:
    model, at, ending = text.rpartition("@")
    styles: dict[str, Style] = {style: style for style in get_args(Style)}
    is_styled = bool(at) and ending in styles
    bare, style = (model, styles[ending]) if is_styled else (text, "direct")
    for prefix, backend in _PREFIXES.items():
        if bare.startswith(prefix):
            return backend, bare.removeprefix(prefix), style
    return "ollama", bare, style


def _known_params(name: str) -> float | None:
    return next((spec.params_billions for pool in PRESETS.values() for spec in pool if spec.name == name), None)


def _uniquely_named(specs: Sequence[ExpertSpec]) -> list[ExpertSpec]:
    """Number the second, third... expert of the same name: "name", "name-2", "name-3"."""
    taken: set[str] = set()
    named = []
    for spec in specs:
        name, count = spec.name, 1
        while name in taken:
            count += 1
            name = f"{spec.name}-{count}"
        taken.add(name)
        named.append(replace(spec, name=name))
    return named
