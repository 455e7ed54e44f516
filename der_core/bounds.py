"""Kinds of values that saved data may hold, each bounded: what a file can say, whoever wrote it.

Annotations for fields of dataclasses and pydantic models; reading is strict, so that a figure is never read out of a text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le, Len
from numpy.typing import NDArray
from pydantic import AfterValidator, AllowInfNan, ConfigDict, GetCoreSchemaHandler, JsonValue, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from der_core.config import LARGEST_SEED

CLOSED = ConfigDict(strict=True, extra="forbid", frozen=True)
"""How saved data is read: fields are of their kind, and others are refused by name."""
MOST = 1e100
MOST_EXPERTS = 64
MOST_QUESTIONS = 2_000_000
MOST_ROWS = 1_000
"""Routers that one report compares: with 64 experts there are some 200."""


def _is_small(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(data)) > 100_000:
        raise ValueError("it is longer than 100,000 characters")
    return data


@dataclass(frozen=True)
class OrUnknown:
    """JSON has no nan: null is a figure that nobody knows."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # Any: as pydantic has it
        return core_schema.no_info_after_validator_function(
            lambda value: math.nan if value is None else value, core_schema.nullable_schema(handler(source))
        )


Figure = Annotated[float, Ge(-MOST), Le(MOST), AllowInfNan(False), OrUnknown()]
"""A number as it is shown, nan for one that nobody knows."""
Share = Annotated[float, Ge(0.0), Le(1.0), AllowInfNan(False), OrUnknown()]
Rate = Annotated[float, Ge(0.0), Le(MOST), AllowInfNan(False), OrUnknown()]
Scale = Annotated[float, Gt(1e-300), Le(MOST), AllowInfNan(False)]
"""What something is divided by."""
Count = Annotated[int, Ge(0), Le(10**12)]
Seed = Annotated[int, Ge(0), Le(LARGEST_SEED)]
Word = Annotated[str, Len(0, 2_000)]
"""A name, an id, a path."""
Sentences = Annotated[str, Len(0, 50_000)]
Text = Annotated[str, Len(0, 2_000_000)]
"""What people wrote: a question."""
FreeJson = Annotated[dict[str, JsonValue], AfterValidator(_is_small)]
"""An object of anybody's own, up to 100 kB."""
Ids = Annotated[tuple[Word, ...], Len(0, MOST_QUESTIONS)]


@dataclass(frozen=True)
class Rows:
    """An array [rows, columns] of figures, null as nan; `kind` is the annotation of one figure."""

    columns: int
    kind: Any  # Any: an annotation

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # Any: as pydantic has it
        figures = core_schema.list_schema(handler.generate_schema(self.kind), min_length=self.columns, max_length=self.columns)
        rows = core_schema.list_schema(figures, min_length=1, max_length=MOST_EXPERTS)
        return core_schema.no_info_after_validator_function(np.array, rows)


Thresholds = Annotated[NDArray[np.float64], Rows(4, Share)]
"""By expert and previous label [N, 4]."""
Confidences = Annotated[NDArray[np.float64], Rows(2, Figure)]
"""Two coefficients an expert [N, 2]."""


def as_json(value: object) -> Any:  # Any: a JSON value
    """Return the value in JSON's own types: objects of their fields, lists, Python's numbers; nan and infinity are null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [as_json(part) for part in value]
    if isinstance(value, np.generic):
        return as_json(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def amiss(error: ValidationError) -> str:
    """The first thing that is wrong with saved data: its place, and what should be there."""
    faults = error.errors(include_url=False, include_input=False)
    # An unknown field says more than what is missing where it stands.
    fault = next((fault for fault in faults if fault["type"] in _UNKNOWN), faults[0])
    return f"{_place(fault)}: {_WORDS.get(fault['type'], fault['msg'])}"


_UNKNOWN = frozenset({"unexpected_keyword_argument", "extra_forbidden"})
_WORDS = {**dict.fromkeys(_UNKNOWN, "this version knows no such field"), "missing": "it is missing", "missing_argument": "it is missing"}
_LONGEST_PLACE = 120


def _place(fault: ErrorDetails) -> str:
    """The place as people write it: results.oracle[0].accuracy."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]]
    place = "".join(parts).removeprefix(".")
    return f"{place[:_LONGEST_PLACE]}..." if len(place) > _LONGEST_PLACE else place or "the whole"
