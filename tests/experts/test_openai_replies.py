"""What OpenAI-compatible servers answer, as real ones and odd ones were seen to do it."""

import json
import math
from dataclasses import replace
from typing import Any

import httpx
import pytest
from openai_server import completion, places
from raw_server import RawServer, http

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, ServerFault
from der_core.experts.openai_compatible import OpenAICompatibleExpert, list_models
from der_core.records import Label, Question, Reply

QUESTION = Question(id="q", text="do penguins fly", passage="Penguins swim and cannot fly.")
SPEC = ExpertSpec("tiny", "openai", "m", digest="sha256:1")
OPTIONS = AskOptions(patience_s=0.0, retries=0)
DEEP = json.loads("[" * 500 + "]" * 500)


def reply_to(body: dict[str, Any] | str, options: AskOptions = OPTIONS, **changes: Any) -> Reply:
    content = body if isinstance(body, str) else json.dumps(body)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content))
    return OpenAICompatibleExpert(replace(SPEC, **changes), options, transport=transport).ask(QUESTION, Label.NONE)


def counts(reply: Reply) -> tuple[int | None, int | None, int | None]:
    return reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens


USAGE = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"usage": USAGE, "timings": {"prompt_n": 17, "prompt_ms": 17.0, "predicted_n": 1, "predicted_ms": 10.0}}, (40, 23, 8)),
        ({"usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 23}}}, (40, 23, 8)),
        ({"usage": {**USAGE, "prompt_tokens_details": None}}, (40, None, 8)),
        ({"usage": {**USAGE, "prompt_tokens_details": [23]}}, (40, None, 8)),
        ({"usage": USAGE, "timings": {"cache_n": 23, "prompt_n": 17}}, (40, 23, 8)),
        ({"usage": USAGE, "timings": {"prompt_n": 41}}, (40, None, 8)),
        ({"usage": USAGE}, (40, None, 8)),
        ({"usage": {"prompt_tokens": 40.0, "completion_tokens": 8}}, (40, None, 8)),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, (None, None, None)),
        ({"usage": None, "timings": {"cache_n": 23, "prompt_n": 17, "predicted_n": 8}}, (40, 23, 8)),
        ({"timings": {"prompt_n": 17, "predicted_n": 8}}, (None, None, 8)),
        ({}, (None, None, None)),
        ({"usage": {}, "timings": {}}, (None, None, None)),
    ],
)
def test_counts_come_from_usage_first_and_stay_unknown_where_nobody_tells(figures, expected):
    assert counts(reply_to(completion("Yes", **figures))) == expected


@pytest.mark.parametrize(
    ("timings", "prompt_s", "generation_s"),
    [
        ({"prompt_ms": 17.0, "predicted_ms": 10.0}, 0.017, 0.01),
        ({"prompt_ms": 17.0}, 0.017, math.nan),
        ({"predicted_ms": 10.0}, math.nan, 0.01),
    ],
)
def test_times_that_the_server_does_not_tell_are_unknown(timings, prompt_s, generation_s):
    reply = reply_to(completion("Yes", timings=timings))
    assert (reply.prompt_s, reply.generation_s) == pytest.approx((prompt_s, generation_s), nan_ok=True)


@pytest.mark.parametrize("timings", [None, {}, {"prompt_n": 3}])
def test_without_any_time_the_wall_time_counts_as_generation(timings):
    reply = reply_to(completion("Yes", timings=timings))
    assert reply.generation_s == reply.wall_s > 0 and math.isnan(reply.prompt_s) and math.isnan(reply.load_s)


