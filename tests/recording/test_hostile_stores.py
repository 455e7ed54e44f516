"""Recordings bent in every way, value by value and byte by byte: read, or refused in one line, and nothing else ever comes of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says
from fuzzing import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from der_core.cli import main
from der_core.errors import DerError, StoreError
from der_core.recording.recorder import record
from der_core.recording.store import Calibration, Call, FlipRate, Store
from der_core.recording.table import load_table
from der_core.records import Label

QUESTIONS = make_questions(3)
TABLES = (
    "recordings",
    "questions",
    "recorded_questions",
    "recorded_experts",
    "frames",
    "texts",
    "replies",
    "entries",
    "faults",
    "vectors",
    "calibrations",
    "flip_rates",
)
NOT_UTF8 = object()
"""Stands for a text that is none: Python cannot write it, SQLite can."""
ODD_VALUES: dict[str, object] = {
    "a text that is none": NOT_UTF8,
    "nothing": None,
    "below zero": -1,
    "beyond all rows": (1 << 62),
    "beyond all numbers": float("inf"),
    "a half": 0.5,
    "bytes": b"\xff\x00\xfe",
    "no bytes": b"",
    "a text": "never",
    "no text": "",
    "escapes": "\x1b]0;owned\x07\u202e\n",
    "depth": "[" * 50_000,
    "an object": '{"id": "q0", "text": ["a"], "gold": 9, "name": 7}',
    "a list": '["small"]',
    "half a letter": '{"id": "q0", "text": "\\ud800"}',
    "a long text": "x" * 1_100_000,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with something in every table, in one file, as an export is."""
    folder = tmp_path_factory.mktemp("sound")
    with Store.open(folder / "own.db") as store:
        record(store, "demo", QUESTIONS, {"small": [ScriptedExpert(make_spec(), says(Label.YES, 0.8))]}, meta={"command": "make demo"})
        store.put_vectors("mini", {"a": np.ones(3)})
        store.put_fault("demo", "small", "BadReply", "Odd.")
        store.put_flip_rate("demo", FlipRate("small", 10, 1, {}))
        store.put_calibration("demo", Calibration("small", 0.001, 0.01, 30, {"threads": 1}))
        store.export(folder / "sound.db", "demo")
    return folder / "sound.db"


@pytest.fixture
def stranger(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "stranger.db"))


def read_everything(path: Path) -> list[str]:
    """Read a file in every way there is; return what was refused, each in one line."""
    refused = []
    try:
        with Store.open(path, read_only=True) as store:
            for problem in _refusals(store):
                refused.append(str(problem))
            refused += store.verify()
    except StoreError as error:
        refused.append(str(error))
    for line in refused:
        assert line.isprintable() and len(line) < 1_000, line[:2_000]
    return refused


def _refusals(store: Store) -> Iterator[DerError]:
    readers = (store.questions, store.experts, store.faults, store.entries, store.reasons, store.calibrations, store.flip_rates)
    more = (store.digest_changes, lambda name: store.remarks(name, "small"), lambda name: load_table(store, name))
    places = [Call(question.id, "small", label) for question in QUESTIONS for label in (Label.NONE, Label.YES)]
    replies = [lambda name, call=call: store.reply_at(name, call) for call in places]
    others = (lambda name: store.recordings(), lambda name: store.states(), lambda name: store.get_vectors("mini", ["a"]))
    for read in (*readers, *more, *replies, *others):
        try:
            read("demo")
        except DerError as error:
            yield error


def columns(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as db:
        found = [(table, str(row[1])) for table in TABLES for row in db.execute(f"PRAGMA table_info({table})")]
    db.close()
    return found


def put(path: Path, table: str, column: str, value: object) -> bool:
    """Put a value into a column of all rows, or of the first where it must differ from the others; False where the file cannot hold it."""
    db = sqlite3.connect(path)
    new, values = ("CAST(x'ff6d616c6c' AS TEXT)", ()) if value is NOT_UTF8 else ("?", (value,))
    try:
        with db:
            db.execute("PRAGMA foreign_keys = OFF")
            try:
                db.execute(f"UPDATE {table} SET {column} = {new}", values)
            except sqlite3.IntegrityError:
                db.execute(f"UPDATE {table} SET {column} = {new} WHERE {column} = (SELECT min({column}) FROM {table})", values)
    except (sqlite3.IntegrityError, sqlite3.OperationalError, OverflowError):
        return False
    finally:
        db.close()
    return True


def test_a_sound_file_is_read(sound: Path) -> None:
    assert read_everything(sound) == []


@pytest.mark.parametrize("odd", ODD_VALUES)
@pytest.mark.parametrize("table", TABLES)
def test_any_column_may_hold_anything(sound: Path, tmp_path: Path, table: str, odd: str) -> None:
    for number, (_, column) in enumerate(pair for pair in columns(sound) if pair[0] == table):
        path = Path(shutil.copy(sound, tmp_path / f"{number}.db"))
        if put(path, table, column, ODD_VALUES[odd]):
            read_everything(path)
        path.unlink()


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_so_may_several_columns_at_once(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    path = Path(shutil.copy(sound, tmp_path / "stranger.db"))
    for _ in range(data.draw(st.integers(1, 3))):
        table, column = data.draw(st.sampled_from(columns(sound)))
        odd = st.one_of(
            st.sampled_from(list(ODD_VALUES.values())), st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=40), st.floats()
        )
        put(path, table, column, data.draw(odd))
    read_everything(path)


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_may_be_changed_and_files_cut(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    body = bytearray(sound.read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        more = data.draw(st.binary(min_size=1, max_size=8))
        body[place : place + len(more)] = more
    end = data.draw(st.integers(0, len(body)))
    path = tmp_path / "stranger.db"
    path.write_bytes(bytes(body[:end] if data.draw(st.booleans()) else body))
    read_everything(path)


def test_a_head_that_promises_other_pages_is_told_line_by_line(stranger: Path) -> None:
    with stranger.open("r+b") as file:
        file.seek(52)
        file.write(b"\x01")
    assert any(line.startswith("SQLite: ") for line in read_everything(stranger))


def test_a_declaration_that_is_no_text_is_refused(stranger: Path) -> None:
    body = stranger.read_bytes()
    for spoiled in (
        body.replace(b"CREATE TABLE vectors", b"CREATE TABLE \x80ectors"),
        body.replace(b"CREATE TABLE vectors", b"CREATE T\x00BLE vectors"),
    ):
        stranger.write_bytes(spoiled)
        assert len(read_everything(stranger)) == 1


NO_STORES = {
    "nothing": b"",
    "a text": b"question,answer\n",
    "the head of SQLite alone": b"SQLite format 3\x00",
    "a head with nothing behind": b"SQLite format 3\x00" + bytes(84),
    "zeros": bytes(8_192),
    "a zip": b"PK\x03\x04" + bytes(200),
}


@pytest.mark.parametrize("body", NO_STORES.values(), ids=NO_STORES)
@pytest.mark.parametrize("action", ["list", "verify", "export"])
def test_what_is_no_store_is_refused_in_one_line_and_stays_as_it_is(
    tmp_path: Path, body: bytes, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(body)
    assert main(["store", action, "--store", str(path), "--recording", "demo", "--to", str(tmp_path / "new.db")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert path.read_bytes() == body and sorted(found.name for found in tmp_path.iterdir()) == ["s.db"]


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_commands_that_read_it_refuse_it_in_one_line(stranger: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(stranger, "replies", "text", b"\xff")
    assert main([command, "--store", str(stranger), "--recording", "demo"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and "Traceback" not in told
