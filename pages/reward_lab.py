"""Reward lab: what a reward asks for, seen at once and without any training."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from ui.lab.figures import SETTINGS, lab_config, lab_cost_note, lab_figures
from ui.lab.view import draw_by_itself, draw_curve, draw_figures, draw_preference, draw_train_link
from ui.shared.frame import frame
from ui.shared.parts import notice, stop_with
from ui.shared.recording_choice import choose_recording, stop_unless_readable
from ui.shared.settings import choose_preset, some_settings

frame(
    "Reward lab", "Move the weights and see at once what the reward asks for: the exact best routes on the recording, without any training."
)
stop_unless_readable()
settings, stage = st.columns([2, 5], gap="large")
with settings:
    ref = choose_recording("lab_recording")
if ref is None:
    stop_with("There is no recording to compute best routes on yet.", "pages/record.py", "Record some replies")
with settings:
    presets = st.container()
    config = lab_config(some_settings("lab", SETTINGS, preset="paper"))
    with presets:
        choose_preset("lab", config)
    draw_train_link(config)
with stage:
    said = st.container()
    figures = None
    try:
        config.check()
        figures = lab_figures(ref, config)
        draw_figures(figures, config.episode.t_max, lab_cost_note(ref, config))
        draw_curve(ref, config)
    except DerError as error:
        notice(error)
    with said:
        draw_preference(config, figures)
    draw_by_itself(config)
