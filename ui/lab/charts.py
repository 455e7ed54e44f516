"""The charts of the Reward lab: pure functions from figures to ECharts options, to tables and to alt texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from der_core.config import EpisodeConfig
from der_core.evaluation.reward_lab import BestRoutes, Liking, Weight
from der_core.routing.reward import OrderReturn
from ui.shared.palette import QUIET

Option = dict[str, Any]  # Any: an ECharts option

TEXT_SIZE = 13
MOST_ORDERS = 14
_RIGHT, _DETOUR, _LINGER, _WRONG = "#0072B2", "#D55E00", "#E69F00", "#999999"
LIKING_COLOURS: dict[Liking, str] = {
    Liking.RIGHT_AT_ONCE: _RIGHT,
    Liking.WRONG_FIRST: _DETOUR,
    Liking.LINGERING: _LINGER,
    Liking.WRONG: _WRONG,
}


@dataclass(frozen=True)
class Panel:
    """One of the curves over a weight: the column it shows and its colour; `is_share` for percentages."""

    column: str
    colour: str
    is_share: bool = False


PANELS = (
    Panel("Right %", _RIGHT, is_share=True),
    Panel("Cost per question", "#009E73"),
    Panel("Calls per question", "#CC79A7"),
    Panel("Stops early %", "#56B4E9", is_share=True),
    Panel("Wrong first %", _DETOUR, is_share=True),
)
"""From top to bottom."""
_PANEL_HEIGHT = 80


def likings_legend() -> list[tuple[str, str]]:
    """Return each kind of route with its colour, for a legend that serves the chart of orders and the map."""
    return [(kind.value, colour) for kind, colour in LIKING_COLOURS.items()]


def order_signs(order: str) -> str:
    """Return an order of right and wrong answers as people read it: "✗ ✓" for wrong, then right."""
    return " ".join({"R": "✓", "W": "✗"}[letter] for letter in order)


def shown_orders(returns: Sequence[OrderReturn]) -> list[OrderReturn]:
    """Return the best orders, at most MOST_ORDERS, "right at once" always among them where it is possible."""
    best = list(returns[:MOST_ORDERS])
    once = [row for row in returns[MOST_ORDERS:] if row.order == "R"]
    return [*best[: MOST_ORDERS - len(once)], *once]


def orders_frame(returns: Sequence[OrderReturn], episode: EpisodeConfig) -> pd.DataFrame:
    """Return what each order of right and wrong answers earns, as a table for people, best first."""
    rows = [
        {
            "Order": order_signs(row.order),
            "In words": row.sentence,
            "Return": round(row.value, 3),
            "Kind": Liking.of(row.order, episode).value,
            "Calls": len(row.order),
        }
        for row in returns
    ]
    return pd.DataFrame(rows)


def orders_chart(returns: Sequence[OrderReturn], episode: EpisodeConfig, text_size: int = TEXT_SIZE) -> Option:
    """Return the discounted return of each order as bars, best on top, coloured by what kind of route it is."""
    frame = orders_frame(shown_orders(returns), episode)
    series = [_order_bars(frame, kind, text_size) for kind in Liking if (frame["Kind"] == kind.value).any()]
    labels = {"interval": 0, "fontSize": text_size + 1}
    return {
        "title": _title("What each order of answers earns", text_size),
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}<br/>{a}: {c}"},
        "grid": {"left": 8, "right": 5 * text_size, "top": 3 * text_size, "bottom": 3.2 * text_size, "containLabel": True},
        "xAxis": {"type": "value", "splitNumber": 4, **_axis("discounted return", text_size)},
        "yAxis": {"type": "category", "inverse": True, "data": frame["Order"].tolist(), "axisLabel": labels},
        "series": series,
    }


def _order_bars(frame: pd.DataFrame, kind: Liking, text_size: int) -> Option:
    values = [value if own == kind.value else None for value, own in zip(frame["Return"], frame["Kind"], strict=True)]
    return {
        "name": kind.value,
        "type": "bar",
        "stack": "orders",
        "barMaxWidth": 20,
        "color": LIKING_COLOURS[kind],
        "data": values,
        "label": {"show": True, "position": "right", "formatter": "{c}", "fontSize": text_size},
    }


def orders_height(returns: Sequence[OrderReturn], text_size: int = TEXT_SIZE) -> int:
    """Return the height in pixels that the chart of orders needs."""
    return round(text_size * (7.4 + 2 * min(len(returns), MOST_ORDERS)))


def orders_alt(returns: Sequence[OrderReturn]) -> str:
    """Return in words what the chart of orders shows."""
    told = [f"{row.sentence} {row.value:.2f}" for row in returns[:4]]
    return f"Discounted return by order of right and wrong answers, best first: {', '.join(told)}"


def sweep_frame(weight: Weight, values: Sequence[float], points: Sequence[BestRoutes]) -> pd.DataFrame:
    """Return the figures of the exact best routes over one weight, as a table for people."""
    rows = [
        {
            weight: round(value, 6),
            "Right %": round(100 * point.accuracy, 2),
            "95 % from": round(100 * point.interval.low, 2),
            "95 % to": round(100 * point.interval.high, 2),
            "Cost per question": round(point.cost, 4),
            "Calls per question": round(point.calls, 4),
            "Stops early %": round(100 * point.stopped_early, 2),
            "Wrong first %": round(100 * point.wrong_first, 2),
            "Wrong first from %": round(100 * point.wrong_first_interval.low, 2),
            "Wrong first to %": round(100 * point.wrong_first_interval.high, 2),
            "Mean return": round(point.mean_return, 4),
        }
        for value, point in zip(values, points, strict=True)
    ]
    return pd.DataFrame(rows)


def moving_panels(frame: pd.DataFrame) -> tuple[Panel, ...]:
    """Return the panels whose figure is not the same at every value of the weight."""
    return tuple(panel for panel in PANELS if frame[panel.column].nunique() > 1)


def sweep_chart(
    frame: pd.DataFrame, weight: Weight, present: float, panels: Sequence[Panel], *, log: bool, text_size: int = TEXT_SIZE
) -> Option:
    """Return curves of the exact best routes over one weight, one panel a figure; a line marks where the sliders stand."""
    last = len(panels) - 1
    grids = [{"left": 4.6 * text_size, "right": 24, "top": _top(index, text_size), "height": _PANEL_HEIGHT} for index in range(len(panels))]
    return {
        "title": _title(f"Exact best routes over {weight}, oracle", text_size),
        "tooltip": {"trigger": "axis", "confine": True},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "dataset": {"source": frame},
        "grid": grids,
        "xAxis": [_weight_axis(index, frame, weight, text_size, named=index == last, log=log) for index in range(len(panels))],
        "yAxis": [_panel_axis(index, panel, frame[panel.column], text_size) for index, panel in enumerate(panels)],
        "series": [_curve(index, panel, weight, present) for index, panel in enumerate(panels)],
    }


def sweep_height(n_panels: int, text_size: int = TEXT_SIZE) -> int:
    """Return the height in pixels that so many curves need."""
    return round(_top(n_panels - 1, text_size) + _PANEL_HEIGHT + 3.8 * text_size)


def _top(index: int, text_size: int) -> float:
    return 5 * text_size + index * (_PANEL_HEIGHT + 3.3 * text_size)


def _weight_axis(index: int, frame: pd.DataFrame, weight: Weight, text_size: int, *, named: bool, log: bool) -> Option:
    scale = {"type": "log" if log else "value", "min": float(frame[weight].min()), "max": float(frame[weight].max())}
    name = _axis(f"{weight}{', log scale' if log else ''}", text_size) if named else {"axisLabel": {"show": False}}
    return {**scale, **name, "gridIndex": index, "splitLine": {"show": False}}


def _panel_axis(index: int, panel: Panel, values: pd.Series[float], text_size: int) -> Option:
    name = {"fontSize": text_size, "align": "left", "padding": [0, 0, 0, -4 * text_size]}
    low, high, step = _bounds(float(values.min()), float(values.max()), panel)
    shared = {"type": "value", "gridIndex": index, "min": low, "max": high, "interval": step, "axisLabel": {"fontSize": text_size}}
    return {**shared, "name": panel.column, "nameTextStyle": name, "nameGap": 14}


def _bounds(low: float, high: float, panel: Panel) -> tuple[float, float, float]:
    """Ends and step of a panel's axis: round numbers just around its values, so that a curve that moves is seen to move."""
    step = next(step for step in (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 1e9) if math.ceil(high / step) - math.floor(low / step) <= 3)
    bottom, top = step * math.floor(low / step), step * math.ceil(high / step)
    return (round(bottom, 4), round(min(top, 100.0) if panel.is_share else top, 4), step)


