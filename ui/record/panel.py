"""The panel of the running, or the last, recording: progress, pace, time left, faults; and the button that stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from der_core.jobs import JobSnapshot, JobState
from der_core.recording.recorder import Progress, Summary
from ui.shared.parts import DASH, duration, number, plain, plain_sentence
from ui.shared.work import RECORDING, board, latest, whose

_EVERY_S, _IDLE_S = 1.0, 5.0
_PER_MINUTE = 60


def is_recording() -> bool:
    """Tell whether a recording is under way, in whatever tab it was started."""
    job = latest(RECORDING)
    return job is not None and job.state.active


def draw_panel() -> None:
    """Draw the panel, anew each second while a recording runs; between recordings it looks now and then for one from another tab."""
    running = is_recording()
    st.fragment(_draw, run_every=_EVERY_S if running else _IDLE_S)(running)


def _draw(was_running: bool) -> None:
    job = latest(RECORDING)
    if job is None:
        return
    if job.state.active != was_running:
        st.rerun()  # all of the page: what can be started, and what is recorded, have changed
    if job.state.active:
        _draw_running(job)
    else:
        _draw_ended(job)


def _draw_running(job: JobSnapshot) -> None:
    st.markdown(f"**{plain(job.title)}**")
    st.progress(job.report.fraction, plain(job.report.text))
    _draw_figures(job)
    stopping = job.state is JobState.STOPPING
    st.button(
        "Stopping" if stopping else "Stop",
        icon=":material/stop:",
        key="record_stop",
        on_click=board().stop,
        args=(job.id,),
        disabled=stopping,
        width="stretch",
        help="Ends after the call in flight; nothing that was recorded is lost.",
    )
    st.caption(f"Running for {duration(job.elapsed_s)}, {whose(job)}. It goes on when this page is left or closed.")


def _draw_figures(job: JobSnapshot) -> None:
    progress = job.report.record
    left, right = st.columns(2)
    left.metric("Time left", duration(job.report.eta_s), border=True)
    right.metric("Per minute", number(progress.rate_per_s * _PER_MINUTE, 0) if isinstance(progress, Progress) else DASH, border=True)
    if isinstance(progress, Progress):
        if progress.waiting:
            st.info(plain_sentence(f"Waiting for {progress.waiting}"), icon=":material/hourglass_top:")
        draw_faults(progress.faults, progress.reasons, progress.advice)


def _draw_ended(job: JobSnapshot) -> None:
    summary = job.result if isinstance(job.result, Summary) else None
    if summary is None:
        sentence = job.message if job.state is JobState.FAILED else f"{job.title} was stopped before its first call."
        st.error(plain_sentence(sentence), icon=":material/error:")
        return
    words = plain_sentence(
        summary.message.replace("Run the same command again to ask only for what is missing.", "Resume it to ask only for what is missing.")
    )
    (st.success if summary.complete else st.warning)(
        words, icon=":material/check_circle:" if summary.complete else ":material/pause_circle:"
    )
    draw_faults(summary.faults, summary.reasons, summary.advice)


def draw_faults(faults: Mapping[str, int], reasons: Mapping[str, str] | None = None, advice: Sequence[str] = ()) -> None:
    """Draw how many calls gave no reply, by kind of fault, each expert's causes in words, and what to do about replies that are of no use."""
    for sentence in advice:
        st.warning(plain_sentence(f"{sentence[:1].upper()}{sentence[1:]}"), icon=":material/content_cut:")
    for reason in (reasons or {}).values():
        st.warning(plain_sentence(f"{reason[:1].upper()}{reason[1:].rstrip('.')}."), icon=":material/link_off:")
    if faults:
        st.markdown("**Calls without a reply**")
        st.dataframe(
            pd.DataFrame({"Kind": list(faults), "Calls": list(faults.values())}),
            hide_index=True,
            width="content",
            alt="Calls without a reply by kind",
        )
