"""The experts file: each expert's model and style, and where it is reached, in TOML.

[[experts]]
name = "reader"
model = "openai:qwen3-4b@reason"       # as on the command line; or model, backend and style apart
host = "http://127.0.0.1:8001/v1"
key_env = "MY_KEY"                     # the name of the variable that holds the key, never the key
max_tokens = 2000

Further settings: held, context_tokens, params_billions, threads. Only `model` must be there.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from der_core.config import ExpertSpec, Style
from der_core.errors import HostRefused, SettingsError
from der_core.experts.backends import BACKENDS
from der_core.experts.grammar import Written, nearest, take_apart, without_ending
from der_core.experts.hosts import check_host

SUFFIX = ".toml"
MOST_EXPERTS = 64
LARGEST_BYTES = 1 << 20

_TABLE = "experts"
_HEADER = re.compile(rf"^[ \t]*\[\[[ \t]*[\"']?{_TABLE}[\"']?[ \t]*\]\]", re.MULTILINE)
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_KEY_WORDS = ("key", "api_key", "apikey", "token", "secret", "password")

_Tokens = Annotated[int, Field(ge=1, le=1 << 24)]
_Word = Annotated[str, Field(min_length=1, max_length=4096)]


class ExpertSettings(BaseModel):
    """One expert of a file. `host` may have a path; the other settings are those of `ExpertSpec`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: _Word
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    backend: _Word | None = None
    host: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    key_env: Annotated[str, Field(pattern=f"^{_VARIABLE}$")] | None = None
    style: Style | None = None
    held: bool | None = None
    context_tokens: _Tokens | None = None
    max_tokens: _Tokens | None = None
    params_billions: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None

    def spec(self) -> ExpertSpec:
        """The expert; raises SettingsError for settings that contradict one another."""
        written = self._written()
        if not written.backend.needs_address and (self.host or self.key_env):
            raise SettingsError(f"host and key_env are for experts on a server; this one answers {written.backend.place}")
        if self.threads and not written.backend.models_are_files:
            raise SettingsError("threads is for model files that run inside this program; a server has its own setting")
        spec = replace(
            written.spec(params_billions=self.params_billions),
            host=check_host(self.host, allow_remote=True) if self.host else None,
            key_env=self.key_env,
            context_tokens=self.context_tokens,
            max_tokens=self.max_tokens,
            threads=self.threads,
        )
        spec.check()
        return spec

    def _written(self) -> Written:
        if self.backend is not None and self.backend not in BACKENDS:
            raise SettingsError(f"unknown backend {self.backend[:40]!r}; {nearest(self.backend, BACKENDS)}")
        if self.backend is not None:
            backend = BACKENDS[self.backend]
            if not backend.is_model_name(self.model):
                raise SettingsError(
                    f"{self.model[:80]!r} is no name of a model of {backend.label}; name, style and held stand in settings of their own"
                )
            return Written(self.name or "", backend, self.model, self.style or "direct", bool(self.held))
        written = take_apart(self.model)
        if self.name and written.name:
            raise SettingsError(f"two names, {self.name[:60]!r} and {written.name!r}; leave one of them out")
        if not (self.style or self.held is not None):
            return replace(written, name=self.name or written.name)
        if without_ending(self.model.strip())[0] != self.model.strip():
            raise SettingsError("model ends in @style or +held, and style or held is set besides; leave one of them out")
        return replace(written, name=self.name or written.name, style=self.style or "direct", held=bool(self.held))


def read_experts_file(source: Path | str) -> list[ExpertSpec]:
    """Read the experts of a file (a Path), or of its text (a str), in their order; raises SettingsError with file, line and expert.

    Model files are sought beside the experts file first. Names are all different; an expert without one is called
    after its model. Whether its address may be called is seen when the expert is opened.
    """
    place = source.name if isinstance(source, Path) else "the experts file"
    text = _text_of(source) if isinstance(source, Path) else source
    entries = _entries(text, place)
    starts = [text.count("\n", 0, found.end()) + 1 for found in _HEADER.finditer(text)]
    lines = starts if len(starts) == len(entries) else [0] * len(entries)
    specs: list[ExpertSpec] = []
    for number, (entry, line) in enumerate(zip(entries, lines, strict=True), start=1):
        where = f"{place}{f', line {line}' if line else ''}, expert {_called(entry, number)}"
        spec = _read(entry, where)
        if spec.name in {other.name for other in specs}:
            raise SettingsError(f"{where}: another expert of the file has the same name; give each its own.")
        specs.append(_beside(spec, source.parent) if isinstance(source, Path) else spec)
    return specs


