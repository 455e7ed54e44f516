"""The Route page in every state: nothing trained, a run replayed, experts that answer now, Ollama down, a recording that is gone."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import make_questions, make_spec
from homes import Home, fast_encoder, made_up_experts, open_page, write_run
from streamlit.testing.v1 import AppTest
from trained_routers import QUICK_PAPER

import ui.route.live as route_live
import ui.route.live_view as live_view
import ui.route.readiness as route_readiness
from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ExpertError, JobBusy, ModelMissing
from der_core.evaluation.experiment import GOLDLESS_ENDS, usable_end
from der_core.evaluation.rollout import Rollout
from der_core.evaluation.stories import Story
from der_core.experts.embedded import file_digest
from der_core.experts.opening import ExpertHealth
from der_core.experts.protocol import Expert
from der_core.jobs import JobHandle, JobState
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.live import Decision
from ui.route import charts
from ui.route.gallery import opening
from ui.route.live import FIRST_REPLIES, ROUTE, Asked, located, start_route, usual_costs
from ui.route.live_view import EXAMPLES
from ui.route.recorded import Stage, recorded_first_replies, replay, set_stage
from ui.route.stage_data import StageData
from ui.route.view import FOLD, coloured
from ui.shared import address_choice, loaders
from ui.shared.home import gguf_folder
from ui.shared.loaders import run_evaluation, stamp
from ui.shared.parts import number, plain
from ui.shared.work import board, latest

PAGE = "pages/route.py"
OWN = "Your own question"
TYPED = Question("typed", "Is the sky blue?", "A passage about skies.")


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.subheader, *app.caption, *app.warning, *app.error, *app.info]
    return "\n".join(str(element.value) for element in shown)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def badges(app: AppTest) -> list[str]:
    return [element.value for element in app.markdown if "-badge[" in element.value]


def stage_of(home: Home) -> Stage:
    stage = set_stage(home.run_id)
    assert stage is not None
    return stage


def opened_with(stage: Stage, name: str = "DER") -> Question:
    """The question that the page opens with: the first route of the story most worth seeing."""
    wanted = opening(stage.told(name))
    return next((question for question in stage.questions if question.id == wanted), stage.questions[0])


def rollout_of(stage: Stage, name: str) -> Rollout:
    return stage.evaluation.comparison.rollouts[name]


# --- nothing to replay ---


@pytest.mark.parametrize("home", ["empty_home", "recorded_home"])
def test_without_a_router_the_page_says_where_to_train_one(home: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(home)
    app = open_page(PAGE)
    assert not app.exception
    assert "No router has been trained yet" in words(app)
    assert app.main.children and [link.page for link in _links(app) if link.label == "Train a router"] == ["train"]


def _links(app: AppTest) -> Sequence[object]:
    return [link.proto for link in app.get("page_link")]


def test_a_recording_that_is_gone_is_one_sentence_and_typed_questions_still_work(trained_home: Home) -> None:
    trained_home.store.unlink()
    app = open_page(PAGE, run=trained_home.run_id)
    assert not app.exception
    assert "is not here any more" in words(app)
    own = open_page(PAGE, run=trained_home.run_id, route_source=OWN)
    assert not own.exception
    assert own.text_input("route_text").label == "Your yes/no question"


def test_a_router_that_cannot_be_loaded_is_one_line(trained_home: Home) -> None:
    trained_home.runs.router_path(trained_home.run_id).write_bytes(b"no zip")
    app = open_page(PAGE, run=trained_home.run_id)
    assert not app.exception
    assert len(app.error) == 1
    assert "Choose another run" in [link.label for link in _links(app)]


# --- replay ---


def test_the_page_opens_with_the_learned_router_on_a_held_out_question(trained_home: Home) -> None:
    app = open_page(PAGE)
    stage = stage_of(trained_home)
    run, question = rollout_of(stage, "DER"), opened_with(stage)
    row = stage.questions.index(question)
    assert not app.exception
    assert stage.told("DER")[row].story is not None
    assert any("replay" in badge for badge in badges(app))
    assert {key: app.query_params[key] for key in ("run", "question", "router")} == {
        "run": trained_home.run_id,
        "question": question.id,
        "router": "DER",
    }
    shown = metrics(app)
    assert shown["Answer"] == Label(int(run.answers[row])).word.upper()
    assert shown["Calls"] == str(run.calls[row])
    assert shown["Cost"] == number(run.costs[row].sum())


def test_a_link_opens_its_question_and_its_router(trained_home: Home) -> None:
    question = stage_of(trained_home).questions[5]
    app = open_page(PAGE, run=trained_home.run_id, question=question.id, router="round-robin until two agree")
    run = rollout_of(stage_of(trained_home), "round-robin until two agree")
    assert question.text in words(app)
    assert metrics(app)["Calls"] == str(run.calls[5])
    assert "deployable: it needs no gold answer" in words(app)


def test_an_oracle_is_called_one(trained_home: Home) -> None:
    app = open_page(PAGE, router="oracle, multi-step")
    assert "oracle: it uses the gold answer" in words(app)


def test_a_question_the_run_does_not_hold_out_is_told(trained_home: Home) -> None:
    app = open_page(PAGE, question="<b>nobody</b>")
    first = opened_with(stage_of(trained_home))
    told = f"There is no held-out question “<b>nobody</b>” here; shown instead: {first.text}  ({first.id})."
    assert [warning.value for warning in app.warning] == [plain(told)]
    assert app.query_params["question"] == first.id
    assert not app.run().warning


def test_every_router_with_calls_can_be_replayed_step_by_step(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    assert "majority vote" in stage.rows
    for name in stage.rows:
        run = rollout_of(stage, name)
        for row, question in enumerate(stage.questions[:6]):
            shown = replay(stage, question, name)
            steps = [event for event in shown.events if isinstance(event, Step)]
            assert [stage.evaluation.parts.test.experts.index(_spec(stage, step.expert)) for step in steps] == _asked(run, row)
            assert shown.answer == run.answers[row]
            assert isinstance(shown.events[-1], Route)


def _spec(stage: Stage, name: str) -> ExpertSpec:
    return next(spec for spec in stage.evaluation.parts.test.experts if spec.name == name)


def _asked(run: Rollout, row: int) -> list[int]:
    return run.experts[row, : run.calls[row]].tolist()


def test_a_learned_route_shows_its_probabilities_and_a_fixed_one_says_why_it_has_none(trained_home: Home) -> None:
    app = open_page(PAGE, router="DER")
    assert app.get("echarts_chart")
    fixed = open_page(PAGE, router="dear once")
    assert not fixed.get("echarts_chart")
    assert "goes by a rule, without probabilities. The expert is shown no other answer." in words(fixed)


def test_a_vote_is_answered_by_the_majority_not_by_the_last(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    run = rollout_of(stage, "majority vote")
    row = next(row for row in range(len(run.rows)) if run.answers[row] != run.labels[row, run.calls[row] - 1])
    app = open_page(PAGE, question=stage.questions[row].id, router="majority vote")
    assert metrics(app)["Answer"] == Label(int(run.answers[row])).word.upper()


def test_what_was_lost_is_the_distance_to_the_exact_optimum(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    best, taken = rollout_of(stage, "exact optimum of the reward"), rollout_of(stage, "DER")
    for row, question in enumerate(stage.questions):
        shown = replay(stage, question, "DER")
        assert shown.best.value == pytest.approx(best.returns(0.95)[row])
        assert shown.value == pytest.approx(taken.returns(0.95)[row])
        assert shown.best.value >= shown.value - 1e-9
    app = open_page(PAGE, question=stage.questions[-1].id)
    assert metrics(app)["Return lost"] == number(shown.best.value - shown.value, 3)
    assert metrics(app)["Extra cost"] == number(shown.cost - shown.best.cost)


def test_a_learned_route_waits_for_no_baseline(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate = loaders.evaluate
    monkeypatch.delattr(loaders, "evaluate")
    app = open_page(PAGE, router="DER")
    assert not app.exception and not app.error
    shown, row = metrics(app), stage_of(trained_home).questions.index(opened_with(stage_of(trained_home)))
    monkeypatch.setattr(loaders, "evaluate", evaluate, raising=False)
    run = rollout_of(stage_of(trained_home), "DER")
    assert (shown["Answer"], shown["Cost"]) == (Label(int(run.answers[row])).word.upper(), number(run.costs[row].sum()))


def test_a_router_with_rules_of_its_own_has_no_return_to_compare(trained_home: Home) -> None:
    app = open_page(PAGE, router="dear once")
    assert metrics(app)["Return lost"] == "–"
    assert "cannot be compared" in words(app)


def test_one_step_at_a_time_shows_the_choice_before_the_reply(trained_home: Home) -> None:
    app = open_page(PAGE, route_stepwise="true")
    assert [(status.label[:6], status.state) for status in app.status] == [("Step 1", "running")]
    assert "Waiting for the reply" in words(app)
    assert "Answer" not in metrics(app)
    app.button("route_next").click().run()
    assert any("says" in badge or "counts as" in badge for badge in badges(app))
    app.button("route_all").click().run()
    assert "Answer" in metrics(app)
    assert app.button("route_next").disabled


def test_finished_steps_are_a_timeline_that_does_not_sleep(trained_home: Home) -> None:
    app = open_page(PAGE, router="majority vote")
    steps = [box for box in app.expander if box.label.startswith("Step ")]
    assert [(box.label[:6], box.icon, box.proto.type) for box in steps] == [
        (f"Step {n + 1}", ":material/check:", box.proto.Type.STEP) for n, box in enumerate(steps)
    ]
    assert len(steps) == int(metrics(app)["Calls"]) >= 2
    assert not app.status, "each sleeps 50 ms"


def test_an_address_that_the_browser_sent_too_late_does_not_undo_a_choice(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(PAGE)
    first = app.query_params["question"]
    app.button("route_another").click().run()
    second = app.query_params["question"]
    app.query_params["question"] = first  # the browser has not heard of the second yet, and somebody acts
    app.toggle("route_stepwise").set_value(True).run()
    assert second != first and app.selectbox("question").value == second and app.query_params["question"] == second
    monkeypatch.setattr(address_choice, "_IN_FLIGHT_S", 0.0)
    app.query_params["question"] = first  # later it can only be somebody who typed it, or went back
    assert app.run().selectbox("question").value == first


def test_another_question_begins_again_at_its_first_step(trained_home: Home) -> None:
    app = open_page(PAGE, route_stepwise="true")
    app.button("route_all").click().run()
    before = app.query_params["question"]
    app.button("route_another").click().run()
    assert app.query_params["question"] != before
    assert "Answer" not in metrics(app)


def test_first_replies_are_looked_up_only_when_asked_for(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr("ui.route.replay_view.recorded_first_replies", lambda stage, question: looked.append(question.id) or [])
    app = open_page(PAGE)
    assert not app.exception
    assert looked == []
    app.session_state["route_every"] = True
    app.run()
    assert looked == [opened_with(stage_of(trained_home)).id]


def test_first_replies_are_the_recorded_ones(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    source = stage.evaluation.source
    replies = recorded_first_replies(stage, stage.questions[3])
    assert [reply.label for reply in replies] == source.labels[3, :, 0].tolist()
    frame = charts.first_replies_frame(replies, stage.questions[3].gold)
    assert frame["Expert"].tolist() == ["cheap", "middling", "dear"]
    assert [mark.startswith("✓") for mark in frame["Right"]] == (source.quality[3, :, 0] == 1).tolist()


# --- experts that answer now ---


class Answering:
    """What stands in for open_experts: the made-up experts, or something done to one of them."""

    def __init__(self, spoil: Callable[[list[Expert]], None] = lambda experts: None) -> None:
        self.opened = 0
        self.closed = 0
        self.spoil = spoil

    @contextmanager
    def __call__(self, specs: Sequence[ExpertSpec], options: AskOptions) -> Iterator[list[Expert]]:
        self.opened += 1
        experts: list[Expert] = [expert for expert in made_up_experts() if expert.spec.name in [spec.name for spec in specs]]
        self.spoil(experts)
        yield experts
        self.closed += 1


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    stand_in = Answering()
    monkeypatch.setattr(route_live, "open_experts", stand_in)
    return stand_in


def asked_of(home: Home, question: Question = TYPED) -> Asked:
    return Asked(home.run_id, question, "stop_action")


def routed(home: Home, question: Question = TYPED) -> None:
    board().wait(start_route(asked_of(home, question), "tab"), 30)


def own_page(home: Home, **address: str) -> AppTest:
    return open_page(PAGE, run=home.run_id, route_source=OWN, **address)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def finished(app: AppTest, kind: str = ROUTE) -> AppTest:
    job = latest(kind)
    assert job is not None
    board().wait(job.id, 30)
    return app.run()


def test_a_typed_question_takes_its_route_and_nobody_says_right_or_wrong(trained_home: Home, answering: Answering) -> None:
    app = own_page(trained_home)
    app.text_input("route_text").set_value("Is the sky blue?")
    app = finished(press(app, "Route it"))
    assert not app.exception
    job = latest(ROUTE)
    assert job is not None and job.state is JobState.DONE and isinstance(job.result, Route)
    assert any("live" in badge for badge in badges(app))
    assert metrics(app)["Answer"] == job.result.answer.word.upper()
    assert metrics(app)["Calls"] == str(len(job.result.steps))
    assert not any("right" in badge or "wrong" in badge for badge in badges(app))
    assert "Return lost" not in metrics(app)


def test_the_history_of_a_live_route_is_what_was_asked_and_then_its_events(trained_home: Home, answering: Answering) -> None:
    routed(trained_home)
    job = latest(ROUTE)
    assert job is not None
    first, *events = job.history
    assert first == asked_of(trained_home)
    assert isinstance(events[0], Decision) and isinstance(events[1], Step) and isinstance(events[-1], Route)
    assert events[-1] == job.result


def test_a_recorded_question_asked_live_takes_the_replayed_route(trained_home: Home, answering: Answering) -> None:
    """The made-up experts answer now as they did when they were recorded."""
    stage = stage_of(trained_home)
    for question in stage.questions[:5]:
        routed(trained_home, question)
        job, shown = latest(ROUTE), replay(stage, question, "DER")
        assert job is not None and isinstance(job.result, Route)
        assert [(s.expert, s.label) for s in job.result.steps] == [(s.expert, s.label) for s in shown.events if isinstance(s, Step)]


def test_how_long_a_reply_takes_is_told_from_the_recording(
    trained_home: Home, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = {row.name: row.seconds_p50 for row in stage_of(trained_home).comparison.rows}
    usual = route_live.usual_seconds(trained_home.run_id)
    assert usual == {name: single[f"{name} once"] for name in ("cheap", "middling", "dear")}
    assert usual["dear"] > usual["cheap"] > 0
    told: list[tuple[str, float | None]] = []
    report = JobHandle.report
    monkeypatch.setattr(
        JobHandle,
        "report",
        lambda job, fraction, eta_s, text, record=None: told.append((text, eta_s)) or report(job, fraction, eta_s, text, record),
    )
    routed(trained_home)
    asking = [(text, eta_s) for text, eta_s in told if text.startswith("Asking ")]
    assert asking and all(eta_s == usual[text.removeprefix("Asking ").split(";")[0]] for text, eta_s in asking)
    told.clear()
    board().wait(route_live.start_first_replies(asked_of(trained_home), "tab"), 30)
    assert [eta_s for _, eta_s in told] == pytest.approx([sum(usual.values()), usual["middling"] + usual["dear"], usual["dear"], 0.0])


def test_an_empty_question_asks_nobody(trained_home: Home, answering: Answering) -> None:
    app = press(own_page(trained_home), "Route it")
    assert "Type a question first" in words(app)
    assert latest(ROUTE) is None


def test_an_example_fills_the_fields(trained_home: Home, answering: Answering) -> None:
    app = own_page(trained_home)
    app.button("route_example_Ferry").click().run()
    assert app.text_input("route_text").value == EXAMPLES["Ferry"].text
    assert app.text_area("route_passage").value == EXAMPLES["Ferry"].passage
    expander = next(box for box in app.expander if box.label.startswith("Passage, and"))
    assert expander.proto.expanded, "a passage that is sent along can be seen"
    app.text_input("route_text").set_value("Is 7 prime?").run()
    app.button("route_example_Ferry").click().run()
    assert app.text_input("route_text").value == EXAMPLES["Ferry"].text


def test_a_passage_is_in_the_address_while_it_is_short(trained_home: Home, answering: Answering) -> None:
    app = open_page(PAGE, route_source="Your own question", route_passage="Whales are *mammals*.")
    assert app.text_area(key="route_passage").value == "Whales are *mammals*."
    app.text_area(key="route_passage").set_value("Short.")
    app = press(app, "Route it")
    assert app.text_area(key="route_passage").value == "Short."
    assert app.query_params["route_passage"] == "Short."
    app.text_area(key="route_passage").set_value("w" * 1_501)
    app = press(app, "Route it")
    assert app.text_area(key="route_passage").value == "w" * 1_501
    assert "route_passage" not in app.query_params


def test_a_dead_ollama_is_told_before_and_after_asking_in_one_sentence(trained_home: Home) -> None:
    app = own_page(trained_home)
    reason = "Nothing answers at `http://127.0.0.1:9`; start Ollama with `ollama serve`, or correct the expert's host."
    missing = "cheap, middling and dear cannot be asked here now, and this router needs all of its experts."
    assert [warning.value for warning in app.warning] == [missing]
    assert [caption.value for caption in app.caption].count(reason) == 1
    app.text_input("route_text").set_value("Is the sky blue?")
    app = finished(press(app, "Route it"))
    assert not app.exception
    assert [error.value for error in app.error] == [app.error[0].value]
    assert "start Ollama with `ollama serve`" in app.error[0].value
    assert reason not in [caption.value for caption in app.caption]


def test_the_other_experts_are_asked_only_when_wanted(trained_home: Home, answering: Answering) -> None:
    routed(trained_home)
    app = own_page(trained_home)
    assert latest(FIRST_REPLIES) is None
    app = finished(press(app, "What would the others have said?"), FIRST_REPLIES)
    table = next(frame.value for frame in app.dataframe if "Counts as" in frame.value.columns and "Step" not in frame.value.columns)
    assert table["Expert"].tolist() == ["cheap", "middling", "dear"]
    assert "Right" not in table.columns


def test_experts_are_opened_once_and_kept(trained_home: Home, answering: Answering) -> None:
    routed(trained_home)
    routed(trained_home)
    assert (answering.opened, answering.closed) == (1, 0)
    route_live._held_open.clear()
    assert answering.closed == 1


def test_a_question_under_way_is_stopped_without_waiting_for_the_reply(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()
    monkeypatch.setattr(route_live, "open_experts", Answering(lambda experts: [_hang(expert, hanging) for expert in experts]))
    job_id = start_route(asked_of(trained_home), "tab")
    _wait_for(lambda: any(isinstance(event, Decision) for event in board().snapshot(job_id).history))
    app = own_page(trained_home)
    assert "Waiting for the reply" in words(app)
    with pytest.raises(JobBusy, match="still running"):
        start_route(asked_of(trained_home), "another tab")
    app.button("route_stop").click().run()
    assert board().wait(job_id, 5).state is JobState.STOPPED
    app = app.run()
    assert "stopped before its end" in words(app)
    hanging.set()


def _hang(expert: Expert, until: threading.Event) -> None:
    ask = expert.ask

    def slowly(question: Question, previous: Label) -> Reply:
        until.wait(20)
        return ask(question, previous)

    expert.ask = slowly  # a delay put into a fake


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_other_weights_than_the_routers_are_refused(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def exchange(experts: list[Expert]) -> None:
        experts[0].spec = replace(experts[0].spec, digest="sha256:something-else")  # a fake's own field

    monkeypatch.setattr(route_live, "open_experts", Answering(exchange))
    routed(trained_home)
    job = latest(ROUTE)
    assert job is not None and job.state is JobState.FAILED
    assert "has the weights" in job.message


def test_what_is_typed_leaves_no_trace_in_the_home(trained_home: Home, answering: Answering) -> None:
    before = stamp(trained_home.store)
    routed(trained_home)
    assert stamp(trained_home.store) == before


def test_a_route_of_another_run_is_not_shown_as_this_ones(trained_home: Home, answering: Answering) -> None:
    routed(trained_home)
    other = write_run(trained_home, "second run")
    app = open_page(PAGE, run=other.id, route_source=OWN)
    assert trained_home.run_id in app.info[0].value
    assert "Answer" not in metrics(app)


@pytest.fixture
def gold_home(trained_home: Home) -> Home:
    """A home whose run was trained with gold stop."""
    return Home(trained_home.folder, trained_home.recording, write_run(trained_home, "gold run", QUICK_PAPER).id)


def test_a_router_trained_on_gold_offers_ends_that_need_none(gold_home: Home, answering: Answering) -> None:
    app = own_page(gold_home)
    assert app.segmented_control("route_end").value == usable_end(stage_of(gold_home).router)
    app.text_input("route_text").set_value("Is the sky blue?")
    app = finished(press(app, "Route it"))
    job = latest(ROUTE)
    assert job is not None and job.state is JobState.DONE
    assert job.history[0].end in GOLDLESS_ENDS


def test_gold_in_the_address_is_no_end(gold_home: Home, answering: Answering) -> None:
    app = own_page(gold_home, route_end="gold")
    app.text_input("route_text").set_value("Is the sky blue?")
    finished(press(app, "Route it"))
    job = latest(ROUTE)
    assert job is not None and job.history[0].end == usable_end(stage_of(gold_home).router)


def test_the_gold_row_of_a_run_is_replayed_as_an_oracle(gold_home: Home) -> None:
    question = stage_of(gold_home).questions[0].id
    app = open_page(PAGE, run=gold_home.run_id, router="DER, gold stop", question=question)
    evaluation = run_evaluation(gold_home.run_id)
    assert evaluation is not None
    assert metrics(app)["Calls"] == str(evaluation.comparison.rollouts["DER, gold stop"].calls[0])
    assert "oracle: it uses the gold answer" in words(app)


# --- a router whose experts are not all here ---


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the experts that can be asked; who is put in is ready."""
    ready: set[str] = set()

    def health_of(specs: Sequence[ExpertSpec]) -> list[ExpertHealth]:
        return [ExpertHealth(spec, spec.name in ready, spec.digest, None, f"Start the server of {spec.name}.") for spec in specs]

    monkeypatch.setattr(route_readiness, "health_of", health_of)
    return ready


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


