"""Choosing one of many by what people call it, while the address holds its id, so that a link stays short and lasts."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def choose_by_id(key: str, label: str, titles: Mapping[str, str], default: str | None = None, help: str | None = None) -> str:
    """Draw the choice among `titles` (by id, at least one) and return the id; `?<key>=<id>` opens the page with it.

    An id that is unknown gives `default`, or the first one.
    """
    asked = st.query_params.get(key)
    # An address that this page wrote itself is no news: the widget may have moved on since.
    if asked in titles and asked != st.session_state.get(f"{key}_address"):
        st.session_state[key] = asked
    if st.session_state.get(key) not in titles:
        st.session_state[key] = default if default in titles else next(iter(titles))
    picked = st.selectbox(label, list(titles), key=key, format_func=lambda one: titles[one], help=help, persist_state="session")
    chosen = picked if picked in titles else next(iter(titles))
    st.session_state[f"{key}_address"] = chosen
    if asked != chosen:
        st.query_params[key] = chosen
    return chosen
