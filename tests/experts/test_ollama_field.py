"""What people meet with Ollama and servers that speak its protocol: cut prompts, unknown counts, odd replies, refused fields."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ollama_server import OllamaServer, Spoken, digest_of, token

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import BadReply, ModelMissing, ServerBusy, ServerFault
from der_core.experts.ollama import OllamaExpert
from der_core.records import Label, Question

OPTIONS = AskOptions(retries=1, backoff_s=0.5, connect_timeout_s=2.0, read_timeout_s=5.0)
SHORT = Question(id="q", text="do penguins fly", passage="Penguins swim and cannot fly.")
SENTENCE = "The lock keeper notes the level, the wind and each boat that passes in the green book. "


@pytest.fixture
def server():
    with OllamaServer(lambda messages: "No.") as running:
        yield running


def open_expert(server: OllamaServer, options: AskOptions = OPTIONS, pauses: list[float] | None = None, **changes) -> OllamaExpert:
    spec = replace(ExpertSpec("tiny", "ollama", "tiny", host=server.url), **changes)
    return OllamaExpert(spec, options, sleep=(pauses if pauses is not None else []).append)


def long_question(words: int) -> Question:
    sentences = -(-words // len(SENTENCE.split()))
    return Question(id="long", text="is the book green", passage=" ".join((SENTENCE * sentences).split()[:words]))


class TestCutPrompts:
    def test_the_server_is_asked_not_to_cut_and_its_refusal_is_told_in_plain_words(self, server):
        with pytest.raises(ServerFault) as caught:
            open_expert(server).ask(long_question(2677), Label.NONE)
        words = server.chats == [] and str(caught.value)
        assert words == (
            "The prompt (2699 tokens) does not fit the window (2048 tokens); raise context_tokens (--context-tokens) or shorten the passage."
        )

    @pytest.mark.parametrize(
        "said",
        [
            "the prompt is longer than the context length currently available to the model; shorten the prompt",
            "the input length exceeds the context length",
        ],
    )
    def test_a_refusal_without_numbers_is_told_with_those_that_are_known(self, server, said):
        server.refusal = lambda body: (400, said)
        with pytest.raises(ServerFault, match=r"about 2889 tokens\) does not fit the window \(2048 tokens\); raise context_tokens"):
            open_expert(server).ask(long_question(2800), Label.NONE)

    @pytest.mark.parametrize(("window", "read"), [(2048, 1026), (4096, 2050), (512, 258)])
    def test_a_server_that_cuts_all_the_same_is_found_out(self, server, window, read):
        server.ignores.add("truncate")
        expert = open_expert(server, context_tokens=window)
        with pytest.raises(ServerFault, match=rf"window \({window} tokens\) and was cut: {read} tokens were read; raise context_tokens"):
            expert.ask(long_question(int(1.4 * window)), Label.NONE)

    @pytest.mark.parametrize(("silent", "words"), [((), 600), (("/api/ps",), 600), (("/api/ps", "/api/show"), 4000)])
    def test_a_model_trained_for_less_than_was_asked_for_is_found_out(self, server, silent, words):
        server.ignores.add("truncate")
        server.trained_window = 512
        for path in silent:
            server.fail("missing", path=path)
        with pytest.raises(ServerFault, match="was cut: 258 tokens were read") as caught:
            open_expert(server).ask(long_question(words), Label.NONE)
        assert ("holds no more than 512" in str(caught.value)) == ("/api/show" not in silent)

    def test_a_prompt_that_fills_the_window_was_cut_by_an_older_server(self, server):
        server.ignores.add("truncate")
        server.answer = lambda messages: Spoken("Yes", figures={"prompt_eval_count": 2048})
        with pytest.raises(ServerFault, match="was cut: 2048 tokens were read"):
            open_expert(server).ask(long_question(2800), Label.NONE)

    def test_a_prompt_that_fits_is_answered(self, server):
        server.ignores.add("truncate")
        assert open_expert(server).ask(long_question(1900), Label.NONE).label is Label.NO

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(words=st.integers(10, 1990), cached=st.one_of(st.none(), st.floats(0.6, 1.0)))
    def test_counts_without_what_was_cached_raise_no_alarm(self, server, words, cached):
        told = {} if cached is None else {"prompt_eval_count": int((1 - cached) * words)}
        server.answer = lambda messages: Spoken("Yes", figures=told)
        reply = open_expert(server).ask(long_question(words), Label.NO)
        assert (reply.label, reply.prompt_tokens) == (Label.YES, told.get("prompt_eval_count") or None)

    def test_the_rate_is_the_experts_own(self, server):
        """Two tokens a word: 1,500 words do not fit, which the usual rate alone would not tell."""
        server.answer = lambda messages: Spoken("No", figures={"prompt_eval_count": 2 * sum(len(m["content"].split()) for m in messages)})
        expert = open_expert(server)
        for words in range(300, 400, 10):
            expert.ask(long_question(words), Label.NONE)
        server.answer = lambda messages: Spoken("No", figures={"prompt_eval_count": 1026})
        with pytest.raises(ServerFault, match="was cut"):
            expert.ask(long_question(1200), Label.NONE)

    def test_keys_of_recorded_requests_stay(self, server):
        keys = {style: open_expert(server, style=style).request(SHORT, Label.INVALID).key for style in ("direct", "examples")}
        assert keys == {"direct": "b2:4ce8f6b7730c8983791767618b30db1c", "examples": "b2:84c6e06b0115b4f71930324f5b17b9d6"}


class TestHeldToYesOrNo:
    def test_the_server_holds_the_reply_and_p_yes_is_taken_where_it_decides(self, server):
        server.answer = lambda messages: "Well, no"
        reply = open_expert(server, held=True).ask(SHORT, Label.NONE)
        assert server.chats[0]["format"] == {"type": "string", "enum": ["yes", "no"]} and "format" not in server.chats[0]["options"]
        assert (reply.text, reply.label) == ('"no"', Label.NO)
        assert reply.p_yes == pytest.approx(0.25)

    def test_it_is_part_of_the_key(self, server):
        free, held = (open_expert(server, held=held).request(SHORT, Label.NONE).key for held in (False, True))
        assert free != held

    def test_a_server_that_cannot_says_so(self, server):
        server.refuses.add("format")
        with pytest.raises(ServerFault, match=r"cannot hold tiny to yes or no \(invalid format.*; ask it without \+held"):
            open_expert(server, held=True).ask(SHORT, Label.NONE)


class TestThoughts:
    def test_a_thought_that_took_all_tokens_is_told(self, server):
        server.answer = lambda messages: Spoken("", thinking="They want to know", done_reason="length")
        reply = open_expert(server).ask(SHORT, Label.NONE)
        assert (reply.label, reply.reason) == (Label.INVALID, "the reply is empty: cut while still thinking")

    def test_a_thought_beside_the_content_is_not_the_reply(self, server):
        thought, word = token("no", 0.9, [token("no", 0.9)]), token("Yes", 0.8, [token("Yes", 0.8), token("No", 0.2)])
        server.answer = lambda messages: Spoken("Yes", [thought, word], thinking="no")
        reply = open_expert(server).ask(SHORT, Label.NONE)
        assert (reply.text, reply.label, reply.p_yes) == ("Yes", Label.YES, pytest.approx(0.8))

    def test_content_that_is_null_is_an_empty_reply(self, server):
        server.answer = lambda messages: Spoken(None, done_reason="length")
        assert open_expert(server).ask(SHORT, Label.NONE).label is Label.INVALID


class TestLogProbabilities:
    @pytest.mark.parametrize(("most", "given"), [(12, 10), (5, 5), (4, None), (0, None)])
    def test_fewer_are_asked_for_where_20_are_refused(self, server, most, given):
        server.most_logprobs = most
        expert = open_expert(server)
        reply = expert.ask(SHORT, Label.NONE)
        assert reply.label is Label.NO and (reply.p_yes is None) == (given is None)
        expert.ask(SHORT, Label.YES)
        assert [chat.get("top_logprobs") for chat in server.chats] == [given, given]
        assert [str(given) in note or "unknown" in note for note in expert.notes] == [True]

    @pytest.mark.parametrize(
        "logprobs",
        [
            None,
            [{"token": "Yes", "logprob": None, "top_logprobs": None}],
            [{"token": "Yes"}],
            [{"token": "Yes", "logprob": -0.1, "top_logprobs": [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": None}]}],
            [{"token": None, "logprob": -0.1}],
            {"content": [{"token": "Yes", "logprob": -0.1}]},
            "none",
            [7],
        ],
    )
    def test_odd_ones_leave_p_yes_unknown_and_lose_no_reply(self, server, logprobs):
        server.answer = lambda messages: Spoken("Yes", logprobs)
        reply = open_expert(server).ask(SHORT, Label.NONE)
        assert (reply.label, reply.p_yes, reply.alternatives) == (Label.YES, None, ())

    def test_byte_level_marks_are_undone(self, server):
        server.answer = lambda messages: Spoken(" yes", [token("Ġyes", 0.6, [token("Ġyes", 0.6), token("Ġno", 0.2)])])
        assert open_expert(server).ask(SHORT, Label.NONE).p_yes == pytest.approx(0.75)

    def test_a_style_that_writes_more_keeps_those_of_its_tokens(self, server):
        tokens = [token("Reason: they swim.\n", 0.5), token("Answer: ", 0.5), token("no", 0.25, [token("no", 0.25)])]
        server.answer = lambda messages: Spoken("Reason: they swim.\nAnswer: no", tokens)
        reply = open_expert(server, style="reason").ask(SHORT, Label.NONE)
        assert reply.token_logprobs == pytest.approx([math.log(0.5), math.log(0.5), math.log(0.25)])


class TestSettingsOfOneExpert:
    def test_its_window_and_token_limit_are_its_own(self, server):
        expert = open_expert(server, context_tokens=8192, max_tokens=2000)
        expert.ask(SHORT, Label.NONE)
        assert (server.chats[0]["options"]["num_ctx"], server.chats[0]["options"]["num_predict"]) == (8192, 2000)

    @pytest.mark.parametrize(
        ("style", "capabilities", "template", "stops"),
        [
            ("reason", ["completion"], "{{ .Prompt }}", True),
            ("reason", ["completion", "thinking"], "{{ .Prompt }}", False),
            ("reason", ["completion"], "<think>{{ .Prompt }}", False),
            ("reason", None, "{{ .Prompt }}", False),
            ("direct", ["completion"], "{{ .Prompt }}", False),
            ("examples", ["completion"], "{{ .Prompt }}", False),
        ],
    )
    def test_reasons_of_models_that_do_not_think_are_stopped_at_a_question_of_their_own(self, server, style, capabilities, template, stops):
        server.capabilities, server.template = capabilities, template
        expert = open_expert(server, style=style)
        expert.ask(SHORT, Label.NONE)
        assert server.chats[0]["options"].get("stop") == (["\nQuestion:", "\nPassage:"] if stops else None)
        assert ("stop" in expert.request(SHORT, Label.NONE).options) == stops

    def test_an_older_server_that_tells_nothing_of_a_model_stops_nothing(self, server):
        server.fail("missing", path="/api/show")
        assert "stop" not in open_expert(server, style="reason").request(SHORT, Label.NONE).options


class TestDigests:
    def test_the_digest_of_the_moment_is_read_again(self, server):
        expert = open_expert(server)
        assert expert.current_digest() == expert.spec.digest == f"sha256:{digest_of('tiny:latest')}"
        server.digests["tiny:latest"] = "cd" * 32
        assert expert.current_digest() == f"sha256:{'cd' * 32}" != expert.spec.digest
        server.models.clear()
        assert expert.current_digest() is None

    def test_names_are_compared_as_ollama_compares_them(self):
        with OllamaServer(lambda messages: "no", models=["Tiny:1B", "hub/tiny:latest"]) as server:
            for name in ("tiny:1b", "library/tiny:1b", "registry.ollama.ai/library/TINY:1b"):
                assert open_expert(server, model=name).spec.digest == f"sha256:{digest_of('Tiny:1B')}"
            with pytest.raises(ModelMissing):
                open_expert(server, model="tiny")


class TestPatience:
    def test_a_server_that_is_busy_is_waited_for(self, server):
        pauses: list[float] = []
        server.fail("busy", times=3)
        assert open_expert(server, pauses=pauses).ask(SHORT, Label.NONE).label is Label.NO
        assert pauses == [0.5, 1.0, 2.0]

    def test_not_for_ever(self, server):
        server.fail("busy")
        with pytest.raises(ServerBusy, match="maximum pending requests"):
            open_expert(server, replace(OPTIONS, patience_s=3.0)).ask(SHORT, Label.NONE)

    def test_the_time_of_loading_a_model_is_kept_apart(self, server):
        server.answer = lambda messages: Spoken("Yes", figures={"load_duration": 4_200_000_000})
        assert open_expert(server).ask(SHORT, Label.NONE).load_s == pytest.approx(4.2)


class TestConcessions:
    @pytest.mark.parametrize(
        ("field", "left_out", "note"),
        [
            ("think", {"think"}, "told not to think"),
            ("truncate", {"truncate", "shift"}, "told not to cut"),
        ],
    )
    def test_a_field_that_is_refused_is_left_out_from_then_on_and_noted(self, server, field, left_out, note):
        server.refuses.add(field)
        expert = open_expert(server)
        assert expert.notes == ()
        assert expert.ask(SHORT, Label.NONE).label is Label.NO
        assert expert.ask(SHORT, Label.YES).label is Label.NO
        asked = {"model", "messages", "stream", "options", "think", "truncate", "shift", "logprobs", "top_logprobs"}
        assert [set(chat) for chat in server.chats] == [asked - left_out] * 2
        (said,) = expert.notes
        assert note in said

    def test_a_system_message_that_is_refused_goes_to_the_head_of_the_user_message(self, server):
        server.refuses.add("system")
        expert = open_expert(server)
        assert expert.ask(SHORT, Label.NONE).label is Label.NO
        (task, asked) = (text for _, text in expert.request(SHORT, Label.NONE).messages)
        assert server.chats[0]["messages"] == [{"role": "user", "content": f"{task}\n\n{asked}"}]
        assert expert.notes == ("The server takes no system message; its text stands at the head of the user message.",)

    def test_several_at_once(self, server):
        server.refuses |= {"think", "truncate", "system"}
        server.most_logprobs = 5
        expert = open_expert(server)
        assert expert.ask(SHORT, Label.NONE).label is Label.NO and len(expert.notes) == 4

    def test_another_refusal_is_told_at_once(self, server):
        server.refusal = lambda body: (400, "model requires more system memory (5.6 GiB) than is available (3.2 GiB)")
        with pytest.raises(ServerFault, match="HTTP 400 on tiny: model requires more system memory"):
            open_expert(server).ask(SHORT, Label.NONE)
        assert server.count("/api/chat") == 1


class TestWhatNoServerCanMean:
    @pytest.mark.parametrize(
        "figures",
        [
            {"message": {"role": "assistant", "content": ["yes"]}},
            {"message": {"role": "assistant", "content": {"text": "yes"}}},
            {"message": "yes"},
            {"message": None},
            {"done": False},
            {"prompt_eval_count": "many"},
            {"prompt_eval_count": 12.5},
            {"prompt_eval_count": True},
            {"eval_duration": "fast"},
            {"prompt_eval_count": 1 << 40},
            {"prompt_eval_count": -1},
            {"prompt_eval_count": 1e999},
            {"prompt_eval_cached_count": 1 << 40},
            {"prompt_eval_count": 30, "prompt_eval_cached_count": 31},
            {"eval_count": 1 << 40},
            {"eval_count": -8},
            {"eval_count": [8]},
            {"load_duration": -1},
            {"load_duration": True},
            {"prompt_eval_duration": 1e999},
            {"eval_duration": -1e999},
            {"eval_duration": 1 << 60},
            {"logprobs": [{"token": "yes", "logprob": 1.6}]},
            {"logprobs": [{"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "yes", "logprob": 5.0}]}]},
            {"logprobs": [{"token": "yes", "logprob": -1e999}]},
        ],
    )
    def test_it_is_refused_in_one_line(self, server, figures):
        server.answer = lambda messages: Spoken("yes", figures=figures)
        with pytest.raises(BadReply) as caught:
            open_expert(server).ask(SHORT, Label.NONE)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300

    def test_the_same_request_may_be_asked_again(self, server):
        figures = iter([{"eval_count": 1 << 40}, {}])
        server.answer = lambda messages: Spoken("yes", figures=next(figures))
        expert = open_expert(server)
        with pytest.raises(BadReply, match="eval_count"):
            expert.ask(SHORT, Label.NONE)
        assert expert.ask(SHORT, Label.NONE).label is Label.YES

    @pytest.mark.parametrize("odd", [{"size": -1}, {"size": True}, {"context_length": 1 << 40}, {"details": {"families": "llama"}}])
    def test_figures_of_a_list_that_cannot_be_are_refused(self, server, odd):
        server.described["tiny:latest"] = odd
        with pytest.raises(BadReply, match=r"models\.0\."):
            open_expert(server)

    def test_letters_cut_in_half_are_replaced(self, server):
        server.answer = lambda messages: Spoken("yes \ud83d", figures={"logprobs": None})
        assert open_expert(server).ask(SHORT, Label.NONE).text == "yes \ufffd"

    def test_a_listing_of_another_kind_is_refused(self, server):
        server.digests["tiny:latest"] = 7
        with pytest.raises(BadReply, match="models.0.digest"):
            open_expert(server)


def test_the_recorded_body_is_json_all_the_way(server):
    expert = open_expert(server, style="reason", held=True)
    assert json.loads(json.dumps(dict(expert.request(SHORT, Label.NONE).options))) == expert.request(SHORT, Label.NONE).options
