"""The recorder: asks experts what a recording lacks, keeps every reply at once, and stops cleanly at any moment.

Order: expert by expert, so that a server swaps models least; within an expert question by question, with
previous label none, yes, no, so that the server's prefix cache serves the second and third prompt. Label
invalid is asked about afterwards, and only for questions to which some expert gave an invalid reply.

One thread decides and writes; each replica (an expert on one host) makes its calls in a thread of its own. Several
recorders may fill one store at once: each claims a request before it makes it, and takes over what others have made.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from der_core.config import ExpertSpec
from der_core.errors import (
    ExpertError,
    HostRefused,
    HostUnreachable,
    InterpreterMissing,
    ModelChanged,
    ModelMissing,
    SettingsError,
    StoreError,
    WaitStopped,
)
from der_core.experts.protocol import Expert
from der_core.recording.claims import Claims
from der_core.recording.crew import WARM_UP, Finished, Unit, Work, Worker, as_fault, start_call
from der_core.recording.fault_book import FaultBook
from der_core.recording.outlook import advice_on
from der_core.recording.plan import PASSES, Pace, Plan
from der_core.recording.store import Call, DigestChange, Store
from der_core.records import Label, Question, Reply

LASTING_FAULTS = (HostUnreachable, ModelMissing, HostRefused, ModelChanged, InterpreterMissing)
"""Faults that the next call would meet again: the replica is given up at once."""
FAULTS_IN_A_ROW = 10
"""A replica that gives no reply so many times in a row is given up."""
STOP_GRACE_S = 5.0
"""How long a call in flight may still take after a stop; its reply is lost if it takes longer."""
POLL_S = 0.1
"""How often a wait for replies looks at the stop flag."""
EARLY_LOOK = 20
"""After so many replies of an expert the progress tells whether they can be used."""


@dataclass(frozen=True)
class Progress:
    """Where a recording stands: replies in the store of those that are needed (`total` grows with invalid replies).

    `rate_per_s` counts the calls of this run; `eta_s` is None before the first; `faults` counts by kind, `reasons` tells
    each expert's in a sentence; `reused` replies needed no call. `waiting` says what is being waited for, "" for nothing
    but replies; `advice` holds sentences on experts whose replies can mostly not be used.
    """

    done: int
    total: int
    rate_per_s: float
    eta_s: float | None
    expert: str
    faults: Mapping[str, int]
    reused: int
    reasons: Mapping[str, str] = field(default_factory=dict)
    waiting: str = ""
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """How a run of the recorder ended; `message` says it in one line, `complete` that nothing is missing.

    `reasons` tells each expert's faults in a sentence, `advice` what to do about experts whose replies can mostly not be used.
    """

    done: int
    total: int
    asked: int
    reused: int
    faults: Mapping[str, int]
    stopped: bool
    message: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    advice: tuple[str, ...] = ()

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
    for name, replicas in experts.items():
        if remarks := store.remarks(recording, name):
            for replica in replicas:
                replica.recall(remarks)
    _check_alike(experts)
    store.start_recording(recording, meta)
    store.add_questions(recording, questions)
    store.add_experts(recording, [replicas[0].spec for replicas in experts.values()])
    once = tuple({question.id: question for question in questions}.values())
    return _Run(store, recording, once, experts, on_progress, stop or threading.Event(), clock).run()


@dataclass
class _Run:
    store: Store
    recording: str
    questions: Sequence[Question]
    experts: Mapping[str, Sequence[Expert]]
    on_progress: Callable[[Progress], None]
    stop: threading.Event
    clock: Callable[[], float]
    faults: FaultBook = field(default_factory=FaultBook)
    reasons: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    waits_told: str = ""
    asked: int = 0
    reused: int = 0

    def __post_init__(self) -> None:
        asked_once = {spec.name for spec in self._specs() if spec.is_asked_once}
        self.plan = Plan([question.id for question in self.questions], list(self.experts), self._recorded(), asked_once)
        self.reused = self.plan.done
        self.pace = Pace(self.clock)
        self.claims = Claims(self.store, self.clock)
        self.crews = {name: [Worker(replica) for replica in replicas] for name, replicas in self.experts.items()}
        self.ended: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def run(self) -> Summary:
        """Go through all passes and experts, unless stopped."""
        try:
            for labels in PASSES:
                for name in self.experts:
                    wanted = (Unit(question, self.plan.missing(name, question.id, labels)) for question in self.questions)
                    work = Work((unit for unit in wanted if unit.labels), self.clock)
                    if work and not self.stop.is_set():
                        self._tell(name)
                        self._record_expert(name, work)
        finally:
            self.claims.close()
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

    def _record_expert(self, name: str, work: Work) -> None:
        crew = [worker for worker in self.crews[name] if not worker.given_up]
        for worker in crew:
            worker.is_warm = False  # other experts may have pushed the model out of memory
        while True:
            for worker in crew:
                self._start_next(name, worker, work)
            if any(worker.is_busy for worker in crew):
                ended = self._await(name, crew)
                if ended is None:
                    break
                self._take(name, ended, work)
            elif work and not self.stop.is_set() and not all(worker.given_up for worker in crew):
                self._tell(name, "another recorder, which is making the calls that are left")
                self.stop.wait(POLL_S)
            else:
                break

    def _start_next(self, name: str, worker: Worker, work: Work) -> None:
        """Give an idle replica its next call; after its last one it is asked whether it still has the weights that it began with."""
        while not (worker.is_busy or worker.given_up or self.stop.is_set()):
            if worker.unit is None or not worker.unit.labels:
                worker.unit = work.next()
            if worker.unit is None:
                break
            self._begin(name, worker, worker.unit, work)
        if worker.unconfirmed and not (worker.is_busy or worker.given_up):
            self._call(worker, None, Label.NONE)

    def _begin(self, name: str, worker: Worker, unit: Unit, work: Work) -> None:
        """Make the next call of a unit, unless the store has its reply or another recorder is making it."""
        question, label = unit.question, unit.labels[0]
        try:
            key = worker.expert.request(question, label).key
        except Exception as error:  # a defect of one expert must not end what others record
            self._take_fault(name, worker, as_fault(error), work, question)
            return
        if self._fill(name, unit, key):
            return
        if not worker.is_warm:
            self._call(worker, WARM_UP, Label.NONE)
        elif not self.claims.take(key):
            work.leave_to_others(unit)
            worker.unit = None
        elif self._fill(name, unit, key):  # made by another recorder in the moment between
            self.claims.end(key)
        else:
            worker.key = key
            self._call(worker, question, label)

    def _fill(self, name: str, unit: Unit, key: str) -> bool:
        """Whether the store had the reply to the next call of a unit; its place is then filled."""
        known = self.store.find_reply(key)
        if known is None:
            return False
        call = Call(unit.question.id, name, unit.labels.popleft())
        self.store.link_reply(self.recording, call, key)
        self.plan.add(call, known.label)
        self.reused += 1
        return True

    def _call(self, worker: Worker, question: Question | None, label: Label) -> None:
        worker.started_at = self.clock()
        start_call(worker, question, label, self.ended, self.stop.is_set)

    def _await(self, name: str, crew: Sequence[Worker]) -> Finished | None:
        """Return the next finished call; None when a stop has waited long enough."""
        while not self.stop.is_set():
            try:
                return self.ended.get(timeout=POLL_S)
            except queue.Empty:
                self.claims.renew()
                self._tell_waits(name, crew)
        try:
            return self.ended.get(timeout=STOP_GRACE_S)
        except queue.Empty:
            return None

    def _take(self, name: str, ended: Finished, work: Work) -> None:
        worker = ended.worker
        worker.is_busy = False
        self._keep_notes(name, worker)
        if isinstance(ended.fault, WaitStopped):
            self.claims.end(worker.key)
        elif ended.fault is not None:
            self._take_fault(name, worker, ended.fault, work, ended.question)
        elif ended.question is WARM_UP and ended.reply is not None:
            worker.is_warm = True
            self.store.note_load(self.recording, name, ended.reply.load_s)
        elif ended.question is not None and ended.reply is not None:
            self._take_reply(name, worker, ended.question, ended.previous_label, ended.reply)
        if ended.digest is not None:
            self._take_digest(name, worker, ended.digest, work)
        elif ended.question is None:
            worker.unconfirmed.clear()  # nobody can tell
        if ended.question is not None or worker.given_up:
            self._tell(name)

    def _keep_notes(self, name: str, worker: Worker) -> None:
        """Keep how the expert is asked now; before its reply, so that after an interrupt the same is asked again."""
        if worker.expert.notes != worker.noted:
            worker.noted = worker.expert.notes
            self.store.note_remarks(self.recording, name, worker.noted)

    def _take_reply(self, name: str, worker: Worker, question: Question, label: Label, reply: Reply) -> None:
        assert worker.unit is not None
        call, request = Call(question.id, name, label), worker.expert.request(question, label)
        self.store.put_reply(self.recording, call, request, reply)
        if request.key == worker.key:
            self.claims.forget(worker.key)
        else:
            self.claims.end(worker.key)  # the server made the expert ask in another manner
        worker.unconfirmed.append((call, request))
        worker.unit.labels.popleft()
        worker.faults_in_a_row = 0
        self.plan.add(call, reply.label)
        self.pace.add(name, worker.started_at, sum(not mate.given_up for mate in self.crews[name]))
        self.reasons[name][reply.reason] += 1
        self.asked += 1

    def _take_fault(self, name: str, worker: Worker, fault: ExpertError, work: Work, question: Question | None) -> None:
        """Keep the fault and go on with another request, or without this replica."""
        is_lasting = isinstance(fault, LASTING_FAULTS)
        worker.is_warm = True  # a warm-up that failed is not made again: the next call tells more
        if question is not WARM_UP or is_lasting:  # else no reply is missing for it
            self.store.put_fault(self.recording, name, *self.faults.add(name, fault))
            worker.faults_in_a_row += 1
        worker.given_up = is_lasting or worker.faults_in_a_row >= FAULTS_IN_A_ROW
        if question not in (None, WARM_UP):
            self.claims.end(worker.key)
            if worker.unit is not None and not is_lasting:
                worker.unit.labels.popleft()  # it waits for the next run; only a lasting fault is not the request's own
        if worker.given_up and worker.unit is not None:
            work.put_back(worker.unit)
            worker.unit = None
        if all(mate.given_up for mate in self.crews[name]):
            self.faults.give_up(
                name, str(fault) if is_lasting else f"{FAULTS_IN_A_ROW} calls in a row gave no reply, the last one: {fault}"
            )

    def _take_digest(self, name: str, worker: Worker, digest: str, work: Work) -> None:
        """Confirm the replies since the server was last asked which weights it has; set them aside where it has others now."""
        spec, calls = worker.expert.spec, [call for call, _ in worker.unconfirmed]
        if digest == spec.digest:
            self.store.put_digest_in_force(self.recording, calls, digest)
        else:
            self.store.set_aside(self.recording, dict(worker.unconfirmed), digest)
            first = calls[0].question_id if calls else ""
            self.store.note_digest_change(self.recording, DigestChange(name, spec.digest, digest, first, len(calls)))
            for call in calls:
                self.plan.remove(call)
            self._take_fault(name, worker, _model_changed(spec, digest, first, len(calls)), work, None)
        worker.unconfirmed.clear()

    def _tell_waits(self, name: str, crew: Sequence[Worker]) -> None:
        """Say once a second what busy servers are waited for."""
        now = self.clock()
        waits = [f"{name}, {now - worker.started_at:.0f} s: {worker.waiting.rstrip('.')}" for worker in crew if worker.waiting]
        waiting_for = "; ".join(waits)
        if waiting_for and waiting_for != self.waits_told:
            self._tell(name, waiting_for)
        self.waits_told = waiting_for

    def _tell(self, name: str, waiting_for: str = "") -> None:
        eta_s = self.pace.eta_s({other: self.plan.n_missing(other) for other in self.experts})
        known = {other: reasons for other, reasons in self.reasons.items() if reasons.total() >= EARLY_LOOK}
        self.on_progress(
            Progress(
                self.plan.done,
                self.plan.total,
                self.pace.rate_per_s,
                eta_s,
                name,
                self.faults.by_kind,
                self.reused,
                self.faults.reasons(),
                f"waiting for {waiting_for}" if waiting_for else "",
                advice_on(known, self._specs()),
            )
        )

    def _specs(self) -> list[ExpertSpec]:
        return [replicas[0].spec for replicas in self.experts.values()]

    def _summary(self) -> Summary:
        done, total, reasons = self.plan.done, self.plan.total, self.faults.reasons()
        advice = advice_on(self.store.reasons(self.recording), self._specs())
        message = self._message(list(reasons.values()), advice)
        return Summary(done, total, self.asked, self.reused, self.faults.by_kind, self.stop.is_set(), message, reasons, advice)

    def _message(self, causes: list[str], advice: Sequence[str]) -> str:
        counts = f"{self.plan.done:,} of {self.plan.total:,} replies recorded ({self.asked:,} asked now)"
        is_complete = self.plan.done == self.plan.total
        begin = f"Recording {self.recording!r} is complete: {counts}" if is_complete else f"Recording {self.recording!r}: {counts}"
        stopped = ["stopped on request"] if self.stop.is_set() and not is_complete else []
        resume = [] if is_complete else ["Run the same command again to ask only for what is missing."]
        told = "; ".join([begin, *causes, *stopped])
        return " ".join([told if told.endswith("?") else f"{told}.", *advice, *resume])


def _model_changed(spec: ExpertSpec, digest: str, first_question: str, n_replies: int) -> ModelChanged:
    aside = (
        f"the {n_replies} replies since then, from question {first_question} on, were set aside" if n_replies else "no reply was kept of it"
    )
    return ModelChanged(
        f"The server named {spec.digest} as the weights of {spec.model} and names {digest} now; {aside}. Record the new ones under "
        f"a name of their own, as NAME={spec.model}, or in another recording"
    )


def _check_alike(experts: Mapping[str, Sequence[Expert]]) -> None:
    for name, replicas in experts.items():
        if not replicas:
            raise SettingsError(f"Expert {name} has no host to be asked on.")
        keys = {replica.request(WARM_UP, Label.NONE).key for replica in replicas}
        if len(keys) > 1 or any(replica.spec.name != name for replica in replicas):
            raise SettingsError(f"The hosts of expert {name} hold different weights or options; their replies would not belong together.")
