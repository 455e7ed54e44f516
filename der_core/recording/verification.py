"""Is a store what it claims to be? What can be computed again is computed again, and what cannot be is said.

Requests are hashed again, labels and P(yes) read again from the texts and the likely tokens that are kept, programs run
again, every value looked at. That a model gave these texts nobody can compute: only asking again tells.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from der_core.config import ExpertSpec
from der_core.errors import InterpreterMissing
from der_core.experts.parsing import p_yes_again, read_reply, was_cut
from der_core.experts.program import run_program
from der_core.experts.protocol import Request
from der_core.foreign import in_one_line
from der_core.recording import packing
from der_core.recording.database import UNREADABLE
from der_core.records import Label, Question, Reply

Rows = Callable[[str], Iterable[tuple[Any, ...]]]  # Any: SQL values
"""Runs one query and gives its rows."""
OnProgress = Callable[[float, str], None]

P_YES_ROUNDING = 1e-4
"""How far P(yes) may lie from that of the likely tokens, whose log-probabilities are kept with six decimals."""
FEWEST_CONTRADICTIONS = 10
"""From so many replies on it is looked whether an expert's P(yes), without likely tokens, mostly contradicts its words."""
PROGRAMS_S = 60.0
"""How long programs are run again, in all."""
_LIMITS = ("the program ran longer", "the program needed more", "the interpreter ")


@dataclass(frozen=True)
class Verification:
    """What a look at a store found: `problems` contradict it, `proven` was computed again, `unproven` cannot be; one line each."""

    problems: tuple[str, ...]
    proven: tuple[str, ...]
    unproven: tuple[str, ...]


def examine(rows: Rows, on_progress: OnProgress = lambda fraction, what: None) -> Verification:
    """Return what is wrong with a store, what is proven of it and what cannot be.

    `on_progress` takes the share that is done, and what comes next; an error in it ends the work.
    """
    found = _Examination(rows)
    problems: list[str] = []
    for place, (what, check) in enumerate(_CHECKS):
        on_progress(place / len(_CHECKS), what)
        problems.extend(check(found))
    return Verification(tuple(problems), tuple(found.proven()), tuple(found.unproven()))


@dataclass
class _Examination:
    """What is known of the store so far, by row number; what cannot be read is missing."""

    rows: Rows
    questions: dict[int, Question] = field(default_factory=dict)
    specs: dict[int, ExpertSpec] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    askers: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    counts: Counter[str] = field(default_factory=Counter)
    agrees: defaultdict[str, Counter[bool]] = field(default_factory=lambda: defaultdict(Counter))
    programs_end: float = 0.0

    def proven(self) -> Iterator[str]:
        c = self.counts
        yield f"{c['request']:,} requests hash to their keys"
        yield f"{c['label']:,} labels are what their texts say"
        yield f"{c['p_yes']:,} values of P(yes) are what their likely tokens say"
        if c["program"]:
            yield f"{c['program']:,} programs print what was recorded when they are run again"
        if c["confirmed"]:
            yield f"for {c['confirmed']:,} replies the server named the same weights once they had been made"

    def unproven(self) -> Iterator[str]:
        c = self.counts
        yield "that the models gave these texts, with these times and counts: only asking again tells (store verify --ask N)"
        for what, words in (
            ("p_yes alone", "values of P(yes) whose likely tokens were not kept"),
            ("program not run", "programs that met a limit, were cut, or found no time to be run again"),
            ("unconfirmed", "replies of which nothing tells what weights the server had once they had been made"),
            ("unplaced", "replies that no recording shows, which are not read again"),
        ):
            if c[what]:
                yield f"{words}: {c[what]:,}"


def _broken_structure(found: _Examination) -> Iterator[str]:
    yield from (f"SQLite: {in_one_line(str(line))}" for (line,) in found.rows("PRAGMA integrity_check") if line != "ok")
    for table, row, parent, _ in found.rows("PRAGMA foreign_key_check"):
        yield f"Table {table}, row {row}: refers to a row of {parent} that is not there."


