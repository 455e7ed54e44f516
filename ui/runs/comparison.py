"""Two to five runs over one another: results, curves, and only the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run
from ui.runs.charts import RunCurves, overlay_alt, overlay_chart, overlay_frame, settings_frame
from ui.runs.table import flat_settings
from ui.shared.loaders import run_report
from ui.shared.parts import table_behind, type_size
from ui.shared.result_rows import draw_row, own_row
from ui.shared.run_choice import run_names
from ui.train.charts import CURVES, TEXT_SIZE, Curve

_MOST_SMOOTHING = 0.95
_CHART_HEIGHTS = 27
"""Height of a chart in heights of its type."""


def compare_runs(chosen: Sequence[Run]) -> None:
    """Draw the runs side by side; raises ReportError where a report cannot be read."""
    names = run_names(chosen)
    reports = {names[run.id]: run_report(run.id) for run in chosen}
    _draw_results(reports)
    _draw_settings(reports)
    _draw_curves([RunCurves.of_report(name, report) for name, report in reports.items()])


def _draw_results(reports: dict[str, Json]) -> None:
    with st.container(horizontal=True):
        for name, report in reports.items():
            row = own_row(report)
            if row is not None:
                draw_row(row, name, row["name"])
    if len({report["data"]["hash"] for report in reports.values()}) > 1:
        st.caption("These runs stand on different replies, so their figures cannot be set against one another.")


def _draw_settings(reports: dict[str, Json]) -> None:
    frame = settings_frame({name: flat_settings(report) for name, report in reports.items()})
    st.markdown("**Settings that differ**")
    if frame.empty:
        st.caption("None: these runs have the same settings." if len(reports) > 1 else "Choose a second run to see what sets them apart.")
    else:
        st.dataframe(frame, hide_index=True, width="stretch")


def _draw_curves(runs: Sequence[RunCurves]) -> None:
    weight = st.slider(
        "Smoothing",
        0.0,
        _MOST_SMOOTHING,
        0.0,
        0.05,
        key="runs_smoothing",
        bind="query-params",
        persist_state="session",
        help="Exponential moving average, corrected for its start; the raw curve stays faint behind it.",
    )
    weight = min(max(weight, 0.0), _MOST_SMOOTHING)
    st.caption("Training questions, while each router still explores; routes that end on the gold answer give oracle figures.")
    for row in range(0, len(CURVES), 2):
        for place, curve in zip(st.columns(2), CURVES[row : row + 2], strict=False):
            with place:
                _draw_curve(runs, curve, weight)


def _draw_curve(runs: Sequence[RunCurves], curve: Curve, weight: float) -> None:
    text_size = type_size(TEXT_SIZE)
    chart = overlay_chart(runs, curve, weight, text_size)
    st.echarts_chart(chart, key=f"runs_{curve.field}", alt=overlay_alt(runs, curve), height=_CHART_HEIGHTS * text_size)
    table_behind(overlay_frame(runs, curve, weight), f"runs_{curve.field}")
