"""The views of the Compare page: the ranking, questions, routes, and what being shown an answer does."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from der_core.evaluation.answers import Answer, flows
from der_core.evaluation.comparison import Row
from der_core.evaluation.frontier import Frontier
from der_core.evaluation.metrics import flip_matrix
from ui.address_choice import choose_by_id
from ui.charts_compare import TEXT_SIZE, flips_chart, flips_frame, flows_frame, routes_chart, shares_chart, shares_frame
from ui.charts_frontier import Axes, accuracy_cost_figure, comparison_frame, kind, ranking_frame
from ui.compare_subject import ALONE, Subject, answers_of, chosen_answers, shown_rows
from ui.parts import DASH, empty_state, percent, plain, show_text, table_behind, with_interval

RANKING, QUESTIONS, ROUTES, ADVICE = "Ranking", "Questions", "Routes", "Shown answers"
_OUTCOMES = ["All", "Wrong", "Right"]
_BAR_HEIGHT = 34
_MANY, _LIST_HEIGHT = 10, 430
_PRESENTER_SCALE = 1.45


def draw_frontier(subject: Subject, frontier: Frontier, *, oracles: bool, log_cost: bool) -> None:
    """Draw accuracy against cost; a click on a point opens that router's questions."""
    axes = Axes(frontier.mode, log_cost, _type_size(15))
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
    left_out = [row.name for row in shown_rows(subject, oracles) if not axes.can_show(row)]
    st.caption(
        f"Filled: deployable. Hollow: oracle, uses the gold answer. A learned router has to lie above the dashed line, which costs nothing to learn. "
        f"Mean height over the experts' costs (AIQ): zero router {percent(frontier.zero_aiq)}, all deployable routers {percent(frontier.aiq)}, chosen in hindsight. "
        + (f"Left out on a log scale, because it costs nothing: {plain(', '.join(left_out))}. " if left_out else "")
        + "Click a point for its questions."
    )
    table_behind(comparison_frame(shown_rows(subject, oracles), frontier), "compare_routers")


def draw_ranking(subject: Subject, frontier: Frontier, *, oracles: bool) -> None:
    """Draw all routers with their differences from the best single expert; oracles in a table of their own."""
    best = subject.comparison.best_single
    st.markdown(
        f"**Deployable**: difference from the best single expert, {plain(best.name)}, paired by question, with 95 % bootstrap interval; p: exact McNemar."
    )
    _table(ranking_frame(subject.comparison.deployable, frontier), "compare_deployable", "Deployable routers, best first")
    if oracles and subject.comparison.oracle:
        st.markdown("**Oracle**: uses the gold answer to choose or to stop; a ceiling, not a competitor.")
        _table(ranking_frame(subject.comparison.oracle, frontier), "compare_oracle", "Oracle routers, best first")
    st.caption(
        f"{best.n} held-out questions, {percent(subject.comparison.gold_yes_rate)} of them yes; always giving the more frequent answer would be right in "
        f"{percent(subject.comparison.majority_accuracy)}. Cost mode: {frontier.mode}."
    )


def draw_questions(subject: Subject) -> None:
    """Draw the questions of one router, or those that two routers answer differently, and the way to each route."""
    router, second = _choose_routers(subject)
    outcome, kinds = _choose_filter(subject, router)
    _describe(subject, router, second)
    places = chosen_answers(subject, router, second, outcome, kinds)
    if not places:
        empty_state("No question is left by this choice; choose All, more kinds, or another router.")
        return
    others = [] if second == ALONE else [second]
    listed = {name: [answers_of(subject, name)[place] for place in places] for name in (router, *others)}
    st.caption(f"{len(places)} questions. Choose a row to see the question and its route.")
    picked = st.dataframe(
        _questions_frame(listed),
        hide_index=True,
        width="stretch",
        height="content" if len(places) <= _MANY else _LIST_HEIGHT,
        column_config={"": _width(40), "Question": _width(380), "Gold": _width(60), router: _width(90), second: _width(90)},
        key=f"compare_picked_{hash_of(router, second, outcome, kinds)}",
        on_select="rerun",
        selection_mode="single-row",
        alt=f"Questions as {router} answered them",
    )
    rows = [row for row in picked.selection.rows if row < len(places)]
    if rows:
        _draw_question(subject, {name: given[rows[0]] for name, given in listed.items()})


def draw_routes(subject: Subject, *, oracles: bool) -> None:
    """Draw the routes of one router and the expert shares of all."""
    router = _choose_router(subject, "compare_router", "Router")
    found = flows(subject.comparison.rollouts[router], subject.experts)
    if found:
        title = f"{router} ({kind(subject.comparison.row(router))})"
        option = routes_chart(title, found, subject.experts, _type_size(TEXT_SIZE))
        st.echarts_chart(
            option, key="compare_routes", height=380, alt=f"Routes of {router}: which expert is asked after which, and how routes end"
        )
        table_behind(flows_frame(found), "compare_routes")
    else:
        empty_state("This router asks nobody, so it has no routes; choose another.")
    rows = [row for row in shown_rows(subject, oracles) if row.calls > 0]
    st.echarts_chart(
        shares_chart(rows, subject.experts, _type_size(TEXT_SIZE)),
        key="compare_shares",
        height=110 + _BAR_HEIGHT * len(rows),
        alt="Share of all calls that went to each expert, by router",
    )
    table_behind(shares_frame(rows), "compare_shares")


