import io
import sys

from der_core.cli.terminal import ProgressBar, complain, prepare_output, say


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_could_steer_the_terminal_is_spelled_out(capsys):
    text = "\x1b[2Jgone, over\rwritten \u202e"
    say(text)
    complain(text)
    assert capsys.readouterr() == ("\\x1b[2Jgone, over\\rwritten \\u202e\n",) * 2


def test_the_progress_line_obeys_nobody_but_us():
    stream = Terminal()
    bar = ProgressBar("recording", stream)
    bar.show(1, 2, None, "asking m\x1b[31m\nwaiting: busy\r")
    assert stream.getvalue().count("\x1b") == 1 and stream.getvalue().startswith("\r\x1b[K")
    assert "\n" not in stream.getvalue() and stream.getvalue().endswith("asking m\\x1b[31m waiting: busy")


def test_letters_that_the_output_lacks_are_replaced(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", errors="strict"))
    prepare_output()
    say("Łódź → ok – 5 €")
    assert raw.getvalue().decode("cp1252") == "?ód? ? ok – 5 €\n"
