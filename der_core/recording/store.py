"""The store: an SQLite file that keeps every reply, by what was asked, and which recording it belongs to.

A call that was made once is never made again, whatever recording asks for it. Each reply is committed on
its own, so a process that is killed loses at most the call in flight.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from der_core.config import ASKED_ONCE, ExpertSpec
from der_core.errors import StoreError
from der_core.experts.backends import without_machine
from der_core.experts.bounds import LONGEST_S, check_reply
from der_core.experts.locating import without_addresses
from der_core.experts.parsing import read_reply
from der_core.experts.protocol import Request
from der_core.foreign import in_one_line
from der_core.recording import packing
from der_core.recording.database import READ_S, TimeBudget, as_recorded, bring_up_to_date, connect, in_words
from der_core.recording.new_file import check_new, scratch_beside
from der_core.recording.schema import AT_PLACE, KEEP_ONE_RECORDING
from der_core.recording.verification import Verification, examine
from der_core.records import Label, Question, Reply

Vectors = NDArray[np.float32]
Count = Annotated[int, Field(strict=True, ge=0)]
Moment = Annotated[int, Field(strict=True, ge=0, lt=253_402_300_800)]
"""Unix seconds, up to the year 9999."""
TokenSeconds = Annotated[float, Field(strict=True, ge=0, le=LONGEST_S)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=4_096)]
LOAD_S = "load_s"
"""The entry of a recording's meta that says how many seconds each expert's model took to load, by name."""
NOTES = "notes"
"""The entry that says, by expert, what is to be known of how it was asked: a list of sentences."""
DIGEST_CHANGES = "digest_changes"
"""The entry that lists where a server named other weights for an expert than before (see `DigestChange`)."""
LONGEST_CLAIM_S = 3600.0
"""The longest that a claim is respected, in seconds."""
NO_REASON = "not recorded why"
CHECK_S = 1800.0
"""How long one step of a verification may take; the largest reads the whole file."""
_ROWS_AT_ONCE = 1000
_FIND_REPLY = f"SELECT p.id, {', '.join(packing.REPLY_COLUMNS)}, reply_digest FROM replies p JOIN frames f ON f.id = frame"


@dataclass(frozen=True)
class Call:
    """One place of a recording: the expert asked the question after the previous label."""

    question_id: str
    expert: str
    previous_label: Label


@dataclass(frozen=True)
class Entry:
    """A place of a recording that is filled: the key of the request and the label of its reply."""

    call: Call
    key: str
    label: Label


@dataclass(frozen=True)
class Fault:
    """A call that gave no reply: which error it was (`kind`), and its one-line message."""

    expert: Name
    kind: Name
    message: Annotated[str, Field(strict=True, max_length=1 << 16)]
    created_utc: Moment


@dataclass(frozen=True)
class Calibration:
    """What a token costs an expert, measured by lone calls with nothing else running; `meta` tells how (machine, threads, build)."""

    expert: Name
    prompt_token_s: TokenSeconds
    generated_token_s: TokenSeconds
    n_calls: Annotated[int, Field(strict=True, ge=1)]
    meta: Mapping[str, Any]  # Any: a JSON object
    created_utc: Moment = 0


@dataclass(frozen=True)
class FlipRate:
    """How many of `n_asked` recorded calls gave another label when they were made again; `meta` tells more (first words, largest change of P(yes))."""

    expert: Name
    n_asked: Annotated[int, Field(strict=True, ge=1)]
    n_flipped: Count
    meta: Mapping[str, Any]  # Any: a JSON object
    created_utc: Moment = 0


@dataclass(frozen=True)
class DigestChange:
    """A server named `new` for an expert's weights where it had named `old`; the `n_replies` since it was last asked were set aside.

    The first of them answered `first_question`; "" where there were none.
    """

    expert: Name
    old: Name
    new: Name
    first_question: Annotated[str, Field(strict=True, max_length=4_096)]
    n_replies: Count


Measured = TypeVar("Measured", Calibration, FlipRate)


@dataclass(frozen=True)
class RecordingInfo:
    """What a recording holds, and `meta`: how it was made (command, versions, machine, seconds of loading).

    `n_asked_once` of its experts are asked each question a single time, whatever came before.
    """

    name: Name
    created_utc: Moment
    meta: Mapping[str, Any]  # Any: a JSON object
    n_questions: Count
    n_experts: Count
    n_entries: Count
    n_faults: Count
    n_asked_once: Count = 0


class Store:
    """An open store; may be used from several threads, and its file by several processes.

    `now` gives unix seconds; it dates replies and faults.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, read_only: bool, now: Callable[[], float]) -> None:
        self.path = path
        self.read_only = read_only
        self._db = connection
        self._budget = TimeBudget(connection)
        self._now = now
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: str | Path, create: bool = True, *, read_only: bool = False, now: Callable[[], float] = time.time) -> Store:
        """Open the store at `path`; brings an older file to this version.

        `create` makes the file (and its folder) if there is none. `read_only` leaves the file as it is, to
        the byte: for recordings that are shipped. Raises StoreError for anything that is not a store of
        this or an older version.
        """
        place = Path(path)
        if "\0" in str(place):
            raise StoreError("The name of a recording store cannot hold a zero character. Choose another path.")
        with in_words(place):
            if not place.exists() and (read_only or not create):
                raise StoreError(f"There is no recording store at {place}. Record one first, or check the path.")
            if place.exists() and not place.is_file():
                raise StoreError(f"The recording store {place} cannot be used: it is not a file. Choose another path.")
            place.parent.mkdir(parents=True, exist_ok=True)
            connection = connect(place, read_only)
            try:
                bring_up_to_date(connection, place, read_only)
            except (StoreError, sqlite3.Error):
                connection.close()
                raise
        return cls(place, connection, read_only, now)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; calls from other threads that are under way finish first."""
        with self._lock:
            self._db.close()

    def start_recording(self, name: str, meta: Mapping[str, Any] | None = None) -> None:  # Any: a JSON object
        """Make sure that the recording exists; `meta` is added to what is known about it."""
        with self._transaction() as db:
            known = db.execute("SELECT id, meta FROM recordings WHERE name = ?", (name,)).fetchone()
            merged = packing.to_json({**(self._meta(*known) if known else {}), **(meta or {})})
            db.execute(
                "INSERT INTO recordings (name, meta, created_utc) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET meta = excluded.meta",
                (name, merged, int(self._now())),
            )

    def note_load(self, recording: str, expert: str, load_s: float) -> None:
        """Keep in `meta` how long the model of an expert took to load, the longest of all times.

        Nothing is kept of 0 or nan: the model was in memory already, or its server does not say.
        """
        if not load_s > 0:
            return
        with self._amended_meta(recording) as meta:
            known = meta.get(LOAD_S, {})
            meta[LOAD_S] = {**known, expert: max(load_s, known.get(expert, 0.0))}

    def note_remarks(self, recording: str, expert: str, remarks: Sequence[str]) -> None:
        """Keep in `meta` what is to be known of how an expert was asked, each remark once."""
        if not remarks:
            return
        with self._amended_meta(recording) as meta:
            known = meta.get(NOTES, {})
            meta[NOTES] = {**known, expert: list(dict.fromkeys([*known.get(expert, []), *remarks]))}

    def remarks(self, recording: str, expert: str) -> tuple[str, ...]:
        """Return what was noted of how an expert was asked; nothing where there is no such recording."""
        return self._notes(recording).get(expert, ())

    def _notes(self, recording: str) -> dict[str, tuple[str, ...]]:
        for row, meta in self._rows("SELECT id, meta FROM recordings WHERE name = ?", recording):
            noted = self._meta(row, meta).get(NOTES, {})
            with as_recorded(self.path, "recordings", row):
                return {name: tuple(str(remark) for remark in remarks) for name, remarks in noted.items()}
        return {}

    def note_digest_change(self, recording: str, change: DigestChange) -> None:
        """Keep in `meta` that a server named other weights for an expert in the midst of a recording."""
        with self._amended_meta(recording) as meta:
            meta[DIGEST_CHANGES] = [*meta.get(DIGEST_CHANGES, []), asdict(change)]

    def digest_changes(self, recording: str) -> tuple[DigestChange, ...]:
        """Return where a server named other weights for an expert in the midst of a recording, oldest first."""
        found: list[DigestChange] = []
        for row, meta in self._rows("SELECT id, meta FROM recordings WHERE name = ?", recording):
            told = self._meta(row, meta).get(DIGEST_CHANGES, [])
            with as_recorded(self.path, "recordings", row):
                found += [packing.checked(DigestChange, **change) for change in told]
        return tuple(found)

    @contextmanager
    def _amended_meta(self, recording: str) -> Iterator[dict[str, Any]]:  # Any: a JSON object
        with self._transaction() as db:
            owner = self._recording_id(recording)
            meta = self._meta(*self._rows("SELECT id, meta FROM recordings WHERE id = ?", owner)[0])
            with as_recorded(self.path, "recordings", owner):
                yield meta
            db.execute("UPDATE recordings SET meta = ? WHERE id = ?", (packing.to_json(meta), owner))

    def _meta(self, row: int, meta: str) -> dict[str, Any]:  # Any: a JSON object
        with as_recorded(self.path, "recordings", row):
            return packing.meta_from_json(meta)

    def recordings(self) -> tuple[RecordingInfo, ...]:
        """Return what the store holds, oldest recording first."""
        tables = ("recorded_questions", "recorded_experts", "entries", "faults")
        counts = ", ".join(f"(SELECT count(*) FROM {table} WHERE recording = r.id)" for table in tables)
        styles = ", ".join(f"'{style}'" for style in sorted(ASKED_ONCE))
        is_once = f"CASE WHEN json_valid(spec) THEN json_extract(spec, '$.style') IN ({styles}) END"
        once = f"(SELECT count(*) FROM recorded_experts WHERE recording = r.id AND {is_once})"
        rows = self._rows(f"SELECT id, meta, name, created_utc, {counts}, {once} FROM recordings r ORDER BY id")
        names = ("name", "created_utc", "n_questions", "n_experts", "n_entries", "n_faults", "n_asked_once")
        found = []
        for row, meta, *values in rows:
            told = self._meta(row, meta)
            with as_recorded(self.path, "recordings", row):
                found.append(packing.checked(RecordingInfo, meta=told, **dict(zip(names, values, strict=True))))
        return tuple(found)

    def states(self) -> dict[str, tuple[int, ...]]:
        """Return for each recording by name a few numbers that change whenever its questions, experts, replies or calibrations do, and only then."""
        sums = "count(*), ifnull(sum(reply), 0)"  # the sum tells of a place that was filled anew
        tables = ("recorded_questions", "recorded_experts", "calibrations")
        counts = ", ".join(f"(SELECT count(*) FROM {table} WHERE recording = r.id)" for table in tables)
        entries = dict(self._by_recording(f"SELECT recording, {sums} FROM entries GROUP BY recording"))
        rows = self._rows(f"SELECT id, name, created_utc, {counts} FROM recordings r")
        return {name: (owner, *numbers, *entries.get(owner, (0, 0))) for owner, name, *numbers in rows}

    def _by_recording(self, sql: str) -> Iterator[tuple[int, tuple[int, ...]]]:
        yield from ((owner, tuple(numbers)) for owner, *numbers in self._rows(sql))

    def add_questions(self, recording: str, questions: Sequence[Question]) -> None:
        """Add questions to a recording; those it has already stay as they are.

        Raises StoreError where a question of the same id but other content is there.
        """
        with self._transaction() as db:
            owner = self._recording_id(recording)
            position = db.execute("SELECT count(*) FROM recorded_questions WHERE recording = ?", (owner,)).fetchone()[0]
            for question in questions:
                known = self._rows(
                    "SELECT body FROM recorded_questions r JOIN questions q ON q.id = r.question WHERE recording = ? AND question_id = ?",
                    owner,
                    question.id,
                )
                if known and self._is_another(question, known[0][0]):
                    raise StoreError(
                        f"Question {question.id} of recording {recording!r} was recorded with another text, passage or answer. "
                        "Choose another recording name."
                    )
                if not known:
                    row = self._intern_question(question)
                    db.execute("INSERT INTO recorded_questions VALUES (?, ?, ?, ?)", (owner, question.id, position, row))
                    position += 1

    def add_experts(self, recording: str, specs: Sequence[ExpertSpec]) -> None:
        """Add experts to a recording; those it has already keep their place.

        Raises StoreError where an expert of the same name but another model or style is there.
        """
        with self._transaction() as db:
            owner = self._recording_id(recording)
            known = {spec.name: spec for spec in self.experts(recording)}
            for spec in specs:
                if spec.name in known and _identity(known[spec.name]) != _identity(spec):
                    raise StoreError(
                        f"Expert {spec.name} of recording {recording!r} was recorded with another model or style: then {_in_words(known[spec.name])}, "
                        f"now {_in_words(spec)}. Give it a name of its own, as NAME=MODEL, or choose another recording name."
                    )
                if spec.name not in known:
                    values = (owner, spec.name, len(known), packing.spec_to_json(spec))
                    db.execute("INSERT INTO recorded_experts (recording, name, position, spec) VALUES (?, ?, ?, ?)", values)
                    known[spec.name] = spec
                elif known[spec.name].params_billions is None and spec.params_billions is not None:  # the server tells now what it did not
                    self._put_spec(owner, replace(known[spec.name], params_billions=spec.params_billions))

    def questions(self, recording: str) -> tuple[Question, ...]:
        """Return the questions of a recording, in the order in which they were added."""
        sql = (
            "SELECT r.question, question_id, body FROM recorded_questions r LEFT JOIN questions q ON q.id = r.question"  # none is lost in silence
            " WHERE r.recording = ? ORDER BY r.position"
        )
        with self._lock:
            rows = self._rows(sql, self._recording_id(recording))
        return tuple(self._question(*row) for row in rows)

    def _question(self, row: int, question_id: str, body: str | None) -> Question:
        with as_recorded(self.path, "questions", row):
            if body is None:
                raise ValueError("it is not there")
            question = packing.question_from_json(body)
            if question.id != question_id:
                raise ValueError(f"its id is {question.id!r:.60}, and {question_id!r:.60} where it is recorded")
            return question

    def experts(self, recording: str) -> tuple[ExpertSpec, ...]:
        """Return the experts of a recording, in the order in which they were added."""
        with self._lock:
            rows = self._rows(
                "SELECT id, name, spec FROM recorded_experts WHERE recording = ? ORDER BY position", self._recording_id(recording)
            )
        return tuple(self._expert(*row) for row in rows)

    def _expert(self, row: int, name: str, body: str) -> ExpertSpec:
        with as_recorded(self.path, "recorded_experts", row):
            spec = packing.spec_from_json(body)
            if spec.name != name:
                raise ValueError(f"its settings are those of {spec.name!r:.60}, its name is {name!r:.60}")
            return spec

    def faults(self, recording: str) -> tuple[Fault, ...]:
        """Return the calls of a recording that gave no reply, oldest first."""
        with self._lock:
            names = ("expert", "kind", "message", "created_utc")
            sql = f"SELECT id, {', '.join(names)} FROM faults WHERE recording = ? ORDER BY id"
            rows = self._rows(sql, self._recording_id(recording))
        found = []
        for row, *values in rows:
            with as_recorded(self.path, "faults", row):
                found.append(packing.checked(Fault, **dict(zip(names, values, strict=True))))
        return tuple(found)

    def entries(self, recording: str) -> tuple[Entry, ...]:
        """Return all filled places of a recording, in no particular order."""
        rows = self.entry_rows(recording, ("lower(hex(p.key))", "p.label"))
        with as_recorded(self.path, "replies"):
            return tuple(Entry(Call(name, expert, previous), f"b2:{key}", Label(label)) for name, expert, previous, key, label in rows)

    def entry_rows(self, recording: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:  # Any: SQL values
        """Return (question id, expert, previous label, *columns of the reply p) of each filled place."""
        wanted = ", ".join(("question", "expert", "previous_label", *columns))
        sql = f"SELECT {wanted} FROM entries e JOIN replies p ON p.id = e.reply WHERE recording = ?"
        with self._lock:
            owner = self._recording_id(recording)
            question_ids = dict(self._rows("SELECT question, question_id FROM recorded_questions WHERE recording = ?", owner))
            experts = dict(self._rows("SELECT id, name FROM recorded_experts WHERE recording = ?", owner))
            rows = self._rows(sql, owner)
        with as_recorded(self.path, "entries"):
            return [(question_ids[question], experts[expert], Label(previous), *rest) for question, expert, previous, *rest in rows]

    def find_reply(self, key: str) -> Reply | None:
        """Return the reply to the request of that key, None if it was never made."""
        return self._reply("WHERE key = ?", packing.key_bytes(key))

    def reply_at(self, recording: str, call: Call) -> Reply | None:
        """Return the reply at one place of a recording, None where nothing was recorded there.

        The one reply of an expert that is asked a question once stands after every label.
        """
        asked_once = {spec.name for spec in self.experts(recording) if spec.is_asked_once}
        label = Label.NONE if call.expert in asked_once else call.previous_label
        return self._reply(AT_PLACE, self._recording_id(recording), call.question_id, call.expert, int(label))

    def put_reply(self, recording: str, call: Call, request: Request, reply: Reply) -> None:
        """Keep a reply and its place in one transaction, and end the claim of its request; a reply that is known already is not replaced.

        Raises BadReply for a reply that no server can mean.
        """
        check_reply(reply)
        with self._transaction() as db:
            owner, question, expert = self._place(recording, call)
            columns = ("key", "frame", "texts", *packing.REPLY_COLUMNS, "created_utc")
            frame, texts = self._intern_request(request, reply.model_digest, question)
            values = (packing.key_bytes(request.key), frame, texts, *packing.reply_to_row(reply), int(self._now()))
            db.execute(f"INSERT OR IGNORE INTO replies ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values)
            self._link(owner, question, expert, call.previous_label, request.key)
            db.execute("DELETE FROM claims WHERE key = ?", (packing.key_bytes(request.key),))

    def set_aside(self, recording: str, requests: Mapping[Call, Request], digest: str) -> None:
        """Empty places whose replies may be those of other weights than were asked for: `digest`, which the server names now.

        The replies are kept under requests that name both, which nobody makes: nothing tells whose they are. What else
        showed them is emptied too.
        """
        with self._transaction() as db:
            for call, request in requests.items():
                _, question, _ = self._place(recording, call)
                known = self._rows("SELECT id FROM replies WHERE key = ?", packing.key_bytes(request.key))
                if not known:
                    continue
                either = f"{request.model_digest} or {digest}"
                nobodys = replace(request, model_digest=either)
                frame, _ = self._intern_request(nobodys, either, question)
                values = (packing.key_bytes(nobodys.key), frame, digest, *known[0])
                db.execute("DELETE FROM entries WHERE reply = ?", known[0])
                db.execute("UPDATE OR REPLACE replies SET key = ?, frame = ?, digest_in_force = ? WHERE id = ?", values)

    def link_reply(self, recording: str, call: Call, key: str) -> None:
        """Fill a place with a reply that the store has already; StoreError if it has not."""
        with self._transaction():
            self._link(*self._place(recording, call), call.previous_label, key)

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Whether `owner` may make the call of that key now: nobody else has claimed it, or the claim has run out.

        A claim ends with `put_reply`, `release` or after `seconds`, so that a recorder that was killed blocks nobody for long.
        """
        now = self._now()
        with self._transaction() as db:
            holder = db.execute("SELECT owner, expires_utc FROM claims WHERE key = ?", (packing.key_bytes(key),)).fetchone()
            # A claim that ends later than one of today could was made by a clock that was wrong, and would hold for ever.
            if holder and holder[0] != owner and now < holder[1] <= now + LONGEST_CLAIM_S:
                return False
            db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (packing.key_bytes(key), owner, now + seconds))
            return True

    def release(self, owner: str, key: str | None = None) -> None:
        """End the claim of `owner` on one request, or all of them."""
        which = "" if key is None else " AND key = ?"
        values = (owner,) if key is None else (owner, packing.key_bytes(key))
        with self._transaction() as db:
            db.execute(f"DELETE FROM claims WHERE owner = ?{which}", values)

    def put_digest_in_force(self, recording: str, calls: Iterable[Call], digest: str) -> None:
        """Note of the replies at these places that the server named `digest` for their model when they had been made."""
        with self._transaction() as db:
            for call in calls:
                owner, question, expert = self._place(recording, call)
                place = (digest, owner, question, expert, int(call.previous_label))
                db.execute(
                    "UPDATE replies SET digest_in_force = ? WHERE id = (SELECT reply FROM entries"
                    " WHERE (recording, question, expert, previous_label) = (?, ?, ?, ?))",
                    place,
                )

    def put_calibration(self, recording: str, calibration: Calibration) -> None:
        """Keep what a token costs an expert; the latest one counts."""
        c = calibration
        with self._transaction() as db:
            values = (
                self._recording_id(recording),
                c.expert,
                c.prompt_token_s,
                c.generated_token_s,
                c.n_calls,
                packing.to_json(dict(c.meta)),
            )
            db.execute(
                "INSERT INTO calibrations (recording, expert, prompt_token_s, generated_token_s, n_calls, meta, created_utc)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, int(self._now())),
            )

    def calibrations(self, recording: str) -> dict[str, Calibration]:
        """Return the latest calibration of each expert that has one, by expert."""
        return self._latest(
            recording, Calibration, "calibrations", ("expert", "prompt_token_s", "generated_token_s", "n_calls", "created_utc")
        )

    def _latest(self, recording: str, kind: type[Measured], table: str, names: Sequence[str]) -> dict[str, Measured]:
        with self._lock:
            rows = self._rows(
                f"SELECT id, meta, {', '.join(names)} FROM {table} WHERE recording = ? ORDER BY id", self._recording_id(recording)
            )
        found: dict[str, Measured] = {}
        for row, meta, *values in rows:
            with as_recorded(self.path, table, row):
                measured = packing.checked(kind, meta=packing.meta_from_json(meta), **dict(zip(names, values, strict=True)))
                found[measured.expert] = measured
        return found

    def put_flip_rate(self, recording: str, rate: FlipRate) -> None:
        """Keep how often an expert's replies came out differently when asked again; the latest one counts."""
        with self._transaction() as db:
            values = (self._recording_id(recording), rate.expert, rate.n_asked, rate.n_flipped, packing.to_json(dict(rate.meta)))
            db.execute(
                "INSERT INTO flip_rates (recording, expert, n_asked, n_flipped, meta, created_utc) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, int(self._now())),
            )

    def flip_rates(self, recording: str) -> dict[str, FlipRate]:
        """Return the latest flip rate of each expert that has one, by expert."""
        return self._latest(recording, FlipRate, "flip_rates", ("expert", "n_asked", "n_flipped", "created_utc"))

    def reasons(self, recording: str) -> dict[str, dict[str, int]]:
        """Return how many replies of each expert are INVALID for each reason, under "" how many are a yes or a no.

        Replies of older recordings, which keep no reason, are read again.
        """
        sql = (
            "SELECT e.expert, p.label, coalesce(p.reason, ''), CASE WHEN p.label = ? AND p.reason IS NULL THEN p.text END, count(*)"
            " FROM entries e JOIN replies p ON p.id = e.reply WHERE e.recording = ? GROUP BY 1, 2, 3, 4"
        )
        with self._lock:
            owner = self._recording_id(recording)
            rows = self._rows(sql, int(Label.INVALID), owner)
            names = dict(self._rows("SELECT id, name FROM recorded_experts WHERE recording = ?", owner))
        styles = {spec.name: spec.style for spec in self.experts(recording)}
        found: dict[str, Counter[str]] = {name: Counter() for name in styles}
        for expert, label, reason, text, n in rows:
            with as_recorded(self.path, "replies"):
                name = names[expert]
                unread = label == Label.INVALID and not reason
                found[name][(read_reply(text, styles[name]).reason or NO_REASON) if unread else reason] += n
        return {name: dict(counts) for name, counts in found.items()}

    def put_fault(self, recording: str, expert: str, kind: str, message: str) -> None:
        """Keep a call that gave no reply."""
        with self._transaction() as db:
            values = (self._recording_id(recording), expert, kind, message, int(self._now()))
            db.execute("INSERT INTO faults (recording, expert, kind, message, created_utc) VALUES (?, ?, ?, ?, ?)", values)

    def get_vectors(self, encoder_id: str, texts: Iterable[str]) -> dict[str, Vectors]:
        """Return the vectors of those texts that are known, by text."""
        found = {}
        with self._lock:
            for text in dict.fromkeys(texts):
                sql = "SELECT id, vector, packed FROM vectors WHERE encoder = ? AND text_digest = ?"
                for row, vector, packed in self._rows(sql, encoder_id, packing.digest(text)):
                    with as_recorded(self.path, "vectors", row):
                        found[text] = packing.unpack_vector(vector, packed)
        return found

    def texts_without_vector(self, encoder_id: str, texts: Iterable[str]) -> tuple[str, ...]:
        """Return those texts whose vector is not known, each once."""
        known = {digest for (digest,) in self._rows("SELECT text_digest FROM vectors WHERE encoder = ?", encoder_id)}
        return tuple(text for text in dict.fromkeys(texts) if packing.digest(text) not in known)

    def put_vectors(self, encoder_id: str, vectors: Mapping[str, NDArray[np.floating[Any]]]) -> None:  # Any: the float's width
        """Keep vectors by text. A store that is open read-only keeps nothing: vectors can be computed again."""
        if self.read_only:
            return
        rows = [(encoder_id, packing.digest(text), *packing.pack_vector(vector)) for text, vector in vectors.items()]
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO vectors (encoder, text_digest, vector, packed) VALUES (?, ?, ?, ?)", rows)

    def verify(self, on_progress: Callable[[float, str], None] = lambda fraction, what: None) -> list[str]:
        """Return what is wrong with the contents, one line each, empty where nothing is. An error in `on_progress` ends it."""
        return list(self.examine(on_progress).problems)

    def examine(self, on_progress: Callable[[float, str], None] = lambda fraction, what: None) -> Verification:
        """Return what is wrong with the contents, what of them is proven and what cannot be. An error in `on_progress` ends it."""
        unreadable = [problem for name in self._names() for problem in self.unreadable(name)]
        with self._lock, in_words(self.path):
            found = examine(self._stream, on_progress)
        return replace(found, problems=(*found.problems, *dict.fromkeys(unreadable)))

    def unreadable(self, recording: str) -> list[str]:
        """Return what of a recording, its replies left out, cannot be read: one line each, with table and row."""
        found = []
        readers = (self.questions, self.experts, self.faults, self._notes, self.digest_changes, self.calibrations, self.flip_rates)
        for read in (lambda name: self.recordings(), *readers):
            try:
                read(recording)
            except StoreError as error:
                found.append(str(error))
        return found

    def _names(self) -> list[str]:
        return [str(name) for (name,) in self._rows("SELECT name FROM recordings ORDER BY id")]

    def _stream(self, sql: str) -> Iterator[tuple[Any, ...]]:  # Any: SQL values
        with self._budget.of(CHECK_S):
            cursor = self._db.execute(sql)
        while True:
            with self._budget.of(CHECK_S):
                rows = cursor.fetchmany(_ROWS_AT_ONCE)
            if not rows:
                return
            yield from rows

    def export(self, path: str | Path, recording: str, *, vector_texts: Iterable[str] | None = None) -> None:
        """Write a compact copy that holds one recording, and the vectors of `vector_texts` (None: all vectors).

        What belongs to this machine (hosts, folders of model files) is left out. The file is there once it is whole.
        Raises StoreError, before any work, if the recording is unknown, `path` exists or its folder does not.
        """
        place, keep = Path(path), None if vector_texts is None else {packing.digest(text) for text in vector_texts}
        self._recording_id(recording)
        check_new(place)
        with scratch_beside(place) as scratch:
            with self._lock, in_words(place):
                self._db.execute("VACUUM INTO ?", (str(scratch),))
            with Store.open(scratch, create=False) as copy:
                copy._keep_only(recording, keep)
            with in_words(place):
                check_new(place)
                os.replace(scratch, place)

    def _keep_only(self, recording: str, text_digests: set[bytes] | None) -> None:
        with self._amended_meta(recording) as meta:
            meta |= without_addresses(meta)
        with self._transaction() as db:
            owner = self._recording_id(recording)
            for spec in self.experts(recording):
                self._put_spec(owner, without_machine(spec))
            faults = self._rows("SELECT id, message FROM faults WHERE recording = ?", owner)
            db.executemany("UPDATE faults SET message = ? WHERE id = ?", [(without_addresses(text), row) for row, text in faults])
            for statement in KEEP_ONE_RECORDING:
                db.execute(statement, {"recording": owner})
            known = [] if text_digests is None else self._rows("SELECT id, text_digest FROM vectors")
            db.executemany("DELETE FROM vectors WHERE id = ?", [(row,) for row, text in known if text not in (text_digests or ())])
        with self._lock, in_words(self.path):
            self._db.execute("PRAGMA journal_mode = DELETE")  # one file, readable where nothing may be written
            self._db.execute("VACUUM")

    def _put_spec(self, owner: int, spec: ExpertSpec) -> None:
        values = (packing.spec_to_json(spec), owner, spec.name)
        self._db.execute("UPDATE recorded_experts SET spec = ? WHERE recording = ? AND name = ?", values)

    def _recording_id(self, name: str) -> int:
        rows = self._rows("SELECT id FROM recordings WHERE name = ?", name)
        if not rows:
            known = ", ".join(in_one_line(other, 60) for other in self._names()[:20]) or "none"
            raise StoreError(f"{self.path} holds no recording named {name!r}; it holds: {known}.")
        return int(rows[0][0])

    def _reply(self, which: str, *values: object) -> Reply | None:
        rows = self._rows(f"{_FIND_REPLY} {which}", *values)
        if not rows:
            return None
        number, *row = rows[0]
        with as_recorded(self.path, "replies", number):
            return packing.reply_from_row(row)

    def _place(self, recording: str, call: Call) -> tuple[int, int, int]:
        owner = self._recording_id(recording)
        question = self._rows("SELECT question FROM recorded_questions WHERE recording = ? AND question_id = ?", owner, call.question_id)
        expert = self._rows("SELECT id FROM recorded_experts WHERE recording = ? AND name = ?", owner, call.expert)
        if not question or not expert:
            raise StoreError(f"Recording {recording!r} has no question {call.question_id!r} or no expert {call.expert!r}; add them first.")
        return owner, question[0][0], expert[0][0]

    def _link(self, owner: int, question: int, expert: int, previous_label: Label, key: str) -> None:
        reply = self._rows("SELECT id FROM replies WHERE key = ?", packing.key_bytes(key))
        if not reply:
            raise StoreError(f"The store has no reply of key {key}.")
        row = (owner, question, expert, int(previous_label), reply[0][0])
        self._db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", row)

    def _is_another(self, question: Question, body: str) -> bool:
        """Whether experts would be asked something else; the passage that a question is asked without is not asked."""
        with as_recorded(self.path, "questions"):
            return replace(packing.question_from_json(body), passage_key=None) != replace(question, passage_key=None)

    def _intern_question(self, question: Question) -> int:
        body = packing.question_to_json(question)
        self._db.execute("INSERT OR IGNORE INTO questions (digest, body) VALUES (?, ?)", (packing.digest(body), body))
        return int(self._rows("SELECT id FROM questions WHERE digest = ?", packing.digest(body))[0][0])

    def _intern_request(self, request: Request, reply_digest: str, question: int) -> tuple[int, str]:
        frame = (packing.frame_of(request), reply_digest)
        self._db.execute("INSERT OR IGNORE INTO frames (body, reply_digest) VALUES (?, ?)", frame)
        frame_id = self._rows("SELECT id FROM frames WHERE body = ? AND reply_digest = ?", *frame)[0][0]
        return frame_id, packing.to_json([self._intern_text(text, question) for _, text in request.messages])

    def _intern_text(self, text: str, question: int) -> int:
        known = self._rows("SELECT id FROM texts WHERE digest = ?", packing.digest(text))
        if known:
            return int(known[0][0])
        subject = packing.question_from_json(self._rows("SELECT body FROM questions WHERE id = ?", question)[0][0])
        within = subject if packing.is_about(text, subject) else None
        row = (packing.digest(text), question if within else None, packing.pack_text(text, within))
        return int(self._db.execute("INSERT INTO texts (digest, question, body) VALUES (?, ?, ?)", row).lastrowid or 0)

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:  # Any: SQL values
        with self._lock, in_words(self.path), self._budget.of(READ_S):
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, in_words(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back on the way out of an error
                yield self._db


def _in_words(spec: ExpertSpec) -> str:
    held = ", held to yes or no" if spec.held else ""
    return f"{spec.model} ({spec.digest or 'digest unknown'}, {spec.backend}, style {spec.style}{held})"


def _identity(spec: ExpertSpec) -> tuple[str, ...]:
    return (spec.backend, spec.style, spec.digest or spec.model, "held" if spec.held else "")
