"""Choosing a recording, by a name in the address."""

from __future__ import annotations

import streamlit as st

from der_core.errors import StoreError
from ui.address_choice import warn_of_unknown
from ui.home import RecordingRef
from ui.loaders import recordings
from ui.parts import notice


def stop_unless_readable() -> None:
    """End the page with one sentence where the store of recordings cannot be read."""
    try:
        recordings()
    except StoreError as error:
        notice(error)
        st.stop()


def choose_recording(key: str) -> RecordingRef | None:
    """Draw the choice and return the recording; None where there is none at all. A name that is gone gives the newest, and the page says so."""
    by_title = {ref.title: ref for ref in recordings()}
    if not by_title:
        return None
    asked = st.query_params.get(key)  # read first: Streamlit drops from the address what is no option
    title = st.selectbox("Recording", list(by_title), key=key, bind="query-params", persist_state="session")
    chosen = by_title.get(title, next(iter(by_title.values())))
    if asked is not None and asked not in by_title:
        warn_of_unknown("recording", asked, chosen.title)
    return chosen
