"""The Train page: nothing recorded, a recording, a training under way here or elsewhere, ended, stopped, failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from fakes import HashEncoder, make_questions
from homes import N_QUESTIONS, NOBODY, Home, made_up_experts, open_page, write_recording
from pydantic import TypeAdapter
from streamlit.testing.v1 import AppTest
from trained_routers import QUICK_DEPLOYABLE, QUICK_PAPER

from der_core.config import DEPLOYABLE, PAPER, TrainConfig
from der_core.errors import JobBusy, SettingsError
from der_core.evaluation.experiment import Evaluation, report
from der_core.evaluation.report import Json
from der_core.jobs import JobHandle, JobSnapshot, JobState
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question
from der_core.routing.reward import describe_preference
from der_core.routing.saved.trained import CurvePoint, TrainedRouter
from der_core.work.training import OnLearned, OnProgress, TrainingOrder, TrainingOutcome, train_and_compare
from ui.shared import loaders, work
from ui.shared.encoding import BATCH, EncodingStopped, WatchedEncoder
from ui.shared.home import RecordingRef
from ui.shared.result_rows import against_best
from ui.shared.work import TRAINING, TrainingPlan, board, latest, start_training
from ui.train.result import LINKS

PAGE = "pages/train.py"
WAIT_S = 90.0
PLAN = TrainingPlan("small", ("cheap", "middling", "dear"), DEPLOYABLE)
POINT = CurvePoint(2_048, 1.0, 1.5, 0.625, 2.0, 1.75, 0.5, (0.5, 0.3, 0.2), 0.9, 0.0, 0.0, 0.0, float("nan"))


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info, *app.subheader]
    return "\n".join(str(element.value) for element in shown)


def opened_for_a_quick_training() -> AppTest:
    """The page, its slider at the fewest steps."""
    app = open_page(PAGE)
    app.slider(key="train_total_steps").set_value(2_048).run()
    return app


def ended() -> JobSnapshot:
    job = latest(TRAINING)
    assert job is not None
    return board().wait(job.id, WAIT_S)


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., str]]:
    """Starts a training of another tab, which reports `records` and goes on until it is stopped or the test is over."""
    over = threading.Event()

    def start(*records: object, fraction: float = 0.5, eta_s: float | None = 42.0) -> str:
        told = threading.Event()

        def work(job: JobHandle) -> None:
            for one in records:
                job.report(fraction, eta_s, "6,144 of 12,288 steps", one)
            told.set()
            over.wait(WAIT_S)

        job_id = board().start(TRAINING, "Training “theirs”", work, "tab of somebody")
        assert told.wait(WAIT_S)
        return job_id

    yield start
    over.set()
    ended()


def test_without_a_recording_the_page_says_where_to_make_one(empty_home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "There is no recording to learn from yet." in words(app)
    assert "Record some replies" in [link.value for link in app.page_link]
    assert not app.button


def test_a_recording_without_a_complete_question_is_told_and_cannot_be_trained_on(empty_home: Home) -> None:
    with Store.open(empty_home.store) as store:
        store.start_recording("begun")
    app = open_page(PAGE)
    assert not app.exception
    assert "has no complete question" in app.error[0].value
    assert app.button(key="train_start").disabled


@pytest.mark.parametrize(
    ("questions", "told"),
    [
        (make_questions(12, gold=[Label.NONE] * 12), "None of the 12 questions has a gold answer"),
        (make_questions(1), "each needs at least one."),
    ],
    ids=["unanswered", "too few"],
)
def test_what_cannot_be_learned_from_is_told_and_not_offered(empty_home: Home, questions: tuple[Question, ...], told: str) -> None:
    with Store.open(empty_home.store) as store:
        record(store, "few", questions, {expert.spec.name: [expert] for expert in made_up_experts()})
    app = open_page(PAGE)
    assert not app.exception and app.button(key="train_start").disabled
    assert told in app.error[0].value
    assert "Go on with this recording" in [link.label for link in app.page_link]


def test_a_recording_can_be_trained_on_and_the_page_says_what_is_learned_from(recorded_home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert not app.button(key="train_start").disabled
    parts = loaders.load_parts(RecordingRef(recorded_home.store, "small"))
    assert (
        f"small, 3 experts, {N_QUESTIONS} recorded questions: {parts.training.n_questions} to learn from, "
        f"{parts.validation.n_questions} to choose thresholds by, {parts.test.n_questions} held out for the comparison."
    ) in words(app)
    assert describe_preference(DEPLOYABLE.reward, DEPLOYABLE.episode, DEPLOYABLE.ppo.discount) in words(app)
    assert app.text_input(key="train_name").placeholder == "deployable"
    assert not app.get("echarts_chart")


def test_questions_without_an_answer_are_told_and_left_out(empty_home: Home) -> None:
    with Store.open(empty_home.store) as store:
        questions = make_questions(36, gold=[Label.NONE if i % 3 == 0 else Label.YES if i % 2 else Label.NO for i in range(36)])
        record(store, "some", questions, {expert.spec.name: [expert] for expert in made_up_experts()})
    app = open_page(PAGE)
    assert not app.exception and not app.button(key="train_start").disabled
    assert "held out for the comparison; 12 without an answer are not counted." in words(app)


def test_a_shipped_recording_can_be_trained_on(demo_home: Home) -> None:
    app = opened_for_a_quick_training()
    assert not app.exception and app.selectbox(key="train_recording").value == "demo (shipped)"
    app.button(key="train_start").click().run()
    assert ended().state is JobState.DONE
    assert len(demo_home.runs.list()) == 1


def test_the_sentence_follows_the_sliders(recorded_home: Home) -> None:
    app = open_page(PAGE)
    app.button(key="train_preset_paper").click().run()
    assert "A right answer at once earns 1.995, wrong then right 3.030: this reward pays for being wrong first." in words(app)
    app.slider(key="train_beta").set_value(0.0).run()
    changed = replace(PAPER.reward, beta=0.0)
    assert describe_preference(changed, PAPER.episode, PAPER.ppo.discount) in words(app)
    assert "wrong then right" not in words(app).split("pays best")[-1]


def test_training_with_moved_sliders_ends_as_a_run_of_those_settings(recorded_home: Home) -> None:
    app = opened_for_a_quick_training()
    app.slider(key="train_alpha").set_value(0.2)
    app.number_input(key="train_seed").set_value(3)
    app.text_input(key="train_name").set_value("  my *first* run ").run()
    app.button(key="train_start").click().run()
    job = ended()
    assert not app.exception and (job.state, job.message) == (JobState.DONE, "")
    (run,) = recorded_home.runs.list()
    settings = TypeAdapter(TrainConfig).validate_python(recorded_home.runs.load_report(run.id)["settings"])
    assert run.name == "my *first* run" and job.result == run.id
    assert (settings.reward.alpha, settings.seed, settings.ppo.total_steps) == (0.2, 3, 2_048)
    assert settings.reward == replace(DEPLOYABLE.reward, alpha=0.2)


def test_a_planner_is_trained_kept_and_has_no_curves(recorded_home: Home) -> None:
    app = opened_for_a_quick_training()
    app.selectbox(key="train_algorithm").set_value("planner").run()
    app.button(key="train_start").click().run()
    job = ended()
    app.run()
    assert not app.exception and (job.state, job.message) == (JobState.DONE, "")
    (run,) = recorded_home.runs.list()
    report = recorded_home.runs.load_report(run.id)
    assert report["settings"]["algorithm"] == "planner" and "planner" in run.name
    assert "no learning curves" in words(app) and not app.get("echarts_chart")


def test_the_result_stands_on_the_page_with_interval_and_the_ways_on(recorded_home: Home) -> None:
    app = opened_for_a_quick_training()
    app.button(key="train_start").click().run()
    run_id = ended().result
    app.run()
    results = recorded_home.runs.load_report(run_id)["results"]
    row = next(row for row in results["deployable"] if row["name"] == "DER")
    assert not app.exception and not app.button(key="train_start").disabled
    assert "finished" in words(app) and results["headline"].replace("*", r"\*") in words(app)
    assert f"95 % interval {100 * row['low']:.1f} % to {100 * row['high']:.1f} %" in words(app)
    assert {"DER": f"{100 * row['accuracy']:.1f} %"}.items() <= {card.label: card.value for card in app.metric}.items()
    assert "Best single expert" in [card.label for card in app.metric]
    links = {
        link.proto.label: dict(part.split("=") for part in link.proto.query_string.split("&"))
        for link in app.page_link
        if link.proto.query_string
    }
    assert [links[label] for _, _, label, _ in LINKS] == [{key: run_id} for _, key, _, _ in LINKS]


def test_only_the_single_expert_is_what_others_are_measured_against() -> None:
    equal = {"difference": {"value": 0.0, "low": 0.0, "high": 0.0}, "differs": False}
    assert against_best({**equal, "family": "single"}) == "The others are measured against it."
    assert against_best({**equal, "family": "learned"}) == "+0.0 points [+0.0, +0.0] against the best single expert: not significant."


def test_a_result_that_was_deleted_meanwhile_is_told(recorded_home: Home) -> None:
    app = opened_for_a_quick_training()
    app.button(key="train_start").click().run()
    recorded_home.runs.delete(ended().result)
    app.run()
    assert not app.exception and "may have been deleted" in app.error[0].value


def test_another_tab_watches_and_cannot_start_a_second(recorded_home: Home, elsewhere: Callable[..., str]) -> None:
    elsewhere(PLAN, POINT, replace(POINT, steps=4_096, accuracy=0.75, mean_reward=2.25))
    app = open_page(PAGE)
    assert not app.exception
    assert app.button(key="train_start").disabled and "One training at a time" in words(app)
    assert "Training “theirs”" in words(app) and "started in another tab" in words(app) and "deployable" in words(app)
    assert (app.progress[0].value, app.progress[0].text) == (50, "6,144 of 12,288 steps · 50 % · about 42 s left")
    cards = {card.label: card.value for card in app.metric}
    assert cards == {"Reward": "2.250", "Accuracy": "75.0 %", "Cost": "2.00", "Calls": "1.75", "Entropy": "0.900"}
    assert len(app.get("echarts_chart")) == 6


def test_oracle_figures_are_called_so(recorded_home: Home, elsewhere: Callable[..., str]) -> None:
    elsewhere(replace(PLAN, config=PAPER), POINT)
    assert "oracle: routes end on the gold answer" in words(open_page(PAGE))


def test_before_the_first_point_there_are_dashes(recorded_home: Home, elsewhere: Callable[..., str]) -> None:
    elsewhere(PLAN, eta_s=None, fraction=0.0)
    app = open_page(PAGE)
    assert not app.exception
    assert {card.value for card in app.metric} == {"–"}
    assert "left" not in app.progress[0].text


def test_stop_acts_at_once_from_any_tab(recorded_home: Home, elsewhere: Callable[..., str]) -> None:
    job_id = elsewhere(PLAN, POINT)
    app = open_page(PAGE)
    app.button(key="train_stop").click().run()
    job = board().snapshot(job_id)
    assert job is not None and job.state is JobState.STOPPING
    assert "stopping" in words(app) and app.button(key="train_stop").disabled


def test_all_experts_are_chosen_at_first(recorded_home: Home) -> None:
    app = open_page(PAGE)
    assert app.pills(key="train_experts").value == ["cheap", "middling", "dear"]
    assert "of its" not in words(app)


def test_a_part_of_the_pool_in_the_address_is_trained_and_reported(recorded_home: Home) -> None:
    app = open_page(PAGE, train_experts=["dear", "cheap"])
    app.slider(key="train_total_steps").set_value(2_048).run()
    assert f"small, 2 of its 3 experts, {N_QUESTIONS} recorded questions: 28 to learn from" in words(app)
    assert app.text_input(key="train_name").placeholder.endswith(", 2 of 3 experts")
    app.button(key="train_start").click().run()
    job = ended()
    assert not app.exception and (job.state, job.message) == (JobState.DONE, "")
    assert job.history[0].experts == ("cheap", "dear")
    report = recorded_home.runs.load_report(job.result)
    assert [expert["name"] for expert in report["experts"]] == ["cheap", "dear"]
    ref = RecordingRef(recorded_home.store, recorded_home.recording)
    assert report["data"]["hash"] == loaders.load(ref, ["cheap", "dear"]).data_hash() != loaders.load(ref).data_hash()
    assert [spec.name for spec in recorded_home.runs.load_router(job.result).experts] == ["cheap", "dear"]


def test_without_an_expert_there_is_nothing_to_train(recorded_home: Home) -> None:
    app = open_page(PAGE)
    app.pills(key="train_experts").set_value([]).run()
    assert not app.exception and app.button(key="train_start").disabled
    assert "Choose at least one expert" in words(app)


def test_a_single_expert_can_be_trained_on(recorded_home: Home) -> None:
    app = opened_for_a_quick_training()
    app.pills(key="train_experts").set_value(["middling"]).run()
    app.button(key="train_start").click().run()
    job = ended()
    assert (job.state, job.message) == (JobState.DONE, "")
    assert [spec.name for spec in recorded_home.runs.load_router(job.result).experts] == ["middling"]


def test_names_in_the_address_that_are_no_experts_are_left_out(recorded_home: Home) -> None:
    app = open_page(PAGE, train_experts=["nobody", "dear"])
    assert not app.exception
    assert app.pills(key="train_experts").value == ["dear"]


def test_another_recording_begins_with_all_of_its_experts(recorded_home: Home) -> None:
    with Store.open(recorded_home.store) as store:
        record(store, "second", make_questions(12), {expert.spec.name: [expert] for expert in made_up_experts()[1:]})
    app = open_page(PAGE, train_recording="small", train_experts=["cheap", "dear"])
    assert app.pills(key="train_experts").value == ["cheap", "dear"]
    app.selectbox(key="train_recording").set_value("second").run()
    assert not app.exception and app.pills(key="train_experts").value == ["middling", "dear"]


def test_a_start_that_came_too_late_is_told(recorded_home: Home, elsewhere: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(PAGE)
    elsewhere(PLAN)
    known = iter([False])  # the page was drawn before the other tab started, and hears of it only by its own try
    monkeypatch.setattr("ui.train.live.is_training", lambda: next(known, True))
    app.button(key="train_start").click().run()
    assert not app.exception
    assert "Training “theirs” is still running" in app.error[0].value


def test_a_training_that_failed_is_told_in_one_line(recorded_home: Home) -> None:
    def work(job: JobHandle) -> None:
        raise SettingsError("alpha [cannot] be negative.")

    board().start(TRAINING, "Training “x”", work)
    ended()
    app = open_page(PAGE)
    assert not app.exception
    assert app.error[0].value == r"alpha \[cannot\] be negative."
    assert not app.button(key="train_start").disabled


def test_the_page_opens_while_no_expert_can_be_reached(recorded_home: Home) -> None:
    with Store.open(recorded_home.store) as store:
        assert {spec.host for spec in store.experts("small")} == {NOBODY}
    assert not open_page(PAGE).exception


# The job itself


def start(home: Home, config: TrainConfig = QUICK_DEPLOYABLE, name: str = "x") -> str:
    return start_training(RecordingRef(home.store, home.recording), config, name, "2025-01-01T00:00:00+00:00", "tab")


@pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, QUICK_PAPER], ids=["deployable", "paper"])
def test_a_job_tells_its_plan_and_then_its_points(recorded_home: Home, config: TrainConfig) -> None:
    start(recorded_home, config)
    plan, *points = ended().history
    assert plan == TrainingPlan("small", ("cheap", "middling", "dear"), config)
    assert [point.steps for point in points] == [128, 256, 384, 512]


def test_two_trainings_at_once_are_refused(recorded_home: Home, elsewhere: Callable[..., str]) -> None:
    elsewhere(PLAN)
    with pytest.raises(JobBusy):
        start(recorded_home)


def test_a_training_stopped_while_it_learns_keeps_what_it_learned(recorded_home: Home) -> None:
    long = replace(QUICK_DEPLOYABLE, ppo=replace(QUICK_DEPLOYABLE.ppo, total_steps=2_000_000))
    job_id = start(recorded_home, long)
    deadline = time.monotonic() + WAIT_S
    while len(board().wait(job_id, 0.01).history) < 3 and time.monotonic() < deadline:
        pass
    board().stop(job_id)
    job = ended()
    assert job.state is JobState.STOPPED
    assert recorded_home.runs.load_router(job.result).stopped
    assert "stopped early" in words(open_page(PAGE))


class HeldBeforeComparing:
    """A training in this process that waits, before it compares, until it may go."""

    def __init__(self) -> None:
        self.comparing, self.may_go = threading.Event(), threading.Event()

    def prepare(self) -> None:
        pass

    def run(self, order: TrainingOrder, on_progress: OnProgress, on_learned: OnLearned, stop: threading.Event) -> TrainingOutcome | None:
        def hold(router: TrainedRouter) -> None:
            on_learned(router)
            self.comparing.set()
            assert self.may_go.wait(WAIT_S)

        return train_and_compare(order, on_progress, hold, stop)


def test_a_stop_while_a_finished_training_is_compared_is_refused(recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    held = HeldBeforeComparing()
    monkeypatch.setattr(work, "training_process", held)
    job_id = start(recorded_home)
    assert held.comparing.wait(WAIT_S)
    app = open_page(PAGE)
    assert app.button(key="train_stop").disabled
    assert "comparing" in words(app) and app.progress[0].text == work.COMPARING
    board().stop(job_id)
    held.may_go.set()
    assert ended().state is JobState.DONE
    assert "stopped early" not in words(open_page(PAGE))


def test_an_idle_tab_sees_a_training_that_starts_elsewhere(
    recorded_home: Home, elsewhere: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    polled: list[float | None] = []
    fragment = st.fragment
    monkeypatch.setattr(
        "ui.train.live.st.fragment", lambda draw, run_every: polled.append(run_every) or fragment(draw, run_every=run_every)
    )
    app = open_page(PAGE)
    assert not app.exception and polled == [5.0]
    elsewhere(PLAN, POINT)
    app.run()
    assert "Training “theirs”" in words(app) and polled[-1] == 1.0


def test_comparing_right_after_a_training_costs_nothing(recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    start(recorded_home)
    run_id = ended().result
    evaluate = loaders.evaluate
    monkeypatch.delattr(loaders, "evaluate")
    kept = loaders.run_evaluation(run_id)
    assert kept is not None and kept is loaders.run_evaluation(run_id)
    monkeypatch.setattr(loaders, "evaluate", evaluate, raising=False)
    loaders._evaluation.clear()
    again = loaders.run_evaluation(run_id)
    assert again is not None and again is not kept
    assert report_of(again) == report_of(kept)


def report_of(evaluation: Evaluation) -> Json:
    assert evaluation.router is not None
    return report(evaluation, evaluation.parts.test, evaluation.router.config, [], "")["results"]


class SlowEncoder(HashEncoder):
    """An encoder that never ends: as one whose model is still being loaded."""

    def __init__(self, may_end: threading.Event) -> None:
        super().__init__()
        self.is_in, self.may_end = threading.Event(), may_end

    def encode(self, texts: list[str]) -> np.ndarray:
        self.is_in.set()
        self.may_end.wait(WAIT_S)
        return super().encode(texts)


def test_a_training_stopped_before_it_learned_anything_keeps_nothing(recorded_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    slow = SlowEncoder(may_end)
    monkeypatch.setattr(loaders, "_sentence_encoder", lambda name: slow)
    job_id = start(recorded_home)
    assert slow.is_in.wait(WAIT_S)
    board().stop(job_id)
    job = ended()
    may_end.set()
    assert (job.state, job.result) == (JobState.STOPPED, None)
    assert recorded_home.runs.list() == ()
    app = open_page(PAGE)
    assert not app.exception and "nothing is kept" in words(app)


def test_watched_vectors_are_those_of_the_encoder() -> None:
    told: list[tuple[int, int, float]] = []
    ticks = iter(range(100))
    watched = WatchedEncoder(HashEncoder(), lambda: False, lambda *report: told.append(report), clock=lambda: float(next(ticks)))
    texts = [f"text {number}" for number in range(2 * BATCH + 1)]
    assert np.array_equal(watched.encode(texts), HashEncoder().encode(texts))
    assert watched.id == HashEncoder.id
    assert [(done, total) for done, total, _ in told] == [(BATCH, 65), (2 * BATCH, 65), (65, 65)]
    assert [eta_s for _, _, eta_s in told] == pytest.approx([33 / 32, 2 / 64, 0])


def test_a_single_batch_is_not_worth_a_report() -> None:
    told: list[object] = []
    WatchedEncoder(HashEncoder(), lambda: False, lambda *report: told.append(report)).encode(["a", "b"])
    assert told == []


def test_an_error_of_the_encoder_comes_through() -> None:
    class Broken(HashEncoder):
        def encode(self, texts: list[str]) -> np.ndarray:
            raise SettingsError("no such encoder")

    with pytest.raises(SettingsError, match="no such encoder"):
        WatchedEncoder(Broken(), lambda: False, lambda *report: None).encode(["a"])


def test_an_encoder_that_is_to_give_up_does_not_wait() -> None:
    may_end = threading.Event()
    slow = SlowEncoder(may_end)
    with pytest.raises(EncodingStopped):
        WatchedEncoder(slow, slow.is_in.is_set, lambda *report: None).encode(["a"])
    may_end.set()


@pytest.mark.parametrize("page, key", [("train", "train_recording"), ("experts", "experts_recording"), ("reward_lab", "lab_recording")])
def test_a_small_recording_made_on_the_side_does_not_take_the_place_of_the_demo(demo_home: Home, page: str, key: str) -> None:
    write_recording(demo_home.store, "aside", 10)
    app = open_page(f"pages/{page}.py")
    assert not app.exception and app.selectbox(key=key).value == "demo (shipped)"
    linked = open_page(f"pages/{page}.py", **{key: "aside"})
    assert not linked.exception and linked.selectbox(key=key).value == "aside"


def test_few_questions_are_told_with_what_they_cannot_show(demo_home: Home) -> None:
    write_recording(demo_home.store, "aside", 40)
    app = open_page(PAGE, train_recording="aside")
    (told,) = (warning.value for warning in app.warning if "questions with an answer" in warning.value)
    assert told.startswith("This recording has 40 questions with an answer, 20 of them held out") and "20 points more or less" in told
