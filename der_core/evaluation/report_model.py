"""What a report is: its fields, each bounded, and what must go together. The JSON schema beside this file is made from it.

Figures are the dataclasses of the modules that compute them; those with a default are absent from reports of earlier versions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeVar, get_type_hints

from annotated_types import Ge, Len
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from der_core.bounds import CLOSED, MOST_EXPERTS, MOST_ROWS, Count, Figure, Rate, Seed, Sentences, Share, Text, Word, amiss
from der_core.config import MOST_UPDATES, CostMode, Style, TrainConfig
from der_core.errors import ReportError, SettingsError
from der_core.evaluation.bar import Bar
from der_core.evaluation.claims import Claim
from der_core.evaluation.comparison import Row
from der_core.evaluation.cost_figures import CostFigures
from der_core.evaluation.flipping import FlipEffects
from der_core.evaluation.frontier import FrontierIntervals
from der_core.evaluation.judge import JudgeEffects
from der_core.evaluation.metrics import Flips
from der_core.evaluation.probe import ProbedExpert
from der_core.recording.splits import Splits
from der_core.routing.cost import Prices
from der_core.routing.saved.trained import CurvePoint

SCHEMA_VERSION = 1
Read = TypeVar("Read")

_LabelWord = Literal["none", "yes", "no", "invalid"]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?$"), Len(0, 40)]
_PerSeed = Annotated[str, Field(pattern=r"^\d{1,10}$")]
_Shares = Annotated[list[Share], Len(0, MOST_EXPERTS + 1)]


class _Closed(BaseModel):
    model_config = CLOSED


class Seeds(_Closed):
    """`evaluation` is that of the random baselines and the bootstrap."""

    training: Annotated[list[Seed], Len(0, 1_000)]
    evaluation: Seed


class Machine(_Closed):
    """The computer, without its name."""

    cpu: Word
    cores: Annotated[int, Ge(1)]
    system: Word


class ReportedExpert(_Closed):
    """An expert without its address; `model` is a tag or model name, of a file its name without folders."""

    name: Word
    backend: Word
    model: Word
    style: Style
    params_billions: Rate
    digest: Word


class Data(_Closed):
    """`hash` is Table.data_hash() of all questions used; questions were left out where replies are missing."""

    hash: Word
    n_questions: Annotated[Count, Ge(1)]
    n_left_out: Count


class Ending(_Closed):
    """Why a training ended, and which update was kept; null: nothing was validated."""

    ending: Sentences
    converged: bool | None
    updates: Count
    best_update: Annotated[Count, Ge(1)] | None


def _row_model() -> Any:  # Any: a model that is made when it runs, so that the fields of Row stand once
    hints = get_type_hints(Row, include_extras=True)
    members: dict[str, Any] = {field.name: (hints[field.name], ...) for field in fields(Row)}
    # Reports of an earlier version do not tell the one of these that has a default.
    members |= {field.name: (hints[field.name], field.default) for field in fields(Row) if field.default is not MISSING}
    told = "The figures of one router, and whether its accuracy differs significantly from that of the best single expert."
    return create_model("ReportedRow", __base__=_Closed, __doc__=told, differs=(bool, ...), **members)


ReportedRow = _row_model()
_Rows = Annotated[list[ReportedRow], Len(0, MOST_ROWS)]  # type: ignore[valid-type]  # made when it runs


class Results(_Closed):
    """All routers on the same held-out questions; figures of those without a gold answer are in none of them."""

    headline: Sentences
    cost_mode: CostMode
    cost_note: Sentences = ""
    best_single: Word
    majority_accuracy: Share
    gold_yes_rate: Share
    n_not_counted: Count = 0
    bar: Bar | None = None
    deployable: _Rows
    oracle: _Rows


class Step(_Closed):
    """One call; `p_yes` is centred on the expert's threshold, `previous_label` is what the expert was shown."""

    expert: Word
    previous_label: _LabelWord
    label: _LabelWord
    p_yes: Share
    seconds: Figure
    cost: Figure
    reward: Figure
    probabilities: _Shares


class Trace(_Closed):
    """The route of one question; `stop_probabilities` are those at the choice of STOP, empty where there was none."""

    id: Word
    question: Text
    gold: _LabelWord
    answer: _LabelWord
    correct: bool
    stop_reason: Sentences
    steps: Annotated[list[Step], Len(0, 100)]
    stop_probabilities: _Shares


class Traces(_Closed):
    """Routes written out; `actions` say what the probabilities of a step belong to, in order."""

    router: Word
    actions: Annotated[list[Word], Len(0, MOST_EXPERTS + 1)]
    questions: Annotated[list[Trace], Len(0, 100_000)]


