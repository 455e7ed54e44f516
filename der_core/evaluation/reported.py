"""A comparison as its report tells it: every row and figure, without the routes behind them. It takes no recording and no encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from der_core.config import CostMode
from der_core.errors import ReportError
from der_core.evaluation.bar import Bar
from der_core.evaluation.claims import Claim
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.frontier import FrontierIntervals
from der_core.evaluation.metrics import Flips
from der_core.evaluation.report import Json
from der_core.evaluation.report_model import ReportedRow, read_part
from der_core.records import Label
from der_core.routing.baselines import Reference, single_name


def reported_comparison(report: Json) -> Comparison:
    """Return the rows of a report: the learned router first, then single experts as recorded, then the others; there are no rollouts.

    Raises ReportError where the report lacks what a row consists of.
    """
    try:
        return _comparison(report)
    except (KeyError, TypeError, StopIteration, ReportError) as error:
        raise ReportError(
            f"The rows of this report cannot be read ({type(error).__name__}: {error}); delete the run and train again."
        ) from error


def reported_claims(report: Mapping[str, Any]) -> tuple[Claim, ...]:  # Any: JSON values
    """Return the five claims as a report tells them; empty for a report of an earlier version, ReportError for one that is damaged."""
    claims: tuple[Claim, ...] = _part(tuple[Claim, ...], report, "claims", ())
    return claims


def reported_flips(report: Json) -> tuple[Flips, ...]:
    """Return what being shown an answer does to each expert, by the report; ReportError where it does not say."""
    flips: tuple[Flips, ...] = _part(tuple[Flips, ...], report, "flips")
    return flips


def reported_row(told: Mapping[str, Any]) -> Row:  # Any: JSON values
    """Return one row of a report; ReportError where it is none."""
    row: Any = read_part(ReportedRow, told)  # Any: a model made of the fields of Row
    return Row(**{field.name: getattr(row, field.name) for field in fields(Row)})


def reported_bar(results: Mapping[str, Any]) -> Bar | None:  # Any: JSON values
    """Return how the learned router stands by the `results` of a report; None without one, and for reports of an earlier version."""
    told: Bar | None = _part(Bar | None, results, "bar")
    return told


def reported_intervals(report: Json) -> dict[CostMode, FrontierIntervals]:
    """Return how sure the figures of each cost mode are; empty for a report of an earlier version, ReportError for one that is damaged."""
    intervals: dict[CostMode, FrontierIntervals] = _part(dict[CostMode, FrontierIntervals], report, "frontier", {})
    return intervals


def _part(kind: Any, report: Mapping[str, Any], name: str, default: object = None) -> Any:  # Any: a type, and a value of it
    try:
        return read_part(kind, report.get(name, default))
    except ReportError as error:
        raise ReportError(f"The {name} of this report cannot be read ({error}); delete the run and train again.") from error


def _comparison(report: Json) -> Comparison:
    results, traced = report["results"], report["traces"]["router"]
    places = {single_name(expert["name"]): place for place, expert in enumerate(report["experts"])}
    rows = [reported_row(told) for told in (*results["deployable"], *results["oracle"])]
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
