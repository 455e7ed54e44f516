"""A recording that is being encoded: progress, time left, Stop; the page that waits for it draws itself when it is done."""

from __future__ import annotations

import streamlit as st

from der_core.errors import JobBusy
from der_core.jobs import JobSnapshot, JobState
from ui.shared.encoding import NotEncoded, Unencoded
from ui.shared.parts import duration, plain
from ui.shared.work import ENCODING, board, latest, start_encoding, this_tab

_EVERY_S = 1.0


def draw_encoding(needed: NotEncoded) -> None:
    """Draw the job that makes the vectors a page needs; it is started unless somebody stopped it, or it failed."""
    job = latest(ENCODING)
    if job is None or not (job.state.active or _has_ended_badly(job, needed.what)):
        _start(needed.what)
    st.fragment(_draw, run_every=_EVERY_S)(needed.what)


def _has_ended_badly(job: JobSnapshot, what: Unencoded) -> bool:
    return job.history[:1] == (what,) and job.state in (JobState.STOPPED, JobState.FAILED)


def _start(what: Unencoded) -> None:
    try:
        start_encoding(what, this_tab())
    except JobBusy:  # another tab was quicker: its job is watched, and this one starts after it
        return


def _draw(what: Unencoded) -> None:
    job = latest(ENCODING)
    if job is None or job.state is JobState.DONE or not (job.state.active or _has_ended_badly(job, what)):
        st.rerun()  # the whole page: what it waited for is there
    if job.state.active:
        _draw_running(job)
    else:
        _draw_ended(job, what)


def _draw_running(job: JobSnapshot) -> None:
    left = "" if job.report.eta_s is None else f" · about {duration(max(round(job.report.eta_s), 1))} left"
    st.markdown(f"**{plain(job.title)}**")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.report.fraction, plain(job.report.text) + left)
        st.button(
            "Stop",
            key="encoding_stop",
            icon=":material/stop_circle:",
            disabled=job.state is JobState.STOPPING,
            on_click=board().stop,
            args=(job.id,),
            help="What is encoded by then is kept.",
        )
    st.caption(
        "Once for each recording; from then on its routers are compared within moments. It goes on when this page is left or closed."
    )


def _draw_ended(job: JobSnapshot, what: Unencoded) -> None:
    if job.state is JobState.FAILED:
        st.error(plain(job.message), icon=":material/error:")
    else:
        st.info(
            "Encoding was stopped. What was done is kept; the rest is needed before the routers can be compared.", icon=":material/info:"
        )
    if st.button("Go on with encoding", key="encoding_start", icon=":material/play_arrow:"):
        _start(what)
        st.rerun()
