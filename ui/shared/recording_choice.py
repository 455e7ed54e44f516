"""Choosing a recording, by a name in the address, and which of its experts are used."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from der_core.errors import StoreError
from ui.shared.address_choice import warn_of_unknown
from ui.shared.home import RecordingRef
from ui.shared.loaders import recorded_experts, recordings
from ui.shared.parts import notice, plain


def stop_unless_readable() -> None:
    """End the page with one sentence where the store of recordings cannot be read."""
    try:
        recordings()
    except StoreError as error:
        notice(error)
        st.stop()


def choose_recording(key: str) -> RecordingRef | None:
    """Draw the choice and return the recording; None where there is none at all. A name that is gone gives the first, and the page says so."""
    by_title = {ref.title: ref for ref in recordings()}
    if not by_title:
        return None
    asked = st.query_params.get(key)  # read first: Streamlit drops from the address what is no option
    title = st.selectbox("Recording", list(by_title), key=key, bind="query-params", persist_state="session")
    chosen = by_title.get(title, next(iter(by_title.values())))
    if asked is not None and asked not in by_title:
        warn_of_unknown("recording", asked, chosen.title)
    return chosen


def choose_part(key: str, ref: RecordingRef) -> tuple[str, ...]:
    """Draw the choice among the experts of a recording, all at first, and return the chosen ones' names in recorded order, maybe none.

    Ends the page with one sentence where they cannot be read; another recording can be chosen then.
    """
    try:
        names = [spec.name for spec in recorded_experts(ref)]
    except StoreError as error:
        notice(error)
        st.stop()
    if len(names) < 2:
        return tuple(names)
    whole = (ref, *names)
    if st.session_state.get(_part_of(key), whole) != whole:
        st.session_state[key] = names  # what was chosen of other experts says nothing about these
    st.session_state[_part_of(key)] = whole
    with st.popover(_told(st.session_state.get(key, names), names), icon=":material/groups:", key=f"{key}_part", width="stretch"):
        picked = st.pills(
            "Experts",
            names,
            selection_mode="multi",
            default=names,
            key=key,
            format_func=plain,
            bind="query-params",
            persist_state="session",
            help="Whom the router may ask. It can answer new questions only where all of them can be asked.",
            wrap=True,
        )
    return tuple(name for name in names if name in picked)


def _told(chosen: Sequence[str], names: Sequence[str]) -> str:
    """Return in a few words which of the experts `names` are chosen."""
    known = [name for name in names if name in chosen]
    if len(known) == len(names):
        return f"All {len(names)} experts"
    return plain(known[0]) if len(known) == 1 else f"{len(known)} of {len(names)} experts"


def carry_part(recording_key: str, key: str, ref: RecordingRef, names: Sequence[str]) -> None:
    """Put a recording and some of its experts where `choose_recording` and `choose_part` will find them on another page."""
    st.session_state[recording_key] = ref.title
    st.session_state[_part_of(key)] = (ref, *(spec.name for spec in recorded_experts(ref)))
    st.session_state[key] = list(names)


def _part_of(key: str) -> str:
    return f"{key}_of"