def _curve(index: int, panel: Panel, weight: Weight, present: float) -> Option:
    line = {"type": "dashed", "color": QUIET, "width": 2}
    mark = {"silent": True, "symbol": "none", "lineStyle": line, "label": {"show": False}, "data": [{"xAxis": present}]}
    return {
        "name": panel.column,
        "type": "line",
        "xAxisIndex": index,
        "yAxisIndex": index,
        "color": panel.colour,
        "symbolSize": 6,
        "lineStyle": {"width": 2.5},
        "encode": {"x": weight, "y": panel.column, "tooltip": [panel.column]},
        "markLine": mark,
    }


def _title(text: str, text_size: int) -> Option:
    return {"text": text, "left": 0, "top": 4, "textStyle": {"fontSize": text_size + 3}}


def _axis(name: str, text_size: int) -> Option:
    text = {"fontSize": text_size}
    return {"name": name, "nameLocation": "middle", "nameGap": 2.1 * text_size, "nameTextStyle": text, "axisLabel": text}


def sweep_alt(frame: pd.DataFrame, weight: Weight) -> str:
    """Return in words what the curves show: each figure from one end of the weight to the other."""
    first, last = frame.iloc[0], frame.iloc[-1]
    told = [f"{panel.column} from {first[panel.column]:g} to {last[panel.column]:g}" for panel in PANELS]
    return f"Exact best routes as {weight} goes from {first[weight]:g} to {last[weight]:g}: {', '.join(told)}"


