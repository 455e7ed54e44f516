"""The Reward lab in every state: nothing recorded, replies missing, recorded; every figure against der_core."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_questions, make_spec
from homes import Home, marked_preset, open_page
from streamlit.testing.v1 import AppTest

import ui.lab.figures as lab
from der_core.config import DEPLOYABLE, PAPER, EpisodeConfig, RewardConfig, TrainConfig
from der_core.evaluation.reward_lab import BestRoutes, Liking, best_orders, best_routes
from der_core.evaluation.statistics import Interval
from der_core.recording.store import Store
from der_core.routing.cost import fit_prices
from der_core.routing.reward import describe_preference, order_returns
from der_core.routing.sources import TableSource
from ui.lab import charts
from ui.shared.home import RecordingRef
from ui.shared.loaders import load_parts
from ui.shared.parts import number, percent
from ui.shared.settings import in_address

PAGE = "pages/reward_lab.py"


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning, *app.error, *app.success, *app.info]
    return "\n".join(str(element.value) for element in shown)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def ref_of(home: Home) -> RecordingRef:
    return RecordingRef(home.store, home.recording)


def expected(home: Home, config: TrainConfig) -> BestRoutes:
    parts = load_parts(ref_of(home))
    prices = fit_prices(parts.training, config.episode.cost_mode, config.calibration_samples)
    return best_routes(TableSource(parts.test, prices), config.episode, config.reward, config.ppo.discount)


def assert_shows(app: AppTest, figures: BestRoutes) -> None:
    assert not app.exception
    assert metrics(app) == {
        "Right": percent(figures.accuracy, 0),
        "Cost": number(figures.cost),
        "Calls": number(figures.calls),
        "Stops early": percent(figures.stopped_early, 0),
        "Wrong first": percent(figures.wrong_first, 0),
    }
    interval = f"95 % interval {percent(figures.interval.low)} to {percent(figures.interval.high)}."
    assert f"Right on {percent(figures.accuracy)}, {interval}" in words(app)


def test_without_a_recording_the_page_says_where_to_make_one(empty_home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "There is no recording" in words(app)
    assert "record" in [link.proto.page for link in app.get("page_link") if link.proto.label == "Record some replies"]


def test_a_recording_without_replies_is_one_line_and_the_reward_is_shown_all_the_same(empty_home: Home) -> None:
    with Store.open(empty_home.store) as store:
        store.start_recording("begun")
        store.add_questions("begun", make_questions(3))
        store.add_experts("begun", [make_spec()])
    app = open_page(PAGE)
    assert not app.exception
    assert "has no complete question" in app.error[0].value
    assert not app.metric
    assert len(app.get("echarts_chart")) == 2


def test_a_damaged_store_is_one_line(empty_home: Home) -> None:
    empty_home.store.parent.mkdir(parents=True)
    empty_home.store.write_bytes(b"this is no recording" * 100)
    app = open_page(PAGE)
    assert not app.exception
    assert len(app.error) == 1


def test_the_page_opens_where_something_happens_and_repairs_it_at_a_press(recorded_home: Home) -> None:
    app, figures = open_page(PAGE), expected(recorded_home, PAPER)
    assert_shows(app, figures)
    assert marked_preset(app, "lab") == "paper" and figures.wrong_first > 0.5
    assert (
        f"On {percent(figures.wrong_first, 0)} of the held-out questions its best route begins with a wrong answer" in app.warning[0].value
    )
    app.button("lab_repair").click().run()
    repaired = replace(PAPER, reward=replace(PAPER.reward, shaping="potential"))
    assert_shows(app, expected(recorded_home, repaired))
    assert not app.warning and metrics(app)["Wrong first"] == "0 %"
    assert not [button for button in app.button if button.key == "lab_repair"]


def test_the_deployable_reward_and_its_exact_best_routes(recorded_home: Home) -> None:
    app = open_page(PAGE)
    app.button("lab_preset_deployable").click().run()
    assert_shows(app, expected(recorded_home, DEPLOYABLE))
    assert marked_preset(app, "lab") == "deployable"
    assert "no route earns more under this reward on this recording, replies counted by their own word" in words(app)
    assert describe_preference(DEPLOYABLE.reward, DEPLOYABLE.episode, 0.95) in words(app)


def test_a_preset_sets_every_control(recorded_home: Home) -> None:
    app = open_page(PAGE)
    app.button("lab_preset_paper").click().run()
    assert_shows(app, expected(recorded_home, PAPER))
    assert app.slider("lab_alpha").value == PAPER.reward.alpha
    assert "this reward pays for being wrong first" in app.warning[0].value


def test_moving_a_weight_changes_the_figures_at_once(recorded_home: Home) -> None:
    app = open_page(PAGE)
    app.slider("lab_beta").set_value(0.0).run()
    config = replace(PAPER, reward=replace(PAPER.reward, beta=0.0))
    assert_shows(app, expected(recorded_home, config))
    assert metrics(app)["Wrong first"] == "0 %"
    app.slider("lab_beta").set_value(2.0).run()
    assert_shows(app, expected(recorded_home, replace(config, reward=replace(config.reward, beta=2.0))))
    assert metrics(app)["Wrong first"] != "0 %"


def test_a_link_reproduces_the_view(recorded_home: Home) -> None:
    app = open_page(PAGE, lab_beta="3.5", lab_gamma="0.5", lab_shaping="paper", lab_t_max="2", lab_cost_mode="tokens", lab_weight="gamma")
    reward = replace(PAPER.reward, beta=3.5, gamma=0.5)
    config = replace(PAPER, reward=reward, episode=replace(PAPER.episode, t_max=2, cost_mode="tokens"))
    assert_shows(app, expected(recorded_home, config))
    assert app.segmented_control("lab_weight").value == "gamma"


@pytest.mark.parametrize(
    "address", [{"lab_alpha": "-4"}, {"lab_beta": "nan"}, {"lab_shaping": "<b>"}, {"lab_weight": "p0"}, {"lab_t_max": "99"}]
)
def test_what_an_address_may_not_hold_changes_nothing_bad(recorded_home: Home, address: dict[str, str]) -> None:
    app = open_page(PAGE, **address)
    assert not app.exception
    assert not app.error
    assert metrics(app)["Right"].endswith("%")


def test_another_cost_mode_is_taken_where_the_chosen_one_has_no_figures(recorded_home: Home) -> None:
    with closing(sqlite3.connect(recorded_home.store)) as db, db:
        db.execute("UPDATE replies SET generated_tokens = NULL")
    app = open_page(PAGE, lab_cost_mode="compute seconds")
    assert not app.exception and not app.error
    assert "Cost mode compute lacks token counts and seconds of cheap, middling, dear, so costs are in mode params" in words(app)
    assert metrics(app)["Cost"] != "–"


def test_a_recording_that_nothing_can_price_is_one_line(recorded_home: Home) -> None:
    with closing(sqlite3.connect(recorded_home.store)) as db, db:
        db.execute("UPDATE replies SET generated_tokens = NULL, wall_s = NULL")
        db.execute("UPDATE recorded_experts SET spec = json_remove(spec, '$.params_billions')")
    app = open_page(PAGE)
    assert not app.exception
    assert app.error[0].value.startswith("Nothing can be priced.")


# --- the curve ---


def lab_settings(**reward: object) -> TrainConfig:
    return replace(DEPLOYABLE, reward=replace(DEPLOYABLE.reward, **reward))


@pytest.mark.parametrize("weight", lab.WEIGHTS)
def test_the_curve_goes_through_the_present_value(recorded_home: Home, weight: str) -> None:
    config = lab_settings()
    curve = dict(lab.lab_curve(ref_of(recorded_home), config, weight))
    assert curve[lab.present(config, weight)] == lab.lab_figures(ref_of(recorded_home), config)
    assert list(curve) == sorted(curve)
    assert len(curve) >= 15


def test_every_point_of_the_curve_is_an_optimum_of_its_own(recorded_home: Home) -> None:
    config = lab_settings(shaping="paper")
    for value, point in lab.lab_curve(ref_of(recorded_home), config, "beta")[::5]:
        assert point == expected(recorded_home, replace(config, reward=replace(config.reward, beta=value)))


def test_moving_the_weight_of_the_curve_does_not_compute_it_again(recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[float] = []
    monkeypatch.setattr(lab, "sweep", lambda *given: swept.append(given[2].beta) or tuple([FIGURES] * len(given[-1])))
    for beta in (0.5, 1.5, 2.5):
        lab.lab_curve(ref_of(recorded_home), lab_settings(beta=beta), "beta")
    assert swept == [0.0]
    lab.lab_curve(ref_of(recorded_home), lab_settings(gamma=2.0), "beta")
    assert len(swept) == 2


def test_no_cost_stands_at_the_left_end_of_a_log_scale() -> None:
    assert lab.present(lab_settings(alpha=0.0), "alpha") == lab.ALPHA_ENDS[0]
    assert lab.present(lab_settings(beta=0.0), "beta") == 0.0


# --- on to Train ---


def test_train_opens_with_the_reward_of_the_lab(recorded_home: Home) -> None:
    app = open_page("pages/train.py", train_alpha="0.2")
    app = app.switch_page(PAGE).run()
    app.slider("lab_beta").set_value(2.5)
    app.selectbox("lab_shaping").set_value("paper").run()
    app.button("lab_train").click().run()
    assert not app.exception
    assert app.title[0].value == "Train"
    assert (app.slider("train_beta").value, app.selectbox("train_shaping").value) == (2.5, "paper")
    assert app.slider("train_alpha").value == PAPER.reward.alpha


def test_the_address_of_train_says_what_its_widgets_say() -> None:
    config = replace(DEPLOYABLE, episode=EpisodeConfig(end="gold", no_repeat=False))
    assert in_address("train", config, ["beta", "end", "no_repeat"]) == {
        "train_beta": "1.2",
        "train_end": "gold answer (oracle)",
        "train_no_repeat": "false",
    }


def test_settings_that_are_a_preset_are_told_to_be_it() -> None:
    drawn = {name: getattr(PAPER.reward if name in ("alpha", "beta", "gamma", "shaping") else PAPER.episode, name) for name in lab.SETTINGS}
    assert lab.lab_config(drawn) == PAPER
    assert lab.lab_config({**drawn, "beta": 3.0}).episode.state == DEPLOYABLE.episode.state


# --- what is drawn ---

FIGURES = BestRoutes(10, 0.9, Interval(0.6, 0.98), 1.5, 1.2, 1.0, 0.25, Interval(0.1, 0.5), 2.0, (0.5, 0.5))


def test_the_best_order_is_on_top_and_right_at_once_is_always_shown() -> None:
    episode = EpisodeConfig(end="stop_action", t_max=5)
    returns = order_returns(RewardConfig(), episode, 0.95)
    shown = charts.shown_orders(returns)
    assert len(shown) == charts.MOST_ORDERS
    assert shown[0] == returns[0]
    assert "R" in [row.order for row in shown] and "R" not in [row.order for row in returns[: charts.MOST_ORDERS]]


def test_bars_carry_the_returns_of_the_orders() -> None:
    episode = EpisodeConfig(end="gold")
    returns = order_returns(PAPER.reward, episode, 0.95)
    option = charts.orders_chart(returns, episode)
    assert option["yAxis"]["data"] == [charts.order_signs(row.order) for row in returns]
    drawn = {series["name"]: [value for value in series["data"] if value is not None] for series in option["series"]}
    assert drawn["right at once"] == [1.995]
    assert drawn["wrong first, then right"][0] == 3.03
    assert "wrong then right 3.03" in charts.orders_alt(returns)


def test_the_curve_marks_where_the_sliders_stand() -> None:
    figures = best_routes(_random_source(), DEPLOYABLE.episode, DEPLOYABLE.reward, 0.95)
    frame = charts.sweep_frame("beta", [0.0, 1.2, 6.0], [figures] * 3)
    option = charts.sweep_chart(frame, "beta", 1.2, charts.PANELS, log=False)
    assert [series["markLine"]["data"] for series in option["series"]] == [[{"xAxis": 1.2}]] * len(charts.PANELS)
    assert (option["xAxis"][0]["min"], option["xAxis"][0]["max"]) == (0.0, 6.0)
    assert frame["Right %"].tolist() == [round(100 * figures.accuracy, 2)] * 3
    assert charts.sweep_alt(frame, "beta").startswith("Exact best routes as beta goes from 0 to 6: Right % from")


def test_only_figures_that_the_weight_moves_are_drawn_and_their_axis_shows_it() -> None:
    low, high = FIGURES, replace(FIGURES, accuracy=0.93, wrong_first=0.5, cost=1.5)
    frame = charts.sweep_frame("beta", [0.0, 6.0], [low, high])
    moving = charts.moving_panels(frame)
    assert [panel.column for panel in moving] == ["Right %", "Wrong first %"]
    option = charts.sweep_chart(frame, "beta", 1.0, moving, log=False)
    assert [(axis["min"], axis["max"], axis["interval"]) for axis in option["yAxis"]] == [(90, 93, 1), (20, 50, 10)]
    assert charts.moving_panels(charts.sweep_frame("beta", [0.0, 6.0], [low, low])) == ()


def _random_source() -> TableSource:
    from random_tables import random_source

    return random_source(np.random.default_rng(0), 20, 2)


def test_the_map_colours_each_cell_by_what_pays_best() -> None:
    betas, gammas, episode = [0.0, 2.0], [0.5, 1.0], EpisodeConfig(end="gold")
    frame = charts.likings_frame(betas, gammas, best_orders(PAPER.reward, episode, 0.95, betas, gammas), episode)
    assert frame["Kind"].tolist() == [Liking.RIGHT_AT_ONCE, Liking.WRONG_FIRST] * 2
    option = charts.likings_chart(frame, 1.9, 0.6)
    assert [cell["value"] for cell in option["series"][0]["data"]] == [[0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1]]
    assert option["series"][1]["data"][0]["value"] == [1, 0]
    assert "right at once on 50 % of the map" in charts.likings_alt(frame)


def test_how_often_it_stops_early_is_one_of_the_curves(recorded_home: Home) -> None:
    config = lab_settings()
    values, points = zip(*lab.lab_curve(ref_of(recorded_home), config, "gamma"), strict=True)
    frame = charts.sweep_frame("gamma", values, points)
    option = charts.sweep_chart(frame, "gamma", 1.0, charts.PANELS, log=False)
    assert [series["encode"]["y"] for series in option["series"]][3:] == ["Stops early %", "Wrong first %"]
    assert frame["Stops early %"].tolist() == [round(100 * point.stopped_early, 2) for point in points]
    assert "Stops early % from" in charts.sweep_alt(frame, "gamma")


def test_charts_are_larger_for_the_last_row(recorded_home: Home) -> None:
    usual, presented = (open_page(PAGE, **address).get("echarts_chart")[0].proto.spec for address in ({}, {"present": "true"}))
    assert usual != presented
    assert charts.sweep_height(5, 20) > charts.sweep_height(5) > charts.sweep_height(3)


def test_signs_read_from_left_to_right() -> None:
    assert charts.order_signs("WR") == "✗ ✓"
