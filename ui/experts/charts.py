"""Charts of experts by themselves: pure functions from figures to ECharts options, to tables and to alt texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from der_core.evaluation.expert_figures import ExpertFigures, Reliability, ThresholdEffect
from ui.shared.label_places import Type, boxes_around, place_labels
from ui.shared.palette import QUIET, expert_colour

Option = dict[str, Any]  # Any: an ECharts option

TEXT_SIZE = 14
"""Pixels."""
_ROOM = 1.4
_WIDTHS, _HEIGHTS, _MARK = 40.0, 17.0, 11.0
"""A usual chart in multiples of its type size, and half the size of a point in pixels; names are placed for it."""
_AFTER_YES, _AFTER_NO = "#56B4E9", "#D55E00"


def _percent(share: float, digits: int = 1) -> float | None:
    """A share as a figure for charts and tables; None where there is none, which both leave empty."""
    return None if math.isnan(share) else round(100 * share, digits)


def _rounded(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)


def _frame(title: str, text_size: int) -> Option:
    """What all these charts have: a title, and room for it and for a legend under it."""
    return {
        "title": {"text": title, "left": 0, "top": 6, "textStyle": {"fontSize": text_size + 2}},
        "grid": {"left": 40, "right": 28, "top": 6 * text_size, "bottom": 16 + 2 * text_size, "containLabel": True},
    }


def _legend(text_size: int) -> Option:
    return {"top": 8 + 2 * text_size, "left": 0, "itemHeight": text_size, "textStyle": {"fontSize": text_size}}


def _axis(name: str, text_size: int, **more: Any) -> Option:  # Any: ECharts values
    return {
        "type": "value",
        "name": name,
        "nameLocation": "middle",
        "nameGap": 20 + text_size,
        "nameTextStyle": {"fontSize": text_size},
        "axisLabel": {"fontSize": text_size},
        **more,
    }


def figures_frame(figures: Sequence[ExpertFigures]) -> pd.DataFrame:
    """Return the figures of all experts as a table for people, one row each."""
    return pd.DataFrame([_figures_row(row) for row in figures])


def _figures_row(row: ExpertFigures) -> dict[str, object]:
    return {
        "Expert": row.expert,
        "Questions": row.n,
        "Right %": _percent(row.accuracy),
        "95 % from": _percent(row.interval.low),
        "95 % to": _percent(row.interval.high),
        "Balanced %": _percent(row.balanced_accuracy),
        "Says yes %": _percent(row.yes_rate),
        "Yes is right %": _percent(row.gold_yes_rate),
        "Lean to yes, points": _percent(row.lean),
        "Invalid %": _percent(row.invalid_rate),
        "AUC of P(yes)": _rounded(row.auc, 3),
        "Median s": _rounded(row.seconds_p50, 3),
        "p95 s": _rounded(row.seconds_p95, 3),
        "Cost × cheapest": _rounded(row.relative_cost, 2),
        "Loading s, median": _rounded(row.load_s_p50, 3),
        "Loading s, most": _rounded(row.load_s_max, 3),
        "Changed after yes %": _percent(row.changed_after_yes),
        "Changed after no %": _percent(row.changed_after_no),
    }


def accuracy_chart(figures: Sequence[ExpertFigures], majority: float, text_size: int = TEXT_SIZE) -> Option:
    """Return accuracy with its 95 % interval against median seconds, one point an expert; `majority` is a line across."""
    frame = figures_frame(figures)
    points = {
        "type": "scatter",
        "symbolSize": 18,
        "z": 3,  # above the intervals, or one runs through the name of its neighbour
        "colorBy": "data",
        "color": [expert_colour(index) for index in range(len(figures))],
        "encode": {"x": "Median s", "y": "Right %", "itemName": "Expert", "tooltip": list(frame.columns[1:])},
        "dimensions": list(frame.columns),
        "data": _named_points(frame, text_size),
        "markLine": _across(_percent(majority), text_size),
    }
    frame_of_chart = _frame("Accuracy against time, each expert alone", text_size)
    return {
        **frame_of_chart,
        "tooltip": {"trigger": "item", "confine": True},
        "grid": {**frame_of_chart["grid"], "right": 16 + 4 * text_size},
        "xAxis": _axis("median seconds of a first reply, without loading", text_size, min=0, max=_room_for_labels(figures)),
        "yAxis": _axis("right, % of questions", text_size, scale=True, nameGap=34 + text_size),
        "series": [points, *(_interval(row, index) for index, row in enumerate(figures))],
    }


def _named_points(frame: pd.DataFrame, text_size: int) -> list[Option]:
    """One item an expert, its name where it covers neither another name nor a point."""
    kind, places = Type(text_size), _places(frame, text_size)
    ends = [_places(frame, text_size, column) for column in ("95 % from", "95 % to")]
    intervals = [(x - _MARK, low, x + _MARK, high) for (x, low), (_, high) in zip(*ends, strict=True)]
    obstacles = [*boxes_around(places, _MARK), *intervals]
    spots = place_labels(places, list(frame["Expert"]), obstacles, (0, 0, _WIDTHS * text_size, _HEIGHTS * text_size), kind)
    style = {"show": True, "formatter": "{b}", "fontSize": text_size, "fontWeight": "bold"}
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return [{"name": row[0], "value": row, "label": {**style, **spot.label(kind)}} for row, spot in zip(rows, spots, strict=True)]


def _places(frame: pd.DataFrame, text_size: int, column: str = "Right %") -> list[tuple[float, float]]:
    """About where the shares of a column lie on a chart of the usual size, in pixels from the lower left."""
    seconds, shares = frame["Median s"].fillna(0.0), frame[column].fillna(0.0)
    low, high = frame["95 % from"].min(), frame["95 % to"].max()
    across = _WIDTHS * text_size * seconds / max(_ROOM * seconds.max(), 1e-9)
    up = _HEIGHTS * text_size * (shares - low) / max(high - low, 1e-9)
    return list(zip(across.fillna(0.0), up.fillna(0.0), strict=True))


def _room_for_labels(figures: Sequence[ExpertFigures]) -> float | None:
    """The end of the time axis: names stand to the right of their points."""
    known = [row.seconds_p50 for row in figures if not math.isnan(row.seconds_p50)]
    return float(f"{_ROOM * max(known):.1g}") if known else None


def _interval(row: ExpertFigures, index: int) -> Option:
    ends = [[_rounded(row.seconds_p50, 3), _percent(end)] for end in (row.interval.low, row.interval.high)]
    colour = {"color": expert_colour(index), "width": 3}
    return {
        "type": "line",
        "data": ends,
        "silent": True,
        "symbol": "rect",
        "symbolSize": [14, 3],
        "lineStyle": colour,
        "itemStyle": colour,
        "tooltip": {"show": False},
    }


def _across(height: float | None, text_size: int) -> Option:
    label = {"formatter": "more\nfrequent\nanswer", "position": "end", "color": QUIET, "fontSize": text_size - 2, "lineHeight": text_size}
    line = {"type": "dashed", "color": QUIET}
    return {"silent": True, "symbol": "none", "lineStyle": line, "label": label, "data": [] if height is None else [{"yAxis": height}]}


def accuracy_alt(figures: Sequence[ExpertFigures]) -> str:
    """Return in words what the accuracy chart shows."""
    known = [row for row in figures if not math.isnan(row.accuracy)]
    if not known:
        return "Accuracy against time: no replies yet"
    best, quickest = max(known, key=lambda row: row.accuracy), min(known, key=lambda row: row.seconds_p50)
    return (
        f"Accuracy against median seconds: {best.expert} is right most often ({100 * best.accuracy:.0f} %, {best.seconds_p50:.2f} s), "
        f"{quickest.expert} is quickest ({100 * quickest.accuracy:.0f} %, {quickest.seconds_p50:.2f} s)"
    )


def reliability_frame(reliabilities: Sequence[Reliability]) -> pd.DataFrame:
    """Return every bin of every expert as a table for people."""
    rows = [
        {
            "Expert": row.expert,
            "P(yes) from": round(part.low, 2),
            "P(yes) to": round(part.high, 2),
            "Mean P(yes)": round(part.mean_p, 3),
            "Yes is right %": _percent(part.share),
            "95 % from": _percent(part.interval.low),
            "95 % to": _percent(part.interval.high),
            "Replies": part.n,
        }
        for row in reliabilities
        for part in row.bins
    ]
    return pd.DataFrame(rows)


def reliability_chart(reliabilities: Sequence[Reliability], text_size: int = TEXT_SIZE) -> Option:
    """Return how often yes was right against P(yes), one line an expert; on the diagonal P(yes) means what it says."""
    frames = [reliability_frame([row]) for row in reliabilities]
    shown = ["Mean P(yes)", "Yes is right %", "95 % from", "95 % to", "Replies"]
    lines = [
        {
            "name": row.expert,
            "type": "line",
            "datasetIndex": index,
            "symbolSize": 9,
            "color": expert_colour(index),
            "encode": {"x": "Mean P(yes)", "y": "Yes is right %", "tooltip": shown},
        }
        for index, row in enumerate(reliabilities)
    ]
    diagonal = {
        "type": "line",
        "data": [[0, 0], [1, 100]],
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dashed", "color": QUIET},
        "tooltip": {"show": False},
    }
    return {
        **_frame("Does P(yes) mean what it says?", text_size),
        "tooltip": {"trigger": "item", "confine": True},
        "legend": {**_legend(text_size), "type": "scroll", "data": [row.expert for row in reliabilities]},
        "dataset": [{"source": frame} for frame in frames],
        "xAxis": _axis("mean P(yes) of the replies in a bin", text_size, min=0, max=1),
        "yAxis": _axis("yes is right, % of those", text_size, min=0, max=100, nameGap=34 + text_size),
        "series": [*lines, diagonal],
    }


def reliability_alt(reliabilities: Sequence[Reliability]) -> str:
    """Return in words what the reliability diagram shows."""
    errors = [f"{row.expert} {100 * row.calibration_error:.0f}" for row in reliabilities if row.bins]
    return f"Reliability of P(yes); mean distance from the diagonal in points: {', '.join(errors) or 'no expert gives P(yes)'}"


def influence_frame(figures: Sequence[ExpertFigures]) -> pd.DataFrame:
    """Return how much of each expert's replies another answer turns, as a table for people."""
    rows = [
        {"Expert": row.expert, "after a yes %": _percent(row.changed_after_yes), "after a no %": _percent(row.changed_after_no)}
        for row in figures
    ]
    return pd.DataFrame(rows)