@pytest.mark.parametrize(
    "figures",
    [
        {"usage": {"prompt_tokens": -1}},
        {"usage": {"prompt_tokens": 1 << 40}},
        {"usage": {"prompt_tokens": 40.5}},
        {"usage": {"prompt_tokens": "40"}},
        {"usage": {"prompt_tokens": True}},
        {"usage": {"completion_tokens": -8}},
        {"usage": {"prompt_tokens": 40, "prompt_tokens_details": {"cached_tokens": -3}}},
        {"usage": {"prompt_tokens": 40, "prompt_tokens_details": {"cached_tokens": 50}}},
        {"usage": [40]},
        {"timings": {"prompt_n": 1e300}},
        {"timings": {"prompt_ms": -1.0}},
        {"timings": {"predicted_ms": 1e12}},
        {"timings": {"predicted_ms": "10"}},
        {"logprobs": places(("Yes", {"Yes": 5.0}))},
        {"logprobs": {"content": [{"token": "Yes", "logprob": 0.7}]}},
        {"message": {"content": 5}},
        {"message": {"content": True}},
        {"message": {"content": {"text": "yes"}}},
        {"message": {"content": ["yes"]}},
        {"message": {"content": [{"type": "image_url", "image_url": "x"}]}},
        {"message": {"content": DEEP}},
        {"message": {"content": [{"type": "thinking", "thinking": DEEP}]}},
        {"finish": 3},
    ],
)
def test_what_no_server_can_mean_is_refused_in_one_line(figures):
    with pytest.raises(BadReply) as caught:
        reply_to(completion("Yes", **figures))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    ['{"usage": {"prompt_tokens": 1e400}, "choices": [{"message": {"content": "yes"}}]}', '{"choices": [{"message": null}]}', "{}"],
)
def test_numbers_beyond_all_numbers_and_missing_parts_are_refused(text):
    with pytest.raises(BadReply, match="is not an OpenAI chat completion"):
        reply_to(text)


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": None},
        {"content": []},
        {"content": [{"token": None, "logprob": -0.1}]},
        {"content": [{"token": "Yes", "logprob": None, "top_logprobs": None}]},
        {
            "content": [
                {"token": "Yes", "logprob": -0.1, "top_logprobs": [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": None}]}
            ]
        },
        {"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": [{"token": None, "logprob": -0.1}]}]},
        {"content": "Yes"},
        {"tokens": ["Yes"], "token_logprobs": [-0.1]},
        [1, 2],
        DEEP,
    ],
)
def test_log_probabilities_that_are_missing_or_in_another_form_lose_no_reply(logprobs):
    reply = reply_to(completion("Yes", logprobs=logprobs))
    assert (reply.label, reply.p_yes) == (Label.YES, None)


def test_a_probability_that_rounding_lifted_above_1_is_taken():
    likely = [{"token": "Yes", "logprob": 0.0005}, {"token": "No", "logprob": -9999.0}]
    told = {"content": [{"token": "Yes", "logprob": 0.0005, "top_logprobs": likely}]}
    assert reply_to(completion("Yes", logprobs=told)).p_yes == 1.0


def test_the_deciding_place_is_kept_with_its_alternatives():
    odds = {"No": 0.6, " yes": 0.2}
    reply = reply_to(completion("No.", logprobs=places(("No", odds), (".", {".": 0.9}))))
    assert reply.p_yes == pytest.approx(0.25)
    assert reply.alternatives == tuple((token, math.log(p)) for token, p in odds.items())
    assert reply.token_logprobs == ()


def test_a_reasoned_reply_keeps_the_log_probabilities_of_its_tokens():
    told = places(("They swim.", {"They swim.": 0.5}), ("\nAnswer:", {"\nAnswer:": 0.8}), (" no", {" no": 0.9, " yes": 0.1}))
    reply = reply_to(completion("They swim.\nAnswer: no", logprobs=told), style="reason")
    assert (reply.label, reply.p_yes) == (Label.NO, pytest.approx(0.1))
    assert reply.token_logprobs == pytest.approx([math.log(p) for p in (0.5, 0.8, 0.9)])


def test_a_content_of_text_parts_is_read():
    parts = [{"type": "text", "text": "Yes"}, {"type": "text", "text": ", it can."}]
    reply = reply_to(completion(None, message={"content": parts}))
    assert (reply.text, reply.label) == ("Yes, it can.", Label.YES)


def test_a_thought_among_the_parts_is_no_part_of_the_reply():
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Is it no?"}]}, {"type": "text", "text": "Yes"}]
    assert reply_to(completion(None, message={"content": parts})).label == Label.YES


def test_half_a_character_at_the_end_of_a_reply_costs_only_itself():
    reply = reply_to('{"choices": [{"message": {"content": "Yes \\ud83d"}}]}')
    assert (reply.text, reply.label) == ("Yes \N{REPLACEMENT CHARACTER}", Label.YES)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("content", [None, ""])
def test_a_thought_that_ate_all_tokens_is_told_apart_from_a_wrong_answer(name, content):
    body = completion(content, finish="length", message={name: "Okay, the user asks whether"}, usage=USAGE)
    reply = reply_to(body)
    assert (reply.text, reply.label, reply.p_yes) == ("", Label.INVALID, None)
    assert "thinking" in reply.reason


