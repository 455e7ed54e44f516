"""What is shown below a route: the best possible one, and what every expert says first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from der_core.evaluation.single_route import BestRoute, FirstReply
from der_core.records import Label
from ui.route import charts
from ui.route.recorded import Replay
from ui.route.view import coloured
from ui.shared.parts import DASH, number, table_behind
from ui.shared.reply_view import NO_ANSWER

_COST_HELP = "Cost of this route less that of the best one; the best one may pay more to be right."


def draw_best(replay: Replay, experts: Sequence[str]) -> None:
    """Draw the best possible route, and what the replayed one lost against it."""
    best = replay.best
    st.subheader("Against the best possible route", anchor=False)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge("oracle", icon=":material/diamond:", color="violet")
            st.caption("The exact best route for this run's reward. It knows the gold answer: a ceiling, not a competitor.")
        st.markdown(f"{chain(best, experts)}: **{_verdict(best)}**. It ends because {best.stop_reason}.")
        lost = DASH if replay.value is None else number(best.value_lost(replay.value), 3)
        with st.grid(2, min_column_width=120):
            st.metric("Extra cost", number(best.cost_lost(replay.cost)), border=True, help=_COST_HELP)
            st.metric(
                "Return lost", lost, border=True, help="Discounted reward of the best route less that of this one, under the same rules."
            )
        st.caption(_in_figures(replay))


def _verdict(best: BestRoute) -> str:
    if best.right:
        return "right"
    return NO_ANSWER if best.labels and best.labels[-1] is Label.INVALID else "wrong"


def _in_figures(replay: Replay) -> str:
    best = replay.best
    costs = f"Cost {number(replay.cost)} against {number(best.cost)}"
    if replay.value is None:
        return f"{costs}; the best return is {number(best.value, 3)}. This router runs under rules of its own, so its return cannot be compared."
    return f"{costs}; return {number(replay.value, 3)} against {number(best.value, 3)}."


def chain(best: BestRoute, experts: Sequence[str]) -> str:
    """Return a route in one line of Markdown: who was asked and what they said."""
    return " → ".join(f"{coloured(experts, name)} {_says(label)}" for name, label in zip(best.experts, best.labels, strict=True))


def _says(label: Label) -> str:
    return "gives no answer" if label is Label.INVALID else f"says {label.word}"


def draw_first_replies(replies: Sequence[FirstReply], gold: Label | None) -> None:
    """Draw what every expert says to the question when no other answer is shown."""
    frame = charts.first_replies_frame(replies, gold)
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        column_config={"P(yes)": st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.3f")},
        alt=f"First replies: {', '.join(f'{reply.expert} {_says(reply.label)}' for reply in replies)}",
    )
    table_behind(frame, "first_replies", "Download")
