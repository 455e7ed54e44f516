"""The manifest of a saved router: everything but its arrays, as JSON.

Reading takes nothing on trust: every field must be there, of its kind and in range, and nothing else may be.
JSON has no nan and no infinity; both are written as null, and only read back where it may stand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, NoReturn, get_args

import numpy as np

from der_core.config import CostMode, ExpertSpec, TrainConfig
from der_core.errors import RouterFileError, RouterMismatch, SettingsError
from der_core.experts.backends import backend_of, without_machine
from der_core.recording.table import by_previous_label
from der_core.records import N_LABELS
from der_core.routing.cost import BY_SECONDS, Charge, Prices
from der_core.routing.process import Floats
from der_core.routing.saved.trained import CurvePoint, TrainedRouter

SCHEMA = "der-router-2"
"""Changed whenever older versions could not read what is written."""
SCHEMAS = ("der-router-1", SCHEMA)
"""All that are read; the first had one threshold an expert, whatever that was shown, saw observations as they are, and was the
last of its updates."""
MAX_EXPERTS = 64
MAX_DIMENSION = 16_384

Json = dict[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class Manifest:
    """What the manifest says, checked. `components` are the widths of the projections by text field; `scaled`: whether observations are scaled."""

    config: TrainConfig
    experts: tuple[ExpertSpec, ...]
    encoder_id: str
    dimension: int
    components: dict[str, int]
    scaled: bool
    prices: Prices
    thresholds: Floats
    curves: tuple[CurvePoint, ...]
    data_hash: str
    training_question_ids: tuple[str, ...]
    prompt_version: str
    versions: dict[str, str]
    results: Json
    stopped: bool
    validation_question_ids: tuple[str, ...]
    program_confidence: Floats | None
    best_update: int | None
    converged: bool | None


def write_manifest(router: TrainedRouter) -> bytes:
    """Return the manifest of `router` as canonical JSON: equal routers give equal bytes."""
    data: Json = {
        "schema": SCHEMA,
        "config": router.config.to_json(),
        "experts": [asdict(without_machine(spec)) for spec in router.experts],
        "encoder": router.state.encoder_id,
        "dimension": router.state.dimension,
        "components": {name: projection.basis.shape[1] for name, projection in router.state.projections.items()},
        "scaled": router.state.scaling is not None,
        "prices": router.prices.to_json(),
        "thresholds": by_previous_label(router.thresholds).tolist(),
        "curves": [asdict(point) for point in router.curves],
        "data_hash": router.data_hash,
        "training_question_ids": router.training_question_ids,
        "validation_question_ids": router.validation_question_ids,
        "prompt_version": router.prompt_version,
        "versions": router.versions,
        "results": router.results,
        "stopped": router.stopped,
        "best_update": router.best_update,
        "converged": router.converged,
    }
    if router.program_confidence is not None:
        data["program_confidence"] = router.program_confidence.tolist()
    return json.dumps(_with_null(data), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()


def read_manifest(body: bytes) -> Manifest:
    """Return the manifest that `body` holds.

    Raises RouterMismatch for another schema, RouterFileError for anything that `write_manifest` cannot have written.
    """
    data = _parse(body)
    schema = data.pop("schema", None)
    if schema not in SCHEMAS:
        known = " and ".join(map(repr, SCHEMAS))
        raise RouterMismatch(f"The router was saved in the format {str(schema)[:40]!r}; this version reads {known}. Train it again.")
    if schema == SCHEMAS[0]:
        data |= {"scaled": False, "best_update": None, "converged": None}
        _object(_object(data.get("config")).get("ppo")).setdefault("patience", 0)
        data["thresholds"] = [[threshold] * N_LABELS for threshold in _list(data.get("thresholds"), "thresholds")]
    data.setdefault("validation_question_ids", [])  # an earlier version did not tell them
    data.setdefault("program_confidence", None)  # no expert writes programs
    _expect(set(data) == {field.name for field in fields(Manifest)} - {"encoder_id"} | {"encoder"}, "the fields of a router")
    experts = _read_experts(data["experts"])
    _expect(isinstance(data["stopped"], bool) and isinstance(data["results"], dict), "stopped and results")
    _expect(isinstance(data["scaled"], bool), "scaled")
    _expect(data["converged"] is None or isinstance(data["converged"], bool), "converged")
    return Manifest(
        config=_read_config(data["config"]),
        experts=experts,
        encoder_id=_text(data["encoder"], "encoder"),
        dimension=_whole(data["dimension"], "dimension", MAX_DIMENSION),
        components={_text(name, "components"): _whole(k, "components", MAX_DIMENSION) for name, k in _object(data["components"]).items()},
        scaled=data["scaled"],
        prices=_read_prices(data["prices"], experts),
        thresholds=_read_rows(data["thresholds"], "thresholds", (len(experts), N_LABELS), 0.0, 1.0),
        curves=tuple(_read_point(point, len(experts)) for point in _list(data["curves"], "curves")),
        data_hash=_text(data["data_hash"], "data_hash"),
        training_question_ids=_texts(data["training_question_ids"], "training_question_ids"),
        prompt_version=_text(data["prompt_version"], "prompt_version"),
        versions={_text(name, "versions"): _text(number, "versions") for name, number in _object(data["versions"]).items()},
        results=data["results"],
        stopped=data["stopped"],
        best_update=None
        if data["best_update"] is None
        else _whole(data["best_update"], "best_update", len(_list(data["curves"], "curves"))),
        converged=data["converged"],
        validation_question_ids=_texts(data["validation_question_ids"], "validation_question_ids"),
        program_confidence=None
        if data["program_confidence"] is None
        else _read_rows(data["program_confidence"], "program_confidence", (len(experts), 2)),
    )


def _parse(body: bytes) -> Json:
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
        json.dumps(data, ensure_ascii=False).encode()  # halves of surrogate pairs would fail later, wherever they are shown
    except (ValueError, RecursionError) as error:
        raise RouterFileError("The router's manifest is not JSON. Export the router again.") from error
    return _object(data)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read_config(data: object) -> TrainConfig:
    data = _with_defaults(TrainConfig().to_json(), data)
    _check_like(TrainConfig().to_json(), data, "config")
    assert isinstance(data, dict)
    try:
        return TrainConfig.from_json(data)
    except SettingsError as error:
        raise RouterFileError(f"The router's settings are not valid: {error}") from error


def _with_defaults(template: object, data: object) -> object:
    """The settings with those that an earlier version lacks at their default, at every level."""
    if not isinstance(template, dict) or not isinstance(data, dict):
        return data
    return {**template, **{key: _with_defaults(template.get(key), value) for key, value in data.items()}}


def _check_like(template: object, data: object, what: str) -> None:
    """Refuse `data` unless it has the form of `template`: the same keys, the same kinds of value, finite numbers."""
    if isinstance(template, dict):
        _expect(isinstance(data, dict) and set(data) == set(template), f"the fields of {what}")
        assert isinstance(data, dict)
        for key, value in template.items():
            _check_like(value, data[key], key)
    elif isinstance(template, tuple):
        for value in _list(data, what):
            _check_like(template[0], value, what)
    elif isinstance(template, float):
        _real(data, what, -math.inf, math.inf)
    else:
        _expect(type(data) is type(template), what)


def _read_experts(data: object) -> tuple[ExpertSpec, ...]:
    experts = tuple(_read_expert(entry) for entry in _list(data, "experts"))
    _expect(1 <= len(experts) <= MAX_EXPERTS and len({spec.name for spec in experts}) == len(experts), "the number and names of experts")
    return experts


def _read_expert(data: object) -> ExpertSpec:
    entry = {**asdict(ExpertSpec("", "ollama", "")), **_object(data)}  # settings that an earlier version lacks have their default
    _expect(set(entry) == {field.name for field in fields(ExpertSpec)}, "the fields of an expert")
    if entry["params_billions"] is not None:
        _real(entry["params_billions"], "params_billions", 0.0, math.inf)
    for name in ("context_tokens", "max_tokens", "threads", "batch_tokens"):
        _expect(entry[name] is None or type(entry[name]) is int, name)
    _expect(isinstance(entry["held"], bool), "held")
    for name in ("name", "backend", "model", "style", "digest", "engine", "host", "key_env"):
        _expect(isinstance(entry[name], str) or (entry[name] is None and name in ("host", "key_env")), name)
    spec = ExpertSpec(**entry)
    try:
        spec.check()
        backend_of(spec)
    except SettingsError as error:
        raise RouterFileError(f"The router's experts are not valid: {error}") from error
    return without_machine(spec)  # earlier versions saved addresses: whoever uses a router says where its experts are


def _read_prices(data: object, experts: Sequence[ExpertSpec]) -> Prices:
    entry, n = {"charged": [], **_object(data)}, len(experts)  # an earlier version always charged the whole prompt
    _expect(set(entry) == {field.name for field in fields(Prices)}, "the fields of prices")
    charged = _list(entry["charged"], "charged")
    _expect(len(charged) in (0, n) and all(charge in get_args(Charge) for charge in charged), "charged")
    _expect(entry["mode"] in get_args(CostMode), "the cost mode")
    _expect(entry["experts"] == [spec.name for spec in experts], "the experts of the prices")
    smallest, by_seconds = 1e-300, entry["mode"] in BY_SECONDS  # a scale divides
    return Prices(
        mode=entry["mode"],
        experts=tuple(entry["experts"]),
        prompt_rate_s=_reals(entry["prompt_rate_s"], n, "prompt_rate_s", missing=not by_seconds),
        generation_rate_s=_reals(entry["generation_rate_s"], n, "generation_rate_s", missing=not by_seconds),
        params_billions=_reals(entry["params_billions"], n, "params_billions", missing=True),
        scale=_reals(entry["scale"], n, "scale", smallest),
        charged=tuple(charged),
    )


def _read_rows(data: object, what: str, shape: tuple[int, int], low: float = -math.inf, high: float = math.inf) -> Floats:
    """Return numbers of that shape, null as nan."""
    rows = _list(data, what)
    _expect(len(rows) == shape[0], what)
    return np.array([_reals(row, shape[1], what, low, high, missing=True) for row in rows])


def _read_point(data: object, n_experts: int) -> CurvePoint:
    entry = {**{field.name: None for field in fields(CurvePoint) if field.default is not MISSING}, **_object(data)}
    names = [field.name for field in fields(CurvePoint)]
    _expect(set(entry) == set(names), "the fields of a learning curve")
    shares = _reals(entry["expert_shares"], n_experts, "expert_shares", 0.0, 1.0)
    steps = _whole(entry["steps"], "steps", 10**12)
    numbers = _reals(
        [entry[name] for name in names if name not in ("steps", "expert_shares")], len(names) - 2, "curves", -math.inf, missing=True
    )
    rest = dict(zip((name for name in names if name not in ("steps", "expert_shares")), numbers, strict=True))
    return CurvePoint(steps=steps, expert_shares=shares, **rest)


def _with_null(data: object) -> object:
    if isinstance(data, Mapping):
        return {key: _with_null(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_null(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _reals(data: object, n: int, what: str, low: float = 0.0, high: float = math.inf, missing: bool = False) -> tuple[float, ...]:
    """Return `n` finite numbers between `low` and `high`; with `missing`, null stands for nan."""
    values = _list(data, what)
    _expect(len(values) == n, what)
    return tuple(math.nan if value is None and missing else _real(value, what, low, high) for value in values)


def _real(value: object, what: str, low: float, high: float) -> float:
    _expect(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and low <= value <= high, what)
    assert isinstance(value, int | float)
    return float(value)


def _whole(value: object, what: str, high: int) -> int:
    _expect(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= high, what)
    assert isinstance(value, int)
    return value


def _text(value: object, what: str) -> str:
    _expect(isinstance(value, str), what)
    assert isinstance(value, str)
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    return tuple(_text(name, what) for name in _list(value, "question ids"))


def _object(value: object) -> Json:
    _expect(isinstance(value, dict), "a JSON object")
    assert isinstance(value, dict)
    return value


def _list(value: object, what: str) -> list[Any]:  # Any: JSON values
    _expect(isinstance(value, list), what)
    assert isinstance(value, list)
    return value


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise RouterFileError(f"The router's manifest is damaged or forged at: {what}. Export the router again.")
