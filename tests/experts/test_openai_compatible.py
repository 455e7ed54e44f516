import json
import math
from collections.abc import Callable

import httpx
import pytest

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, DerError, ExpertTimeout, HostRefused, HostUnreachable, ModelMissing, ServerBusy, ServerFault
from der_core.experts.openai_compatible import OpenAICompatibleExpert, check_openai, reported_digest
from der_core.records import Label, Question

QUESTION = Question(id="q", text="do penguins fly", passage="Penguins swim and cannot fly.")
SPEC = ExpertSpec("tiny", "openai", "tiny-model", digest="sha256:1")
OPTIONS = AskOptions(retries=2, backoff_s=0.5)
MODELS = {"data": [{"id": "tiny-model", "owned_by": "me", "created": 1, "meta": {"n_params": 7}}]}
TIMINGS = {"cache_n": 30, "prompt_n": 12, "prompt_ms": 250.0, "predicted_n": 2, "predicted_ms": 40.0}
USAGE = {"prompt_tokens": 42, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 30}}

Handler = Callable[[httpx.Request], httpx.Response]


def completion(text: str = "No", **extra: object) -> dict[str, object]:
    top = [{"token": "No", "logprob": math.log(0.6)}, {"token": " yes", "logprob": math.log(0.2)}]
    choice = {"message": {"content": text}, "logprobs": {"content": [{"token": text, "top_logprobs": top}]}}
    return {"choices": [choice], "usage": USAGE, **extra}


