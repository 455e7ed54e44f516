"""The recorder asks for what is missing, once, and keeps everything whatever happens."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Script, ScriptedExpert, make_questions, make_spec, says

from der_core.errors import (
    BadReply,
    ExpertError,
    ExpertTimeout,
    HostRefused,
    HostUnreachable,
    ModelMissing,
    ServerFault,
    SettingsError,
    StoreError,
)
from der_core.experts.protocol import Request
from der_core.recording import recorder
from der_core.recording.plan import Pace, Plan
from der_core.recording.recorder import FAULTS_IN_A_ROW, WARM_UP, Progress, record
from der_core.recording.store import Call, Store
from der_core.records import Label, Question, Reply

NONE, YES, NO, INVALID = Label
QUESTIONS = make_questions(3)
WARM = (WARM_UP.id, NONE)


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def expert(name: str = "small", script: Script | None = None) -> ScriptedExpert:
    return ScriptedExpert(make_spec(name), script or says(YES, 0.8))


def crew(*experts: ScriptedExpert) -> dict[str, list[ScriptedExpert]]:
    return {one.spec.name: [one] for one in experts}


def fails(error: ExpertError, when: Callable[[Question, Label], bool] = lambda question, label: True) -> Script:
    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        if when(question, label):
            raise error
        return YES, 0.8

    return script


def invalid_at(question_id: str, previous_label: Label = NONE) -> Script:
    return lambda question, label: (INVALID, None) if (question.id, label) == (question_id, previous_label) else (YES, 0.8)


def real_calls(asked: Sequence[tuple[str, Label]]) -> list[tuple[str, Label]]:
    return [call for call in asked if call[0] != WARM_UP.id]


def test_experts_are_asked_one_after_another_and_labels_in_a_row(store: Store):
    order: list[tuple[str, str, Label]] = []

    def noting(name: str) -> ScriptedExpert:
        return expert(name, lambda question, label: order.append((name, question.id, label)) or (YES, None))

    summary = record(store, "demo", QUESTIONS[:2], crew(noting("a"), noting("b")))
    calls = [(question, label) for question in ("q0", "q1") for label in (NONE, YES, NO)]
    assert order == [(name, *call) for name in "ab" for call in (WARM, *calls)]
    assert summary.complete and (summary.asked, summary.done, summary.total) == (12, 12, 12)


def test_every_reply_is_in_the_store(store: Store):
    small = expert(script=lambda question, label: (NO if label == YES else YES, 0.25))
    record(store, "demo", QUESTIONS, crew(small))
    labels = {entry.call: entry.label for entry in store.entries("demo")}
    assert labels == {Call(q.id, "small", label): NO if label == YES else YES for q in QUESTIONS for label in (NONE, YES, NO)}
    assert store.find_reply(small.request(QUESTIONS[1], NO).key).p_yes == 0.25
    assert store.verify() == []


def test_what_loading_took_is_kept_by_expert_and_added_to_by_later_runs(store: Store):
    class Loading(ScriptedExpert):
        load_s = 2.5

        def ask(self, question: Question, previous_label: Label) -> Reply:
            return replace(super().ask(question, previous_label), load_s=self.load_s if question is WARM_UP else 0.0)

    small, large = Loading(make_spec("small"), says(YES)), Loading(make_spec("large"), says(NO))
    large.load_s = 40.0
    silent = Loading(make_spec("silent"), says(NO))
    silent.load_s = float("nan")
    record(store, "r", QUESTIONS[:1], crew(small), meta={"command": "one"})
    small.load_s = 0.0  # in memory by now
    record(store, "r", QUESTIONS[:2], crew(small, large, silent), meta={"command": "two"})
    (info,) = store.recordings()
    assert info.meta == {"command": "two", "load_s": {"small": 2.5, "large": 40.0}}


def test_the_warm_up_is_not_stored(store: Store):
    small = expert()
    record(store, "demo", QUESTIONS, crew(small))
    assert small.asked[0] == WARM and small.asked.count(WARM) == 1
    assert store.find_reply(small.request(WARM_UP, NONE).key) is None


def test_label_invalid_is_asked_of_all_where_one_was_invalid(store: Store):
    a, b = expert("a"), expert("b", invalid_at("q1", NO))
    summary = record(store, "demo", QUESTIONS, crew(a, b))
    assert real_calls(a.asked)[-1] == real_calls(b.asked)[-1] == ("q1", INVALID)
    assert len(store.entries("demo")) == summary.total == 2 * 9 + 2 and summary.complete


def test_the_total_grows_when_a_reply_is_invalid(store: Store):
    seen: list[Progress] = []
    record(store, "demo", QUESTIONS, crew(expert("a", invalid_at("q0")), expert("b")), on_progress=seen.append)
    assert seen[0].total == 18 and seen[-1].total == 20
    assert all(progress.done <= progress.total for progress in seen) and seen[-1].done == 20


def test_a_rerun_of_a_complete_recording_asks_nothing(store: Store):
    record(store, "demo", QUESTIONS, crew(expert(script=invalid_at("q0"))))
    again = expert()
    summary = record(store, "demo", QUESTIONS, crew(again))
    assert again.asked == [] and summary.complete and (summary.asked, summary.reused) == (0, 10)


def test_more_questions_ask_only_about_those(store: Store):
    record(store, "demo", QUESTIONS[:2], crew(expert()))
    again = expert()
    record(store, "demo", QUESTIONS, crew(again))
    assert again.asked == [WARM, ("q2", NONE), ("q2", YES), ("q2", NO)]


def test_another_recording_reuses_replies(store: Store):
    record(store, "demo", QUESTIONS[:2], crew(expert()))
    again = expert()
    summary = record(store, "second", QUESTIONS, crew(again))
    assert real_calls(again.asked) == [("q2", NONE), ("q2", YES), ("q2", NO)]
    assert (summary.asked, summary.reused) == (3, 6) and len(store.entries("second")) == 9


def test_an_expert_added_later_is_asked_after_the_invalid_replies_of_the_first(store: Store):
    record(store, "demo", QUESTIONS, crew(expert("a", invalid_at("q2"))))
    b = expert("b")
    summary = record(store, "demo", QUESTIONS, crew(b))
    assert ("q2", INVALID) in b.asked and summary.complete and summary.total == 10


def test_a_question_given_twice_is_asked_once(store: Store):
    small = expert()
    summary = record(store, "demo", [QUESTIONS[0], QUESTIONS[0]], crew(small))
    assert len(real_calls(small.asked)) == 3 and summary.reused == 0


def test_other_prompts_under_the_same_name_are_refused(store: Store):
    class Reworded(ScriptedExpert):
        def request(self, question: Question, previous_label: Label) -> Request:
            return replace(super().request(question, previous_label), options={"temperature": 1})

    record(store, "demo", QUESTIONS, crew(expert()))
    with pytest.raises(StoreError, match="another prompt or other options"):
        record(store, "demo", QUESTIONS, crew(Reworded(make_spec(), says(YES))))


def test_how_it_was_made_is_kept(store: Store):
    record(store, "demo", QUESTIONS, crew(expert()), meta={"command": "make demo"})
    assert store.recordings()[0].meta == {"command": "make demo"}


def test_a_stop_keeps_the_call_in_flight_and_a_rerun_asks_the_rest(store: Store):
    stop = threading.Event()
    small = expert(script=lambda question, label: (stop.set() if (question.id, label) == ("q1", YES) else None) or (YES, 0.8))
    summary = record(store, "demo", QUESTIONS, crew(small, expert("b")), stop=stop)
    assert summary.stopped and not summary.complete and len(store.entries("demo")) == summary.done == 5
    assert summary.message.startswith("Recording 'demo': 5 of 18 replies recorded (5 asked now); stopped on request.")
    again = expert()
    assert record(store, "demo", QUESTIONS, crew(again, expert("b"))).complete
    assert again.asked == [WARM, ("q1", NO), ("q2", NONE), ("q2", YES), ("q2", NO)]


def test_a_stop_does_not_wait_for_a_call_that_hangs(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recorder, "STOP_GRACE_S", 0.02)
    monkeypatch.setattr(recorder, "POLL_S", 0.01)
    stop, hang = threading.Event(), threading.Event()

    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        if question.id == "q1":
            stop.set()
            hang.wait(20)
        return YES, 0.8

    summary = record(store, "demo", QUESTIONS, crew(expert(script=script)), stop=stop)
    assert summary.stopped and summary.done == 3
    hang.set()


def test_a_stop_before_the_start_asks_nothing(store: Store):
    stop, small = threading.Event(), expert()
    stop.set()
    assert record(store, "demo", QUESTIONS, crew(small), stop=stop).done == 0 and small.asked == []


@pytest.mark.parametrize("kind", [HostUnreachable, ModelMissing, HostRefused])
def test_a_lasting_fault_gives_up_at_once_and_keeps_the_rest(store: Store, kind: type[ExpertError]):
    small = expert("a", fails(kind("Nothing answers at http://127.0.0.1:1."), lambda question, label: (question.id, label) == ("q1", NO)))
    summary = record(store, "demo", QUESTIONS, crew(small, expert("b")))
    assert small.asked[-1] == ("q1", NO)
    assert (summary.done, summary.total, summary.complete) == (5 + 9, 18, False)
    assert summary.faults == {kind.__name__: 1}
    assert [(fault.kind, fault.message) for fault in store.faults("demo")] == [(kind.__name__, "Nothing answers at http://127.0.0.1:1.")]


def test_a_dead_host_ends_in_one_clear_line(store: Store):
    small = expert(script=fails(HostUnreachable("Nothing answers at http://127.0.0.1:1.")))
    summary = record(store, "demo", QUESTIONS, crew(small))
    assert small.asked == [WARM]
    assert summary.message == (
        "Recording 'demo': 0 of 9 replies recorded (0 asked now); expert small was given up: "
        "Nothing answers at http://127.0.0.1:1. Run the same command again to ask only for what is missing."
    )


@pytest.mark.parametrize("kind", [ExpertTimeout, ServerFault, BadReply])
def test_a_passing_fault_puts_its_question_aside_and_goes_on(store: Store, kind: type[ExpertError]):
    small = expert(script=fails(kind("Not this\ntime."), lambda question, label: (question.id, label) == ("q1", YES)))
    summary = record(store, "demo", QUESTIONS, crew(small))
    assert real_calls(small.asked)[3:] == [("q1", NONE), ("q1", YES), ("q2", NONE), ("q2", YES), ("q2", NO)]
    assert summary.done == 7 and f"1 call without a reply ({kind.__name__})" in summary.message
    assert store.faults("demo")[0].message == "Not this time."
    again = expert()
    assert record(store, "demo", QUESTIONS, crew(again)).complete
    assert real_calls(again.asked) == [("q1", YES), ("q1", NO)]


@pytest.mark.parametrize("kind", [ExpertTimeout, ServerFault, BadReply])
def test_passing_faults_in_a_row_give_up(store: Store, kind: type[ExpertError]):
    many = make_questions(9)
    small = expert(script=fails(kind("HTTP 500."), lambda question, label: question.id not in ("warm-up", "q0")))
    summary = record(store, "demo", many, crew(small))
    assert len(real_calls(small.asked)) == 3 + FAULTS_IN_A_ROW and summary.done == 3
    assert "3 calls in a row gave no reply, the last one: HTTP 500. Run the same" in summary.message
    assert "\n" not in summary.message


def test_passing_faults_that_are_not_in_a_row_do_not_give_up(store: Store):
    many = make_questions(12)
    small = expert(script=fails(BadReply("Odd."), lambda question, label: question.kind == "odd"))
    summary = record(store, "demo", many, crew(small))
    assert summary.done == 18 and summary.faults == {"BadReply": 6}


def test_a_failed_warm_up_is_a_fault_and_not_repeated(store: Store):
    small = expert(script=fails(ExpertTimeout("Too slow to load."), lambda question, label: question.id == WARM_UP.id))
    summary = record(store, "demo", QUESTIONS, crew(small))
    assert summary.complete and summary.faults == {"ExpertTimeout": 1} and small.asked.count(WARM) == 1


def test_an_expert_given_up_is_not_asked_in_the_second_pass(store: Store):
    a = expert("a", fails(ModelMissing("Run ollama pull a."), lambda question, label: question.id == "q2"))
    b = expert("b", invalid_at("q0"))
    record(store, "demo", QUESTIONS, crew(a, b))
    assert a.asked.count(WARM) == 1 and ("q0", INVALID) in b.asked and ("q0", INVALID) not in a.asked


def test_replicas_work_side_by_side_and_ask_everything_once(store: Store):
    together = threading.Barrier(2, timeout=20)

    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        together.wait()
        return YES, 0.8

    replicas = [expert(script=script), expert(script=script)]
    summary = record(store, "demo", make_questions(4), {"small": replicas})
    calls = [real_calls(replica.asked) for replica in replicas]
    assert summary.complete and sorted(calls[0] + calls[1]) == sorted((f"q{n}", label) for n in range(4) for label in (NONE, YES, NO))
    assert len(calls[0]) == len(calls[1]) == 6


def test_one_question_stays_with_one_replica(store: Store):
    replicas = [expert(), expert(), expert()]
    record(store, "demo", make_questions(9), {"small": replicas})
    owners = [{question for question, _ in real_calls(replica.asked)} for replica in replicas]
    assert all(not (one & other) for one, other in itertools.combinations(owners, 2))


def test_a_dying_replica_hands_its_question_to_the_other(store: Store):
    dying = expert(script=fails(HostUnreachable("Gone."), lambda question, label: label == YES))
    summary = record(store, "demo", make_questions(6), {"small": [dying, expert()]})
    assert summary.complete and summary.faults == {"HostUnreachable": 1}
    assert len(real_calls(dying.asked)) == 2


def test_a_replica_that_never_answers_leaves_all_questions_to_the_other(store: Store):
    summary = record(store, "demo", QUESTIONS, {"small": [expert(script=fails(HostUnreachable("Gone."))), expert()]})
    assert summary.complete and summary.done == 9


def test_replicas_with_other_weights_are_refused(store: Store):
    other = ScriptedExpert(make_spec(digest="sha256:other"), says(YES))
    with pytest.raises(SettingsError, match="different weights"):
        record(store, "demo", QUESTIONS, {"small": [expert(), other]})
    with pytest.raises(SettingsError, match="no host"):
        record(store, "demo", QUESTIONS, {"small": []})
    assert store.recordings() == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broken_expert_does_not_hang_the_recorder(store: Store):
    small = expert(script=lambda question, label: 1 / 0)
    with pytest.raises(RuntimeError, match="Expert small failed"):
        record(store, "demo", QUESTIONS, crew(small))


def test_progress_tells_rate_and_time_left(store: Store):
    ticks = itertools.count(0.0, 0.5)
    seen: list[Progress] = []
    record(store, "demo", QUESTIONS[:1], crew(expert()), on_progress=seen.append, clock=lambda: next(ticks))
    assert seen[0].eta_s is None and seen[0].expert == "small"
    assert [progress.done for progress in seen] == [0, 0, 1, 2, 3]
    assert seen[2].eta_s == pytest.approx(2 * 0.5) and seen[-1].eta_s == 0
    assert all(progress.rate_per_s > 0 for progress in seen[2:])


def test_progress_counts_faults_by_kind(store: Store):
    seen: list[Progress] = []
    small = expert(script=fails(BadReply("Odd."), lambda question, label: question.id == "q0"))
    record(store, "demo", QUESTIONS, crew(small), on_progress=seen.append)
    assert seen[-1].faults == {"BadReply": 1} and seen[1].faults == {}


def test_a_killed_recorder_leaves_what_it_had_and_a_rerun_completes(tmp_path: Path):
    here = Path(__file__).parent
    script = f"""
