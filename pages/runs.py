"""Runs: every finished training with its settings and results; compare, rename, star, delete, take home."""

from __future__ import annotations

import streamlit as st

from der_core.errors import DerError
from ui.runs.actions import draw_actions, draw_deleted, draw_undo, draw_unreadable
from ui.runs.charts import MAX_RUNS
from ui.runs.comparison import compare_runs
from ui.runs.table import runs_frame
from ui.runs.upload import draw_upload
from ui.shared.frame import frame
from ui.shared.loaders import runs
from ui.shared.parts import empty_state, notice
from ui.shared.run_choice import choose_run, choose_runs

COLUMNS = {
    "Right %": st.column_config.NumberColumn(format="%.1f", help="Right answers on held-out questions, of the router named beside it."),
    "95 % from": st.column_config.NumberColumn(format="%.1f"),
    "95 % to": st.column_config.NumberColumn(format="%.1f"),
    "Calls": st.column_config.NumberColumn(format="%.2f", help="Experts asked per question."),
    "Cost": st.column_config.NumberColumn(format="%.2f", help="Per question, in the cost mode of the run."),
    "Best single %": st.column_config.NumberColumn(format="%.1f", help="Right answers of the best single expert on the same questions."),
    "Points vs best single": st.column_config.NumberColumn(format="%+.1f", help="Paired by question, with its 95 % bootstrap interval."),
    "Points from": st.column_config.NumberColumn(format="%+.1f"),
    "Points to": st.column_config.NumberColumn(format="%+.1f"),
    "Name": st.column_config.TextColumn(pinned=True),
}

frame("Runs", "Every finished training, kept until you delete it.")
draw_undo()
known = runs()
if not known:
    empty_state("No training is finished yet.", "pages/train.py", "Train a router")
else:
    st.dataframe(runs_frame(known), hide_index=True, width="stretch", column_config=COLUMNS)
    st.subheader("Side by side", anchor=False)
    chosen = choose_runs("runs_chosen", "Choose two to five runs", MAX_RUNS)
    if chosen:
        try:
            compare_runs(chosen)
        except DerError as error:
            notice(error)
    else:
        st.caption("Chosen runs are drawn over one another, with only the settings in which they differ.")
    st.subheader("One run", anchor=False)
    one = choose_run("run")
    if one is not None:
        draw_actions(one)
draw_unreadable()
draw_upload()
draw_deleted()
