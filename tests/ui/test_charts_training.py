"""The curves of one training and of several: tables, options, words, smoothing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pandas as pd
import pytest

from der_core.routing.saved.trained import CurvePoint
from ui.runs.charts import DASHES, MAX_RUNS, RunCurves, overlay_alt, overlay_chart, overlay_frame, settings_frame
from ui.shared.palette import expert_colour
from ui.train.charts import CURVES, STEPS, Option, curve_alt, curve_chart, curves_frame, shares_alt, shares_chart

EXPERTS = ("small", "large")
POINTS = [
    CurvePoint(100, 0.5, 1.0, 0.5, 2.0, 1.5, 0.25, (0.75, 0.25), 0.7, 0.0, 0.0, 0.0, math.nan),
    CurvePoint(200, 1.0, 2.0, 0.875, 1.0, 1.25, 0.5, (0.5, 0.5), 0.5, 0.0, 0.0, 0.0, math.nan),
]
REWARD, ACCURACY = CURVES[0], CURVES[1]


def run(name: str, points: list[CurvePoint] = POINTS) -> RunCurves:
    return RunCurves(name, curves_frame(points, EXPERTS))


def is_drawable(option: Option) -> bool:
    """Whether the option without its tables is JSON, which is all that a chart may hold."""
    bare = {key: value for key, value in option.items() if key != "dataset"}
    return bool(json.dumps(bare, allow_nan=False))


def test_the_table_has_a_row_a_rollout_in_units_for_people() -> None:
    frame = curves_frame(POINTS, EXPERTS)
    assert frame[STEPS].tolist() == [100, 200] and frame["Right %"].tolist() == [50.0, 87.5]
    assert frame["small, % of calls"].tolist() == [75.0, 50.0] and frame["Stopped %"].tolist() == [25.0, 50.0]


def test_points_of_a_report_give_the_same_table() -> None:
    kept = json.loads(json.dumps([{**asdict(point), "explained_variance": None} for point in POINTS]))
    pd.testing.assert_frame_equal(curves_frame(kept, EXPERTS), curves_frame(POINTS, EXPERTS))


def test_no_points_give_an_empty_table_with_its_columns() -> None:
    frame = curves_frame([], EXPERTS)
    assert frame.empty and list(frame.columns) == list(curves_frame(POINTS, EXPERTS).columns)
    for curve in CURVES:
        assert is_drawable(curve_chart(frame, curve, 200)) and "nothing yet" in curve_alt(frame, curve)
    assert is_drawable(shares_chart(frame, EXPERTS, 200)) and "nothing yet" in shares_alt(frame, EXPERTS)


def test_a_rollout_in_which_no_route_ended_leaves_a_gap() -> None:
    kept = [{**asdict(POINTS[0]), "accuracy": None}, asdict(POINTS[1])]
    frame = curves_frame(kept, EXPERTS)
    assert math.isnan(frame["Right %"].iloc[0])
    assert curve_alt(frame, ACCURACY) == "Accuracy, % of routes that ended right: from 87.5 to 87.5 after 200 steps"


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.field)
def test_every_chart_has_a_title_a_unit_hover_and_axes_of_its_own(curve) -> None:
    option = curve_chart(curves_frame(POINTS, EXPERTS), curve, 500)
    assert is_drawable(option)
    assert option["title"]["text"] == curve.title and option["title"]["subtext"] == curve.unit
    assert option["tooltip"]["trigger"] == "axis"
    assert (option["xAxis"]["name"], option["xAxis"]["max"]) == (STEPS, 500)
    assert option["series"][0]["encode"] == {"x": STEPS, "y": curve.column}
    assert option["dataset"]["dimensions"] == [STEPS, curve.column]
    assert [row[0] for row in option["dataset"]["source"]] == [point.steps for point in POINTS]


def test_the_validation_line_lies_dashed_beside_the_training_line() -> None:
    tried = [
        replace(point, validation_reward=0.5 * n, validation_accuracy=0.25 * n, validation_cost=n) for n, point in enumerate(POINTS, 1)
    ]
    frame = curves_frame(tried, EXPERTS)
    option = curve_chart(frame, ACCURACY, 200)
    assert is_drawable(option)
    assert [series["name"] for series in option["series"]] == ["Right %", "Right %, validation"]
    assert [series["lineStyle"]["type"] for series in option["series"]] == ["solid", "dashed"]
    assert option["dataset"]["source"] == [[100, 50.0, 25.0], [200, 87.5, 50.0]]
    assert curve_alt(frame, ACCURACY).endswith("from 50.0 to 87.5 after 200 steps; on validation questions 50.0")
    assert len(curve_chart(frame, CURVES[3], 200)["series"]) == 1


def test_a_report_of_an_earlier_version_has_no_validation_line() -> None:
    kept = [{name: figure for name, figure in asdict(point).items() if not name.startswith("validation")} for point in POINTS]
    assert len(curve_chart(curves_frame(kept, EXPERTS), ACCURACY, 200)["series"]) == 1


def test_words_tell_where_a_curve_went() -> None:
    frame = curves_frame(POINTS, EXPERTS)
    assert curve_alt(frame, REWARD) == "Reward, mean of the routes that ended: from 1.000 to 2.000 after 200 steps"
    assert shares_alt(frame, EXPERTS) == "Share of the calls of each expert, now: small 50 %, large 50 %"


def test_experts_keep_their_colour_and_stack_to_all_calls() -> None:
    option = shares_chart(curves_frame(POINTS, EXPERTS), EXPERTS, 500)
    assert [series["color"] for series in option["series"]] == [expert_colour(0), expert_colour(1)]
    assert {series["stack"] for series in option["series"]} == {"calls"} and option["yAxis"]["max"] == 100


def test_five_runs_differ_in_colour_and_in_dash() -> None:
    runs = [run(f"run {n}") for n in range(MAX_RUNS)]
    option = overlay_chart(runs, REWARD, 0.0)
    assert MAX_RUNS == 5 and is_drawable(option)
    assert len({series["color"] for series in option["series"]}) == 5
    assert [series["lineStyle"]["type"] for series in option["series"]] == list(DASHES)


def test_raw_curves_lie_faint_behind_smoothed_ones_and_out_of_the_legend() -> None:
    option = overlay_chart([run("a"), run("b")], REWARD, 0.5)
    assert [series["name"] for series in option["series"]] == ["a, raw", "a", "b, raw", "b"]
    assert option["legend"]["data"] == ["a", "b"]
    assert option["series"][0]["silent"] and option["series"][0]["lineStyle"]["opacity"] < option["series"][1]["lineStyle"]["opacity"]


def test_each_run_reads_its_own_rows() -> None:
    other = [CurvePoint(50, 0.1, -1.0, 0.0, 3.0, 3.0, 0.0, (1.0, 0.0), 0.1, 0.0, 0.0, 0.0, 0.0)]
    option = overlay_chart([run("a"), run("b", other)], REWARD, 0.0)
    assert [source["source"]["Reward"].tolist() for source in option["dataset"]] == [[1.0, 2.0], [-1.0]]
    frame = overlay_frame([run("a"), run("b", other)], REWARD, 0.0)
    assert frame["Run"].tolist() == ["a", "a", "b"] and list(frame.columns) == ["Run", STEPS, "Reward", "Reward smoothed"]


def test_words_tell_where_each_run_ended() -> None:
    assert (
        overlay_alt([run("a"), run("b", [])], ACCURACY)
        == "Accuracy (% of routes that ended right) of 2 runs; at the end: a 87.5, b nothing"
    )


def test_a_run_without_training_has_no_curves() -> None:
    curves = RunCurves.of_report("x", {"curves": {}, "experts": [{"name": "small"}]})
    assert curves.frame.empty and is_drawable(overlay_chart([curves], REWARD, 0.5))


def test_only_settings_that_differ_are_listed() -> None:
    frame = settings_frame({"a": {"alpha": 0.1, "seed": 7, "on": True}, "b": {"alpha": 0.2, "seed": 7, "on": False, "steps": 12_288}})
    assert frame.to_dict("list") == {"Setting": ["alpha", "on", "steps"], "a": ["0.1", "on", ""], "b": ["0.2", "off", "12,288"]}


def test_equal_settings_leave_an_empty_list() -> None:
    assert settings_frame({"a": {"alpha": 0.1}, "b": {"alpha": 0.1}}).empty
    assert settings_frame({"a": {"alpha": 0.1}}).empty


def test_type_grows_for_the_presenter() -> None:
    frame = curves_frame(POINTS, EXPERTS)
    for option in (
        curve_chart(frame, REWARD, 500, 20),
        shares_chart(frame, EXPERTS, 500, 20),
        overlay_chart([run("a")], REWARD, 0.5, 20),
    ):
        sizes = [
            option["title"]["textStyle"],
            option["title"]["subtextStyle"],
            option["xAxis"]["nameTextStyle"],
            option["yAxis"]["axisLabel"],
        ]
        assert [size["fontSize"] for size in sizes] == [23, 20, 20, 20]
        assert option.get("legend", {"textStyle": {"fontSize": 20}})["textStyle"]["fontSize"] == 20
