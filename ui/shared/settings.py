"""The settings of a training as widgets: presets, reward, route and learning; used by Train and by the Reward lab.

Every widget has the key `<page>_<field>`, lives in the address and is checked again here, since an address
can hold anything. A preset sets all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from der_core.config import DEPLOYABLE, PRESETS, EpisodeConfig, RewardConfig, TrainConfig

Value = float | int | str | bool
DEFAULT_PRESET = "deployable"


@dataclass(frozen=True)
class Scale:
    """A setting on a scale: a slider from `low` to `high` (or a field to type into), in steps; whole where the step is."""

    label: str
    low: float
    high: float
    step: float
    help: str
    typed: bool = False

    def clean(self, value: object, default: Value) -> Value:
        """Return `value` within the scale, `default` for what is no number."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return default
        within = min(max(value, self.low), self.high)
        return int(within) if isinstance(self.step, int) else round(float(within), 6)

    def bounds(self, default: Value) -> dict[str, Any]:  # Any: all whole or all real, as the widgets want them
        """Return the numbers that the widget needs."""
        kind = type(self.step)
        numbers = {"min_value": self.low, "max_value": self.high, "value": default, "step": self.step}
        return {name: kind(number) for name, number in numbers.items()}


@dataclass(frozen=True)
class Options:
    """A setting with a few values, each with what it is called on the page."""

    label: str
    names: Mapping[str, str]
    help: str

    def clean(self, value: object, default: Value) -> Value:
        """Return `value` where it is one of the options, else `default`."""
        return value if isinstance(value, str) and value in self.names else default


@dataclass(frozen=True)
class Switch:
    """A setting that is on or off."""

    label: str
    help: str

    def clean(self, value: object, default: Value) -> Value:
        """Return `value` where it is on or off, else `default`."""
        return value if isinstance(value, bool) else default


Setting = Scale | Options | Switch

REWARD: dict[str, Setting] = {
    "alpha": Scale("alpha: weight of cost", 0.0, 0.5, 0.005, "What one unit of cost takes from the reward of a call."),
    "beta": Scale("beta: weight of progress", 0.0, 6.0, 0.1, "What a change in quality from one answer to the next is worth."),
    "gamma": Scale("gamma: end bonus", 0.0, 3.0, 0.1, "Earned for ending on a good answer, lost for ending on a bad one."),
    "p0": Scale(
        "p0: good enough", 0.05, 1.0, 0.05, "Quality from which an answer is good enough. Yes/no answers are 0 or 1: any value is the same."
    ),
    "shaping": Options(
        "Shaping",
        {"potential": "potential", "paper": "paper"},
        "paper: as published; pays quality at every step. potential: pays only the change, so that no detour pays.",
    ),
}
EPISODE: dict[str, Setting] = {
    "t_max": Scale("T_max: longest route, calls", 1, 6, 1, "A route ends after so many calls at the latest."),
    "end": Options(
        "End of a route",
        {
            "stop_action": "learned STOP",
            "gold": "gold answer (oracle)",
            "confidence": "confident reply",
            "agreement": "two agree",
            "never": "only T_max",
        },
        "gold looks at the right answer while training: an oracle, which no one has at run time. All others need no gold answer.",
    ),
    "state": Options(
        "State",
        {"features": "features", "text": "text"},
        "What the router sees. text: the question and the last answer as one vector. features: question, passage, confidence, who was asked.",
    ),
    "cost_mode": Options(
        "Cost mode",
        {
            "compute": "compute seconds",
            "latency": "latency, own median",
            "tokens": "tokens",
            "params": "parameters",
            "wall": "wall seconds",
        },
        "What a call costs. latency divides by the expert's own median, so every expert costs about 1: it erases prices between experts.",
    ),
    "no_repeat": Switch(
        "No repeats", "No expert is asked twice in a row: a repeated choice goes to the next expert instead, and is charged a little."
    ),
}
LEARNING: dict[str, Setting] = {
    "algorithm": Options(
        "Algorithm",
        {"ppo": "PPO", "planner": "planner"},
        "PPO learns by trial on the recording. planner estimates what each expert will say and whether that is right, and plans all calls "
        "and the learned STOP; it is there in a second, and takes no notice of the state and the steps.",
    ),
    "total_steps": Scale("PPO steps", 2_048, 65_536, 2_048, "Calls that the router learns from, all replayed from the recording."),
    "seed": Scale(
        "Seed",
        0,
        9_999,
        1,
        "Of the network and the exploration: the same seed gives the same router. The split into training and test questions stays the same.",
        typed=True,
    ),
    "fit_thresholds": Switch(
        "Fit yes/no thresholds", "Corrects experts that lean to one answer, on training questions only. Needs P(yes)."
    ),
}
FIELDS = REWARD | EPISODE | LEARNING


def train_settings(page: str) -> TrainConfig:
    """Draw presets and all settings, in tabs so that they stay beside what they change, and return the settings chosen."""
    place = st.container()
    reward_tab, route_tab, learning_tab = st.tabs(["Reward", "Route", "Learning"])
    with reward_tab:
        reward = reward_settings(page)
    with route_tab:
        episode = episode_settings(page)
    with learning_tab:
        config = learning_settings(page, replace(DEPLOYABLE, reward=reward, episode=episode))
    with place:
        choose_preset(page, config)
    return config


def reward_settings(page: str) -> RewardConfig:
    """Draw the weights of the reward and return them."""
    drawn: dict[str, Any] = {name: _draw(page, name) for name in REWARD}  # Any: fields of the config
    return replace(DEPLOYABLE.reward, **drawn)


