"""A comparison as its report tells it: every row and figure, without the routes behind them. It takes no recording and no encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from der_core.config import CostMode
from der_core.errors import ReportError
from der_core.evaluation.bar import Bar
from der_core.evaluation.claims import Claim, Part
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.frontier import FrontierIntervals
from der_core.evaluation.metrics import Flips, StopStats
from der_core.evaluation.report import Json
from der_core.evaluation.statistics import UNKNOWN_DIFFERENCE, Difference, Interval
from der_core.records import Label
from der_core.routing.baselines import Reference, single_name


def reported_comparison(report: Json) -> Comparison:
    """Return the rows of a report: the learned router first, then single experts as recorded, then the others; there are no rollouts.

    Raises ReportError where the report lacks what a row consists of.
    """
    try:
        return _comparison(report)
    except (KeyError, TypeError, StopIteration) as error:
        raise ReportError(
            f"The rows of this report cannot be read ({type(error).__name__}: {error}); delete the run and train again."
        ) from error


def reported_claims(report: Mapping[str, Any]) -> tuple[Claim, ...]:  # Any: JSON values
    """Return the five claims as a report tells them; empty for a report of an earlier version, ReportError for one that is damaged."""
    try:
        return tuple(_claim(_known(told)) for told in report.get("claims", ()))
    except (AttributeError, KeyError, TypeError) as error:
        raise ReportError(f"The claims of this report cannot be read ({error}); delete the run and train again.") from error


def _claim(told: Mapping[str, Any]) -> Claim:  # Any: JSON values
    figures: dict[str, Any] = {name: value for name, value in told.items() if name not in ("parts", "details")}
    parts, details = (tuple(Part(**_known(part)) for part in told[name]) for name in ("parts", "details"))
    return Claim(**figures, parts=parts, details=details)


def reported_flips(report: Json) -> tuple[Flips, ...]:
    """Return what being shown an answer does to each expert, by the report; ReportError where it does not say."""
    try:
        return tuple(Flips(**flips) for flips in report["flips"])
    except (KeyError, TypeError) as error:
        raise ReportError(f"What shown answers do cannot be read from this report ({error}); delete the run and train again.") from error


def reported_bar(results: Mapping[str, Any]) -> Bar | None:  # Any: JSON values
    """Return how the learned router stands by the `results` of a report; None without one, and for reports of an earlier version."""
    told = results.get("bar")
    if told is None:
        return None
    figures: dict[str, Any] = {name: Difference(**value) if isinstance(value, Mapping) else value for name, value in _known(told).items()}
    return Bar(**figures)


def reported_intervals(report: Json) -> dict[CostMode, FrontierIntervals]:
    """Return how sure the figures of each cost mode are; empty for a report of an earlier version, ReportError for one that is damaged."""
    try:
        return {mode: _intervals(_known(told)) for mode, told in report.get("frontier", {}).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ReportError(f"The intervals of this report cannot be read ({error}); delete the run and train again.") from error


def _intervals(told: Mapping[str, Any]) -> FrontierIntervals:  # Any: JSON values
    above = {name: Interval(**bounds) for name, bounds in told["above"].items()}
    return FrontierIntervals(Interval(**told["aiq"]), Interval(**told["zero_aiq"]), Difference(**told["gain"]), above)


def _comparison(report: Json) -> Comparison:
    results, traced = report["results"], report["traces"]["router"]
    places = {single_name(expert["name"]): place for place, expert in enumerate(report["experts"])}
    rows = [reported_row(row) for row in (*results["deployable"], *results["oracle"])]
    rows.sort(key=lambda row: (row.family != "learned" or row.name != traced, places.get(row.name, len(places))))
    constant = next(row for row in rows if row.family == "constant")
    return Comparison(
        rows=tuple(rows),
        rollouts={},
        reference=Reference(results["best_single"], Label.of_answer(constant.yes_rate > 0)),
        cost_mode=results["cost_mode"],
        majority_accuracy=results["majority_accuracy"],
        gold_yes_rate=results["gold_yes_rate"],
        n_not_counted=results.get("n_not_counted", 0),
        cost_note=results.get("cost_note", ""),
    )


def reported_row(told: Mapping[str, Any]) -> Row:  # Any: JSON values
    """Return one row of a report; KeyError and TypeError where it is none."""
    values = {field.name: _known(told[field.name]) for field in fields(Row) if field.name != "difference_hindsight"}
    for field in fields(Row):
        if field.type in ("float", "int") and not isinstance(values[field.name], (float, int)):
            raise TypeError(f"{field.name} of {told['name']!r} is no number")
    # Reports of an earlier version do not tell this one.
    hindsight = _known(told.get("difference_hindsight") or asdict(UNKNOWN_DIFFERENCE))
    differences = {"difference": Difference(**values["difference"]), "difference_hindsight": Difference(**hindsight)}
    return Row(**{**values, **differences, "stop": StopStats(**values["stop"])})


def _known(value: Any) -> Any:  # Any: a JSON value
    """A figure without data is null in a report."""
    if isinstance(value, Mapping):
        return {name: _known(part) for name, part in value.items()}
    return math.nan if value is None else value
