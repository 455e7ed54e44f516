"""The recorder's overhead: how much of the wall time the expert is busy, and what is ours per call.

    python -m benchmarks.bench_recorder

Every call really waits: an expert that sleeps for as long as a small model's fast reply takes. What is
left of the wall time is the recorder's and the store's.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import report
from der_core.config import ExpertSpec
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Request
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

N_QUESTIONS, REPLY_S = 150, 0.1
DIGEST = "sha256:benchmark"


class SleepingExpert:
    """An expert whose every reply takes `REPLY_S` seconds; it adds up how long it was busy."""

    def __init__(self, name: str) -> None:
        self.spec = ExpertSpec(name, "openai", name, digest=DIGEST)
        self.busy_s = 0.0
        self.calls = 0

    notes: tuple[str, ...] = ()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: it is asked in one way only."""

    def current_digest(self) -> str | None:
        """What never changes."""
        return DIGEST

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call as a real expert would make it."""
        return Request("openai", DIGEST, build_messages(question, previous_label, "direct"), {"temperature": 0})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Sleep, then say yes."""
        start = time.perf_counter()
        time.sleep(REPLY_S)
        busy = time.perf_counter() - start
        self.busy_s += busy
        self.calls += 1
        return Reply("yes", Label.YES, 0.9, 0.0, busy, 0.0, busy, 120, 0, 1, DIGEST)

    def close(self) -> None:
        """Nothing to give back."""


def main() -> None:
    """Record once, print the figures and write the result file."""
    experts = [SleepingExpert("first"), SleepingExpert("second")]
    questions = [
        Question(f"q{i}", f"Is statement {i} true?", f"Passage {i}. " + "Some words. " * 40, Label.YES) for i in range(N_QUESTIONS)
    ]
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "r.sqlite") as store:
        start = time.perf_counter()
        replicas = {expert.spec.name: [expert] for expert in experts}
        record(store, "benchmark", questions, replicas, on_progress=lambda progress: None, stop=threading.Event())
        wall_s = time.perf_counter() - start
    busy_s, calls = sum(expert.busy_s for expert in experts), sum(expert.calls for expert in experts)
    figures = {
        "calls": calls,
        "reply_ms": 1e3 * REPLY_S,
        "busy_share": busy_s / wall_s,
        "overhead_ms_per_call": 1e3 * (wall_s - busy_s) / calls,
    }
    report("recorder", figures)


if __name__ == "__main__":
    main()
