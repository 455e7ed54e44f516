"""Answers to many questions: each routed by itself and written to a CSV file when it is there, so that stopping loses none of them."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path

from der_core.config import End
from der_core.errors import ExpertError, ServerBusy, SettingsError, WaitStopped
from der_core.experts.patience import Waited, watched_waits
from der_core.experts.protocol import Expert
from der_core.files import write_whole
from der_core.foreign import harmless, in_one_line
from der_core.recording.recorder import FAULTS_IN_A_ROW, LASTING_FAULTS
from der_core.records import Question, Route, Step
from der_core.routing.encoding import TextEncoder
from der_core.routing.live import Decision
from der_core.routing.saved.trained import TrainedRouter
from der_core.work.routes import live_events, route_confidence

OUTAGES_IN_A_ROW = 2
"""So often in a row is an expert found out of reach before it is given up; only the first time is it waited for."""
LONGEST_QUESTION = 10_000
"""Letters of a question that the file shows; all of them count for its key."""


@dataclass(frozen=True)
class AnswerRow:
    """One line of the file: what a question was answered, or the fault for which it was not. What is unknown is empty.

    `experts` were asked, in this order, and replied; `cost` is in the router's cost mode; `seconds` went by from question to answer. `key`
    stands for all that the answer hangs on: router, end rule, question and passage. It is last, so that a line that was cut off has none.
    """

    id: str
    question: str
    answer: str
    experts: str
    cost: str
    confidence: str
    seconds: str
    fault: str
    key: str


HEADER = tuple(field.name for field in fields(AnswerRow))


@dataclass(frozen=True)
class Answered:
    """How far it got: `n_answered` of `n_total` questions have an answer by now, `n_faults` got a fault instead this time.

    `given_up` tells which experts are asked no more this time, and why: each in a sentence.
    """

    n_answered: int
    n_faults: int
    n_total: int
    given_up: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every question has an answer."""
        return self.n_answered == self.n_total


