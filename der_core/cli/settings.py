"""From parsed options to the settings of the package."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from der_core.config import PRESETS, AskOptions, CostMode, ExpertSpec, Style, TrainConfig
from der_core.errors import SettingsError
from der_core.experts.locating import with_file
from der_core.experts.pool import parse_experts
from der_core.experts.weights import GgufFiles, installed_weights

_REWARD = {"alpha": "alpha", "beta": "beta", "gamma": "gamma", "p0": "p0", "shaping": "shaping", "repeat_penalty": "repeat_penalty"}
_EPISODE = {"tmax": "t_max", "end": "end", "state": "state", "no_repeat": "no_repeat", "confidence": "confidence"}
_PPO = {"ppo_steps": "total_steps", "ppo_rollout": "n_steps", "ppo_patience": "patience", "ppo_device": "device"}
_AROUND_A_PATH = re.compile(rf"(--[\w-]+=|(?:[^=:/\\]+=)?gguf:)?(.*?)((?:@(?:{'|'.join(get_args(Style))}))?(?:\+held)?)", re.DOTALL)
_TRAIN = {"fit_thresholds": "fit_thresholds", "calib_lat_samples": "calibration_samples"}


def train_config(arguments: argparse.Namespace) -> TrainConfig:
    """Return the preset's settings with every given option put in its place, checked."""
    preset = PRESETS[arguments.preset]
    if arguments.algorithm == "planner":
        _check_planner(arguments)
        preset = replace(preset, algorithm="planner", episode=replace(preset.episode, end="stop_action", state="features"))
    mode = _seconds_mode(arguments.cost_mode, normalize=arguments.normalize_cost)
    episode = _given(arguments, _EPISODE) | ({} if mode is None else {"cost_mode": mode})
    config = replace(
        preset,
        reward=replace(preset.reward, **_given(arguments, _REWARD)),
        episode=replace(preset.episode, **episode),
        ppo=replace(preset.ppo, **_given(arguments, _PPO)),
        seed=arguments.seed,
        encoder=arguments.encoder,
        **_given(arguments, _TRAIN),
    )
    config.check()
    return config


def _seconds_mode(mode: CostMode | None, *, normalize: bool | None) -> CostMode | None:
    """Return the cost mode that the options name: `normalize` divides seconds by each expert's own median, or else by one number for all."""
    if normalize is None:
        return mode
    if mode not in (None, "latency", "compute"):
        raise SettingsError(
            f"--{'' if normalize else 'no-'}normalize-cost says what seconds are divided by, and cost mode {mode} counts none. Leave one of them out."
        )
    return "latency" if normalize else "compute"


def _check_planner(arguments: argparse.Namespace) -> None:
    """Raise SettingsError where an option was given that a planner would take no notice of."""
    given = [name for name in (*_PPO, "state") if getattr(arguments, name) is not None]
    if given:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise SettingsError(f"{named} says how PPO learns, which the planner does not. Leave it out, or choose --algorithm ppo.")


def ask_options(arguments: argparse.Namespace) -> AskOptions:
    """Return how experts are to be called, checked."""
    options = AskOptions(
        context_tokens=arguments.context_tokens,
        threads=arguments.threads,
        states_folder=str(Path(arguments.models).resolve().parent / "states"),
        connect_timeout_s=arguments.ollama_connect_timeout,
        read_timeout_s=arguments.ollama_timeout,
        patience_s=arguments.patience,
        retries=arguments.ollama_retries,
        backoff_s=arguments.ollama_backoff,
        allow_remote=arguments.allow_remote,
    )
    options.check()
    return options


def expert_specs(arguments: argparse.Namespace) -> list[ExpertSpec]:
    """Return the experts asked for, with an address where they have one of their own, and model files where they are."""
    models = Path(arguments.models).resolve()
    return [with_file(spec, installed_files(arguments)) for spec in parse_experts(arguments.experts, models=models, read_files=True)]


def installed_files(arguments: argparse.Namespace) -> GgufFiles:
    """Return the model files that came with the installation, by file name."""
    return GgufFiles(installed_weights(), (), Path(arguments.models).resolve())


def command_words() -> list[str]:
    """Return the command as it can be repeated elsewhere: files by their names, without the folders of this machine."""
    return ["python", "-m", "der_core", *(_portable(word) for word in sys.argv[1:])]


def _portable(word: str) -> str:
    """A word without its folder where it names one, whatever stands before and behind; what is yet to be written counts too."""
    parts = _AROUND_A_PATH.fullmatch(word)
    assert parts is not None  # every part may be empty
    before, bare, behind = parts.groups(default="")
    place = Path(bare)
    return f"{before}{place.name}{behind}" if place.exists() or place.is_absolute() else word


def _given(arguments: argparse.Namespace, names: dict[str, str]) -> dict[str, Any]:  # Any: values of different options
    return {field: getattr(arguments, option) for option, field in names.items() if getattr(arguments, option) is not None}