USE = "Use ‘two of three’, whose experts can answer here"
TRAIN = "Train a router for the experts that can answer here: it takes seconds"


def test_another_run_whose_experts_answer_is_offered_and_taken(part_home: Home, here: set[str]) -> None:
    here |= {"cheap", "dear"}
    app = open_page(PAGE, route_source=OWN)
    whole = app.query_params["run"]
    assert whole != part_home.run_id, "the default stays, even where another run could be asked"
    assert [warning.value for warning in app.warning] == ["middling cannot be asked here now, and this router needs all of its experts."]
    assert "Start the server of middling." in words(app) and "Start the server of dear." not in words(app)
    assert USE in labels(app) and TRAIN not in labels(app)
    app = press(app, USE)
    assert not app.exception and app.query_params["run"] == part_home.run_id
    assert not app.warning and USE not in labels(app)
    assert "cheap and dear answer, in Ollama. Small models err: cheap has less than a billion parameters" in words(app)


def test_the_last_stop_of_the_tour_takes_a_run_whose_experts_answer_here(part_home: Home, here: set[str]) -> None:
    here |= {"cheap", "dear"}
    app = open_page(PAGE, tour="6", route_source=OWN)
    assert not app.exception and app.query_params["run"] == part_home.run_id
    assert not app.warning and "Tour, 6 of 6" in words(app)