def write_experts_file(specs: Sequence[ExpertSpec]) -> str:
    """Return the text of a file from which `read_experts_file` reads these experts, less their digests and builds."""
    names = ("name", "backend", "model", "host", "key_env", "style", "held", "context_tokens", "max_tokens", "params_billions", "threads")
    tables = []
    for spec in specs:
        settings = {name: getattr(spec, name) for name in names}
        if not BACKENDS[spec.backend].models_are_files:
            settings["threads"] = None
        # JSON writes texts, numbers and truth values of one line as TOML does.
        lines = [
            f"{name} = {json.dumps(value, ensure_ascii=False)}"
            for name, value in settings.items()
            if value not in (None, "") and (name, value) != ("style", "direct") and value is not False
        ]
        tables.append("\n".join([f"[[{_TABLE}]]", *lines, ""]))
    return "\n".join(tables)


def _text_of(path: Path) -> str:
    try:
        if not path.is_file():
            raise SettingsError(f"There is no experts file {path}; check the path, or write one with: der_core experts --write FILE.")
        with path.open("rb") as file:
            body = file.read(LARGEST_BYTES + 1)
        if len(body) > LARGEST_BYTES:
            raise SettingsError(f"{path.name} is larger than {LARGEST_BYTES >> 20} MB, which no experts file is.")
        return body.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"The experts file {path} cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not a text in UTF-8; save it as one.") from error


def _entries(text: str, place: str) -> list[Any]:  # Any: TOML values, checked one by one
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place} is not TOML: {error}.") from error
    except RecursionError as error:
        raise SettingsError(f"{place} is nested too deeply to be an experts file.") from error
    unknown = next((name for name in data if name != _TABLE), None)
    if unknown is not None:
        raise SettingsError(f"{place}: unknown {unknown[:40]!r}; each expert is a table headed [[{_TABLE}]].")
    entries = data.get(_TABLE)
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{place} names no experts; each is a table headed [[{_TABLE}]].")
    if len(entries) > MOST_EXPERTS:
        raise SettingsError(f"{place} names {len(entries)} experts; {MOST_EXPERTS} are the most.")
    return entries


def _called(entry: object, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return repr(name[:60]) if isinstance(name, str) else str(number)


def _read(entry: object, where: str) -> ExpertSpec:
    try:
        return ExpertSettings.model_validate(entry).spec()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise SettingsError(f"{where}: {'; '.join(map(_in_words, faults[:3]))}.") from error
    except (SettingsError, HostRefused) as error:
        raise SettingsError(f"{where}: {str(error).removesuffix('.')}.") from error


def _in_words(fault: ErrorDetails) -> str:
    field = ".".join(map(str, fault["loc"]))[:60]
    if fault["type"] == "extra_forbidden":
        hint = "did you mean key_env, the name of the variable that holds it?" if field.lower() in _KEY_WORDS else ""
        return f"unknown setting {field!r}; {hint or nearest(field, ExpertSettings.model_fields)}"
    if fault["type"] == "missing":
        return f"{field} is missing"
    if field == "key_env":
        return "key_env is the name of an environment variable that holds the key (letters, digits and _), not the key"
    message = fault["msg"].removeprefix("Input ").replace("should", "must", 1)
    return f"{field} {message[:1].lower()}{message[1:]}" if field else "it must be a table of settings"


def _beside(spec: ExpertSpec, folder: Path) -> ExpertSpec:
    """The expert with its model file where it lies beside the experts file."""
    beside = folder / spec.model
    return replace(spec, model=str(beside)) if BACKENDS[spec.backend].models_are_files and beside.is_file() else spec
