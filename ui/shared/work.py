"""Work that outlives a page: training and recording as background jobs, one of a kind at a time."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from der_core.config import DEFAULT_ENCODER, SPLIT_SEED, AskOptions, ExpertSpec, StateKind, TrainConfig
from der_core.errors import DerError
from der_core.evaluation.experiment import choose_splits
from der_core.evaluation.provenance import recording_meta
from der_core.jobs import JobBoard, JobHandle, JobSnapshot
from der_core.recording.recorder import Progress, Summary, record
from der_core.recording.store import Store
from der_core.records import Question
from der_core.routing.encoding import KnownVectors, TextEncoder
from der_core.routing.saved.trained import TrainedRouter, TrainingProgress
from der_core.routing.state import state_texts
from der_core.training_process import TrainingProcess
from der_core.work.recordings import open_replicas
from der_core.work.training import TrainingOrder
from ui.shared.encoding import EncodingStopped, Unencoded, WatchedEncoder
from ui.shared.home import RecordingRef, run_store, store_file
from ui.shared.loaders import fresh_evaluations, keep_evaluation, load, open_store, text_encoder

TRAINING, RECORDING, ENCODING = "training", "recording", "encoding"

COMPARING = "Comparing with every baseline, which takes a few seconds"
"""What a training says once it has learned."""

logger = logging.getLogger(__name__)

training_process = TrainingProcess()
"""Where trainings run, the same for every tab; it starts with the first one, or with `prepare`."""


@st.cache_resource
def board() -> JobBoard:
    """Return the jobs of this server, the same for every tab."""
    return JobBoard()


def latest(kind: str) -> JobSnapshot | None:
    """Return the running, or else the last, job of a kind."""
    return board().latest(kind)


@dataclass(frozen=True)
class TrainingPlan:
    """What a training was started with; the first record of its history, before the curve points."""

    recording: str
    experts: tuple[str, ...]
    config: TrainConfig


def this_tab() -> str:
    """Return the name under which this browser tab owns the jobs that it starts."""
    name: str = st.session_state.setdefault("work_tab", f"tab {secrets.token_hex(2)}")
    return name


def whose(job: JobSnapshot) -> str:
    """Return in words where a job was started. A tab that was reloaded is another one."""
    return "started in this tab" if job.owner == this_tab() else "started in another tab"


def start_training(
    ref: RecordingRef, config: TrainConfig, name: str, created_utc: str, owner: str, experts: Sequence[str] | None = None
) -> str:
    """Start a training on a recording, or on some of its experts by name. Returns the job's id; JobBusy while another one trains.

    It ends as a run whose id is the job's result; stopped early it keeps what was learned, None before the first update.
    """
    table, encoder = load(ref, experts), text_encoder(ref, config.encoder)
    folder, waiting = run_store(), fresh_evaluations()
    splits = choose_splits(table.questions, SPLIT_SEED, None, None)

    def work(job: JobHandle) -> str | None:
        plan = TrainingPlan(ref.title, tuple(spec.name for spec in table.experts), config)
        job.report(0.0, None, "Loading the text encoder, which takes about ten seconds the first time", plan)
        vectors = _encode(job, table.questions, encoder, config.episode.state)
        if vectors is None:
            return None
        job.report(0.0, None, "Preparing the training, which takes a few seconds the first time")
        order = TrainingOrder(table, splits, config, vectors, ("dashboard", "train", name), created_utc)
        outcome = training_process.run(
            order, lambda progress: _report_training(job, progress), lambda router: _report_learned(job, router), job.stop
        )
        if outcome is None:
            return None
        run_id = folder.save(outcome.router, outcome.report, name).id
        keep_evaluation(waiting, folder.root, run_id, outcome.evaluation)
        return run_id

    return board().start(TRAINING, f"Training “{name}”", work, owner)


def start_recording(
    recording: str, load_questions: Callable[[], Sequence[Question]], specs: Sequence[ExpertSpec], options: AskOptions, owner: str
) -> str:
    """Start (or go on with) a recording; its questions are loaded in the background. Returns the job's id; JobBusy while another one records.

    A recording that has come to its end is encoded as well, so that it can be compared at once.
    """
    place, encoder = store_file(), text_encoder()

    def work(job: JobHandle) -> Summary:
        job.report(0.0, None, "Loading the questions")
        questions = load_questions()
        with Store.open(place) as store, open_replicas(specs, options) as replicas:
            meta = recording_meta(store, recording, "dashboard: Record")
            summary = record(
                store, recording, questions, replicas, on_progress=lambda p: _report_recording(job, p), stop=job.stop, meta=meta
            )
        if summary.complete:
            _encode_recorded(job, questions, encoder)
        return summary

    return board().start(RECORDING, f"Recording “{recording}”", work, owner)


def start_encoding(what: Unencoded, owner: str) -> str:
    """Encode all questions of a recording; what is done when it is stopped is kept. Returns the job's id; JobBusy while another is encoded.

    Its history begins with `what`.
    """
    with open_store(what.ref) as store:
        questions, encoder = store.questions(what.ref.name), text_encoder(what.ref, what.encoder)

    def work(job: JobHandle) -> None:
        job.report(0.0, None, "Loading the text encoder, which takes about ten seconds the first time", what)
        _encode(job, questions, encoder, what.state)

    return board().start(ENCODING, f"Encoding the questions of “{what.ref.title}”", work, owner)


def _encode_recorded(job: JobHandle, questions: Sequence[Question], encoder: TextEncoder) -> None:
    """Encode what was recorded. Where that fails the recording is good nevertheless: who needs the vectors asks for them again."""
    job.report(1.0, None, f"All replies are recorded. Loading the text encoder ({DEFAULT_ENCODER}), for the comparison")
    try:
        _encode(job, questions, encoder, "features")
    except DerError as error:
        logger.warning("recorded, but not encoded: %s", error)


def _encode(job: JobHandle, questions: Sequence[Question], encoder: TextEncoder, state: StateKind) -> KnownVectors | None:
    """Return the vectors of all texts of `questions`; None where the job was stopped meanwhile."""
    watched = WatchedEncoder(encoder, job.stop.is_set, lambda done, total, eta_s: _report_encoding(job, done, total, eta_s))
    texts = state_texts(questions, state)
    try:
        return KnownVectors(encoder.id, texts, watched.encode(texts))
    except EncodingStopped:
        return None


def _report_encoding(job: JobHandle, done: int, total: int, eta_s: float) -> None:
    job.report(done / total, eta_s, f"Encoding the questions: {done:,} of {total:,} texts")


def _report_training(job: JobHandle, progress: TrainingProgress) -> None:
    text = f"{progress.steps:,} of {progress.total_steps:,} steps"
    job.report(progress.steps / progress.total_steps, progress.eta_s, text, progress.point)


def _report_learned(job: JobHandle, router: TrainedRouter) -> None:
    if router.converged or not router.curves or router.curves[-1].steps >= router.config.ppo.total_steps:
        job.commit()  # a stop that came with the last step, or comes from now on, takes nothing away
    job.report(1.0, None, COMPARING)


def _report_recording(job: JobHandle, progress: Progress) -> None:
    doing = progress.waiting or f"asking {progress.expert}"
    text = f"{progress.done:,} of {progress.total:,} replies, {doing}"
    job.report(progress.done / max(progress.total, 1), progress.eta_s, text, progress)
