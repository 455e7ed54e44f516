"""What pages read, cached: tables, runs, evaluations. Every cache is bounded and keyed by the file's state."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from der_core.config import DEFAULT_ENCODER, SPLIT_SEED, TrainConfig
from der_core.evaluation.experiment import Evaluation, Parts, choose_splits, cut, encoded_texts, evaluate
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run
from der_core.recording.questions import Splits
from der_core.recording.store import RecordingInfo, Store
from der_core.recording.table import Table, load_table
from der_core.records import Question
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.trained import TrainedRouter
from ui.encoding import NotEncoded, Unencoded
from ui.home import DEMO_NAME, DEMO_STORE, RecordingRef, run_store, store_file

Stamp = tuple[tuple[int, int], ...]
"""Size and time of change of a file and of its write-ahead log; part of a cache key."""


def stamp(path: Path) -> Stamp:
    """Return the state of a file, () where there is none.

    An empty write-ahead log is left out: it appears when the file is merely opened for reading.
    """
    states = (_state(place) for place in (path, path.with_name(path.name + "-wal")))
    return tuple((state.st_size, state.st_mtime_ns) for state in states if state is not None and state.st_size)


def _state(place: Path) -> os.stat_result | None:
    try:
        return place.stat()
    except FileNotFoundError:  # a log disappears when its last reader closes it
        return None


def recordings() -> list[RecordingRef]:
    """Return every recording this dashboard can see, the user's own first."""
    own = [RecordingRef(store_file(), info.name) for info in _infos(store_file(), stamp(store_file()))]
    shipped = [RecordingRef(DEMO_STORE, info.name, shipped=True) for info in _infos(DEMO_STORE, stamp(DEMO_STORE))]
    return [*reversed(own), *shipped]


def recording_info(ref: RecordingRef) -> RecordingInfo | None:
    """Return what a recording holds and how it was made, None where it is gone."""
    return next((info for info in _infos(ref.file, stamp(ref.file)) if info.name == ref.name), None)


def load(ref: RecordingRef) -> Table:
    """Return the table of a recording; raises IncompleteRecording while no question is complete."""
    return _table(ref.file, ref.name, stamp(ref.file))


def load_parts(ref: RecordingRef, splits: Splits | None = None, seed: int = SPLIT_SEED) -> Parts:
    """Return the recording cut by `splits`, or by shares under `seed`."""
    table = load(ref)
    return cut(table, splits or choose_splits(table.questions, seed, None, None))


@contextmanager
def open_store(ref: RecordingRef) -> Iterator[Store]:
    """Hold the store of a recording open, for reading."""
    with Store.open(ref.file, create=False, read_only=ref.shipped) as store:
        yield store


def text_encoder(ref: RecordingRef | None = None, name: str = DEFAULT_ENCODER) -> CachedEncoder:
    """Return an encoder that looks in the recording's store, then in the user's own, and only then loads the model."""
    encoder = CachedEncoder(_sentence_encoder(name), _kept_open(store_file(), shipped=False))
    return CachedEncoder(encoder, _kept_open(ref.file, shipped=True)) if ref and ref.shipped else encoder


def ready_encoder(ref: RecordingRef, questions: Sequence[Question], name: str) -> TextEncoder:
    """Return an encoder that knows all of `questions` already; NotEncoded where it would have to load the model for some."""
    encoder = text_encoder(ref, name)
    missing = encoder.missing(encoded_texts(questions))
    if missing:
        raise NotEncoded(Unencoded(ref, name), len(missing))
    return encoder


def live_encoder(name: str = DEFAULT_ENCODER) -> TextEncoder:
    """Return the encoder itself, for what people type: nothing of it is kept."""
    return _sentence_encoder(name)


def runs() -> tuple[Run, ...]:
    """Return all finished trainings, starred first, then newest."""
    return run_store().list()


def run_report(run_id: str) -> Json:
    """Return the report of a run."""
    return _report(str(run_store().root), run_id)