def _broken_questions(found: _Examination) -> Iterator[str]:
    for number, digest, body in found.rows("SELECT id, digest, body FROM questions"):
        try:
            question = packing.question_from_json(body)
        except UNREADABLE as error:
            yield f"Question {number}: its text is not the one that was recorded ({_told(error)})."
            continue
        if packing.digest(body) == digest:
            found.questions[number] = question
        else:
            yield f"Question {number}: its text is not the one that was recorded."


def _broken_experts(found: _Examination) -> Iterator[str]:
    for number, name, body in found.rows("SELECT id, name, spec FROM recorded_experts"):
        try:
            spec = packing.spec_from_json(body)
        except UNREADABLE as error:
            yield f"Table recorded_experts, row {number}: {_told(error)}."
            continue
        if spec.name == name:
            found.specs[number] = spec
        else:
            yield f"Table recorded_experts, row {number}: its settings are those of another expert than its name says."


def _broken_requests(found: _Examination) -> Iterator[str]:
    texts = dict(_readable_texts(found))
    for number, key, frame, places in found.rows("SELECT p.id, key, f.body, p.texts FROM replies p JOIN frames f ON f.id = p.frame"):
        request = _read_request(frame, places, texts)
        if request is None or packing.key_bytes(request.key) != key:
            shown = key.hex() if isinstance(key, bytes) else in_one_line(str(key), 40)
            yield f"Reply {number} (key b2:{shown}): its request does not hash to its key."
        else:
            found.requests[number] = request
            found.counts["request"] += 1


def _readable_texts(found: _Examination) -> Iterator[tuple[int, str]]:
    for number, question, body in found.rows("SELECT id, question, body FROM texts"):
        try:
            yield number, packing.unpack_text(body, found.questions[question] if question is not None else None)
        except UNREADABLE:
            continue  # told with the reply whose request it stands in


def _read_request(frame: str, places: str, texts: dict[int, str]) -> Request | None:
    try:
        return packing.request_of(frame, [texts[number] for number in packing.places_from_json(places)])
    except UNREADABLE:
        return None


def _broken_entries(found: _Examination) -> Iterator[str]:
    questions = set(found.rows("SELECT recording, question FROM recorded_questions"))
    experts = set(found.rows("SELECT recording, id FROM recorded_experts"))
    ids: dict[int, str] = dict(found.rows("SELECT question, question_id FROM recorded_questions"))
    for number, question_id in ids.items():
        if number in found.questions and found.questions[number].id != question_id:
            yield f"Question {number}: its id is not the one under which it is recorded."
    for recording, question, expert, previous, reply in found.rows(
        "SELECT recording, question, expert, previous_label, reply FROM entries"
    ):
        where = "Entry of question {}, expert {}, previous label {}".format(
            *(in_one_line(str(part), 40) for part in (question, expert, previous))
        )
        if (recording, question) not in questions or (recording, expert) not in experts:
            yield f"{where}: belongs to no question or no expert of its recording."
        if previous not in tuple(Label):
            yield f"{where}: that is not the code of a label."
        elif previous != Label.NONE and expert in found.specs and found.specs[expert].is_asked_once:
            yield f"{where}: that expert is asked once, before anything was answered."
        if reply in found.requests and not _belongs(found.requests[reply], found.questions.get(question), found.specs.get(expert)):
            yield f"Reply {reply} stands where another question or expert was asked."
        found.askers[reply].add(expert)


def _belongs(request: Request, question: Question | None, spec: ExpertSpec | None) -> bool:
    if question is None or spec is None:
        return True  # told already
    is_asked = any(packing.is_about(text, question) for _, text in request.messages)
    return is_asked and request.backend == spec.backend and request.model_digest == spec.digest


