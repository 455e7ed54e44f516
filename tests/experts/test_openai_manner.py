"""Servers that do not take all they are asked: what is left out, what is noted, what stands in the request."""

import itertools
import json
import os
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fakes import make_questions
from openai_server import ChatServer, completion

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ServerFault, SettingsError
from der_core.experts.openai_compatible import OpenAICompatibleExpert, check_openai
from der_core.experts.openai_manner import Manner
from der_core.experts.prompts import build_messages
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question

QUESTION = Question(id="q", text="do penguins fly", passage="Penguins swim and cannot fly.")
OPTIONS = AskOptions(patience_s=0.0, retries=0)
SPEC = ExpertSpec("m", "openai", "m", digest="sha256:1")


def expert_at(server: ChatServer, **changes: Any) -> OpenAICompatibleExpert:
    return OpenAICompatibleExpert(replace(SPEC, **changes), OPTIONS, transport=server.transport)


def sent(body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((message["role"], message["content"]) for message in body["messages"])


def test_a_server_that_takes_everything_is_asked_once_and_nothing_is_noted():
    server = ChatServer()
    expert = expert_at(server)
    assert expert.ask(QUESTION, Label.NONE).label == Label.NO
    assert (len(server.calls), expert.notes) == (1, ())
    assert set(server.calls[0]) == {"model", "messages", "temperature", "seed", "max_tokens", "logprobs", "top_logprobs"}


@pytest.mark.parametrize(
    ("style", "key"),
    [
        ("direct", "b2:a1abe16eb961ccc8d7510dcf239ab617"),
        ("reason", "b2:664888a4f653d6a8aa349907efb63573"),
        ("examples", "b2:8f453e66916ef67e377147d03a7315c5"),
    ],
)
def test_the_key_of_a_usual_request_is_what_it_always_was(style, key):
    """Recordings of earlier versions go on: their requests are found again."""
    assert expert_at(ChatServer(), style=style).request(QUESTION, Label.YES).key == key


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "System role not supported"),
        (400, "Only user and assistant roles are supported!"),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (422, "messages[0].role: unexpected value"),
        (500, "Jinja Exception: System role not supported"),
        (400, "Bad Request"),
        (400, ""),
    ],
)
def test_a_refused_system_message_stands_at_the_head_of_the_user_message(refusal):
    server = ChatServer(takes_system=False, refusal_of_system=refusal)
    expert = expert_at(server)
    usual = expert.request(QUESTION, Label.NONE)
    replies = [expert.ask(QUESTION, label) for label in (Label.NONE, Label.YES)]
    (_, task), (_, text) = build_messages(QUESTION, Label.YES, "direct")
    assert [reply.label for reply in replies] == [Label.NO, Label.NO]
    assert sent(server.calls[-1]) == (("user", f"{task}\n\n{text}"),) == expert.request(QUESTION, Label.YES).messages
    assert expert.request(QUESTION, Label.NONE).key != usual.key
    assert expert.notes == ("The server takes no system message: its text stands at the head of the user message.",)
    assert server.calls[-1]["top_logprobs"] == 20 and replies[0].p_yes is not None


def test_what_was_found_out_is_not_tried_again():
    server = ChatServer(takes_system=False)
    expert = expert_at(server)
    for label in (Label.NONE, Label.YES, Label.NO):
        expert.ask(QUESTION, label)
    assert len(server.calls) == 4


@pytest.mark.parametrize("refusal", ["top_logprobs must be at most {}", "Invalid request"])
@pytest.mark.parametrize(("most", "note"), [(5, "gives 5 likely tokens"), (0, "gives no log-probabilities")])
def test_refused_log_probabilities_are_asked_for_in_smaller_numbers(most, note, refusal):
    server = ChatServer(most_logprobs=most, refusal_of_logprobs=refusal)
    expert = expert_at(server)
    usual = expert.request(QUESTION, Label.NONE)
    reply = expert.ask(QUESTION, Label.NONE)
    assert (reply.label, reply.p_yes is None) == (Label.NO, most == 0)
    assert (server.calls[-1].get("top_logprobs", 0), "logprobs" in server.calls[-1]) == (most, most > 0)
    assert len(expert.notes) == 1 and note in expert.notes[0]
    assert expert.request(QUESTION, Label.NONE) == usual


