"""A recorded expert repeats its replies exactly, and says so where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import ScriptedExpert, make_questions, make_spec

from der_core.config import ExpertSpec
from der_core.errors import ExpertError, StoreError
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Expert
from der_core.recording.recorder import record
from der_core.recording.replay import RecordedExpert
from der_core.recording.store import Call, Store
from der_core.records import Label, Question

QUESTIONS = make_questions(4)


def leaning(question: Question, previous: Label) -> tuple[Label, float | None]:
    """What is said depends on what was shown."""
    return (Label.NO if previous == Label.YES else Label.YES), 0.01 * len(question.id + question.text[-8:]) + 0.1 * int(previous)


SMALL, LARGE = ScriptedExpert(make_spec("small"), leaning), ScriptedExpert(make_spec("large", style="reason"), leaning)


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store.sqlite") as opened:
        record(opened, "first", QUESTIONS, {"small": [SMALL], "large": [LARGE]})
        record(opened, "second", QUESTIONS[:1], {"small": [SMALL]})
        yield opened


def replayed(store: Store, spec: ExpertSpec = SMALL.spec, recording: str = "first") -> Expert:
    return RecordedExpert(store, recording, spec)


@pytest.mark.parametrize("expert", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("label", [Label.NONE, Label.YES, Label.NO])
def test_every_reply_comes_back_whole(store: Store, expert: ScriptedExpert, label: Label) -> None:
    for question in QUESTIONS:
        assert replayed(store, expert.spec).ask(question, label) == expert.ask(question, label)


def test_nobody_is_called(store: Store) -> None:
    SMALL.asked.clear()
    replayed(store).ask(QUESTIONS[0], Label.NONE)
    assert SMALL.asked == []


@pytest.mark.parametrize("style", ["direct", "examples", "reason"])
@pytest.mark.parametrize("label", list(Label))
def test_the_prompt_is_the_one_that_experts_send(store: Store, style: str, label: Label) -> None:
    spec = make_spec("small", style=style)
    request = replayed(store, spec).request(QUESTIONS[2], label)
    assert request.messages == build_messages(QUESTIONS[2], label, spec.style)
    assert request.model_digest == spec.digest


def test_a_question_that_was_not_recorded_ends_in_one_line(store: Store) -> None:
    with pytest.raises(ExpertError, match="holds no reply of small to question q3 after label none") as caught:
        replayed(store, recording="second").ask(QUESTIONS[3], Label.NONE)
    assert "\n" not in str(caught.value)


def test_a_label_that_no_route_could_show_ends_in_one_line(store: Store) -> None:
    with pytest.raises(ExpertError, match="after label invalid"):
        replayed(store).ask(QUESTIONS[0], Label.INVALID)


def test_an_expert_that_was_not_recorded_ends_in_one_line(store: Store) -> None:
    with pytest.raises(ExpertError, match="no reply of large"):
        replayed(store, LARGE.spec, "second").ask(QUESTIONS[0], Label.NONE)


def test_an_unknown_recording_is_told_as_such(store: Store) -> None:
    with pytest.raises(StoreError, match="it holds: first, second"):
        replayed(store, recording="third").ask(QUESTIONS[0], Label.NONE)


def test_closing_an_expert_leaves_the_store_open(store: Store) -> None:
    replayed(store).close()
    assert replayed(store).ask(QUESTIONS[0], Label.NONE).label == Label.YES


def test_a_place_that_is_not_filled_has_no_reply(store: Store) -> None:
    assert store.reply_at("second", Call("q1", "small", Label.NONE)) is None
    assert store.reply_at("second", Call("q0", "small", Label.NONE)) == SMALL.ask(QUESTIONS[0], Label.NONE)
