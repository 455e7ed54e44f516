"""The Record page in every state: nothing recorded, recording, stopped, resumed, complete; broken uploads; browsing; files."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import make_questions
from homes import N_QUESTIONS, NOBODY, Home, open_page
from ollama_server import OllamaServer, digest_of
from streamlit.testing.v1 import AppTest

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import QuestionsError
from der_core.jobs import JobSnapshot, JobState
from der_core.recording import verification
from der_core.recording.plan import calls_needed
from der_core.recording.store import Call, Store
from der_core.recording.table import load_table
from der_core.records import Label
from ui.record.replies import PAGE_SIZE, load_replies
from ui.record.search import Replies, Wanted
from ui.record.start import clean_name
from ui.record.upload import VERIFYING, export
from ui.shared.home import RecordingRef, store_file
from ui.shared.loaders import load, recordings
from ui.shared.question_choice import MAX_BYTES, read_upload
from ui.shared.work import RECORDING, board, latest, start_recording

PAGE = "pages/record.py"
MODELS = ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]
OPTIONS = AskOptions(retries=0)


def opened(host: str = NOBODY, **state: object) -> AppTest:
    app = open_page(PAGE)
    app.session_state["experts_ollama_host"] = host
    for key, value in state.items():
        app.session_state[key] = value
    return app.run()


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.success, *app.code]
    return "\n".join(str(element.value) for element in shown)


def ended(timeout_s: float = 30) -> JobSnapshot:
    job = latest(RECORDING)
    assert job is not None
    return board().wait(job.id, timeout_s)


def ref_of(home: Home) -> RecordingRef:
    return RecordingRef(home.store, home.recording)


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer(lambda messages: "Yes" if len(messages[-1]["content"]) % 2 else "No", MODELS) as server:
        yield server


def test_with_nothing_recorded_the_page_says_what_to_do(empty_home: Home) -> None:
    app = opened()
    assert not app.exception
    assert "Nothing is recorded yet" in words(app)


def test_the_number_of_calls_is_told_before_the_start(empty_home: Home) -> None:
    app = opened(record_samples=10)
    assert "**120 to 160 calls**" in words(app)
    assert calls_needed(10, 4) == (120, 160)


def test_a_sample_size_out_of_range_is_clamped(empty_home: Home) -> None:
    from ui.shared.question_choice import _n_bundled

    app = opened(record_samples=9_999)
    assert f"{_n_bundled('bundled'):,} questions × 4 experts" in words(app)


def test_a_start_without_ollama_is_one_sentence_and_no_job(empty_home: Home) -> None:
    app = opened()
    app.button(key="record_start").click().run()
    assert app.warning[0].value.startswith(f"Nothing answers at `{NOBODY}`; start Ollama")
    assert latest(RECORDING) is None


def test_a_start_with_a_model_missing_shows_what_to_pull(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.models.remove("gemma3:270m")
    app = opened(ollama.url)
    app.button(key="record_start").click().run()
    assert "ollama pull gemma3:270m" in [code.value for code in app.code]
    assert latest(RECORDING) is None


def test_a_recording_runs_to_its_end_and_appears_below(empty_home: Home, ollama: OllamaServer) -> None:
    app = opened(ollama.url, record_samples=3, record_name="first\n try")
    app.button(key="record_start").click().run()
    assert not app.exception
    summary = ended().result
    assert summary.complete
    app.run()
    assert "is complete: 36 of 36 replies" in app.success[0].value
    assert [ref.title for ref in recordings()] == ["first try"]
    assert app.dataframe[0].value["smollm2-135m"].str.len().min() > 0
    assert load(recordings()[0]).n_questions == 3


def test_while_recording_there_is_progress_and_a_stop_button_instead_of_start(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("slow")
    app = opened(ollama.url, record_samples=5)
    app.button(key="record_start").click().run()
    assert app.progress and {metric.label for metric in app.metric} == {"Time left", "Per minute"}
    assert "record_start" not in {button.key for button in app.button}
    second = opened(ollama.url)
    second.button(key="record_stop").click().run()
    job = ended()
    assert job.state is JobState.STOPPED
    assert 0 <= job.result.done < job.result.total
    app.run()
    assert "stopped on request. Resume it" in words(app)


def test_a_stopped_recording_is_resumed_with_its_own_questions_and_experts(empty_home: Home, ollama: OllamaServer) -> None:
    questions = make_questions(4)
    specs = [ExpertSpec("smollm2-135m", "ollama", MODELS[0], host=ollama.url, digest=f"sha256:{digest_of(MODELS[0])}")]
    with Store.open(store_file()) as store:
        store.start_recording("half", {"command": "python -m der_core record"})
        store.add_questions("half", questions)
        store.add_experts("half", specs)
    app = opened(NOBODY)
    assert "half: 0 of at least 12 replies" in words(app)
    app.button(key="record_resume_0").click().run()
    assert ended().result.complete
    app.run()
    assert "Resume" not in {button.label for button in app.button}
    with Store.open(store_file()) as store:
        assert store.recordings()[0].meta["commands"] == ["python -m der_core record", "dashboard: Record"]


def test_faults_are_counted_by_kind(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("error")
    specs = [ExpertSpec("smollm2-135m", "ollama", MODELS[0], host=ollama.url)]
    start_recording("faulty", lambda: make_questions(4), specs, OPTIONS, "tab")
    summary = ended().result
    app = opened(NOBODY)
    counted = app.dataframe[0].value
    assert dict(zip(counted["Kind"], counted["Calls"], strict=True)) == dict(summary.faults) == {"ServerFault": 10}
    assert any("ServerFault, the last one: Ollama at" in code.value for code in app.code)


def test_a_second_recording_waits_for_the_first(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("slow")
    app = opened(ollama.url, record_samples=2)
    specs = [ExpertSpec("smollm2-135m", "ollama", MODELS[0], host=ollama.url)]
    job_id = start_recording("other tab", lambda: make_questions(20), specs, OPTIONS, "tab x")
    app.button(key="record_start").click().run()
    assert not app.exception
    assert "Recording “other tab”" in words(app)
    board().stop(job_id)
    assert ended().state is JobState.STOPPED


def test_questions_that_cannot_be_loaded_end_the_job_with_a_sentence(empty_home: Home) -> None:
    def fail() -> None:
        raise QuestionsError("google/boolq could not be loaded from the hub: offline. Without a hub, use a file.")

    start_recording("boolq", fail, [], OPTIONS, "tab")
    assert ended().state is JobState.FAILED
    assert "could not be loaded from the hub" in opened().error[0].value


def test_an_uploaded_file_becomes_the_questions(empty_home: Home) -> None:
    app = opened(record_questions="file", record_samples=50)
    assert "Choose questions that can be read" in words(app)
    app.file_uploader(key="record_file").upload("my own.csv", b"question,answer\nis it so,yes\nis it not,no\n").run()
    assert "2 questions × 4 experts" in words(app)
    assert app.text_input(key="record_name").placeholder == "my-own-2"


def test_a_broken_upload_names_its_line(empty_home: Home) -> None:
    app = opened(record_questions="file")
    app.file_uploader(key="record_file").upload("q.jsonl", b'{"question": "is it so", "answer": true}\n{"question": \n').run()
    assert app.error[0].value.startswith("q.jsonl, line 2: not JSON")
    assert not app.exception


def test_questions_without_an_answer_are_told_before_they_are_recorded(empty_home: Home) -> None:
    app = opened(record_questions="file")
    app.file_uploader(key="record_file").upload("q.csv", b"question,answer\nis it so,yes\nis it not,\n").run()
    assert app.warning[0].value == "q.csv: 2 questions, 0 with a passage, 1 yes, 0 no, 1 without an answer."
    assert not app.checkbox and not app.button(key="record_start").disabled


def test_a_file_without_any_answer_starts_only_when_that_is_confirmed(empty_home: Home) -> None:
    app = opened(record_questions="file")
    app.file_uploader(key="record_file").upload("q.csv", b"question,answr\nis it so,yes\nis it not,no\n").run()
    assert "Nobody reads: answr (is answr meant as answer?)" in app.warning[0].value
    assert app.button(key="record_start").disabled
    assert "without answers nothing can be scored" in app.checkbox[0].label
    app.checkbox[0].check().run()
    assert not app.button(key="record_start").disabled
    app.file_uploader(key="record_file").upload("other.csv", b"question,answr\nis it so,yes\nis it not,no\n").run()
    assert app.button(key="record_start").disabled


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.json", b'[{"query": "is it so", "context": "It is.", "label": 1.0}]'),
        ("my.tsv", b"query\tcontext\tlabel\nis it so\tIt is.\t1.0\n"),
        ("my.jsonl.gz", gzip.compress(b'{"query": "is it so", "context": "It is.", "label": 1.0}\n', mtime=0)),
    ],
)
def test_an_upload_may_be_of_any_format_and_is_told(empty_home: Home, name: str, content: bytes) -> None:
    app = opened(record_questions="file")
    app.file_uploader(key="record_file").upload(name, content).run()
    told = f"{name}: 1 question, 1 with a passage, 1 yes, 0 no, 0 without an answer. Taken: question from query, passage from context, answer from label."
    assert told in words(app)
    assert "1 questions × 4 experts" in words(app)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("q.csv", b"question,answer\nis it so,perhaps\n", "q.csv, line 2: the answer 'perhaps' is none of"),
        ("q.csv", b"\xff\xfe\x00", "q.csv is not UTF-8"),
        ("q.jsonl.gz", gzip.compress(bytes(200_000_000), mtime=0), "q.jsonl.gz, line 1: longer than 4 MB"),
        ("q.exe", b"MZ", "of a format that is not read"),
        ("q.jsonl", b"", "q.jsonl holds no questions"),
        ("../../etc/q.jsonl", b"7\n", "q.jsonl, line 1: not a JSON object"),
        ("q.jsonl", b"x" * (MAX_BYTES + 1), "larger than 16 MB"),
    ],
)
def test_an_upload_is_read_or_refused_with_a_sentence(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(QuestionsError, match=sentence.replace(".", r"\.")):
        read_upload(name, content)


def test_a_larger_sample_of_an_upload_holds_the_smaller_one() -> None:
    content = "\n".join(json.dumps({"question": f"is it {i}", "answer": i % 2 == 0, "passage": "p"}) for i in range(30)).encode()
    small, large = (read_upload("q.jsonl", content, False, limit).questions for limit in (5, 9))
    assert large[:5] == small
    assert {question.passage for question in large} == {None}


def test_names_are_cleaned() -> None:
    assert clean_name("  my\trecording \x00\n two ") == "myrecording two"
    assert len(clean_name("x" * 500)) == 80


def test_browsing_shows_a_page_of_questions_with_the_labels_of_each_expert(recorded_home: Home) -> None:
    app = opened()
    table = load(ref_of(recorded_home))
    shown = app.dataframe[0].value
    assert not app.exception
    assert len(shown) == PAGE_SIZE < N_QUESTIONS
    alone = Label(int(table.labels[0, 2, Label.NONE]))
    assert shown["dear"][0].split()[:2] == ["✓" if alone == table.questions[0].gold else "✗", alone.word]


def test_the_page_of_questions_is_in_the_address(recorded_home: Home) -> None:
    ids = [question.id for question in load(ref_of(recorded_home)).questions]
    shown = {page: open_page(PAGE, record_page=page).dataframe[0].value["Id"].tolist() for page in ("1", "2", "99", "two")}
    assert shown["1"] == shown["99"] == shown["two"] == ids[:PAGE_SIZE]
    assert shown["2"] == ids[PAGE_SIZE : 2 * PAGE_SIZE]


def test_the_search_reaches_every_page_and_shows_a_single_hit_in_full(recorded_home: Home) -> None:
    app = opened(record_search="q71")
    assert app.dataframe[0].value["Id"].tolist() == ["q71"]
    codes = [code.value for code in app.code]
    assert "Is statement number 71 true?" in codes
    assert len([code for code in codes if code in ("yes", "no")]) == 9
    assert any("P(yes)" in caption.value for caption in app.caption)


def test_nothing_found_is_an_empty_state(recorded_home: Home) -> None:
    app = opened(record_search="no such words anywhere")
    assert f"None of the {N_QUESTIONS} questions fits" in words(app)


def test_only_questions_that_an_expert_got_wrong_are_shown(recorded_home: Home) -> None:
    app = opened(record_wrong="middling")
    assert all(cell.startswith("✗") for cell in app.dataframe[0].value["middling"])


def test_a_page_beyond_the_last_is_the_last(recorded_home: Home) -> None:
    app = opened(record_page=99)
    assert not app.exception
    assert app.dataframe[0].value["Id"].tolist()[-1] in {f"q{i}" for i in range(N_QUESTIONS)}


def test_the_filters_agree_with_their_definitions(recorded_home: Home) -> None:
    replies = load_replies(ref_of(recorded_home))
    table = replies.table
    wrong = replies.find(Wanted(wrong="dear", kinds=("odd",)))
    slow = [
        row for row, question in enumerate(table.questions) if question.kind == "odd" and table.labels[row, 2, Label.NONE] != question.gold
    ]
    assert wrong.tolist() == slow
    assert replies.find(Wanted(invalid=True)).tolist() == []
    assert len(replies.find(Wanted(wrong="nobody of that name"))) == N_QUESTIONS


def test_the_search_reads_passages_and_replies_too(recorded_home: Home) -> None:
    replies = load_replies(ref_of(recorded_home))
    spoken = Replies(replies.table, {Call("q5", "dear", Label.NONE): "It DEPENDS on the weather"})
    assert spoken.find(Wanted("depends on")).tolist() == [5]
    assert replies.find(Wanted("PASSAGE NUMBER 7,")).tolist() == [14, 15]


def test_an_incomplete_recording_can_be_browsed(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("error")
    specs = [ExpertSpec("smollm2-135m", "ollama", MODELS[0], host=ollama.url)]
    start_recording("faulty", lambda: make_questions(4), specs, OPTIONS, "tab")
    ended()
    app = opened(NOBODY)
    assert not app.exception
    assert app.dataframe[1].value["smollm2-135m"].tolist() == ["– (–)"] * 4


def test_an_export_holds_the_recording_and_no_address(recorded_home: Home, tmp_path: Path) -> None:
    place = tmp_path / "copy.sqlite"
    place.write_bytes(export(ref_of(recorded_home)))
    with Store.open(place, create=False) as store:
        copy = load_table(store, recorded_home.recording)
    assert copy.data_hash() == load(ref_of(recorded_home)).data_hash()
    assert {spec.host for spec in copy.experts} == {None}
    assert NOBODY.encode() not in place.read_bytes()


def test_a_shipped_recording_can_be_exported_and_stays_as_it_is(demo_home: Home) -> None:
    (ref,) = recordings()
    before = ref.file.read_bytes()
    assert export(ref).startswith(b"SQLite format 3")
    assert ref.file.read_bytes() == before


def test_verify_says_that_all_is_well(recorded_home: Home) -> None:
    app = verified(opened())
    assert app.success[0].value.startswith("Verified")
    assert latest(VERIFYING).history == (recorded_home.store,) * 8


def verified(app: AppTest) -> AppTest:
    app.button(key="record_verify").click().run()
    board().wait(latest(VERIFYING).id, 60)
    return app.run()


def test_verifying_is_a_job_with_progress_that_can_be_stopped(recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hashing, may_go = threading.Event(), threading.Event()

    def slow(rows: object) -> Iterator[str]:
        hashing.set()
        assert may_go.wait(60)
        yield from ()

    name, _ = verification._CHECKS[1]
    monkeypatch.setattr(verification, "_CHECKS", (verification._CHECKS[0], (name, slow), *verification._CHECKS[2:]))
    app = opened()
    app.button(key="record_verify").click().run()
    assert hashing.wait(60)
    app.run()
    assert not app.exception
    assert [(bar.value, bar.text) for bar in app.progress] == [(14, "Checking questions")]
    app.button(key="record_verify_stop").click().run()
    may_go.set()
    assert board().wait(latest(VERIFYING).id, 60).state is JobState.STOPPED
    app.run()
    assert not app.success and not app.error and not app.progress


def test_verify_finds_a_reply_that_was_tampered_with(recorded_home: Home) -> None:
    with Store.open(recorded_home.store) as store, store._transaction() as db:
        db.execute("UPDATE replies SET p_yes = 7 WHERE id = 1")
    app = verified(opened())
    assert "table replies, row 1: P(yes) is 7" in app.error[0].value and "1 problems" in app.error[1].value
    assert any("P(yes) is 7" in code.value for code in app.code)


def test_a_store_that_is_none_is_one_sentence(empty_home: Home) -> None:
    empty_home.folder.mkdir(parents=True)
    empty_home.store.write_text("this is not a database, whatever its name says")
    app = opened()
    assert not app.exception
    assert "cannot be used: file is not a database" in app.error[0].value
    assert not open_page("pages/experts.py").exception


def test_reading_while_recording_shows_what_is_there(empty_home: Home, ollama: OllamaServer) -> None:
    ollama.fail("slow")
    specs = [ExpertSpec("smollm2-135m", "ollama", MODELS[0], host=ollama.url)]
    job_id = start_recording("live", lambda: make_questions(20), specs, OPTIONS, "tab")
    while not (job := board().snapshot(job_id)) or not job.report.record or job.report.record.done < 2:
        time.sleep(0.02)
    app = opened(NOBODY)
    board().stop(job_id)
    ended()
    assert not app.exception
    assert np.any(app.dataframe[0].value["smollm2-135m"] != "– (–)")
