"""Charts of a comparison: expert shares, routes, what being shown an answer does, and sureness. Pure functions of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from der_core.evaluation.answers import RIGHT, WRONG, Flow
from der_core.evaluation.comparison import Row
from der_core.evaluation.metrics import Flips
from der_core.evaluation.reliability import SurenessFigures
from ui.shared.palette import QUIET, expert_colour

Option = dict[str, Any]  # Any: an ECharts option

TEXT_SIZE = 13
_WON, _LOST = "#009E73", "#D55E00"
_OUTCOME = {RIGHT: QUIET, WRONG: _LOST}


def shares_chart(rows: Sequence[Row], experts: Sequence[str], text_size: int = TEXT_SIZE) -> Option:
    """Return the share of all calls that went to each expert, one bar a router, in the order given from the top."""
    bars = [
        {
            "type": "bar",
            "stack": "calls",
            "name": name,
            "color": expert_colour(index),
            "encode": {"x": name, "y": "Router"},
            "barMaxWidth": 22,
        }
        for index, name in enumerate(experts)
    ]
    return {
        **_bars("Who is asked: share of all calls", "% of calls", text_size, highest=100),
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "dataset": {"source": shares_frame(rows)},
        "series": bars,
    }


def shares_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the share of calls of each expert in percent, one line a router that asks anybody."""
    return pd.DataFrame([_shares_row(row) for row in rows if row.calls > 0])


def _shares_row(row: Row) -> dict[str, object]:
    shares = {name: _percent(share) for name, share in row.shares.items()}
    return {"Router": f"{row.name} (oracle)" if row.oracle else row.name, **shares, "Calls": round(row.calls, 2)}


def routes_chart(router: str, flows: Sequence[Flow], experts: Sequence[str], text_size: int = TEXT_SIZE) -> Option:
    """Return the routes of one router as a Sankey diagram: first call on the left, then on, to right and wrong answers."""
    links = [{"source": _call(flow.step, flow.source), "target": _target(flow), "value": flow.n} for flow in flows]
    nodes = dict.fromkeys(end for flow in flows for end in (_call(flow.step, flow.source), _target(flow)))
    calls = max((flow.step + 1 for flow in flows), default=1)
    sankey = {
        "type": "sankey",
        "top": 30 + text_size,
        "left": 8,
        "right": 5 * text_size,
        "bottom": 12,
        "nodeGap": 14,
        "draggable": False,
        "emphasis": {"focus": "adjacency"},
        "label": {"fontSize": text_size + 1},
        "lineStyle": {"color": "gradient", "opacity": 0.4},
        "data": [_node(name, experts, calls) for name in nodes],
        "links": links,
    }
    return {
        "title": _title(f"Routes of {router}: questions by call, and how they ended", text_size),
        "tooltip": {"trigger": "item"},
        "series": [sankey],
    }


def flows_frame(flows: Sequence[Flow]) -> pd.DataFrame:
    """Return the flows as a table."""
    return pd.DataFrame([{"Call": flow.step + 1, "Expert": flow.source, "Then": flow.target, "Questions": flow.n} for flow in flows])


def flips_chart(flips: Sequence[Flips], text_size: int = TEXT_SIZE) -> Option:
    """Return what seeing an answer does to each expert: share of questions won (to the right) and lost (to the left)."""
    detail = ["Won %", "Won from %", "Won to %", "Lost %", "Lost from %", "Lost to %", "Net questions", "Copied %", "Questions"]
    bars = (("Lost: right before, wrong after", "Lost %", _LOST), ("Won: wrong before, right after", "Won %", _WON))
    series = [
        {
            "type": "bar",
            "stack": "flips",
            "name": name,
            "color": colour,
            "barMaxWidth": 26,
            "encode": {"x": column, "y": "Case", "tooltip": detail},
        }
        for name, column, colour in bars
    ]
    title = "What being shown an answer does (Knowledge Transfer Prompt)"
    return {
        **_bars(title, "% of questions, lost to the left, won to the right", text_size),
        "tooltip": {"trigger": "item"},
        "dataset": {"source": flips_frame([row for row in flips if row.n])},
        "series": series,
    }


def flips_frame(flips: Sequence[Flips]) -> pd.DataFrame:
    """Return the flip matrix as a table; shares are of the questions of the line, with 95 % Wilson intervals."""
    return pd.DataFrame([_flips_row(row) for row in flips])


def _flips_row(row: Flips) -> dict[str, object]:
    share = {name: None if not row.n else round(100 * getattr(row, name) / row.n, 1) for name in ("wrong_to_right", "right_to_wrong")}
    return {
        "Case": f"{row.expert}, shown {row.shown}",
        "Won %": share["wrong_to_right"],
        "Lost %": None if share["right_to_wrong"] is None else -share["right_to_wrong"],
        "Won from %": _percent(row.won.low),
        "Won to %": _percent(row.won.high),
        "Lost from %": _percent(-row.lost.high),
        "Lost to %": _percent(-row.lost.low),
        "Net questions": row.net,
        "Copied %": _percent(row.copy_rate),
        "Questions": row.n,
        "Wrong to right": row.wrong_to_right,
        "Right to wrong": row.right_to_wrong,
        "Stayed right": row.kept_right,
        "Stayed wrong": row.kept_wrong,
    }


