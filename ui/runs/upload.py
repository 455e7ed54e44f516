"""A router from elsewhere: read as data, compared on the recording it was trained on, kept as a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from der_core.config import SPLIT_SEED
from der_core.errors import DerError, RouterMismatch
from der_core.evaluation.experiment import Parts, choose_splits, cut
from der_core.evaluation.runs import Run
from der_core.recording.splits import Splits, split_questions, unknown_to
from der_core.recording.table import Table
from der_core.routing.saved.router_file import load_router
from der_core.routing.saved.trained import TrainedRouter
from der_core.work.training import compare_and_report
from ui.shared.encoding import NotEncoded
from ui.shared.encoding_panel import draw_encoding
from ui.shared.home import RecordingRef, run_store
from ui.shared.loaders import load, questions_of, ready_encoder, recordings
from ui.shared.parts import notice

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
    now = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = compare_and_report(found.parts, router, load(found.ref, _names(router)), encoder, ["dashboard", "upload", name], now)
    return run_store().save(router, outcome.report, name)


def _find_training(router: TrainedRouter) -> _Found:
    """Return the recording whose replies the router learned from, cut so that none of them is in the test."""
    for ref in recordings():
        table = _table(ref, _names(router))
        if table is not None and _has_taught(table, router):
            return _Found(ref, cut(table, _splits(table, router)))
    raise RouterMismatch(
        "This is a router, but the replies it was trained on are not here, so it cannot be compared. "
        "It can only be brought in where the recording is that it was trained on."
    )


def _table(ref: RecordingRef, experts: Sequence[str]) -> Table | None:
    try:
        return load(ref, experts)
    except DerError:  # a recording that lacks an expert, or has no complete question, has trained nothing
        return None


def _has_taught(table: Table, router: TrainedRouter) -> bool:
    known = {question.id for question in table.questions}
    is_whole = known.issuperset(router.training_question_ids)
    return is_whole and table.subset(table.rows_of(router.training_question_ids)).data_hash() == router.data_hash


def _splits(table: Table, router: TrainedRouter) -> Splits:
    """Return the usual split where the router was trained on its training questions; else the rest, passages it knows left out, is held out."""
    usual = choose_splits(table.questions, SPLIT_SEED, None, None)
    learned = router.training_question_ids
    with_gold = {question.id for question in table.questions if question.gold}
    if tuple(name for name in usual.train if name in with_gold) == learned:
        return usual
    seen = {*learned, *router.validation_question_ids}
    new = unknown_to([question for question in table.questions if question.id in seen], table.questions)
    rest = split_questions(new, seed=SPLIT_SEED)
    return Splits(train=learned, validation=rest.validation, test=(*rest.train, *rest.test))


def _names(router: TrainedRouter) -> list[str]:
    return [spec.name for spec in router.experts]
