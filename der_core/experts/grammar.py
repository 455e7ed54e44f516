"""How people write one expert: on a command line, in the text boxes of pages, and as the model of an experts file.

MODEL                  a model of Ollama, as `ollama list` writes it
openai:MODEL           a model of an OpenAI-compatible server
gguf:/path/file.gguf   a GGUF file, run inside this program
...@style              any of the above in an answering style, such as @reason, @examples or @program (@direct is the default)
...@style+held         held to yes or no by the server's own constraint; +held alone after a model means @direct+held
NAME=...               any of the above under a name of one's own
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import get_args

from der_core.config import ExpertSpec, Style
from der_core.errors import SettingsError
from der_core.experts.backends import BACKENDS
from der_core.experts.ollama_names import short_ollama_name
from der_core.experts.presets import known_params
from der_core.experts.protocol import Backend

HELD = "+held"
STYLES: dict[str, Style] = {style: style for style in get_args(Style)}

_OWN_NAME = re.compile(r"\w([\w.@+ -]{0,62}[\w@+])?")


@dataclass(frozen=True)
class Written:
    """An expert as it was written, taken apart. `name` is "" unless it is one of the writer's own."""

    name: str
    backend: Backend
    model: str
    style: Style
    held: bool

    def spec(self, host: str | None = None, params_billions: float | None = None) -> ExpertSpec:
        """The expert; without a name of its own it is called after model and ending."""
        plain = _plain_name(self.backend, self.model)
        return ExpertSpec(
            name=self.name or plain + ending(self.style, self.held),
            backend=self.backend.name,
            model=self.model,
            style=self.style,
            host=host if self.backend.needs_address else None,
            params_billions=known_params(plain) or known_params(self.model) if params_billions is None else params_billions,
            held=self.held,
        )


def parse_expert(text: str, host: str | None = None, params_billions: float | None = None) -> ExpertSpec:
    """Read one expert; raises SettingsError.

    Models of the presets bring their size along; `params_billions` tells it for others. `host` is left out
    where the expert has no address.
    """
    return take_apart(text).spec(host, params_billions)


def take_apart(text: str) -> Written:
    """Read the parts of one expert; raises SettingsError, with how to write it, for what is none."""
    name, rest = _without_name(text.strip())
    bare, style, held = without_ending(rest)
    marked = next((backend for backend in BACKENDS.values() if backend.prefix and bare.startswith(backend.prefix)), None)
    backend = marked or next(backend for backend in BACKENDS.values() if not backend.prefix)
    model = bare.removeprefix(backend.prefix)
    if not model:
        raise SettingsError(
            f"{_shown(text)} names no model; write MODEL, openai:MODEL or gguf:/path/file.gguf, with @reason behind it if you like."
        )
    if not backend.is_model_name(model):
        raise SettingsError(_no_model(text, model, backend))
    return Written(name, backend, model, style, held)


def without_ending(text: str) -> tuple[str, Style, bool]:
    """Return the text without @style and +held at its end, the style (direct where none is written) and whether +held is."""
    held = text.endswith(HELD)
    model, at, last = text.removesuffix(HELD).rpartition("@")
    bare, style = (model, STYLES[last]) if at and last in STYLES else (text.removesuffix(HELD), STYLES["direct"])
    if bare.endswith(HELD):
        raise SettingsError(f"{_shown(text)}: {HELD} comes last, behind the style.")
    return bare, style, held


def ending(style: Style, held: bool) -> str:
    """Return what is written behind a model for this style, "" for the default."""
    return ("" if style == "direct" else f"@{style}") + (HELD if held else "")


def _without_name(text: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or ":" in name or "/" in name or "\\" in name:
        return "", text
    name = name.strip()
    if not _OWN_NAME.fullmatch(name):
        raise SettingsError(
            f"{_shown(name)} cannot be the name of an expert; use up to 64 letters, digits, spaces and . _ - @ +, as in fast=mistral."
        )
    return name, rest.strip()


def _no_model(text: str, model: str, backend: Backend) -> str:
    """Why this is no model, and what was probably meant."""
    bare, at, last = model.rpartition("@")
    if at and backend.is_model_name(bare):
        return f"{_shown(text)}: unknown answering style {_shown(last)}; {nearest(last, STYLES)}."
    return f"{_shown(text)} is no name of a model; write MODEL as Ollama lists it, openai:MODEL, gguf:/path/file.gguf, or NAME= before one of them."


def nearest(word: str, known: Iterable[str]) -> str:
    """Return words that name the nearest of those known, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(word.lower(), names, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def _plain_name(backend: Backend, model: str) -> str:
    if backend.models_are_files:
        return PurePath(model).stem
    short = model.removesuffix(":latest") if backend.prefix else short_ollama_name(model)
    return short.replace(":", "-")
