"""What others wrote is shown as text: it steers no terminal, forges no line, and stays readable."""

from __future__ import annotations

import logging

import pytest

from der_core.cli.terminal import Harmless, complain, say
from der_core.foreign import harmless, in_one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü, 中文, 🙂, a\u00a0b", "plain, ü, 中文, 🙂, a\u00a0b"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("over\rwritten", "over\\rwritten"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("half \ud800 a character", "half \\ud800 a character"),
        ("\x9b31m", "\\x9b31m"),
        ("نیم\u200cفاصله", "نیم\u200cفاصله"),
    ],
)
def test_what_could_steer_a_terminal_is_spelled_out(text: str, shown: str):
    assert harmless(text) == shown


def test_one_line_is_one_line_and_of_bounded_length():
    assert in_one_line("a\n\nb\u2028c\x1b") == "a b c\\x1b"
    assert in_one_line("x" * 1000) == "x" * 297 + "..." and len(in_one_line("\x1b" * 1000)) == 300


def test_the_terminal_gets_no_escapes_from_what_is_printed(capsys: pytest.CaptureFixture[str]):
    say("name \x1b]0;owned\x07")
    complain("\x1b[2J")
    shown = capsys.readouterr()
    assert shown.out == "name \\x1b]0;owned\\x07\n" and shown.err == "\\x1b[2J\n"


def test_what_is_logged_is_harmless_too():
    record = logging.LogRecord("x", logging.WARNING, "file", 1, "told by %s", ("\x1b[2Jsomebody",), None)
    assert Harmless("%(message)s").format(record) == "told by \\x1b[2Jsomebody"
