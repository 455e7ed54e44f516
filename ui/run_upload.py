"""A router from elsewhere: read as data, compared on the recording it was trained on, kept as a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from der_core.errors import DerError, RouterMismatch
from der_core.evaluation.experiment import Parts, evaluate, report
from der_core.evaluation.runs import Run
from der_core.routing.router_file import load_router
from der_core.routing.trained import TrainedRouter
from ui.encoding import NotEncoded
from ui.encoding_panel import draw_encoding
from ui.home import RecordingRef, run_store
from ui.loaders import load, load_parts, questions_of, ready_encoder, recordings
from ui.parts import notice

MAX_NAME = 60


@dataclass(frozen=True, eq=False)
class _Found:
    ref: RecordingRef
    parts: Parts


def draw_upload() -> None:
    """Offer to take in a router's zip; a file that is none is refused in one sentence."""
    with st.expander("Bring in a router from a file", icon=":material/upload:"):
        file = st.file_uploader("Router, zip", type="zip", key="runs_upload", max_upload_size=16)
        if st.button("Compare it and keep it as a run", key="runs_keep", disabled=file is None) and file is not None:
            st.session_state["runs_keeping"] = file.file_id
        if file is not None and st.session_state.get("runs_keeping") == file.file_id:
            _keep(file)
        kept: str | None = st.session_state.pop("runs_kept", None)
        if kept:
            st.caption("The router is now among the runs.")


def _keep(file: UploadedFile) -> None:
    """Keep the router; where its recording has to be encoded first, the file waits for that."""
    try:
        with st.spinner("Comparing with every baseline"):
            run = keep_router(file.getvalue(), PurePath(file.name).stem[:MAX_NAME])
    except NotEncoded as needed:
        draw_encoding(needed)
        return
    except DerError as error:
        del st.session_state["runs_keeping"]
        notice(error)
        return
    del st.session_state["runs_keeping"]
    st.session_state["runs_kept"] = run.name
    st.rerun()


def keep_router(body: bytes, name: str) -> Run:
    """Return the run made of a router file.

    Raises RouterFileError for a file that is none, RouterMismatch where the replies it was trained on are not here,
    NotEncoded where their questions have to be encoded first.
    """
    router = load_router(body)
    found = _find_training(router)
    encoder = ready_encoder(found.ref, questions_of(found.parts), router.config)
    evaluation = evaluate(found.parts, router, router.config, encoder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = report(evaluation, load(found.ref, _names(router)), router.config, ["dashboard", "upload", name], now)
    return run_store().save(router, document, name)


def _find_training(router: TrainedRouter) -> _Found:
    for ref in recordings():
        parts = _parts(ref, _names(router))
        if parts is not None and parts.training.data_hash() == router.data_hash:
            return _Found(ref, parts)
    raise RouterMismatch(
        "This is a router, but the replies it was trained on are not here, so it cannot be compared. Bring in its recording on the Record page first."
    )


def _parts(ref: RecordingRef, experts: Sequence[str]) -> Parts | None:
    try:
        return load_parts(ref, experts=experts)
    except DerError:  # a recording that lacks an expert, or has no complete question, has trained nothing
        return None


def _names(router: TrainedRouter) -> list[str]:
    return [spec.name for spec in router.experts]
