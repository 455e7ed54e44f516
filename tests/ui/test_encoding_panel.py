"""A recording without vectors: Compare, Route and an upload start the encoding as a job, show it, and go on when it is done."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from fakes import HashEncoder, make_questions
from homes import N_QUESTIONS, Home, fast_encoder, open_page
from ollama_server import OllamaServer
from streamlit.testing.v1 import AppTest

import ui.shared.loaders
from der_core.config import DEFAULT_ENCODER, DEPLOYABLE, AskOptions, ExpertSpec
from der_core.jobs import JobSnapshot, JobState
from der_core.records import Label
from der_core.routing.state import state_texts
from ui.shared.encoding import BATCH, NotEncoded, Unencoded
from ui.shared.home import RecordingRef
from ui.shared.loaders import baseline_evaluation, load, text_encoder
from ui.shared.work import ENCODING, RECORDING, board, latest, start_recording

N_TEXTS = N_QUESTIONS + N_QUESTIONS // 2 + len(Label)
"""Two questions share a passage; answers are encoded as well."""


class Patient(HashEncoder):
    """An encoder that gives its first batch at once and then waits for `go`."""

    def __init__(self, go: threading.Event) -> None:
        super().__init__()
        self.id = DEFAULT_ENCODER
        self.go = go
        self.batches = 0

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.batches += 1
        if self.batches > 1:
            assert self.go.wait(60)
        return super().encode(texts)


@pytest.fixture
def bare_home(recorded_home: Home) -> Home:
    """A home whose recording has no vectors, as after a recording on the command line."""
    forget_vectors(recorded_home)
    return recorded_home


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    encoder = Patient(threading.Event())
    monkeypatch.setattr(ui.shared.loaders, "_sentence_encoder", lambda name: encoder)
    yield encoder
    encoder.go.set()


def forget_vectors(home: Home) -> None:
    with sqlite3.connect(home.store) as db:
        db.execute("DELETE FROM vectors")


def ref_of(home: Home) -> RecordingRef:
    return RecordingRef(home.store, home.recording)


def ended(kind: str = ENCODING) -> JobSnapshot:
    job = latest(kind)
    assert job is not None
    return board().wait(job.id, 60)


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.markdown, *app.caption, *app.info, *app.error))


def wait_for_the_first_batch(app: AppTest) -> AppTest:
    for _ in range(200):
        job = latest(ENCODING)
        if job is not None and "of" in job.report.text:
            return app.run()
        threading.Event().wait(0.05)
    raise AssertionError("no batch was encoded")


def test_compare_does_not_encode_in_the_script_but_shows_a_job(bare_home: Home, patient: Patient) -> None:
    app = wait_for_the_first_batch(open_page("pages/compare.py"))
    assert not app.exception
    assert not app.get("plotly_chart")
    job = latest(ENCODING)
    assert job is not None and job.state is JobState.RUNNING
    assert job.report.text == f"Encoding the questions: {BATCH} of {N_TEXTS} texts"
    assert job.report.eta_s is not None
    assert "Encoding the questions of “small”" in words(app)
    assert not app.button(key="encoding_stop").disabled


def test_compare_draws_itself_when_the_job_is_done(bare_home: Home, patient: Patient) -> None:
    app = open_page("pages/compare.py")
    patient.go.set()
    assert ended().state is JobState.DONE
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    assert text_encoder(ref_of(bare_home)).missing(state_texts(load(ref_of(bare_home)).questions, "features")) == ()


def test_a_stopped_encoding_is_not_started_again_by_itself_and_goes_on_where_it_was(bare_home: Home, patient: Patient) -> None:
    app = wait_for_the_first_batch(open_page("pages/compare.py"))
    app.button(key="encoding_stop").click().run()
    assert ended().state is JobState.STOPPED
    patient.go.set()
    app.run()
    assert latest(ENCODING).id == ended().id
    assert "Encoding was stopped" in words(app)
    left = text_encoder(ref_of(bare_home)).missing(state_texts(load(ref_of(bare_home)).questions, "features"))
    assert len(left) in (N_TEXTS - BATCH, N_TEXTS - 2 * BATCH)  # the batch under way may still come to its end
    with pytest.raises(NotEncoded, match="texts of small have to be encoded"):
        baseline_evaluation(ref_of(bare_home), DEPLOYABLE)
    app.button(key="encoding_start").click().run()
    assert ended().state is JobState.DONE
    assert len(app.run().get("plotly_chart")) == 1


def test_a_failed_encoding_is_one_line_and_can_be_tried_again(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(HashEncoder):
        id = DEFAULT_ENCODER

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            raise ui.shared.loaders.NotEncoded(Unencoded(ref_of(bare_home), self.id, "features"), 1)

    monkeypatch.setattr(ui.shared.loaders, "_sentence_encoder", lambda name: Broken())
    app = open_page("pages/compare.py")
    assert ended().state is JobState.FAILED
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    monkeypatch.setattr(ui.shared.loaders, "_sentence_encoder", fast_encoder)
    app.button(key="encoding_start").click().run()
    ended()
    assert len(app.run().get("plotly_chart")) == 1


def test_an_encoding_of_another_recording_is_watched_first(bare_home: Home, patient: Patient) -> None:
    over = threading.Event()
    other = board().start(ENCODING, "Encoding the questions of “other”", lambda job: over.wait(60), "tab of somebody")
    app = open_page("pages/compare.py")
    assert not app.exception
    assert "Encoding the questions of “other”" in words(app)
    over.set()
    board().wait(other, 60)
    app.run()
    patient.go.set()
    assert ended().history[0] == Unencoded(ref_of(bare_home), DEFAULT_ENCODER, "features")
    assert len(app.run().get("plotly_chart")) == 1


def test_an_uploaded_router_waits_for_its_recording(trained_home: Home, patient: Patient) -> None:
    body = trained_home.runs.router_path(trained_home.run_id).read_bytes()
    forget_vectors(trained_home)
    shutil.rmtree(trained_home.runs.root)
    app = open_page("pages/runs.py")
    app.file_uploader(key="runs_upload").upload("theirs.zip", body).run()
    app.button(key="runs_keep").click().run()
    assert not app.exception
    assert latest(ENCODING).state is JobState.RUNNING and trained_home.runs.list() == ()
    patient.go.set()
    ended()
    app.run()
    assert [run.name for run in trained_home.runs.list()] == ["theirs"]


def test_a_finished_recording_is_encoded_as_well(empty_home: Home) -> None:
    questions = make_questions(6)
    with OllamaServer(lambda messages: "Yes", ["smollm2:135m"]) as server:
        spec = ExpertSpec(name="smollm", backend="ollama", model="smollm2:135m", host=server.url)
        start_recording("own", lambda: questions, [spec], AskOptions(retries=0), "tab")
        job = ended(RECORDING)
    assert job.result.complete
    assert text_encoder().missing(state_texts(questions, "features")) == ()
