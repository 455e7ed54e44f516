from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from der_core.errors import JobBusy, SettingsError
from der_core.jobs import MAX_HISTORY, JobBoard, JobHandle, JobSnapshot, JobState

WAIT_S = 20.0


class Gate:
    """Work that goes on until it is let go, or stopped."""

    def __init__(self) -> None:
        self.is_in = threading.Event()
        self.may_go = threading.Event()

    def work(self, job: JobHandle) -> str:
        self.is_in.set()
        while not (self.may_go.wait(0.005) or job.stop.is_set()):
            pass
        return "result"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.may_go.set()


def ended(board: JobBoard, job_id: str) -> JobSnapshot:
    snapshot = board.wait(job_id, WAIT_S)
    assert snapshot is not None and not snapshot.state.active
    return snapshot


def run(work: Callable[[JobHandle], object]) -> JobSnapshot:
    board = JobBoard()
    return ended(board, board.start("training", "Training x", work))


def test_a_stop_after_the_commitment_comes_too_late(gate: Gate) -> None:
    board = JobBoard()

    def work(job: JobHandle) -> str:
        job.commit()
        return gate.work(job)

    job_id = board.start("training", "Training x", work)
    assert gate.is_in.wait(WAIT_S)
    board.stop(job_id)
    snapshot = board.snapshot(job_id)
    assert snapshot is not None and (snapshot.state, snapshot.can_stop) == (JobState.RUNNING, False)
    gate.may_go.set()
    assert ended(board, job_id).state is JobState.DONE


def test_a_stop_just_before_the_commitment_leaves_the_job_done(gate: Gate) -> None:
    board = JobBoard()

    def work(job: JobHandle) -> str:
        result = gate.work(job)
        job.commit()
        return result

    job_id = board.start("training", "Training x", work)
    assert gate.is_in.wait(WAIT_S)
    before = board.snapshot(job_id)
    assert before is not None and before.can_stop
    board.stop(job_id)
    snapshot = ended(board, job_id)
    assert (snapshot.state, snapshot.result, snapshot.message) == (JobState.DONE, "result", "")


def test_a_job_is_done_with_what_its_work_returned() -> None:
    snapshot = run(lambda job: 42)
    assert (snapshot.state, snapshot.result, snapshot.message) == (JobState.DONE, 42, "")


def test_reports_are_seen_while_the_work_goes_on(gate: Gate) -> None:
    board = JobBoard()

    def work(job: JobHandle) -> str:
        job.report(0.25, 3.0, "a quarter", "first")
        return gate.work(job)

    job_id = board.start("training", "Training x", work, owner="tab 1")
    assert gate.is_in.wait(WAIT_S)
    snapshot = board.snapshot(job_id)
    assert snapshot is not None and snapshot.state is JobState.RUNNING and snapshot.owner == "tab 1"
    assert (snapshot.report.fraction, snapshot.report.eta_s, snapshot.report.text) == (0.25, 3.0, "a quarter")
    assert snapshot.history == ("first",)


def test_a_fraction_outside_of_0_to_1_is_brought_back() -> None:
    fractions = []

    def work(job: JobHandle) -> None:
        for fraction in (-1.0, 7.0):
            job.report(fraction, None, "")
            fractions.append(job._job.snapshot().report.fraction)

    run(work)
    assert fractions == [0.0, 1.0]


def test_reports_without_a_record_leave_the_history_alone() -> None:
    def work(job: JobHandle) -> None:
        job.report(0.1, None, "loading")
        job.report(0.2, None, "learning", "point")

    assert run(work).history == ("point",)


def test_a_snapshot_does_not_change_later(gate: Gate) -> None:
    board = JobBoard()
    first_seen = threading.Event()

    def work(job: JobHandle) -> str:
        job.report(0.1, None, "", 1)
        gate.is_in.set()
        first_seen.wait(WAIT_S)
        job.report(0.2, None, "", 2)
        return "end"

    job_id = board.start("training", "Training x", work)
    assert gate.is_in.wait(WAIT_S)
    early = board.snapshot(job_id)
    first_seen.set()
    late = ended(board, job_id)
    assert early is not None and early.history == (1,) and late.history == (1, 2)


