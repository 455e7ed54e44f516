"""Recorded calls made again: what flips is counted, and nothing is compared that was not asked alike."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says
from ollama_server import OllamaServer

from der_core.cli import main
from der_core.errors import BadReply, StoreError
from der_core.experts.protocol import Request
from der_core.recording.asking_again import ask_again
from der_core.recording.crew import WARM_UP
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

QUESTIONS = make_questions(20)
YES, NO = Label.YES, Label.NO


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def opened(tmp_path: Path):
    with Store.open(tmp_path / "s.db") as store:
        record(store, "demo", QUESTIONS, {name: [ScriptedExpert(make_spec(name), says(YES, 0.8))] for name in ("a", "b")})
        yield store


class Flipping(ScriptedExpert):
    """An expert that says no to questions of the first ten, with another first word for the next five."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        number = int(question.id.removeprefix("q")) if question.id != WARM_UP.id else 99
        if number < 10:
            return replace(reply, text="no", label=NO, p_yes=0.25)
        return replace(reply, text="Yes.", p_yes=None) if number < 15 else reply


def test_an_expert_that_repeats_itself_does_not_flip(opened: Store):
    same = ScriptedExpert(make_spec("a"), says(YES, 0.8))
    (outcome,) = ask_again(opened, "demo", {"a": same}, 30, rng())
    assert (outcome.n_asked, outcome.n_flipped, outcome.n_first_words, outcome.n_faults) == (30, 0, 0, 0)
    assert outcome.p_yes_changes == [0.0] * 30
    asked = [call for call in same.asked if call[0] != WARM_UP.id]
    assert len(set(asked)) == 30 and asked != sorted(asked)


def test_flips_first_words_and_moves_of_p_yes_are_counted(opened: Store):
    (outcome,) = ask_again(opened, "demo", {"a": Flipping(make_spec("a"), says(YES, 0.8))}, 60, rng())
    assert (outcome.n_asked, outcome.n_flipped, outcome.n_first_words) == (60, 30, 45)
    assert len(outcome.p_yes_changes) == 45 and max(outcome.p_yes_changes) == pytest.approx(0.55)


def test_the_sample_is_shared_among_the_experts_and_no_larger_than_the_recording(opened: Store):
    experts = {name: ScriptedExpert(make_spec(name), says(YES, 0.8)) for name in ("a", "b")}
    assert [outcome.n_asked for outcome in ask_again(opened, "demo", experts, 7, rng())] == [4, 3]
    assert [outcome.n_asked for outcome in ask_again(opened, "demo", experts, 1000, rng())] == [60, 60]


def test_other_weights_names_or_options_are_refused_before_anything_is_asked(opened: Store):
    class Warmer(ScriptedExpert):
        def request(self, question: Question, previous_label: Label) -> Request:
            return replace(super().request(question, previous_label), options={"temperature": 1})

    other = ScriptedExpert(make_spec("a", digest="sha256:other"), says(YES))
    with pytest.raises(StoreError, match="recorded with the weights sha256:a, and has sha256:other now"):
        ask_again(opened, "demo", {"a": other}, 5, rng())
    stranger = ScriptedExpert(make_spec("z"), says(YES))
    with pytest.raises(StoreError, match="has no expert z; it has a, b"):
        ask_again(opened, "demo", {"z": stranger}, 5, rng())
    warmer = Warmer(make_spec("a"), says(YES))
    with pytest.raises(StoreError, match="another prompt or other options"):
        ask_again(opened, "demo", {"a": warmer}, 5, rng())
    assert other.asked == stranger.asked == warmer.asked == []


def test_weights_that_change_meanwhile_say_nothing(opened: Store):
    moving = ScriptedExpert(make_spec("a"), says(YES))
    moving.current_digest = lambda: "sha256:new"
    with pytest.raises(StoreError, match="names sha256:new as the weights of a now"):
        ask_again(opened, "demo", {"a": moving}, 5, rng())


def test_calls_without_a_reply_are_counted_apart_and_ten_in_a_row_are_enough(opened: Store):
    def fails(question: Question, label: Label) -> tuple[Label, float | None]:
        raise BadReply("Odd.")

    dead = ScriptedExpert(make_spec("a"), fails)
    (outcome,) = ask_again(opened, "demo", {"a": dead}, 60, rng())
    assert (outcome.n_asked, outcome.n_faults, outcome.last_fault) == (0, 10, "Odd.")


def test_a_stop_keeps_what_was_asked(opened: Store):
    stop = threading.Event()
    small = ScriptedExpert(make_spec("a"), lambda question, label: (stop.set() if len(small.asked) == 6 else None) or (YES, 0.8))
    assert ask_again(opened, "demo", {"a": small}, 60, rng(), stop=stop)[0].n_asked == 5


def test_the_command_tells_and_keeps_the_flip_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = tmp_path / "s.db"
    words = ["--store", str(place), "--recording", "demo"]
    (tmp_path / "six.jsonl").write_text("".join(f'{{"question": "is it {n}", "answer": true}}\n' for n in range(6)))
    with OllamaServer(lambda messages: "yes") as server:
        experts = ["--experts", "tiny", "--host", server.url]
        assert main(["record", *words, *experts, "--questions", str(tmp_path / "six.jsonl")]) == 0
        before = hashlib.sha256(place.read_bytes()).hexdigest()
        assert main(["store", "verify", *words, *experts]) == 0
        assert hashlib.sha256(place.read_bytes()).hexdigest() == before
        n_before = len(server.chats)
        server.answer = lambda messages: "no" if "is it 0" in str(messages).lower() else "yes"
        capsys.readouterr()
        assert main(["store", "verify", *words, *experts, "--ask", "18"]) == 0
        shown = capsys.readouterr().out
        assert len(server.chats) - n_before == 18 + 1
    assert "tiny: 3 of 18 labels came out differently (16.7% [5.8%, 39.2%]), 3 first words, P(yes) moved by 1.0000 at most" in shown
    assert f"{place} was written to" in shown
    with Store.open(place, read_only=True) as store:
        rate = store.flip_rates("demo")["tiny"]
        assert (rate.n_asked, rate.n_flipped) == (18, 3)
        assert (rate.meta["first_words"], rate.meta["largest_p_yes_change"], rate.meta["n_p_yes"]) == (3, 1.0, 18)


def test_asking_again_needs_experts(opened: Store, capsys: pytest.CaptureFixture[str]):
    assert main(["store", "verify", "--store", str(opened.path), "--recording", "demo", "--ask", "5"]) == 2
    assert "name them with --experts" in capsys.readouterr().err
