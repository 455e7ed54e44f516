"""The charts and tables of one route: pure functions from events and replies to ECharts options, to tables and to alt texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from der_core.evaluation.single_route import FirstReply
from der_core.records import Label, Reply, Step
from der_core.routing.live import Decision
from ui.shared.palette import QUIET, expert_colour

Option = dict[str, Any]  # Any: an ECharts option

STOP, PRINTED, WHY = "STOP", "Printed", "Why no answer"
TEXT_SIZE = 13
_FAINT = 0.45


def action_names(experts: Sequence[str], decision: Decision) -> list[str]:
    """Return what the router's probabilities belong to: the experts, and STOP where the router may choose it."""
    return [*experts, STOP][: len(decision.probabilities)]


def probabilities_chart(experts: Sequence[str], decision: Decision, text_size: int = TEXT_SIZE) -> Option:
    """Return the router's probability of each action as bars; the one that was taken stands out."""
    names, taken, text = action_names(experts, decision), decision.expert or STOP, {"fontSize": text_size}
    bars = [
        _bar(name, p, index, name == taken, len(experts)) for index, (name, p) in enumerate(zip(names, decision.probabilities, strict=True))
    ]
    return {
        "title": {"text": "The router's choice", "left": 0, "top": 4, "textStyle": {"fontSize": text_size + 1}},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "{b}: {c} %"},
        "grid": {"left": 4, "right": 5 * text_size, "top": 2.6 * text_size, "bottom": 2.8 * text_size, "containLabel": True},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": 100,
            "interval": 50,
            "name": "probability, %",
            "nameLocation": "middle",
            "nameGap": 1.8 * text_size,
            "nameTextStyle": text,
            "axisLabel": text,
        },
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": names,
            "axisLabel": {**text, "width": 10 * text_size, "overflow": "truncate"},
        },
        "series": [
            {"type": "bar", "data": bars, "barMaxWidth": 22, "label": {**text, "show": True, "position": "right", "formatter": "{c} %"}}
        ],
    }


def probabilities_height(decision: Decision, text_size: int = TEXT_SIZE) -> int:
    """Return the height in pixels that the chart of a decision needs."""
    return round(text_size * (6.4 + 2.4 * len(decision.probabilities)))


def _bar(name: str, probability: float, index: int, is_taken: bool, n_experts: int) -> Option:
    colour = expert_colour(index) if index < n_experts else QUIET
    return {
        "name": name,
        "value": round(100 * probability, 1),
        "itemStyle": {"color": colour, "opacity": 1 if is_taken else _FAINT},
        "label": {"fontWeight": "bold" if is_taken else "normal", "opacity": 1},
    }


def probabilities_alt(experts: Sequence[str], decision: Decision) -> str:
    """Return in words what the chart of a decision shows."""
    told = [f"{name} {100 * p:.0f} %" for name, p in zip(action_names(experts, decision), decision.probabilities, strict=True)]
    return f"Step {decision.step + 1}: the router gives {', '.join(told)}, and takes {decision.expert or STOP}"


def route_frame(experts: Sequence[str], decisions: Sequence[Decision], steps: Sequence[Step]) -> pd.DataFrame:
    """Return a route as a table for people, one row a step; what has not happened (yet) is empty."""
    replied: list[Step | None] = [*steps, *[None] * (len(decisions) - len(steps))]
    rows = [_row(experts, decision, step) for decision, step in zip(decisions, replied, strict=True)]
    return _without_empty(pd.DataFrame(rows))


def _came_of_it(reply: Reply) -> dict[str, object]:
    """What a program printed, and why a reply is no answer."""
    return {PRINTED: reply.printed, WHY: reply.reason}


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what none of the replies has."""
    return frame.drop(
        columns=[name for name in (PRINTED, WHY) if name in frame and not any(isinstance(said, str) and said for said in frame[name])]
    )


def _row(experts: Sequence[str], decision: Decision, step: Step | None) -> dict[str, object]:
    chances = zip(action_names(experts, decision), decision.probabilities, strict=True)
    row: dict[str, object] = {"Step": decision.step + 1, "Chosen": decision.expert or STOP}
    row |= {f"Chance of {name} %": round(100 * p, 2) for name, p in chances}
    row |= {"Shown before": decision.previous_label.word}
    if step is None:
        return row
    return row | {
        "Counts as": step.label.word,
        "P(yes)": step.reply.p_yes,
        "Seconds": round(step.seconds, 4),
        "Wall seconds": round(step.reply.wall_s, 4),
        "Cost": round(step.cost, 4),
        "Prompt tokens": step.reply.prompt_tokens,
        "Reply tokens": step.reply.generated_tokens,
        "Reply": step.reply.text,
        **_came_of_it(step.reply),
    }


def first_replies_frame(replies: Sequence[FirstReply], gold: Label | None) -> pd.DataFrame:
    """Return what every expert says at first as a table for people; whether it is right only where the answer is known."""
    return _without_empty(pd.DataFrame([_first_row(reply, gold) for reply in replies]))


def _first_row(first: FirstReply, gold: Label | None) -> dict[str, object]:
    verdict = {} if gold is None else {"Right": _verdict(first.label, gold)}
    return {
        "Expert": first.expert,
        "Counts as": first.label.word,
        **verdict,
        "P(yes)": first.reply.p_yes,
        "Seconds": None if math.isnan(first.seconds) else round(first.seconds, 4),
        "Cost": None if math.isnan(first.cost) else round(first.cost, 4),
        "Reply": first.reply.text.strip(),
        **_came_of_it(first.reply),
    }


def _verdict(label: Label, gold: Label) -> str:
    if label is Label.INVALID:
        return "– no answer"
    return "✓ right" if label == gold else "✗ wrong"