def test_an_empty_reply_that_ended_by_itself_has_another_reason():
    assert reply_to(completion("")).reason == "the reply is empty"


@pytest.mark.parametrize(("prompt_tokens", "window"), [(2050, {}), (2048, {}), (5000, {"context_tokens": 4096})])
def test_a_prompt_beyond_the_window_is_a_fault_that_names_the_option(prompt_tokens, window):
    with pytest.raises(ServerFault, match=rf"prompt of {prompt_tokens:,} tokens does not fit .* raise --context-tokens"):
        reply_to(completion("no", usage={"prompt_tokens": prompt_tokens}), **window)


def test_an_experts_own_window_counts():
    assert reply_to(completion("no", usage={"prompt_tokens": 3000}), context_tokens=4096).label == Label.NO


def test_a_real_exchange_is_read_as_it_was_meant():
    """Ollama's second protocol, 2026: places come with their bytes, one likely token is empty, the end of the turn is not listed."""
    first = [("Yes", -0.7521), ("No", -0.8775), ("no", -2.9101), ("yes", -3.3509), ("3", -5.2942)]
    second = [(".", -0.5786), ("", -1.067), (",", -2.3976)]

    def place(likely):
        told = [{"token": token, "logprob": logprob, "bytes": list(token.encode())} for token, logprob in likely]
        return {**told[0], "top_logprobs": told}

    body = completion("Yes.", logprobs={"content": [place(first), place(second)]}, usage={"prompt_tokens": 37, "completion_tokens": 3})
    reply = reply_to({**body, "system_fingerprint": "fp_ollama", "created": 1795597288})
    yes, no = (sum(math.exp(logprob) for token, logprob in first if token.lower() == word) for word in ("yes", "no"))
    assert (reply.label, reply.p_yes) == (Label.YES, pytest.approx(yes / (yes + no)))
    assert counts(reply) == (37, None, 3)


def models_of(body: object):
    with RawServer(http(200, json.dumps(body).encode())) as server:
        return list_models(server.url, OPTIONS)


def test_models_are_listed_with_what_each_server_tells_of_them():
    llama = {
        "id": "/models/tiny.gguf",
        "owned_by": "llamacpp",
        "meta": {"n_ctx": 2048, "n_ctx_train": 8192, "n_params": 134515008, "size": 144000000, "ftype": "Q4_1"},
    }
    vllm = {"id": "org/model", "owned_by": "vllm", "max_model_len": 4096, "root": "org/model"}
    studio = {"id": "chatty", "type": "llm", "quantization": "Q4_K_M", "max_context_length": 32768, "loaded_context_length": 4096}
    first, second, third, fourth = models_of({"object": "list", "data": [llama, vllm, studio, {"id": 7}]})
    assert (first.id, first.context_tokens, first.size_bytes) == ("/models/tiny.gguf", 2048, 144000000)
    assert first.quantisation == "Q4_1"
    assert first.params_billions == pytest.approx(0.1345, abs=1e-4)
    assert (second.context_tokens, second.size_bytes, second.params_billions, second.kind) == (4096, None, None, "chat")
    assert (third.context_tokens, third.quantisation) == (4096, "Q4_K_M")
    assert (fourth.id, fourth.context_tokens) == ("7", None)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"id": "text-embedding-nomic-embed-text-v1.5"}, "embedding"),
        ({"id": "BAAI/bge-small-en"}, "embedding"),
        ({"id": "plain", "type": "embeddings"}, "embedding"),
        ({"id": "embedder-of-words", "type": "llm"}, "chat"),
        ({"id": "qwen2.5-7b-e5m7"}, "chat"),
        ({"id": "gemma3"}, "chat"),
    ],
)
def test_embedding_models_are_marked(entry, kind):
    (model,) = models_of({"data": [entry]})
    assert model.kind == kind and bool(model.note) == (kind == "embedding")


def test_entries_without_a_usable_name_are_left_out():
    odd = [{"id": "x" * 1_000_000}, {"id": None}, {"id": True}, {"id": ["m"]}, {"id": "a\x1b[2Jb"}, "m", None, {"name": "m"}]
    assert [model.id for model in models_of({"data": [*odd, {"id": "m", "meta": "none", "max_model_len": "long"}]})] == ["m"]
    with pytest.raises(BadReply, match="no entry has a name"):
        models_of({"data": odd})


def test_an_empty_list_is_a_list():
    assert models_of({"data": []}) == []
    with pytest.raises(BadReply, match="no list called data"):
        models_of({"models": ["m"]})
