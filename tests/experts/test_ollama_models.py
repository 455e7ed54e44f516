"""What an Ollama tells of its models, in answers of the form in which real ones give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, HostRefused, HostUnreachable
from der_core.experts.ollama import OllamaExpert, check_ollama
from der_core.experts.ollama_models import check_not_cloud, is_cloud, list_ollama_models, params_in_billions

HOST = "http://127.0.0.1:11434"
OPTIONS = AskOptions(retries=0, patience_s=0)
CHAT: dict[str, Any] = {
    "name": "tiny:1b",
    "model": "tiny:1b",
    "size": 986_048_512,
    "digest": "ab" * 32,
    "details": {
        "parent_model": "",
        "family": "qwen2",
        "families": ["qwen2"],
        "parameter_size": "1.5B",
        "quantization_level": "Q4_K_M",
        "context_length": 32768,
    },
    "capabilities": ["completion", "tools"],
}
OLD = {
    "name": "old:latest",
    "model": "old:latest",
    "size": 10,
    "digest": "cd" * 32,
    "details": {"parameter_size": "134.52M", "families": None},
}


def listed(entries: list[object], shown: Callable[[str], httpx.Response] | None = None, asked: list[str] | None = None):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/tags":
            return httpx.Response(200, json={"models": entries})
        assert request.url.path == "/api/show"
        model = json.loads(request.content)["model"]
        if asked is not None:
            asked.append(model)
        return shown(model) if shown else httpx.Response(404, json={"error": f"model '{model}' not found"})

    return list_ollama_models(HOST, OPTIONS, httpx.MockTransport(answer))


def test_a_list_that_tells_all_is_enough():
    asked: list[str] = []
    (model,) = listed([CHAT], asked=asked)
    assert (model.id, model.size_bytes, model.quantisation, model.context_tokens) == ("tiny:1b", 986_048_512, "Q4_K_M", 32768)
    assert (model.params_billions, model.kind, model.note, model.digest) == (1.5, "chat", "", "sha256:" + "ab" * 32)
    assert asked == []


def test_what_an_older_server_leaves_out_of_the_list_is_asked_of_the_model():
    told = {
        "details": {"quantization_level": "Q4_1"},
        "model_info": {"general.architecture": "llama", "general.parameter_count": 134_515_008, "llama.context_length": 8192},
        "capabilities": ["completion"],
    }
    (model,) = listed([OLD], lambda name: httpx.Response(200, json=told))
    assert (model.context_tokens, model.quantisation, model.params_billions) == (8192, "Q4_1", pytest.approx(0.134515008))


def test_what_nobody_tells_is_unknown():
    (model,) = listed([OLD])
    assert (model.context_tokens, model.quantisation, model.kind) == (None, "", "chat")
    assert model.params_billions == pytest.approx(0.13452)
    (bare,) = listed([{"model": "bare:latest"}])
    assert (bare.size_bytes, bare.params_billions, bare.digest) == (None, None, "")


@pytest.mark.parametrize(
    ("entry", "kind", "note"),
    [
        ({"capabilities": ["embedding"]}, "embedding", "it is for embedding"),
        ({"capabilities": ["image"]}, "embedding", "it is for image"),
        ({"capabilities": None, "details": {"family": "nomic-bert", "families": ["nomic-bert"]}}, "embedding", "for embedding"),
        ({"model": "gpt-oss:120b-cloud", "size": 384}, "cloud", "answers on other computers (ollama.com)"),
        ({"model": "glm-4.6:cloud"}, "cloud", "questions would leave it"),
        ({"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}, "cloud", "(https://ollama.com:443)"),
        ({"model": "cloudy:1b"}, "chat", ""),
    ],
)
def test_models_that_answer_nothing_and_models_of_other_computers_are_marked(entry, kind, note):
    (model,) = listed([{**CHAT, **entry}])
    assert model.kind == kind and note in model.note


def test_an_old_server_names_an_embedding_model_or_a_remote_one_when_it_is_asked():
    shown = {"all-minilm": {"capabilities": ["embedding"]}, "mine": {"capabilities": ["completion"], "remote_host": "https://elsewhere"}}
    models = listed([{"model": name} for name in shown], lambda name: httpx.Response(200, json=shown[name]))
    assert [model.kind for model in models] == ["embedding", "cloud"]


def test_a_name_that_ollama_could_not_have_given_is_left_out():
    assert [model.id for model in listed([{"model": "x" * 1_000_000}, {"model": "![](http://a/b)"}, {}, CHAT])] == ["tiny:1b"]


@pytest.mark.parametrize(
    "entry",
    [{"size": -1}, {"size": "big"}, {"size": 2**60}, {"details": []}, {"details": {"context_length": -5}}, {"capabilities": "chat"}],
)
def test_what_no_server_can_mean_is_refused_in_one_line(entry):
    with pytest.raises(BadReply, match="is not Ollama's") as caught:
        listed([{**CHAT, **entry}])
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_told():
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(HostUnreachable, match="Nothing answers at"):
        list_ollama_models(HOST, OPTIONS, httpx.MockTransport(gone))
    with pytest.raises(HostRefused, match="not on this computer"):
        list_ollama_models("http://gpu-box", OPTIONS)


@pytest.mark.parametrize(
    ("written", "billions"),
    [("1.8B", 1.8), ("630.17M", 0.63017), ("134.52M", 0.13452), ("22K", 2.2e-5), ("1T", 1000.0), (" 7b ", 7.0)]
    + [(odd, None) for odd in ("", None, "8x7B", "large", "-1B", "7", "1e9B", "0B", "nanB")],
)
def test_sizes_are_read_as_ollama_writes_them(written, billions):
    assert params_in_billions(written) == (None if billions is None else pytest.approx(billions))


def test_a_cloud_model_needs_permission():
    assert is_cloud("Gpt-OSS:120B-Cloud") and is_cloud("mine", remote_model="gpt-oss:120b") and not is_cloud("cloud:1b")
    with pytest.raises(HostRefused, match=r"gpt-oss:120b-cloud answers on other computers \(ollama.com\)"):
        check_not_cloud("gpt-oss:120b-cloud", allow_remote=False)
    check_not_cloud("gpt-oss:120b-cloud", allow_remote=True)
    check_not_cloud("tiny:1b", allow_remote=False)


def open_at(entry: dict[str, Any], options: AskOptions = OPTIONS, **changes: object) -> OllamaExpert:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"models": [entry]}))
    spec = ExpertSpec("tiny", "ollama", entry["model"], host=HOST)
    return OllamaExpert(replace(spec, **changes), options, transport=transport)


def test_an_expert_learns_its_size_from_the_server_unless_it_was_told():
    assert open_at(CHAT).spec.params_billions == 1.5
    assert open_at(CHAT, params_billions=0.0).spec.params_billions == 0.0
    assert open_at({**CHAT, "details": None}).spec.params_billions is None


@pytest.mark.parametrize("entry", [{**CHAT, "model": "big:120b-cloud"}, {**CHAT, "remote_host": "https://ollama.com:443"}])
def test_an_expert_on_other_computers_is_not_opened_though_its_server_is_here(entry):
    with pytest.raises(HostRefused, match="answers on other computers"):
        open_at(entry)
    assert open_at(entry, replace(OPTIONS, allow_remote=True)).spec.digest
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"models": [entry]}))
    with pytest.raises(HostRefused, match="answers on other computers"):
        check_ollama(ExpertSpec("tiny", "ollama", entry["model"], host=HOST), OPTIONS, transport)