def likings_frame(betas: Sequence[float], gammas: Sequence[float], orders: Sequence[Sequence[str]], episode: EpisodeConfig) -> pd.DataFrame:
    """Return which order pays best for each beta and gamma, as a table for people."""
    rows = [
        {"beta": beta, "gamma": gamma, "Best order": order_signs(order), "Kind": Liking.of(order, episode).value}
        for gamma, row in zip(gammas, orders, strict=True)
        for beta, order in zip(betas, row, strict=True)
    ]
    return pd.DataFrame(rows)


def likings_chart(frame: pd.DataFrame, beta: float, gamma: float, text_size: int = TEXT_SIZE) -> Option:
    """Return the map of what pays best over beta and gamma; a ring marks the cell nearest to the sliders."""
    betas, gammas = (sorted(frame[name].unique().tolist()) for name in ("beta", "gamma"))
    here = [_nearest(betas, beta), _nearest(gammas, gamma)]
    upright = {**_axis("gamma", text_size), "nameGap": 3.4 * text_size}
    pieces = [{"value": place, "color": LIKING_COLOURS[kind]} for place, kind in enumerate(Liking)]
    return {
        "title": _title("What pays best, by beta and gamma", text_size),
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}"},
        "grid": {"left": 2 * text_size, "right": 16, "top": 3 * text_size, "bottom": 3.2 * text_size, "containLabel": True},
        "visualMap": {"type": "piecewise", "seriesIndex": 0, "dimension": 2, "show": False, "pieces": pieces},
        "xAxis": {"type": "category", "data": [f"{value:g}" for value in betas], **_axis("beta", text_size)},
        "yAxis": {"type": "category", "data": [f"{value:g}" for value in gammas], **upright},
        "series": [_cells(frame, betas, gammas), _ring(here, f"sliders: beta {beta:g}, gamma {gamma:g}")],
    }


def _cells(frame: pd.DataFrame, betas: list[float], gammas: list[float]) -> Option:
    kinds = list(Liking)
    cells = [
        {"value": [betas.index(row.beta), gammas.index(row.gamma), kinds.index(Liking(row.Kind))], "name": row.Kind}
        for row in frame.itertuples()
    ]
    return {"type": "heatmap", "data": cells, "itemStyle": {"borderColor": "rgba(255,255,255,0.35)", "borderWidth": 1}}


def _ring(place: list[int], name: str) -> Option:
    style = {"color": "#FFFFFF", "borderColor": "#000000", "borderWidth": 3}
    return {"type": "scatter", "data": [{"value": place, "name": name}], "symbolSize": 16, "itemStyle": style}


def likings_height(text_size: int = TEXT_SIZE) -> int:
    """Return the height in pixels that the map needs for its labels to stand apart."""
    return 28 * text_size


def _nearest(values: Sequence[float], wanted: float) -> int:
    return min(range(len(values)), key=lambda place: abs(values[place] - wanted))


def likings_alt(frame: pd.DataFrame) -> str:
    """Return in words what the map shows: how much of it each kind takes."""
    shares = frame["Kind"].value_counts(normalize=True)
    return f"What pays best over beta and gamma: {', '.join(f'{kind} on {100 * share:.0f} % of the map' for kind, share in shares.items())}"
