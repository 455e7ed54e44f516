"""What is ready and what comes next: experts, recording, router; each a card with its state and one link."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from der_core.config import ExpertSpec
from der_core.errors import DerError
from der_core.evaluation.runs import Run
from der_core.experts.backends import models_are_files
from der_core.experts.weights import weights_known_at
from ui.shared.expert_choice import found, usual_experts
from ui.shared.expert_health import health_of, not_ready
from ui.shared.home import RecordingRef
from ui.shared.loaders import open_store, recording_info, recordings
from ui.shared.parts import notice, plain, plain_sentence
from ui.shared.work import RECORDING, TRAINING, latest


def draw_recording() -> RecordingRef | None:
    """Draw the card of the recording that pages open with and return it, None where there is none or it cannot be read."""
    try:
        ref = next(iter(recordings()), None)
        info = recording_info(ref) if ref else None
    except DerError as error:
        notice(error)
        return None
    _title("Recording", RECORDING, ready=info is not None and info.n_entries > 0)
    if ref is None or info is None:
        st.markdown("No reply is recorded yet.")
        _next("pages/record.py", "Record some replies")
        return None
    st.markdown(f"**{plain(ref.title)}**: {info.n_entries:,} replies of {info.n_experts} experts to {info.n_questions:,} questions.")
    _next("pages/record.py", "Look at it, or record more")
    return ref


def draw_router(run: Run | None, *, can_train: bool) -> None:
    """Draw the card of the active run."""
    _title("Router", TRAINING, ready=run is not None)
    if run is not None:
        st.markdown(f"**{plain(run.name)}**, trained on {plain(run.created_utc[:10])}.")
        _next("pages/route.py", "Follow a question through it", {"run": run.id})
    elif can_train:
        st.markdown("The replies are there; no router has learned from them yet.")
        _next("pages/train.py", "Train a router")
    else:
        st.markdown("A router learns from a recording; there is none yet.")
        _next("pages/record.py", "Record first")


def draw_experts(ref: RecordingRef | None) -> None:
    """Draw whether the experts can be asked now; asks their servers, so this comes last on the page."""
    try:
        specs = _experts_of(ref)
    except DerError as error:
        _title("Experts", None, ready=False)
        notice(error)
        _next("pages/experts.py", "Get them ready")
        return
    healths = health_of(specs)
    ready = [health.spec.name for health in healths if health.ready]
    _title("Experts", None, ready=len(ready) == len(specs))
    st.markdown(f"**{len(ready)} of {len(specs)}** can be asked now" + (f": {plain(', '.join(ready))}." if ready else "."))
    for sentence in [*_absent_files(specs), *not_ready(healths)][:1]:
        st.caption(plain_sentence(sentence))
    if ref is not None and len(ready) < len(specs):
        st.caption("Not needed for what is recorded: training, routes and comparisons work without them.")
    _next("pages/experts.py", "See the experts" if len(ready) == len(specs) else "Get them ready")


def _experts_of(ref: RecordingRef | None) -> Sequence[ExpertSpec]:
    if ref is None:
        return usual_experts()
    with open_store(ref) as store:
        return found(store.experts(ref.name))


def _absent_files(specs: Sequence[ExpertSpec]) -> list[str]:
    """One sentence on the model files that a recording made elsewhere names and that are not here; none where all are."""
    places = [Path(spec.model) for spec in specs if models_are_files(spec)]
    names = dict.fromkeys(place.name for place in places if not place.is_file() and weights_known_at(place) is None)
    told = f"Not here: {', '.join(names)}. Set DER_GGUF to the folder that holds such files and start the dashboard again."
    return [told] if names else []


def _title(name: str, kind: str | None, *, ready: bool) -> None:
    """The head of a card; `kind` is that of the jobs that change its state."""
    job = latest(kind) if kind else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{name}**", width="content")
        if job is not None and job.state.active:
            st.badge(f"in progress, {job.report.fraction:.0%}", icon=":material/progress_activity:", color="blue")
        elif ready:
            st.badge("ready", icon=":material/check:", color="green")
        else:
            st.badge("not yet", icon=":material/hourglass_empty:", color="orange")


def _next(page: str, label: str, query_params: dict[str, str] | None = None) -> None:
    st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query_params)
