"""Experts: who can answer, at what price, how well, and which way they lean."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from ui.experts.facts import draw_facts, draw_thresholds, draw_unusable, expert_facts
from ui.experts.kinds import draw_failures
from ui.shared.expert_choice import choose_experts
from ui.shared.expert_health import draw_health, health_of
from ui.shared.expert_trial import draw_trial
from ui.shared.frame import frame
from ui.shared.parts import empty_state, notice
from ui.shared.recording_choice import choose_recording, stop_unless_readable
from ui.shared.recording_provenance import draw_provenance

frame("Experts", "An expert is a model with a way of answering. Here is who can be asked now, and what a recording says of each.")
stop_unless_readable()

st.subheader("Who can be asked", anchor=False)
specs = choose_experts()
readiness = st.container()

st.subheader("On a recording", anchor=False)
ref = choose_recording("experts_recording")
if ref is None:
    empty_state("No recording yet, so nothing is known of how right or how fast they are.", "pages/record.py", "Record some replies")
else:
    try:
        draw_unusable(ref)
        facts = expert_facts(ref)
    except DerError as error:
        notice(error)
        st.page_link("pages/record.py", label="Go on with this recording", icon=":material/arrow_forward:")
    else:
        draw_facts(facts)
        draw_failures(ref)
        draw_thresholds(facts)
        draw_provenance(ref)

st.subheader("Try one prompt on one expert", anchor=False)
draw_trial(specs)

# Last, because servers are asked: all else stands on the page by then.
with readiness:
    if specs:
        with st.spinner("Asking the servers"):
            healths = health_of(specs)
        draw_health(healths)
    else:
        empty_state("No expert is chosen. Choose a pool, or name some models above.")
