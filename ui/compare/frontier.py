"""Accuracy against cost: the chart, its table, and how routers are told apart. Pure functions of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from der_core.config import CostMode
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.frontier import Frontier, FrontierIntervals
from der_core.evaluation.row_columns import row_cells
from ui.shared.label_places import Box, Type, boxes_around, place_labels
from ui.shared.palette import QUIET, expert_colour

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Option = dict[str, Any]  # Any: a part of a Plotly figure

LEARNED = "#D55E00"
ORACLE = "#8E6BBF"
COST_WORDS: dict[CostMode, str] = {
    "compute": "Cost per question (1 = one call of the cheapest expert, by computing time)",
    "latency": "Cost per question (1 = a median call of that same expert, by time: prices between experts are erased)",
    "tokens": "Cost per question (1 = one call of the cheapest expert, by tokens)",
    "params": "Cost per question (1 = one call of the smallest expert, by parameters)",
    "wall": "Cost per question (1 = one call of the quickest expert, by time on the clock)",
}
_WIDTHS, _HEIGHTS, _MARK, _HEADROOM = 45.0, 22.0, 14.0, 0.16
"""A usual chart in multiples of its type size, half the size of a mark in pixels, and the share of the height above the highest interval; names are placed for it."""
_FEW_POINTS = 40
"""Up to so many points of accuracy there is a tick at every fifth, beyond at every tenth."""
_TAG, _TAG_LEARNED = "#3A4A5A", "#B34A00"
"""Grounds of the names, dark enough for white type on light and on dark pages."""
_HOVER = (
    "<b>%{customdata[0]}</b> (%{customdata[1]})<br>right %{y:.1f} % [%{customdata[2]}]<br>cost %{x:.2f}, calls %{customdata[3]}"
    "<br>against the best single expert %{customdata[4]}<br>against the zero router at this cost %{customdata[5]}<extra></extra>"
)


@dataclass(frozen=True)
class Mark:
    """How one group of routers is drawn: deployable ones filled, oracles hollow."""

    title: str
    symbol: str
    size: int
    colours: Sequence[str]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Axes:
    """How the chart is laid out: cost mode and scale, size of the type in pixels."""

    mode: CostMode
    log_cost: bool = False
    text_size: int = 15

    def place(self, row: Row) -> float:
        """Return where a row lies on the cost axis, as Plotly counts (powers of ten on a log scale)."""
        return math.log10(row.costs[self.mode]) if self.log_cost else row.costs[self.mode]

    def can_show(self, row: Row) -> bool:
        """Tell whether a row has a place on the cost axis: what costs nothing has none on a log scale."""
        return not self.log_cost or row.costs[self.mode] > 0


def accuracy_cost_figure(comparison: Comparison, frontier: Frontier, axes: Axes, *, oracles: bool) -> Figure:
    """Return accuracy with 95 % intervals against cost, with the Pareto frontier and the zero router."""
    from plotly.graph_objects import Figure  # late: not every page draws one

    shown = [row for row in comparison.rows if (oracles or not row.oracle) and axes.can_show(row)]
    figure = Figure(layout=_layout(axes, shown))
    figure.add_trace(_zero_router(frontier, max(row.costs[axes.mode] for row in shown)))
    figure.add_trace(_pareto([row for row in map(comparison.row, frontier.pareto) if axes.can_show(row)], axes))
    for mark in _marks(shown, comparison):
        if mark.rows:
            figure.add_trace(_points(mark, frontier))
    learned = sorted((row for row in shown if row.family == "learned"), key=lambda row: not row.oracle)  # of two alike the last is chosen
    if learned:
        figure.add_trace(_grips(learned, frontier))
    names = important(comparison)
    _add_labels(figure, sorted((row for row in shown if row.name in names), key=lambda row: names.index(row.name)), shown, axes)
    return figure


def important(comparison: Comparison) -> tuple[str, ...]:
    """Return the routers named on the chart itself: learned ones, single experts, the best deployable one, the ceiling of one step."""
    learned = [row.name for row in comparison.rows if row.family == "learned"]
    singles = [row.name for row in comparison.rows if row.family == "single"]
    ceiling = [row.name for row in comparison.oracle if row.family == "oracle"][:1]
    return tuple(dict.fromkeys([*learned, *singles, comparison.deployable[0].name, *ceiling]))


def comparison_frame(rows: Sequence[Row], frontier: Frontier, intervals: FrontierIntervals) -> pd.DataFrame:
    """Return every figure of `rows` as a table for people, one line a router."""
    return pd.DataFrame(
        [
            row_cells(row, frontier.mode, ends_apart=True)
            | {"Kind": row.kind, "Undominated": row.name in frontier.pareto}
            | _above_zero_router(row, frontier)
            | {"Above from": round(100 * intervals.above[row.name].low, 1), "Above to": round(100 * intervals.above[row.name].high, 1)}
            for row in rows
        ]
    )


def ranking_frame(rows: Sequence[Row], frontier: Frontier, intervals: FrontierIntervals) -> pd.DataFrame:
    """Return the ranking as it is read: intervals in words."""
    lines = []
    for row in rows:
        above = intervals.above[row.name]
        words = "" if math.isnan(above.low) else f"{100 * above.low:+.1f} to {100 * above.high:+.1f}"
        lines.append(row_cells(row, frontier.mode) | _above_zero_router(row, frontier) | {"Above, 95 %": words})
    return pd.DataFrame(lines)


def _above_zero_router(row: Row, frontier: Frontier) -> dict[str, float]:
    equal_cost = frontier.equal_cost[row.name]
    return {"Above zero router": round(100 * frontier.above[row.name], 1), "Cost, zero router": round(equal_cost, 3)}


def _layout(axes: Axes, shown: Sequence[Row]) -> Option:
    text, small = {"size": axes.text_size}, {"size": axes.text_size - 1}
    ticks = {"type": "log", "dtick": "D2"} if axes.log_cost else {"rangemode": "tozero"}
    title = COST_WORDS[axes.mode] + (", log scale" if axes.log_cost else "")
    return {
        "title": {"text": "Accuracy against cost, with 95 % intervals", "font": {"size": axes.text_size + 3}},
        "height": 340 + 14 * axes.text_size,
        "margin": {"t": 50, "b": 20, "l": 10, "r": 10},
        "hovermode": "closest",
        "clickmode": "event+select",
        "dragmode": "pan",
        "hoverlabel": {"font": text},
        "legend": {"orientation": "h", "yanchor": "top", "y": -0.2, "x": 0, "font": small},
        "xaxis": {"title": {"text": title, "font": text}, "tickfont": small, "zeroline": False, **ticks},
        "yaxis": {"title": {"text": "Right answers, %", "font": text}, "tickfont": small, "zeroline": False, **_shares_axis(shown)},
    }


def _shares_axis(shown: Sequence[Row]) -> Option:
    """From a little below the lowest interval to above the highest one, where there is room for names; ticks end at 100 %."""
    low, high = _percent_range(shown)
    step = 10 if high - low > _FEW_POINTS else 5
    return {"range": [low, high], "tickvals": [tick for tick in range(0, 101, step) if low < tick < high]}


def _percent_range(shown: Sequence[Row]) -> tuple[float, float]:
    low, top = 100 * min(row.low for row in shown) - 3, 100 * max(row.high for row in shown)
    return low, top + _HEADROOM * (top - low)


def _zero_router(frontier: Frontier, dearest: float) -> Option:
    """The hull of the single experts, drawn in many points because a straight mixture is curved on a log axis."""
    cheapest, last = frontier.zero.costs[0], max(frontier.zero.costs[-1], dearest)
    costs = np.unique(np.concatenate([frontier.zero.costs, np.geomspace(cheapest, last, 60)])).round(4).clip(cheapest)
    heights = [round(100 * frontier.zero.quality_at(float(cost)), 2) for cost in costs]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Zero router: single experts mixed at random",
        "x": costs.tolist(),
        "y": heights,
        "line": {"color": QUIET, "width": 3, "dash": "dash"},
        "hoverinfo": "skip",  # its corners are the single experts, whose points would not take the click
    }


def _pareto(rows: Sequence[Row], axes: Axes) -> Option:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "Pareto frontier of deployable routers",
        "x": [row.costs[axes.mode] for row in rows],
        "y": [100 * row.accuracy for row in rows],
        "line": {"color": "#56B4E9", "width": 4, "shape": "hv"},
        "opacity": 0.7,
        "hoverinfo": "skip",
    }


def _marks(rows: Sequence[Row], comparison: Comparison) -> tuple[Mark, ...]:
    experts = [row.name for row in comparison.rows if row.family == "single"]
    singles = [row for row in rows if row.family == "single"]
    learned = [row for row in rows if row.family == "learned"]
    others = [row for row in rows if row not in singles and row not in learned]
    return (
        Mark("Baseline, deployable", "circle", 11, (QUIET,), [row for row in others if not row.oracle]),
        Mark("Oracle: uses the gold answer", "diamond-open", 13, (ORACLE,), [row for row in others if row.oracle]),
        Mark("Single expert, deployable", "circle", 15, [expert_colour(experts.index(row.name)) for row in singles], singles),
        Mark("DER stopping on gold, oracle", "star-open", 18, (LEARNED,), [row for row in learned if row.oracle]),
        Mark("DER, deployable", "star", 20, (LEARNED,), [row for row in learned if not row.oracle]),
    )


def _points(mark: Mark, frontier: Frontier) -> Option:
    rows = mark.rows
    colours = list(mark.colours) if len(mark.colours) == len(rows) else [mark.colours[0]] * len(rows)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": mark.title,
        "x": [row.costs[frontier.mode] for row in rows],
        "y": [100 * row.accuracy for row in rows],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [100 * (row.high - row.accuracy) for row in rows],
            "arrayminus": [100 * (row.accuracy - row.low) for row in rows],
            "color": "rgba(138,148,160,0.55)",
            "thickness": 1.4,
            "width": 4,
        },
        "marker": {"symbol": mark.symbol, "size": mark.size, "color": colours, "line": {"width": 2 if "open" in mark.symbol else 1}},
        "unselected": {"marker": {"opacity": 1 if "star" in mark.symbol else 0.6}},  # a chosen star is chosen by its grip
        "customdata": [_hover(row, frontier) for row in rows],
        "hovertemplate": _HOVER,
    }


def _grips(rows: Sequence[Row], frontier: Frontier) -> Option:
    """Unseen small marks on the learned routers: Plotly gives a click to the smallest mark under the pointer, never to a star above it."""
    unseen = {"marker": {"opacity": 0}}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "Grips of DER",
        "showlegend": False,
        "x": [row.costs[frontier.mode] for row in rows],
        "y": [100 * row.accuracy for row in rows],
        "marker": {"size": 6, "opacity": 0},
        "selected": unseen,
        "unselected": unseen,
        "customdata": [_hover(row, frontier) for row in rows],
        "hovertemplate": _HOVER,
    }


def _hover(row: Row, frontier: Frontier) -> list[str]:
    above = frontier.above[row.name]
    return [
        row.name,
        row.kind,
        f"{100 * row.low:.1f}, {100 * row.high:.1f}",
        f"{row.calls:.2f}",
        f"{100 * row.difference.value:+.1f} [{100 * row.difference.low:+.1f}, {100 * row.difference.high:+.1f}] points",
        "–" if math.isnan(above) else f"{100 * above:+.1f} points",
    ]


def _add_labels(figure: Figure, named: Sequence[Row], shown: Sequence[Row], axes: Axes) -> None:
    kind = Type(axes.text_size)
    scale = _Scale(shown, axes)
    spots = place_labels([scale.point(row) for row in named], [row.name for row in named], scale.obstacles(), scale.extent, kind)
    for row, spot in zip(named, spots, strict=True):
        figure.add_annotation(
            x=axes.place(row),
            y=100 * row.accuracy,
            text=row.name,
            font={"size": axes.text_size, "color": "#FFFFFF"},
            bgcolor=_TAG_LEARNED if row.family == "learned" else _TAG,
            borderpad=3,
            **spot.annotation(kind),
        )


class _Scale:
    """About where things lie on a chart of the usual size, in pixels from the lower left."""

    def __init__(self, shown: Sequence[Row], axes: Axes) -> None:
        self._shown, self._axes = shown, axes
        places = [axes.place(row) for row in shown]
        self._left, self._right = min([*places, *([] if axes.log_cost else [0.0])]), max(places)
        self._low, self._high = _percent_range(shown)
        self._width, self._height = _WIDTHS * axes.text_size, _HEIGHTS * axes.text_size
        self.extent: Box = (-_MARK, -_MARK, self._width + 2 * _MARK, self._height + 2 * _MARK)

    def point(self, row: Row) -> tuple[float, float]:
        return self._across(row), self._up(row.accuracy)

    def obstacles(self) -> list[Box]:
        """The marks and the intervals through them."""
        marks = boxes_around(map(self.point, self._shown), _MARK)
        bars = [(self._across(row) - 1, self._up(row.low), self._across(row) + 1, self._up(row.high)) for row in self._shown]
        return [*marks, *bars]

    def _across(self, row: Row) -> float:
        return self._width * (self._axes.place(row) - self._left) / max(self._right - self._left, 1e-9)

    def _up(self, share: float) -> float:
        return self._height * (100 * share - self._low) / max(self._high - self._low, 1e-9)