def test_without_such_a_run_train_opens_with_the_experts_that_answer(trained_home: Home, here: set[str]) -> None:
    here |= {"cheap", "dear"}
    app = own_page(trained_home)
    assert TRAIN in labels(app) and not [label for label in labels(app) if label.startswith("Use")]
    app = press(app, TRAIN)
    assert not app.exception and app.title[0].value == "Train"
    assert app.selectbox("train_recording").value == trained_home.recording
    assert app.pills("train_experts").value == ["cheap", "dear"]


def test_what_train_remembers_gives_way_to_the_experts_that_answer(trained_home: Home, here: set[str]) -> None:
    here |= {"dear"}
    newest = replace(trained_home, recording="newest")  # the default of Train, which an address alone would not bring back
    with Store.open(trained_home.store) as store:
        record(store, "newest", make_questions(24), {one.spec.name: [one] for one in made_up_experts()})
    run = write_run(newest, "on the newest")
    app = open_page("pages/train.py", train_recording="small", train_experts=["cheap"])
    assert (app.selectbox("train_recording").value, app.pills("train_experts").value) == ("small", ["cheap"])
    app.query_params["run"], app.query_params["route_source"] = run.id, OWN
    app = press(app.switch_page(PAGE).run(), TRAIN)
    assert not app.exception
    assert (app.selectbox("train_recording").value, app.pills("train_experts").value) == ("newest", ["dear"])


