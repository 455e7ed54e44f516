"""The charts of the Reward lab: pure functions from figures to ECharts options, to tables and to alt texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from der_core.config import EpisodeConfig
from der_core.evaluation.reward_lab import BestRoutes, Liking, Weight
from der_core.routing.reward import OrderReturn
from ui.palette import QUIET

Option = dict[str, Any]  # Any: an ECharts option

MOST_ORDERS = 14
_TITLE = {"left": 0, "top": 4, "textStyle": {"fontSize": 16}}
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
    Panel("Wrong first %", _DETOUR, is_share=True),
)
"""From top to bottom."""
_PANEL_HEIGHT, _PANEL_GAP, _ABOVE, _BELOW = 80, 42, 62, 48
SWEEP_HEIGHT = _ABOVE + len(PANELS) * _PANEL_HEIGHT + (len(PANELS) - 1) * _PANEL_GAP + _BELOW


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


def orders_chart(returns: Sequence[OrderReturn], episode: EpisodeConfig) -> Option:
    """Return the discounted return of each order as bars, best on top, coloured by what kind of route it is."""
    frame = orders_frame(shown_orders(returns), episode)
    series = [_order_bars(frame, kind) for kind in Liking if (frame["Kind"] == kind.value).any()]
    return {
        "title": {**_TITLE, "text": "What each order of answers earns"},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}<br/>{a}: {c}"},
        "grid": {"left": 8, "right": 64, "top": 40, "bottom": 40, "containLabel": True},
        "xAxis": {"type": "value", "name": "discounted return", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "inverse": True, "data": frame["Order"].tolist(), "axisLabel": {"interval": 0, "fontSize": 14}},
        "series": series,
    }


def _order_bars(frame: pd.DataFrame, kind: Liking) -> Option:
    values = [value if own == kind.value else None for value, own in zip(frame["Return"], frame["Kind"], strict=True)]
    return {
        "name": kind.value,
        "type": "bar",
        "stack": "orders",
        "barMaxWidth": 20,
        "color": LIKING_COLOURS[kind],
        "data": values,
        "label": {"show": True, "position": "right", "formatter": "{c}"},
    }


def orders_height(returns: Sequence[OrderReturn]) -> int:
    """Return the height in pixels that the chart of orders needs."""
    return 96 + 26 * min(len(returns), MOST_ORDERS)


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
            "Mean return": round(point.mean_return, 4),
        }
        for value, point in zip(values, points, strict=True)
    ]
    return pd.DataFrame(rows)


def sweep_chart(frame: pd.DataFrame, weight: Weight, present: float, *, log: bool) -> Option:
    """Return curves of the exact best routes over one weight, one panel a figure; a line marks where the sliders stand."""
    places = [_ABOVE + index * (_PANEL_HEIGHT + _PANEL_GAP) for index in range(len(PANELS))]
    last = len(PANELS) - 1
    return {
        "title": {**_TITLE, "text": f"Exact best routes over {weight} (oracle)"},
        "tooltip": {"trigger": "axis", "confine": True},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "dataset": {"source": frame},
        "grid": [{"left": 56, "right": 24, "top": top, "height": _PANEL_HEIGHT} for top in places],
        "xAxis": [_weight_axis(index, frame, weight, named=index == last, log=log) for index in range(len(PANELS))],
        "yAxis": [_panel_axis(index, panel) for index, panel in enumerate(PANELS)],
        "series": [_curve(index, panel, weight, present) for index, panel in enumerate(PANELS)],
    }


def _weight_axis(index: int, frame: pd.DataFrame, weight: Weight, *, named: bool, log: bool) -> Option:
    scale = {"type": "log" if log else "value", "min": float(frame[weight].min()), "max": float(frame[weight].max())}
    name = {"name": f"{weight}{', log scale' if log else ''}", "nameLocation": "middle", "nameGap": 28} if named else {}
    return {**scale, **name, "gridIndex": index, "axisLabel": {"show": named}, "splitLine": {"show": False}}


def _panel_axis(index: int, panel: Panel) -> Option:
    name = {"name": panel.column, "nameTextStyle": {"align": "left", "padding": [0, 0, 0, -48]}, "nameGap": 14}
    bounds = {"max": 100, "interval": 50} if panel.is_share else {"splitNumber": 2}
    return {"type": "value", "gridIndex": index, "min": 0, **name, **bounds}


def _curve(index: int, panel: Panel, weight: Weight, present: float) -> Option:
    label = {"show": index == 0, "formatter": "sliders", "position": "end", "color": QUIET}
    mark = {"silent": True, "symbol": "none", "lineStyle": {"type": "dashed", "color": QUIET}, "label": label, "data": [{"xAxis": present}]}
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


def likings_chart(frame: pd.DataFrame, beta: float, gamma: float) -> Option:
    """Return the map of what pays best over beta and gamma; a ring marks the cell nearest to the sliders."""
    betas, gammas = (sorted(frame[name].unique().tolist()) for name in ("beta", "gamma"))
    kinds = list(Liking)
    cells = [
        {"value": [betas.index(row.beta), gammas.index(row.gamma), kinds.index(Liking(row.Kind))], "name": row.Kind}
        for row in frame.itertuples()
    ]
    here = [_nearest(betas, beta), _nearest(gammas, gamma)]
    return {
        "title": {**_TITLE, "text": "What pays best, by beta and gamma"},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}"},
        "grid": {"left": 24, "right": 16, "top": 40, "bottom": 40, "containLabel": True},
        "visualMap": {
            "type": "piecewise",
            "seriesIndex": 0,
            "dimension": 2,
            "show": False,
            "pieces": [{"value": place, "label": kind.value, "color": LIKING_COLOURS[kind]} for place, kind in enumerate(kinds)],
        },
        "xAxis": {"type": "category", "data": [f"{value:g}" for value in betas], "name": "beta", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "data": [f"{value:g}" for value in gammas], "name": "gamma", "nameLocation": "middle", "nameGap": 40},
        "series": [
            {"type": "heatmap", "data": cells, "itemStyle": {"borderColor": "rgba(255,255,255,0.35)", "borderWidth": 1}},
            {
                "type": "scatter",
                "data": [{"value": here, "name": f"sliders: beta {beta:g}, gamma {gamma:g}"}],
                "symbolSize": 16,
                "itemStyle": {"color": "#FFFFFF", "borderColor": "#000000", "borderWidth": 3},
            },
        ],
    }


def _nearest(values: Sequence[float], wanted: float) -> int:
    return min(range(len(values)), key=lambda place: abs(values[place] - wanted))


def likings_alt(frame: pd.DataFrame) -> str:
    """Return in words what the map shows: how much of it each kind takes."""
    shares = frame["Kind"].value_counts(normalize=True)
    return f"What pays best over beta and gamma: {', '.join(f'{kind} on {100 * share:.0f} % of the map' for kind, share in shares.items())}"
