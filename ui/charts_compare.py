"""Charts of a comparison: expert shares, routes, and what being shown an answer does. Pure functions of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from der_core.evaluation.answers import RIGHT, WRONG, Flow
from der_core.evaluation.comparison import Row
from der_core.evaluation.metrics import Flips
from ui.palette import QUIET, expert_colour

Option = dict[str, Any]  # Any: an ECharts option

OUTCOME = {RIGHT: "#009E73", WRONG: QUIET}
_LOST = "#D55E00"
_TITLE = {"left": 0, "top": 0, "textStyle": {"fontSize": 16}}


def shares_chart(rows: Sequence[Row], experts: Sequence[str]) -> Option:
    """Return the share of all calls that went to each expert, one bar a router, best router on top."""
    frame = shares_frame(rows)
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
        "title": {"text": "Who is asked: share of all calls", **_TITLE},
        "legend": {"top": 26, "left": 0, "type": "scroll"},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
        "grid": {"left": 8, "right": 24, "top": 62, "bottom": 34, "containLabel": True},
        "dataset": {"source": frame},
        "xAxis": {"type": "value", "max": 100, "name": "% of calls", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "inverse": True, "axisLabel": {"width": 210, "overflow": "truncate"}},
        "series": bars,
    }


def shares_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the share of calls of each expert in percent, one line a router that asks anybody."""
    return pd.DataFrame(
        [
            {"Router": row.name, **{name: _percent(share) for name, share in row.shares.items()}, "Calls": round(row.calls, 2)}
            for row in rows
            if row.calls > 0
        ]
    )


def routes_chart(router: str, flows: Sequence[Flow], experts: Sequence[str]) -> Option:
    """Return the routes of one router as a Sankey diagram: first call on the left, then on, to right and wrong answers."""
    links = [{"source": _call(flow.step, flow.source), "target": _target(flow), "value": flow.n} for flow in flows]
    nodes = dict.fromkeys([end for link in links for end in (link["source"], link["target"])])
    calls = max((flow.step + 1 for flow in flows), default=1)
    return {
        "title": {"text": f"Routes of {router}: questions by call, and how they ended", **_TITLE},
        "tooltip": {"trigger": "item"},
        "series": [
            {
                "type": "sankey",
                "top": 44,
                "left": 8,
                "right": 130,
                "bottom": 12,
                "nodeGap": 14,
                "draggable": False,
                "emphasis": {"focus": "adjacency"},
                "label": {"fontSize": 14},
                "lineStyle": {"color": "gradient", "opacity": 0.4},
                "data": [_node(str(name), experts, calls) for name in nodes],
                "links": links,
            }
        ],
    }


def flows_frame(flows: Sequence[Flow]) -> pd.DataFrame:
    """Return the flows as a table."""
    return pd.DataFrame([{"Call": flow.step + 1, "Expert": flow.source, "Then": flow.target, "Questions": flow.n} for flow in flows])


def flips_chart(flips: Sequence[Flips]) -> Option:
    """Return what seeing an answer does to each expert: share of questions won (to the right) and lost (to the left)."""
    frame = flips_frame([row for row in flips if row.n])
    detail = ["Won %", "Lost %", "Net questions", "Copied %", "Questions"]
    bars = (("Lost: right before, wrong after", "Lost %", _LOST), ("Won: wrong before, right after", "Won %", OUTCOME[RIGHT]))
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
    return {
        "title": {"text": "What being shown an answer does (Knowledge Transfer Prompt)", **_TITLE},
        "legend": {"top": 26, "left": 0, "type": "scroll"},
        "tooltip": {"trigger": "item"},
        "grid": {"left": 8, "right": 24, "top": 66, "bottom": 34, "containLabel": True},
        "dataset": {"source": frame},
        "xAxis": {"type": "value", "name": "% of questions, lost to the left, won to the right", "nameLocation": "middle", "nameGap": 26},
        "yAxis": {"type": "category", "inverse": True, "axisLabel": {"width": 260, "overflow": "truncate"}},
        "series": series,
    }


def flips_frame(flips: Sequence[Flips]) -> pd.DataFrame:
    """Return the flip matrix as a table; shares are of the questions of the line."""
    return pd.DataFrame([_flips_row(row) for row in flips])


def _flips_row(row: Flips) -> dict[str, object]:
    share = {name: None if not row.n else round(100 * getattr(row, name) / row.n, 1) for name in ("wrong_to_right", "right_to_wrong")}
    return {
        "Case": f"{row.expert}, shown a{'n' if row.shown == 'invalid' else ''} {row.shown} answer",
        "Won %": share["wrong_to_right"],
        "Lost %": None if share["right_to_wrong"] is None else -share["right_to_wrong"],
        "Net questions": row.net,
        "Copied %": _percent(row.copy_rate),
        "Questions": row.n,
        "Wrong to right": row.wrong_to_right,
        "Right to wrong": row.right_to_wrong,
        "Stayed right": row.kept_right,
        "Stayed wrong": row.kept_wrong,
    }


def _call(step: int, expert: str) -> str:
    return f"{step + 1}. {expert}"


def _target(flow: Flow) -> str:
    return flow.target if flow.ends else _call(flow.step + 1, flow.target)


def _node(name: str, experts: Sequence[str], calls: int) -> Option:
    if name in OUTCOME:
        return {"name": name, "itemStyle": {"color": OUTCOME[name]}, "depth": calls}
    return {
        "name": name,
        "itemStyle": {"color": expert_colour(experts.index(name.partition(". ")[2]))},
        "depth": int(name.partition(". ")[0]) - 1,
    }


def _percent(share: float) -> float | None:
    return None if math.isnan(share) else round(100 * share, 1)
