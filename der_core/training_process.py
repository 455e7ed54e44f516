"""Training and comparing in a process of its own, so that whoever waits for it stays quick.

PPO holds the interpreter nearly all the time: a web page served by the same process waits for its turns.
The process is started once, keeps its libraries loaded for the next training, and ends with its owner.
Both talk in pickled messages over the standard streams; neither ever reads a pickle of anybody else.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from der_core.errors import DerError, TrainingEnded
from der_core.routing.saved.trained import TrainedRouter, TrainingProgress
from der_core.work.training import OnLearned, OnProgress, TrainingOrder, TrainingOutcome, train_and_compare

POLL_S, END_S = 0.1, 2.0
NICENESS = 10
"""Steps by which the process stands back behind its owner, where the system knows such a thing."""
_COMMAND = "from der_core.training_process import serve; serve()"


class TrainingProcess:
    """A process that trains, one order after the other; started at the first one or by `prepare`. Thread-safe."""

    def __init__(self) -> None:
        self._starting, self._running = threading.Lock(), threading.Lock()
        self._numbers = itertools.count(1)
        self._worker: _Worker | None = None
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        """Id of the process, None while there is none."""
        worker = self._worker
        return worker.process.pid if worker and worker.is_alive else None

    def prepare(self) -> None:
        """Start the process and let it load its libraries, unless it runs; returns at once."""
        self._ready_worker()

    def run(self, order: TrainingOrder, on_progress: OnProgress, on_learned: OnLearned, stop: threading.Event) -> TrainingOutcome | None:
        """Train and compare over there, as `train_and_compare` would; both callbacks are called in this thread.

        A stop before the first update ends the process, since there is nothing to keep. Errors of the training
        are raised here; TrainingEnded where the process ends by itself.
        """
        with self._running:
            worker, number = self._ready_worker(), next(self._numbers)
            worker.send(_Begin(number, order))
            is_learning = is_stopping = False
            while True:
                if stop.is_set() and not is_stopping:
                    is_stopping = True
                    if not is_learning:
                        worker.end()
                        return None
                    worker.send(_Stop(number))
                message = worker.receive(POLL_S)
                match message:
                    case TrainingProgress():
                        is_learning = True
                        on_progress(message)
                    case TrainedRouter():
                        on_learned(message)
                    case _Failure():
                        raise message.error()
                    case _Done():
                        return message.outcome

    def close(self) -> None:
        """End the process; the next order starts another."""
        with self._starting:
            if self._worker is not None:
                self._worker.end()
            self._worker = None

    def _ready_worker(self) -> _Worker:
        with self._starting:
            if self._worker is None or not self._worker.is_alive:
                self._worker = _Worker()
            return self._worker


@dataclass(frozen=True, eq=False)
class _Begin:
    number: int
    order: TrainingOrder


@dataclass(frozen=True)
class _Stop:
    number: int


@dataclass(frozen=True, eq=False)
class _Done:
    outcome: TrainingOutcome | None


@dataclass(frozen=True)
class _Failure:
    """An error on its way back; `kind` is None for one that nobody raised on purpose."""

    kind: type[DerError] | None
    message: str

    def error(self) -> Exception:
        return self.kind(self.message) if self.kind else RuntimeError(self.message)


class _Worker:
    """The owner's end of one process: what it says is read as it comes, so that it never waits."""

    def __init__(self) -> None:
        places = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
        self.process = subprocess.Popen([sys.executable, "-c", _COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()  # Any: a message, or None at the end
        threading.Thread(target=self._listen, name="training-process", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def send(self, message: _Begin | _Stop) -> None:
        assert self.process.stdin is not None
        try:
            pickle.dump(message, self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def receive(self, timeout_s: float) -> Any:  # Any: a message
        """Return what it said next, None where it says nothing for so long."""
        try:
            message = self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if message is None:
            raise self._ended()
        return message

    def end(self) -> None:
        """End it, whatever it is doing."""
        assert self.process.stdin is not None
        self.process.terminate()
        with suppress(OSError):  # what was still to be written is of no use any more
            self.process.stdin.close()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for message in _messages(stream):
                self._said.put(message)
        self._said.put(None)

    def _ended(self) -> TrainingEnded:
        self.end()
        return TrainingEnded(
            f"The process that trains ended by itself (exit code {self.process.returncode}); where the machine ran out of memory, "
            "close other programs. Train again: it is started anew."
        )


def serve() -> None:
    """Be the process: train what the owner orders on the standard input, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is for the owner, who then closes the streams
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not come between the messages
    orders: queue.SimpleQueue[tuple[_Begin, threading.Event]] = queue.SimpleQueue()
    threading.Thread(target=_obey, args=(orders,), daemon=True).start()
    import der_core.routing.agent.training  # noqa: F401  # loads torch, while nobody waits yet

    while True:
        begin, stop = orders.get()
        _tell(answers, _work(begin.order, answers, stop))


def _work(order: TrainingOrder, answers: IO[bytes], stop: threading.Event) -> _Done | _Failure:
    try:
        return _Done(train_and_compare(order, lambda progress: _tell(answers, progress), lambda router: _tell(answers, router), stop))
    except DerError as error:
        return _Failure(type(error), str(error))
    except Exception as error:  # the top of the process: its owner is told, and it goes on
        traceback.print_exc()
        return _Failure(None, f"{type(error).__name__}: {error}")


def _obey(orders: queue.SimpleQueue[tuple[_Begin, threading.Event]]) -> None:
    """Hand over orders with what stops them; ends the process with its owner, whatever it is doing."""
    last: tuple[int, threading.Event] = (0, threading.Event())
    for message in _messages(sys.stdin.buffer):
        if isinstance(message, _Begin):
            last = (message.number, threading.Event())
            orders.put((message, last[1]))
        elif message.number == last[0]:
            last[1].set()
    os._exit(0)


def _messages(stream: IO[bytes]) -> Iterator[Any]:  # Any: a message
    """Yield what comes until the other side is gone."""
    while True:
        try:
            yield pickle.load(stream)
        except (EOFError, OSError, pickle.UnpicklingError):  # closed, or cut off within a message
            return


def _tell(answers: IO[bytes], message: object) -> None:
    pickle.dump(message, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()
