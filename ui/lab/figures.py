"""Figures of the Reward lab, cached: the exact best routes of a reward on the held-out questions of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import streamlit as st

from der_core.config import DEPLOYABLE, PRESETS, CostMode, EpisodeConfig, RewardConfig, TrainConfig
from der_core.evaluation.reward_lab import BestRoutes, Weight, best_orders, best_routes, sweep, with_weight
from der_core.routing.cost import PriceChoice, choose_prices
from der_core.routing.sources import TableSource
from ui.shared.home import RecordingRef
from ui.shared.loaders import State, load_parts, state_of
from ui.shared.settings import REWARD, Scale

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


def lab_curve(ref: RecordingRef, config: TrainConfig, weight: Weight) -> tuple[tuple[float, BestRoutes], ...]:
    """Return the exact best routes over one weight, from its one end to the other, the present value among them."""
    # What the weight itself stands at is put to rest: the curve need not be computed again while its slider moves.
    resting = with_weight(config.reward, weight, 0.0)
    values = _values(weight)
    points = _sweep(ref, state_of(ref), resting, config.episode, config.ppo.discount, weight, values)
    return tuple(sorted({**dict(zip(values, points, strict=True)), present(config, weight): lab_figures(ref, config)}.items()))


def present(config: TrainConfig, weight: Weight) -> float:
    """Return where a weight stands on its curve; alpha 0 stands at the left end, since a log scale has no 0."""
    value = float(getattr(config.reward, weight))
    return max(value, ALPHA_ENDS[0]) if weight == "alpha" else value


def lab_figures(ref: RecordingRef, config: TrainConfig) -> BestRoutes:
    """Return the exact best routes on the held-out questions; IncompleteRecording or SettingsError where there are none."""
    return _figures(ref, state_of(ref), config.reward, config.episode, config.ppo.discount)


def lab_cost_note(ref: RecordingRef, config: TrainConfig) -> str:
    """Return in words what costs are made of, and which mode was taken where the one chosen has no figures."""
    priced = _priced(ref, state_of(ref), config.episode.cost_mode)
    return priced.told


@st.cache_data(max_entries=64, show_spinner=False)
def lab_orders(reward: RewardConfig, episode: EpisodeConfig, discount: float) -> tuple[tuple[str, ...], ...]:
    """Return the order that pays best for each of GAMMAS (rows) and BETAS (columns)."""
    return best_orders(reward, episode, discount, BETAS, GAMMAS)


def _values(weight: Weight) -> tuple[float, ...]:
    """The values of a curve: alpha in equal ratios; beta and gamma over their sliders, closer together near 0, where things change."""
    scale = REWARD[weight]
    assert isinstance(scale, Scale)
    values = np.geomspace(*ALPHA_ENDS, _N_VALUES) if weight == "alpha" else scale.high * np.linspace(0, 1, _N_VALUES) ** 2
    return tuple(round(float(value), 4) for value in values)


@st.cache_data(max_entries=512, show_spinner=False)
def _figures(ref: RecordingRef, state: State, reward: RewardConfig, episode: EpisodeConfig, discount: float) -> BestRoutes:
    return best_routes(_source(ref, state, episode.cost_mode), episode, reward, discount)


@st.cache_data(max_entries=128, show_spinner=False)
def _sweep(
    ref: RecordingRef,
    state: State,
    reward: RewardConfig,
    episode: EpisodeConfig,
    discount: float,
    weight: Weight,
    values: tuple[float, ...],
) -> tuple[BestRoutes, ...]:
    return sweep(_source(ref, state, episode.cost_mode), episode, reward, discount, weight, values)


@st.cache_resource(max_entries=10, show_spinner="Reading the recording")
def _source(ref: RecordingRef, state: State, mode: CostMode) -> TableSource:
    """The held-out questions under the prices of the training questions; replies count by their own word."""
    return TableSource(load_parts(ref).test, _priced(ref, state, mode).prices)


@st.cache_resource(max_entries=10, show_spinner=False)
def _priced(ref: RecordingRef, state: State, mode: CostMode) -> PriceChoice:
    parts = load_parts(ref)
    return choose_prices(parts.training, mode, DEPLOYABLE.calibration_samples, [parts.test])