def episode_settings(page: str) -> EpisodeConfig:
    """Draw how a route runs and ends, and return it."""
    drawn: dict[str, Any] = {name: _draw(page, name) for name in EPISODE}  # Any: fields of the config
    return replace(DEPLOYABLE.episode, **drawn)


def learning_settings(page: str, config: TrainConfig) -> TrainConfig:
    """Draw how long and from which seed the router learns, and return `config` with it."""
    drawn: dict[str, Any] = {name: _draw(page, name) for name in LEARNING}  # Any: fields of the config
    return replace(
        config,
        algorithm=drawn["algorithm"],
        ppo=replace(config.ppo, total_steps=drawn["total_steps"]),
        seed=drawn["seed"],
        fit_thresholds=drawn["fit_thresholds"],
    )


def some_settings(page: str, names: Sequence[str], preset: str = DEFAULT_PRESET) -> dict[str, Any]:  # Any: values of different fields
    """Draw some of the settings, one below the other, at first those of a preset, and return them by field."""
    return {name: _draw(page, name, preset) for name in names}


def in_address(page: str, config: TrainConfig, names: Sequence[str]) -> dict[str, str]:
    """Return the query parameters that open `page` with these settings of `config`."""
    shown = settings_of(config)
    return {f"{page}_{name}": _written(FIELDS[name], shown[name]) for name in names}


def carry_settings(page: str, config: TrainConfig, names: Sequence[str]) -> None:
    """Put these settings of `config` where `page` will find them.

    An address alone cannot: a value in it that is the default does not replace what the page remembers.
    """
    shown = settings_of(config)
    for name in names:
        st.session_state[f"{page}_{name}"] = shown[name]


def _written(field: Setting, value: Value) -> str:
    return field.names[str(value)] if isinstance(field, Options) else str(value).lower() if isinstance(value, bool) else str(value)


def choose_preset(page: str, config: TrainConfig) -> None:
    """Draw the presets, the one that `config` equals marked; choosing one sets every setting of the page.

    Buttons, not a widget with a value of its own: while settings move fast, a browser sends along the mark
    that it saw last, and a preset taken from that would undo the moves.
    """
    marked = matching_preset(config)
    labelled = st.container(gap="xxsmall")
    labelled.markdown(":small[Preset]")
    with labelled.container(horizontal=True, gap="xsmall"):
        for name in PRESETS:
            icon = ":material/check:" if name == marked else None
            key, told = f"{page}_preset_{name}", _PRESET_HELP[name]
            st.button(name, key=key, icon=icon, help=told, width="stretch", on_click=_apply_preset, args=(page, name))


def matching_preset(config: TrainConfig) -> str | None:
    """Return the preset whose settings on the page `config` has, None where some differ."""
    shown = settings_of(config)
    return next((name for name, preset in PRESETS.items() if settings_of(preset) == shown), None)


def changed_settings(config: TrainConfig, preset: TrainConfig) -> dict[str, Value]:
    """Return the settings of `config` that differ from those of `preset`, by field."""
    base = settings_of(preset)
    return {name: value for name, value in settings_of(config).items() if value != base[name]}


def settings_of(config: TrainConfig) -> dict[str, Value]:
    """Return the settings that the page shows, by field."""
    parts = (config.reward, config.episode, config.ppo, config)
    return {name: next(getattr(part, name) for part in parts if hasattr(part, name)) for name in FIELDS}


def suggested_name(config: TrainConfig) -> str:
    """Return a name for a run of these settings: the preset, or the nearest one and what is changed."""
    name, changes = min(((name, changed_settings(config, preset)) for name, preset in PRESETS.items()), key=lambda pair: len(pair[1]))
    told = [_told(field, value) for field, value in changes.items()]
    if not told:
        return name
    return f"{name}, {', '.join(told)}" if len(told) <= 2 else f"{name}, {len(told)} changes"


def _told(field: str, value: Value) -> str:
    if field == "total_steps":
        return f"{value:,} steps"
    return f"{field} {value:g}" if isinstance(value, float) else f"{field} {value}"


_PRESET_HELP = {
    "paper": "As published; routes end on the gold answer while training (oracle).",
    "deployable": "The router learns to stop and needs no gold answer.",
}


def _draw(page: str, name: str, preset: str = DEFAULT_PRESET) -> Value:
    field, default, key = FIELDS[name], settings_of(PRESETS[preset])[name], f"{page}_{name}"
    value: object
    if isinstance(field, Scale):
        value = _draw_scale(field, key, default)
    elif isinstance(field, Options):
        value = st.selectbox(
            field.label,
            list(field.names),
            list(field.names).index(str(default)),
            key=key,
            format_func=field.names.__getitem__,
            help=field.help,
            bind="query-params",
            persist_state="session",
        )
    else:
        value = st.toggle(field.label, bool(default), key=key, help=field.help, bind="query-params", persist_state="session")
    return field.clean(value, default)


def _draw_scale(field: Scale, key: str, default: Value) -> object:
    options: dict[str, Any] = {"key": key, "help": field.help, "bind": "query-params", "persist_state": "session"}  # Any: see bounds
    if field.typed:
        return st.number_input(field.label, **field.bounds(default), **options)
    return st.slider(field.label, **field.bounds(default), **options, format="%.3f" if field.step < 0.01 else None)


def _apply_preset(page: str, name: str) -> None:
    for field, value in settings_of(PRESETS[name]).items():
        st.session_state[f"{page}_{field}"] = value
