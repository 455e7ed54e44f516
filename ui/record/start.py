"""Starting a recording, or going on with one: what it would ask, and the job."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import DerError
from der_core.recording.plan import calls_needed
from der_core.recording.store import RecordingInfo
from ui.shared.expert_health import draw_obstacles, health_of, not_ready
from ui.shared.home import RecordingRef, allow_remote, states_folder, store_file
from ui.shared.loaders import open_store, recording_info, recordings
from ui.shared.parts import notice, plain
from ui.shared.question_choice import Asked
from ui.shared.work import start_recording, this_tab

MAX_NAME = 80


def draw_start(asked: Asked | None, specs: Sequence[ExpertSpec]) -> None:
    """Draw the name, the number of calls and the button that starts; or what is still to be chosen."""
    typed = st.text_input(
        "Name of the recording",
        placeholder=asked.name if asked else None,
        max_chars=MAX_NAME,
        key="record_name",
        bind="query-params",
        persist_state="session",
    )
    if asked is None or not specs:
        st.info(f"Choose {'questions that can be read' if asked is None else 'at least one expert'}, and the recording can start.")
        return
    name = clean_name(typed or "") or asked.name
    known = recording_info(RecordingRef(store_file(), name))
    _draw_estimate(asked.n, len(specs), sum(spec.is_asked_once for spec in specs))
    if known:
        st.caption(plain(f"“{name}” exists with {known.n_entries:,} replies: only what is missing will be asked."))
    label = "Go on with it" if known else "Start recording"
    if not asked.is_confirmed:
        st.info("Confirm beside the file that these questions are to be asked without answers, and the recording can start.")
    if st.button(
        label,
        icon=":material/radio_button_checked:",
        type="primary",
        key="record_start",
        width="stretch",
        disabled=not asked.is_confirmed,
    ):
        _start(name, asked, specs)


def _draw_estimate(n_questions: int, n_experts: int, n_asked_once: int) -> None:
    least, most = calls_needed(n_questions, n_experts, n_asked_once)
    n_advised = n_experts - n_asked_once
    st.markdown(f"**{least:,} to {most:,} calls**" if most > least else f"**{least:,} calls**")
    if n_advised:
        st.caption(
            f"{n_questions:,} questions × {n_advised} experts × 3: asked first, after a yes, after a no. "
            "A fourth call where some expert's answer is invalid."
        )
    if n_asked_once:
        st.caption(f"{n_questions:,} questions × {n_asked_once} experts that write a program: asked once, whatever came before.")


def draw_resume() -> None:
    """Draw the user's recordings that lack replies, each with a button that asks for them."""
    waiting = [info for ref in recordings() if not ref.shipped and (info := recording_info(ref)) and lacks_replies(info)]
    if waiting:
        st.markdown("**Not complete yet**")
    for place, info in enumerate(waiting):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            least = calls_needed(info.n_questions, info.n_experts, info.n_asked_once)[0]
            st.markdown(plain(f"{info.name}: {info.n_entries:,} of at least {least:,} replies"))
            if st.button("Resume", icon=":material/play_arrow:", key=f"record_resume_{place}"):
                _resume(info.name)


def lacks_replies(info: RecordingInfo) -> bool:
    """Tell whether a recording surely lacks replies (one that lacks only replies after invalid answers is not seen)."""
    return info.n_entries < calls_needed(info.n_questions, info.n_experts, info.n_asked_once)[0]


def clean_name(typed: str) -> str:
    """Return a name as it can be kept: printable, on one line, not too long."""
    return " ".join("".join(letter for letter in typed if letter.isprintable()).split())[:MAX_NAME].strip()


def _start(name: str, asked: Asked, specs: Sequence[ExpertSpec]) -> None:
    healths = health_of(specs)
    if not_ready(healths):
        draw_obstacles(healths)
        return
    options = AskOptions(states_folder=str(states_folder()), allow_remote=allow_remote())
    try:
        start_recording(name, asked.load, specs, options, this_tab())
    except DerError as error:
        notice(error)
        return
    st.rerun()


def _resume(name: str) -> None:
    try:
        with open_store(RecordingRef(store_file(), name)) as store:
            questions, specs = store.questions(name), store.experts(name)
    except DerError as error:
        notice(error)
        return
    _start(name, Asked(name, len(questions), lambda: questions), specs)
