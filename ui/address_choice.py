"""Choosing one of many by what people call it, while the address holds its id, so that a link stays short and lasts."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ui.parts import plain

_LONGEST = 80
_LONGEST_TEXT = 1_500
"""Characters; percent-encoded they may be nine times as many."""


def choose_by_id(key: str, noun: str, label: str, titles: Mapping[str, str], default: str | None = None) -> str:
    """Draw the choice among `titles` (by id, at least one) and return the id; `?<key>=<id>` opens the page with it.

    An id that is unknown gives what was chosen before, else `default`, or the first one, and the page says so;
    `noun` says there what is chosen.
    """
    asked = st.query_params.get(key)
    # An address that this page wrote itself is no news: the widget may have moved on since.
    is_news = asked is not None and asked != st.session_state.get(f"{key}_address")
    if is_news and asked in titles:
        st.session_state[key] = asked
    if st.session_state.get(key) not in titles:
        st.session_state[key] = default if default in titles else next(iter(titles))
    picked = st.selectbox(label, list(titles), key=key, format_func=lambda one: titles[one], persist_state="session")
    chosen = picked if picked in titles else next(iter(titles))
    st.session_state[f"{key}_address"] = chosen
    if is_news and asked not in titles:
        warn_of_unknown(noun, str(asked), titles[chosen])
    if asked != chosen:
        st.query_params[key] = chosen
    return chosen


def warn_of_unknown(noun: str, asked: str, shown: str) -> None:
    """Say that what an address asks for is not here, and what is shown instead."""
    st.warning(plain(f"There is no {noun} “{asked[:_LONGEST]}” here; shown instead: {shown}."), icon=":material/link_off:")


def text_from_address(key: str, longest: int) -> None:
    """Put the text `?<key>=...` of a new address where the widget `key` will find it; draw the widget after this."""
    asked = st.query_params.get(key)
    if asked is not None and asked != st.session_state.get(f"{key}_address"):
        st.session_state[key] = asked[:longest]


def text_to_address(key: str, text: str) -> None:
    """Keep the text of a widget in the address while it is short: servers refuse addresses that are too long."""
    kept = text if len(text) <= _LONGEST_TEXT else ""
    st.session_state[f"{key}_address"] = kept
    if kept and st.query_params.get(key) != kept:
        st.query_params[key] = kept
    elif not kept and key in st.query_params:
        del st.query_params[key]
