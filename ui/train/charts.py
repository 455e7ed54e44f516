"""Learning curves of one training: pure functions from curve points to a table and to ECharts options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from der_core.routing.saved.trained import CurvePoint
from ui.shared.palette import EXPERTS, expert_colour

Option = dict[str, Any]  # Any: an ECharts option
Point = CurvePoint | Mapping[str, Any]
"""A rollout of PPO, fresh from training or as a report keeps it."""

STEPS = "PPO steps"
TEXT_SIZE = 12
"""Pixels."""


@dataclass(frozen=True)
class Curve:
    """One figure of a learning curve: its field of CurvePoint, its column in tables, and how charts and cards call it.

    `validation` is the field of the same figure on validation questions, "" where it has none.
    """

    field: str
    column: str
    title: str
    unit: str
    factor: float = 1.0
    digits: int = 2
    validation: str = ""

    @property
    def validation_column(self) -> str:
        """The column in tables of the figure on validation questions."""
        return f"{self.column}, validation"


CURVES = (
    Curve("mean_reward", "Reward", "Reward", "mean of the routes that ended", digits=3, validation="validation_reward"),
    Curve("accuracy", "Right %", "Accuracy", "% of routes that ended right", 100, 1, "validation_accuracy"),
    Curve("cost", "Cost", "Cost", "mean per question, in the run's cost mode", validation="validation_cost"),
    Curve("calls", "Calls", "Calls", "mean number of experts asked per question"),
    Curve("entropy", "Entropy", "Entropy", "of the choice, in nats; 0 is decided", digits=3),
)


def curves_frame(points: Sequence[Point], experts: Sequence[str]) -> pd.DataFrame:
    """Return a training as a table for people, one row a rollout; experts have their share of the calls in per cent."""
    return pd.DataFrame([_row(_plain(point), experts) for point in points], columns=_columns(experts), dtype=float)


def _plain(point: Point) -> Mapping[str, Any]:
    return asdict(point) if isinstance(point, CurvePoint) else point


def _columns(experts: Sequence[str]) -> list[str]:
    validation = [curve.validation_column for curve in CURVES if curve.validation]
    return [STEPS, "Seconds", *(curve.column for curve in CURVES), *validation, "Stopped %", *(share_column(name) for name in experts)]


def _row(point: Mapping[str, Any], experts: Sequence[str]) -> dict[str, float | None]:
    figures = {curve.column: _scaled(point[curve.field], curve.factor, 4) for curve in CURVES}
    # Earlier versions validated nothing while they trained.
    figures |= {curve.validation_column: _scaled(point.get(curve.validation), curve.factor, 4) for curve in CURVES if curve.validation}
    shares = {share_column(name): _scaled(share, 100, 1) for name, share in zip(experts, point["expert_shares"], strict=True)}
    stopped = _scaled(point["stop_share"], 100, 1)
    return {STEPS: point["steps"], "Seconds": _scaled(point["seconds"], 1, 2), **figures, "Stopped %": stopped, **shares}


def _scaled(value: float | None, factor: float, digits: int) -> float | None:
    return None if value is None else round(factor * value, digits)


def share_column(expert: str) -> str:
    """Return the column of an expert's share of the calls."""
    return f"{expert}, % of calls"


def curve_chart(frame: pd.DataFrame, curve: Curve, total_steps: int, text_size: int = TEXT_SIZE) -> Option:
    """Return one curve over the PPO steps, that of the validation questions dashed beside it where there is one.

    The axis reaches to the planned end, so that the curve grows into it.
    """
    columns = [curve.column, *([curve.validation_column] if is_validated(frame, curve) else [])]
    lines = [
        {
            "type": "line",
            "name": column,
            "encode": {"x": STEPS, "y": column},
            "symbolSize": 6,
            "lineStyle": {"width": 2.5, "type": dash},
            "color": colour,
        }
        for column, dash, colour in zip(columns, ("solid", "dashed"), EXPERTS, strict=False)
    ]
    base = _base(curve.title, curve.unit, total_steps, text_size)
    return {**base, "dataset": _dataset(frame, [STEPS, *columns]), "series": lines}


