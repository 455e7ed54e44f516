"""Back and Forward of the browser. Streamlit tells pages nothing of them, so this reads its run context."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_LAST_PAGE = "history_page"


def came_by_history() -> bool:
    """Return whether this run shows an address that the browser went back or forward to, on the same page."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def keep_settings_across_pages(page: str) -> None:
    """Let going back or forward to another page be like following a link to it; call this before any widget of `page`.

    Streamlit resets every setting that is missing in the address then, and on leaving a page it leaves an address without any
    behind: Back would undo all settings of the page that it returns to.
    """
    context = get_script_run_ctx()
    if context is not None and page != st.session_state.get(_LAST_PAGE):
        context.is_history_navigation = False
    st.session_state[_LAST_PAGE] = page