def influence_chart(figures: Sequence[ExpertFigures], text_size: int = TEXT_SIZE) -> Option:
    """Return the share of replies that change once another answer is shown, two bars an expert."""
    bars = [
        {"name": column, "type": "bar", "color": colour, "encode": {"x": column, "y": "Expert"}, "barMaxWidth": 22}
        for column, colour in (("after a yes %", _AFTER_YES), ("after a no %", _AFTER_NO))
    ]
    names = {"type": "category", "inverse": True, "axisLabel": {"interval": 0, "fontSize": text_size}}  # lying, so that names have room
    return {
        **_frame("Swayed by another's answer", text_size),
        "tooltip": {"trigger": "axis", "confine": True},
        "legend": _legend(text_size),
        "dataset": {"source": influence_frame(figures)},
        "xAxis": _axis("replies that change, %", text_size, min=0),
        "yAxis": names,
        "series": bars,
    }


def influence_alt(figures: Sequence[ExpertFigures]) -> str:
    """Return in words what the influence chart shows."""
    told = [f"{row.expert} {100 * row.changed_after_yes:.0f} % and {100 * row.changed_after_no:.0f} %" for row in figures]
    return f"Share of replies that change after a yes and after a no is shown: {', '.join(told)}".replace("nan %", "unknown")


def threshold_frame(effects: Sequence[ThresholdEffect]) -> pd.DataFrame:
    """Return what fitted thresholds do on held-out questions, as a table for people."""
    return pd.DataFrame([_threshold_row(row) for row in effects])


def _threshold_row(row: ThresholdEffect) -> dict[str, object]:
    return {
        "Expert": row.expert,
        "Yes from P(yes)": _rounded(row.threshold, 3),
        **{f"After {word}": _rounded(threshold, 3) for word, threshold in zip(("yes", "no", "invalid"), row.after, strict=True)},
        "Right %": _percent(row.accuracy),
        "Right % with it": _percent(row.accuracy_with),
        "Gain, points": _percent(row.difference.value),
        "95 % from": _percent(row.difference.low),
        "95 % to": _percent(row.difference.high),
        "McNemar p": _rounded(row.mcnemar_p, 3),
        "Balanced %": _percent(row.balanced_accuracy),
        "Balanced % with it": _percent(row.balanced_accuracy_with),
        "Says yes %": _percent(row.yes_rate),
        "Says yes % with it": _percent(row.yes_rate_with),
        "Yes is right %": _percent(row.gold_yes_rate),
        "Questions": row.n,
    }
