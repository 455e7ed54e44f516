"""What an expert replied, as people read it: a program as code with what came of it, any other text as it is."""

from __future__ import annotations

import re

import streamlit as st

from der_core.config import Style
from der_core.experts.program import program_of, told_run
from der_core.records import Label, Reply
from ui.shared.parts import plain, show_text

NO_ANSWER = "no answer"
_FENCES = re.compile(r"(?:`{3,}|~{3,})[\w+.-]*")


def answer_word(label: Label) -> str:
    """Return what an expert answered; a reply that is neither yes nor no is no answer, which is not the same as a wrong one."""
    return NO_ANSWER if label is Label.INVALID else label.word


def draw_reply(reply: Reply, style: Style) -> None:
    """Draw the text of a reply; of a program what it printed, or why it failed, as well."""
    text = reply.text.strip()
    program = program_of(reply) if style == "program" else ""
    if program:
        st.code(program.rstrip(), language="python", wrap_lines=True)
    else:
        show_text(text)
    if style == "program":
        _draw_run(reply)
    if program and _FENCES.sub("", text.replace(program.strip(), "", 1)).strip():
        with st.expander("Whole reply", icon=":material/notes:"):
            show_text(text)


def _draw_run(reply: Reply) -> None:
    if reply.label is Label.INVALID:
        st.warning(plain(told_run(reply)), icon=":material/running_with_errors:")
    else:
        show_text(told_run(reply))


def told_p_yes(reply: Reply, style: Style) -> str:
    """Return what P(yes) of a reply is: the model's own, fitted, or unknown and why."""
    if reply.p_yes is not None:
        return f"P(yes) {reply.p_yes:.3f}" + (" (fitted confidence)" if style == "program" else "")
    if style != "program":
        return "P(yes) unknown"
    if reply.label is Label.INVALID:
        return "P(yes) unknown: there is no answer to be sure of"
    return "P(yes) unknown: no confidence could be fitted"
