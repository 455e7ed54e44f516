"""Replies of servers, bent in every way: each is a reply that can be believed or a fault in one line, and never anything else."""

from __future__ import annotations

import copy
import gzip
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says
from fuzzing import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import completion, places

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, DerError, ExpertError
from der_core.experts.bounds import oddities
from der_core.experts.ollama import OllamaExpert
from der_core.experts.openai_compatible import OpenAICompatibleExpert
from der_core.experts.parsing import read_label, read_reply
from der_core.experts.protocol import Expert
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

QUESTION = Question("q", "do penguins fly", "Penguins swim and cannot fly.")
OPTIONS = AskOptions(retries=0, patience_s=0.0)
Body = dict[str, Any]
Odd = Callable[[Body], object]

OPENAI_LIST: Body = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "me", "meta": {"n_ctx": 4096, "n_params": 1e9}}]}
OPENAI_CHAT: Body = completion(
    "No",
    logprobs=places(("No", {"No": 0.6, "Yes": 0.2})),
    usage={"prompt_tokens": 40, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 23}},
    timings={"prompt_n": 17, "cache_n": 23, "prompt_ms": 17.0, "predicted_n": 1, "predicted_ms": 10.0},
)
OLLAMA_LIST: Body = {"models": [{"name": "m:latest", "model": "m:latest", "digest": "ab" * 32, "size": 1234, "details": {"family": "x"}}]}
OLLAMA_CHAT: Body = {
    "model": "m",
    "message": {"role": "assistant", "content": "No"},
    "done": True,
    "done_reason": "stop",
    "load_duration": 1_000_000,
    "prompt_eval_count": 30,
    "prompt_eval_cached_count": 12,
    "prompt_eval_duration": 20_000_000,
    "eval_count": 1,
    "eval_duration": 10_000_000,
    "logprobs": places(("No", {"No": 0.6, "Yes": 0.2}))["content"],
}
SOUND: dict[str, tuple[Body, Body]] = {"openai": (OPENAI_LIST, OPENAI_CHAT), "ollama": (OLLAMA_LIST, OLLAMA_CHAT)}

DEEP: object = json.loads("[" * 400 + "]" * 400)
ODD_VALUES: dict[str, object] = {
    "nothing": None,
    "true": True,
    "a text": "12",
    "an empty text": "",
    "escapes": "\x1b]0;owned\x07\u202e",
    "half a letter": "\ud83d",
    "a megabyte and more": "yes " * 300_000,
    "a list": ["yes"],
    "an object": {"text": "yes"},
    "depth": DEEP,
    "below zero": -1,
    "beyond counting": 1 << 40,
    "beyond reason": 10**400,
    "800": 800,
    "a half": 0.5,
    "beyond all numbers": 1e308,
}


