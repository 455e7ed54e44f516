"""What pages read, cached: tables, runs, evaluations. Every cache is bounded and keyed by the state of what it read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from der_core.config import DEFAULT_ENCODER, SPLIT_SEED, ExpertSpec, TrainConfig
from der_core.errors import DerError, IncompleteRecording, StoreError
from der_core.evaluation.experiment import Evaluation, Parts, choose_splits, cut, evaluate
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run, UnreadableRun
from der_core.recording.splits import Splits
from der_core.recording.store import RecordingInfo, Store
from der_core.recording.table import Table, load_table
from der_core.records import Question
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.saved.trained import TrainedRouter
from der_core.routing.state import state_texts
from ui.shared.encoding import NotEncoded, Unencoded
from ui.shared.home import DEMO_STORE, RecordingRef, own_encoder, run_store, store_file

Stamp = tuple[tuple[int, int], ...]
"""Size and time of change of a file and of its write-ahead log; part of a cache key."""

FreshEvaluations = dict[tuple[str, str], Evaluation]
"""Comparisons by the place of the runs and the run's id."""

State = tuple[int, ...]
"""What one recording of a file holds; part of the cache keys of all that is read from it."""


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
    except OSError as error:
        raise StoreError(f"{place} cannot be looked at ({error.strerror}); set DER_HOME to a folder that can be written to.") from error


def state_of(ref: RecordingRef) -> State:
    """Return what a recording holds, in a few numbers; () where it is gone. Writing to others in the same file changes nothing of it."""
    return _states(ref.file, stamp(ref.file)).get(ref.name, ())


def recordings() -> list[RecordingRef]:
    """Return every recording this dashboard can see: the shipped one first, for a small one made on the side must not take its place; then the user's own, newest first."""
    own = [RecordingRef(store_file(), info.name) for info in _infos(store_file(), stamp(store_file()))]
    shipped = [RecordingRef(DEMO_STORE, info.name, shipped=True) for info in _infos(DEMO_STORE, stamp(DEMO_STORE))]
    return [*shipped, *reversed(own)]


def recording_info(ref: RecordingRef) -> RecordingInfo | None:
    """Return what a recording holds and how it was made, None where it is gone."""
    return next((info for info in _infos(ref.file, stamp(ref.file)) if info.name == ref.name), None)


def recorded_experts(ref: RecordingRef) -> tuple[ExpertSpec, ...]:
    """Return the experts of a recording, in recorded order."""
    return _experts(ref.file, ref.name, state_of(ref))


def own_experts() -> tuple[ExpertSpec, ...]:
    """Return the experts of all recordings of the person's own, newest first, with the addresses they were recorded at; none of a damaged store."""
    try:
        return tuple(spec for ref in recordings() if not ref.shipped for spec in recorded_experts(ref))
    except DerError:  # other pages tell what is wrong with it
        return ()


def load(ref: RecordingRef, experts: Sequence[str] | None = None) -> Table:
    """Return the table of a recording, or of some of its experts by name; raises IncompleteRecording while no question is complete."""
    return _table(ref.file, ref.name, state_of(ref), _part(ref, experts))


def load_parts(ref: RecordingRef, splits: Splits | None = None, seed: int = SPLIT_SEED, experts: Sequence[str] | None = None) -> Parts:
    """Return the recording (of `experts`, None: of all) cut by `splits`, or by shares under `seed`."""
    table = load(ref, experts)
    return cut(table, splits or choose_splits(table.questions, seed, None, None))


@contextmanager
def open_store(ref: RecordingRef) -> Iterator[Store]:
    """Hold the store of a recording open, for reading."""
    with Store.open(ref.file, create=False, read_only=True) as store:
        yield store


def text_encoder(ref: RecordingRef | None = None, name: str = DEFAULT_ENCODER) -> CachedEncoder:
    """Return an encoder that looks in the recording's store, then in the user's own, and only then loads the model."""
    encoder = CachedEncoder(_sentence_encoder(name), _kept_open(store_file(), shipped=False))
    return CachedEncoder(encoder, _kept_open(ref.file, shipped=True), keep=False) if ref and ref.shipped else encoder


def ready_encoder(ref: RecordingRef, questions: Sequence[Question], config: TrainConfig) -> TextEncoder:
    """Return an encoder that knows all of `questions` already; NotEncoded where it would have to load the model for some."""
    encoder, state = text_encoder(ref, config.encoder), config.episode.state
    missing = encoder.missing(state_texts(questions, state))
    if missing:
        raise NotEncoded(Unencoded(ref, config.encoder, state), len(missing))
    return encoder


def questions_of(parts: Parts) -> list[Question]:
    """Return the questions of all parts."""
    return [question for part in (parts.training, parts.validation, parts.test) for question in part.questions]


def live_encoder(name: str = DEFAULT_ENCODER) -> TextEncoder:
    """Return the encoder itself, for what people type: nothing of it is kept."""
    return _sentence_encoder(name)


def runs() -> tuple[Run, ...]:
    """Return all finished trainings, starred first, then newest."""
    return run_store().list()


def unreadable_runs() -> tuple[UnreadableRun, ...]:
    """Return the folders among the runs that cannot be shown, each with the reason."""
    return run_store().unreadable()


def run_report(run_id: str) -> Json:
    """Return the report of a run."""
    return _report(str(run_store().root), run_id)


def run_router(run_id: str) -> TrainedRouter:
    """Return the router of a run."""
    return _router(str(run_store().root), run_id)


