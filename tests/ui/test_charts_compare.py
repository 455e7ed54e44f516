"""Charts of a comparison: what is drawn, by which mark, and that the figures are those of the rows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_source
from test_comparison import Learned

from der_core.config import PAPER, EpisodeConfig
from der_core.evaluation.answers import RIGHT, WRONG, Flow
from der_core.evaluation.comparison import Comparison, Row, compare, fit_all_prices
from der_core.evaluation.frontier import Frontier, FrontierIntervals, frontier, frontier_intervals
from der_core.evaluation.metrics import Flips, flip_matrix
from der_core.evaluation.reliability import sureness_figures
from der_core.records import Label
from der_core.routing.baselines import fit_reference
from der_core.routing.baselines.oracles import oracle_one_step
from der_core.routing.baselines.orders import majority_vote, refining, single
from ui.compare.charts import (
    abstention_chart,
    flips_chart,
    flips_frame,
    flows_frame,
    routes_chart,
    shares_chart,
    shares_frame,
    sureness_chart,
)
from ui.compare.frontier import COST_WORDS, Axes, accuracy_cost_figure, comparison_frame, important, ranking_frame
from ui.compare.sureness import choices_frame
from ui.shared.label_places import Spot, Type, place_labels
from ui.shared.palette import expert_colour

EPISODE = EpisodeConfig(t_max=2, end="never")
NAMES = ["expert0", "expert1", "expert2"]
FLOWS = (Flow(0, "a", "b", False, 3), Flow(0, "a", RIGHT, True, 4), Flow(1, "b", WRONG, True, 3))


@pytest.fixture(scope="module")
def compared() -> Comparison:
    source = random_source(np.random.default_rng(5), 60, 3)
    routers = [
        Learned(1),
        Learned(2, name="DER, gold stop", oracle=True),
        *(single(NAMES, expert, EPISODE) for expert in range(3)),
        refining(NAMES, 0, EPISODE, gold_stop=False),
        majority_vote(NAMES, EPISODE),
        oracle_one_step(source, EPISODE),
    ]
    return compare(routers, source, PAPER, fit_all_prices(source.table), fit_reference(source), np.random.default_rng(0))


@pytest.fixture(scope="module")
def front(compared: Comparison) -> Frontier:
    return frontier(compared, "compute")


@pytest.fixture(scope="module")
def sure(compared: Comparison) -> FrontierIntervals:
    return frontier_intervals(compared, "compute", np.random.default_rng(0), n=50)


def traces(compared: Comparison, front: Frontier, *, oracles: bool = True, log_cost: bool = False) -> dict[str, dict]:
    figure = accuracy_cost_figure(compared, front, Axes(front.mode, log_cost), oracles=oracles)
    return {trace["name"]: trace for trace in json.loads(figure.to_json(engine="json"))["data"]}


def seen(found: dict[str, dict]) -> dict[str, dict]:
    """The traces that can be seen: stars have unseen grips above them."""
    return {name: trace for name, trace in found.items() if trace.get("marker", {}).get("opacity") != 0}


def drawn(found: dict[str, dict]) -> set[str]:
    return {point[0] for trace in found.values() for point in trace.get("customdata", [])}


class TestScatter:
    def test_every_router_is_a_point_once(self, compared: Comparison, front: Frontier) -> None:
        found = seen(traces(compared, front))
        assert drawn(found) == {row.name for row in compared.rows}
        assert sum(len(trace.get("customdata", [])) for trace in found.values()) == len(compared.rows)

    @pytest.mark.parametrize("oracles", [True, False])
    def test_the_axis_holds_every_interval_shown_and_little_else(self, compared: Comparison, front: Frontier, oracles: bool) -> None:
        axis = accuracy_cost_figure(compared, front, Axes(front.mode), oracles=oracles).layout.yaxis
        rows = compared.rows if oracles else compared.deployable
        lowest, highest = 100 * min(row.low for row in rows), 100 * max(row.high for row in rows)
        low, high = axis.range
        assert low < lowest < highest < high < highest + 0.2 * (highest - low)
        assert max(axis.tickvals) <= 100 and len(axis.tickvals) >= 3

    def test_without_oracles_only_deployable_ones_are(self, compared: Comparison, front: Frontier) -> None:
        assert drawn(traces(compared, front, oracles=False)) == {row.name for row in compared.deployable}

    def test_kinds_are_told_apart_by_shape(self, compared: Comparison, front: Frontier) -> None:
        shapes = {
            point[0]: trace["marker"]["symbol"] for trace in seen(traces(compared, front)).values() for point in trace.get("customdata", [])
        }
        assert shapes["DER"] == "star"
        assert shapes["DER, gold stop"] == "star-open"
        assert shapes["oracle, one step"] == "diamond-open"
        assert shapes["expert0 once"] == shapes["majority vote"] == "circle"
        assert all(("open" in shapes[row.name]) == row.oracle for row in compared.rows)

    def test_experts_keep_their_colour(self, compared: Comparison, front: Frontier) -> None:
        trace = traces(compared, front)["Single expert, deployable"]
        colours = dict(zip((point[0] for point in trace["customdata"]), trace["marker"]["color"], strict=True))
        assert colours == {f"{name} once": expert_colour(index) for index, name in enumerate(NAMES)}

    def test_intervals_end_where_the_rows_say(self, compared: Comparison, front: Frontier) -> None:
        trace, row = traces(compared, front)["DER, deployable"], compared.row("DER")
        assert trace["y"] == [pytest.approx(100 * row.accuracy)]
        assert trace["y"][0] + trace["error_y"]["array"][0] == pytest.approx(100 * row.high)
        assert trace["y"][0] - trace["error_y"]["arrayminus"][0] == pytest.approx(100 * row.low)
        assert trace["x"] == [row.costs["compute"]]

    def test_a_point_tells_its_name_and_kind_to_hover_and_click(self, compared: Comparison, front: Frontier) -> None:
        (hover,) = traces(compared, front)["DER, deployable"]["customdata"]
        row = compared.row("DER")
        assert hover[:2] == ["DER", "deployable"]
        assert hover[2] == f"{100 * row.low:.1f}, {100 * row.high:.1f}"
        assert hover[4].startswith(f"{100 * row.difference.value:+.1f} [")

    def test_zero_router_line_is_the_hull(self, compared: Comparison, front: Frontier) -> None:
        line = traces(compared, front)["Zero router: single experts mixed at random"]
        for cost, height in zip(line["x"], line["y"], strict=True):
            assert height == pytest.approx(100 * front.zero.quality_at(cost), abs=0.01)
        assert line["x"][-1] >= max(row.costs["compute"] for row in compared.rows) - 1e-3

    def test_what_costs_nothing_is_not_on_a_log_axis(self, compared: Comparison, front: Frontier) -> None:
        (constant,) = (row.name for row in compared.rows if row.family == "constant")
        assert constant in drawn(traces(compared, front))
        found = traces(compared, front, log_cost=True)
        assert constant not in drawn(found)
        assert min(found["Pareto frontier of deployable routers"]["x"]) > 0

    def test_important_routers_are_named_on_the_chart(self, compared: Comparison, front: Frontier) -> None:
        figure = accuracy_cost_figure(compared, front, Axes("compute"), oracles=True)
        named = [note.text for note in figure.layout.annotations]
        assert named == list(important(compared))
        assert {"DER", "expert0 once", compared.deployable[0].name, "oracle, one step"} <= set(named)

    def test_names_of_hidden_oracles_are_not_written(self, compared: Comparison, front: Frontier) -> None:
        figure = accuracy_cost_figure(compared, front, Axes("compute"), oracles=False)
        assert not {note.text for note in figure.layout.annotations} & {row.name for row in compared.oracle}

    def test_names_stand_at_their_points_on_either_scale(self, compared: Comparison, front: Frontier) -> None:
        for log_cost in (False, True):
            figure = accuracy_cost_figure(compared, front, Axes("compute", log_cost), oracles=True)
            note = next(note for note in figure.layout.annotations if note.text == "DER")
            cost = compared.row("DER").costs["compute"]
            assert note.x == pytest.approx(np.log10(cost) if log_cost else cost)

    def test_the_whole_is_small(self, compared: Comparison, front: Frontier) -> None:
        assert len(accuracy_cost_figure(compared, front, Axes("compute"), oracles=True).to_json(engine="json")) < 40_000

    def test_every_cost_mode_has_words_with_a_unit(self, compared: Comparison) -> None:
        for mode in compared.rows[0].costs:
            layout = accuracy_cost_figure(compared, frontier(compared, mode), Axes(mode), oracles=True).layout
            assert layout.xaxis.title.text == COST_WORDS[mode]
            assert "(1 = " in COST_WORDS[mode]

    def test_type_grows_for_the_presenter(self, compared: Comparison, front: Frontier) -> None:
        figure = accuracy_cost_figure(compared, front, Axes("compute", text_size=22), oracles=True)
        assert {note.font.size for note in figure.layout.annotations} == {22}


class TestTables:
    def test_comparison_has_a_line_a_row_and_its_figures(self, compared: Comparison, front: Frontier, sure: FrontierIntervals) -> None:
        frame = comparison_frame(compared.rows, front, sure).set_index("Router")
        row = compared.row("majority vote")
        line = frame.loc["majority vote"]
        assert list(frame.index) == [row.name for row in compared.rows]
        assert line["Right %"] == round(100 * row.accuracy, 1)
        assert line["Cost"] == round(row.costs["compute"], 2)
        assert line["Above zero router"] == round(100 * front.above["majority vote"], 1)
        above = sure.above["majority vote"]
        assert (line["Above from"], line["Above to"]) == (round(100 * above.low, 1), round(100 * above.high, 1))
        assert frame.loc["oracle, one step", "Kind"] == "oracle"

    def test_no_data_is_empty_not_zero(self, compared: Comparison, front: Frontier, sure: FrontierIntervals) -> None:
        frame = comparison_frame(compared.rows, front, sure).set_index("Router")
        (constant,) = (row.name for row in compared.rows if row.family == "constant")
        assert np.isnan(frame.loc[constant, "Above zero router"]) and np.isnan(frame.loc[constant, "Above from"])

    def test_ranking_writes_intervals_in_words(self, compared: Comparison, front: Frontier, sure: FrontierIntervals) -> None:
        row = compared.deployable[0]
        line = ranking_frame(compared.deployable, front, sure).iloc[0]
        assert line["Router"] == row.name
        assert line["95 % interval"] == f"{100 * row.low:.1f} to {100 * row.high:.1f}"
        lines = ranking_frame(compared.deployable, front, sure).set_index("Router")["Above, 95 %"]
        above = sure.above["majority vote"]
        assert lines["majority vote"] == f"{100 * above.low:+.1f} to {100 * above.high:+.1f}"

    def test_a_tiny_p_is_not_nothing(self, compared: Comparison, front: Frontier, sure: FrontierIntervals) -> None:
        row = replace(compared.row("DER"), mcnemar_p=1e-9)
        assert ranking_frame([row], front, sure).iloc[0]["p"] == "< 0.001"


class TestShares:
    def rows(self, compared: Comparison) -> tuple[Row, ...]:
        return (*compared.deployable, *compared.oracle)

    def test_shares_of_a_router_make_a_whole(self, compared: Comparison) -> None:
        frame = shares_frame(self.rows(compared))
        assert frame[NAMES].sum(axis=1).to_numpy() == pytest.approx(100, abs=0.3)

    def test_who_asks_nobody_has_no_bar(self, compared: Comparison) -> None:
        assert not any(name.startswith("always") for name in shares_frame(self.rows(compared))["Router"])

    def test_oracles_are_named_as_such(self, compared: Comparison) -> None:
        assert "oracle, one step (oracle)" in set(shares_frame(compared.oracle)["Router"])

    def test_one_series_an_expert_in_its_colour(self, compared: Comparison) -> None:
        option = shares_chart(self.rows(compared), NAMES)
        assert [(bar["name"], bar["color"]) for bar in option["series"]] == [(name, expert_colour(i)) for i, name in enumerate(NAMES)]
        assert option["xAxis"]["max"] == 100


class TestRoutes:
    def test_nodes_are_calls_and_ends_in_order(self) -> None:
        (sankey,) = routes_chart("DER", FLOWS, ["a", "b"])["series"]
        assert {node["name"]: node["depth"] for node in sankey["data"]} == {"1. a": 0, "2. b": 1, RIGHT: 2, WRONG: 2}

    def test_links_carry_the_questions(self) -> None:
        (sankey,) = routes_chart("DER", FLOWS, ["a", "b"])["series"]
        assert sankey["links"][0] == {"source": "1. a", "target": "2. b", "value": 3}
        assert sum(link["value"] for link in sankey["links"] if link["target"] in (RIGHT, WRONG)) == 7

    def test_an_expert_called_right_is_not_an_end(self) -> None:
        flows = (Flow(0, "right", "right", False, 1), Flow(1, "right", RIGHT, True, 1))
        (sankey,) = routes_chart("DER", flows, ["right"])["series"]
        assert [node["name"] for node in sankey["data"]] == ["1. right", "2. right", RIGHT]

    def test_experts_keep_their_colour(self) -> None:
        (sankey,) = routes_chart("DER", FLOWS, ["a", "b"])["series"]
        assert {node["name"]: node["itemStyle"]["color"] for node in sankey["data"]}["2. b"] == expert_colour(1)

    def test_table_has_a_line_a_flow(self) -> None:
        assert flows_frame(FLOWS)["Questions"].tolist() == [3, 4, 3]
        assert flows_frame(FLOWS)["Call"].tolist() == [1, 1, 2]


class TestFlips:
    def test_won_goes_right_and_lost_goes_left(self) -> None:
        (line,) = flips_frame([Flips("a", "wrong", 20, 1, 4, 10, 5, 12)]).to_dict("records")
        assert (line["Won %"], line["Lost %"], line["Net questions"], line["Copied %"]) == (5.0, -20.0, -3, 60.0)
        # Wilson, 95 %: 1 of 20 is 0.9 to 23.6 %, 4 of 20 is 8.1 to 41.6 %.
        assert [line[f"{side} %"] for side in ("Won from", "Won to", "Lost from", "Lost to")] == [0.9, 23.6, -41.6, -8.1]

    def test_what_was_never_recorded_has_no_bar_but_a_line(self) -> None:
        flips = flip_matrix(make_table(np.full((4, 2), Label.YES)[:, :]))
        never = [replace(row, n=0, copied=0, wrong_to_right=0, right_to_wrong=0) if row.shown == "invalid" else row for row in flips]
        assert len(flips_frame(never)) == 6
        assert len(flips_chart(never)["dataset"]["source"]) == 4


class TestLabels:
    kind = Type(15)
    extent = (0.0, 0.0, 600.0, 300.0)

    def boxes(self, points: list[tuple[float, float]], names: list[str], obstacles: list | None = None) -> list:
        spots = place_labels(points, names, obstacles or [], self.extent, self.kind)
        return [spot.box(*point, name, self.kind) for spot, point, name in zip(spots, points, names, strict=True)]

    def test_one_name_stands_beside_its_point(self) -> None:
        assert place_labels([(100, 100)], ["alone"], [], self.extent, self.kind) == [Spot(1, 0)]

    def test_at_the_right_edge_it_stands_on_the_left(self) -> None:
        assert place_labels([(595, 100)], ["at the edge"], [], self.extent, self.kind)[0].x == -1

    def test_names_of_crowded_points_do_not_cover_each_other(self) -> None:
        boxes = self.boxes([(300, 150), (305, 152), (310, 148), (300, 155)], ["first name", "second name", "third name", "fourth name"])
        pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
        assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for a, b in pairs)

    def test_a_mark_in_the_way_moves_the_name(self) -> None:
        spots = place_labels([(300, 150)], ["name"], [(310, 140, 360, 160)], self.extent, self.kind)
        assert spots == [Spot(-1, 0)]

    def test_a_name_that_is_not_right_beside_its_point_has_a_line_to_it(self) -> None:
        assert Spot(1, 0).annotation(self.kind)["showarrow"] is False
        assert Spot(1, 1).annotation(self.kind)["showarrow"] is True
        far = Spot(-1, 1, 2).annotation(self.kind)
        assert (far["showarrow"], far["xanchor"], far["yanchor"]) == (True, "right", "bottom")
        assert far["ax"] < 0 > far["ay"]

    def test_no_points_no_names(self) -> None:
        assert place_labels([], [], [], self.extent, self.kind) == []


class TestSureness:
    FIGURES = sureness_figures(np.array([0.95, 0.95, 0.85, 0.55, 0.55]), np.array([True, True, False, True, False]))

    def test_the_diagram_has_a_point_a_bin_and_a_diagonal(self) -> None:
        option = sureness_chart(self.FIGURES)
        assert option["dataset"]["source"]["Right %"].tolist() == [50.0, 0.0, 100.0]
        assert option["series"][1]["data"] == [[0, 0], [100, 100]]

    def test_the_curve_of_abstaining_ends_where_all_is_answered(self) -> None:
        option = abstention_chart(self.FIGURES)
        assert option["dataset"]["source"].iloc[-1].tolist() == [100.0, 40.0, 55.0]
        assert option["series"][0]["markLine"]["data"] == [{"yAxis": 40.0}]

    def test_the_table_of_choices_tells_each_threshold_once(self) -> None:
        frame = choices_frame(self.FIGURES)
        assert frame["Answer where at least"].tolist() == ["55 % sure", "85 % sure"]
        assert frame["Wrong of those"].tolist() == ["40.0 %", "33.3 %"]
