"""Record: choose questions and experts, ask each expert once, watch, stop and go on; and read what they replied."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from ui.record.panel import draw_panel, is_recording
from ui.record.replies import draw_recorded_faults, draw_replies
from ui.record.start import draw_resume, draw_start
from ui.record.upload import draw_file
from ui.shared.expert_choice import choose_experts
from ui.shared.frame import frame
from ui.shared.parts import empty_state, notice
from ui.shared.question_choice import choose_questions
from ui.shared.recording_choice import choose_recording, stop_unless_readable
from ui.shared.recording_provenance import draw_provenance

frame(
    "Record",
    "Every expert is asked every question once, after each answer it could be shown. All that follows replays these replies exactly.",
)
stop_unless_readable()

left, right = st.columns([3, 2], gap="medium")
with left:
    asked = choose_questions()
    specs = choose_experts()
with right, st.container(border=True):
    if not is_recording():
        draw_start(asked, specs)
    draw_panel()
    if not is_recording():
        draw_resume()

st.subheader("Recorded replies", anchor=False)
ref = choose_recording("record_recording")
if ref is None:
    empty_state("Nothing is recorded yet. Start a recording above: the replies appear here as they come.")
else:
    try:
        draw_provenance(ref)
        draw_replies(ref)
        with st.expander("Calls without a reply", icon=":material/report:"):
            draw_recorded_faults(ref)
    except DerError as error:
        notice(error)
    draw_file(ref)  # a recording that cannot be read is told why by verifying it