def test_a_server_may_refuse_several_things():
    server = ChatServer(takes_system=False, refusal_of_system=(400, "no"), most_logprobs=0, refusal_of_logprobs="no", schema="object")
    expert = expert_at(server, held=True)
    assert expert.ask(QUESTION, Label.NONE).label == Label.NO
    assert len(expert.notes) == 3


def test_a_server_that_refuses_everything_says_why_after_few_calls():
    calls = itertools.count()
    refusing = httpx.MockTransport(lambda request: httpx.Response(400, json={"error": f"refusal {next(calls)}"}))
    with pytest.raises(ServerFault, match="HTTP 400: refusal 0"):
        OpenAICompatibleExpert(SPEC, OPTIONS, transport=refusing).ask(QUESTION, Label.NONE)
    assert next(calls) <= 6


@pytest.mark.parametrize(
    "said",
    [
        "the request exceeds the available context size, try increasing it",
        "This model's maximum context length is 2048 tokens. However, you requested 4300 tokens",
        "prompt is too long",
    ],
)
def test_a_prompt_that_is_too_long_is_not_asked_in_another_form(said):
    calls = []

    def refuse(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(400, json={"error": {"message": said}})

    with pytest.raises(ServerFault, match="no room for the prompt"):
        OpenAICompatibleExpert(SPEC, OPTIONS, transport=httpx.MockTransport(refuse)).ask(QUESTION, Label.NONE)
    assert len(calls) == 1


def test_once_a_server_has_answered_its_refusals_are_about_the_question():
    server = ChatServer()
    expert = expert_at(server)
    expert.ask(QUESTION, Label.NONE)
    server.takes_system = False
    with pytest.raises(ServerFault, match="System role not supported"):
        expert.ask(QUESTION, Label.NONE)
    assert len(server.calls) == 2 and expert.notes == ()


@pytest.mark.parametrize(("schema", "text"), [("any", '"no"'), ("string", '"no"'), ("object", '{"answer": "no"}')])
def test_an_expert_is_held_to_yes_or_no_in_the_form_that_the_server_takes(schema, text):
    server = ChatServer(schema=schema)
    expert = expert_at(server, held=True)
    reply = expert.ask(QUESTION, Label.NONE)
    assert (reply.text, reply.label) == (text, Label.NO)
    told = server.calls[-1]["response_format"]
    assert told["type"] == "json_schema" and json.dumps(told) == expert.request(QUESTION, Label.NONE).options["response_format"]
    assert expert.request(QUESTION, Label.NONE).key != expert_at(ChatServer()).request(QUESTION, Label.NONE).key
    assert len(expert.notes) == (schema == "object")
    # {"answer": "yes"} does not fit into 8 tokens.
    assert server.calls[-1]["max_tokens"] == (32 if schema == "object" else 8)


def test_a_model_that_thinks_all_its_tokens_away_is_asked_without():
    server = ChatServer(thinks=True)
    expert = expert_at(server)
    assert [expert.ask(QUESTION, label).label for label in (Label.NONE, Label.YES)] == [Label.NO, Label.NO]
    assert [call.get("chat_template_kwargs") for call in server.calls] == [None, {"enable_thinking": False}, {"enable_thinking": False}]
    assert "without thinking" in expert.notes[0]
    assert expert.request(QUESTION, Label.NONE).options["chat_template_kwargs"] == '{"enable_thinking": false}'


def test_a_server_that_cannot_be_told_not_to_think_is_asked_as_before():
    server = ChatServer(thinks=True, takes_other_fields=False)
    expert = expert_at(server)
    replies = [expert.ask(QUESTION, label) for label in (Label.NONE, Label.YES)]
    assert [reply.label for reply in replies] == [Label.INVALID] * 2 and "thinking" in replies[0].reason
    assert ["chat_template_kwargs" in call for call in server.calls] == [False, True, False] and expert.notes == ()


def test_whoever_gives_tokens_for_a_thought_gets_it():
    server = ChatServer(thinks=True)
    expert_at(server, max_tokens=2000).ask(QUESTION, Label.NONE)
    assert [(call["max_tokens"], "chat_template_kwargs" in call) for call in server.calls] == [(2000, False)]


def test_a_recording_goes_on_in_the_manner_in_which_it_began():
    server = ChatServer(takes_system=False, most_logprobs=5)
    first = expert_at(server)
    first.ask(QUESTION, Label.NONE)
    again = expert_at(server)
    again.recall(first.notes)
    assert again.request(QUESTION, Label.NO).key == first.request(QUESTION, Label.NO).key
    server.calls.clear()
    again.ask(QUESTION, Label.NO)
    assert len(server.calls) == 1 and again.notes == first.notes


def test_a_server_without_system_messages_is_recorded_in_full_and_resumed(tmp_path):
    questions = make_questions(6)
    server = ChatServer(takes_system=False)
    with Store.open(tmp_path / "store.db") as store:
        parts = [record(store, "demo", part, {"m": [expert_at(server)]}) for part in (questions[:2], questions)]
        entries = store.entries("demo")
        (recording,) = store.recordings()
        assert store.verify() == []
    assert [part.complete for part in parts] == [True, True] and len(entries) == 18
    merged = Manner(system=False)
    requests = (merged.request(SPEC, OPTIONS, question, label) for question in questions for label in (Label.NONE, Label.YES, Label.NO))
    assert {entry.key for entry in entries} == {request.key for request in requests}
    assert recording.meta["notes"] == {"m": ["The server takes no system message: its text stands at the head of the user message."]}


@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize("top_logprobs", [20, 5, 0])
@pytest.mark.parametrize("may_think", [True, False])
@pytest.mark.parametrize("as_object", [True, False])
def test_notes_tell_the_whole_manner(system, top_logprobs, may_think, as_object):
    manner = Manner(system, top_logprobs, may_think, as_object)
    assert Manner.of_notes(["another sentence", *manner.notes]) == manner


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/team-a", "/team-a/v1/chat/completions"),
        ("/team-a/v1/", "/team-a/v1/chat/completions"),
    ],
)
def test_an_address_may_have_a_path_with_or_without_v1(changes, path):
    paths = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(200, json=completion("yes"))

    spec = replace(SPEC, host=f"http://127.0.0.1:4000{changes}")
    OpenAICompatibleExpert(spec, OPTIONS, transport=httpx.MockTransport(answer)).ask(QUESTION, Label.NONE)
    assert paths == [path]


def test_the_key_is_read_from_the_variable_that_the_expert_names(monkeypatch):
    monkeypatch.setenv("TEAM_KEY", "sk-1\n")
    keys = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"data": [{"id": "m"}]} if request.method == "GET" else completion("yes"))

    transport = httpx.MockTransport(answer)
    OpenAICompatibleExpert(replace(SPEC, key_env="TEAM_KEY", digest=""), OPTIONS, transport=transport).ask(QUESTION, Label.NONE)
    OpenAICompatibleExpert(SPEC, OPTIONS, transport=transport).ask(QUESTION, Label.NONE)
    assert keys == ["Bearer sk-1", "Bearer sk-1", None]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_is_told_by_the_name_of_its_variable(monkeypatch, value):
    monkeypatch.delenv("TEAM_KEY", raising=False)
    if value is not None:
        monkeypatch.setitem(os.environ, "TEAM_KEY", value)
    with pytest.raises(SettingsError, match="variable TEAM_KEY does not hold the key of m; set it"):
        check_openai(replace(SPEC, key_env="TEAM_KEY"), OPTIONS, ChatServer().transport)