def is_validated(frame: pd.DataFrame, curve: Curve) -> bool:
    """Return whether the figure of a curve is known on validation questions."""
    return bool(curve.validation) and bool(frame[curve.validation_column].notna().any())


def _dataset(frame: pd.DataFrame, columns: Sequence[str]) -> Option:
    """Return columns as plain rows: a live chart is sent every second, and a table each would cost more than the points in it."""
    rows = frame[[*columns]].to_numpy().tolist()
    return {"dimensions": [*columns], "source": [[None if math.isnan(figure) else figure for figure in row] for row in rows]}


def shares_chart(frame: pd.DataFrame, experts: Sequence[str], total_steps: int, text_size: int = TEXT_SIZE) -> Option:
    """Return how the calls are shared among the experts, stacked to 100 %."""
    columns = [share_column(name) for name in experts]
    areas = [
        {
            "type": "line",
            "name": name,
            "stack": "calls",
            "areaStyle": {"opacity": 0.75},
            "symbol": "none",
            "lineStyle": {"width": 1},
            "color": expert_colour(index),
            "encode": {"x": STEPS, "y": share_column(name)},
        }
        for index, name in enumerate(experts)
    ]
    option = _base("Expert shares", "% of the calls", total_steps, text_size)
    option["yAxis"] |= {"min": 0, "max": 100, "scale": False}
    option["grid"] |= {"bottom": 6 + 5 * text_size}
    return {
        **option,
        "legend": {"bottom": 0, "left": 0, "icon": "roundRect", "itemWidth": 12, "itemGap": 8, "textStyle": {"fontSize": text_size}},
        "dataset": _dataset(frame, [STEPS, *columns]),
        "series": areas,
    }


def heading(title: str, unit: str, text_size: int) -> Option:
    """Return the title of a learning curve, its unit below."""
    return {
        "text": title,
        "subtext": unit,
        "left": 0,
        "top": 4,
        "itemGap": 6,
        "textStyle": {"fontSize": text_size + 3},
        "subtextStyle": {"fontSize": text_size},
    }


def steps_axis(n_parts: int, text_size: int) -> Option:
    """Return the axis of a learning curve's steps, cut into about `n_parts`."""
    text = {"fontSize": text_size}
    return {
        "type": "value",
        "name": STEPS,
        "nameLocation": "middle",
        "nameGap": 14 + text_size,
        "nameTextStyle": text,
        "axisLabel": text,
        "min": 0,
        "splitNumber": n_parts,
    }


def _base(title: str, unit: str, total_steps: int, text_size: int) -> Option:
    text = {"fontSize": text_size}
    return {
        "title": heading(title, unit, text_size),
        "tooltip": {"trigger": "axis", "confine": True},
        "grid": {"left": 4, "right": 24, "top": 26 + 3 * text_size, "bottom": 2 + 3 * text_size, "containLabel": True},
        "xAxis": {**steps_axis(3, text_size), "max": total_steps},
        "yAxis": {"type": "value", "scale": True, "splitNumber": 3, "axisLabel": text},
        "animation": False,  # a second of training brings another point, and six curves in motion keep the browser from the sliders
    }


def curve_alt(frame: pd.DataFrame, curve: Curve) -> str:
    """Return in words where a curve began and where it is."""
    pairs = zip(frame[STEPS].tolist(), frame[curve.column].tolist(), strict=True)
    known = [(steps, figure) for steps, figure in pairs if not math.isnan(figure)]
    if not known:
        return f"{curve.title}, {curve.unit}: nothing yet"
    (_, first), (steps, last) = known[0], known[-1]
    told = f"{curve.title}, {curve.unit}: from {first:.{curve.digits}f} to {last:.{curve.digits}f} after {steps:,.0f} steps"
    if not is_validated(frame, curve):
        return told
    return f"{told}; on validation questions {frame[curve.validation_column].dropna().iloc[-1]:.{curve.digits}f}"


def shares_alt(frame: pd.DataFrame, experts: Sequence[str]) -> str:
    """Return in words how the calls are shared now."""
    if frame.empty:
        return "Share of the calls of each expert: nothing yet"
    last = frame.iloc[-1]
    return "Share of the calls of each expert, now: " + ", ".join(f"{name} {last[share_column(name)]:.0f} %" for name in experts)
