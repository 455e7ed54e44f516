"""The Compare page in every state: nothing yet, baselines alone, a run, a recording that is gone; and the way from point to route."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import numpy as np
import pytest
from fakes import make_questions
from homes import Home, made_up_experts, open_page
from streamlit.testing.v1 import AppTest

import ui.compare.questions
import ui.compare.views
from der_core.evaluation.answers import differing
from der_core.evaluation.comparison import Comparison, compare_two
from der_core.evaluation.experiment import Evaluation
from der_core.evaluation.frontier import frontier, frontier_intervals
from der_core.evaluation.metrics import flip_matrix
from der_core.evaluation.reliability import answer_sureness
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label
from ui.compare.questions import route_in_words
from ui.compare.subject import ALONE, BOOTSTRAP_SEED, Subject, answers_of, chosen_answers, of_run
from ui.compare.sureness import SURENESS
from ui.compare.views import ADVICE, QUESTIONS, RANKING, ROUTES
from ui.shared.loaders import run_evaluation
from ui.shared.parts import points as in_points
from ui.shared.parts import with_interval

PAGE = "pages/compare.py"


def opened(**state: object) -> AppTest:
    app = open_page(PAGE)
    for key, value in state.items():
        app.session_state[key] = value
    return app.run() if state else app


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.markdown, *app.caption, *app.info, *app.error))


def evaluation_of(home: Home) -> Evaluation:
    found = run_evaluation(home.run_id)
    assert found is not None
    return found


def comparison_of(home: Home) -> Comparison:
    return evaluation_of(home).comparison


def subject_of(home: Home) -> Subject:
    return of_run(home.run_id)


def plotly(app: AppTest) -> dict:
    (chart,) = app.get("plotly_chart")
    return json.loads(chart.proto.spec)


def points(app: AppTest) -> dict[str, list]:
    return {point[0]: point for trace in plotly(app)["data"] for point in trace.get("customdata", [])}


def links(app: AppTest) -> dict[str, dict[str, list[str]]]:
    return {link.proto.label: parse_qs(link.proto.query_string) for link in app.page_link}


def echarts(app: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]


class TestWithoutARun:
    def test_questions_that_nobody_knows_the_answers_of_give_one_line_and_no_table(self, empty_home: Home) -> None:
        with Store.open(empty_home.store) as store:
            record(store, "some", make_questions(24, gold=[Label.NONE] * 24), {one.spec.name: [one] for one in made_up_experts()})
        app = opened()
        assert not app.exception
        assert "None of the 24 questions has a gold answer" in words(app)
        assert not app.dataframe and not app.get("plotly_chart")

    def test_nothing_yet_is_one_sentence_and_the_next_step(self, empty_home: Home) -> None:
        app = opened()
        assert not app.exception
        assert "There is nothing to compare yet" in words(app)
        assert "Record some replies" in links(app)
        assert not app.get("plotly_chart")

    def test_baselines_are_compared_before_anything_is_trained(self, recorded_home: Home) -> None:
        app = opened()
        assert not app.exception
        assert app.subheader[0].value.startswith("No learned router here: best single expert")
        assert "majority vote" in points(app)
        assert "DER" not in points(app)
        assert any(label.startswith("Train a router") for label in links(app))

    def test_an_unfinished_recording_says_how_to_go_on(self, empty_home: Home) -> None:
        with Store.open(empty_home.store) as store:
            store.start_recording("begun")
        app = opened()
        assert not app.exception
        assert "has no complete question" in app.error[0].value
        assert "Go on with this recording" in links(app)

    def test_a_store_that_is_none_is_one_line(self, empty_home: Home) -> None:
        empty_home.folder.mkdir()
        empty_home.store.write_text("not a store")
        app = opened()
        assert not app.exception
        assert len(app.error) == 1


class TestRun:
    def test_the_headline_is_that_of_the_comparison(self, trained_home: Home) -> None:
        app = opened()
        assert not app.exception
        comparison = comparison_of(trained_home)
        assert app.subheader[0].value.replace("\\", "") == comparison.verdict()
        assert comparison.headline() in "".join(markdown.value for markdown in app.markdown).replace("\\", "")
        assert "Deployable routers only" in "".join(markdown.value for markdown in app.markdown)

    def test_every_router_is_a_point_and_its_figures_are_the_rows(self, trained_home: Home) -> None:
        app, comparison = opened(), comparison_of(trained_home)
        assert set(points(app)) == {row.name for row in comparison.rows}
        row = comparison.row("DER")
        assert points(app)["DER"][1:4] == ["deployable", f"{100 * row.low:.1f}, {100 * row.high:.1f}", f"{row.calls:.2f}"]

    def test_a_star_can_be_clicked_whatever_lies_under_it(self, trained_home: Home) -> None:
        marks = [trace for trace in plotly(opened())["data"] if "customdata" in trace]
        grips = marks.pop()
        comparison = comparison_of(trained_home)
        assert grips["customdata"][-1][0] == "DER"
        assert {point[0] for point in grips["customdata"]} == {row.name for row in comparison.rows if row.family == "learned"}
        assert grips["marker"]["size"] < min(mark["marker"]["size"] for mark in marks)
        assert grips["marker"]["opacity"] == 0 and (grips["x"][-1], grips["y"][-1]) == (marks[-1]["x"][0], marks[-1]["y"][0])

    def test_the_switch_takes_oracles_off_chart_and_ranking(self, trained_home: Home) -> None:
        app = opened(compare_oracles=False)
        comparison = comparison_of(trained_home)
        assert set(points(app)) == {row.name for row in comparison.deployable}
        listed = {name for frame in app.dataframe for name in frame.value["Router"]}
        assert not listed & {row.name for row in comparison.oracle}

    def test_ranking_keeps_deployable_and_oracle_apart_and_best_first(self, trained_home: Home) -> None:
        app, comparison = opened(), comparison_of(trained_home)
        _, deployable, oracle = (frame.value for frame in app.dataframe)
        assert deployable["Router"].tolist() == [row.name for row in comparison.deployable]
        assert oracle["Router"].tolist() == [row.name for row in comparison.oracle]
        gap = comparison.deployable[1].difference
        assert deployable["Vs best single, 95 %"].tolist()[1] == f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}"

    @pytest.mark.parametrize("mode", ["compute", "latency", "tokens", "params", "wall"])
    def test_cost_modes_change_the_axis(self, trained_home: Home, mode: str) -> None:
        app = opened(compare_cost=mode)
        assert not app.exception
        row = comparison_of(trained_home).row("DER")
        xs = [trace["x"] for trace in plotly(app)["data"] if trace["name"] == "DER, deployable"]
        assert xs == [[row.costs[mode]]]

    def test_log_scale_says_what_it_leaves_out(self, trained_home: Home) -> None:
        app = opened(compare_log=True)
        assert plotly(app)["layout"]["xaxis"]["type"] == "log"
        assert "Left out on a log scale" in words(app)

    def test_mean_heights_are_told(self, trained_home: Home) -> None:
        found = frontier(comparison_of(trained_home), "compute")
        sure = frontier_intervals(comparison_of(trained_home), "compute", np.random.default_rng(BOOTSTRAP_SEED))
        told = [with_interval(value, each.low, each.high) for value, each in ((found.zero_aiq, sure.zero_aiq), (found.aiq, sure.aiq))]
        text = words(opened())
        assert f"zero router {told[0]}, all deployable routers {told[1]}" in text
        assert f"{in_points(sure.gain.value)} points [{in_points(sure.gain.low)}, {in_points(sure.gain.high)}]" in text

    @pytest.mark.parametrize("view", [RANKING, ADVICE])
    def test_a_recording_that_is_gone_leaves_what_the_report_knows(self, trained_home: Home, view: str) -> None:
        before = points(opened(compare_view=view))
        trained_home.store.unlink()
        app = opened(compare_view=view)
        assert not app.exception and not app.error
        assert points(app) == before and len(before) > 10
        assert len(app.dataframe) == len(opened(compare_view=view).dataframe) > 1
        assert "is not here any more" not in words(app)

    @pytest.mark.parametrize("view", [QUESTIONS, ROUTES])
    def test_without_its_recording_the_routes_are_one_sentence_below_the_chart(self, trained_home: Home, view: str) -> None:
        trained_home.store.unlink()
        app = opened(compare_view=view)
        assert not app.exception
        assert "first run" in str(app.selectbox(key="run").options)
        assert len(app.get("plotly_chart")) == 1
        assert "is not here any more, so its routes cannot be followed" in words(app)
        assert "Look at the figures of this run" in links(app)

    def test_chart_and_ranking_wait_for_no_evaluation(self, trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr("ui.compare.subject.run_evaluation", lambda run_id: asked.append(run_id) or run_evaluation(run_id))
        assert len(opened().get("plotly_chart")) == 1
        assert asked == []
        opened(compare_view=ROUTES)
        assert asked == [trained_home.run_id]

    def test_a_link_opens_its_run(self, trained_home: Home) -> None:
        app = open_page(PAGE, run=trained_home.run_id)
        assert not app.exception
        assert app.selectbox(key="run").value == trained_home.run_id

    def test_an_address_can_hold_anything(self, trained_home: Home) -> None:
        nonsense = {"run": "../../etc", "compare_router": "<b>", "compare_second": "DROP", "compare_view": "?", "compare_cost": "gold"}
        app = open_page(PAGE, compare_log="maybe", compare_kinds="odd;;", compare_outcome="7", **nonsense)
        assert not app.exception
        assert app.segmented_control(key="compare_view").value == RANKING


class TestQuestions:
    def test_the_address_opens_a_router_and_its_wrong_answers(self, trained_home: Home) -> None:
        app = open_page(PAGE, compare_view=QUESTIONS, compare_router="cheap once", compare_outcome="Wrong")
        assert not app.exception
        frame = app.dataframe[-1].value
        run = comparison_of(trained_home).rollouts["cheap once"]
        assert len(frame) == int((~run.correct).sum())
        assert set(frame[""]) == {"✗"}

    def test_the_router_first_shown_is_the_learned_one(self, trained_home: Home) -> None:
        app = opened(compare_view=QUESTIONS)
        assert app.selectbox(key="compare_router").value == "DER"
        row = comparison_of(trained_home).row("DER")
        assert f"DER :small[(deployable)]: {100 * row.accuracy:.1f} % [{100 * row.low:.1f} %, {100 * row.high:.1f} %] right" in words(app)

    def test_two_routers_list_where_they_differ(self, trained_home: Home) -> None:
        app = opened(compare_view=QUESTIONS, compare_router="cheap once", compare_second="dear once")
        runs = comparison_of(trained_home).rollouts
        frame = app.dataframe[-1].value
        assert len(frame) == len(differing(runs["cheap once"], runs["dear once"])) > 0
        assert (frame["cheap once"] != frame["dear once"]).all()
        pair = compare_two(comparison_of(trained_home), "cheap once", "dear once", np.random.default_rng(BOOTSTRAP_SEED))
        gap = pair.difference
        assert gap.value == pytest.approx(runs["cheap once"].correct.mean() - runs["dear once"].correct.mean())
        assert (
            f"cheap once less dear once, paired by question: **{in_points(gap.value)} points** [{in_points(gap.low)}, {in_points(gap.high)}], "
            f"exact McNemar p = {pair.mcnemar_p:.2g}: {'significant' if pair.differs else 'not significant'}"
        ) in words(app)

    def test_kinds_narrow_the_list(self, trained_home: Home) -> None:
        app = opened(compare_view=QUESTIONS, compare_kinds=["odd"])
        assert set(app.dataframe[-1].value["Kind"]) == {"odd"}

    def test_an_empty_list_says_so(self, trained_home: Home) -> None:
        app = opened(compare_view=QUESTIONS, compare_router="DER", compare_second="DER")
        assert "No question is left by this choice" in words(app)

    def test_one_click_on_a_point_opens_its_questions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        state = {"compare_chart": {"selection": {"points": [{"x": 1}, {"customdata": ["majority vote", "deployable"]}]}}}
        monkeypatch.setattr(ui.compare.views.st, "session_state", state)
        ui.compare.views._open_clicked()
        assert (state["compare_router"], state["compare_view"]) == ("majority vote", QUESTIONS)

    def test_a_click_on_a_line_opens_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        state: dict = {"compare_chart": {"selection": {"points": [{"x": 1, "y": 2}]}}}
        monkeypatch.setattr(ui.compare.views.st, "session_state", state)
        ui.compare.views._open_clicked()
        assert set(state) == {"compare_chart"}

    def test_a_question_leads_to_its_routes(self, trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        app = question_page(monkeypatch, "cheap once", "dear once")
        assert not app.exception
        runs = comparison_of(trained_home).rollouts
        first = answers_of(subject_of(trained_home), "dear once")[differing(runs["cheap once"], runs["dear once"])[0]]
        assert [code.value for code in app.code][:1] == [first.text]
        found = [query for label, query in links(app).items() if label.startswith("Follow this route of")]
        assert found == [
            {"run": [trained_home.run_id], "question": [first.question_id], "router": [name]} for name in ("cheap once", "dear once")
        ]

    def test_a_router_that_asks_nobody_has_no_route_to_follow(self, trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        (constant,) = (row.name for row in comparison_of(trained_home).rows if row.family == "constant")
        app = question_page(monkeypatch, constant)
        assert not app.exception
        assert not [label for label in links(app) if label.startswith("Follow")]

    def test_without_a_run_there_is_no_route_to_follow(self, recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        app = question_page(monkeypatch, "dear once")
        assert not app.exception
        assert "Right answer:" in words(app)
        assert not [label for label in links(app) if label.startswith("Follow")]

    def test_filters_by_their_definition(self, trained_home: Home) -> None:
        subject = subject_of(trained_home)
        given = answers_of(subject, "DER")
        correct = comparison_of(trained_home).rollouts["DER"].correct
        assert chosen_answers(subject, "DER", ALONE, "Right", []) == np.flatnonzero(correct).tolist()
        assert chosen_answers(subject, "DER", ALONE, "All", ["odd"]) == [i for i, one in enumerate(given) if one.kind == "odd"]

    def test_a_route_reads_as_experts_and_labels(self, trained_home: Home) -> None:
        given = answers_of(subject_of(trained_home), "dear once")[0]
        assert route_in_words(given) == f"dear: {given.label.word}"


class TestOtherViews:
    def test_routes_are_those_of_the_chosen_router(self, trained_home: Home) -> None:
        app = opened(compare_view=ROUTES, compare_router="dear once")
        assert not app.exception
        sankey, shares = echarts(app)
        right = int(comparison_of(trained_home).rollouts["dear once"].correct.sum())
        assert {"source": "1. dear", "target": "right", "value": right} in sankey["series"][0]["links"]
        assert [bar["name"] for bar in shares["series"]] == ["cheap", "middling", "dear"]

    def test_a_router_that_asks_nobody_has_no_routes(self, trained_home: Home) -> None:
        (constant,) = (row.name for row in comparison_of(trained_home).rows if row.family == "constant")
        app = opened(compare_view=ROUTES, compare_router=constant)
        assert "asks nobody" in words(app)
        assert len(echarts(app)) == 1

    def test_flip_matrix_is_that_of_the_held_out_recording(self, trained_home: Home) -> None:
        app = opened(compare_view=ADVICE)
        assert not app.exception
        flips = flip_matrix(evaluation_of(trained_home).source.table)
        assert app.dataframe[-1].value["Wrong to right"].tolist() == [row.wrong_to_right for row in flips]

    def test_sureness_is_that_of_the_held_out_answers(self, trained_home: Home) -> None:
        app = opened(compare_view=SURENESS)
        assert not app.exception
        found = evaluation_of(trained_home)
        assert found.agent is not None and found.router is not None
        run = found.comparison.rollouts["DER"]
        p = answer_sureness(found.agent, run, len(found.router.experts))
        assert p is not None
        shown = {card.label: card.value for card in app.metric}
        assert shown["Brier score"] == f"{np.mean((p - run.correct) ** 2):.3f}"
        assert app.dataframe[-1].value["Answered"].iloc[0] == "100.0 %"

    def test_every_chart_has_a_title_and_words_for_who_cannot_see_it(self, trained_home: Home) -> None:
        for view in (ROUTES, ADVICE, SURENESS):
            app = opened(compare_view=view)
            assert all(chart["title"]["text"] for chart in echarts(app))
            assert all(chart.proto.alt for chart in (*app.get("echarts_chart"), *app.get("plotly_chart")))


def question_page(monkeypatch: pytest.MonkeyPatch, router: str, second: str = ALONE) -> AppTest:
    """The page with the first question of the list chosen."""
    monkeypatch.setattr(ui.compare.questions, "pick_row", lambda listed, key: 0)
    return opened(compare_view=QUESTIONS, compare_router=router, compare_second=second)
