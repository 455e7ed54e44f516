"""A report as one HTML page that needs nothing else: no scripts, no fonts, no pictures from anywhere.

The page is the Jinja2 template `report.html.j2`. Everything that comes from the report is escaped, and the page forbids itself
to load or run anything. Light and dark follow the reader's system. `docs/metrics.md` defines the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from der_core.config import CostMode
from der_core.errors import ReportError
from der_core.evaluation.bar import bar_sentence
from der_core.evaluation.claims import claims_table
from der_core.evaluation.reported import reported_bar, reported_claims, reported_row
from der_core.evaluation.row_columns import HEAD, row_text
from der_core.evaluation.statistics import NO_DATA
from der_core.evaluation.tables import DEPLOYABLE_TITLE, ORACLE_TITLE, counted_words

if TYPE_CHECKING:
    from jinja2 import Template

Json = Mapping[str, Any]  # Any: a JSON object

_CURVES = (
    ("mean_reward", "Reward, mean of the routes that ended", 1, 3),
    ("validation_reward", "Reward on validation questions", 1, 3),
    ("accuracy", "Right, % of the routes that ended", 100, 1),
    ("validation_accuracy", "Right, % of the validation questions", 100, 1),
    ("cost", "Cost per question", 1, 2),
    ("calls", "Calls per question", 1, 2),
    ("entropy", "Entropy of the choice, nats", 1, 3),
)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 420, 200, 56, 12, 12, 40  # of a curve, in pixels


def html_report(report: Json, name: str) -> str:
    """Return the report of the run `name` as a page; ReportError where the report lacks a part of its schema."""
    from jinja2 import UndefinedError

    try:
        return _template().render(name=name, report=report, **_parts(report))
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, UndefinedError) as error:
        raise ReportError(
            f"The report of {name!r} lacks something its schema asks for ({error!r}); train again for a whole one."
        ) from error


@cache
def _template() -> Template:
    import jinja2  # late: only a report needs it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": lambda share: _number(share, 1, 100), "number": _number}
    return environment.get_template("report.html.j2")


def _parts(report: Json) -> dict[str, Any]:  # Any: what the template shows, by name
    results, machine = report["results"], report["machine"]
    every = (*results["deployable"], *results["oracle"])
    told, claims = reported_bar(results), reported_claims(report)
    return {
        "results": {"cost_note": "", **results},
        "head": HEAD,
        "rankings": [
            (title, [_row(row, results["cost_mode"]) for row in rows], [i for i, row in enumerate(rows) if row["family"] == "learned"])
            for title, rows in ((DEPLOYABLE_TITLE, results["deployable"]), (ORACLE_TITLE, results["oracle"]))
            if rows
        ],
        "counted": counted_words(every[0]["n"], results.get("n_not_counted", 0)),
        "bar": told and bar_sentence(told),
        "claims": claims and claims_table(claims),
        "curves": {
            seed: [curve for of in _CURVES if (curve := _curve(points, *of))] for seed, points in report["curves"].items() if points
        },
        "settings": _flat(report["settings"]),
        "experts": [_expert(expert, report["thresholds"].get(expert["name"])) for expert in report["experts"]],
        "flips": [_flip(flip) for flip in report["flips"]],
        "origins": [
            ("command", " ".join(report["command"])),
            ("data hash", report["data"]["hash"]),
            ("machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"),
            ("training seeds", ", ".join(str(seed) for seed in report["seeds"]["training"]) or NO_DATA),
            ("evaluation seed", report["seeds"]["evaluation"]),
            *report["versions"].items(),
        ],
    }


def _row(told: Json, mode: CostMode) -> tuple[str, ...]:
    row = reported_row(told)
    name, *figures = row_text(row, mode)
    return (f"{name}: {row.detail}" if row.detail else name, *figures)


def _curve(points: Sequence[Json], field: str, title: str, factor: float, digits: int) -> dict[str, object] | None:
    """Where to draw one figure over the steps, and in words; None where no point has it."""
    known = [(float(point["steps"]), factor * float(point[field])) for point in points if point.get(field) is not None]
    if not known:
        return None
    xs, ys = zip(*known, strict=True)
    low, high, last = min(ys), max(ys), max(xs)
    floor, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    places = [(_LEFT + (right - _LEFT) * x / (last or 1.0), _TOP + (floor - _TOP) * (high - y) / ((high - low) or 1.0)) for x, y in known]
    return {
        "title": title,
        "words": f"{title}: from {ys[0]:.{digits}f} to {ys[-1]:.{digits}f}",
        "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places),
        "lowest": f"{low:.{digits}f}",
        "highest": f"{high:.{digits}f}",
        "last_step": f"{last:,.0f}",
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "top": _TOP,
        "floor": floor,
        "right": right,
    }


def _expert(expert: Json, thresholds: float | Sequence[float | None] | None) -> tuple[str, ...]:
    if isinstance(thresholds, Sequence):
        first, *after = (_number(threshold, 3) for threshold in thresholds)
        borders = f"{first}; after yes, no, invalid {', '.join(after)}"
    else:  # earlier reports have one threshold, whatever was shown
        borders = _number(thresholds, 3)
    named = (expert["name"], expert["model"], expert["backend"], expert["style"])
    return (*named, _number(expert["params_billions"], 2), borders, expert["digest"])


def _flip(flip: Json) -> tuple[object, ...]:
    fields = ("expert", "shown", "n", "wrong_to_right", "right_to_wrong", "kept_right", "kept_wrong", "copied")
    return tuple(flip[field] for field in fields)


def _flat(settings: Json, prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{key}.")
        else:
            rows.append((f"{prefix}{key}", {True: "on", False: "off"}[value] if isinstance(value, bool) else value))
    return rows


def _number(value: float | None, digits: int, factor: int = 1) -> str:
    return NO_DATA if value is None else f"{factor * value:.{digits}f}"