class Report(_Closed):
    """Everything needed to repeat a run, and what came out."""

    schema_version: Literal[1]
    created_utc: Time
    command: Annotated[list[Sentences], Len(0, 10_000)]
    settings: TrainConfig
    seeds: Seeds
    versions: Annotated[dict[Word, Word], Len(1, 100)]
    machine: Machine
    experts: Annotated[list[ReportedExpert], Len(1, MOST_EXPERTS)]
    data: Data
    splits: Splits
    prices: dict[CostMode, Prices]
    thresholds: dict[Word, Share | Annotated[list[Share], Len(4, 4)]]
    curves: Annotated[dict[_PerSeed, Annotated[list[CurvePoint], Len(0, MOST_UPDATES + 1)]], Len(0, 1_000)]
    training: Annotated[dict[_PerSeed, Ending], Len(0, 1_000)] = {}
    results: Results
    frontier: dict[CostMode, FrontierIntervals] = {}
    flips: Annotated[list[Flips], Len(0, 3 * MOST_EXPERTS)]
    claims: Annotated[list[Claim], Len(0, 100)] = []
    cost_figures: CostFigures | None = None
    flip_effects: FlipEffects | None = None
    judge_effects: JudgeEffects | None = None
    probe: Annotated[list[ProbedExpert], Len(0, MOST_EXPERTS)] = []
    traces: Traces

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        """Refuse a report whose parts name what others of its parts do not know."""
        names, results = [expert.name for expert in self.experts], self.results
        rows: Sequence[Any] = (*results.deployable, *results.oracle)  # Any: ReportedRow
        _each_once("experts", names)
        _each_once("results", [row.name for row in rows])
        _only("thresholds", self.thresholds, names)
        _only("flips", [flips.expert for flips in self.flips], names)
        _only("traces", [step.expert for trace in self.traces.questions for step in trace.steps], names)
        _only("traces.actions", self.traces.actions, [*names, "STOP"])
        for row in rows:
            _only(f"the shares of {row.name[:60]}", row.shares, names)
            if results.cost_mode not in row.costs or row.costs.keys() != rows[0].costs.keys():
                raise ValueError(f"{row.name[:60]} lacks a cost in some mode")
        if not any(row.family == "constant" and math.isfinite(row.yes_rate) for row in rows):
            raise ValueError("results lack the router that always gives one answer")
        for points in self.curves.values():
            _all_long("curves have shares", [point.expert_shares for point in points], {len(names)})
        steps = [step.probabilities for trace in self.traces.questions for step in trace.steps]
        _all_long("traces have probabilities", steps, {0, len(self.traces.actions)})
        self.settings.check()
        for prices in self.prices.values():
            prices.check(names)
        return self


def read_report(data: Mapping[str, Any]) -> Report:  # Any: JSON values
    """Return the report; raises ReportError with the place of the first thing that is wrong."""
    report: Report = read_part(Report, data)
    return report


def read_part(kind: Any, data: object) -> Any:  # Any: a type, and a value of it
    """Return a part of a report as `kind`; raises ReportError with the place of the first thing that is wrong."""
    try:
        return _adapter(kind).validate_json(json.dumps(data))
    except ValidationError as error:
        raise ReportError(f"The report does not follow its schema at {amiss(error)[:300]}") from error
    except SettingsError as error:
        raise ReportError(f"The report has settings that no run has: {error}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ReportError("The report is no JSON that can be read.") from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # Any: see read_part
    return TypeAdapter(kind)


def report_schema() -> dict[str, Any]:  # Any: a JSON object
    """Return the JSON schema of reports."""
    made: dict[str, Any] = Report.model_json_schema(schema_generator=_Plain)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "DER evaluation report"}


class _Plain(GenerateJsonSchema):
    """Without titles that repeat names, and without defaults: nan is none of JSON's numbers."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # Any: as pydantic has it
        """Never."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema of the value alone."""
        return self.generate_inner(schema["schema"])


def _each_once(what: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what} have a name twice")


def _all_long(what: str, lists: Sequence[Sequence[float]], lengths: set[int]) -> None:
    if any(len(entries) not in lengths for entries in lists):
        raise ValueError(f"{what} of others than there are")


def _only(what: str, names: Sequence[str] | Mapping[str, object], known: Sequence[str]) -> None:
    unknown = set(names) - set(known)
    if unknown:
        raise ValueError(f"{what} name {min(unknown)[:60]!r}, which no expert is called")