import sys, os, signal
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
from test_recorder import *
def dies(question, label):
    if (question.id, label) == ("q2", YES):
        os.kill(os.getpid(), signal.SIGKILL)
    return YES, 0.8
record(Store.open({str(tmp_path / "store.db")!r}), "demo", QUESTIONS, crew(expert(script=dies)))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == -9
    with Store.open(tmp_path / "store.db", create=False) as left:
        assert len(left.entries("demo")) == 7 and left.verify() == []
        again = expert()
        assert record(left, "demo", QUESTIONS, crew(again)).complete
        assert real_calls(again.asked) == [("q2", YES), ("q2", NO)]


def test_each_expert_is_timed_at_its_own_pace():
    times = iter([0.0, 2.0, 12.0, 12.0])
    pace = Pace(lambda: next(times))
    pace.add("quick", 0.0, 1)
    pace.add("slow", 2.0, 1)
    assert pace.eta_s({"quick": 3, "slow": 1, "unknown": 1}) == pytest.approx(3 * 2 + 10 + 6)
    assert pace.rate_per_s == pytest.approx(2 / 12)


def test_replicas_divide_the_time_left():
    times = iter([0.0, 4.0])
    pace = Pace(lambda: next(times))
    pace.add("small", 0.0, 2)
    assert pace.eta_s({"small": 3}) == pytest.approx(6.0)


def test_a_plan_ignores_replies_to_other_questions_and_by_other_experts():
    recorded = {Call("q0", "a", NONE): YES, Call("q9", "a", NONE): INVALID, Call("q0", "z", NONE): NO}
    plan = Plan(["q0"], ["a"], recorded)
    assert (plan.done, plan.total, plan.n_missing("a")) == (1, 3, 2)
    assert list(plan.missing("a", "q0", (NONE, YES, NO, INVALID))) == [YES, NO]


def test_a_plan_wants_label_invalid_where_any_expert_was_invalid():
    plan = Plan(["q0", "q1"], ["a"], {Call("q0", "z", YES): INVALID})
    assert plan.total == 7 and list(plan.missing("a", "q0", (INVALID,))) == [INVALID] and not plan.missing("a", "q1", (INVALID,))