def run_experts(run_id: str) -> tuple[str, ...]:
    """Return the names of the experts that a run uses: all of its recording, or some."""
    return tuple(expert["name"] for expert in run_report(run_id)["experts"])


def run_recording(run_id: str) -> RecordingRef | None:
    """Return the recording that a run was trained on, found by the data hash of the run's experts in it; None where it is not here (any more)."""
    wanted, names = run_report(run_id), run_experts(run_id)
    holding = (ref for ref in recordings() if _identities(wanted["experts"]) <= _identities(map(asdict, recorded_experts(ref))))
    return next((ref for ref in holding if _hash(ref.file, ref.name, state_of(ref), _part(ref, names)) == wanted["data"]["hash"]), None)


def run_parts(run_id: str, ref: RecordingRef) -> Parts:
    """Return the recording of a run, cut as it was for the run."""
    splits = Splits(**{side: tuple(ids) for side, ids in run_report(run_id)["splits"].items()})
    return load_parts(ref, splits, experts=run_experts(run_id))


def run_evaluation(run_id: str) -> Evaluation | None:
    """Return the held-out comparison of a run, routes included; None where its recording is gone, NotEncoded before it is encoded."""
    ref = run_recording(run_id)
    return None if ref is None else _evaluation(str(run_store().root), run_id, ref)


def keep_evaluation(waiting: FreshEvaluations, root: Path, run_id: str, evaluation: Evaluation) -> None:
    """Hand over the comparison with which a training ended, so that nobody has to make it again; only the newest waits to be asked for."""
    waiting.clear()
    waiting[str(root), run_id] = evaluation


def baseline_evaluation(ref: RecordingRef, config: TrainConfig) -> Evaluation:
    """Return the held-out comparison of the baselines alone, for a recording without a run; NotEncoded before it is encoded."""
    return _baselines(ref, state_of(ref), config)


@st.cache_data(max_entries=8, show_spinner=False)
def _infos(path: Path, state: Stamp) -> tuple[RecordingInfo, ...]:
    if not state:
        return ()
    with Store.open(path, create=False, read_only=True) as store:
        return store.recordings()


@st.cache_data(max_entries=8, show_spinner=False)
def _states(path: Path, state: Stamp) -> dict[str, State]:
    if not state:
        return {}
    with Store.open(path, create=False, read_only=True) as store:
        return store.states()


@st.cache_data(max_entries=64, show_spinner=False)
def _experts(path: Path, name: str, state: State) -> tuple[ExpertSpec, ...]:
    with Store.open(path, create=False, read_only=True) as store:
        return store.experts(name)


def _part(ref: RecordingRef, experts: Sequence[str] | None) -> tuple[str, ...] | None:
    """The experts as part of a cache key; None for all of them, however that was said: the whole is read and hashed once."""
    if experts is None or list(experts) == [spec.name for spec in recorded_experts(ref)]:
        return None
    return tuple(experts)


def _identities(experts: Iterable[Mapping[str, Any]]) -> set[tuple[str, ...]]:  # Any: fields of an expert, of a report or of a recording
    """What tells at once, before anything is read and hashed, that a recording cannot be that of a run."""
    return {(expert["name"], expert["backend"], expert["style"], expert["digest"]) for expert in experts}


@st.cache_resource(max_entries=8, show_spinner="Reading the recording")
def _table(path: Path, name: str, state: State, part: tuple[str, ...] | None) -> Table:
    with Store.open(path, create=False, read_only=True) as store:
        return load_table(store, name, experts=part)


@st.cache_data(max_entries=64, show_spinner=False)
def _hash(path: Path, name: str, state: State, part: tuple[str, ...] | None) -> str:
    try:
        return _table(path, name, state, part).data_hash()
    except IncompleteRecording:
        return ""


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept_open(path: Path, shipped: bool) -> Store:
    return Store.open(path, read_only=shipped)


@st.cache_resource(max_entries=2, show_spinner=False)
def _sentence_encoder(name: str) -> SentenceEncoder:
    return SentenceEncoder(name, confirmed=name == own_encoder())


@st.cache_data(max_entries=32, show_spinner=False)
def _report(root: str, run_id: str) -> Json:
    return run_store().load_report(run_id)


@st.cache_resource(max_entries=32, show_spinner=False)
def _router(root: str, run_id: str) -> TrainedRouter:
    return run_store().load_router(run_id)


@st.cache_resource(max_entries=8, show_spinner="Comparing with every baseline")
def _evaluation(root: str, run_id: str, ref: RecordingRef) -> Evaluation:
    # No stamp: a run names its data by hash, so whatever else happens to the file changes nothing.
    fresh = fresh_evaluations().pop((root, run_id), None)
    if fresh is not None:
        return fresh
    router, parts = run_router(run_id), run_parts(run_id, ref)
    return evaluate(parts, router, router.config, ready_encoder(ref, questions_of(parts), router.config))


@st.cache_resource
def fresh_evaluations() -> FreshEvaluations:
    """Return where the comparison of the newest training waits; for `keep_evaluation`, which a job's thread calls."""
    return {}


@st.cache_resource(max_entries=4, show_spinner="Comparing the baselines")
def _baselines(ref: RecordingRef, state: State, config: TrainConfig) -> Evaluation:
    parts = load_parts(ref)
    return evaluate(parts, None, config, ready_encoder(ref, questions_of(parts), config))