def answering(*answers: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A transport that gives the answers one after the other, the last one for ever, and the calls it got."""
    calls: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        answer = answers[min(len(calls), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return httpx.MockTransport(handle), calls


def ask(*answers: httpx.Response | Exception, options: AskOptions = OPTIONS, style: str = "direct"):
    transport, calls = answering(*answers)
    pauses: list[float] = []
    spec = ExpertSpec("tiny", "openai", "tiny-model", style, digest="sha256:1")
    expert = OpenAICompatibleExpert(spec, options, transport=transport, sleep=pauses.append)
    return expert.ask(QUESTION, Label.NONE), calls, pauses


def test_the_call_asks_for_greedy_decoding_and_log_probabilities():
    _, (call,), _ = ask(httpx.Response(200, json=completion()))
    body = json.loads(call.content)
    assert str(call.url) == "http://127.0.0.1:8080/v1/chat/completions"
    assert {key: body[key] for key in ("model", "temperature", "seed", "max_tokens", "logprobs", "top_logprobs")} == {
        "model": "tiny-model",
        "temperature": 0,
        "seed": 7,
        "max_tokens": 8,
        "logprobs": True,
        "top_logprobs": 20,
    }
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_what_is_sent_is_what_the_request_says():
    transport, calls = answering(httpx.Response(200, json=completion()))
    expert = OpenAICompatibleExpert(SPEC, OPTIONS, transport=transport)
    request = expert.request(QUESTION, Label.YES)
    assert not calls
    expert.ask(QUESTION, Label.YES)
    body = json.loads(calls[0].content)
    assert tuple((message["role"], message["content"]) for message in body["messages"]) == request.messages
    assert {key: body[key] for key in request.options} == request.options


def test_a_reasoning_expert_may_write_longer():
    _, (call,), _ = ask(httpx.Response(200, json=completion("It swims.\nAnswer: no")), style="reason")
    assert json.loads(call.content)["max_tokens"] == OPTIONS.max_tokens_reason


def test_an_expert_of_style_program_writes_longer_and_its_program_is_run():
    text = "```python\nprint('no' if 3 > 2 else 'yes')\n```"
    answer = completion(text)
    answer["choices"][0]["finish_reason"] = "stop"
    reply, (call,), _ = ask(httpx.Response(200, json=answer), style="program")
    assert json.loads(call.content)["max_tokens"] == OPTIONS.max_tokens_program == 120
    assert (reply.label, reply.printed, reply.p_yes) == (Label.NO, "no\n", None)


def test_a_program_that_the_server_cut_is_not_run():
    answer = completion("```python\nprint('yes')")
    answer["choices"][0]["finish_reason"] = "length"
    reply, _, _ = ask(httpx.Response(200, json=answer), style="program")
    assert (reply.label, reply.printed, reply.reason) == (Label.INVALID, None, "cut before the program ended")


def test_the_reply_carries_label_and_p_yes():
    reply, _, _ = ask(httpx.Response(200, json=completion()))
    assert (reply.text, reply.label, reply.model_digest) == ("No", Label.NO, "sha256:1")
    assert reply.p_yes == pytest.approx(0.25)


def test_llama_timings_are_the_servers_own():
    reply, _, _ = ask(httpx.Response(200, json=completion(timings=TIMINGS)))
    assert (reply.prompt_s, reply.generation_s) == (0.25, 0.04) and math.isnan(reply.load_s)
    assert (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) == (42, 30, 2)


def test_without_timings_the_wall_time_counts_as_generation():
    reply, _, _ = ask(httpx.Response(200, json=completion()))
    assert reply.generation_s == reply.wall_s > 0 and math.isnan(reply.prompt_s)
    assert (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) == (42, 30, 2)


def test_a_server_without_usage_or_log_probabilities_is_enough():
    reply, _, _ = ask(httpx.Response(200, json={"choices": [{"message": {"content": "Yes."}, "logprobs": None}]}))
    assert (reply.label, reply.p_yes) == (Label.YES, None)
    assert (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) == (None, None, None)


def test_an_empty_reply_is_invalid_not_no():
    reply, _, _ = ask(httpx.Response(200, json={"choices": [{"message": {"content": None}}]}))
    assert (reply.text, reply.label) == ("", Label.INVALID)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.ConnectError("refused"), HostUnreachable, "Nothing answers at http://127.0.0.1:8080; start the server"),
        (httpx.ConnectTimeout("slow"), HostUnreachable, "Nothing answers at"),
        (httpx.RemoteProtocolError("gone"), HostUnreachable, "broke before a reply was complete"),
        (httpx.ReadError("reset"), HostUnreachable, "broke before a reply was complete"),
        (httpx.ReadTimeout("slow"), ExpertTimeout, "No complete reply from http://127.0.0.1:8080 in time"),
        (
            httpx.Response(404, json={"error": {"message": "no such\nmodel"}}),
            ModelMissing,
            r"does not serve chats with tiny-model \(no such model\)",
        ),
        (httpx.Response(500, text="out of\nmemory"), ServerFault, r"failed with HTTP 500 \(out of memory\)"),
        (httpx.Response(503), ServerBusy, r"is busy or still loading \(HTTP 503: no reason given\)"),
        (
            httpx.Response(400, json={"error": {"message": "exceeds the context"}}),
            ServerFault,
            r"no room for the prompt \(exceeds the context\); load the model with a larger context",
        ),
        (httpx.Response(400, json={"error": {"message": "out of luck"}}), ServerFault, "HTTP 400: out of luck"),
        (httpx.Response(401, json={"object": "error", "message": "no key"}), ServerFault, r"wants another key \(HTTP 401: no key\)"),
        (
            httpx.Response(302, headers={"location": "http://elsewhere"}),
            BadReply,
            "redirects to http://elsewhere; redirects are not followed",
        ),
        (httpx.Response(200, text="<html>"), BadReply, "is not JSON"),
        (httpx.Response(200, json=[1]), BadReply, "is not a JSON object"),
        (httpx.Response(200, json={"choices": []}), BadReply, "not an OpenAI chat completion"),
        (httpx.Response(200, json={"choices": [{"text": "Yes"}]}), BadReply, "not an OpenAI chat completion"),
        (httpx.Response(200, json={"choices": "x"}), BadReply, "not an OpenAI chat completion"),
        (httpx.Response(200, json=completion(timings={"prompt_ms": "x"})), BadReply, "not an OpenAI chat completion"),
    ],
)
def test_every_failure_is_an_error_with_its_cause(answer, error, message):
    with pytest.raises(error, match=message) as caught:
        ask(answer)
    assert "\n" not in str(caught.value)


def test_connection_faults_are_retried_with_doubled_pauses():
    gone = httpx.ConnectError("refused")
    reply, calls, pauses = ask(gone, gone, httpx.Response(200, json=completion()))
    assert (reply.label, len(calls), pauses) == (Label.NO, 3, [0.5, 1.0])


@pytest.mark.parametrize(
    ("answer", "tries"),
    [(httpx.ConnectError("refused"), 3), (httpx.ReadTimeout("slow"), 1), (httpx.Response(500), 1), (httpx.Response(404), 1)],
)
def test_only_connection_faults_are_worth_another_attempt(answer, tries):
    transport, calls = answering(answer)
    expert = OpenAICompatibleExpert(SPEC, OPTIONS, transport=transport, sleep=lambda _: None)
    with pytest.raises(DerError):
        expert.ask(QUESTION, Label.NONE)
    assert len(calls) == tries


def test_without_a_digest_the_weights_are_named_by_what_the_server_reports():
    transport, calls = answering(httpx.Response(200, json=MODELS))
    expert = OpenAICompatibleExpert(ExpertSpec("tiny", "openai", "tiny-model"), OPTIONS, transport=transport)
    assert expert.spec.digest.startswith("reported:tiny-model:")
    assert calls[0].url.path == "/v1/models"
    assert expert.request(QUESTION, Label.NONE).model_digest == expert.spec.digest


def test_a_reported_digest_changes_with_the_model_but_not_with_the_clock():
    entry = MODELS["data"][0]
    assert reported_digest({**entry, "created": 2}) == reported_digest(entry)
    assert reported_digest({**entry, "meta": {"n_params": 8}}) != reported_digest(entry)


def test_a_model_that_the_server_does_not_list_is_missing():
    transport, _ = answering(httpx.Response(200, json=MODELS))
    with pytest.raises(ModelMissing, match="does not serve other; it serves tiny-model"):
        OpenAICompatibleExpert(ExpertSpec("tiny", "openai", "other"), OPTIONS, transport=transport)


def test_a_remote_host_is_refused_before_any_call():
    transport, calls = answering(httpx.Response(200, json=MODELS))
    with pytest.raises(HostRefused):
        OpenAICompatibleExpert(ExpertSpec("tiny", "openai", "m", host="http://example.org"), OPTIONS, transport=transport)
    assert not calls


def test_health_tells_the_digest_of_a_listed_model():
    transport, _ = answering(httpx.Response(200, json=MODELS))
    health = check_openai(ExpertSpec("tiny", "openai", "tiny-model"), OPTIONS, transport)
    assert (health.ready, health.size_bytes, health.message) == (True, None, "Ready at http://127.0.0.1:8080.")
    assert health.digest.startswith("reported:tiny-model:")


def test_health_of_a_server_that_is_no_chat_server_is_an_error():
    transport, _ = answering(httpx.Response(200, json={"models": []}))
    with pytest.raises(BadReply, match="list of models"):
        check_openai(SPEC, OPTIONS, transport)
