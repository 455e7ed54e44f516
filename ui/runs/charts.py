"""Several trainings over one another: smoothed learning curves, what sets them apart. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from der_core.evaluation.metrics import smooth
from ui.shared.palette import EXPERTS
from ui.train.charts import STEPS, TEXT_SIZE, Curve, Option, curves_frame, heading, steps_axis

DASHES = ("solid", "dashed", "dotted", [10, 3, 2, 3], [2, 6])
"""A dash of its own for each of five runs: colour is never the only difference."""
MAX_RUNS = len(DASHES)


@dataclass(frozen=True, eq=False)
class RunCurves:
    """One run to draw: what it is called, and its table of `curves_frame` (empty if it was not trained here)."""

    name: str
    frame: pd.DataFrame

    @classmethod
    def of_report(cls, name: str, report: Mapping[str, Any]) -> RunCurves:  # Any: a JSON object
        """Return the curves of the first training seed of a report."""
        points: Sequence[Mapping[str, Any]] = next(iter(report["curves"].values()), [])  # Any: JSON objects
        return cls(name, curves_frame(points, [expert["name"] for expert in report["experts"]]))


def overlay_frame(runs: Sequence[RunCurves], curve: Curve, weight: float) -> pd.DataFrame:
    """Return one curve of all runs as a table for people: raw and smoothed, one row a rollout and run."""
    parts = [
        pd.DataFrame(
            {
                "Run": run.name,
                STEPS: run.frame[STEPS],
                curve.column: run.frame[curve.column],
                f"{curve.column} smoothed": smooth(run.frame[curve.column].tolist(), weight),
            }
        )
        for run in runs
    ]
    return pd.concat(parts, ignore_index=True)


def overlay_chart(runs: Sequence[RunCurves], curve: Curve, weight: float, text_size: int = TEXT_SIZE) -> Option:
    """Return one curve of all runs over the PPO steps: smoothed and strong, with the raw one faint behind it."""
    frame, smoothed = overlay_frame(runs, curve, weight), f"{curve.column} smoothed"
    text, series = {"fontSize": text_size}, list[Option]()
    for index, run in enumerate(runs):
        if weight > 0:
            series.append(_line(run, index, curve.column, faint=True))
        series.append(_line(run, index, smoothed, faint=False))
    return {
        "title": heading(curve.title, curve.unit, text_size),
        "legend": {
            "bottom": 0,
            "left": 0,
            "data": [run.name for run in runs],
            "itemWidth": 36,
            "textStyle": {**text, "width": 11 * text_size, "overflow": "truncate"},
        },
        "tooltip": {"trigger": "axis", "confine": True},
        "grid": {"left": 4, "right": 24, "top": 26 + 3 * text_size, "bottom": _below(len(runs), text_size), "containLabel": True},
        "dataset": [{"source": frame[frame["Run"] == run.name].drop(columns="Run")} for run in runs],
        "xAxis": steps_axis(4, text_size),
        "yAxis": {"type": "value", "scale": True, "splitNumber": 4, "axisLabel": text},
        "series": series,
    }


def _below(n_runs: int, text_size: int) -> int:
    """Room for the steps and for a legend of two runs a line."""
    return 8 + 3 * text_size + 2 * text_size * math.ceil(n_runs / 2)


def _line(run: RunCurves, index: int, column: str, *, faint: bool) -> Option:
    style = {"width": 1.5 if faint else 3, "opacity": 0.3 if faint else 1, "type": "solid" if faint else DASHES[index % MAX_RUNS]}
    quiet = {"silent": True, "tooltip": {"show": False}} if faint else {}
    return {
        "type": "line",
        "name": f"{run.name}, raw" if faint else run.name,
        "datasetIndex": index,
        "encode": {"x": STEPS, "y": column},
        "showSymbol": False,
        "color": EXPERTS[index % len(EXPERTS)],
        "lineStyle": style,
        **quiet,
    }


def overlay_alt(runs: Sequence[RunCurves], curve: Curve) -> str:
    """Return in words where each run's curve ended."""
    ends = [(run.name, run.frame[curve.column].dropna()) for run in runs]
    told = [f"{name} {values.iloc[-1]:.{curve.digits}f}" if len(values) else f"{name} nothing" for name, values in ends]
    return f"{curve.title} ({curve.unit}) of {len(runs)} runs; at the end: {', '.join(told)}"


def settings_frame(settings: Mapping[str, Mapping[str, object]]) -> pd.DataFrame:
    """Return the settings in which runs differ, one row a setting and one column a run.

    `settings` maps run names to flat settings; a setting that a run lacks is left empty.
    """
    fields = list(dict.fromkeys(field for chosen in settings.values() for field in chosen))
    rows = {field: [_told(chosen.get(field)) for chosen in settings.values()] for field in fields}
    differing = {field: values for field, values in rows.items() if len(set(values)) > 1}
    return pd.DataFrame.from_dict(differing, orient="index", columns=list(settings), dtype=str).rename_axis("Setting").reset_index()


def _told(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else str(value)
