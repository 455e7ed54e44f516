"""Figures of the Reward lab, cached: the exact best routes of a reward on the held-out questions of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import streamlit as st

from der_core.config import DEPLOYABLE, PRESETS, CostMode, EpisodeConfig, RewardConfig, TrainConfig
from der_core.evaluation.reward_lab import BestRoutes, Weight, best_orders, best_routes, sweep
from der_core.routing.cost import fit_prices
from der_core.routing.sources import TableSource
from ui.home import RecordingRef
from ui.loaders import Stamp, load_parts, stamp
from ui.settings import REWARD, Scale

SETTINGS = ("alpha", "beta", "gamma", "shaping", "t_max", "end", "cost_mode", "no_repeat")
"""What the lab lets people change, by field of the settings."""
WEIGHTS: tuple[Weight, ...] = get_args(Weight)
ALPHA_ENDS = (0.001, 10.0)
"""Ends of the curve over alpha: far beyond the slider, to where cost outweighs a right answer."""
BETAS = tuple(round(0.25 * place, 2) for place in range(25))
GAMMAS = tuple(round(0.25 * place, 2) for place in range(13))
_N_VALUES = 15


def lab_config(drawn: Mapping[str, Any]) -> TrainConfig:  # Any: values of different fields
    """Return the settings of a training with the reward that was drawn: the preset they are, else the deployable one, changed."""
    reward = {name: value for name, value in drawn.items() if name in REWARD}
    episode = {name: value for name, value in drawn.items() if name not in REWARD}
    changed = [
        replace(preset, reward=replace(preset.reward, **reward), episode=replace(preset.episode, **episode))
        for preset in (*PRESETS.values(), DEPLOYABLE)
    ]
    return next((config for config in changed if config in PRESETS.values()), changed[-1])


def sweep_values(weight: Weight, present: float) -> tuple[float, ...]:
    """Return the values of a weight that its curve goes through, `present` among them; alpha in equal ratios, the others in equal steps."""
    if weight == "alpha":
        values = np.geomspace(*ALPHA_ENDS, _N_VALUES)
        present = max(present, ALPHA_ENDS[0])  # a log scale has no 0
    else:
        scale = REWARD[weight]
        assert isinstance(scale, Scale)
        values = np.linspace(scale.low, scale.high, _N_VALUES)
    return tuple(sorted({*(round(float(value), 6) for value in values), present}))


def lab_figures(ref: RecordingRef, config: TrainConfig) -> BestRoutes:
    """Return the exact best routes on the held-out questions; IncompleteRecording or SettingsError where there are none."""
    return _figures(ref, stamp(ref.file), config.reward, config.episode, config.ppo.discount)


def lab_sweep(ref: RecordingRef, config: TrainConfig, weight: Weight, values: tuple[float, ...]) -> tuple[BestRoutes, ...]:
    """Return the exact best routes for each value of one weight."""
    # What the weight itself stands at makes no difference: the curve stays while its slider moves.
    resting = replace(config.reward, **_at_rest(weight))
    known = _sweep(ref, stamp(ref.file), resting, config.episode, config.ppo.discount, weight, values)
    return known


@st.cache_data(max_entries=64, show_spinner=False)
def lab_orders(reward: RewardConfig, episode: EpisodeConfig, discount: float) -> tuple[tuple[str, ...], ...]:
    """Return the order that pays best for each of GAMMAS (rows) and BETAS (columns)."""
    return best_orders(reward, episode, discount, BETAS, GAMMAS)


def _at_rest(weight: Weight) -> dict[str, Any]:  # Any: replace() cannot tell which field the name is of
    return {weight: 0.0}


@st.cache_data(max_entries=512, show_spinner=False)
def _figures(ref: RecordingRef, state: Stamp, reward: RewardConfig, episode: EpisodeConfig, discount: float) -> BestRoutes:
    return best_routes(_source(ref, state, episode.cost_mode), episode, reward, discount)


@st.cache_data(max_entries=128, show_spinner=False)
def _sweep(
    ref: RecordingRef,
    state: Stamp,
    reward: RewardConfig,
    episode: EpisodeConfig,
    discount: float,
    weight: Weight,
    values: tuple[float, ...],
) -> tuple[BestRoutes, ...]:
    return sweep(_source(ref, state, episode.cost_mode), episode, reward, discount, weight, values)


@st.cache_resource(max_entries=10, show_spinner="Reading the recording")
def _source(ref: RecordingRef, state: Stamp, mode: CostMode) -> TableSource:
    """The held-out questions under the prices of the training questions; replies count by their own word."""
    parts = load_parts(ref, seed=DEPLOYABLE.seed)
    return TableSource(parts.test, fit_prices(parts.training, mode, DEPLOYABLE.calibration_samples))
