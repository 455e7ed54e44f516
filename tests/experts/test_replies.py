"""The reader of replies on what models and servers are seen to send."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_core.experts.parsing import Reading, TokenChoice, p_yes_from_top_logprobs, read_label, read_reply, stop_sequences, was_cut
from der_core.experts.prompts import build_messages
from der_core.records import Label, Question

YES_OR_NO = {"yes": Label.YES, "no": Label.NO}

THOUGHTS = {
    "think": "<think>\n{}\n</think>\n\n",
    "thinking": "<thinking>{}</thinking>\n",
    "capitals and spaces": "< THINK >{}< / Think >",
    "thought": "<thought>{}</thought>",
    "reasoning": "<reasoning>\n{}\n</reasoning>\n",
    "seed": "<seed:think>{}</seed:think>",
    "escaped": "&lt;think&gt;{}&lt;/think&gt;",
    "mistral": "[THINK]{}[/THINK]",
    "kimi": "◁think▷{}◁/think▷",
    "cohere": "<|START_THINKING|>{}<|END_THINKING|><|START_RESPONSE|>",
    "apertus": "<|inner_prefix|>{}<|inner_suffix|>",
    "openthinker": "<|begin_of_thought|>{}<|end_of_thought|>\n\n<|begin_of_solution|>",
    "medgemma": "<unused94>thought\n{}<unused95>",
    "gemma": "<|channel>thought\n{}<channel|>",
    "granite": "Here is my thought process: {} Here is my response: ",
    "harmony": "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "harmony without marks": "analysisWe ask: {}assistantfinal",
    "opened by the template": "{}\n</think>\n\n",
    "opened twice": "<think>\n<think>{}</think>\n",
    "nested": "<think>One: <think>{}</think> yes, no.</think>",
    "two thoughts": "<think>{}</think>no, wait<think>No.</think>",
}


def choices(*tokens: str | tuple[str, dict[str, float]]) -> list[TokenChoice]:
    """Tokens, some with the probabilities of what could have stood there."""
    return [
        TokenChoice(token, (), -0.5)
        if isinstance(token, str)
        else TokenChoice(token[0], tuple((word, math.log(p)) for word, p in token[1].items()), -0.25)
        for token in tokens
    ]


@pytest.mark.parametrize(
    ("style", "text", "label"),
    [
        ("direct", "<think>\nNo date is given in the passage.\n</think>\n\nYes", Label.YES),
        ("direct", "<think>\nWell, there is no", Label.INVALID),
        ("direct", "<|channel|>analysis<|message|>No law forbids it.<|end|><|start|>assistant<|channel|>final<|message|>Yes", Label.YES),
        ("reason", "<think>\nAt first I held that the answer is no.\n</think>\n\nReason: seals have lungs.\nYes", Label.YES),
        ("reason", "Reason: seals have lungs.\nAnswer: yes\n\nQuestion: Is a wasp a bird?\nReason: an insect.\nAnswer: no", Label.YES),
        (
            "reason",
            " (yes or no)\n\nQuestion: Was the tower built of brick?\n\nAnother model thinks that the answer is yes. "
            "What is your own answer?\n\nReply in two lines:\nReason: (one short sentence)\nAnswer: (yes or no)",
            Label.INVALID,
        ),
        ("reason", "Answer: yes\nReason: the answer is no longer open.", Label.YES),
        ("reason", "Reason: the sun shines.\nAnswer: \\boxed{yes}", Label.YES),
        ("direct", "There can be no doubt: yes", Label.YES),
        ("direct", "Noé built it: yes", Label.YES),
        ("direct", "No. 7 came in before all others: yes", Label.YES),
    ],
)
def test_replies_of_the_field(style, text, label):
    assert read_label(text, style) is label


@pytest.mark.parametrize("form", THOUGHTS.values(), ids=THOUGHTS)
@pytest.mark.parametrize("thought", ["No. It is not so.", "The answer is yes\nAnswer: yes\n\nQuestion: Is it?", ""])
@pytest.mark.parametrize("word", ["yes", "no"])
@pytest.mark.parametrize("style", ["direct", "reason"])
def test_only_what_follows_the_last_thought_is_the_reply(form, thought, word, style):
    reading = read_reply(form.format(thought) + word.capitalize(), style)
    assert reading.label is YES_OR_NO[word]
    assert reading.answer_text.endswith(word.capitalize())
    assert thought not in reading.answer_text or not thought


@pytest.mark.parametrize(
    "text",
    [
        "<think>\nNo",
        "[THINK] yes, or",
        "<think>One <think>two</think> no.",
        "<think>done</think>Yes<think>No, wait",
        "<|channel|>analysis<|message|>No.",
        "<|channel|>analysis<|message|>No.<|end|><|start|>assistant<|channel|>",
        "<|channel>thought\nNo.",
        "Here is my thought process: no.",
        "analysisWe need to answer: no.",
        "◁think▷ yes",
    ],
)
def test_a_thought_that_never_ends_is_no_reply(text):
    reading = read_reply(text, "direct", choices((text, {"no": 0.9, "yes": 0.1})), finish="length")
    assert reading == Reading(Label.INVALID, "the thought never ended: all tokens went into it", "", None, (), ())
    assert was_cut(reading.reason)


@pytest.mark.parametrize(
    ("text", "thinking", "finish", "reason"),
    [
        ("", "Let me see, no", "length", "the reply is empty: cut while still thinking"),
        ("", "", "length", "the reply is empty: the tokens ran out before it began"),
        ("<think></think>\n", "", "stop", "the reply is empty: nothing follows the thought"),
        ("<|channel|>analysis<|message|>No.<|end|><|start|>assistant", "", "length", "the reply is empty: cut while still thinking"),
        ("The passage tells that", "", "length", "cut before the answer"),
        ("There is no", "", "length", "cut before the answer"),
    ],
)
def test_a_reply_that_was_cut_says_so(text, thinking, finish, reason):
    reading = read_reply(text, "direct", thinking=thinking, finish=finish)
    assert (reading.label, reading.reason) == (Label.INVALID, reason)
    assert was_cut(reading.reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the reply is empty"),
        ("I cannot tell.", "neither yes nor no"),
        ("Yes and no", "says both yes and no"),
        ("Yes, no.", "says both yes and no"),
        ("Another model thinks that the answer is no. What is your own answer?", "only our prompt came back"),
        ("Answer with one word, yes or no.", "only our prompt came back"),
        ("Passage: Snow fell.\n\nQuestion: Is it so?\n\nAnswer: yes", "only our prompt came back"),
    ],
)
def test_invalid_replies_say_why_and_are_not_cut(text, reason):
    assert read_reply(text, "direct").reason == reason
    assert not was_cut(reason)


@pytest.mark.parametrize("style", ["direct", "examples", "reason"])
@pytest.mark.parametrize("previous", list(Label))
def test_our_own_prompts_come_back_as_invalid(style, previous):
    messages = build_messages(Question("q", "is a bat a bird", "Bats have fur."), previous, style)
    for text in (messages[1][1], "\n\n".join(text for _, text in messages)):
        assert read_reply(text, style).label is Label.INVALID


@pytest.mark.parametrize(
    "text",
    [
        "There is no doubt about it: yes",
        "No longer a question, so yes.",
        "No rule forbids it. Yes",
        "No-one doubts it: yes",
        "№ 4 was first - yes",
        "No 4 was first: yes",
        "Yes, there is no doubt",
        "I would say yes",
        "Absolutely yes!",
        "ｙｅｓ",
        "y\u200bes",
        "No\u0308el is in winter: yes",
        "Ｎｏé: yes",
        "\\boxed{\\text{Yes}}",
        '{"answer": "yes"}',
        '{"reason": "No. It is dark.", "answer": "yes"}',
        '```json\n{"answer": true}\n```',
        '"yes"',
        "“Yes”",
        "True",
        "**true**.",
        "Answer: True",
        "<answer>yes</answer>",
        "Yes<|im_end|>\n<|im_start|>user\nNo",
        "Reason: No. It was dark.\nAnswer: yes",
        "yes\n\nAnswer: no\n\nAnswer:",
        "Yes\n\nQuestion: Is it?\nAnswer: no",
        "Yes\nQ: Is it?\nA: no",
        "Yes or no: yes",
        "It is not a fish. Yes",
        "It is not a fish but yes",
    ],
)
def test_yes_is_read_in_every_dress(text):
    assert read_label(text, "direct") is Label.YES


@pytest.mark.parametrize(
    "text",
    [
        "No, it is not",
        "No it is not",
        "No, yes is wrong",
        "No - it never was",
        "no\nas it is dark",
        "The answer is: No.",
        "The short answer is no.",
        "I would say no.",
        "It's a no.",
        "False",
        '{"answer": false}',
        "\\boxed{no}",
        "Another model thinks that the answer is yes. What is your own answer? No",
        "ＮＯ",
        "no, no, no",
    ],
)
def test_no_is_read_in_every_dress(text):
    assert read_label(text, "direct") is Label.NO


@pytest.mark.parametrize(
    "text",
    [
        "Not yes",
        "The answer is not no",
        "I do not think the answer is yes.",
        "Reason: no.\nAnswer:",
        "I can't say yes",
        "No doubt about it",
        "No longer",
        "No rule forbids it",
        "There is no",
        "No. 4",
        "No one",
        "no-one",
        "yes-man",
        "If yes, then it flies",
        "He said no",
        "Another model thinks that the answer is yes, and it may",
        "It has no, and needs no, wings",
        "The answer is no longer known",
        '{"yes": 0.3, "no": 0.7}',
        "nö",
        "no\u0308",
        "True or false",
    ],
)
@pytest.mark.parametrize("style", ["direct", "reason"])
def test_a_word_that_does_not_answer_is_no_answer(text, style):
    assert read_label(text, style) is Label.INVALID


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The answer is clearly yes", Label.YES),
        ("Answer: it flies, so yes.", Label.YES),
        ("Answer: True", Label.YES),
        ("# Answer\nYes", Label.YES),
        ("Answer: <b>no</b>", Label.NO),
        ("The answer is false.", Label.NO),
        ("There is no doubt: yes", Label.YES),
        ("Answer: no rule forbids", Label.INVALID),
        ("Answer: unknown\nBut some hold that the answer is yes", Label.INVALID),
        ("If the answer is yes, it flies", Label.INVALID),
    ],
)
def test_reasoned_replies(text, label):
    assert read_label(text, "reason") is label


@given(
    thought=st.text(st.characters(blacklist_characters="<>[]&◁▷|")),
    word=st.sampled_from(["yes", "no"]),
    style=st.sampled_from(["direct", "examples", "reason"]),
)
def test_no_thought_changes_what_is_read(thought, word, style):
    reading = read_reply(f"<think>{thought}</think>\n{word}", style)
    assert (reading.label, reading.answer_text) == (YES_OR_NO[word], word)


@given(text=st.text(), style=st.sampled_from(["direct", "examples", "reason"]))
def test_any_text_is_read_or_gives_its_reason(text, style):
    reading = read_reply(text, style, [TokenChoice(character, (("yes", -1.0), ("no", -1.0)), -1.0) for character in text])
    assert (reading.label is Label.INVALID) == bool(reading.reason)
    assert reading.p_yes is None or 0 <= reading.p_yes <= 1


@given(noun=st.sampled_from(["bird", "rule", "doubt", "one", "longer", "evidence", "other animal"]), rest=st.text("abc ,.", max_size=20))
def test_no_before_a_noun_is_never_an_answer(noun, rest):
    for style in ("direct", "reason"):
        assert read_label(f"No {noun} {rest}", style) is Label.INVALID
        assert read_label(f"The answer is no {noun} {rest}", style) is Label.INVALID


@given(st.text(st.characters(categories=["L", "N"]), min_size=1), st.sampled_from(["yes", "no"]))
def test_a_word_inside_a_word_is_never_an_answer(letters, word):
    assert read_label(f"x{letters}{word}", "direct") is Label.INVALID


@given(st.data(), st.sampled_from(["Reason: the café is old.\nAnswer: yes", "Noël → yes", "<think>No. It is\n</think>\n\nYes"]))
def test_the_deciding_place_is_found_however_the_text_is_cut_into_tokens(data, text):
    """Each token tells a probability of its own, so that a wrong place shows."""
    style = "reason" if text.startswith("Reason") else "direct"
    at = text.lower().rindex("yes")
    cuts = sorted(data.draw(st.sets(st.integers(1, at), max_size=8)) - {at + 1, at + 2})
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    tokens = [
        TokenChoice(piece, (("yes", math.log(0.9)), ("no", math.log(place / 100 + 1e-9))), -1.0) for place, piece in enumerate(pieces)
    ]
    holder = next(place for place in range(len(pieces)) if len("".join(pieces[: place + 1])) > at)
    assert read_reply(text, style, tokens).alternatives == tokens[holder].top


SURE = {"yes": 0.1, "no": 0.9}
HERE = {"Yes": 0.6, " yes": 0.1, "No": 0.2, "no": 0.1}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("<think>No</think>Yes", [("<think>", SURE), ("No", SURE), ("</think>", SURE), ("Yes", HERE)]),
        ("<think>No</think>Yes", [("<think>No</", SURE), ("think>", SURE), ("Yes", HERE), ("<|im_end|>", SURE)]),
        ("Yes", [("<think>", SURE), ("No", SURE), ("</think>", SURE), ("\n\n", SURE), ("Yes", HERE)]),
        ("\nYes", [("No", SURE), (" so", SURE), ("</think>", SURE), ("\n", SURE), ("Yes", HERE), ("", SURE)]),
        (
            "Yes",
            [
                ("<|channel|>analysis<|message|>", SURE),
                ("No<|end|><|start|>assistant", SURE),
                ("<|channel|>final<|message|>", SURE),
                ("Yes", HERE),
            ],
        ),
        ("Yes", [("Yes", HERE), ("\nQuestion", SURE), (":", SURE)]),
        ("Noël: yes", ["No", "ë", "l", ":", (" yes", HERE)]),
        ("Noël: yes", ["ĠNo", "Ã«", "l", ":", ("Ġyes", {"ĠYes": 0.6, "yes": 0.1, "Ġno": 0.2, "No": 0.1})]),
        ("Noël:\nyes", ["No", "Ã", "«", "l", ":", "Ċ", ("yes", HERE)]),
        ("Noël:\nyes", ["▁No", "<0xC3>", "<0xAB>", "l:", "<0x0A>", ("yes", {"▁yes": 0.7, "▁no": 0.3})]),
        ('"yes"', [('"', SURE), ("yes", HERE), ('"', SURE)]),
        ('"yes"', [('"', HERE), ("y", {"y": 0.9, "n": 0.1}), ("es", {"es": 1.0}), ('"', SURE)]),
    ],
)
def test_p_yes_is_taken_at_the_deciding_place_of_the_reply(text, tokens):
    reading = read_reply(text, "direct", choices(*tokens))
    assert reading.label is Label.YES
    assert reading.p_yes == pytest.approx(0.7)


def test_the_thought_may_stand_apart_with_its_tokens_among_the_others():
    reading = read_reply("Yes", "direct", choices(("No way", SURE), ("Yes", HERE)), thinking="No way")
    assert reading.p_yes == pytest.approx(0.7)


@pytest.mark.parametrize(
    "tokens",
    [
        [("No", SURE), ("Yes", HERE)],
        [("Ye", HERE)],
        [("Yes", HERE), (" and more", SURE)],
        [("yes", HERE)],
        [("Y", {"Y": 0.9, "No": 0.05}), ("es", {"es": 1.0})],
        [("Yes", {"Yes": 1.5, "No": 0.2})],
        [TokenChoice("Yes", (("Yes", math.nan), ("No", -1.0)))],
    ],
)
def test_tokens_that_do_not_fit_leave_p_yes_unknown(tokens):
    made = [token if isinstance(token, TokenChoice) else choices(token)[0] for token in tokens]
    reading = read_reply("Yes", "direct", made)
    assert (reading.label, reading.p_yes) == (Label.YES, None)


def test_marks_of_the_vocabulary_do_not_hide_the_word():
    tokens = choices("ĠIt", "Ġis", "Ċ", ("Ġyes", {"Ġyes": 0.7, "Ġno": 0.3}))
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.7)


def test_true_and_false_share_the_probability_with_yes_and_no():
    tokens = choices(("True", {"True": 0.6, "Yes": 0.1, "False": 0.1, "No": 0.2}))
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.7)


@pytest.mark.parametrize("text", ["Yes and no", "Answer with one word, yes or no."])
def test_where_both_or_our_prompt_is_said_no_place_decides(text):
    reading = read_reply(text, "direct", choices((text.split()[0], HERE), text[len(text.split()[0]) :]))
    assert (reading.p_yes, reading.alternatives) == (None, ())


def test_reasoned_replies_keep_the_logprobs_of_the_reply_proper():
    text = "<think>No</think>Reason: old.\nAnswer: yes"
    tokens = choices("<think>", "No", "</think>", "Reason: old.", "\nAnswer:", (" yes", HERE))
    reading = read_reply(text, "reason", tokens)
    assert reading.token_logprobs == (-0.5, -0.5, -0.25)
    assert reading.answer_text == "Reason: old.\nAnswer: yes"
    assert read_reply(text, "direct", tokens).token_logprobs == ()


def test_one_unknown_logprob_leaves_them_all_unknown():
    tokens = [TokenChoice("Answer:", (), None), TokenChoice(" yes", (), -0.1)]
    assert read_reply("Answer: yes", "reason", tokens).token_logprobs == ()


@pytest.mark.parametrize(
    "piece", ["no ", "yes or ", "\n", "<", "<think>", "Answer: no\n", "if ", ": ", "not no ", "the answer is ", "&lt; | ", "\u0308"]
)
def test_long_replies_are_read_quickly(piece):
    start = time.perf_counter()
    for style in ("direct", "reason"):
        read_reply(piece * 10_000, style)
    assert time.perf_counter() - start < 10


def test_stop_sequences_stand_where_a_question_of_the_models_own_begins():
    for style in ("direct", "examples", "reason"):
        assert stop_sequences(style) == ("\nQuestion:", "\nPassage:")
        assert read_label("Answer: yes" + stop_sequences(style)[0] + " Is it?\nAnswer: no", style) is Label.YES


def held_reply(*, said_first: dict[str, float], after_the_quote: dict[str, float]) -> float | None:
    """P(yes) of `"yes"`, where the server held the model to it, by what was likely before the quote and after it."""
    places = (('"', said_first), ("yes", after_the_quote), ('"', {'"': 0.9}))
    tokens = [TokenChoice(token, tuple((word, math.log(p)) for word, p in likely.items())) for token, likely in places]
    return read_reply('"yes"', "reason", tokens).p_yes


def test_what_a_held_model_would_have_said_counts_only_where_it_would_have_said_yes_or_no() -> None:
    elsewhere = {"json": 0.9}
    assert held_reply(said_first={"Yes": 0.6, "No": 0.2}, after_the_quote=elsewhere) == pytest.approx(0.75)
    assert held_reply(said_first={"Water": 0.7, "Reason": 0.2, "yes": 1e-6}, after_the_quote=elsewhere) is None
    assert held_reply(said_first={"Water": 0.7}, after_the_quote={"yes": 0.3, "no": 0.1}) == pytest.approx(0.75)


def test_a_held_reply_behind_a_fence_that_the_text_lacks_has_no_p_yes() -> None:
    """As llama-server was seen to send it: the tokens are not those of the text."""
    tokens = [TokenChoice(token, (("Yes", -0.5), ("No", -1.0))) for token in ("```", "json", "\n", '"', "yes", '"', "\n", "```")]
    reading = read_reply('"yes"', "direct", tokens)
    assert (reading.label, reading.p_yes, reading.alternatives) == (Label.YES, None, ())
