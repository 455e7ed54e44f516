"""Long work in the background: one job of a kind at a time, watched by anybody, stopped by anybody.

Work runs in a daemon thread that knows nothing of who watches. Watchers take snapshots; the history is
append-only, so several of them read it side by side. A job ends as done, stopped or failed, and stays
listed until the process ends.
"""

from __future__ import annotations

import enum
import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from der_core.errors import DerError, JobBusy

logger = logging.getLogger(__name__)
MAX_HISTORY = 2_000
"""Reports kept of one job; beyond that every second one of the older half is dropped."""


class JobState(enum.StrEnum):
    """Where a job stands."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether the work is still going on."""
        return self in (JobState.RUNNING, JobState.STOPPING)


@dataclass(frozen=True)
class JobReport:
    """What the work says while it goes on: how far it is, in words, and any record worth keeping."""

    fraction: float
    eta_s: float | None
    text: str
    record: Any = None  # Any: a progress record of the kind of work


@dataclass(frozen=True)
class JobSnapshot:
    """A job as it stands at one moment.

    `message` is the one line to show when it failed or was stopped; `can_stop` tells whether a stop would still have an effect.
    """

    id: str
    kind: str
    title: str
    owner: str
    state: JobState
    report: JobReport
    history: tuple[Any, ...]
    elapsed_s: float
    message: str
    can_stop: bool
    result: Any  # Any: what the work returned, None until it is done


class JobHandle:
    """What the work itself holds: the flag that asks it to stop, and a place to report to."""

    def __init__(self, job: _Job) -> None:
        self._job = job
        self.stop = job.stop

    def commit(self) -> None:
        """Tell that what the job is for is done: whatever follows is short, cannot be stopped, and the job ends as done."""
        self._job.commit()

    def report(self, fraction: float, eta_s: float | None, text: str, record: Any = None) -> None:  # Any: see JobReport
        """Publish progress; `fraction` lies in [0, 1], `record` is kept in the history."""
        self._job.publish(JobReport(min(max(fraction, 0.0), 1.0), eta_s, text, record))


Work = Callable[[JobHandle], Any]  # Any: the result, of the kind of work


class JobBoard:
    """All jobs of this process. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def start(self, kind: str, title: str, work: Work, owner: str = "") -> str:
        """Start `work` and return the job's id; JobBusy while another job of that kind is running."""
        with self._lock:
            busy = next((job for job in self._jobs.values() if job.kind == kind and job.state.active), None)
            if busy:
                raise JobBusy(f"{busy.title} is still running; wait for it or stop it first.")
            job = _Job(uuid.uuid4().hex[:12], kind, title, owner, self._clock)
            self._jobs[job.id] = job
        threading.Thread(target=job.run, args=(work,), name=f"{kind}-{job.id}", daemon=True).start()
        return job.id

    def stop(self, job_id: str) -> None:
        """Ask a job to stop; one that has ended is left as it is."""
        self._jobs[job_id].request_stop()

    def snapshot(self, job_id: str) -> JobSnapshot | None:
        """Return a job as it stands, None where this process has no such job."""
        job = self._jobs.get(job_id)
        return job.snapshot() if job else None

    def latest(self, kind: str) -> JobSnapshot | None:
        """Return the running or, failing that, the last job of a kind."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.kind == kind]
        return jobs[-1].snapshot() if jobs else None

    def wait(self, job_id: str, timeout_s: float) -> JobSnapshot:
        """Wait until a job has ended, at most `timeout_s`, and return it as it stands then."""
        job = self._jobs[job_id]
        job.ended.wait(timeout_s)
        return job.snapshot()


class _Job:
    """One job; every field that changes is guarded by its lock."""

    def __init__(self, job_id: str, kind: str, title: str, owner: str, clock: Callable[[], float]) -> None:
        self.id, self.kind, self.title, self.owner = job_id, kind, title, owner
        self.stop = threading.Event()
        self.ended = threading.Event()
        self.state = JobState.RUNNING
        self.is_committed = False
        self._clock = clock
        self._started = clock()
        self._finished: float | None = None
        self._lock = threading.Lock()
        self._report = JobReport(0.0, None, "Starting")
        self._history: list[Any] = []
        self._message = ""
        self._result: Any = None

    def run(self, work: Work) -> None:
        try:
            result = work(JobHandle(self))
        except DerError as error:
            self._finish(JobState.FAILED, str(error), None)
        except Exception as error:  # the thread's top: nobody above would see it
            logger.exception("job %s failed", self.title)
            self._finish(JobState.FAILED, f"{self.title} failed: {type(error).__name__}: {error}", None)
        else:
            stopped = self.stop.is_set() and not self.is_committed
            self._finish(JobState.STOPPED if stopped else JobState.DONE, f"{self.title} was stopped." if stopped else "", result)

    def publish(self, report: JobReport) -> None:
        with self._lock:
            self._report = report
            if report.record is not None:
                self._history.append(report.record)
            if len(self._history) > MAX_HISTORY:
                half = len(self._history) // 2
                self._history = self._history[:half:2] + self._history[half:]

    def commit(self) -> None:
        with self._lock:
            self.is_committed, self.state = True, JobState.RUNNING

    def request_stop(self) -> None:
        with self._lock:
            if self.state is JobState.RUNNING and not self.is_committed:
                self.state = JobState.STOPPING
                self.stop.set()

    def snapshot(self) -> JobSnapshot:
        with self._lock:
            elapsed = (self._finished or self._clock()) - self._started
            return JobSnapshot(
                self.id,
                self.kind,
                self.title,
                self.owner,
                self.state,
                self._report,
                tuple(self._history),
                elapsed,
                self._message,
                self.state is JobState.RUNNING and not self.is_committed,
                self._result,
            )

    def _finish(self, state: JobState, message: str, result: Any) -> None:  # Any: see JobSnapshot
        with self._lock:
            self.state, self._message, self._result = state, message, result
            self._finished = self._clock()
        self.ended.set()
