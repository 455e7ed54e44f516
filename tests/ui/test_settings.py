from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest
from homes import marked_preset
from pydantic import TypeAdapter
from streamlit.testing.v1 import AppTest

from der_core.config import DEPLOYABLE, PAPER, PRESETS, Algorithm, CostMode, End, Shaping, StateKind, TrainConfig
from ui.shared.settings import FIELDS, Options, Scale, Switch, changed_settings, matching_preset, settings_of, suggested_name


def page_of_settings() -> None:
    import streamlit as st

    from ui.shared.settings import train_settings

    st.session_state["read"] = train_settings("page").to_json()


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(page_of_settings, default_timeout=30).run()


def read(app: AppTest) -> TrainConfig:
    assert not app.exception
    return TypeAdapter(TrainConfig).validate_python(app.session_state["read"])


def test_a_page_begins_with_the_deployable_preset(app: AppTest) -> None:
    assert read(app) == DEPLOYABLE
    assert marked_preset(app, "page") == "deployable"


@pytest.mark.parametrize("name", PRESETS)
def test_choosing_a_preset_sets_every_setting(app: AppTest, name: str) -> None:
    app.slider(key="page_alpha").set_value(0.3)
    app.slider(key="page_t_max").set_value(6)
    app.number_input(key="page_seed").set_value(99).run()
    app.button(key=f"page_preset_{name}").click().run()
    assert settings_of(read(app)) == settings_of(PRESETS[name])
    assert app.slider(key="page_alpha").value == PRESETS[name].reward.alpha
    assert app.selectbox(key="page_end").value == PRESETS[name].episode.end
    assert marked_preset(app, "page") == name


def test_a_moved_slider_leaves_no_preset_marked_and_moving_it_back_does(app: AppTest) -> None:
    app.slider(key="page_alpha").set_value(0.1).run()
    assert marked_preset(app, "page") is None
    app.slider(key="page_alpha").set_value(DEPLOYABLE.reward.alpha).run()
    assert marked_preset(app, "page") == "deployable"


def test_every_widget_reaches_the_settings(app: AppTest) -> None:
    sliders = {"alpha": 0.2, "beta": 3.0, "gamma": 0.5, "p0": 0.7, "t_max": 5, "total_steps": 4_096}
    for name, value in sliders.items():
        app.slider(key=f"page_{name}").set_value(value)
    chosen = {"shaping": "paper", "end": "agreement", "state": "text", "cost_mode": "tokens"}
    for name, value in chosen.items():
        app.selectbox(key=f"page_{name}").set_value(value)
    for name in ("no_repeat", "fit_thresholds"):
        app.toggle(key=f"page_{name}").set_value(False)
    app.number_input(key="page_seed").set_value(11).run()
    assert settings_of(read(app)) == {**sliders, **chosen, "algorithm": "ppo", "no_repeat": False, "fit_thresholds": False, "seed": 11}
    read(app).check()


def test_the_planner_can_be_chosen(app: AppTest) -> None:
    app.selectbox(key="page_algorithm").set_value("planner").run()
    assert read(app) == replace(DEPLOYABLE, algorithm="planner")


def test_the_page_offers_every_setting_and_every_value_of_it() -> None:
    literals = {"shaping": Shaping, "end": End, "state": StateKind, "cost_mode": CostMode, "algorithm": Algorithm}
    for name, literal in literals.items():
        field = FIELDS[name]
        assert isinstance(field, Options) and set(field.names) == set(get_args(literal))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_every_preset_lies_on_the_scales(preset: TrainConfig) -> None:
    for name, value in settings_of(preset).items():
        assert FIELDS[name].clean(value, "not this") == value
        field = FIELDS[name]
        if isinstance(field, Scale):
            steps = (value - field.low) / field.step
            assert steps == pytest.approx(round(steps))


@pytest.mark.parametrize(
    ("given", "read_as"),
    [(0.25, 0.25), (-3, 0.0), (9e9, 0.5), (math.nan, 0.1), (math.inf, 0.1), ("0.2", 0.1), (None, 0.1), (True, 0.1), ([0.2], 0.1), (0, 0.0)],
)
def test_a_number_from_an_address_is_brought_onto_its_scale(given: object, read_as: float) -> None:
    cleaned = Scale("alpha", 0.0, 0.5, 0.005, "").clean(given, 0.1)
    assert cleaned == read_as and isinstance(cleaned, float)


def test_a_whole_number_stays_whole() -> None:
    cleaned = Scale("T_max", 1, 6, 1, "").clean(4.0, 3)
    assert cleaned == 4 and isinstance(cleaned, int)


@pytest.mark.parametrize("given", ["other", 3, None, ["paper"], True])
def test_a_choice_that_is_none_becomes_the_default(given: object) -> None:
    assert Options("Shaping", {"paper": "paper"}, "").clean(given, "default") == "default"
    assert Switch("No repeats", "").clean("yes", True) is True


def test_a_forged_value_does_not_reach_the_settings(app: AppTest) -> None:
    app.slider(key="page_alpha").set_value(77.0)
    app.number_input(key="page_seed").set_value(-5).run()
    read(app).check()
    assert 0 <= read(app).reward.alpha <= 0.5 and read(app).seed >= 0


def test_a_name_says_what_differs_from_the_nearest_preset() -> None:
    assert suggested_name(PAPER) == "paper"
    assert suggested_name(replace(DEPLOYABLE, seed=8)) == "deployable, seed 8"
    cheaper = replace(DEPLOYABLE, reward=replace(DEPLOYABLE.reward, alpha=0.1), ppo=replace(DEPLOYABLE.ppo, total_steps=65_536))
    assert suggested_name(cheaper) == "deployable, alpha 0.1, 65,536 steps"
    assert suggested_name(replace(cheaper, seed=8)) == "deployable, 3 changes"


def test_only_what_differs_is_told() -> None:
    other = replace(PAPER, episode=replace(PAPER.episode, t_max=2))
    assert changed_settings(other, PAPER) == {"t_max": 2}
    assert matching_preset(other) is None and matching_preset(PAPER) == "paper"
