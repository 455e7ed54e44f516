"""Small parts that several pages show: empty states, errors, figures with intervals, tables behind charts."""

from __future__ import annotations

import math
import re
from typing import NoReturn

import pandas as pd
import streamlit as st

from der_core.errors import DerError

DASH = "–"
_PRESENTER_SCALE = 1.45


def empty_state(sentence: str, page: str | None = None, label: str = "", icon: str = ":material/arrow_forward:") -> None:
    """Say in one sentence what is not there yet, with the next step as a link."""
    with st.container(border=True):
        st.markdown(sentence)
        if page:
            st.page_link(page, label=label, icon=icon)


def stop_with(sentence: str, page: str | None = None, label: str = "") -> NoReturn:
    """End the page with an empty state."""
    empty_state(sentence, page, label)
    st.stop()


LONGEST_TEXT = 20_000
"""Characters of a text of others that a page shows: more would hold up page and browser."""


def shortened(text: str) -> str:
    """Return a text of others as far as a page shows it, with how much more there is."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text) - LONGEST_TEXT:,} more characters)"


def notice(error: DerError) -> None:
    """Show an error of ours as the one line that it is."""
    st.error(plain_sentence(str(error)), icon=":material/error:")


def plain(text: str) -> str:
    """Return words of people, files and servers as Markdown that shows them and does nothing else with them; bare addresses become `code`."""
    return _outside(_ADDRESS, text)


def plain_sentence(text: str) -> str:
    """Return a sentence of ours that may quote such words, as `plain` does, but that what stands in `backticks` stays code."""
    return _outside(_CODE_OR_ADDRESS, text)


def _outside(kept: re.Pattern[str], text: str) -> str:
    """Escape all of a text but what `kept` finds, which is shown as code; no match of it holds a backtick within."""
    text = _MARGINS.sub("", shortened(text))
    parts, done = [], 0
    for found in kept.finditer(text):
        parts += [_escaped(text[done : found.start()]), f"`{found[0].strip('`')}`"]
        done = found.end()
    return "".join([*parts, _escaped(text[done:])])


def _escaped(text: str) -> str:
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    return text


_ADDRESS_PATTERN = r"(?<![A-Za-z])(?:https?://|www\.)[^\s`]*[^\s`!\"&'),.:;<>?\]}]|(?<![-.\w+])[-.\w+]+@[-\w]+(?:\.[-\w]+)+"
_ADDRESS = re.compile(_ADDRESS_PATTERN, re.IGNORECASE)
_CODE_OR_ADDRESS = re.compile(rf"`[^\S`\n]*[^`\s][^`\n]*`|{_ADDRESS_PATTERN}", re.IGNORECASE)
_MARGINS = re.compile(r"^[ \t]+|(?<![ \t])[ \t]+$", re.MULTILINE)
"""Blanks around a line: four of them in front would make a block of code, and any would undo the bold around a name."""
_JOINER = "\u2060"
"""Invisible: takes apart what Streamlit looks for in the text after Markdown was read, where a backslash is gone already."""
_ESCAPES = (
    (re.compile(r"([\\`*_\[\]<>#|$~&!])"), r"\\\1"),
    (re.compile(r"^([-+=])", re.MULTILINE), r"\\\1"),  # lists, rules, underlined headings
    (re.compile(r"^(\d+)([.)])(?=\s|$)", re.MULTILINE), r"\1\\\2"),
    (re.compile(r":(?=material/|[\w+\\-]+:)"), f":{_JOINER}"),  # icons and emoji
    (re.compile(r":(?=[^\s\d\u2060])"), r"\:"),  # directives, such as :red[…]
    (re.compile(r"(?<!\S)(?=(?:\\<-\\>|\\?-\\>|\\<-|\\?--|\\>=|\\<=|\\~=)(?:\s|$))"), _JOINER),  # typographic signs
)


def show_text(text: str) -> None:
    """Show words of an LLM or of a file exactly as they are: never as Markdown or HTML."""
    st.code(text or " ", language=None, wrap_lines=True)


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as people read it, a dash where there is none."""
    return DASH if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def points(share: float | None) -> str:
    """Return a difference of shares in points, with its sign, a dash where there is none."""
    return DASH if share is None or math.isnan(share) else f"{100 * share:+.1f}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as people read it, a dash where there is none."""
    return DASH if value is None or math.isnan(value) else f"{value:.{digits}f}"


def count(value: float | None) -> str:
    """Return a count as people read it, a dash where nobody knows it."""
    return DASH if value is None or math.isnan(value) else f"{value:,.0f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return a share with its 95 % interval."""
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: "–", "0.42 s", "42 s", "3 min 05 s", "2 h 10 min"."""
    if seconds is None or math.isnan(seconds):
        return DASH
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{whole} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def type_size(usual: int) -> int:
    """Return the size in pixels of a chart's type: charts do not follow the type of the page, which the presenter view enlarges."""
    return round(usual * _PRESENTER_SCALE) if st.session_state.get("present") else usual


def table_behind(frame: pd.DataFrame, name: str, title: str = "Table behind this chart", *, when_opened: bool = False) -> None:
    """Offer the table behind a chart, to look at and to download as CSV; `name` is the file's stem.

    `when_opened` draws it only for who opens it: for charts that are drawn anew all the time.
    """
    box = st.expander(title, icon=":material/table:", key=f"table_{name}", on_change="rerun" if when_opened else "ignore")
    if when_opened and not box.open:
        return
    with box:
        st.dataframe(frame, hide_index=True, width="stretch")
        st.download_button(
            "Download CSV",
            frame.to_csv(index=False).encode(),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"download_{name}",
            on_click="ignore",
        )
