"""Is a store what it claims to be? Every request is rebuilt and hashed again, every number looked at."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from der_core.config import ExpertSpec
from der_core.experts.protocol import Request
from der_core.recording import packing
from der_core.records import Label, Question

Rows = Callable[[str], Iterable[tuple[Any, ...]]]  # Any: SQL values
"""Runs one query and gives its rows."""

_TIMES = ("load_s", "prompt_s", "generation_s", "wall_s")
_COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")


def find_problems(rows: Rows, on_progress: Callable[[float, str], None] = lambda fraction, what: None) -> list[str]:
    """Return what is wrong with a store, one line each, empty for a sound one; `on_progress` takes the share that is done, and what comes next.

    Checked: the file's structure, references between its tables, that every question and every request hashes
    to the key under which it is kept, label codes, and that numbers are finite and in range.
    """
    found: list[str] = []
    for place, (what, check) in enumerate(_CHECKS):
        on_progress(place / len(_CHECKS), what)
        found.extend(check(rows))
    return found


def _broken_structure(rows: Rows) -> Iterator[str]:
    yield from (f"SQLite: {line}" for (line,) in rows("PRAGMA integrity_check") if line != "ok")
    for table, row, parent, _ in rows("PRAGMA foreign_key_check"):
        yield f"Table {table}, row {row}: refers to a row of {parent} that is not there."


def _broken_questions(rows: Rows) -> Iterator[str]:
    for number, digest, body in rows("SELECT id, digest, body FROM questions"):
        if packing.digest(body) != digest or _read_question(body) is None:
            yield f"Question {number}: its text is not the one that was recorded."


def _broken_requests(rows: Rows) -> Iterator[str]:
    questions = {number: _read_question(body) for number, body in rows("SELECT id, body FROM questions")}
    texts = {number: _read_text(body, question, questions) for number, question, body in rows("SELECT id, question, body FROM texts")}
    requests: dict[int, Request] = {}
    for number, key, frame, places in rows("SELECT p.id, key, f.body, p.texts FROM replies p JOIN frames f ON f.id = p.frame"):
        request = _read_request(frame, places, texts)
        if request is None or packing.key_bytes(request.key) != key:
            yield f"Reply {number} (key b2:{key.hex()}): its request does not hash to its key."
        else:
            requests[number] = request
    for number, place, spec in rows("SELECT e.reply, e.question, x.spec FROM entries e JOIN recorded_experts x ON x.id = e.expert"):
        if number in requests and not _belongs(requests[number], questions.get(place), packing.spec_from_json(spec)):
            yield f"Reply {number} stands where another question or expert was asked."


def _broken_numbers(rows: Rows) -> Iterator[str]:
    names = ("label", "p_yes", *_TIMES, *_COUNTS)
    for number, *values in rows(f"SELECT id, {', '.join(names)} FROM replies"):
        reply = dict(zip(names, values, strict=True))
        if reply["label"] not in (Label.YES, Label.NO, Label.INVALID):
            yield f"Reply {number}: {reply['label']!r} is not the code of a label."
        if not _is_within(reply["p_yes"], 1.0):
            yield f"Reply {number}: P(yes) is {reply['p_yes']!r}, not a probability."
        wrong = [name for name in (*_TIMES, *_COUNTS) if not _is_within(reply[name], math.inf)]
        yield from (f"Reply {number}: {name} is {reply[name]!r}." for name in wrong)


def _broken_entries(rows: Rows) -> Iterator[str]:
    questions = set(rows("SELECT recording, question FROM recorded_questions"))
    experts = set(rows("SELECT recording, id FROM recorded_experts"))
    for recording, question, expert, previous_label in rows("SELECT recording, question, expert, previous_label FROM entries"):
        where = f"Entry of question {question}, expert {expert}, previous label {previous_label}"
        if (recording, question) not in questions or (recording, expert) not in experts:
            yield f"{where}: belongs to no question or no expert of its recording."
        if previous_label not in tuple(Label):
            yield f"{where}: that is not the code of a label."


_CHECKS: tuple[tuple[str, Callable[[Rows], Iterator[str]]], ...] = (
    ("the file's structure", _broken_structure),
    ("questions", _broken_questions),
    ("requests, each hashed again", _broken_requests),
    ("numbers", _broken_numbers),
    ("places of replies", _broken_entries),
)


def _belongs(request: Request, question: Question | None, spec: ExpertSpec) -> bool:
    is_asked = question is not None and any(packing.is_about(text, question) for _, text in request.messages)
    return is_asked and request.backend == spec.backend and request.model_digest == spec.digest


def _is_within(value: object, high: float) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= high


def _read_question(body: str) -> Question | None:
    try:
        return packing.question_from_json(body)
    except (KeyError, TypeError, ValueError):
        return None


def _read_text(body: bytes, question: int | None, questions: dict[int, Question | None]) -> str | None:
    subject = questions.get(question) if question is not None else None
    try:
        return packing.unpack_text(body, subject)
    except (zlib.error, UnicodeDecodeError):
        return None


def _read_request(frame: str, places: str, texts: dict[int, str | None]) -> Request | None:
    try:
        found = [texts.get(number) for number in packing.places_from_json(places)]
        return packing.request_of(frame, [text for text in found if text is not None])
    except (KeyError, TypeError, ValueError):
        return None
