"""The store keeps replies exactly, finds them by what was asked, and tells when its file is not sound."""

from __future__ import annotations

import hashlib
import math
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says

from der_core.config import ExpertSpec
from der_core.errors import StoreError
from der_core.recording import database, packing, schema
from der_core.recording.packing import is_about, pack_text, unpack_text
from der_core.recording.recorder import record
from der_core.recording.store import Calibration, Call, Entry, FlipRate, Store
from der_core.recording.table import load_table
from der_core.records import Label, Question, Reply

EXPERT = ScriptedExpert(make_spec(), says(Label.YES, 0.8))
QUESTIONS = make_questions(4)
DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo.sqlite"
FIRST = Call("q0", "small", Label.NONE)


def fill(opened: Store, recording: str = "demo", questions: tuple[Question, ...] = QUESTIONS, expert: ScriptedExpert = EXPERT) -> None:
    opened.start_recording(recording, {"command": "make demo"})
    opened.add_questions(recording, questions)
    opened.add_experts(recording, [expert.spec])
    for question in questions:
        for label in (Label.NONE, Label.YES, Label.NO):
            call = Call(question.id, expert.spec.name, label)
            opened.put_reply(recording, call, expert.request(question, label), expert.ask(question, label))


@pytest.fixture
def opened(tmp_path: Path):
    with Store.open(tmp_path / "store.db", now=lambda: 1_800_000_000.9) as made:
        fill(made)
        yield made


