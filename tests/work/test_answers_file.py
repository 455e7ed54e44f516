"""`ask --questions FILE --save FILE.csv`: a line a question, written when it is there, gone on with after any end; against a scripted server."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import make_questions
from ollama_server import Chat, OllamaServer
from random_tables import random_table
from test_cli import HashEncoder
from trained_routers import QUICK_DEPLOYABLE, untrained_router

from der_core.cli import main
from der_core.records import Label, Reply, Route, Step
from der_core.work.routes import route_confidence

MODELS = ("weak:1b", "strong:3b")
N_QUESTIONS = 12


def number_in(messages: Chat) -> int:
    """The number of the statement that is asked about; -1 for the call that only loads a model."""
    found = re.findall(r"statement (\d+) true", messages[-1]["content"])
    return int(found[-1]) if found else -1


def truthful(messages: Chat) -> str:
    return "yes" if number_in(messages) % 2 == 0 else "no"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A router trained on what the two models say."""
    folder = tmp_path_factory.mktemp("router")
    rows = [{"question": f"is statement {100 + i} true", "answer": i % 2 == 0} for i in range(24)]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    store = ["--store", str(folder / "r.sqlite")]
    with OllamaServer(truthful, MODELS) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("der_core.cli.train.SentenceEncoder", HashEncoder)
        recorded = ["record", "--host", server.url, "--experts", *MODELS, "--questions", str(folder / "q.jsonl"), *store]
        assert main(recorded) == 0
        assert main(["train", *store, "--ppo-steps", "512", "--save-router", str(folder / "router.zip")]) == 0
    return folder / "router.zip"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OllamaServer]:
    """The models again, and a folder to work in with twelve questions, none with an answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("der_core.cli.ask.SentenceEncoder", HashEncoder)
    write_questions(range(N_QUESTIONS))
    with OllamaServer(truthful, MODELS) as running:
        yield running


def write_questions(numbers: Iterator[int] | range, more: str = "") -> None:
    rows = [{"id": f"q{i}", "question": f"is statement {i} true{more}"} for i in numbers]
    Path("q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def ask(server: OllamaServer, router: Path, *more: str) -> int:
    options = ["--load-router", str(router), "--questions", "q.jsonl", "--save", "answers.csv", "--ollama-retries", "0"]
    return main(["ask", "--host", server.url, *options, *more])


def answers() -> list[dict[str, str]]:
    with Path("answers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth(i: int) -> str:
    return "yes" if i % 2 == 0 else "no"


def asked_of(server: OllamaServer) -> Counter[int]:
    return Counter(number_in(chat["messages"]) for chat in server.chats)


def test_every_question_gets_a_line_with_what_it_took(server: OllamaServer, router: Path) -> None:
    assert ask(server, router) == 0
    rows = answers()
    assert [(row["id"], row["question"]) for row in rows] == [(f"q{i}", f"is statement {i} true") for i in range(N_QUESTIONS)]
    assert [row["answer"] for row in rows] == [truth(i) for i in range(N_QUESTIONS)]
    assert {name for row in rows for name in row["experts"].split(", ")} <= {"weak-1b", "strong-3b"}
    assert {i: len(row["experts"].split(", ")) for i, row in enumerate(rows)} == asked_of(server)
    assert all(float(row["cost"]) > 0 and float(row["seconds"]) > 0 and row["fault"] == "" for row in rows)


def test_a_second_time_nothing_is_asked_and_nothing_changes(server: OllamaServer, router: Path) -> None:
    assert ask(server, router) == 0
    before, n_calls = Path("answers.csv").read_bytes(), server.count("/api/chat")
    assert ask(server, router) == 0
    assert (Path("answers.csv").read_bytes(), server.count("/api/chat")) == (before, n_calls)


def test_questions_that_come_later_are_added(server: OllamaServer, router: Path) -> None:
    write_questions(range(4))
    assert ask(server, router) == 0
    n_calls = asked_of(server)
    write_questions(range(6))
    assert ask(server, router) == 0
    assert [row["id"] for row in answers()] == [f"q{i}" for i in range(6)]
    assert all(asked_of(server)[i] == n_calls[i] for i in range(4))


def test_ctrl_c_stops_with_what_is_there_and_the_same_command_goes_on(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt_at_six(messages: Chat) -> str:
        if number_in(messages) == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return truthful(messages)

    server.answer = interrupt_at_six
    assert ask(server, router) == 1
    assert [row["id"] for row in answers()][:6] == [f"q{i}" for i in range(6)] and len(answers()) <= 7
    assert "The same command asks the rest." in capsys.readouterr().err
    n_before = asked_of(server)
    server.answer = truthful
    assert ask(server, router) == 0
    assert [row["answer"] for row in answers()] == [truth(i) for i in range(N_QUESTIONS)]
    assert all(asked_of(server)[i] == n_before[i] for i in range(6))


@pytest.mark.parametrize("fault", ["error", "broken_json", "dropped"])
def test_a_faulty_question_costs_itself_alone_and_is_asked_again_the_next_time(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    def sour(messages: Chat) -> str:
        if number_in(messages) == 3:
            server.answer = truthful
            server.fail(fault, times=1)  # type: ignore[arg-type]  # one of the server's faults
        return truthful(messages)

    server.answer = sour
    assert ask(server, router) == 1
    (broken,) = [row for row in answers() if row["fault"]]
    assert (broken["answer"], broken["cost"], broken["confidence"], broken["seconds"]) == ("", "", "", "")
    assert len(answers()) == N_QUESTIONS
    assert "11 of 12 questions have an answer in answers.csv. 1 got a fault instead" in capsys.readouterr().err
    n_before = asked_of(server)
    assert ask(server, router) == 0
    assert {row["id"]: row["answer"] for row in answers()} == {f"q{i}": truth(i) for i in range(N_QUESTIONS)}
    assert len(answers()) == N_QUESTIONS and not any(row["fault"] for row in answers())
    again = asked_of(server) - n_before
    assert set(again) == {int(broken["id"][1:])}


@pytest.mark.parametrize("n_lost", [1, 9, 40])
def test_a_line_that_was_cut_off_is_asked_again(server: OllamaServer, router: Path, n_lost: int) -> None:
    assert ask(server, router) == 0
    whole, n_before = Path("answers.csv").read_bytes(), asked_of(server)
    Path("answers.csv").write_bytes(whole[:-n_lost])
    assert ask(server, router) == 0
    assert [row["answer"] for row in answers()] == [truth(i) for i in range(N_QUESTIONS)]
    assert set(asked_of(server) - n_before) == {N_QUESTIONS - 1}


@pytest.mark.parametrize("content", ["my notes\n", "id,question\nq0,is statement 0 true\n", "\xff\x00", 'a,"b\n'])
def test_a_file_of_something_else_is_left_as_it_is(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    Path("answers.csv").write_bytes(content.encode("latin-1"))
    assert ask(server, router) == 2
    assert "name another file with --save" in capsys.readouterr().err
    assert Path("answers.csv").read_bytes() == content.encode("latin-1")
    assert server.count("/api/chat") == 0


@pytest.mark.parametrize("change", ["text", "end", "router", "questions"])
def test_answers_to_something_else_are_not_gone_on_with(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    assert ask(server, router) == 0
    before, n_calls, more, asked = Path("answers.csv").read_bytes(), server.count("/api/chat"), [], router
    if change == "text":
        write_questions(range(N_QUESTIONS), more=" today")
    elif change == "end":
        more = ["--end", "never"]
    elif change == "router":
        asked = Path("other.zip")
        asked.write_bytes(router.read_bytes() + b"\0")
    else:
        write_questions(range(5, N_QUESTIONS))
    assert ask(server, asked, *more) == 2
    assert "name another file with --save" in capsys.readouterr().err
    assert (Path("answers.csv").read_bytes(), server.count("/api/chat")) == (before, n_calls)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--questions", "q.jsonl"], "--save FILE"),
        (["--save", "a.csv"], "--save keeps the answers to --questions"),
        (["--questions", "q.jsonl", "--save", "a.csv", "--with-passage", "x"], "stand in their file"),
        (["--questions", "q.jsonl", "--save", "q.jsonl/a.csv"], "q.jsonl is a file, not a folder"),
    ],
)
def test_options_that_do_not_fit_are_said_before_anything_is_asked(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert main(["ask", "--host", server.url, "--load-router", str(router), *options]) == 2
    assert told in capsys.readouterr().err
    assert server.count("/api/chat") == 0


@pytest.mark.parametrize(
    ("expert", "label", "p_yes", "expected"),
    [
        (0, Label.YES, 0.3, 0.5),  # at the border of this expert, which is 0.3 where no answer is shown
        (1, Label.YES, 0.9, 0.9),
        (1, Label.NO, 0.2, 0.8),
        (1, Label.INVALID, 0.9, 0.0),
        (1, Label.YES, None, math.nan),
    ],
)
def test_confidence_is_what_the_end_rule_sees(expert: int, label: Label, p_yes: float | None, expected: float) -> None:
    router = untrained_router(random_table(np.random.default_rng(1), 8, 2), QUICK_DEPLOYABLE)
    router = replace(router, thresholds=np.array([[0.3, 0.4, 0.2, np.nan], [np.nan] * 4]))
    reply = Reply(label.word, label, p_yes, 0.0, 0.1, 0.1, 0.2, 10, 0, 1, "")
    step = Step(router.experts[expert].name, Label.NONE, "prompt", reply, label, 1.0, 0.2, math.nan)
    found = route_confidence(Route(make_questions(1)[0], (step,), "it stopped"), router)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("fault", ["dropped", "loading"])
def test_an_expert_that_is_out_of_reach_is_waited_for_once_and_given_up(
    server: OllamaServer, router: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    def goes_away(messages: Chat) -> str:
        if number_in(messages) == 5:
            server.fail(fault)  # type: ignore[arg-type]  # one of the server's faults
        return truthful(messages)

    server.answer = goes_away
    options = ("--ollama-retries", "1", "--patience", "0.2")
    assert ask(server, router, *options) == 1
    rows = {row["id"]: row for row in answers()}
    assert [rows[f"q{i}"]["answer"] for i in range(5)] == [truth(i) for i in range(5)]
    assert all(row["fault"] for name, row in rows.items() if int(name[1:]) > 5)
    n_vain = server.count("/api/chat") - len(server.chats)
    assert 3 <= n_vain <= 3 * len(MODELS), "each expert is called at once, after the pause, and for the next question"
    assert re.search(r"Expert (weak-1b|strong-3b) was given up: .*The same command asks the rest\.", capsys.readouterr().err)
    server.answer = truthful
    server.fail("error", times=0)
    assert ask(server, router) == 0
    assert [row["answer"] for row in answers()] == [truth(i) for i in range(N_QUESTIONS)]