class Server:
    """A server of one protocol that sends these bodies, as JSON or as they are."""

    def __init__(self, backend: str, listed: object, chat: object) -> None:
        self.listed, self.chat = listed, chat
        self.expert = OllamaExpert if backend == "ollama" else OpenAICompatibleExpert
        self.spec = ExpertSpec("odd", backend, "m")  # type: ignore[arg-type]  # the backends there are

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/show"):
            return httpx.Response(200, json={"capabilities": ["completion"]})
        body = self.listed if request.url.path.endswith(("/models", "/tags", "/ps")) else self.chat
        return httpx.Response(200, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    def open(self) -> Expert:
        return self.expert(self.spec, OPTIONS, transport=httpx.MockTransport(self.answer))

    def ask(self) -> Reply:
        return self.open().ask(QUESTION, Label.NONE)


def places_in(body: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a body."""
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places_in(part, (*path, key))


def bent(body: Body, path: Sequence[Any], value: object) -> Body:
    """A copy of the body with another value at one place."""
    changed = copy.deepcopy(body)
    *way, last = path
    part: Any = changed
    for key in way:
        part = part[key]
    part[last] = value
    return changed


def without(body: Body, path: Sequence[Any]) -> Body:
    """A copy of the body that lacks one part."""
    changed = copy.deepcopy(body)
    *way, last = path
    part: Any = changed
    for key in way:
        part = part[key]
    del part[last]
    return changed


def check(ask: Callable[[], Reply]) -> None:
    """What comes of it is a reply that can be believed, or a fault in one line."""
    try:
        reply = ask()
    except ExpertError as error:
        assert str(error).isprintable() and len(str(error)) < 1_000
    else:
        assert list(oddities(reply)) == [] and reply.label in (Label.YES, Label.NO, Label.INVALID)


CHAT_PLACES = [(backend, path) for backend, (_, chat) in SOUND.items() for path in places_in(chat)]
LIST_PLACES = [(backend, path) for backend, (listed, _) in SOUND.items() for path in places_in(listed)]


def named(case: object) -> str:
    return "-".join(map(str, case)) if isinstance(case, tuple) else str(case)


@pytest.mark.parametrize(("backend", "path"), CHAT_PLACES, ids=named)
def test_any_part_of_a_chat_may_be_anything(backend: str, path: tuple[Any, ...]) -> None:
    listed, chat = SOUND[backend]
    for value in ODD_VALUES.values():
        check(Server(backend, listed, bent(chat, path, value)).ask)
    check(Server(backend, listed, without(chat, path)).ask)


@pytest.mark.parametrize(("backend", "path"), LIST_PLACES, ids=named)
def test_any_part_of_a_list_of_models_may_be_anything(backend: str, path: tuple[Any, ...]) -> None:
    listed, chat = SOUND[backend]
    for value in ODD_VALUES.values():
        check(Server(backend, bent(listed, path, value), chat).ask)
    check(Server(backend, without(listed, path), chat).ask)


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_so_may_several_parts_at_once(data: st.DataObject) -> None:
    backend = data.draw(st.sampled_from(sorted(SOUND)))
    listed, chat = SOUND[backend]
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(sorted(places_in(chat), key=str)))
        odd = data.draw(
            st.one_of(st.sampled_from(list(ODD_VALUES.values())), st.text(max_size=20), st.integers(), st.floats(allow_nan=False))
        )
        chat = bent(chat, path, odd if not isinstance(odd, float) or math.isfinite(odd) else str(odd))
    check(Server(backend, listed, chat).ask)


@settings(max_examples=examples(100), deadline=None)
@given(data=st.data())
def test_bytes_that_were_changed_on_the_way_are_a_fault_or_a_reply(data: st.DataObject) -> None:
    backend = data.draw(st.sampled_from(sorted(SOUND)))
    body = bytearray(json.dumps(SOUND[backend][1]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(body)))
    check(Server(backend, SOUND[backend][0], bytes(body[:end] if data.draw(st.booleans()) else body)).ask)


ENDS_ONE_EXPERT_ALONE: dict[str, object] = {
    "content that is a list": bent(OPENAI_CHAT, ("choices", 0, "message", "content"), ["yes"]),
    "content that is a number": bent(OPENAI_CHAT, ("choices", 0, "message", "content"), 7),
    "broken gzip": gzip.compress(json.dumps(OPENAI_CHAT).encode(), mtime=0)[:-9],
    "deep JSON": b"[" * 300_000,
    "a log-probability of 800": bent(OPENAI_CHAT, ("choices", 0, "logprobs", "content", 0, "logprob"), 800.0),
    "counts of 2**40": bent(OPENAI_CHAT, ("usage", "prompt_tokens"), 1 << 40),
    "negative seconds": bent(OPENAI_CHAT, ("timings", "predicted_ms"), -1.0),
    "NaN": json.dumps(bent(OPENAI_CHAT, ("timings", "predicted_ms"), math.nan)).encode(),
    "no choice": bent(OPENAI_CHAT, ("choices",), []),
    "nothing": b"",
}


@pytest.mark.parametrize("chat", ENDS_ONE_EXPERT_ALONE.values(), ids=ENDS_ONE_EXPERT_ALONE)
def test_an_odd_server_costs_its_own_replies_and_the_others_go_on(tmp_path: Path, chat: object) -> None:
    odd, plain = Server("openai", OPENAI_LIST, chat).open(), ScriptedExpert(make_spec("plain"), says(Label.YES, 0.8))
    with Store.open(tmp_path / "s.db") as store:
        summary = record(store, "demo", make_questions(2), {"odd": [odd], "plain": [plain]})
        assert summary.done == 6 and summary.total == 12 and sum(summary.faults.values()) == 6
        assert "expert odd: 6 calls without a reply: " in summary.message and summary.message.isprintable()
        assert store.verify() == []


@pytest.mark.parametrize("backend", SOUND)
@pytest.mark.parametrize("told", ["model is loading", {"message": "model is loading", "code": 503}])
def test_an_error_that_comes_as_a_success_is_told_in_its_own_words(backend: str, told: object) -> None:
    with pytest.raises(BadReply, match="answers with an error instead of a reply .model is loading.; see the server's log"):
        Server(backend, SOUND[backend][0], {"error": told}).ask()


@pytest.mark.parametrize("listed", [{"data": [{"id": 7}]}, {"data": [{"id": 7.5}, {"id": None}, {"id": ["m"]}, {"id": "7"}]}])
def test_a_model_may_be_called_by_a_number(listed: Body) -> None:
    server = Server("openai", listed, OPENAI_CHAT)
    server.spec = replace(server.spec, model="7")
    assert server.ask().label is Label.NO


# --- the reader of texts

ASIDES = st.sampled_from(["", "It swims. ", "The passage says it. ", "**", "\n\n", "> ", "- ", "Well, ", "So: "])
ENDS = st.sampled_from(
    ["", ".", "!", "**", "\n", ", it does.", ", as it says.", "<|im_end|>", "\n\nQuestion: is it another?\nAnswer: maybe"]
)
FRAMES = ("{}", "The answer is {}", "Answer: {}", "I would say {}", '"{}"', "\\boxed{{{}}}", '{{"answer": "{}"}}', "<b>{}</b>", "_{}_")
OTHER = {"yes": "no", "no": "yes"}


@given(
    aside=ASIDES,
    frame=st.sampled_from(FRAMES),
    end=ENDS,
    word=st.sampled_from(["yes", "no"]),
    case=st.sampled_from([str, str.upper, str.title]),
)
def test_an_answer_is_read_in_any_frame_and_its_opposite_as_the_opposite(
    aside: str, frame: str, end: str, word: str, case: Callable[[str], str]
) -> None:
    read = [read_label(aside + frame.format(case(said)) + end, "direct") for said in (word, OTHER[word])]
    assert read == [Label.YES, Label.NO] if word == "yes" else read == [Label.NO, Label.YES]


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="yntfｙｎｔｆYNTFＹＮＴＦ"), max_size=200),
    style=st.sampled_from(["direct", "examples", "reason"]),
)
def test_what_holds_neither_word_is_never_an_answer(text: str, style: Any) -> None:
    assert read_label(text, style) is Label.INVALID


@settings(max_examples=examples(100), deadline=None)
@given(text=st.text(max_size=200), more=st.text(max_size=50), finish=st.sampled_from(["", "stop", "length"]))
def test_a_thought_that_is_still_open_is_never_an_answer(text: str, more: str, finish: str) -> None:
    reading = read_reply(f"{text.replace('<', '')}<think>{more.replace('<', '').replace('[', '')}", "direct", finish=finish)
    closes = any(mark in more.lower() for mark in ("response", "◁", "assistantfinal", "&lt;"))
    assert closes or (reading.label is Label.INVALID and reading.reason)


def test_errors_are_ours() -> None:
    with pytest.raises(DerError):
        Server("openai", [], OPENAI_CHAT).open()