def run_router(run_id: str) -> TrainedRouter:
    """Return the router of a run."""
    return _router(str(run_store().root), run_id)


def run_recording(run_id: str) -> RecordingRef | None:
    """Return the recording that a run was trained on, found by its data hash; None where it is not here (any more)."""
    wanted = run_report(run_id)["data"]["hash"]
    complete = (ref for ref in recordings() if (info := recording_info(ref)) and info.n_entries)
    return next((ref for ref in complete if _hash(ref.file, ref.name, stamp(ref.file)) == wanted), None)


def run_evaluation(run_id: str) -> Evaluation | None:
    """Return the held-out comparison of a run, routes included; None where its recording is gone, NotEncoded before it is encoded."""
    ref = run_recording(run_id)
    return None if ref is None else _evaluation(str(run_store().root), run_id, ref)


def keep_evaluation(root: Path, run_id: str, evaluation: Evaluation) -> None:
    """Hand over the comparison with which a training ended, so that nobody has to make it again; only the newest waits to be asked for."""
    fresh = _fresh_evaluations()
    fresh.clear()
    fresh[str(root), run_id] = evaluation


def baseline_evaluation(ref: RecordingRef, config: TrainConfig) -> Evaluation:
    """Return the held-out comparison of the baselines alone, for a recording without a run; NotEncoded before it is encoded."""
    return _baselines(ref, stamp(ref.file), config)


def is_demo(ref: RecordingRef) -> bool:
    """Tell whether this is the recording that came with the product."""
    return ref.shipped and ref.name == DEMO_NAME


@st.cache_data(max_entries=8, show_spinner=False)
def _infos(path: Path, state: Stamp) -> tuple[RecordingInfo, ...]:
    if not state:
        return ()
    with Store.open(path, create=False, read_only=path == DEMO_STORE) as store:
        return store.recordings()


@st.cache_resource(max_entries=4, show_spinner="Reading the recording")
def _table(path: Path, name: str, state: Stamp) -> Table:
    with Store.open(path, create=False, read_only=path == DEMO_STORE) as store:
        return load_table(store, name)


@st.cache_data(max_entries=8, show_spinner=False)
def _hash(path: Path, name: str, state: Stamp) -> str:
    from der_core.errors import IncompleteRecording

    try:
        return _table(path, name, state).data_hash()
    except IncompleteRecording:
        return ""


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept_open(path: Path, shipped: bool) -> Store:
    return Store.open(path, read_only=shipped)


@st.cache_resource(max_entries=2, show_spinner=False)
def _sentence_encoder(name: str) -> SentenceEncoder:
    return SentenceEncoder(name)


@st.cache_data(max_entries=32, show_spinner=False)
def _report(root: str, run_id: str) -> Json:
    return run_store().load_report(run_id)


@st.cache_resource(max_entries=32, show_spinner=False)
def _router(root: str, run_id: str) -> TrainedRouter:
    return run_store().load_router(run_id)


@st.cache_resource(max_entries=8, show_spinner="Comparing with every baseline")
def _evaluation(root: str, run_id: str, ref: RecordingRef) -> Evaluation:
    # No stamp: a run names its data by hash, so whatever else happens to the file changes nothing.
    fresh = _fresh_evaluations().pop((root, run_id), None)
    if fresh is not None:
        return fresh
    document, router = run_report(run_id), run_router(run_id)
    splits = Splits(**{side: tuple(ids) for side, ids in document["splits"].items()})
    encoder = ready_encoder(ref, load(ref).questions, router.config.encoder)
    return evaluate(load_parts(ref, splits), router, router.config, encoder)


@st.cache_resource
def _fresh_evaluations() -> dict[tuple[str, str], Evaluation]:
    return {}


@st.cache_resource(max_entries=4, show_spinner="Comparing the baselines")
def _baselines(ref: RecordingRef, state: Stamp, config: TrainConfig) -> Evaluation:
    return evaluate(load_parts(ref), None, config, ready_encoder(ref, load(ref).questions, config.encoder))
