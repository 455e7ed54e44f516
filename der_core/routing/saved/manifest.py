"""The manifest of a saved router: everything but its arrays, as JSON.

Its fields are those of `RouterFacts` and what says how the arrays are to be read. Reading takes nothing on trust: each field
must be of its kind and in its bounds, and another is refused by name. A setting that an earlier version lacks has its default;
what is fitted must be there. JSON has no nan and no infinity; both are written as null, and only read back where it may stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Annotated, Any, NoReturn

from annotated_types import Ge, Le, Len
from pydantic import TypeAdapter, ValidationError

from der_core.bounds import CLOSED, Word, amiss, as_json
from der_core.config import ExpertSpec
from der_core.errors import RouterFileError, RouterMismatch, SettingsError
from der_core.experts.backends import backend_of, without_machine
from der_core.recording.table import by_previous_label
from der_core.records import N_LABELS
from der_core.routing.saved.trained import RouterFacts, TrainedRouter
from der_core.routing.state import StateEncoder

SCHEMA = "der-router-3"
"""Changed whenever something that is fitted is added, or older versions could not read what is written."""
MAX_DIMENSION = 16_384

Json = dict[str, Any]  # Any: a JSON object
_Width = Annotated[int, Ge(0), Le(MAX_DIMENSION)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Manifest(RouterFacts):
    """The facts of a router and the form of its arrays.

    `dimension` is that of the encoder's vectors, `components` are the widths of the projections by text field; `scaled`: whether
    observations are scaled, `is_sure` whether sureness is among the arrays.
    """

    __pydantic_config__ = CLOSED

    encoder: Word
    dimension: _Width
    components: Annotated[dict[Word, _Width], Len(0, 16)]
    scaled: bool
    is_sure: bool


@dataclass(frozen=True)
class EarlierField:
    """A field that this version reads no more: where it stood, below one of `*` entries of a list, and what is to be said of it."""

    path: tuple[str, ...]
    told: str


EARLIER_FIELDS = (
    EarlierField(("experts", "*", "host"), "addresses of experts; name those that you trust yourself (--host, or an experts file)"),
    EarlierField(("experts", "*", "key_env"), "names of variables that hold keys; an experts file names your own"),
)
"""Fields of earlier versions that are read and left out, each told in a line."""


def write_manifest(router: TrainedRouter) -> bytes:
    """Return the manifest of `router` as canonical JSON: equal routers give equal bytes."""
    state = router.state
    facts = replace(
        router, experts=tuple(map(without_machine, router.experts)), thresholds=by_previous_label(router.thresholds), left_out=()
    ).facts()
    form = {
        "schema": SCHEMA,
        "encoder": state.encoder_id,
        "dimension": state.dimension,
        "components": {name: projection.basis.shape[1] for name, projection in state.projections.items()},
        "scaled": isinstance(state, StateEncoder) and state.scaling is not None,
        "is_sure": router.sureness is not None,
    }
    return json.dumps(as_json({**facts, **form}), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()


def read_manifest(body: bytes) -> tuple[Manifest, tuple[str, ...]]:
    """Return the manifest that `body` holds, and what it holds of earlier versions that is left out, a line each.

    Raises RouterMismatch for another schema, RouterFileError for anything that `write_manifest` cannot have written.
    """
    data = _parse(body)
    schema = data.pop("schema", None)
    if schema not in SCHEMAS:
        known = ", ".join(map(repr, SCHEMAS))
        raise RouterMismatch(f"The router was saved in the format {str(schema)[:40]!r}; this version reads {known}. Train it again.")
    try:
        data = _EARLIER[schema](data) if schema in _EARLIER else data
        left_out = tuple(f"The router holds {field.told}." for field in EARLIER_FIELDS if _take_out(data, field.path))
        _check_whole(data)
        manifest = _adapter().validate_json(json.dumps(data))
    except ValidationError as error:
        raise _damaged(amiss(error)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged("what an earlier version fitted") from error
    _check(manifest)
    # Of a file the name alone: where it lies says whoever uses the router.
    return replace(manifest, experts=tuple(map(without_machine, manifest.experts))), left_out


def _since_1(data: Json) -> Json:
    """The first version had one threshold an expert, whatever that was shown, saw observations as they are, and was its last update."""
    data["config"]["ppo"].setdefault("patience", 0)
    thresholds = [[threshold] * N_LABELS for threshold in data["thresholds"]]
    return _since_2({**data, "thresholds": thresholds, "scaled": False, "best_update": None, "converged": None})


def _since_2(data: Json) -> Json:
    """The second may not tell its validation questions, knows no programs, charges the whole prompt where it does not say, and is not sure."""
    charged = {"charged": [], **data["prices"]}
    return {"is_sure": False, "validation_question_ids": [], "program_confidence": None, **data, "prices": charged}


_EARLIER: dict[str, Callable[[Json], Json]] = {"der-router-1": _since_1, "der-router-2": _since_2}
SCHEMAS = (*_EARLIER, SCHEMA)


@cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def _parse(body: bytes) -> Json:
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
        json.dumps(data, ensure_ascii=False).encode()  # halves of surrogate pairs would fail later, wherever they are shown
    except (ValueError, RecursionError) as error:
        raise RouterFileError("The router's manifest is not JSON. Export the router again.") from error
    if not isinstance(data, dict):
        raise _damaged("the whole: a JSON object is wanted")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _take_out(data: object, path: tuple[str, ...]) -> bool:
    """Remove the field at that path everywhere; tell whether it said anything."""
    here, *below = path
    if here == "*":
        return any([_take_out(entry, tuple(below)) for entry in data]) if isinstance(data, list) else False
    if not isinstance(data, dict) or here not in data:
        return False
    return _take_out(data[here], tuple(below)) if below else data.pop(here) is not None


def _check_whole(data: Json) -> None:
    """Raise RouterFileError where a field lacks: those of a router are facts, and none of them has a default in a file."""
    for field in fields(Manifest):
        if field.name not in data:
            raise _damaged(f"{field.name}: it is missing")
    if isinstance(data["prices"], dict) and "charged" not in data["prices"]:
        raise _damaged("prices.charged: it is missing")


def _check(manifest: Manifest) -> None:
    """Raise RouterFileError unless the parts of the manifest go together."""
    try:
        manifest.config.check()
        _check_experts(manifest.experts)
        manifest.prices.check([spec.name for spec in manifest.experts])
    except SettingsError as error:
        raise RouterFileError(f"The router's manifest is damaged or forged: {error}") from error
    n = len(manifest.experts)
    for name in ("thresholds", "program_confidence"):
        rows = getattr(manifest, name)
        if rows is not None and len(rows) != n:
            raise _damaged(f"{name}: {len(rows)} rows for {n} experts")
    for number, point in enumerate(manifest.curves):
        if len(point.expert_shares) != n:
            raise _damaged(f"curves[{number}].expert_shares: {len(point.expert_shares)} shares for {n} experts")
    if manifest.best_update is not None and not 1 <= manifest.best_update <= len(manifest.curves):
        raise _damaged(f"best_update: there are {len(manifest.curves)} updates")


def _check_experts(experts: tuple[ExpertSpec, ...]) -> None:
    for spec in experts:
        spec.check()
        backend_of(spec)
    if len({spec.name for spec in experts}) != len(experts):
        raise SettingsError("experts: two of them have the same name")


def _damaged(what: str) -> RouterFileError:
    return RouterFileError(f"The router's manifest is damaged or forged at {what}. Export the router again.")