def draw_advice(subject: Subject) -> None:
    """Draw the flip matrix of the Knowledge Transfer Prompt."""
    flips = flip_matrix(subject.evaluation.source.table)
    st.markdown(
        "Each expert's reply after it was shown an answer, against its own first reply to the same question, over every recorded reply: "
        "a property of the expert, whatever a router does with it."
    )
    st.echarts_chart(
        flips_chart(flips, _type_size(TEXT_SIZE)),
        key="compare_flips",
        height=120 + 2 * _BAR_HEIGHT * len(subject.experts),
        alt="Questions won and lost by being shown an answer",
    )
    table_behind(flips_frame(flips), "compare_flips")


def hash_of(router: str, second: str, outcome: str, kinds: Sequence[str]) -> str:
    """Return a name for a list of questions, so that a row chosen in one list is not carried into another."""
    return "|".join((router, second, outcome, *sorted(kinds)))


def _type_size(usual: int) -> int:
    """Size of a chart's type in pixels: charts do not follow the type of the page, which the presenter view enlarges."""
    return round(usual * _PRESENTER_SCALE) if st.session_state.get("present") else usual


def _open_clicked() -> None:
    points = st.session_state["compare_chart"]["selection"]["points"]
    named = [point["customdata"][0] for point in points if point.get("customdata")]
    if named:
        st.session_state["compare_router"], st.session_state["compare_view"] = named[0], QUESTIONS
        st.toast(f"Below: the questions of {plain(named[0])}", icon=":material/arrow_downward:")


def _choose_routers(subject: Subject) -> tuple[str, str]:
    left, right = st.columns(2)
    with left:
        router = _choose_router(subject, "compare_router", "Router")
    with right:
        second = _choose_router(subject, "compare_second", "Where it differs from", {ALONE: "– (all of its questions)"})
    return router, second


def _choose_router(subject: Subject, key: str, label: str, first: dict[str, str] | None = None) -> str:
    titles = {row.name: f"{row.name} ({kind(row)})" for row in shown_rows(subject, oracles=True)}
    return choose_by_id(key, label, {**(first or {}), **titles}, default=None if first else subject.evaluation.traced)


def _choose_filter(subject: Subject, router: str) -> tuple[str, list[str]]:
    kinds = sorted({answer.kind for answer in answers_of(subject, router)} - {""})
    left, right = st.columns(2)
    outcome = left.segmented_control(
        "Questions that it got",
        _OUTCOMES,
        default="All",
        required=True,
        key="compare_outcome",
        bind="query-params",
        persist_state="session",
    )
    picked: list[str] = []
    if kinds:
        picked = right.multiselect(
            "Kinds", kinds, placeholder="All kinds", key="compare_kinds", bind="query-params", persist_state="session"
        )
    return (outcome if outcome in _OUTCOMES else "All"), [one for one in picked if one in kinds]


def _describe(subject: Subject, router: str, second: str) -> None:
    """Say how right the chosen routers are, with interval and kind."""
    for name in (router, second):
        if name != ALONE:
            row: Row = subject.comparison.row(name)
            st.markdown(
                f"{plain(name)} :small[({kind(row)})]: {with_interval(row.accuracy, row.low, row.high)} right, {row.calls:.2f} calls a question"
            )


def _questions_frame(listed: dict[str, list[Answer]]) -> pd.DataFrame:
    router, *others = listed
    given = listed[router]
    columns = {
        "": ["✓" if answer.correct else "✗" for answer in given],
        "Question": [answer.text for answer in given],
        **({"Kind": [answer.kind for answer in given]} if any(answer.kind for answer in given) else {}),
        "Gold": [answer.gold.word for answer in given],
        router: [answer.label.word for answer in given],
        **{other: [answer.label.word for answer in listed[other]] for other in others},
        "Route": [route_in_words(answer) for answer in given],
        "Cost": [round(answer.cost, 2) for answer in given],
        "Experts right": [answer.experts_right for answer in given],
    }
    return pd.DataFrame(columns)


def route_in_words(answer: Answer) -> str:
    """Return a route as "expert: yes → other: no"; a dash where nobody was asked."""
    return " → ".join(f"{expert}: {label.word}" for expert, label in answer.route) or "–"


def _draw_question(subject: Subject, given: dict[str, Answer]) -> None:
    any_answer = next(iter(given.values()))
    with st.container(border=True):
        show_text(any_answer.text)
        passage = next(q.passage for q in subject.evaluation.source.table.questions if q.id == any_answer.question_id)
        if passage:
            with st.expander("Passage", icon=":material/article:"):
                show_text(passage)
        st.markdown(
            f"Right answer: **{any_answer.gold.word}** · {any_answer.experts_right} of {len(subject.experts)} experts are right at first"
        )
        for name, answer in given.items():
            verdict = "right" if answer.correct else "wrong"
            st.markdown(f"{plain(name)}: **{answer.label.word}**, {verdict}, by {plain(route_in_words(answer))}")
            if subject.run_id and answer.calls:
                st.page_link(
                    "pages/route.py",
                    label=f"Follow this route of {plain(name)} step by step",
                    icon=":material/route:",
                    query_params={"run": subject.run_id, "question": answer.question_id, "router": name},
                )


def _width(pixels: int) -> ColumnConfig:
    return st.column_config.Column(width=pixels)


def _table(frame: pd.DataFrame, key: str, alt: str) -> None:
    config = {
        "Router": st.column_config.TextColumn(pinned=True),
        **{name: st.column_config.NumberColumn(format="%.1f") for name in frame if str(name).endswith("%")},
        **{name: st.column_config.NumberColumn(format="%+.1f") for name in ("Difference", "Above zero router")},
        **{name: st.column_config.NumberColumn(format="%.2f") for name in ("Calls", "Cost", "Median s")},
    }
    st.dataframe(frame, hide_index=True, width="stretch", height="content", column_config=config, placeholder=DASH, key=key, alt=alt)
