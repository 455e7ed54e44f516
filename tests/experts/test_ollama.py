import json
import math
import socket
import time
from dataclasses import replace

import httpx
import ollama
import pytest
from ollama_exchanges import EXCHANGES, MODEL
from ollama_server import OllamaServer, Spoken, digest_of

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, DerError, ExpertTimeout, HostRefused, HostUnreachable, ModelMissing, ServerFault
from der_core.experts.ollama import OllamaExpert, check_ollama, is_ollama_up
from der_core.experts.opening import check_experts, open_experts
from der_core.records import Label, Question

QUESTION = Question(id="q", text="do penguins fly", passage="Penguins swim and cannot fly.")
OPTIONS = AskOptions(retries=2, backoff_s=0.5, connect_timeout_s=2.0, read_timeout_s=5.0)


@pytest.fixture
def server():
    with OllamaServer(lambda messages: "No.") as running:
        yield running


def spec_for(server: OllamaServer, **changes) -> ExpertSpec:
    return replace(ExpertSpec("tiny", "ollama", "tiny", host=server.url), **changes)


def open_expert(server: OllamaServer, options: AskOptions = OPTIONS, pauses: list[float] | None = None, **changes) -> OllamaExpert:
    return OllamaExpert(spec_for(server, **changes), options, sleep=(pauses if pauses is not None else []).append)


def dead_host() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_digest_comes_from_the_list_of_models(server):
    assert open_expert(server).spec.digest == f"sha256:{digest_of('tiny:latest')}"


def test_a_tag_is_matched_whole():
    with OllamaServer(lambda messages: "no", models=["tiny:1b", "hub/org/tiny:latest"]) as server:
        assert open_expert(server, model="tiny:1b").spec.digest == f"sha256:{digest_of('tiny:1b')}"
        assert open_expert(server, model="hub/org/tiny").spec.digest == f"sha256:{digest_of('hub/org/tiny:latest')}"
        with pytest.raises(ModelMissing):
            open_expert(server, model="tiny")


def test_the_reply_keeps_times_and_counts_apart(server):
    reply = open_expert(server).ask(QUESTION, Label.NONE)
    assert (reply.text, reply.label, reply.p_yes) == ("No.", Label.NO, 0.0)
    assert (reply.load_s, reply.prompt_s, reply.generation_s) == (0.005, 0.03, 0.02)
    assert reply.cached_tokens == reply.prompt_tokens // 2 > 0
    assert reply.generated_tokens == 1 and reply.wall_s > 0


def test_the_call_is_the_one_that_the_request_says(server):
    expert = open_expert(server)
    request = expert.request(QUESTION, Label.INVALID)
    assert server.count("/api/chat") == 0
    expert.ask(QUESTION, Label.INVALID)
    (chat,) = server.chats
    assert tuple((message["role"], message["content"]) for message in chat["messages"]) == request.messages
    assert chat["options"] == request.options == {"temperature": 0, "seed": 7, "num_predict": 8, "num_ctx": 2048}
    assert (chat["stream"], chat["logprobs"], chat["top_logprobs"], chat["think"]) == (False, True, 20, False)
    assert (chat["truncate"], chat["shift"]) == (False, False) and "format" not in chat


def test_a_reasoning_expert_may_write_longer(server):
    assert open_expert(server, style="reason").request(QUESTION, Label.NONE).options["num_predict"] == OPTIONS.max_tokens_reason


def test_an_expert_of_style_program_writes_longer_and_its_program_is_run(server):
    server.answer = lambda messages: "```python\nprint('no' if 3 > 2 else 'yes')\n```"
    expert = open_expert(server, style="program")
    reply = expert.ask(QUESTION, Label.YES)
    assert expert.request(QUESTION, Label.NONE).options["num_predict"] == OPTIONS.max_tokens_program
    assert (reply.label, reply.printed, reply.p_yes) == (Label.NO, "no\n", None)


def test_what_a_server_does_not_tell_is_unknown_not_zero(server):
    server.answer = lambda messages: Spoken("Yes")
    reply = open_expert(server).ask(QUESTION, Label.NONE)
    assert (reply.label, reply.p_yes) == (Label.YES, None)
    assert all(math.isnan(time) for time in (reply.load_s, reply.prompt_s, reply.generation_s))
    assert (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens) == (None, None, None)


def test_cached_tokens_are_those_of_the_last_call(server):
    expert = open_expert(server)
    server.answer = lambda messages: Spoken("Yes", figures={"prompt_eval_count": 40, "prompt_eval_cached_count": 30})
    assert expert.ask(QUESTION, Label.NONE).cached_tokens == 30
    server.answer = lambda messages: Spoken("Yes", figures={"prompt_eval_count": 40})
    assert expert.ask(QUESTION, Label.NONE).cached_tokens is None


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("error", ServerFault, "failed with HTTP 500 on tiny: llama runner process has terminated; see its log"),
        ("missing", ModelMissing, "does not have tiny; fetch it with `ollama pull tiny`"),
        ("broken_json", BadReply, "is not JSON"),
        ("not_ollama", BadReply, "is not Ollama's"),
        ("redirect", BadReply, "redirects are not followed"),
        ("dropped", HostUnreachable, "broke before a reply was complete"),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/tags"])
def test_every_failure_is_an_error_with_its_cause(server, fault, error, message, path):
    server.fail(fault, path=path)
    with pytest.raises(error, match=message) as caught:
        open_expert(server).ask(QUESTION, Label.NONE)
    assert "\n" not in str(caught.value)
    assert server.count("/elsewhere") == 0