def test_where_nobody_answers_nothing_is_offered_but_the_reasons(part_home: Home, here: set[str]) -> None:
    app = own_page(part_home)
    assert [warning.value for warning in app.warning] == [
        "cheap and dear cannot be asked here now, and this router needs all of its experts."
    ]
    assert not [label for label in labels(app) if label.startswith(("Use", "Train"))]


def test_a_run_whose_recording_is_gone_offers_no_training(trained_home: Home, here: set[str]) -> None:
    here |= {"cheap"}
    trained_home.store.unlink()
    app = own_page(trained_home)
    assert not app.exception and TRAIN not in labels(app)
    assert "middling and dear cannot be asked here now" in app.warning[0].value


def test_a_run_that_cannot_be_read_is_no_offer(part_home: Home, here: set[str]) -> None:
    here |= {"cheap", "dear"}
    part_home.runs.router_path(part_home.run_id).write_bytes(b"no zip")
    app = open_page(PAGE, route_source=OWN)
    assert not app.exception and USE not in labels(app) and TRAIN in labels(app)


def test_models_that_ollama_lacks_are_told_with_their_lines(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def health_of(specs: Sequence[ExpertSpec]) -> list[ExpertHealth]:
        return [ExpertHealth(spec, False, "", None, f"Run: ollama pull {spec.model}") for spec in specs]

    monkeypatch.setattr(route_readiness, "health_of", health_of)
    app = own_page(trained_home)
    assert "ollama pull cheap-model\nollama pull middling-model\nollama pull dear-model" in [code.value for code in app.code]


def test_an_absent_file_and_other_weights_are_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("DER_GGUF", str(tmp_path))
    digest = file_digest(tmp_path / "tiny.gguf")
    tiny = make_spec("tiny", backend="embedded", model="/elsewhere/tiny.gguf", digest=digest)
    experts = [replace(tiny, name="absent", model="absent.gguf"), tiny, replace(tiny, name="changed", digest="sha256:other")]
    absent, found, changed = route_readiness.healths_here(experts)
    assert [health.spec.name for health in (absent, found, changed)] == ["absent", "tiny", "changed"]
    assert [health.ready for health in (absent, found, changed)] == [False, True, False]
    assert "no model file absent.gguf here" in absent.message and "other weights" in changed.message


def test_who_answers_is_told_with_what_to_expect() -> None:
    def spec(name: str, billions: float | None, backend: str = "embedded") -> ExpertSpec:
        return make_spec(name, backend=backend, params_billions=billions)

    small = [spec("smollm2-135m", 0.135), spec("gemma3-270m", 0.268)]
    hint = "less than a billion parameters, so follow the route rather than trust the answer."
    told = "smollm2-135m and gemma3-270m answer, inside this program. Small models err:"
    assert route_readiness.who_answers(small) == f"{told} they have {hint}"
    assert route_readiness.who_answers(small[:1]) == f"smollm2-135m answers, inside this program. Small models err: it has {hint}"
    mixed = route_readiness.who_answers([*small, spec("large", 7.0)])
    assert mixed.endswith(f"Small models err: smollm2-135m and gemma3-270m have {hint}")
    others = route_readiness.who_answers([spec("a", 1.0), spec("b", None, "ollama")])
    assert others == "a answers, inside this program; b answers, in Ollama."
    assert route_readiness.listed(["a", "b", "c"]) == "a, b and c"


# --- where model files are ---


def test_a_model_file_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("DER_GGUF", str(tmp_path))
    assert gguf_folder() == tmp_path
    (found, other) = located([make_spec("tiny", backend="embedded", model="/elsewhere/tiny.gguf"), make_spec("served")])
    assert found.model == str(tmp_path / "tiny.gguf")
    assert other == make_spec("served", digest="")


def test_a_server_is_where_the_person_recorded_the_expert_never_where_a_router_says(empty_home: Home) -> None:
    own = make_spec("served", host="http://127.0.0.1:4000/team", key_env="TEAM_KEY")
    with Store.open(empty_home.folder / "recordings.sqlite") as store:
        store.start_recording("mine")
        store.add_experts("mine", [own])
    stranger = make_spec("served", host="http://10.0.0.7:1", key_env="OTHER_KEY")
    (found, unlike) = located([stranger, replace(stranger, digest="sha256:unlike")])
    assert (found.host, found.key_env, found.digest) == ("http://127.0.0.1:4000/team", "TEAM_KEY", "")
    assert (unlike.host, unlike.key_env) == (None, None)


def test_a_model_file_that_is_not_here_is_told_with_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DER_GGUF", str(tmp_path))
    with pytest.raises(ModelMissing, match="no model file absent.gguf here. Set DER_GGUF"):
        located([make_spec("absent", backend="embedded", model="absent.gguf")])


# --- what is drawn ---


def decision(*probabilities: float, expert: str | None = "b") -> Decision:
    return Decision(1, probabilities, expert, Label.NO, "prompt", False)


def test_the_choice_taken_stands_out() -> None:
    option = charts.probabilities_chart(["a", "b"], decision(0.2, 0.7, 0.1))
    bars = option["series"][0]["data"]
    assert [bar["value"] for bar in bars] == [20.0, 70.0, 10.0]
    assert [bar["itemStyle"]["opacity"] == 1 for bar in bars] == [False, True, False]
    assert option["yAxis"]["data"] == ["a", "b", "STOP"]
    assert charts.probabilities_alt(["a", "b"], decision(0.2, 0.7, 0.1)) == (
        "Step 2: the router gives a 20 %, b 70 %, STOP 10 %, and takes b"
    )


def test_a_router_that_cannot_stop_has_no_bar_for_it() -> None:
    assert charts.action_names(["a", "b"], decision(0.4, 0.6)) == ["a", "b"]


def test_the_table_of_a_route_has_a_row_a_step_even_before_its_reply(trained_home: Home) -> None:
    shown = replay(stage_of(trained_home), stage_of(trained_home).questions[0], "DER")
    decisions = [event for event in shown.events if isinstance(event, Decision)]
    steps = [event for event in shown.events if isinstance(event, Step)]
    frame = charts.route_frame(["cheap", "middling", "dear"], decisions, steps)
    assert len(frame) == len(decisions)
    assert frame["Cost"].dropna().sum() == pytest.approx(shown.cost, abs=1e-3)
    assert charts.route_frame(["cheap", "middling", "dear"], decisions[:1], [])["Chosen"].tolist() == [decisions[0].expert]


def test_a_name_cannot_smuggle_markdown() -> None:
    assert coloured(["[x](http://y)"], "[x](http://y)").endswith(r"\[x\](`http://y`)")


def test_replies_are_shown_as_text(empty_home: Home) -> None:
    app = AppTest.from_function(_draw_hostile_route).run()
    assert not app.exception
    hostile = "<img src=x onerror=alert(1)> ![](http://127.0.0.1/x)"
    assert hostile in [code.value for code in app.code]
    assert not any(hostile in element.value for element in [*app.markdown, *app.caption, *app.subheader])


def _draw_hostile_route() -> None:
    import numpy as np

    from der_core.config import ExpertSpec
    from der_core.records import Label, Question, Reply, Route, Step
    from der_core.routing.live import Decision
    from ui.route.view import Scene, draw_question, draw_route

    hostile = "<img src=x onerror=alert(1)> ![](http://127.0.0.1/x)"
    question = Question("q", hostile, hostile)
    reply = Reply(hostile, Label.YES, 0.9, 0.0, 0.1, 0.1, 0.2, 10, 0, 1, "")
    step = Step("a", Label.NONE, hostile, reply, Label.YES, 1.0, 0.2, float("nan"), (1.0,))
    scene = Scene("live", "Now.", question, (ExpertSpec("a", "ollama", "a"),), np.full((1, 4), np.nan), "features")
    draw_question(scene)
    draw_route(scene, [Decision(0, (1.0,), "a", Label.NONE, hostile, False), step, Route(question, (step,), "it was told to")])


def test_the_fast_encoder_stands_in_for_the_real_one(empty_home: Home) -> None:
    """Otherwise the tests above would load a model."""
    from ui.shared.loaders import live_encoder

    assert np.array_equal(live_encoder("x").encode(["a"]), fast_encoder("x").encode(["a"]))


# --- the stage, and the gallery above it ---


def on_stage(app: AppTest) -> StageData:
    (element,) = app.get("bidi_component")
    data: StageData = json.loads(element.proto.json)
    return data


def test_the_stage_plays_the_route_that_the_words_below_tell(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    question = stage.questions[5]
    app = open_page(PAGE, run=trained_home.run_id, question=question.id, router="DER")
    data, run = on_stage(app), rollout_of(stage, "DER")
    (pane,) = data["panes"]
    assert (data["question"], data["passage"], data["live"]) == (question.text, question.passage, False)
    asked = [move["choice"] for move in pane["moves"] if move["kind"] != "end"]
    assert asked == _asked(run, 5)
    assert [node["exact"] for node in pane["nodes"]] == ["cheap", "middling", "dear", ""]
    assert [node["price"] for node in pane["nodes"][:3]] == [f"{number(cost)} a call" for cost in usual_costs(trained_home.run_id).values()]
    first, last = pane["moves"][0], pane["moves"][-1]
    assert first["good"] == [*(stage.source.quality[5, :, Label.NONE] == 1), False]
    assert not last["good"] or last["good"][-1] == run.correct[5], "to stop is right where the answer is"
    verdict = pane["verdict"]
    assert verdict is not None and verdict["outcome"] == ("right" if run.correct[5] else "wrong")
    assert verdict["spent"].startswith(f"{len(asked)} call") and f"cost {number(run.costs[5].sum())}" in verdict["spent"]
    single = stage.single_call(question)
    alone = rollout_of(stage, stage.comparison.reference.best_single)
    assert (single.answer, single.cost) == (alone.answers[5], pytest.approx(alone.costs[5].sum()))
    assert [box.proto.expanded for box in app.expander if box.label == FOLD] == [False]


def test_the_gallery_counts_stories_and_opens_the_chosen_one(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    told = stage.told("DER")
    assert [bool(one.right) for one in told] == rollout_of(stage, "DER").correct.tolist()
    counts = Counter(one.story for one in told if one.story)
    app = open_page(PAGE)
    assert list(app.pills("route_story").options) == [f"{s.value.capitalize()} · {counts[s]}" for s in Story if counts[s]]
    rarest = min(counts, key=lambda story: counts[story])
    app.pills("route_story").set_value(rarest.value).run()
    ids = [one.question.id for one in told if one.story is rarest]
    assert app.query_params["question"] in ids
    assert [option.rpartition("(")[2].rstrip(")") for option in app.selectbox("question").options] == ids
    assert on_stage(app)["story"] == rarest.words


def test_filters_by_kind_calls_and_outcome(trained_home: Home) -> None:
    told = stage_of(trained_home).told("DER")
    app = open_page(PAGE)
    app.multiselect("route_kinds").set_value(["odd"])
    app.pills("route_outcome").set_value("wrong").run()
    wanted = [one.question.id for one in told if one.question.kind == "odd" and not one.right]
    assert [option.rpartition("(")[2].rstrip(")") for option in app.selectbox("question").options] == wanted
    app.pills("route_calls").set_value([1]).run()
    assert len(app.selectbox("question").options) == len(
        [one for one in told if one.question.id in wanted and one.calls == 1]
    ) or "fits the filter" in words(app)


def test_a_link_opens_its_question_whatever_was_filtered(trained_home: Home) -> None:
    told = stage_of(trained_home).told("DER")
    right = next(one.question.id for one in told if one.right)
    app = open_page(PAGE)
    app.pills("route_outcome").set_value("wrong").run()
    app.query_params["question"] = right
    app.run()
    assert app.selectbox("question").value == right and app.pills("route_outcome").value is None
    assert not app.warning


def test_two_routers_stand_side_by_side_on_one_question(trained_home: Home) -> None:
    stage = stage_of(trained_home)
    single = stage.comparison.reference.best_single
    app = open_page(PAGE, question=stage.questions[3].id, beside=single)
    assert [pane["router"] for pane in on_stage(app)["panes"]] == ["DER", single]
    assert app.query_params["beside"] == single
    later = write_run(trained_home, "a later one")
    app = open_page(PAGE, run=trained_home.run_id, question=stage.questions[3].id, beside=f"run {later.id}")
    first, second = on_stage(app)["panes"]
    assert first["moves"] == second["moves"], "the same training comes to the same router"
    assert not app.info


def test_one_press_puts_the_best_single_expert_beside_it_and_another_takes_it_away(trained_home: Home) -> None:
    single = stage_of(trained_home).comparison.reference.best_single
    app = press(open_page(PAGE), "Beside the best single expert")
    assert [pane["router"] for pane in on_stage(app)["panes"]] == ["DER", single]
    app = press(app, "One router")
    assert [pane["router"] for pane in on_stage(app)["panes"]] == ["DER"]
    assert "Beside the best single expert" not in labels(open_page(PAGE, router=single))


def test_routers_whose_costs_differ_say_so_and_one_that_cannot_be_shown_says_why(trained_home: Home) -> None:
    other = write_run(trained_home, "paper", QUICK_PAPER)
    question = stage_of(trained_home).questions[3].id
    app = open_page(PAGE, run=trained_home.run_id, question=question, beside=f"run {other.id}")
    assert "Costs differ: compute and latency" in on_stage(app)["note"]
    app = open_page(PAGE, question=question, run=trained_home.run_id, router="DER", beside="oracle, multi-step")
    assert on_stage(app)["note"] == "oracle, multi-step: oracle, it knows the right answer"


def test_a_live_route_is_on_the_stage_as_far_as_it_has_come(trained_home: Home, answering: Answering) -> None:
    app = own_page(trained_home)
    assert not app.get("bidi_component")
    routed(trained_home)
    app = own_page(trained_home)
    data, job = on_stage(app), latest(ROUTE)
    assert job is not None and isinstance(job.result, Route)
    assert (data["id"], data["live"], data["question"], len(data["panes"][0]["moves"])) == (
        job.id,
        True,
        TYPED.text,
        len(job.result.steps) + 1,
    )
    verdict = data["panes"][0]["verdict"]
    assert verdict is not None and (verdict["outcome"], verdict["words"]) == ("unknown", f"Answer: {job.result.answer.word}")
    assert verdict["single"].endswith("on average")


# --- an expert that does not answer ---


@pytest.fixture
def stalling(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The expert that the router asks first never answers; its name."""
    first = next(
        step.expert for step in replay(stage_of(trained_home), recorded_question(trained_home), "DER").events if isinstance(step, Step)
    )
    released = threading.Event()

    def spoil(experts: list[Expert]) -> None:
        _hang(next(expert for expert in experts if expert.spec.name == first), released)

    monkeypatch.setattr(route_live, "open_experts", Answering(spoil))
    monkeypatch.setattr(live_view, "PATIENCE_S", 0.0)
    yield first
    released.set()


def recorded_question(home: Home) -> Question:
    return stage_of(home).questions[2]


def asked_live(home: Home) -> AppTest:
    question = recorded_question(home)
    job_id = start_route(asked_of(home, Question("typed", question.text, question.passage)), "tab")
    _wait_for(lambda: any(isinstance(event, Decision) for event in board().snapshot(job_id).history))
    return own_page(home)


def test_a_route_goes_on_without_an_expert_that_stalls(trained_home: Home, stalling: str) -> None:
    app = asked_live(trained_home)
    before = on_stage(app)
    assert before["panes"][0]["moves"][-1]["kind"] == "waiting"
    app = finished(press(app, f"Go on without {stalling}"))
    job, data = latest(ROUTE), on_stage(app)
    assert job is not None and job.state is JobState.DONE and isinstance(job.result, Route)
    assert stalling not in [step.expert for step in job.result.steps]
    assert data["id"] == before["id"], "the stage goes on, it does not begin again"
    assert data["note"] == f"Went on without {stalling}"
    assert data["panes"][0]["verdict"] is not None


def test_the_recorded_reply_stands_in_and_is_marked(trained_home: Home, stalling: str) -> None:
    app = finished(press(asked_live(trained_home), "Show the recorded reply"))
    job, question = latest(ROUTE), recorded_question(trained_home)
    assert job is not None and isinstance(job.result, Route)
    recorded = [event for event in replay(stage_of(trained_home), question, "DER").events if isinstance(event, Step)]
    assert [(step.expert, step.label) for step in job.result.steps] == [(step.expert, step.label) for step in recorded]
    assert [move["chip"].endswith("(recorded)") for move in on_stage(app)["panes"][0]["moves"]][:2] == [True, False]
    assert any("recorded reply" in badge for badge in badges(app))


def test_a_question_that_was_not_recorded_has_no_recorded_reply(trained_home: Home, stalling: str) -> None:
    typed = Question("typed", "Was this recorded?")
    job_id = start_route(asked_of(trained_home, typed), "tab")
    _wait_for(lambda: any(isinstance(event, Decision) for event in board().snapshot(job_id).history))
    assert "Show the recorded reply" not in labels(own_page(trained_home))
    board().stop(job_id)


def test_an_expert_that_fails_can_be_left_too(trained_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    first = next(
        step.expert for step in replay(stage_of(trained_home), recorded_question(trained_home), "DER").events if isinstance(step, Step)
    )

    def fail(question: Question, previous: Label) -> Reply:
        raise ExpertError(f"{first} gave no reply.")

    def spoil(experts: list[Expert]) -> None:
        next(expert for expert in experts if expert.spec.name == first).ask = fail  # type: ignore[method-assign]

    monkeypatch.setattr(route_live, "open_experts", Answering(spoil))
    app = asked_live(trained_home)
    app = finished(app)
    assert on_stage(app)["note"] == "No reply came"
    app = finished(press(app, f"Go on without {first}"))
    job = latest(ROUTE)
    assert job is not None and job.state is JobState.DONE
    assert on_stage(app)["note"] == f"Went on without {first}"


def test_before_its_patience_is_over_the_page_offers_nothing(trained_home: Home, stalling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "PATIENCE_S", 3_600.0)
    app = asked_live(trained_home)
    assert not [label for label in labels(app) if label.startswith(("Go on", "Show the recorded"))]
    board().stop(latest(ROUTE).id)


def test_a_recorded_question_is_taken_over_and_nobody_is_asked_before_the_button(trained_home: Home, answering: Answering) -> None:
    question = recorded_question(trained_home)
    app = press(open_page(PAGE, question=question.id), "Ask this question live")
    assert not app.exception
    assert (app.text_input("route_text").value, app.text_area("route_passage").value) == (question.text, question.passage)
    assert "Nobody has been asked this yet" in words(app) and latest(ROUTE) is None
    app = finished(press(app, "Route it"))
    assert "Nobody has been asked this yet" not in words(app)
    assert on_stage(app)["question"] == question.text
