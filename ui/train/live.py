"""A training as it goes on: state, progress with time left, Stop, cards and curves that update in place."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from der_core.jobs import JobSnapshot, JobState
from ui.shared.parts import DASH, duration, number, percent, plain, plain_sentence, table_behind, type_size
from ui.shared.work import COMPARING, TRAINING, TrainingPlan, board, latest, whose
from ui.train.charts import CURVES, TEXT_SIZE, Curve, curve_alt, curve_chart, curves_frame, is_validated, shares_alt, shares_chart

REFRESH_S, IDLE_S = 1.0, 5.0
_CARD_WIDTH = 150
_CHART_HEIGHTS = 21
"""Height of a chart in heights of its type."""
_BADGES: dict[JobState, tuple[str, str, str]] = {
    JobState.RUNNING: ("training", ":material/model_training:", "blue"),
    JobState.STOPPING: ("stopping: comparing what was learned", ":material/hourglass_top:", "orange"),
    JobState.STOPPED: ("stopped early", ":material/stop_circle:", "orange"),
    JobState.DONE: ("finished", ":material/check_circle:", "green"),
    JobState.FAILED: ("failed", ":material/error:", "red"),
}
_KIND = {True: ":orange-badge[oracle: routes end on the gold answer]", False: ":blue-badge[deployable]"}


def show_training() -> JobSnapshot | None:
    """Draw the running, or else the last, training of this server; None where there was none.

    It redraws itself while active; between trainings it looks now and then for one from another tab.
    """
    job = latest(TRAINING)
    active = is_training()
    st.fragment(_draw, run_every=REFRESH_S if active else IDLE_S)(active)
    return job


def is_training() -> bool:
    """Return whether a training is going on, in whichever tab it was started."""
    job = latest(TRAINING)
    return job is not None and job.state.active


def _draw(was_active: bool) -> None:
    job = latest(TRAINING)
    if (job is not None and job.state.active) != was_active:
        st.rerun()  # the whole page: what can be started, and the result, have changed
    if job is None:
        return
    plan, *points = job.history or (None,)
    _draw_state(job, plan if isinstance(plan, TrainingPlan) else None)
    if isinstance(plan, TrainingPlan) and plan.config.algorithm == "planner":
        st.caption("A planner's estimates are fitted at once, from all recorded replies: there are no steps, and no learning curves.")
    elif isinstance(plan, TrainingPlan):
        _draw_curves(plan, curves_frame(points, plan.experts))


def _draw_state(job: JobSnapshot, plan: TrainingPlan | None) -> None:
    words, icon, colour = _BADGES[job.state]
    if job.state is JobState.RUNNING and job.report.text == COMPARING:
        words, icon = "comparing", ":material/scatter_plot:"
    badges = f":{colour}-badge[{icon} {words}] {_KIND[plan.config.episode.end == 'gold'] if plan else ''}"
    st.markdown(f"**{plain(job.title)}** {badges} :small[:gray[{whose(job)} · {_rough(job.elapsed_s)}]]")
    if job.state.active:
        _draw_progress(job)
    elif job.state is JobState.FAILED:
        st.error(plain_sentence(job.message), icon=":material/error:")
    elif job.result is None:
        st.caption("Stopped before anything was learned, so nothing is kept.")


def _draw_progress(job: JobSnapshot) -> None:
    left = "" if job.report.eta_s is None else f" · {percent(job.report.fraction, 0)} · about {_rough(job.report.eta_s)} left"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.report.fraction, job.report.text + left)
        st.button(
            "Stop",
            key="train_stop",
            icon=":material/stop_circle:",
            shortcut="S",
            help="Ends the training now; what it has learned so far is compared and kept.",
            disabled=not job.can_stop,
            on_click=board().stop,
            args=(job.id,),
        )


def _rough(seconds: float) -> str:
    """Seconds that change while one looks: without fractions."""
    return f"{seconds:.0f} s" if seconds < 10 else duration(seconds)


def _draw_curves(plan: TrainingPlan, frame: pd.DataFrame) -> None:
    with st.container(horizontal=True):
        for curve in CURVES:
            _draw_card(frame, curve)
    steps, names = plan.config.ppo.total_steps, plan.experts
    text_size = type_size(TEXT_SIZE)
    charts = [(curve.field, curve_chart(frame, curve, steps, text_size), curve_alt(frame, curve)) for curve in CURVES]
    charts.append(("shares", shares_chart(frame, names, steps, text_size), shares_alt(frame, names)))
    for row in range(0, len(charts), 2):
        for place, (field, option, alt) in zip(st.columns(2), charts[row : row + 2], strict=False):
            place.echarts_chart(option, key=f"train_{field}", alt=alt, height=_CHART_HEIGHTS * text_size)
    told = "; dashed: validation questions, the likeliest action taken. The update that earned most on these is kept"
    validated = told if any(is_validated(frame, curve) for curve in CURVES) else ""
    st.caption(f"Training questions of {plain(plan.recording)}, while the router still explores{validated}.")
    table_behind(frame, "training_curves", "Table behind these curves", when_opened=True)


def _draw_card(frame: pd.DataFrame, curve: Curve) -> None:
    known = frame[curve.column].dropna().tolist()
    unit = " %" if curve.column.endswith("%") else ""
    value = f"{number(known[-1], curve.digits)}{unit}" if known else DASH
    st.metric(curve.title, value, border=True, width=type_size(_CARD_WIDTH), help=curve.unit)