def test_a_hung_server_runs_into_the_read_timeout(server):
    server.fail("hung")
    with pytest.raises(ExpertTimeout, match="raise the read timeout"):
        open_expert(server, replace(OPTIONS, read_timeout_s=0.1)).ask(QUESTION, Label.NONE)
    assert server.count("/api/chat") == 1


def test_a_slow_server_is_waited_for(server):
    server.fail("slow")
    assert open_expert(server).ask(QUESTION, Label.NONE).label is Label.NO


def test_a_dead_host_names_the_command_that_starts_it():
    host, pauses = dead_host(), []
    with pytest.raises(HostUnreachable, match=f"Nothing answers at {host}; start Ollama with `ollama serve`"):
        OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host=host), OPTIONS, sleep=pauses.append)
    assert pauses == [0.5, 1.0]


def test_a_dropped_connection_is_tried_again(server):
    pauses: list[float] = []
    expert = open_expert(server, pauses=pauses)
    server.fail("dropped", times=2)
    assert expert.ask(QUESTION, Label.NONE).label is Label.NO
    assert (server.count("/api/chat"), pauses) == (3, [0.5, 1.0])


@pytest.mark.parametrize(("fault", "tries"), [("dropped", 3), ("error", 1), ("missing", 1), ("broken_json", 1)])
def test_only_connection_faults_are_worth_another_attempt(server, fault, tries):
    expert = open_expert(server)
    server.fail(fault)
    with pytest.raises(DerError):
        expert.ask(QUESTION, Label.NONE)
    assert server.count("/api/chat") == tries


def test_a_remote_host_is_refused_before_any_call():
    with pytest.raises(HostRefused):
        OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host="http://example.org:11434"), OPTIONS)


def test_neither_proxies_nor_the_environment_choose_the_address(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", dead_host())
    monkeypatch.setenv("OLLAMA_HOST", dead_host())
    assert open_expert(server).ask(QUESTION, Label.NONE).label is Label.NO


def test_a_model_listed_without_digest_cannot_be_recorded():
    listing = {"models": [{"model": "tiny:latest", "size": 5}]}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=listing))
    with pytest.raises(BadReply, match="without a digest"):
        OllamaExpert(ExpertSpec("tiny", "ollama", "tiny"), OPTIONS, transport=transport)


def test_health_of_a_ready_expert_tells_digest_and_size(server):
    health = check_ollama(spec_for(server), OPTIONS)
    assert (health.ready, health.size_bytes, health.digest) == (True, 1234, f"sha256:{digest_of('tiny:latest')}")
    assert server.count("/api/chat") == 0


def test_health_never_raises_and_names_the_next_step(server):
    specs = [spec_for(server), spec_for(server, name="b", model="gone:1b"), spec_for(server, name="c", host=dead_host())]
    specs += [spec_for(server, name="d", host="http://example.org"), spec_for(server, name="e", style="shouting")]
    healths = check_experts(specs, OPTIONS)
    assert [health.ready for health in healths] == [True, False, False, False, False]
    steps = ["Ready", "ollama pull gone:1b", "ollama serve", "allow remote hosts", "unknown answering style"]
    assert all(step in health.message for step, health in zip(steps, healths, strict=True))


def test_open_experts_opens_in_order_and_refuses_equal_names(server):
    specs = [spec_for(server), spec_for(server, name="tiny@reason", style="reason")]
    with open_experts(specs, OPTIONS) as experts:
        assert [expert.spec.name for expert in experts] == ["tiny", "tiny@reason"]
        assert [expert.ask(QUESTION, Label.YES).label for expert in experts] == [Label.NO, Label.NO]
    with pytest.raises(DerError, match="Two experts are named tiny"), open_experts([specs[0], specs[0]], OPTIONS):
        pass


def shape(value):
    """The kinds of a JSON value; an error that is JSON inside a text is taken apart, lists are told by their first entry."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items() if key not in ("prompt_eval_cached_count", "logprob")}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return shape(json.loads(value)) if isinstance(value, str) and value.startswith("{") and '"error"' in value else type(value)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_the_test_server_answers_as_a_real_one_was_seen_to(exchange):
    with OllamaServer(lambda messages: "No", models=[MODEL]) as server:
        server.windows[MODEL] = 2048
        answer = httpx.request(exchange.method, f"{server.url}{exchange.path}", json=exchange.body, trust_env=False)
    assert (answer.status_code, shape(answer.json())) == (exchange.status, shape(exchange.reply))


def test_the_test_server_speaks_the_rest_of_the_protocol(server):
    client = ollama.Client(server.url)
    parts = list(client.chat("tiny", [{"role": "user", "content": "Do penguins fly?"}], stream=True))
    assert "".join(part.message.content for part in parts) == "No." and parts[-1].done
    assert [model.model for model in client.ps().models] == ["tiny"]
    assert client.show("tiny").capabilities == ["completion"]
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.show("gone")
    assert json.loads(httpx.get(f"{server.url}/api/version", trust_env=False).text)["version"]


def test_a_running_ollama_is_found(server):
    assert is_ollama_up(server.url, 5.0)


@pytest.mark.parametrize("fault", ["error", "missing", "broken_json", "not_ollama", "dropped", "redirect"])
def test_anything_else_at_the_address_is_no_ollama(server, fault):
    server.fail(fault, path="/api/version")
    assert not is_ollama_up(server.url, 5.0)


def test_an_ollama_that_is_not_there_or_not_here_is_not_up():
    assert not is_ollama_up(dead_host(), 5.0)
    assert not is_ollama_up("http://example.com:11434", 5.0)


def test_an_ollama_that_hangs_is_given_up_soon(server):
    server.fail("hung", path="/api/version")
    start_s = time.perf_counter()
    assert not is_ollama_up(server.url, 0.2)
    assert time.perf_counter() - start_s < 2.0
