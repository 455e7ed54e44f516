"""Route: follow one question step by step, recorded or typed."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from ui.route.live_view import draw_live
from ui.route.replay_view import draw_recorded
from ui.route.view import SOURCES, Places
from ui.shared.address_choice import choose_segment
from ui.shared.encoding import NotEncoded
from ui.shared.encoding_panel import draw_encoding
from ui.shared.frame import frame
from ui.shared.parts import notice, stop_with
from ui.shared.run_choice import choose_run

frame("Route")
bar = st.container(horizontal=True, vertical_alignment="center")
places = Places(bar, st.container(), st.container(), st.container(), st.container())
with places.choices:
    run = choose_run("run", "Run: whose router chooses")
if run is None:
    stop_with("No router has been trained yet, so there is nothing to route with.", "pages/train.py", "Train a router")
with places.bar:
    source = choose_segment("Question", SOURCES, SOURCES[0], "route_source", label_visibility="collapsed")
try:
    if source == SOURCES[1]:
        draw_live(run, places)
    else:
        draw_recorded(run, places)
except NotEncoded as needed:
    draw_encoding(needed)
except DerError as error:
    notice(error)
    st.page_link("pages/runs.py", label="Choose another run", icon=":material/arrow_forward:")