def answer_all(
    questions: Sequence[Question],
    router: TrainedRouter,
    experts: Sequence[Expert],
    encoder: TextEncoder,
    end: End,
    file: Path,
    *,
    fingerprint: str,
    on_progress: Callable[[Answered, float | None], None] = lambda answered, eta_s: None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Answered:
    """Answer the questions that have no answer in `file` yet, one after the other, and write each when it is there.

    A question that gets a fault has it written in place of an answer, and is asked again the next time; an expert that stays
    out of reach, or busy for longer than the patience, or that gives no reply many times in a row is asked no more this time. Gold answers are
    not looked at. `fingerprint` names the router: answers of another one in `file` are an error, as are those to questions that are not
    given. `on_progress` is told of each, with the seconds that are left. Once `stop` is set, the question under way is
    given up after the call in flight.
    """
    stop = stop or threading.Event()
    keys = {harmless(question.id): _key(question, fingerprint, end) for question in questions}
    kept = _go_on_with(file, keys)
    waiting = [question for question in questions if harmless(question.id) not in kept]
    began, n_answered, n_faults, outages = clock(), len(kept), 0, _Outages()
    for place, question in enumerate(waiting, start=1):
        asked_at = clock()
        events = live_events(replace(question, gold=None), router, experts, encoder, end)
        row = _answer(question, events, router, keys[harmless(question.id)], lambda: clock() - asked_at, stop, outages)  # noqa: B023  # used within
        if row is None:
            break
        _append(file, row)
        n_answered, n_faults = n_answered + (not row.fault), n_faults + bool(row.fault)
        eta_s = (clock() - began) / place * (len(waiting) - place)
        on_progress(Answered(n_answered, n_faults, len(questions), outages.told), eta_s)
        if len(outages.given_up) == len(experts):
            break
    return Answered(n_answered, n_faults, len(questions), outages.told)


@dataclass
class _Outages:
    """The faults of each expert since its last reply, and those for which experts were given up."""

    faults: defaultdict[str, list[ExpertError]] = field(default_factory=lambda: defaultdict(list))
    waited: defaultdict[str, Waited] = field(default_factory=lambda: defaultdict(Waited))
    given_up: dict[str, ExpertError] = field(default_factory=dict)

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(f"Expert {name} was given up: {in_one_line(str(fault))}" for name, fault in self.given_up.items())

    def add(self, expert: str, fault: ExpertError) -> None:
        self.faults[expert].append(fault)
        n_outages = sum(isinstance(fault, (*LASTING_FAULTS, ServerBusy)) for fault in self.faults[expert])
        if n_outages >= OUTAGES_IN_A_ROW or len(self.faults[expert]) >= FAULTS_IN_A_ROW:
            self.given_up[expert] = fault


def _answer(
    question: Question,
    events: Iterator[Decision | Step | Route],
    router: TrainedRouter,
    key: str,
    seconds: Callable[[], float],
    stop: threading.Event,
    outages: _Outages,
) -> AnswerRow | None:
    """The row of one question, from the events of its route; None where that was stopped before its end."""
    asked: list[str] = []
    asking, event = "", None
    name, text = harmless(question.id), in_one_line(question.text, LONGEST_QUESTION)
    try:
        while not isinstance(event, Route):
            with watched_waits(is_stopped=stop.is_set, waited=outages.waited[asking]):
                event = next(events)
            if isinstance(event, Decision) and event.expert:
                asking = event.expert
                if asking in outages.given_up:
                    raise outages.given_up[asking]
            if isinstance(event, Step):
                asked.append(event.expert)
                outages.faults[event.expert].clear()
            if stop.is_set() and not isinstance(event, Route):
                return None
    except WaitStopped:
        return None
    except ExpertError as error:
        outages.add(asking, error)
        return AnswerRow(name, text, "", ", ".join(asked), "", "", "", in_one_line(str(error)), key)
    cost, confidence, passed = (_figure(value) for value in (event.cost, route_confidence(event, router), seconds()))
    return AnswerRow(name, text, event.answer.word, ", ".join(asked), cost, confidence, passed, "", key)


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _key(question: Question, fingerprint: str, end: End) -> str:
    told = "\0".join((fingerprint, end, question.text, question.passage or ""))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _go_on_with(file: Path, keys: Mapping[str, str]) -> set[str]:
    """Make `file` ready to be written on, and return the ids that are answered there; lines with a fault, and one cut off, are taken out."""
    rows = _read(file) if file.exists() else []
    for row in rows:
        if row.id not in keys:
            raise SettingsError(
                f"{file} holds an answer to {row.id!r:.80}, which is none of these questions; name another file with --save."
            )
        if row.key != keys[row.id]:
            raise SettingsError(
                f"{file} holds answers of another router, under another end rule, or to other texts (at {row.id!r:.80}); "
                "name another file with --save."
            )
    answered = [row for row in rows if not row.fault]
    with _in_words(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, _lines([HEADER, *map(astuple, answered)]))
    return {row.id for row in answered}


def _read(file: Path) -> list[AnswerRow]:
    """The rows of a file that an earlier call wrote; SettingsError for any other file."""
    try:
        text = file.read_bytes().decode("utf-8")
        table = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{file} cannot be read as a file of answers ({error}); name another file with --save.") from error
    if len(table) > 1 and not (text.endswith("\n") and len(table[-1]) == len(HEADER)):
        del table[-1]  # whoever wrote it was ended in the middle of the line
    if text and (tuple(table[0]) != HEADER or any(len(row) != len(HEADER) for row in table)):
        raise SettingsError(f"{file} is no file of answers, and is left as it is; name another file with --save.")
    return [AnswerRow(*row) for row in table[1:]]


def _append(file: Path, row: AnswerRow) -> None:
    with _in_words(file), file.open("ab") as stream:
        stream.write(_lines([astuple(row)]))
        stream.flush()
        os.fsync(stream.fileno())


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode("utf-8")


@contextmanager
def _in_words(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"The answers cannot be written to {file} ({error.strerror}); name another file with --save.") from error