def sureness_frame(figures: SurenessFigures) -> pd.DataFrame:
    """Return every bin of sureness as a table for people."""
    rows = [
        {
            "Sure from %": round(100 * part.low),
            "Sure to %": round(100 * part.high),
            "Mean sureness %": _percent(part.mean_p),
            "Right %": _percent(part.share),
            "95 % from": _percent(part.interval.low),
            "95 % to": _percent(part.interval.high),
            "Answers": part.n,
        }
        for part in figures.bins
    ]
    return pd.DataFrame(rows)


def sureness_chart(figures: SurenessFigures, text_size: int = TEXT_SIZE) -> Option:
    """Return how often answers are right against how sure the router is; on the diagonal it is as often right as it says."""
    shown = ["Mean sureness %", "Right %", "95 % from", "95 % to", "Answers"]
    line = {
        "type": "line",
        "symbolSize": 9,
        "color": _WON,
        "encode": {"x": "Mean sureness %", "y": "Right %", "tooltip": shown},
    }
    diagonal = {
        "type": "line",
        "data": [[0, 0], [100, 100]],
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dashed", "color": QUIET},
        "tooltip": {"show": False},
    }
    return {
        **_plane("Is it as often right as it says?", "how sure it is, %", "right, % of those", text_size),
        "dataset": {"source": sureness_frame(figures)},
        "series": [line, diagonal],
    }


def abstention_frame(figures: SurenessFigures) -> pd.DataFrame:
    """Return the risk-coverage curve as a table for people."""
    rows = zip(figures.coverage, figures.risk, figures.thresholds, strict=True)
    return pd.DataFrame(
        [
            {"Answered %": _percent(coverage), "Wrong %": _percent(risk), "Sure from %": _percent(threshold)}
            for coverage, risk, threshold in rows
        ]
    )


def abstention_chart(figures: SurenessFigures, text_size: int = TEXT_SIZE) -> Option:
    """Return the share of wrong answers against the share of questions answered, the surest first; dashed: all answered."""
    line = {
        "type": "line",
        "symbol": "none",
        "color": _LOST,
        "encode": {"x": "Answered %", "y": "Wrong %", "tooltip": ["Answered %", "Wrong %", "Sure from %"]},
        "markLine": {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"type": "dashed", "color": QUIET},
            "label": {"show": False},
            "data": [{"yAxis": _percent(1 - figures.right)}],
        },
    }
    return {
        **_plane("What abstaining buys", "questions answered, %, the surest first", "wrong, % of those", text_size),
        "tooltip": {"trigger": "axis", "confine": True},
        "dataset": {"source": abstention_frame(figures)},
        "series": [line],
    }


def _plane(title: str, across: str, up: str, text_size: int) -> Option:
    """What charts of one percentage against another share."""
    text = {"fontSize": text_size}
    axis = {"type": "value", "min": 0, "max": 100, "nameLocation": "middle", "nameTextStyle": text, "axisLabel": text}
    return {
        "title": _title(title, text_size),
        "tooltip": {"trigger": "item", "confine": True},
        "grid": {"left": 20 + text_size, "right": 28, "top": 40 + text_size, "bottom": 18 + text_size, "containLabel": True},
        "xAxis": {**axis, "name": across, "nameGap": 16 + text_size},
        "yAxis": {**axis, "name": up, "nameGap": 24 + text_size},
    }


def _title(text: str, text_size: int) -> Option:
    return {"text": text, "left": 0, "top": 6, "textStyle": {"fontSize": text_size + 3}}


def _bars(title: str, unit: str, text_size: int, highest: int | None = None) -> Option:
    """What charts of lying bars share."""
    text = {"fontSize": text_size}
    return {
        "title": _title(title, text_size),
        "legend": {"top": 16 + text_size, "left": 0, "type": "scroll", "itemHeight": text_size, "textStyle": text},
        "grid": {"left": 8, "right": 28, "top": 40 + 2 * text_size, "bottom": 18 + text_size, "containLabel": True},
        "xAxis": {
            "type": "value",
            "max": highest,
            "name": unit,
            "nameLocation": "middle",
            "nameGap": 16 + text_size,
            "nameTextStyle": text,
            "axisLabel": text,
        },
        "yAxis": {"type": "category", "inverse": True, "axisLabel": {**text, "width": 15 * text_size, "overflow": "truncate"}},
    }


def _call(step: int, expert: str) -> str:
    return f"{step + 1}. {expert}"


def _target(flow: Flow) -> str:
    return flow.target if flow.ends else _call(flow.step + 1, flow.target)


def _node(name: str, experts: Sequence[str], calls: int) -> Option:
    if name in _OUTCOME:
        return {"name": name, "itemStyle": {"color": _OUTCOME[name]}, "depth": calls}
    return {
        "name": name,
        "itemStyle": {"color": expert_colour(experts.index(name.partition(". ")[2]))},
        "depth": int(name.partition(". ")[0]) - 1,
    }


def _percent(share: float) -> float | None:
    return None if math.isnan(share) else round(100 * share, 1)
