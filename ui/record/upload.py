"""What can be done with a recording as a file: download it alone, and check that every reply is what its key says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from der_core.errors import DerError
from der_core.jobs import JobHandle, JobState
from der_core.recording.verification import Verification
from ui.shared.home import RecordingRef
from ui.shared.loaders import open_store
from ui.shared.parts import notice, plain, show_text
from ui.shared.work import board, latest, this_tab

MAX_PROBLEMS = 20
VERIFYING = "verifying"
_EVERY_S = 1.0


def draw_file(ref: RecordingRef) -> None:
    """Draw the two buttons, and the check of the store that goes on or has ended."""
    with st.container(horizontal=True):
        st.download_button(
            "Download this recording",
            lambda: export(ref),
            file_name=f"{ref.name}.sqlite",
            mime="application/vnd.sqlite3",
            key="record_export",
            on_click="ignore",
            icon=":material/download:",
            help="One file with this recording alone, without addresses and folders of this machine.",
        )
        wanted = st.button(
            "Verify the store",
            icon=":material/verified:",
            key="record_verify",
            help="Rebuilds and hashes every request, reads every reply again, looks at every number.",
        )
    if wanted:
        _start(ref)
    checking = _is_checking()
    st.fragment(_draw_check, run_every=_EVERY_S if checking else None)(ref.file, checking)


def export(ref: RecordingRef) -> bytes:
    """Return the recording alone, as a store."""
    with tempfile.TemporaryDirectory() as folder, open_store(ref) as store:
        place = Path(folder) / "recording.sqlite"
        store.export(place, ref.name)
        return place.read_bytes()


class _Stopped(Exception):
    """Somebody does not want to know any more."""


def _start(ref: RecordingRef) -> None:
    def work(job: JobHandle) -> Verification | None:
        def on_progress(fraction: float, what: str) -> None:
            if job.stop.is_set():
                raise _Stopped
            job.report(fraction, None, f"Checking {what}", ref.file)

        job.report(0.0, None, "Opening the store", ref.file)
        try:
            with open_store(ref) as store:
                return store.examine(on_progress)
        except _Stopped:
            return None

    try:
        board().start(VERIFYING, f"Verifying the store of “{ref.title}”", work, this_tab())
    except DerError as error:
        notice(error)


def _is_checking() -> bool:
    job = latest(VERIFYING)
    return job is not None and job.state.active


def _draw_check(file: Path, was_checking: bool) -> None:
    """Draw the check that goes on, or what the last one of this file found."""
    job = latest(VERIFYING)
    if _is_checking() != was_checking:
        st.rerun()
    if job is None or job.history[:1] != (file,):
        return
    if job.state.active:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(job.report.fraction, plain(job.report.text))
            st.button(
                "Stop", key="record_verify_stop", icon=":material/stop:", disabled=not job.can_stop, on_click=board().stop, args=(job.id,)
            )
    elif job.state is JobState.FAILED:
        st.error(plain(job.message), icon=":material/error:")
    elif isinstance(job.result, Verification):
        _draw_found(job.result)


def _draw_found(found: Verification) -> None:
    problems = found.problems
    if problems:
        st.error(
            f"{len(problems):,} problems; restore the file from a copy, or record it again. The first of them:", icon=":material/error:"
        )
        show_text("\n".join(problems[:MAX_PROBLEMS]))
    else:
        st.success("Verified: nothing in the store contradicts it.", icon=":material/verified:")
    st.caption(plain(f"Proven: {'; '.join(found.proven)}."))
    st.caption(plain(f"Cannot be proven: {'; '.join(found.unproven)}."))
