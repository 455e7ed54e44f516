"""What can be done with a recording as a file: download it alone, and check that every reply is what its key says."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from der_core.errors import DerError
from ui.home import RecordingRef
from ui.loaders import open_store
from ui.parts import notice, show_text

MAX_PROBLEMS = 20


def draw_file(ref: RecordingRef) -> None:
    """Draw the two buttons."""
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
            help="Rebuilds and hashes every request, looks at every number.",
        )
    if wanted:
        _verify(ref)


def export(ref: RecordingRef) -> bytes:
    """Return the recording alone, as a store."""
    with tempfile.TemporaryDirectory() as folder, open_store(ref) as store:
        place = Path(folder) / "recording.sqlite"
        store.export(place, ref.name)
        return place.read_bytes()


def _verify(ref: RecordingRef) -> None:
    try:
        with st.spinner("Hashing every request again"), open_store(ref) as store:
            problems = store.verify()
    except DerError as error:
        notice(error)
        return
    if not problems:
        st.success("Verified: every reply of the store is what its key says.", icon=":material/verified:")
        return
    st.error(f"{len(problems):,} problems; restore the file from a copy, or record it again. The first of them:", icon=":material/error:")
    show_text("\n".join(problems[:MAX_PROBLEMS]))
