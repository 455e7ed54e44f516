"""The frame of every page: page settings, navigation, presenter switch. Safe to call on every run of every page.

Pages are found by Streamlit's `pages/` folder, and a deep link into a fresh server runs a page without app.py;
so each page calls `frame` first.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from der_core.errors import SettingsError
from ui.shared.address_choice import news_in_address, write_address
from ui.shared.history import keep_settings_across_pages
from ui.shared.home import check_home
from ui.shared.parts import notice
from ui.shared.tour import draw_tour

PAGES = (
    ("app.py", "Overview", ":material/home:"),
    ("pages/experts.py", "Experts", ":material/groups:"),
    ("pages/record.py", "Record", ":material/radio_button_checked:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/route.py", "Route", ":material/route:"),
    ("pages/compare.py", "Compare", ":material/scatter_plot:"),
    ("pages/reward_lab.py", "Reward lab", ":material/science:"),
    ("pages/runs.py", "Runs", ":material/list_alt:"),
)

# Streamlit sizes everything in rem, so one rule enlarges text, controls and spacing alike.
ICON = str(Path(__file__).resolve().parents[2] / "assets" / "icon.svg")
"""A file of ours: for one of Streamlit's own icons the browser would ask a font host."""
_PRESENTER_STYLE = """<style>
html { font-size: 23px !important; }
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"] { display: none; }
[data-testid="stMainBlockContainer"] { max-width: 100%; padding-top: 3rem; }
</style>"""


def frame(title: str, summary: str = "") -> None:
    """Begin a page: its title, one sentence on what it is for, the navigation and the presenter switch; end it where nothing can be kept."""
    keep_settings_across_pages(title)
    st.set_page_config(page_title=f"{title} · DER", page_icon=ICON, layout="wide")
    with st.sidebar:
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon)
        st.space("small")
    presenting = _presenter_switch()
    heading, corner = st.columns([5, 1], vertical_alignment="bottom")
    heading.title(title, anchor=False)
    if presenting:
        st.html(_PRESENTER_STYLE)
        with corner.popover("Pages", icon=":material/menu:", width="stretch"):
            for path, label, icon in PAGES:
                st.page_link(path, label=label, icon=icon)
            st.button("Leave presenter view", key="frame_leave", on_click=_leave)
    if summary:
        st.markdown(summary)
    draw_tour(title)
    try:
        check_home()
    except SettingsError as error:
        notice(error)
        st.stop()


def _presenter_switch() -> bool:
    """Draw the switch. It is not bound to the address: Streamlit drops a bound parameter that several pages share at every change of page."""
    asked = news_in_address("present")
    # Set in every run: what an address set in the first run would be lost on the way to another page, whose switch is another widget.
    st.session_state["present"] = asked == "true" if asked is not None else bool(st.session_state.get("present"))
    with st.sidebar:
        presenting: bool = st.toggle(
            "Presenter view", key="present", persist_state="session", help="Larger type, no sidebar: readable from the last row."
        )
    write_address("present", "true" if presenting else "")
    return presenting


def _leave() -> None:
    st.session_state["present"] = False
