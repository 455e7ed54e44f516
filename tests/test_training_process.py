"""Training in a process of its own: the same result as here, stopped, failed, killed, and gone with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_tables import random_table
from trained_routers import ENCODER, QUICK_DEPLOYABLE, QUICK_PAPER, changed

from der_core.config import TrainConfig
from der_core.errors import SettingsError, TrainingEnded
from der_core.evaluation.experiment import choose_splits
from der_core.routing.encoding import KnownVectors
from der_core.routing.saved.trained import TrainedRouter, TrainingProgress
from der_core.routing.state import state_texts
from der_core.training_process import TrainingProcess
from der_core.work.training import TrainingOrder, TrainingOutcome, train_and_compare

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 60.0
ENDLESS = replace(QUICK_DEPLOYABLE, ppo=replace(QUICK_DEPLOYABLE.ppo, total_steps=2_000_000))


@pytest.fixture(scope="module")
def process() -> Iterator[TrainingProcess]:
    one = TrainingProcess()
    yield one
    one.close()


def order_for(config: TrainConfig = QUICK_DEPLOYABLE) -> TrainingOrder:
    table = random_table(np.random.default_rng(0), 60, 3)
    texts = state_texts(table.questions, config.episode.state)
    vectors = KnownVectors(ENCODER.id, texts, ENCODER.encode(texts))
    return TrainingOrder(table, choose_splits(table.questions, 0, None, None), config, vectors, ("test",), "2025-01-01T00:00:00+00:00")


class Watched:
    """A run of an order, what it says, and how to wait for it."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.began = threading.Event()
        self.progress: list[TrainingProgress] = []
        self.learned: list[TrainedRouter] = []

    def run(self, process: TrainingProcess, order: TrainingOrder) -> TrainingOutcome | None:
        return process.run(order, self._on_progress, self.learned.append, self.stop)

    def here(self, order: TrainingOrder) -> TrainingOutcome | None:
        return train_and_compare(order, self._on_progress, self.learned.append, self.stop)

    def _on_progress(self, progress: TrainingProgress) -> None:
        self.progress.append(progress)
        self.began.set()


def trained(process: TrainingProcess, config: TrainConfig = QUICK_DEPLOYABLE) -> TrainingOutcome:
    outcome = Watched().run(process, order_for(config))
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(
    "config", [QUICK_DEPLOYABLE, QUICK_PAPER, changed(QUICK_DEPLOYABLE, state="text")], ids=["deployable", "paper", "text"]
)
def test_it_trains_and_compares_as_this_process_would(process: TrainingProcess, config: TrainConfig) -> None:
    there, here, order = Watched(), Watched(), order_for(config)
    outcome, expected = there.run(process, order), here.here(order)
    assert outcome is not None and expected is not None
    weights, own = outcome.router.network.weights, expected.router.network.weights
    assert weights.keys() == own.keys() and all(np.array_equal(weights[name], own[name]) for name in own)
    assert outcome.report["results"] == expected.report["results"]
    assert outcome.evaluation.comparison.learned == expected.evaluation.comparison.learned
    assert [one.steps for one in there.progress] == [one.steps for one in here.progress] == [128, 256, 384, 512]
    assert [router.config for router in there.learned] == [router.config for router in here.learned]


def test_the_next_order_finds_it_ready(process: TrainingProcess) -> None:
    trained(process)
    pid = process.pid
    trained(process)
    assert process.pid == pid is not None


def test_a_stop_while_it_learns_keeps_what_it_learned(process: TrainingProcess) -> None:
    watched, outcomes = Watched(), []
    thread = threading.Thread(target=lambda: outcomes.append(watched.run(process, order_for(ENDLESS))))
    thread.start()
    assert watched.began.wait(WAIT_S)
    watched.stop.set()
    thread.join(WAIT_S)
    assert outcomes[0].router.stopped and len(watched.learned) == 1
    assert outcomes[0].router.curves[-1].steps == watched.progress[-1].steps
    assert not trained(process).router.stopped  # the next order is not stopped along


def test_a_stop_before_it_learned_anything_ends_at_once_and_keeps_nothing(process: TrainingProcess) -> None:
    watched = Watched()
    watched.stop.set()
    assert watched.run(process, order_for(ENDLESS)) is None
    assert not watched.progress and process.pid is None
    trained(process)


def test_what_a_training_refuses_is_raised_here(process: TrainingProcess) -> None:
    unknown = replace(QUICK_DEPLOYABLE, ppo=replace(QUICK_DEPLOYABLE.ppo, device="abacus"))
    with pytest.raises(SettingsError, match="Unknown device 'abacus'"):
        Watched().run(process, order_for(unknown))
    trained(process)


def test_a_fault_of_the_program_is_told_and_the_process_goes_on(process: TrainingProcess) -> None:
    order, pid = order_for(), process.pid
    with pytest.raises(RuntimeError, match="KeyError"):
        Watched().run(process, replace(order, vectors=KnownVectors(ENCODER.id, [], ENCODER.encode(["x"]))))
    trained(process)
    assert process.pid == pid


def test_a_process_that_is_killed_is_told_in_one_line_and_replaced(process: TrainingProcess) -> None:
    watched, errors = Watched(), []

    def run() -> None:
        with pytest.raises(TrainingEnded) as error:
            watched.run(process, order_for(ENDLESS))
        errors.append(str(error.value))

    thread = threading.Thread(target=run)
    thread.start()
    assert watched.began.wait(WAIT_S)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    thread.join(WAIT_S)
    assert errors[0].startswith("The process that trains ended by itself (exit code -9)") and "\n" not in errors[0]
    trained(process)


def test_closing_ends_it(process: TrainingProcess) -> None:
    process.prepare()
    pid = process.pid
    assert pid is not None and is_running(pid)
    process.close()
    assert process.pid is None and not is_running(pid)


def test_it_ends_with_its_owner_even_where_that_is_killed() -> None:
    code = (
        "from der_core.training_process import TrainingProcess\none = TrainingProcess(); one.prepare(); print(one.pid, flush=True); input()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner:
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.kill()
    deadline = time.monotonic() + WAIT_S
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and waits to be noticed is none."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
