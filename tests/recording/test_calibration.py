"""What a token costs: rates are found again from calls that were timed by them, and not measured on a busy machine."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says
from ollama_server import OllamaServer

from der_core.cli import main
from der_core.cli import record as record_command
from der_core.errors import BadReply, SettingsError
from der_core.recording.calibration import Load, calibrate, check_idle, current_load, spread
from der_core.recording.crew import WARM_UP
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

IDLE = Load(0.1, 2)
QUESTIONS = [replace(question, passage="A long passage. " * (1 + 7 * number)) for number, question in enumerate(make_questions(40))]


class Timed(ScriptedExpert):
    """An expert that takes 2 ms per evaluated and 30 ms per generated token; `whole` tells only the seconds of the call."""

    def __init__(self, whole: bool = False, **changes: object) -> None:
        super().__init__(make_spec(), says(Label.YES, 0.8))
        self.whole, self.changes = whole, changes

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        prompt, cached = (reply.prompt_tokens or 0) + 50, 50
        generated = 1 + len(self.asked) % 4
        seconds = (0.002 * (prompt - cached), 0.03 * generated)
        apart = (math.nan, math.nan) if self.whole else seconds
        timed = replace(
            reply,
            prompt_tokens=prompt,
            cached_tokens=cached,
            generated_tokens=generated,
            prompt_s=apart[0],
            generation_s=apart[1],
            load_s=0.5,
            wall_s=0.5 + sum(seconds),
        )
        return replace(timed, **self.changes) if question is not WARM_UP else timed


@pytest.mark.parametrize("whole", [False, True], ids=["parts apart", "the whole call"])
def test_the_rates_of_an_expert_are_found(whole: bool):
    timed = Timed(whole)
    found = calibrate(timed, QUESTIONS, load=IDLE)
    assert found.prompt_token_s == pytest.approx(0.002) and found.generated_token_s == pytest.approx(0.03)
    assert found.n_calls == 30 and found.expert == "small" and len(timed.asked) == 31
    assert found.meta["median_error"] == 0 and found.meta["busy"] is False and found.meta["cached_tokens"] == "told"


def test_rates_are_never_negative():
    class Odd(Timed):
        def ask(self, question: Question, previous_label: Label) -> Reply:
            reply = super().ask(question, previous_label)
            return replace(reply, wall_s=1.0 / (reply.prompt_tokens or 1), load_s=0.0)

    found = calibrate(Odd(whole=True), QUESTIONS, load=IDLE)
    assert found.prompt_token_s >= 0 and found.generated_token_s >= 0


def test_prompts_are_spread_over_all_lengths_and_not_in_order():
    timed = Timed()
    chosen = spread(timed, QUESTIONS, 30)
    lengths = [len(timed.request(question, Label.NONE).text) for question in chosen]
    every = [len(timed.request(question, Label.NONE).text) for question in QUESTIONS]
    assert len(set(chosen)) == 30 and min(lengths) == min(every) and max(lengths) == max(every)
    assert lengths != sorted(lengths) and abs(sum(lengths[:15]) - sum(lengths[15:])) < 0.1 * sum(lengths)
    assert spread(timed, QUESTIONS[:3], 30) and len(spread(timed, QUESTIONS[:1], 30)) == 1 and spread(timed, [], 30) == []


def test_without_counts_or_replies_nothing_is_said():
    with pytest.raises(SettingsError, match="tells no token counts"):
        calibrate(Timed(prompt_tokens=None, cached_tokens=None), QUESTIONS, load=IDLE)

    def fails(question: Question, label: Label) -> tuple[Label, float | None]:
        if question is not WARM_UP and question.kind == "even":
            raise BadReply("Odd.")
        return Label.YES, 0.8

    failing = ScriptedExpert(make_spec(), fails)
    with pytest.raises(SettingsError, match=r"Only 4 calls of small gave a reply; a calibration needs 5, the last fault: Odd\."):
        calibrate(failing, QUESTIONS[:8], load=IDLE)
    assert calibrate(failing, QUESTIONS, load=IDLE).meta["n_without_reply"] == 15


@pytest.mark.parametrize(("average", "busy"), [(0.9, False), (1.0, False), (1.1, True), (None, False)])
def test_a_machine_is_busy_from_half_a_process_a_core_on(average: float | None, busy: bool):
    load = Load(average, 2)
    assert load.is_busy is busy
    if busy:
        with pytest.raises(SettingsError, match="a load of 1.1 on 2 cores.*--busy"):
            check_idle(load)
    else:
        check_idle(load)


def test_the_load_of_this_machine_is_told():
    load = current_load()
    assert load.cores >= 1 and (load.average is None or load.average >= 0)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    lines = (f'{{"question": "is it {"really " * n}{n}", "answer": true}}\n' for n in range(12))
    (tmp_path / "q.jsonl").write_text("".join(lines))
    return ["--store", str(tmp_path / "s.db"), "--recording", "demo", "--questions", str(tmp_path / "q.jsonl"), "--experts", "tiny"]


def test_record_calibrates_first_and_keeps_the_figures(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(record_command, "current_load", lambda: IDLE)
    with OllamaServer(lambda messages: "yes") as server:
        assert main(["record", *words, "--host", server.url, "--calibrate", "10"]) == 0
        assert len(server.chats) == (1 + 10) + (1 + 36)
        assert "tiny: " in capsys.readouterr().out
        assert main(["record", *words, "--host", server.url, "--calibrate-only"]) == 0
        assert len(server.chats) == (1 + 10) + (1 + 36) + (1 + 12)
    with Store.open(words[1], read_only=True) as store:
        found = store.calibrations("demo")["tiny"]
        assert found.n_calls == 12 and found.generated_token_s == pytest.approx(0.02) and found.meta["machine"]["cores"] >= 1
        assert found.meta["load_average"] == 0.1 and len(store.entries("demo")) == 36


def test_a_busy_machine_is_said_before_anything_is_asked(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(record_command, "current_load", lambda: Load(1.9, 2))
    with OllamaServer(lambda messages: "yes") as server:
        assert main(["record", *words, "--host", server.url, "--calibrate", "10"]) == 2
        assert server.chats == [] and "The machine is busy: a load of 1.9 on 2 cores" in capsys.readouterr().err
        assert main(["record", *words, "--host", server.url, "--calibrate", "10", "--busy"]) == 0
    with Store.open(words[1], read_only=True) as store:
        assert store.calibrations("demo")["tiny"].meta["busy"] is True
