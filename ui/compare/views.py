"""The chart of the Compare page and its views: ranking, routes, what being shown an answer does. Questions: ui.compare.questions."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from der_core.evaluation.answers import flows
from der_core.evaluation.frontier import Frontier
from der_core.evaluation.statistics import Interval
from der_core.evaluation.tables import counted
from ui.compare.charts import TEXT_SIZE, flips_chart, flips_frame, flows_frame, routes_chart, shares_chart, shares_frame
from ui.compare.frontier import Axes, accuracy_cost_figure, comparison_frame, ranking_frame
from ui.compare.subject import Subject, choose_router, intervals_of, shown_rows
from ui.shared.parts import DASH, empty_state, percent, plain, points, table_behind, type_size, with_interval

RANKING, QUESTIONS, ROUTES, ADVICE = "Ranking", "Questions", "Routes", "Shown answers"
_BAR_HEIGHT = 34


def draw_frontier(subject: Subject, frontier: Frontier, *, oracles: bool, log_cost: bool) -> None:
    """Draw accuracy against cost; a click on a point opens that router's questions."""
    axes = Axes(frontier.mode, log_cost, type_size(15))
    figure = accuracy_cost_figure(subject.comparison, frontier, axes, oracles=oracles)
    best = subject.comparison.deployable[0]
    st.plotly_chart(
        figure,
        key="compare_chart",
        on_select=_open_clicked,
        selection_mode="points",
        config={"displaylogo": False, "scrollZoom": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
        alt=f"Accuracy against cost of {len(subject.comparison.rows)} routers; best deployable one: {best.name}, {percent(best.accuracy)} right",
    )
    sure = intervals_of(subject, frontier.mode)
    left_out = [row.name for row in shown_rows(subject, oracles) if not axes.can_show(row)]
    st.caption(
        f"Filled: deployable. Hollow: oracle, uses the gold answer. A learned router has to lie above the dashed line, which costs nothing to learn. "
        f"Mean height over the experts' costs (AIQ, with 95 % intervals): zero router {_interval(frontier.zero_aiq, sure.zero_aiq)}, all deployable routers {_interval(frontier.aiq, sure.aiq)}, "
        f"chosen in hindsight; the difference, {points(sure.gain.value)} points [{points(sure.gain.low)}, {points(sure.gain.high)}], cannot fall below 0. "
        + (f"Left out on a log scale, because it costs nothing: {plain(', '.join(left_out))}. " if left_out else "")
        + "Click a point for its questions."
    )
    table_behind(comparison_frame(shown_rows(subject, oracles), frontier, sure), "compare_routers")


def draw_ranking(subject: Subject, frontier: Frontier, *, oracles: bool) -> None:
    """Draw all routers with their differences from the best single expert; oracles in a table of their own."""
    best, sure = subject.comparison.best_single, intervals_of(subject, frontier.mode)
    st.markdown(
        f"**Deployable**: difference from the best single expert, {plain(best.name)}, paired by question, with 95 % bootstrap interval; p: exact McNemar."
    )
    _table(ranking_frame(subject.comparison.deployable, frontier, sure), "compare_deployable", "Deployable routers, best first")
    if oracles and subject.comparison.oracle:
        st.markdown("**Oracle**: uses the gold answer to choose or to stop; a ceiling, not a competitor.")
        _table(ranking_frame(subject.comparison.oracle, frontier, sure), "compare_oracle", "Oracle routers, best first")
    st.caption(
        f"{counted(subject.comparison)} held out, {percent(subject.comparison.gold_yes_rate)} of them yes; always giving the more frequent answer would be right in "
        f"{percent(subject.comparison.majority_accuracy)}. Cost mode: {frontier.mode}. {plain(subject.comparison.cost_note)}"
    )


def draw_routes(subject: Subject, *, oracles: bool) -> None:
    """Draw the routes of one router and the expert shares of all."""
    router = choose_router(subject, "compare_router", "Router")
    found = flows(subject.rollouts[router], subject.experts)
    if found:
        title = f"{router} ({subject.comparison.row(router).kind})"
        option = routes_chart(title, found, subject.experts, type_size(TEXT_SIZE))
        st.echarts_chart(
            option, key="compare_routes", height=380, alt=f"Routes of {router}: which expert is asked after which, and how routes end"
        )
        table_behind(flows_frame(found), "compare_routes")
    else:
        empty_state("This router asks nobody, so it has no routes; choose another.")
    rows = [row for row in shown_rows(subject, oracles) if row.calls > 0]
    st.echarts_chart(
        shares_chart(rows, subject.experts, type_size(TEXT_SIZE)),
        key="compare_shares",
        height=110 + _BAR_HEIGHT * len(rows),
        alt="Share of all calls that went to each expert, by router",
    )
    table_behind(shares_frame(rows), "compare_shares")


def draw_advice(subject: Subject) -> None:
    """Draw the flip matrix of the Knowledge Transfer Prompt."""
    flips = subject.flips
    st.markdown(
        "Each expert's reply after it was shown an answer, against its own first reply to the same question, "
        f"over the {subject.comparison.best_single.n} held-out questions: "
        "a property of the expert, whatever a router does with it."
    )
    st.echarts_chart(
        flips_chart(flips, type_size(TEXT_SIZE)),
        key="compare_flips",
        height=120 + 2 * _BAR_HEIGHT * len(subject.experts),
        alt="Questions won and lost by being shown an answer",
    )
    table_behind(flips_frame(flips), "compare_flips")


def _interval(share: float, interval: Interval) -> str:
    return with_interval(share, interval.low, interval.high)


def _open_clicked() -> None:
    points = st.session_state["compare_chart"]["selection"]["points"]
    named = [point["customdata"][0] for point in points if point.get("customdata")]
    if named:
        st.session_state["compare_router"], st.session_state["compare_view"] = named[0], QUESTIONS
        st.toast(f"Below: the questions of {plain(named[0])}", icon=":material/arrow_downward:")


def _table(frame: pd.DataFrame, key: str, alt: str) -> None:
    config = {
        "Router": st.column_config.TextColumn(pinned=True),
        **{name: st.column_config.NumberColumn(format="%.1f") for name in frame if str(name).endswith("%")},
        **{name: st.column_config.NumberColumn(format="%+.1f") for name in ("Vs best single", "Vs best in hindsight", "Above zero router")},
        **{name: st.column_config.NumberColumn(format="%.2f") for name in ("Calls", "Cost", "Cost, zero router", "Median s", "p95 s")},
    }
    st.dataframe(frame, hide_index=True, width="stretch", height="content", column_config=config, placeholder=DASH, key=key, alt=alt)
