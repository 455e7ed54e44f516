"""Cut prompts against servers that are simulated token by token; figures of real ones as they were seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from der_core.experts.cut_prompts import SHORTEST_LEARNED, USUAL_RATE, TokenRate, is_cut, text_length

WINDOWS = st.sampled_from([512, 1024, 2048, 4096, 8192])
KEPT = st.sampled_from([0, 4, 5, 24])


def prompt(tokens: float, rate: float):
    """A prompt that a model of `rate` characters per token reads as so many tokens."""
    return (("system", "Answer."), ("user", "a" + "bc" * round(tokens * rate / 2)))


def evaluated(tokens: int, window: int, kept: int) -> int:
    """The tokens that Ollama of 2026 evaluates and counts."""
    return tokens if tokens < window else window - max((window - kept) // 2, 1)


def taught(rate: float, lengths: list[int]) -> TokenRate:
    learned = TokenRate()
    for tokens in lengths:
        learned.learn(prompt(tokens, rate), tokens)
    return learned


@settings(deadline=None)
@given(WINDOWS, KEPT, st.floats(0.02, 0.99), st.floats(2.0, 7.0))
def test_a_prompt_that_fits_raises_no_alarm_even_as_the_first(window, kept, share, rate):
    tokens = int(share * window)
    assert not is_cut(TokenRate().predict(prompt(tokens, rate)), evaluated(tokens, window, kept), window)


@settings(deadline=None)
@given(WINDOWS, KEPT, st.floats(1.5, 6), st.floats(3.5, 8.0))
def test_a_prompt_half_a_window_too_long_raises_one_even_as_the_first(window, kept, share, rate):
    tokens = int(share * window) + 1
    assert is_cut(TokenRate().predict(prompt(tokens, rate)), evaluated(tokens, window, kept), window)


@settings(deadline=None)
@given(WINDOWS, KEPT, st.floats(1.1, 6), st.floats(2.1, 7.9), st.lists(st.integers(300, 500), min_size=20, max_size=40))
def test_once_the_rate_is_learned_a_tenth_too_long_is_enough(window, kept, share, rate, lengths):
    tokens = int(share * window) + 1
    assert is_cut(taught(rate, lengths).predict(prompt(tokens, rate)), evaluated(tokens, window, kept), window)


@settings(deadline=None)
@given(WINDOWS, KEPT, st.floats(0.02, 0.99), st.floats(2.1, 7.9), st.floats(0.75, 1.35), st.lists(st.integers(300, 500), min_size=20))
def test_text_of_another_kind_than_what_was_learned_from_raises_no_alarm(window, kept, share, rate, other, lengths):
    tokens = int(share * window)
    assert not is_cut(taught(rate, lengths).predict(prompt(tokens, rate * other)), evaluated(tokens, window, kept), window)


@settings(deadline=None)
@given(WINDOWS, st.floats(0.02, 0.99), st.floats(2.0, 7.0), st.floats(0.56, 1.0))
def test_counts_without_what_was_cached_raise_no_alarm(window, share, rate, cached):
    tokens = int(share * window)
    assert not is_cut(TokenRate().predict(prompt(tokens, rate)), int(tokens * (1 - cached)), window)
    assert not is_cut(TokenRate().predict(prompt(tokens, rate)), None, window)


def test_counts_without_what_was_cached_teach_nothing():
    learned = TokenRate()
    before = learned.predict(prompt(1000, 4.0))
    for _ in range(50):
        learned.learn(prompt(1000, 4.0), 20)
    assert learned.predict(prompt(1000, 4.0)) == before


@pytest.mark.parametrize(
    ("characters", "count", "window"),
    [
        (11_373, 1026, 2048),  # 2,679 tokens; seen on a real Ollama
        (16_142, 1026, 2048),
        (16_142, 258, 512),  # a model that was trained for 512
        (16_142, 258, 2048),  # the same where the server does not tell what is loaded
        (16_142, None, 2048),
        (31_807, 2051, 4096),  # 9,200 tokens
        (16_142, 2048, 2048),  # older servers fill the window
    ],
)
def test_cuts_as_they_were_seen(characters, count, window):
    assert is_cut(characters / USUAL_RATE, count, window)


def test_short_prompts_do_not_teach_because_of_their_templates():
    learned = TokenRate()
    short = (("user", "b" * (SHORTEST_LEARNED - 1)),)
    learned.learn(short, 150)
    assert learned.predict(short) == pytest.approx((SHORTEST_LEARNED - 1) / USUAL_RATE)


def test_rules_and_blanks_make_few_tokens():
    assert text_length((("user", "Total" + " " * 80 + "-" * 200 + "12"),)) == 5 + 4 + 4 + 2
    assert text_length((("user", "loooooong ... ___"),)) == len("loooooong ... ___")
