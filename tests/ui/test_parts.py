"""Words of people, files and servers, as Markdown that shows them and does nothing else with them."""

from __future__ import annotations

import pytest

from ui.shared.parts import plain, plain_sentence

J = "\u2060"

AS_MARKDOWN = {
    "Is water wet? It is, isn't it: (mostly) 100 %.": "Is water wet? It is, isn't it: (mostly) 100 %.",
    "see ![x](//evil/x.png)": r"see \!\[x\](//evil/x.png)",
    "_x_ __y__ *z* ~~w~~": r"\_x\_ \_\_y\_\_ \*z\* \~\~w\~\~",
    "<b>x</b> &amp; $a$ `c`": r"\<b\>x\</b\> \&amp; \$a\$ \`c\`",
    r"a \* b": r"a \\\* b",
    "gemma3:270m": "gemma3:270m",
    "llama:instruct :red[x] ::leaf[y]": r"llama\:instruct \:red\[x\] \:\:leaf\[y\]",
    ":smile: :+1: :streamlit:": f":{J}smile: :{J}+1: :{J}streamlit:",
    "a :material/home: b": f"a :{J}material/home: b",
    "# a\n## b": "\\# a\n\\#\\# b",
    "1. a\n12) b\n1.5 c": "1\\. a\n12\\) b\n1.5 c",
    "- a\n+ b\n* c\n> d": "\\- a\n\\+ b\n\\* c\n\\> d",
    "a\n===\nb\n---": "a\n\\===\nb\n\\---",
    "    code\n\tcode": "code\ncode",
    " name ": "name",
    "a|b\n-|-": "a\\|b\n\\-\\|-",
    "a -> b <- c -- d >= e": f"a {J}-\\> b {J}\\<- c {J}-- d {J}\\>= e",
    "->": f"{J}\\-\\>",
    "a->b, x-y": r"a-\>b, x-y",
    "see http://a.b/c_d, www.e.f.": "see `http://a.b/c_d`, `www.e.f`.",
    "x`http://a.b`y a_b@c.de": r"x\``http://a.b`\`y `a_b@c.de`",
}
"""Compared, each and within bold, with what Chromium shows of it: nothing but the words."""


@pytest.mark.parametrize("words", AS_MARKDOWN)
def test_words_do_not_become_pictures_or_markup(words: str) -> None:
    assert plain(words) == AS_MARKDOWN[words]


def test_what_a_sentence_of_ours_sets_in_code_stays_code() -> None:
    assert plain_sentence("fetch it with `ollama pull a_b` at http://a.b:1; not_x") == (
        r"fetch it with `ollama pull a_b` at `http://a.b:1`; not\_x"
    )


def test_a_name_cannot_leave_the_code_it_is_quoted_in() -> None:
    assert plain_sentence("fetch `pull a`![x](//evil)` now") == r"fetch `pull a`\!\[x\](//evil)\` now"


def test_a_text_of_a_million_letters_is_cut_and_the_cut_told() -> None:
    shown = plain("a" * 1_000_000)
    assert len(shown) < 21_000 and shown.endswith("a… (980,000 more characters)")
