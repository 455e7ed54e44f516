"""Who asks what: the replicas of one expert, the work that is shared among them, and calls in threads of their own."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from der_core.errors import BadReply, ExpertError
from der_core.experts.bounds import check_reply
from der_core.experts.patience import Waited, watched_waits
from der_core.experts.protocol import Expert, Request
from der_core.recording.store import Call
from der_core.records import Label, Question, Reply

WARM_UP = Question(id="warm-up", text="Is water wet?")
"""Asked before an expert's first call, so that loading the model is not counted as part of a reply."""
RELOAD_S = 0.1
"""A reply that was loaded for so long tells that the server took the model into memory anew, perhaps another one of that name."""
CONFIRM_EVERY = 25
"""After so many replies the server is asked again which weights it has under the name."""
RETRY_S = 0.5
"""How long a request that another recorder is making is left alone before it is looked up again."""

_LONGEST_REASON = 300
_log = logging.getLogger(__name__)


@dataclass
class Unit:
    """One question for one expert: the previous labels still to be asked, by one replica in a row."""

    question: Question
    labels: deque[Label]
    retry_at: float = 0.0


class Work:
    """The units of one pass of one expert, in order; those that another recorder is busy with come back later."""

    def __init__(self, units: Iterable[Unit], clock: Callable[[], float]) -> None:
        self._units = deque(units)
        self._left_to_others: deque[Unit] = deque()
        self._clock = clock

    def __bool__(self) -> bool:
        return bool(self._units or self._left_to_others)

    def next(self) -> Unit | None:
        """The next unit, None where there is none now."""
        if self._units:
            return self._units.popleft()
        if self._left_to_others and self._left_to_others[0].retry_at <= self._clock():
            return self._left_to_others.popleft()
        return None

    def put_back(self, unit: Unit) -> None:
        """Let another replica take the unit."""
        self._units.appendleft(unit)

    def leave_to_others(self, unit: Unit) -> None:
        """Look at the unit again after the others, and a moment later."""
        unit.retry_at = self._clock() + RETRY_S
        self._left_to_others.append(unit)


@dataclass
class Worker:
    """One replica, and what it is doing.

    `key` is that of the request it made last; `unconfirmed` are its replies since the server last named their weights;
    `noted` is what the recording says of how it is asked; `waited` what was waited for in vain.
    """

    expert: Expert
    unit: Unit | None = None
    key: str = ""
    is_warm: bool = False
    is_busy: bool = False
    given_up: bool = False
    faults_in_a_row: int = 0
    started_at: float = 0.0
    waiting: str = ""
    noted: tuple[str, ...] = ()
    waited: Waited = field(default_factory=Waited)
    unconfirmed: list[tuple[Call, Request]] = field(default_factory=list)


@dataclass(frozen=True)
class Finished:
    """The end of one call (of a look at the digest alone where `question` is None).

    `digest` is what the server named as its weights afterwards, None where it was not asked or cannot tell.
    """

    worker: Worker
    question: Question | None
    previous_label: Label
    reply: Reply | None = None
    fault: ExpertError | None = None
    digest: str | None = None


def start_call(
    worker: Worker, question: Question | None, label: Label, ended: queue.SimpleQueue[Finished], is_stopped: Callable[[], bool]
) -> None:
    """Make one call in a thread of its own; its end is put into `ended`, whatever it is. Without a question only the digest is read.

    While a busy server is waited for, `worker.waiting` says why; such a wait ends once `is_stopped` is true.
    """
    worker.is_busy, worker.waiting = True, ""

    def on_wait(seconds: float, why: str) -> None:
        worker.waiting = why

    def work() -> None:
        finished = Finished(worker, question, label, fault=ExpertError("The call ended in the middle."))
        try:
            with watched_waits(on_wait, is_stopped, worker.waited):
                finished = _finish(worker, question, label)
        finally:
            ended.put(finished)

    # A daemon, so that a call that hangs cannot keep the process alive after a stop.
    threading.Thread(target=work, daemon=True).start()


def _finish(worker: Worker, question: Question | None, label: Label) -> Finished:
    try:
        reply = None if question is None else _checked(worker.expert.ask(question, label))
        is_due = (
            reply is None or reply.load_s >= RELOAD_S or question is WARM_UP or len(worker.unconfirmed) % CONFIRM_EVERY == CONFIRM_EVERY - 1
        )
        return Finished(worker, question, label, reply, digest=worker.expert.current_digest() if is_due else None)
    except Exception as error:
        # An odd server or a defect of one backend must not end what others record; the log has the whole story.
        return Finished(worker, question, label, fault=as_fault(error))


def as_fault(error: Exception) -> ExpertError:
    """Return the error as one of an expert, in one line."""
    if isinstance(error, ExpertError):
        return error
    _log.info("an expert failed in a way that is not one of its errors", exc_info=error)
    told = " ".join(str(error).split())[:_LONGEST_REASON]
    return ExpertError(f"The expert failed with {type(error).__name__}{f': {told}' if told else ''}; see the log (--verbose).")


def _checked(reply: Reply) -> Reply:
    if not isinstance(reply, Reply):
        raise BadReply(f"The expert gave a {type(reply).__name__} instead of a reply.")
    check_reply(reply)
    return reply
