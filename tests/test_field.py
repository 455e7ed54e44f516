"""What people bring to a recording, by the command that they use: servers that cut, think, wait, refuse or do not count.

Each kind of trouble stands here in several dresses; the readers and backends have tests of their own beside their source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import HashEncoder
from ollama_server import OllamaServer, Spoken
from openai_listener import Call, OpenAIListener
from openai_server import completion
from raw_server import RawServer, http

from der_core.cli import main
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Reply
from der_core.routing.cost import choose_prices, fit_prices

Chat = Sequence[dict[str, str]]
USAGE = {"prompt_tokens": 40, "completion_tokens": 8}
LONG = "The lock keeper notes the level, the wind and each boat that passes in the green book. " * 170


class Scripted(OpenAIListener):
    """A server whose answers to chats are given whole: status and body, by the number of the call from 0 on."""

    def __init__(self, chat: Callable[[Call, int], tuple[int, dict[str, Any]]]) -> None:
        super().__init__(["m"])
        self.chat = chat

    def reply(self, call: Call) -> tuple[int, dict[str, Any]]:
        if not call.path.endswith("/chat/completions"):
            return super().reply(call)
        return self.chat(call, len(self.chats) - 1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in ("evaluate", "train"):
        monkeypatch.setattr(f"der_core.cli.{command}.SentenceEncoder", NamedHashEncoder)
    return tmp_path


class NamedHashEncoder(HashEncoder):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.id = name


def lamps(n: int, passage: str = "") -> str:
    """Write a file of questions about lamps, of which the even ones are lit; return its name."""
    rows = [{"id": f"q{i}", "question": f"is lamp {i} lit", "answer": i % 2 == 0, "passage": passage or f"Of lamp {i}."} for i in range(n)]
    Path("lamps.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return "lamps.jsonl"


def lamp_in(messages: Chat) -> int:
    """The lamp that is asked about; -1 for the call that only loads a model."""
    found = re.findall(r"lamp (\d+) lit", messages[-1]["content"])
    return int(found[-1]) if found else -1


def record(server: OllamaServer | OpenAIListener | RawServer, expert: str, questions: str, *more: str) -> int:
    at = ["--host", server.url, "--experts", expert, "--questions", questions, "--store", "r.sqlite"]
    return main(["record", *at, "--ollama-retries", "0", *more])


def recorded() -> Table:
    with Store.open("r.sqlite", read_only=True) as store:
        assert store.verify() == []
        return load_table(store, "default")


def replies() -> Iterator[Reply]:
    with Store.open("r.sqlite", read_only=True) as store:
        for entry in sorted(store.entries("default"), key=lambda entry: (entry.call.question_id, entry.call.previous_label)):
            reply = store.reply_at("default", entry.call)
            assert reply is not None
            yield reply


class TestCutPrompts:
    """A prompt that the server cut is a fault whose cause stands in the summary."""

    @pytest.mark.parametrize(
        ("trained", "figures"),
        [(32_768, {}), (512, {}), (32_768, {"prompt_eval_count": 2048}), (32_768, {"prompt_eval_count": 1_100})],
        ids=["to half", "to half of what it was trained for", "to the last token", "to half and a few tokens"],
    )
    def test_by_an_ollama_that_does_not_know_the_wish(
        self, place: Path, capsys: pytest.CaptureFixture[str], trained: int, figures: dict[str, int]
    ) -> None:
        with OllamaServer(lambda messages: Spoken("no", figures=figures) if figures and lamp_in(messages) >= 0 else "no", ["m"]) as server:
            server.ignores.add("truncate")
            server.trained_window = trained
            assert record(server, "m", lamps(2, LONG)) == 1
        told = capsys.readouterr().err
        assert "0 of 6 replies recorded" in told and "and was cut:" in told and "shorten the passage" in told

    @pytest.mark.parametrize("counted", [2_050, 2_048, 4_300])
    def test_by_a_server_of_the_other_protocol(self, place: Path, capsys: pytest.CaptureFixture[str], counted: int) -> None:
        usage = {"prompt_tokens": counted, "completion_tokens": 1}
        with Scripted(lambda call, n: (200, completion("no", usage=usage))) as server:
            assert record(server, "openai:m", lamps(2, LONG), "--context-tokens", "2048") == 1
        told = capsys.readouterr().err
        assert "0 of 6 replies recorded" in told and f"{counted:,} tokens does not fit the context of 2,048" in told


class TestLabels:
    """Thoughts, text after the answer, and a "no" that is no answer: what stands in the recording is what was meant."""

    def check(self, style: str, said: Sequence[tuple[str, Label]]) -> None:
        with OllamaServer(lambda messages: said[lamp_in(messages)][0] if lamp_in(messages) >= 0 else "yes", ["m"]) as server:
            assert record(server, f"m@{style}", lamps(len(said))) == 0
        assert recorded().labels[:, 0, 0].tolist() == [label for _, label in said]

    def test_of_replies_at_once(self, place: Path) -> None:
        self.check(
            "direct",
            [
                ("<think>\nNo year stands in the text.\n</think>\n\nYes", Label.YES),
                ("<think>\nWell, there is no", Label.INVALID),
                ("<|channel|>analysis<|message|>No law says so.<|end|><|start|>assistant<|channel|>final<|message|>Yes", Label.YES),
                ("[THINK]It says no such thing.[/THINK]Yes.", Label.YES),
                ("No idea at first.\n</think>\nyes", Label.YES),
                ("◁think▷no, no", Label.INVALID),
                ("There can be no doubt: yes", Label.YES),
                ("Noée is a name: yes", Label.YES),
                ("No. 12 came in first: yes", Label.YES),
                ("No one denies it. Yes", Label.YES),
                ("Ｙｅｓ, it does", Label.YES),
                ("True", Label.YES),
                ("False.", Label.NO),
                ("Yes\n\nQuestion: is another lamp lit\n\nNo", Label.YES),
            ],
        )

    def test_of_replies_after_a_reason(self, place: Path) -> None:
        self.check(
            "reason",
            [
                ("<think>\nAt first I held that the answer is no.\n</think>\n\nReason: seals have lungs.\nYes", Label.YES),
                ("Reason: seals have lungs.\nAnswer: yes\n\nQuestion: Is a wasp a bird?\nReason: an insect.\nAnswer: no", Label.YES),
                ("Reason: seals have lungs.\nAnswer: yes\n\nPassage: Wasps fly.\n\nQuestion: Are they birds?\nAnswer: no", Label.YES),
                (
                    " (yes or no)\n\nQuestion: Was the tower of brick?\n\nAnother model thinks that the answer is yes. "
                    "What is your own answer?\n\nReply in two lines:\nReason: (one short sentence)\nAnswer: (yes or no)",
                    Label.INVALID,
                ),
                ("Another model thinks that the answer is no. What is your own answer?", Label.INVALID),
                ("Answer: yes\nReason: the answer is no longer open.", Label.YES),
                ("Reason: the sun shines.\nAnswer: \\boxed{yes}", Label.YES),
                ("Reason: the sun shines.\nAnswer: $\\boxed{\\text{No}}$", Label.NO),
                ("Reason: there is no doubt.\n**Answer:** Yes", Label.YES),
            ],
        )


@pytest.mark.parametrize(
    "eaten",
    [
        {"text": None, "message": {"reasoning_content": "Well, they want to know"}},
        {"text": "", "message": {"reasoning": "Well, they want to know"}},
        {"text": "<think>\nWell, they want to"},
        {"text": None, "message": {"content": [{"type": "thinking", "thinking": "Well, they"}]}},
    ],
    ids=["apart", "under another name", "in the content", "as a part"],
)
def test_a_thought_that_eats_all_tokens_is_told_with_what_to_do(
    place: Path, capsys: pytest.CaptureFixture[str], eaten: dict[str, Any]
) -> None:
    with Scripted(lambda call, n: (200, completion(finish="length", usage=USAGE, **eaten))) as server:
        assert record(server, "openai:m", lamps(4)) == 0
    assert "all 16 replies of m were cut while it was still thinking: give it more tokens" in capsys.readouterr().out


@pytest.mark.parametrize("said", [Spoken("", thinking="Well, they", done_reason="length"), Spoken("<think>Well", done_reason="length")])
def test_so_is_one_of_ollama(place: Path, capsys: pytest.CaptureFixture[str], said: Spoken) -> None:
    with OllamaServer(lambda messages: said, ["m"]) as server:
        assert record(server, "m", lamps(4)) == 0
    assert "replies of m were cut while it was still thinking: give it more tokens" in capsys.readouterr().out


def test_whoever_trains_on_them_is_told_too(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with OllamaServer(lambda messages: Spoken("", thinking="Well, they", done_reason="length"), ["m"]) as server:
        assert record(server, "m", lamps(20)) == 0
    capsys.readouterr()
    main(["train", "--store", "r.sqlite", "--ppo-steps", "512", "--save-router", "router.zip"])
    shown = capsys.readouterr()
    assert "replies of m were cut while it was still thinking: give it more tokens" in shown.out + shown.err


class TestWaiting:
    """A server that is busy, restarts or loads a model is waited for; nothing is missing in the end."""

    def whole(self) -> None:
        assert (recorded().labels[:, :, :3] > 0).sum() == 18

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (429, {"error": {"message": "Too many requests, retry after 0.01 s"}}),
            (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
            (502, {"detail": "Bad Gateway"}),
            (504, {}),
        ],
    )
    def test_every_third_call(self, place: Path, status: int, said: dict[str, Any]) -> None:
        with Scripted(lambda call, n: (status, said) if n % 3 == 2 else (200, completion("Yes", usage=USAGE))) as server:
            server.headers = {"Retry-After": "0.01"}
            assert record(server, "openai:m", lamps(6)) == 0
        self.whole()

    def test_the_list_and_the_first_call(self, place: Path) -> None:
        loading = http(503, b'{"error": {"code": 503, "message": "Loading model"}}', Retry_After="0.01")
        listed = http(200, json.dumps({"data": [{"id": "m"}]}).encode())
        answer = http(200, json.dumps(completion("Yes", usage=USAGE)).encode())
        with RawServer(loading, loading, listed, loading, answer) as server:
            # The last part of the script answers whatever is asked, the list of models too: its digest is then not told.
            record(server, "openai:m", lamps(6))
        self.whole()


class TestRefusedSystemMessages:
    @pytest.mark.parametrize(
        ("status", "said"),
        [
            (400, "System role not supported"),
            (422, "Conversation roles must alternate user/assistant/user/assistant/..."),
            (500, "Jinja Exception: System role not supported"),
        ],
    )
    def test_the_text_goes_to_the_head_of_the_user_message(self, place: Path, status: int, said: str) -> None:
        def chat(call: Call, n: int) -> tuple[int, dict[str, Any]]:
            if call.body["messages"][0]["role"] == "system":
                return status, {"object": "error", "message": said, "type": "BadRequestError", "code": status}
            return 200, completion("Yes", usage=USAGE)

        with Scripted(chat) as server:
            assert record(server, "openai:m", lamps(6)) == 0
        assert (recorded().labels[:, :, :3] > 0).sum() == 18
        with Store.open("r.sqlite", read_only=True) as store:
            assert any("head of the user message" in note for note in store.remarks("default", "m"))

    def test_before_an_ollama(self, place: Path) -> None:
        with OllamaServer(lambda messages: "Yes", ["m"]) as server:
            server.refuses.add("system")
            assert record(server, "m", lamps(6)) == 0
        assert (recorded().labels[:, :, :3] > 0).sum() == 18


class TestCounts:
    @pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {}}])
    def test_without_usage_the_results_are_in_a_mode_that_the_recording_has(
        self, place: Path, capsys: pytest.CaptureFixture[str], usage: dict[str, Any]
    ) -> None:
        with Scripted(lambda call, n: (200, completion("Yes" if lamp_in(call.body["messages"]) % 2 else "No", **usage))) as server:
            assert record(server, "openai:m", lamps(20)) == 0
        capsys.readouterr()
        assert main(["evaluate", "--store", "r.sqlite", "--save-report", ""]) == 0
        shown = capsys.readouterr().out
        assert "Cost mode compute lacks token counts" in shown and "cost is wall, per question" in shown
        assert "m once" in shown and "nan" not in shown

    @pytest.mark.parametrize("told", [None, 0], ids=["not told", "told as 0"])
    def test_a_prompt_whose_count_is_missing_is_not_free(self, place: Path, told: int | None) -> None:
        """As servers do that leave out what they had in their cache: of the second and third prompt on a question nothing is told."""
        seen: list[int] = []

        def answer(messages: Chat) -> str | Spoken:
            lamp = lamp_in(messages)
            seen.append(lamp)
            told_of_later = {"prompt_eval_count": told, "eval_count": 1, "prompt_eval_duration": 20_000_000, "eval_duration": 10_000_000}
            return "yes" if seen.count(lamp) == 1 else Spoken("yes", figures=told_of_later)

        with OllamaServer(answer, ["m"]) as server:
            assert record(server, "m", lamps(20)) == 0
        table = recorded()
        assert np.isfinite(table.prompt_tokens[:, 0, 0]).all() and np.isnan(table.prompt_tokens[:, 0, 1:3]).all()
        prices = choose_prices(table, "compute").prices
        costs = prices.table_costs(table)[:, 0, :3]
        assert np.isfinite(costs).all() and 2.0 < np.median(costs.sum(axis=1) / costs[:, 0]) < 6.0

    @pytest.mark.parametrize(
        "told",
        [
            {"usage": USAGE, "timings": {"prompt_n": 17, "prompt_ms": 17.0, "predicted_n": 1, "predicted_ms": 10.0}},
            {"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 23}}},
            {"timings": {"cache_n": 23, "prompt_n": 17, "prompt_ms": 17.0, "predicted_n": 8, "predicted_ms": 10.0}},
        ],
        ids=["usage and timings", "details", "timings alone"],
    )
    def test_both_counts_are_kept_and_what_was_evaluated_is_charged(self, place: Path, told: dict[str, Any]) -> None:
        with Scripted(lambda call, n: (200, completion("Yes", **told))) as server:
            assert record(server, "openai:m", lamps(4)) == 0
        assert {(reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) for reply in replies()} == {(40, 23, 8)}
        prices = fit_prices(recorded(), "tokens")
        assert prices.charged == ("evaluated",)
        assert np.nanmax(prices.table_costs(recorded()) * prices.scale[0]) == pytest.approx(17 + 8)
