"""The recorder: asks experts what a recording lacks, keeps every reply at once, and stops cleanly at any moment.

Order: expert by expert, so that a server swaps models least; within an expert question by question, with
previous label none, yes, no, so that the server's prefix cache serves the second and third prompt. Label
invalid is asked about afterwards, and only for questions to which some expert gave an invalid reply.

One thread decides and writes; each replica (an expert on one host) makes its calls in a thread of its own.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from der_core.errors import ExpertError, HostRefused, HostUnreachable, ModelMissing, SettingsError, StoreError
from der_core.experts.protocol import Expert
from der_core.recording.plan import PASSES, Pace, Plan
from der_core.recording.store import Call, Store
from der_core.records import Label, Question, Reply

LASTING_FAULTS = (HostUnreachable, ModelMissing, HostRefused)
"""Faults that the next call would meet again: the replica is given up at once."""
FAULTS_IN_A_ROW = 3
"""A replica that gives no reply so many times in a row is given up."""
STOP_GRACE_S = 5.0
"""How long a call in flight may still take after a stop; its reply is lost if it takes longer."""
POLL_S = 0.1
"""How often a wait for replies looks at the stop flag."""
WARM_UP = Question(id="warm-up", text="Is water wet?")
"""Asked before an expert's first call, so that loading the model is not counted as part of a reply."""


@dataclass(frozen=True)
class Progress:
    """Where a recording stands: replies in the store of those that are needed (`total` grows with invalid replies).

    `rate_per_s` counts the calls of this run; `eta_s` is None before the first; `faults` counts by kind;
    `reused` replies needed no call.
    """

    done: int
    total: int
    rate_per_s: float
    eta_s: float | None
    expert: str
    faults: Mapping[str, int]
    reused: int


@dataclass(frozen=True)
class Summary:
    """How a run of the recorder ended; `message` says it in one line, `complete` that nothing is missing."""

    done: int
    total: int
    asked: int
    reused: int
    faults: Mapping[str, int]
    stopped: bool
    message: str

    @property
    def complete(self) -> bool:
        """Whether every reply that was wanted is in the store."""
        return self.done == self.total


def record(
    store: Store,
    recording: str,
    questions: Sequence[Question],
    experts: Mapping[str, Sequence[Expert]],
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    meta: Mapping[str, Any] | None = None,  # Any: a JSON object
) -> Summary:
    """Ask for every reply that the recording lacks, and return how that went.

    `experts` maps names to replicas: the same expert on one host or several, asked side by side. Faults of
    experts do not raise: they are kept in the store and told by the summary. Raises SettingsError for
    replicas that would not reply alike, StoreError if the recording holds other questions, experts or
    prompts under the same names. `on_progress` is called from the calling thread.
    """
    _check_alike(experts)
    store.start_recording(recording, meta)
    store.add_questions(recording, questions)
    store.add_experts(recording, [replicas[0].spec for replicas in experts.values()])
    once = tuple({question.id: question for question in questions}.values())
    return _Run(store, recording, once, experts, on_progress, stop or threading.Event(), clock).run()


@dataclass
class _Unit:
    """One question for one expert: the previous labels still to be asked, by one replica in a row."""

    question: Question
    labels: deque[Label]


@dataclass
class _Worker:
    """One replica, and what it is doing."""

    expert: Expert
    unit: _Unit | None = None
    is_warm: bool = False
    is_busy: bool = False
    given_up: bool = False
    faults_in_a_row: int = 0
    started_at: float = 0.0


@dataclass(frozen=True)
class _Finished:
    """The end of one call; neither reply nor fault means that the expert broke its protocol."""

    worker: _Worker
    question: Question
    previous_label: Label
    reply: Reply | None
    fault: ExpertError | None