def change(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as db:
        db.execute(sql, values)
    db.close()


def test_reply_comes_back_as_it_was_put(opened: Store):
    request = EXPERT.request(QUESTIONS[1], Label.NO)
    assert opened.find_reply(request.key) == EXPERT.ask(QUESTIONS[1], Label.NO)


def test_what_a_server_does_not_report_comes_back_as_unknown(opened: Store):
    call, request = Call("q0", "small", Label.INVALID), EXPERT.request(QUESTIONS[0], Label.INVALID)
    reply = replace(EXPERT.ask(QUESTIONS[0], Label.INVALID), p_yes=None, load_s=math.nan, model_digest="served as another")
    opened.put_reply("demo", call, request, reply)
    found = opened.find_reply(request.key)
    assert found is not None and found.p_yes is None and math.isnan(found.load_s)
    assert replace(found, load_s=0.0) == replace(reply, load_s=0.0)


def test_half_characters_in_a_reply_are_replaced(opened: Store):
    call, request = Call("q0", "small", Label.INVALID), EXPERT.request(QUESTIONS[0], Label.INVALID)
    opened.put_reply("demo", call, request, replace(EXPERT.ask(QUESTIONS[0], Label.INVALID), text="yes \ud83d"))
    assert opened.find_reply(request.key).text == "yes ?"


def test_a_request_never_made_has_no_reply(opened: Store):
    assert opened.find_reply(EXPERT.request(QUESTIONS[0], Label.INVALID).key) is None


def test_entries_say_where_each_reply_belongs(opened: Store):
    entries = opened.entries("demo")
    assert len(entries) == 12
    assert Entry(FIRST, EXPERT.request(QUESTIONS[0], Label.NONE).key, Label.YES) in entries


def test_the_first_reply_to_a_request_stays(opened: Store):
    request = EXPERT.request(QUESTIONS[0], Label.NONE)
    opened.put_reply("demo", FIRST, request, replace(EXPERT.ask(QUESTIONS[0], Label.NONE), text="another"))
    assert opened.find_reply(request.key).text == "yes"


def test_two_recordings_share_a_reply(opened: Store):
    opened.start_recording("second")
    opened.add_questions("second", QUESTIONS[:1])
    opened.add_experts("second", [EXPERT.spec])
    opened.link_reply("second", FIRST, EXPERT.request(QUESTIONS[0], Label.NONE).key)
    assert [entry.call for entry in opened.entries("second")] == [FIRST]
    assert opened.verify() == []


def test_a_place_cannot_be_filled_with_a_reply_that_is_not_there(opened: Store):
    with pytest.raises(StoreError, match="no reply of key b2:0000"):
        opened.link_reply("demo", FIRST, "b2:" + "0" * 32)


@pytest.mark.parametrize("call", [Call("q9", "small", Label.NONE), Call("q0", "large", Label.NONE)])
def test_a_reply_needs_its_question_and_expert_in_the_recording(opened: Store, call: Call):
    with pytest.raises(StoreError, match="add them first"):
        opened.put_reply("demo", call, EXPERT.request(QUESTIONS[0], Label.NONE), EXPERT.ask(QUESTIONS[0], Label.NONE))


def test_a_failed_put_leaves_nothing_behind(opened: Store):
    request = EXPERT.request(make_questions(6)[5], Label.NONE)
    with pytest.raises(StoreError):
        opened.put_reply("demo", Call("q5", "small", Label.NONE), request, EXPERT.ask(QUESTIONS[0], Label.NONE))
    assert opened.find_reply(request.key) is None and opened.verify() == []


def test_questions_and_experts_come_back_in_the_order_of_adding(opened: Store):
    more = make_questions(6)
    opened.add_questions("demo", [more[5], *QUESTIONS])
    opened.add_experts("demo", [make_spec("a"), EXPERT.spec])
    assert opened.questions("demo") == (*QUESTIONS, more[5])
    assert opened.experts("demo") == (EXPERT.spec, make_spec("a"))


def test_another_question_of_the_same_id_is_refused(opened: Store):
    with pytest.raises(StoreError, match="Question q0 .* another text"):
        opened.add_questions("demo", [replace(QUESTIONS[0], passage=None)])


def test_another_model_of_the_same_name_is_refused(opened: Store):
    with pytest.raises(StoreError, match="Expert small .* another model"):
        opened.add_experts("demo", [replace(EXPERT.spec, digest="sha256:other")])


def test_an_expert_may_move_to_another_host(opened: Store):
    opened.add_experts("demo", [replace(EXPERT.spec, host="http://127.0.0.1:9")])
    assert len(opened.experts("demo")) == 1


def test_recordings_are_listed_with_what_they_hold(opened: Store):
    opened.put_fault("demo", "small", "BadReply", "no JSON")
    opened.start_recording("demo", {"machine": "laptop"})
    (info,) = opened.recordings()
    assert (info.name, info.n_questions, info.n_experts, info.n_entries, info.n_faults) == ("demo", 4, 1, 12, 1)
    assert info.meta == {"command": "make demo", "machine": "laptop"} and info.created_utc == 1_800_000_000


def test_faults_are_kept_with_their_cause(opened: Store):
    opened.put_fault("demo", "small", "BadReply", "no JSON")
    (fault,) = opened.faults("demo")
    assert (fault.expert, fault.kind, fault.message, fault.created_utc) == ("small", "BadReply", "no JSON", 1_800_000_000)


def test_an_unknown_recording_is_told_with_those_there_are(opened: Store):
    with pytest.raises(StoreError, match="no recording named 'dmeo'; it holds: demo"):
        opened.questions("dmeo")


def test_everything_is_there_after_opening_again(opened: Store):
    before = opened.entries("demo")
    opened.close()
    with Store.open(opened.path) as again:
        assert again.entries("demo") == before and again.questions("demo") == QUESTIONS


def test_a_killed_process_loses_nothing_that_was_put(tmp_path: Path):
    here = Path(__file__).parent
    script = f"""
import sys, os, signal
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}, {str(here.parent.parent)!r}]
from test_store import fill
from der_core.recording.store import Store
fill(Store.open({str(tmp_path / "store.db")!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == -9
    with Store.open(tmp_path / "store.db", create=False) as left:
        assert len(left.entries("demo")) == 12 and left.verify() == []


def test_threads_share_a_store(opened: Store):
    questions = make_questions(40)
    opened.add_questions("demo", questions)

    def put(part: tuple[Question, ...]) -> None:
        for question in part:
            request = EXPERT.request(question, Label.INVALID)
            opened.put_reply("demo", Call(question.id, "small", Label.INVALID), request, EXPERT.ask(question, Label.INVALID))

    threads = [threading.Thread(target=put, args=(questions[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened.entries("demo")) == 12 + 40 and opened.verify() == []


def test_several_readers_see_what_is_committed(opened: Store):
    with Store.open(opened.path) as second, Store.open(opened.path, read_only=True) as third:
        opened.start_recording("later")
        assert [info.name for info in second.recordings()] == [info.name for info in third.recordings()] == ["demo", "later"]


def test_vectors_that_halves_can_hold_take_half_the_room(opened: Store):
    halves = np.array([0.5, -0.25, 0.1], dtype=np.float16).astype(np.float32)
    opened.put_vectors("mini", {"halves": halves, "whole": np.full(3, 0.1, dtype=np.float32)})
    with sqlite3.connect(opened.path) as db:
        assert sorted(db.execute("SELECT length(vector), packed FROM vectors")) == [(6, "f2"), (12, "f4")]
    np.testing.assert_array_equal(opened.get_vectors("mini", ["halves"])["halves"], halves)


def test_vectors_come_back_by_text_and_encoder(opened: Store):
    vectors = {"a": np.arange(3, dtype=np.float32), "b": np.full(3, 0.1, dtype=np.float64)}
    opened.put_vectors("mini", vectors)
    found = opened.get_vectors("mini", ["b", "c", "a", "b"])
    assert list(found) == ["b", "a"] and found["a"].dtype == np.float32
    np.testing.assert_array_equal(found["b"], np.full(3, 0.1, dtype=np.float32))
    assert opened.get_vectors("maxi", ["a"]) == {}


def test_a_sound_store_has_no_problems(opened: Store):
    assert opened.verify() == []


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE replies SET label = 9 WHERE id = 1", "9 is not the code of a label"),
        ("UPDATE replies SET label = 0 WHERE id = 1", "0 is not the code of a label"),
        ("UPDATE replies SET p_yes = 1.5 WHERE id = 1", "1.5, not a probability"),
        ("UPDATE replies SET wall_s = 9e999 WHERE id = 1", "wall_s is inf"),
        ("UPDATE replies SET prompt_s = 'fast' WHERE id = 1", "prompt_s is 'fast'"),
        ("UPDATE replies SET prompt_tokens = -1 WHERE id = 1", "prompt_tokens is -1"),
        ("UPDATE replies SET key = zeroblob(16) WHERE id = 1", "does not hash to its key"),
        ("UPDATE replies SET texts = '[1]' WHERE id = 1", "does not hash to its key"),
        ("UPDATE replies SET texts = '{' WHERE id = 1", "does not hash to its key"),
        ("UPDATE frames SET body = replace(body, '\"seed\":7', '\"seed\":8')", "does not hash to its key"),
        ("UPDATE texts SET body = zeroblob(9) WHERE id = 2", "does not hash to its key"),
        ("UPDATE questions SET body = replace(body, 'number 0', 'number 9') WHERE id = 1", "Question 1: its text is not the one"),
        ("UPDATE questions SET body = '{}' WHERE id = 1", "Question 1: its text is not the one"),
        ("UPDATE entries SET reply = 4 WHERE reply = 1", "another question or expert was asked"),
        ("UPDATE entries SET reply = 99 WHERE reply = 1", "refers to a row of replies that is not there"),
        ("UPDATE entries SET previous_label = 7 WHERE reply = 1", "not the code of a label"),
        ("DELETE FROM recorded_questions WHERE question_id = 'q0'", "no question or no expert of its recording"),
        ("UPDATE recorded_experts SET spec = replace(spec, 'sha256:small', 'sha256:large')", "another question or expert was asked"),
    ],
)
def test_tampering_is_found(opened: Store, sql: str, problem: str):
    change(opened.path, sql)
    assert any(problem in line for line in opened.verify())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE questions SET body = '[]'",
        "UPDATE recorded_experts SET spec = '{\"nom\": 1}'",
        "DELETE FROM recorded_questions",
        "UPDATE entries SET previous_label = 7 WHERE reply = 1",
    ],
)
def test_reading_what_was_not_recorded_ends_in_one_line(opened: Store, sql: str):
    change(opened.path, sql)
    with pytest.raises(StoreError, match="store verify") as caught:
        _ = opened.questions("demo"), opened.experts("demo"), opened.entries("demo")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_not_created_unless_asked(tmp_path: Path):
    with pytest.raises(StoreError, match="no recording store at"):
        Store.open(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()


def test_folders_are_made_for_a_new_store(tmp_path: Path):
    with Store.open(tmp_path / "a" / "b" / "store.db") as made:
        assert made.recordings() == ()


def test_a_text_file_is_not_a_store(tmp_path: Path):
    (tmp_path / "notes.db").write_text("not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"notes\.db cannot be used: file is not a database"):
        Store.open(tmp_path / "notes.db")


def test_a_folder_is_not_a_store(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(tmp_path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path):
    change(tmp_path / "other.db", "CREATE TABLE cats (name TEXT)")
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(StoreError, match="not a recording store"):
        Store.open(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_damaged_file_ends_in_one_line(opened: Store, tmp_path: Path):
    opened.export(tmp_path / "copy.db", "demo")
    whole = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "copy.db").write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreError, match="malformed") as caught, Store.open(tmp_path / "copy.db") as damaged:
        damaged.recordings()
    assert "\n" not in str(caught.value)


def test_a_newer_schema_is_refused(opened: Store):
    change(opened.path, f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="newer version"):
        Store.open(opened.path)


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path):
    opened, start = [], threading.Barrier(8)

    def open_one(place: Path):
        start.wait()
        with Store.open(place) as own:
            opened.append(own.recordings())

    for attempt in range(5):
        threads = [threading.Thread(target=open_one, args=(tmp_path / f"{attempt}.db",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert opened == [()] * 40


def test_an_older_file_is_brought_up_to_date(opened: Store, monkeypatch: pytest.MonkeyPatch):
    opened.close()
    monkeypatch.setattr(database, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE faults ADD COLUMN host TEXT;"))
    with Store.open(opened.path) as newer:
        assert newer.verify() == [] and len(newer.entries("demo")) == 12
    with Store.open(opened.path, read_only=True) as again:
        assert again.questions("demo") == QUESTIONS


@pytest.fixture
def old_file(opened: Store, tmp_path: Path) -> Path:
    """The recording as a program of version 2 wrote it: no room for evidence, and 0 for a count that was not told."""
    place = tmp_path / "old.db"
    old = sqlite3.connect(place)
    old.executescript("".join(schema.MIGRATIONS[:2]))
    old.execute("ATTACH ? AS new", (str(opened.path),))
    for table in ("recordings", "questions", "recorded_questions", "recorded_experts", "frames", "texts", "replies", "entries", "faults"):
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
        old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
    old.execute("UPDATE main.replies SET prompt_tokens = 0 WHERE id = 1")
    old.commit()
    old.execute("DETACH new")
    old.executescript(f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 2")
    old.close()
    return place


def test_an_old_file_is_read_as_it_is_to_the_byte(old_file: Path):
    before = hashlib.sha256(old_file.read_bytes()).hexdigest()
    with Store.open(old_file, read_only=True) as store:
        assert store.questions("demo") == QUESTIONS and len(store.entries("demo")) == 12 and store.verify() == []
        assert store.calibrations("demo") == {} and store.flip_rates("demo") == {}
        assert store.reply_at("demo", FIRST) == replace(EXPERT.ask(QUESTIONS[0], Label.NONE), prompt_tokens=None)
        assert np.isnan(load_table(store, "demo").prompt_tokens[0, 0, Label.NONE])
    assert hashlib.sha256(old_file.read_bytes()).hexdigest() == before
    assert sorted(path.name for path in old_file.parent.glob("old.db*")) == ["old.db"]


def test_the_shipped_recording_stays_equal_to_the_byte_when_it_is_read():
    before = hashlib.sha256(DEMO.read_bytes()).hexdigest()
    with Store.open(DEMO, read_only=True) as store:
        for recording in store.recordings():
            load_table(store, recording.name)
    assert hashlib.sha256(DEMO.read_bytes()).hexdigest() == before


def test_an_old_file_keeps_its_replies_when_it_is_brought_up_to_date(old_file: Path):
    with Store.open(old_file) as store:
        assert store.verify() == [] and len(store.entries("demo")) == 12
        assert store.reply_at("demo", FIRST) == replace(EXPERT.ask(QUESTIONS[0], Label.NONE), prompt_tokens=None)
        second = Call("q0", "small", Label.YES)
        assert store.reply_at("demo", second) == EXPERT.ask(QUESTIONS[0], Label.YES)


def test_what_a_reply_was_read_from_comes_back(opened: Store):
    call, request = Call("q0", "small", Label.INVALID), EXPERT.request(QUESTIONS[0], Label.INVALID)
    reply = replace(
        EXPERT.ask(QUESTIONS[0], Label.INVALID),
        prompt_tokens=None,
        cached_tokens=None,
        generated_tokens=None,
        label=Label.INVALID,
        reason="NameError: name 'Zinnia' is not defined",
        alternatives=((" yes", -0.25), ("\ud800", -12.5)),
        token_logprobs=(-0.5, -0.25),
        printed="\n",
        interpreter="some interpreter 1.0",
    )
    opened.put_reply("demo", call, request, reply)
    assert opened.reply_at("demo", call) == replace(reply, alternatives=((" yes", -0.25), ("?", -12.5)))


def test_a_request_is_claimed_by_one_until_it_is_kept_released_or_runs_out(opened: Store):
    now = [1_000.0]
    other = Store.open(opened.path, now=lambda: now[0])
    request = EXPERT.request(QUESTIONS[0], Label.INVALID)
    assert other.claim(request.key, "one", 60) and other.claim(request.key, "one", 60)
    assert not other.claim(request.key, "two", 60)
    now[0] += 61
    assert other.claim(request.key, "two", 60) and not other.claim(request.key, "one", 60)
    other.release("two")
    assert other.claim(request.key, "one", 60)
    other.put_reply("demo", Call("q0", "small", Label.INVALID), request, EXPERT.ask(QUESTIONS[0], Label.INVALID))
    assert other.claim(request.key, "two", 60)
    other.close()


def test_the_latest_calibration_and_flip_rate_of_an_expert_count(opened: Store):
    for seconds in (0.5, 0.25):
        opened.put_calibration("demo", Calibration("small", seconds, 2 * seconds, 30, {"threads": 1}))
        opened.put_flip_rate("demo", FlipRate("small", 120, round(4 * seconds), {"first_words": 3}))
    assert opened.calibrations("demo") == {"small": Calibration("small", 0.25, 0.5, 30, {"threads": 1}, 1_800_000_000)}
    assert opened.flip_rates("demo") == {"small": FlipRate("small", 120, 1, {"first_words": 3}, 1_800_000_000)}


def test_an_export_holds_one_recording_and_no_other(opened: Store, tmp_path: Path):
    strangers = tuple(replace(question, id=f"x{n}", text=f"Is stranger {n} here?") for n, question in enumerate(QUESTIONS))
    other = ScriptedExpert(make_spec("other"), says(Label.NO))
    fill(opened, "second", strangers, other)
    opened.export(tmp_path / "copy.db", "second")
    with Store.open(tmp_path / "copy.db", read_only=True) as copy:
        assert [info.name for info in copy.recordings()] == ["second"]
        assert copy.entries("second") == opened.entries("second") and copy.questions("second") == strangers
        assert copy.find_reply(EXPERT.request(QUESTIONS[0], Label.NONE).key) is None
        assert copy.find_reply(other.request(strangers[0], Label.NONE).key) is not None
        assert copy.verify() == []
    assert b"statement number" not in (tmp_path / "copy.db").read_bytes()


def test_an_export_keeps_replies_that_were_first_made_for_another_recording(opened: Store, tmp_path: Path):
    renamed = replace(QUESTIONS[0], id="renamed")
    opened.start_recording("second")
    opened.add_questions("second", [renamed])
    opened.add_experts("second", [EXPERT.spec])
    key = EXPERT.request(renamed, Label.NONE).key
    opened.link_reply("second", Call("renamed", "small", Label.NONE), key)
    opened.export(tmp_path / "copy.db", "second")
    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.verify() == [] and copy.find_reply(key) == opened.find_reply(key)


def test_an_export_tells_nothing_of_this_machine(opened: Store, tmp_path: Path):
    local = ExpertSpec("local", "embedded", "/home/me/models/tiny.gguf", host="http://10.0.0.3:80", digest="d")
    opened.add_experts("demo", [local])
    opened.export(tmp_path / "copy.db", "demo")
    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.experts("demo")[1] == replace(local, model="tiny.gguf", host=None)
    assert opened.experts("demo")[1] == local


def test_an_export_keeps_the_vectors_that_are_wanted(opened: Store, tmp_path: Path):
    opened.put_vectors("mini", {"a": np.ones(3), "b": np.ones(3)})
    opened.export(tmp_path / "all.db", "demo")
    opened.export(tmp_path / "some.db", "demo", vector_texts=["b"])
    with Store.open(tmp_path / "all.db") as everything, Store.open(tmp_path / "some.db") as some:
        assert list(everything.get_vectors("mini", ["a", "b"])) == ["a", "b"]
        assert list(some.get_vectors("mini", ["a", "b"])) == ["b"]


def test_an_export_overwrites_nothing(opened: Store, tmp_path: Path):
    (tmp_path / "there.db").write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        opened.export(tmp_path / "there.db", "demo")
    with pytest.raises(StoreError, match="no recording named"):
        opened.export(tmp_path / "new.db", "nothing")
    assert (tmp_path / "there.db").read_text() == "mine" and not (tmp_path / "new.db").exists()


def test_reading_only_leaves_the_file_as_it_is(opened: Store, tmp_path: Path):
    opened.export(tmp_path / "copy.db", "demo")
    before = (tmp_path / "copy.db").read_bytes()
    with Store.open(tmp_path / "copy.db", read_only=True) as copy:
        copy.put_vectors("mini", {"a": np.ones(3)})
        assert copy.get_vectors("mini", ["a"]) == {} and copy.verify() == []
        with pytest.raises(StoreError, match="readonly"):
            copy.start_recording("new")
    assert (tmp_path / "copy.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("copy")) == ["copy.db"]


def test_a_closed_store_says_so(opened: Store):
    opened.close()
    with pytest.raises(StoreError, match="closed"):
        opened.recordings()


def test_a_prompt_takes_room_only_for_what_is_not_its_question():
    question = Question("q", "is the kettle that boils blue", passage=" ".join(f"word{n}" for n in range(200)))
    prompt = f"Passage: {question.passage}\n\nQuestion: Is the kettle that boils blue?"
    packed = pack_text(prompt, question)
    assert is_about(prompt, question) and not is_about("Answer yes or no.", question)
    assert unpack_text(packed, question) == prompt
    assert len(packed) < 80 < len(pack_text(prompt, None))


def test_every_field_of_a_reply_is_kept():
    columns = {"model_digest", *packing.REPLY_COLUMNS}
    assert columns == set(Reply.__dataclass_fields__)


def test_the_state_of_a_recording_changes_with_it_and_with_nothing_else(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.db") as opened:
        record(opened, "one", QUESTIONS, {EXPERT.spec.name: [EXPERT]})
        first = opened.states()
        assert list(first) == ["one"] and opened.states() == first
        opened.put_vectors("encoder", {"text": np.ones(3, dtype=np.float32)})
        opened.start_recording("one", {"command": "again"})
        opened.put_fault("one", EXPERT.spec.name, "ServerFault", "HTTP 500")
        opened.start_recording("two")
        assert opened.states()["one"] == first["one"]
        seen = [opened.states()["two"]]
        opened.add_questions("two", QUESTIONS)
        seen.append(opened.states()["two"])
        opened.add_experts("two", [EXPERT.spec])
        seen.append(opened.states()["two"])
        keys = [entry.key for entry in opened.entries("one")]
        for key in keys[:2]:  # the same place filled twice
            opened.link_reply("two", Call(QUESTIONS[0].id, EXPERT.spec.name, Label.NONE), key)
            seen.append(opened.states()["two"])
        assert len(set(seen)) == len(seen)
        assert opened.states()["one"] == first["one"]
