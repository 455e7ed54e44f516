"""The recorder asks for what is missing, once, and keeps everything whatever happens."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
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
    ServerBusy,
    ServerFault,
    SettingsError,
    StoreError,
)
from der_core.experts.protocol import Request
from der_core.recording import claims as claims_module
from der_core.recording import crew as crew_module
from der_core.recording import recorder
from der_core.recording.crew import WARM_UP
from der_core.recording.plan import Pace, Plan
from der_core.recording.recorder import FAULTS_IN_A_ROW, Progress, record
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
def test_a_passing_fault_costs_its_request_alone(store: Store, kind: type[ExpertError]):
    small = expert(script=fails(kind("Not this\ntime."), lambda question, label: (question.id, label) == ("q1", YES)))
    summary = record(store, "demo", QUESTIONS, crew(small))
    assert real_calls(small.asked)[3:] == [(question, label) for question in ("q1", "q2") for label in (NONE, YES, NO)]
    assert summary.done == 8 and "expert small: 1 call without a reply: Not this time." in summary.message
    assert store.faults("demo")[0].message == "Not this time."
    again = expert()
    assert record(store, "demo", QUESTIONS, crew(again)).complete
    assert real_calls(again.asked) == [("q1", YES)]


@pytest.mark.parametrize("kind", [ExpertTimeout, ServerFault, BadReply])
def test_passing_faults_in_a_row_give_up_and_the_rest_can_be_asked_later(store: Store, kind: type[ExpertError]):
    many = make_questions(9)
    small = expert(script=fails(kind("HTTP 500."), lambda question, label: question.id not in ("warm-up", "q0")))
    summary = record(store, "demo", many, crew(small, expert("b")))
    assert FAULTS_IN_A_ROW == 10 and len(real_calls(small.asked)) == 3 + FAULTS_IN_A_ROW and summary.done == 3 + 27
    assert "expert small was given up: 10 calls in a row gave no reply, the last one: HTTP 500. Run the same" in summary.message
    assert "\n" not in summary.message
    assert record(store, "demo", many, crew(expert(), expert("b"))).complete


def test_the_summary_and_the_progress_say_what_most_calls_without_a_reply_met(store: Store):
    errors = {"q0": "Odd: 17 tokens.", "q1": "Odd: 23 tokens.", "q2": "Empty."}

    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        if question.id in errors and label == YES:
            raise BadReply(errors[question.id])
        return YES, 0.8

    seen: list[Progress] = []
    summary = record(store, "demo", QUESTIONS, crew(expert(script=script), expert("b")), on_progress=seen.append)
    told = "expert small: 3 calls without a reply of 2 causes, most often (2): Odd: 23 tokens"
    assert summary.message.startswith(f"Recording 'demo': 15 of 18 replies recorded (15 asked now); {told}. Run the same")
    assert summary.reasons == seen[-1].reasons == {"small": told} and summary.faults == {"BadReply": 3}


def test_passing_faults_that_are_not_in_a_row_do_not_give_up(store: Store):
    many = make_questions(12)
    small = expert(script=fails(BadReply("Odd."), lambda question, label: question.kind == "odd"))
    summary = record(store, "demo", many, crew(small))
    assert summary.done == 18 and summary.faults == {"BadReply": 18}


def test_a_failed_warm_up_is_not_repeated_and_no_reply_is_missing_for_it(store: Store):
    small = expert(script=fails(ExpertTimeout("Too slow to load."), lambda question, label: question.id == WARM_UP.id))
    summary = record(store, "demo", QUESTIONS, crew(small))
    assert summary.complete and summary.faults == {} and store.faults("demo") == () and small.asked.count(WARM) == 1


@pytest.mark.parametrize("kind", [ExpertTimeout, ServerFault, ServerBusy, BadReply])
def test_as_many_faults_as_replies_are_missing(store: Store, kind: type[ExpertError]):
    summary = record(store, "demo", make_questions(2), crew(expert(script=fails(kind("Not today.")))))
    assert (summary.done, summary.total) == (0, 6) and summary.faults == {kind.__name__: 6} and len(store.faults("demo")) == 6
    assert "6 calls without a reply: Not today." in summary.message


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


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (RecursionError("maximum recursion depth exceeded"), "RecursionError: maximum recursion"),
        (MemoryError(), "failed with MemoryError; see the log"),
        (TypeError("sequence item 0: expected str,\nlist found"), "TypeError: sequence item 0: expected str, list found"),
    ],
)
def test_a_defect_of_one_expert_is_its_fault_in_one_line_and_the_others_go_on(store: Store, error: Exception, told: str):
    def breaks(question: Question, label: Label) -> tuple[Label, float | None]:
        if question.id == "q1":
            raise error
        return YES, 0.8

    summary = record(store, "demo", QUESTIONS, crew(expert("a", breaks), expert("b")))
    assert summary.done == 6 + 9 and told in summary.message and "\n" not in summary.message
    assert store.faults("demo")[0].kind == "ExpertError" and told in store.faults("demo")[0].message


def test_a_request_that_cannot_be_built_is_a_fault_of_that_expert(store: Store):
    class Misbuilt(ScriptedExpert):
        def request(self, question: Question, previous_label: Label) -> Request:
            if question.id == "q1":
                raise KeyError("template")
            return super().request(question, previous_label)

    summary = record(store, "demo", QUESTIONS, crew(Misbuilt(make_spec("a"), says(YES)), expert("b")))
    assert summary.done == 6 + 9 and "3 calls without a reply: The expert failed with KeyError: 'template'" in summary.message


ABSURD = [
    ("prompt_tokens", 2**40, "prompt_tokens is 1099511627776"),
    ("prompt_tokens", -1, "prompt_tokens is -1"),
    ("generated_tokens", 2.5, "generated_tokens is 2.5"),
    ("generated_tokens", True, "generated_tokens is True"),
    ("cached_tokens", 10**6000, "cached_tokens is an immense number"),
    ("cached_tokens", 10**6, "tokens of the prompt were cached"),
    ("prompt_s", -0.5, "prompt_s is -0.5"),
    ("wall_s", float("inf"), "wall_s is inf"),
    ("load_s", 86_401.0, "load_s is 86401.0"),
    ("generation_s", None, "generation_s is None"),
    ("p_yes", 5.0, "P(yes) is 5.0"),
    ("p_yes", float("nan"), "P(yes) is nan"),
    ("text", ["yes"], "text is a list"),
    ("text", None, "text is None"),
    ("text", "y" * (2**20 + 1), "text is longer than 1,048,576 characters"),
    ("reason", 7, "reason is 7"),
    ("printed", b"yes", "printed is a bytes"),
    ("label", NONE, "is not the label of a reply"),
    ("alternatives", ((" yes", float("nan")),), "a log-probability is nan"),
    ("alternatives", ((" yes", 800.0),), "a log-probability is 800.0"),
    ("alternatives", ((None, -0.5),), "a likely token is not text"),
    ("token_logprobs", (-0.5, 0.25), "a log-probability is 0.25"),
]


@pytest.mark.parametrize(("field", "value", "told"), ABSURD, ids=[f"{field}-{told[-20:]}" for field, _, told in ABSURD])
def test_what_no_server_can_mean_is_refused_before_it_is_kept(store: Store, field: str, value: object, told: str):
    class Absurd(ScriptedExpert):
        def ask(self, question: Question, previous_label: Label) -> Reply:
            reply = super().ask(question, previous_label)
            return replace(reply, **{field: value}) if (question.id, previous_label) == ("q1", YES) else reply

    summary = record(store, "demo", QUESTIONS, crew(Absurd(make_spec("a"), says(YES)), expert("b")))
    assert summary.done == 17 and summary.faults == {"BadReply": 1} and told in summary.message
    assert store.reply_at("demo", Call("q1", "a", YES)) is None
    absurd = Absurd(make_spec("a"), says(YES))
    with pytest.raises(BadReply, match="cannot be"):
        store.put_reply("demo", Call("q1", "a", YES), absurd.request(QUESTIONS[1], YES), absurd.ask(QUESTIONS[1], YES))


def test_what_is_unknown_is_kept_as_it_is(store: Store):
    nan = float("nan")

    class Silent(ScriptedExpert):
        def ask(self, question: Question, previous_label: Label) -> Reply:
            unknown = dict.fromkeys(("p_yes", "prompt_tokens", "cached_tokens", "generated_tokens", "printed"))
            times = dict.fromkeys(("load_s", "prompt_s", "generation_s", "wall_s"), nan)
            return replace(super().ask(question, previous_label), **unknown, **times, alternatives=((" yes", 0.0), (" no", -float("inf"))))

    assert record(store, "demo", QUESTIONS, crew(Silent(make_spec(), says(YES)))).complete
    assert store.verify() == []
    assert store.reply_at("demo", Call("q1", "small", YES)).alternatives == ((" yes", 0.0), (" no", -float("inf")))


def test_an_expert_that_breaks_its_protocol_is_refused(store: Store):
    class Mute(ScriptedExpert):
        def ask(self, question: Question, previous_label: Label) -> Reply:
            return None if question.id == "q1" else super().ask(question, previous_label)

    assert "gave a NoneType instead of a reply" in record(store, "demo", QUESTIONS, crew(Mute(make_spec(), says(YES)))).message


def record_side_by_side(place: Path, recordings: Sequence[str], questions: Sequence[Question], script: Script) -> list[ScriptedExpert]:
    """One recorder a thread on one file, each with a store and an expert of its own."""
    experts = [expert(script=script) for _ in recordings]
    start, outcomes = threading.Barrier(len(recordings)), []

    def run(recording: str, own: ScriptedExpert) -> None:
        with Store.open(place) as opened:
            start.wait()
            outcomes.append(record(opened, recording, questions, crew(own)).complete)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(recordings, experts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * len(recordings)
    return experts


@pytest.mark.parametrize("recordings", [["demo"] * 3, ["one", "two", "three"]], ids=["one recording", "three recordings"])
def test_three_recorders_at_once_make_each_call_once(store: Store, recordings: list[str]):
    many = make_questions(40)

    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        time.sleep(0.002)
        return (INVALID, None) if question.id == "q7" else (YES, 0.8)

    experts = record_side_by_side(store.path, recordings, many, script)
    made = sorted(call for one in experts for call in real_calls(one.asked))
    assert made == sorted([(question.id, label) for question in many for label in (NONE, YES, NO)] + [("q7", INVALID)])
    assert all(len(store.entries(recording)) == 121 for recording in recordings) and store.verify() == []


def test_two_questions_with_one_text_are_asked_once_by_replicas_side_by_side(store: Store):
    twins = [QUESTIONS[0], replace(QUESTIONS[0], id="twin")]
    slow = lambda question, label: time.sleep(0.01) or (YES, 0.8)  # noqa: E731
    replicas = [expert(script=slow), expert(script=slow)]
    summary = record(store, "demo", twins, {"small": replicas})
    assert summary.complete and summary.done == 6
    assert sum(len(real_calls(replica.asked)) for replica in replicas) == 3


def test_a_request_that_another_recorder_makes_is_waited_for_and_then_taken_over(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(crew_module, "RETRY_S", 0.02)
    small, seen = expert(), []
    request = small.request(QUESTIONS[1], YES)
    assert store.claim(request.key, "another", 60)

    def on_progress(progress: Progress) -> None:
        seen.append(progress)
        if progress.waiting and progress.done == 7:  # the question's other labels wait with it
            store.put_reply("demo", Call("q1", "small", YES), request, small.ask(QUESTIONS[1], YES))

    summary = record(store, "demo", QUESTIONS, crew(small), on_progress=on_progress)
    assert summary.complete and (summary.asked, summary.reused) == (8, 1)
    assert any(progress.waiting.startswith("waiting for another recorder") for progress in seen)


def test_a_stop_ends_the_wait_for_another_recorder(store: Store):
    stop, small = threading.Event(), expert()
    assert store.claim(small.request(QUESTIONS[1], YES).key, "another", 60)
    summary = record(store, "demo", QUESTIONS, crew(small), stop=stop, on_progress=lambda progress: progress.waiting and stop.set())
    assert summary.stopped and summary.done == 7


def test_a_recorder_that_was_killed_keeps_others_off_no_longer_than_its_claim(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(crew_module, "RETRY_S", 0.02)
    small = expert()
    assert store.claim(small.request(QUESTIONS[1], YES).key, "killed", 0.3)
    assert record(store, "demo", QUESTIONS, crew(small)).complete
    assert ("q1", YES) in small.asked


def test_a_claim_is_renewed_while_its_call_is_under_way_and_ends_with_the_run(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(claims_module, "CLAIM_S", 0.3)
    monkeypatch.setattr(recorder, "POLL_S", 0.02)
    small, could_claim = expert(), []

    def script(question: Question, label: Label) -> tuple[Label, float | None]:
        if (question.id, label) == ("q1", YES):
            time.sleep(0.8)
            could_claim.append(store.claim(small.request(QUESTIONS[1], YES).key, "another", 60))
            raise BadReply("Odd.")
        return YES, 0.8

    small.script = script
    record(store, "demo", QUESTIONS, crew(small))
    assert could_claim == [False] and store.claim(small.request(QUESTIONS[1], YES).key, "another", 60)


class Moving(ScriptedExpert):
    """An expert whose server has other weights under its name from the `moves_at`-th question on; it loads them if `loads`."""

    def __init__(self, name: str = "small", moves_at: int = 10**9, loads: bool = False) -> None:
        super().__init__(make_spec(name), says(YES, 0.8))
        self.moves_at, self.loads = moves_at, loads

    def current_digest(self) -> str | None:
        return "sha256:new" if len(real_calls(self.asked)) >= self.moves_at else self.spec.digest

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        return replace(reply, load_s=4.0) if self.loads and len(real_calls(self.asked)) == self.moves_at else reply


def digests_in_force(store: Store) -> Counter[str | None]:
    rows = sqlite3.connect(store.path).execute("SELECT digest_in_force FROM replies").fetchall()
    return Counter(digest for (digest,) in rows)


def test_replies_are_confirmed_with_the_digest_that_the_server_names(store: Store):
    record(store, "demo", QUESTIONS, crew(expert()))
    assert digests_in_force(store) == {"sha256:small": 9}


def test_a_model_that_moves_at_a_load_is_told_apart_and_given_up(store: Store):
    many = make_questions(20)
    summary = record(store, "demo", many, crew(Moving(moves_at=28, loads=True), expert("b")))
    assert summary.done == 25 + 60 and summary.faults == {"ModelChanged": 1}  # 25 were confirmed, 3 were not
    assert (
        "expert small was given up: The server named sha256:small as the weights of small-model and names sha256:new now" in summary.message
    )
    assert "the 3 replies since then, from question q8 on, were set aside" in summary.message and "NAME=small-model" in summary.message
    (info,) = store.recordings()
    assert info.meta["digest_changes"] == [
        {"expert": "small", "old": "sha256:small", "new": "sha256:new", "first_question": "q8", "n_replies": 3}
    ]
    assert digests_in_force(store) == {"sha256:small": 25, "sha256:new": 3, "sha256:b": 60} and store.verify() == []


def test_what_was_set_aside_is_asked_again_once_the_old_weights_are_back(store: Store):
    many = make_questions(20)
    record(store, "demo", many, crew(Moving(moves_at=28, loads=True)))
    again = expert()
    assert record(store, "demo", many, crew(again)).complete
    assert real_calls(again.asked)[:3] == [("q8", YES), ("q8", NO), ("q9", NONE)]
    assert len(real_calls(again.asked)) == 35 and store.verify() == []


def test_a_model_that_moves_without_a_load_is_found_at_the_end_of_the_pass(store: Store):
    summary = record(store, "demo", QUESTIONS, crew(Moving(moves_at=5), expert("b")))
    assert summary.done == 9 and "the 9 replies since then, from question q0 on" in summary.message
    assert {entry.call.expert for entry in store.entries("demo")} == {"b"}


def test_a_model_that_moved_before_its_first_call_is_not_asked(store: Store):
    moving = Moving(moves_at=0)
    summary = record(store, "demo", QUESTIONS, crew(moving))
    assert moving.asked == [WARM] and summary.done == 0 and "no reply was kept of it" in summary.message


def test_a_stop_confirms_what_was_asked(store: Store):
    stop = threading.Event()
    small = expert(script=lambda question, label: (stop.set() if (question.id, label) == ("q1", YES) else None) or (YES, 0.8))
    record(store, "demo", QUESTIONS, crew(small), stop=stop)
    assert digests_in_force(store) == {"sha256:small": 5}


def test_where_nobody_tells_the_digest_replies_stay_unconfirmed(store: Store):
    small = expert()
    small.current_digest = lambda: None
    assert record(store, "demo", QUESTIONS, crew(small)).complete
    assert digests_in_force(store) == {None: 9}


def test_a_resume_with_other_weights_names_both_digests_and_the_way_out(store: Store):
    record(store, "demo", QUESTIONS, crew(expert()))
    other = ScriptedExpert(make_spec(digest="sha256:other"), says(YES))
    with pytest.raises(StoreError, match=r"sha256:small.*sha256:other.*NAME=MODEL"):
        record(store, "demo", QUESTIONS, {"small": [other]})


def test_how_an_expert_was_asked_is_noted_with_the_recording(store: Store):
    small = expert()
    small.notes = ("its system message is sent at the head of the user message",)
    for _ in range(2):
        record(store, "demo", QUESTIONS[: len(small.asked) + 1], crew(small, expert("b")))
    assert store.recordings()[0].meta["notes"] == {"small": list(small.notes)}


class Cut(ScriptedExpert):
    """An expert whose replies are all INVALID for a reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(make_spec(name), says(INVALID))
        self.reason = reason

    def ask(self, question: Question, previous_label: Label) -> Reply:
        return replace(super().ask(question, previous_label), reason=self.reason, text="<think>")


def test_an_expert_that_is_cut_while_it_thinks_is_told_apart_from_one_that_is_wrong(store: Store):
    seen: list[Progress] = []
    thinker = Cut("thinker", "the thought never ended: all tokens went into it")
    summary = record(store, "demo", make_questions(8), crew(thinker, expert("wrong", says(NO))), on_progress=seen.append)
    told = (
        "all 32 replies of thinker were cut while it was still thinking: "
        "give it more tokens with max_tokens in the experts file, or turn thinking off."
    )
    assert summary.complete and summary.advice == (told,) and told in summary.message
    early = [progress.advice for progress in seen]
    assert early[20] == () and early[21] == (told.replace("32", "20"),)


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
    assert seen[-1].faults == {"BadReply": 3} and seen[1].faults == {}


def test_a_killed_recorder_leaves_what_it_had_and_a_rerun_completes(tmp_path: Path):
    here = Path(__file__).parent
    script = f"""
import sys, os, signal
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}, {str(here.parent.parent)!r}]
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
