"""Train: tune the reward, watch the router learn, keep the result as a run."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from der_core.config import DEPLOYABLE, SPLIT_SEED, CostMode, TrainConfig
from der_core.errors import DerError
from der_core.evaluation.experiment import Sizes, choose_splits, cut, settle_cost
from der_core.recording.table import Table
from der_core.routing.reward import describe_preference, prefers_right_at_once
from ui.shared.frame import frame
from ui.shared.home import RecordingRef
from ui.shared.loaders import load, recorded_experts, state_of
from ui.shared.parts import notice, plain, stop_with
from ui.shared.recording_choice import choose_part, choose_recording, stop_unless_readable
from ui.shared.settings import suggested_name, train_settings
from ui.shared.work import start_training, this_tab, training_process
from ui.train.live import is_training, show_training
from ui.train.result import show_result

MAX_NAME = 60
FEW_QUESTIONS = 100
"""Below so many questions a training warns of what it cannot show."""


def show_preference(config: TrainConfig) -> None:
    """Say in one sentence what the chosen reward likes best."""
    chosen = config.reward, config.episode, config.ppo.discount
    icon = ":green[:material/thumb_up:]" if prefers_right_at_once(*chosen) else ":orange[:material/warning:]"
    st.markdown(f"{icon} {describe_preference(*chosen)}")


def describe_data(ref: RecordingRef, experts: Sequence[str], mode: CostMode) -> str | None:
    """Return in a sentence what the chosen experts' recording holds, and where it lacks figures for costs in `mode`.

    None where it cannot be trained on, with the reason on the page.
    """
    recorded = recorded_experts(ref)
    if not experts and recorded:
        st.warning("Choose at least one expert that the router may ask.", icon=":material/groups:")
        return None
    try:
        table = load(ref, experts)
        key = (ref, state_of(ref), *experts)
        counted, not_counted = part_sizes(key, table)
        note = cost_note(key, mode, table)
    except DerError as error:
        notice(error)
        st.page_link("pages/record.py", label="Go on with this recording", icon=":material/arrow_forward:")
        return None
    warn_of_few(counted)
    whole = f" of its {len(recorded)}" if table.n_experts < len(recorded) else ""
    without = f"; {not_counted.total:,} without an answer are not counted" if not_counted.total else ""
    return (
        f"{plain(ref.title)}, {table.n_experts}{whole} experts, {table.n_questions:,} recorded questions: {counted.training:,} to learn from, "
        f"{counted.validation:,} to choose thresholds by, {counted.test:,} held out for the comparison{without}. {plain(note)}"
    ).strip()


def warn_of_few(counted: Sizes) -> None:
    """Say what a comparison on few held-out questions cannot show."""
    if counted.total < FEW_QUESTIONS:
        half = 100 * 1.96 * math.sqrt(0.7 * 0.3 / max(counted.test, 1))  # of a normal interval around 70 % right
        st.warning(
            f"This recording has {counted.total} questions with an answer, {counted.test} of them held out: a router that is right on 70 % of those "
            f"may as well be right on {half:.0f} points more or less, so this training can try things out but shows no difference between routers. "
            f"Record {FEW_QUESTIONS} questions or more.",
            icon=":material/group_off:",
        )


@st.cache_data(max_entries=16, show_spinner=False)
def part_sizes(key: Hashable, _table: Table) -> tuple[Sizes, Sizes]:
    """Return the sizes of the parts that a training on the table named `key` will use, and how many questions of each are not counted."""
    parts = cut(_table, choose_splits(_table.questions, SPLIT_SEED, None, None))
    return Sizes(parts.training.n_questions, parts.validation.n_questions, parts.test.n_questions), parts.not_counted


@st.cache_data(max_entries=32, show_spinner=False)
def cost_note(key: Hashable, mode: CostMode, _table: Table) -> str:
    """Return in a sentence which cost mode a training on the table named `key` takes instead of `mode`; "" where that has figures."""
    parts = cut(_table, choose_splits(_table.questions, SPLIT_SEED, None, None))
    return settle_cost(parts, replace(DEPLOYABLE, episode=replace(DEPLOYABLE.episode, cost_mode=mode))).note


def choose_name(suggested: str) -> str:
    """Draw the name of the run and return it; left empty it is the suggested one."""
    typed = st.text_input(
        "Name of the run",
        key="train_name",
        placeholder=suggested,
        max_chars=MAX_NAME,
        persist_state="session",
        label_visibility="collapsed",
    )
    return typed.strip()[:MAX_NAME] or suggested


def start(ref: RecordingRef, experts: Sequence[str], config: TrainConfig, name: str) -> None:
    """Start the training and draw the page again, this time with it."""
    try:
        config.check()
        start_training(ref, config, name, datetime.now(UTC).isoformat(timespec="seconds"), this_tab(), experts)
    except DerError as error:
        notice(error)
    else:
        st.rerun()


frame("Train", "Choose what a good route is worth, then watch the router learn it from the recorded replies. No expert is asked.")
stop_unless_readable()
settings, stage = st.columns([1, 2], gap="medium")
with settings:
    ref = choose_recording("train_recording")
if ref is None:
    stop_with("There is no recording to learn from yet.", "pages/record.py", "Record some replies")
with settings:
    experts = choose_part("train_experts", ref)
    config = train_settings("train")
n_recorded = len(recorded_experts(ref))
is_part = 0 < len(experts) < n_recorded
with stage:
    show_preference(config)
    told = describe_data(ref, experts, config.episode.cost_mode)
    busy = is_training()
    name_place, button_place = st.columns([3, 2], vertical_alignment="bottom")
    with name_place:
        name = choose_name(suggested_name(config) + (f", {len(experts)} of {n_recorded} experts" if is_part else ""))
    pressed = button_place.button(
        "Train", key="train_start", type="primary", icon=":material/play_arrow:", disabled=busy or told is None, width="stretch"
    )
    if busy:
        st.caption("One training at a time: this one has to end or be stopped before the next.")
    elif told is not None:
        st.caption(told)
    if pressed and not busy:
        start(ref, experts, config, name)
    result_place = st.container()
    job = show_training()
    with result_place:
        if job is not None and job.result is not None:
            show_result(job.result)
training_process.prepare()  # last, since loading it takes part of the machine for seconds
