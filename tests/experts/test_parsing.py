import math

import pytest

from der_core.experts.parsing import TokenChoice, apply_thresholds, p_yes_from_top_logprobs, read_label
from der_core.records import Label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("yes", Label.YES),
        ("No", Label.NO),
        ("YES.", Label.YES),
        ("  **Yes**  ", Label.YES),
        ("_no_", Label.NO),
        ("'Yes'", Label.YES),
        ("Yes, because no other reading fits.", Label.YES),
        ("The answer is: no.", Label.NO),
        ("No — the passage says otherwise.", Label.NO),
        ("\n\nYes\n", Label.YES),
        ("Yes or no: yes", Label.YES),
        ("<b>no</b>", Label.NO),
    ],
)
def test_first_yes_or_no_is_the_label_of_a_direct_reply(text, label):
    assert read_label(text, "direct") is label


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "I cannot tell.",
        "It is not known.",
        "Nobody knows, nothing is said, none of it.",
        "Yesterday was another noon.",
        "Neither yes nor no.",
        "Neither, but if I had to choose: yes",
        "Yes or no",
        "yes/no",
        "Please answer Yes/No?",
        "Yes and no",
        "true or false",
        "True and false",
        "eyes, noyes",
    ],
)
def test_text_that_is_neither_is_invalid(text):
    assert read_label(text, "direct") is Label.INVALID


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("No bird has teeth, so it cannot be.\nAnswer: no", Label.NO),
        ("There is no doubt about it.\n**Answer:** Yes", Label.YES),
        ("Answer: no? Let me think again.\nANSWER - YES!", Label.YES),
        ("It flies. So the answer is yes.", Label.YES),
        ("The answer to the question is no.", Label.NO),
        ("Answer: (yes)", Label.YES),
        ("Reason: no gills.\nAnswer:\nno", Label.NO),
        ("Yes, because it flies.", Label.YES),
        ("It flies and has feathers.\n- Yes", Label.YES),
        ("Answer: neither", Label.INVALID),
        ("Answer: yes or no", Label.INVALID),
        ("Answer: not known", Label.INVALID),
        ("There is no doubt that it says yes somewhere.", Label.INVALID),
        ("No bird has teeth.\nIt has none", Label.INVALID),
        ("The passage says", Label.INVALID),
        ("", Label.INVALID),
    ],
)
def test_last_answer_is_the_label_of_a_reasoned_reply(text, label):
    assert read_label(text, "reason") is label


def choice(token: str, **probabilities: float) -> TokenChoice:
    return TokenChoice(token, tuple((word.replace("_", " "), math.log(p)) for word, p in probabilities.items()))


def test_p_yes_adds_up_all_spellings():
    tokens = [choice("Yes", Yes=0.4, yes=0.1, _Yes=0.1, No=0.15, _no=0.05, The=0.2)]
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.6 / 0.8)


def test_words_that_only_begin_like_yes_or_no_have_no_mass():
    tokens = [choice("Yes", Yes=0.3, Not=0.3, No=0.1, None_=0.2, yesterday=0.1)]
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.75)


def test_p_yes_is_taken_where_the_label_is_decided():
    tokens = [choice("The", The=0.9, Yes=0.1), choice(" answer"), choice(" is"), choice(" no", _no=0.6, _yes=0.2)]
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.25)


def test_a_direct_reply_without_either_word_is_judged_at_its_first_token():
    tokens = [choice("The", The=0.5, Yes=0.3, No=0.1), choice(" sky", _sky=1.0)]
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.75)


def test_a_reasoned_reply_is_judged_at_its_answer():
    tokens = [choice("No", No=1.0), choice(" teeth"), choice("\nAnswer"), choice(":"), choice(" yes", _yes=0.9, _no=0.1)]
    assert p_yes_from_top_logprobs(tokens, "reason") == pytest.approx(0.9)


def test_a_reasoned_reply_without_an_answer_has_no_p_yes():
    assert p_yes_from_top_logprobs([choice("The", The=0.5, Yes=0.5), choice(" sky")], "reason") is None


@pytest.mark.parametrize("tokens", [[], [choice("Yes")], [choice("The", The=0.9, A=0.1)]])
def test_no_likely_yes_or_no_gives_no_p_yes(tokens):
    assert p_yes_from_top_logprobs(tokens, "direct") is None


def test_a_word_split_over_tokens_is_judged_where_it_begins():
    tokens = [choice("\n"), choice("YE", YE=0.5, NO=0.2, yes=0.2), choice("S", S=1.0)]
    assert p_yes_from_top_logprobs(tokens, "direct") == pytest.approx(0.5)


@pytest.mark.parametrize("label", [Label.YES, Label.NO, Label.INVALID])
def test_without_threshold_or_probability_the_label_stands(label):
    assert apply_thresholds(label, 0.9, math.nan) == label
    assert apply_thresholds(label, math.nan, 0.5) == label


@pytest.mark.parametrize(("p_yes", "expected"), [(0.7, Label.YES), (0.71, Label.YES), (0.69, Label.NO), (0.0, Label.NO)])
@pytest.mark.parametrize("label", [Label.YES, Label.NO])
def test_a_threshold_decides_in_place_of_the_word(label, p_yes, expected):
    assert apply_thresholds(label, p_yes, 0.7) == expected


@pytest.mark.parametrize("label", [Label.NONE, Label.INVALID])
def test_a_threshold_makes_no_answer_of_what_was_not_read_as_one(label):
    assert apply_thresholds([label] * 3, [0.0, 0.5, 1.0], 0.5).tolist() == [label] * 3
