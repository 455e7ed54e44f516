"""How a recording was made, by its own account: commands, versions, machine."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from der_core.evaluation.provenance import Meta, commands_of
from der_core.recording.store import RecordingInfo
from ui.shared.home import RecordingRef
from ui.shared.loaders import recording_info
from ui.shared.parts import plain, show_text


def draw_provenance(ref: RecordingRef) -> None:
    """Draw when, where and by which commands a recording was made; what it does not say is left out."""
    info = recording_info(ref)
    if info is None:
        return
    st.caption(plain(provenance(info)))
    told = [*commands_of(info.meta), _versions(info.meta)]
    if any(told):
        with st.expander("Commands and versions that made it, by its own account", icon=":material/terminal:"):
            show_text("\n".join(line for line in told if line))


def provenance(info: RecordingInfo) -> str:
    """Return in one line when and on which machine a recording was made."""
    begun = datetime.fromtimestamp(info.created_utc, UTC)
    return " · ".join(part for part in (f"Begun on {begun:%Y-%m-%d}", _machine(info.meta)) if part) + "."


def _machine(meta: Meta) -> str:
    told = meta.get("machine")
    if not isinstance(told, dict):
        return ""
    words = [str(told[name]) for name in ("cpu", "system") if told.get(name)]
    return ", ".join([*words, f"{told['cores']} cores"] if told.get("cores") else words)


def _versions(meta: Meta) -> str:
    told = meta.get("versions")
    return ", ".join(f"{name} {version}" for name, version in told.items() if version) if isinstance(told, dict) else ""
