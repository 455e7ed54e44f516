"""Choosing one of many by what people call it, while the address holds its id, so that a link stays short and lasts."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui.shared.history import came_by_history
from ui.shared.parts import plain

T = TypeVar("T")
_LONGEST = 80
_IN_FLIGHT_S = 3.0
"""A browser that is busy may for so long send along the address that this page has replaced already."""
_LONGEST_TEXT = 1_500
"""Characters; percent-encoded they may be nine times as many."""


def choose_by_id(key: str, noun: str, label: str, titles: Mapping[str, str], default: str | None = None) -> str:
    """Draw the choice among `titles` (by id, at least one) and return the id; `?<key>=<id>` opens the page with it.

    An id that is unknown gives what was chosen before, else `default`, or the first one, and the page says so;
    `noun` says there what is chosen.
    """
    asked = news_in_address(key)
    before, title_before = st.session_state.get(f"{key}_told", (None, ""))
    if asked in titles:
        st.session_state[key] = asked
    elif st.session_state.get(key) not in titles:
        st.session_state[key] = next(one for one in (before, default, *titles) if one in titles)
    elif st.session_state[key] == before and titles[before] != title_before:
        st.session_state[key] = before  # said anew: the browser holds its old name, which is none of the options any more
    picked = st.selectbox(label, list(titles), key=key, format_func=lambda one: titles[one], persist_state="session")
    chosen = picked if picked in titles else next(iter(titles))
    if asked is not None and asked not in titles:
        warn_of_unknown(noun, asked, titles[chosen])
    st.session_state[f"{key}_told"] = (chosen, titles[chosen])
    write_address(key, chosen)
    return chosen


def choose_segment(label: str, options: Sequence[T], default: T, key: str, **more: Any) -> T:  # Any: what a segmented control takes
    """Draw the choice of one among a few side by side, kept in the address, and return it; `default` for what an address asks that is none."""
    picked = st.segmented_control(
        label, options, default=default, required=True, key=key, bind="query-params", persist_state="session", wrap=True, **more
    )
    return next((one for one in options if one == picked), default)


def news_in_address(key: str) -> str | None:
    """Return what the address asks for under `key`; None where it asks for nothing that this page did not write itself.

    What it wrote is no news: the widget may have moved on since. Nor is what stood there on the same page just before,
    unless somebody went back to it.
    """
    asked = st.query_params.get(key) or None
    before, since, page = st.session_state.get(f"{key}_address_before", (None, -math.inf, None))
    is_late = asked == before and page == st.context.url and time.monotonic() - since < _IN_FLIGHT_S
    return None if (is_late and not came_by_history()) or asked == st.session_state.get(f"{key}_address") else asked


def write_address(key: str, value: str) -> None:
    """Put `value` under `key` into the address, or take it out where it is empty, and remember that this page did."""
    asked, written = st.query_params.get(key), st.session_state.get(f"{key}_address")
    if value != written:
        st.session_state[f"{key}_address_before"] = (written, time.monotonic(), st.context.url)
    st.session_state[f"{key}_address"] = value
    if value and asked != value:
        st.query_params[key] = value
    elif not value and asked is not None:
        del st.query_params[key]


def warn_of_unknown(noun: str, asked: str, shown: str) -> None:
    """Say that what an address asks for is not here, and what is shown instead."""
    st.warning(plain(f"There is no {noun} “{asked[:_LONGEST]}” here; shown instead: {shown}."), icon=":material/link_off:")


def text_from_address(key: str, longest: int) -> None:
    """Put the text `?<key>=...` of a new address where the widget `key` will find it; draw the widget after this."""
    asked = news_in_address(key)
    if asked is not None:
        st.session_state[key] = asked[:longest]


def text_to_address(key: str, text: str) -> None:
    """Keep the text of a widget in the address while it is short: servers refuse addresses that are too long."""
    write_address(key, text if len(text) <= _LONGEST_TEXT else "")