def _broken_replies(found: _Examination) -> Iterator[str]:
    found.programs_end = time.monotonic() + PROGRAMS_S
    columns = ", ".join(packing.REPLY_COLUMNS)
    sql = f"SELECT p.id, digest_in_force, {columns}, reply_digest FROM replies p JOIN frames f ON f.id = p.frame"
    for number, in_force, *row in found.rows(sql):
        try:
            reply = packing.reply_from_row(row)
        except UNREADABLE as error:
            is_label = row[1] in (Label.YES, Label.NO, Label.INVALID)
            yield f"Reply {number}: {_told(error)}." if is_label else f"Reply {number}: {row[1]!r:.40} is not the code of a label."
            continue
        is_placed = bool(found.askers.get(number))
        found.counts["unconfirmed" if in_force is None else "confirmed"] += is_placed
        found.counts["unplaced"] += not is_placed
        if is_placed and in_force is not None and number in found.requests and found.requests[number].model_digest != in_force:
            yield f"Reply {number}: its server named other weights once it had been made than it was asked of."
        for spec in (found.specs[expert] for expert in found.askers.get(number, ()) if expert in found.specs):
            yield from _misread(found, number, reply, spec)
    for name, agrees in found.agrees.items():
        if agrees.total() >= FEWEST_CONTRADICTIONS and agrees[False] > agrees[True]:
            yield f"P(yes) of {in_one_line(name)} contradicts the words of {agrees[False]:,} of {agrees.total():,} replies."


def _misread(found: _Examination, number: int, reply: Reply, spec: ExpertSpec) -> Iterator[str]:
    """Read a reply again as its expert's style has it, and tell where it says something else."""
    reading = read_reply(reply.text, spec.style)
    if spec.style == "program" and reading.answer_text:
        yield from _misprinted(found, number, reply, reading.answer_text)
    elif reading.label == reply.label:
        found.counts["label"] += 1
    else:
        yield f"Reply {number}: its label is {reply.label.word}, and its text says {reading.label.word}."
    if reply.p_yes is None:
        return
    if not reply.alternatives:
        found.counts["p_yes alone"] += 1
        if reply.label != Label.INVALID and not spec.held:
            found.agrees[spec.name][(reply.p_yes >= 0.5) == (reply.label == Label.YES)] += 1
        return
    told = p_yes_again(reply.text, spec.style, reply.alternatives)
    if told is not None and abs(told - reply.p_yes) <= P_YES_ROUNDING:
        found.counts["p_yes"] += 1
    else:
        yield f"Reply {number}: P(yes) is {reply.p_yes:.4f}, and its likely tokens say {'nothing' if told is None else f'{told:.4f}'}."


def _misprinted(found: _Examination, number: int, reply: Reply, program: str) -> Iterator[str]:
    """Run the program of a reply again, and tell where it comes to something else."""
    if was_cut(reply.reason) or reply.reason.startswith(_LIMITS) or time.monotonic() > found.programs_end:
        found.counts["program not run"] += 1
        return
    try:
        run = run_program(program)
    except InterpreterMissing:
        found.counts["program not run"] += 1
        return
    if run.reason.startswith(_LIMITS) or (run.interpreter != reply.interpreter and run.label != reply.label):
        found.counts["program not run"] += 1  # a slower machine or another interpreter tells nothing
    elif (run.label, run.printed) == (reply.label, reply.printed):
        found.counts["program"] += 1
    else:
        yield f"Reply {number}: its label is {reply.label.word}, and its program run again says {run.label.word}."


def _broken_vectors(found: _Examination) -> Iterator[str]:
    for number, vector, packed in found.rows("SELECT id, vector, packed FROM vectors"):
        try:
            packing.unpack_vector(vector, packed)
        except UNREADABLE as error:
            yield f"Table vectors, row {number}: {_told(error)}."


_CHECKS: tuple[tuple[str, Callable[[_Examination], Iterator[str]]], ...] = (
    ("the file's structure", _broken_structure),
    ("questions", _broken_questions),
    ("experts", _broken_experts),
    ("requests, each hashed again", _broken_requests),
    ("places of replies", _broken_entries),
    ("replies, each read again", _broken_replies),
    ("vectors", _broken_vectors),
)


def _told(error: BaseException) -> str:
    return in_one_line(str(error).rstrip("."), 200) or type(error).__name__