def test_a_long_history_keeps_its_first_and_last_records_and_stays_bounded() -> None:
    def work(job: JobHandle) -> None:
        for number in range(3 * MAX_HISTORY):
            job.report(0.0, None, "", number)

    history = run(work).history
    assert len(history) <= MAX_HISTORY
    assert (history[0], history[-1]) == (0, 3 * MAX_HISTORY - 1)
    assert list(history) == sorted(history)


def test_a_second_job_of_a_kind_is_refused_while_the_first_runs(gate: Gate) -> None:
    board = JobBoard()
    job_id = board.start("training", "Training “one”", gate.work)
    with pytest.raises(JobBusy, match="Training “one” is still running"):
        board.start("training", "Training “two”", gate.work)
    gate.may_go.set()
    ended(board, job_id)
    assert ended(board, board.start("training", "Training “two”", gate.work)).state is JobState.DONE


def test_jobs_of_different_kinds_run_side_by_side(gate: Gate) -> None:
    board = JobBoard()
    board.start("training", "Training x", gate.work)
    assert ended(board, board.start("recording", "Recording y", lambda job: "recorded")).result == "recorded"


def test_only_one_of_many_threads_starts_a_job(gate: Gate) -> None:
    board, outcomes = JobBoard(), []

    def try_it() -> None:
        try:
            outcomes.append(board.start("training", "Training x", gate.work))
        except JobBusy:
            outcomes.append(None)

    threads = [threading.Thread(target=try_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(outcomes) == 16 and sum(outcome is not None for outcome in outcomes) == 1


def test_stop_is_shown_at_once_and_reaches_the_work(gate: Gate) -> None:
    board, stopped_at = JobBoard(), threading.Event()

    def work(job: JobHandle) -> str:
        gate.is_in.set()
        job.stop.wait(WAIT_S)
        stopped_at.wait(WAIT_S)
        return "what there was"

    job_id = board.start("training", "Training x", work)
    assert gate.is_in.wait(WAIT_S)
    board.stop(job_id)
    now = board.snapshot(job_id)
    assert now is not None and now.state is JobState.STOPPING and now.state.active
    stopped_at.set()
    snapshot = ended(board, job_id)
    assert (snapshot.state, snapshot.result, snapshot.message) == (JobState.STOPPED, "what there was", "Training x was stopped.")


def test_stopping_a_job_that_has_ended_changes_nothing() -> None:
    board = JobBoard()
    job_id = board.start("training", "Training x", lambda job: 1)
    before = ended(board, job_id)
    board.stop(job_id)
    assert board.snapshot(job_id) == before


def test_an_error_of_ours_is_told_in_its_own_words() -> None:
    def work(job: JobHandle) -> None:
        raise SettingsError("alpha cannot be negative.")

    snapshot = run(work)
    assert (snapshot.state, snapshot.message, snapshot.result) == (JobState.FAILED, "alpha cannot be negative.", None)


def test_any_other_error_is_told_with_its_kind_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def work(job: JobHandle) -> None:
        raise ZeroDivisionError("by zero")

    snapshot = run(work)
    assert snapshot.state is JobState.FAILED
    assert snapshot.message == "Training x failed: ZeroDivisionError: by zero"
    assert "Traceback" in caplog.text


def test_time_stands_still_once_a_job_has_ended() -> None:
    now = [100.0]
    board = JobBoard(clock=lambda: now[0])

    def work(job: JobHandle) -> None:
        now[0] = 107.5

    job_id = board.start("training", "Training x", work)
    ended(board, job_id)
    now[0] = 500.0
    snapshot = board.snapshot(job_id)
    assert snapshot is not None and snapshot.elapsed_s == 7.5


def test_latest_is_the_last_job_of_its_kind() -> None:
    board = JobBoard()
    ended(board, board.start("training", "Training one", lambda job: 1))
    ended(board, board.start("training", "Training two", lambda job: 2))
    ended(board, board.start("recording", "Recording", lambda job: 3))
    latest = board.latest("training")
    assert latest is not None and latest.title == "Training two"


def test_a_job_nobody_started_is_none() -> None:
    board = JobBoard()
    assert board.latest("training") is None
    assert board.snapshot("nothing") is None


def test_waiting_is_over_when_time_is_though_the_job_goes_on(gate: Gate) -> None:
    board = JobBoard()
    assert board.wait(board.start("training", "Training x", gate.work), 0.01).state is JobState.RUNNING