@dataclass
class _Run:
    store: Store
    recording: str
    questions: Sequence[Question]
    experts: Mapping[str, Sequence[Expert]]
    on_progress: Callable[[Progress], None]
    stop: threading.Event
    clock: Callable[[], float]
    faults: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    reused: int = 0

    def __post_init__(self) -> None:
        self.plan = Plan([question.id for question in self.questions], list(self.experts), self._recorded())
        self.reused = self.plan.done
        self.pace = Pace(self.clock)
        self.crews = {name: [_Worker(replica) for replica in replicas] for name, replicas in self.experts.items()}
        self.ended: queue.SimpleQueue[_Finished] = queue.SimpleQueue()

    def run(self) -> Summary:
        """Go through all passes and experts, unless stopped."""
        for labels in PASSES:
            for name in self.experts:
                wanted = (_Unit(question, self.plan.missing(name, question.id, labels)) for question in self.questions)
                units = deque(unit for unit in wanted if unit.labels)
                if units and not self.stop.is_set():
                    self._tell(name)
                    self._record_expert(name, units)
        return self._summary()

    def _recorded(self) -> dict[Call, Label]:
        """The filled places of the recording, after a check that this run would ask the same there."""
        by_id = {question.id: question for question in self.questions}
        entries = self.store.entries(self.recording)
        for entry in entries:
            call = entry.call
            if call.expert in self.experts and call.question_id in by_id:
                request = self.experts[call.expert][0].request(by_id[call.question_id], call.previous_label)
                if request.key != entry.key:
                    raise StoreError(
                        f"Expert {call.expert} of recording {self.recording!r} was asked with another prompt or other options. "
                        "Choose another recording name."
                    )
        return {entry.call: entry.label for entry in entries}

    def _record_expert(self, name: str, units: deque[_Unit]) -> None:
        crew = [worker for worker in self.crews[name] if not worker.given_up]
        for worker in crew:
            worker.is_warm = False  # other experts may have pushed the model out of memory
            self._start_next(name, worker, units)
        while any(worker.is_busy for worker in crew):
            ended = self._await()
            if ended is None:
                return
            self._take(name, ended, units)
            for worker in crew:
                self._start_next(name, worker, units)

    def _start_next(self, name: str, worker: _Worker, units: deque[_Unit]) -> None:
        """Give an idle replica its next call, after filling places whose replies the store has already."""
        while not (worker.is_busy or worker.given_up or self.stop.is_set()):
            if worker.unit is None or not worker.unit.labels:
                worker.unit = units.popleft() if units else None
            if worker.unit is None:
                return
            question, label = worker.unit.question, worker.unit.labels[0]
            key = worker.expert.request(question, label).key
            known = self.store.find_reply(key)
            if known is None:
                self._call(worker, *((question, label) if worker.is_warm else (WARM_UP, Label.NONE)))
                return
            worker.unit.labels.popleft()
            call = Call(question.id, name, label)
            self.store.link_reply(self.recording, call, key)
            self.plan.add(call, known.label)
            self.reused += 1

    def _call(self, worker: _Worker, question: Question, label: Label) -> None:
        worker.is_busy, worker.started_at = True, self.clock()
        # A daemon, so that a call that hangs cannot keep the process alive after a stop.
        threading.Thread(target=_ask, args=(worker, question, label, self.ended), daemon=True).start()

    def _await(self) -> _Finished | None:
        """Return the next finished call; None when a stop has waited long enough."""
        while not self.stop.is_set():
            try:
                return self.ended.get(timeout=POLL_S)
            except queue.Empty:
                continue
        try:
            return self.ended.get(timeout=STOP_GRACE_S)
        except queue.Empty:
            return None

    def _take(self, name: str, ended: _Finished, units: deque[_Unit]) -> None:
        worker = ended.worker
        worker.is_busy = False
        if ended.fault is not None:
            self._take_fault(name, worker, ended, ended.fault, units)
        elif ended.reply is None:
            raise RuntimeError(f"Expert {name} failed in a way that is not one of its errors; see the traceback of its thread.")
        elif ended.question is WARM_UP:
            worker.is_warm = True
            self.store.note_load(self.recording, name, ended.reply.load_s)
        else:
            self._take_reply(name, worker, ended, ended.reply)
        self._tell(name)

    def _take_reply(self, name: str, worker: _Worker, ended: _Finished, reply: Reply) -> None:
        assert worker.unit is not None
        call = Call(ended.question.id, name, ended.previous_label)
        request = worker.expert.request(ended.question, ended.previous_label)
        self.store.put_reply(self.recording, call, request, reply)
        worker.unit.labels.popleft()
        worker.faults_in_a_row = 0
        self.plan.add(call, reply.label)
        self.pace.add(name, worker.started_at, sum(not mate.given_up for mate in self.crews[name]))
        self.asked += 1

    def _take_fault(self, name: str, worker: _Worker, ended: _Finished, fault: ExpertError, units: deque[_Unit]) -> None:
        """Keep the fault and go on with another question, or without this replica."""
        kind, message = type(fault).__name__, " ".join(str(fault).split())
        self.store.put_fault(self.recording, name, kind, message)
        self.faults[kind] += 1
        worker.faults_in_a_row += 1
        worker.is_warm = True  # a warm-up that failed is not made again: the next call tells more
        is_lasting, is_warm_up = isinstance(fault, LASTING_FAULTS), ended.question is WARM_UP
        worker.given_up = is_lasting or worker.faults_in_a_row >= FAULTS_IN_A_ROW
        if worker.unit is not None and worker.given_up and (is_lasting or is_warm_up):
            units.appendleft(worker.unit)  # the question is not to blame: another replica may take it
        if worker.given_up or not is_warm_up:
            worker.unit = None  # a question without all its replies is of no use: its other labels wait as well
        if all(mate.given_up for mate in self.crews[name]):
            self.reasons[name] = message if is_lasting else f"{FAULTS_IN_A_ROW} calls in a row gave no reply, the last one: {message}"

    def _tell(self, name: str) -> None:
        eta_s = self.pace.eta_s({other: self.plan.n_missing(other) for other in self.experts})
        self.on_progress(Progress(self.plan.done, self.plan.total, self.pace.rate_per_s, eta_s, name, dict(self.faults), self.reused))

    def _summary(self) -> Summary:
        return Summary(self.plan.done, self.plan.total, self.asked, self.reused, dict(self.faults), self.stop.is_set(), self._message())

    def _message(self) -> str:
        counts = f"{self.plan.done:,} of {self.plan.total:,} replies recorded ({self.asked:,} asked now)"
        if self.plan.done == self.plan.total:
            return f"Recording {self.recording!r} is complete: {counts}."
        causes = [f"expert {name} was given up: {reason.rstrip('.')}" for name, reason in self.reasons.items()]
        if self.stop.is_set():
            causes.append("stopped on request")
        if not causes:
            n_faults = self.faults.total()
            causes = [f"{n_faults} call{'s' if n_faults != 1 else ''} without a reply ({', '.join(sorted(self.faults))})"]
        return f"Recording {self.recording!r}: {counts}; {'; '.join(causes)}. Run the same command again to ask only for what is missing."


def _ask(worker: _Worker, question: Question, label: Label, ended: queue.SimpleQueue[_Finished]) -> None:
    reply, fault = None, None
    try:
        reply = worker.expert.ask(question, label)
    except ExpertError as error:
        fault = error
    finally:
        ended.put(_Finished(worker, question, label, reply, fault))


def _check_alike(experts: Mapping[str, Sequence[Expert]]) -> None:
    for name, replicas in experts.items():
        if not replicas:
            raise SettingsError(f"Expert {name} has no host to be asked on.")
        keys = {replica.request(WARM_UP, Label.NONE).key for replica in replicas}
        if len(keys) > 1 or any(replica.spec.name != name for replica in replicas):
            raise SettingsError(f"The hosts of expert {name} hold different weights or options; their replies would not belong together.")
