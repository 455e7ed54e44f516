"""The Runs page: nothing yet, one run, several, damaged files, a router from elsewhere."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from fakes import make_table
from homes import TRAINED_AT, Home, fast_encoder, open_page
from streamlit.testing.v1 import AppTest
from trained_routers import QUICK_DEPLOYABLE, untrained_router

from der_core.config import SPLIT_SEED
from der_core.errors import RouterFileError, RouterMismatch
from der_core.evaluation.experiment import choose_splits, cut, train
from der_core.evaluation.runs import Run, RunStore
from der_core.recording.store import Store
from der_core.recording.table import load_table
from der_core.routing.saved.router_file import pack_router
from ui.runs.table import flat_settings, runs_frame
from ui.runs.traces import traces_csv, traces_frame
from ui.runs.upload import keep_router

PAGE = "pages/runs.py"


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.caption, *app.warning, *app.error, *app.info]
    return "\n".join(str(element.value) for element in shown)


def second_run(home: Home, name: str = "second run", minutes: int = 1, **reward: float) -> Run:
    """A copy of the home's run with another reward, as another training leaves it."""
    report = json.loads(json.dumps(home.runs.load_report(home.run_id)))
    report["settings"]["reward"] |= reward
    report["settings"]["episode"]["confidence"] = 0.75  # fitted by each training: no setting of anybody's
    store = RunStore(home.runs.root, now=lambda: TRAINED_AT + timedelta(minutes=minutes))
    return store.save(home.runs.load_router(home.run_id), report, name)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def table(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value


def test_without_runs_the_page_says_where_to_make_one(recorded_home: Home) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "No training is finished yet." in words(app)
    assert "Train a router" in [link.value for link in app.page_link]
    assert not app.dataframe


def test_the_table_has_settings_and_results_of_every_run(trained_home: Home) -> None:
    second_run(trained_home, alpha=0.2)
    app = open_page(PAGE)
    results = trained_home.runs.load_report(trained_home.run_id)["results"]
    row = next(row for row in results["deployable"] if row["name"] == "DER")
    assert not app.exception
    assert table(app)["Name"].tolist() == ["second run", "first run"]
    assert table(app)["alpha"].tolist() == [0.2, 0.05]
    assert table(app)["Right %"].tolist() == [round(100 * row["accuracy"], 1)] * 2
    for column, end in (("Points vs best single", "value"), ("Points from", "low"), ("Points to", "high")):
        assert table(app)[column].tolist() == [round(100 * row["difference"][end], 1)] * 2
    assert table(app)["Router"].unique().tolist() == ["DER (deployable)"]
    assert table(app)["id"].tolist()[1] == trained_home.run_id


def test_two_runs_are_drawn_over_one_another_with_only_what_differs(trained_home: Home) -> None:
    second = second_run(trained_home, alpha=0.2, beta=3.0)
    app = open_page(PAGE, runs_chosen=f"{trained_home.run_id},{second.id}")
    assert not app.exception
    assert app.multiselect(key="runs_chosen").value == [trained_home.run_id, second.id]
    differing = app.dataframe[1].value
    assert differing["Setting"].tolist() == ["alpha", "beta"]
    assert differing["first run"].tolist() == ["0.05", "1.2"] and differing["second run"].tolist() == ["0.2", "3.0"]
    charts = [json.loads(chart.proto.spec) for chart in app.get("echarts_chart")]
    assert len(charts) == 5
    assert [series["name"] for series in charts[0]["series"]] == ["first run", "second run"]


def test_smoothing_draws_the_raw_curve_faint_behind(trained_home: Home) -> None:
    app = open_page(PAGE, runs_chosen=trained_home.run_id)
    app.slider(key="runs_smoothing").set_value(0.9).run()
    series = json.loads(app.get("echarts_chart")[0].proto.spec)["series"]
    assert [(one["name"], one["lineStyle"]["opacity"]) for one in series] == [("first run, raw", 0.3), ("first run", 1)]


def test_runs_of_equal_settings_say_so(trained_home: Home) -> None:
    second = second_run(trained_home)
    app = open_page(PAGE, runs_chosen=f"{trained_home.run_id},{second.id}")
    assert "these runs have the same settings" in words(app)


def test_runs_on_other_replies_are_not_set_against_one_another_in_silence(trained_home: Home) -> None:
    second = second_run(trained_home)
    path = trained_home.runs.root / second.id / "report.json"
    report = json.loads(path.read_text())
    path.write_text(json.dumps({**report, "data": {**report["data"], "hash": "other"}}))
    app = open_page(PAGE, runs_chosen=f"{trained_home.run_id},{second.id}")
    assert "different replies" in words(app)
    assert "data" in app.dataframe[1].value["Setting"].tolist()


def test_an_address_with_runs_that_are_not_here_opens_all_the_same(trained_home: Home) -> None:
    app = open_page(PAGE, runs_chosen=f"gone,../../etc,{trained_home.run_id},,{trained_home.run_id}", run="gone", runs_smoothing="high")
    assert not app.exception
    assert app.multiselect(key="runs_chosen").value == [trained_home.run_id]
    assert app.selectbox(key="run").value == trained_home.run_id
    assert [warning.value for warning in app.warning] == [
        "There is no run “gone” here; shown instead: those that are.",
        "There is no run “../../etc” here; shown instead: those that are.",
        "There is no run “gone” here; shown instead: first run.",
    ]


def test_a_run_deleted_just_now_is_no_unknown_one(trained_home: Home) -> None:
    second_run(trained_home)
    app = open_page(PAGE, run=trained_home.run_id)
    app.button(key="runs_delete").click().run()
    assert app.selectbox(key="run").value != trained_home.run_id
    assert not app.warning


def test_no_more_than_five_runs_are_drawn(trained_home: Home) -> None:
    others = [second_run(trained_home, f"run {n}", minutes=n).id for n in range(1, 7)]
    app = open_page(PAGE, runs_chosen=",".join(others))
    assert not app.exception
    assert app.multiselect(key="runs_chosen").value == others[:5]


def test_a_run_is_renamed_and_its_address_stays(trained_home: Home) -> None:
    app = open_page(PAGE, run=trained_home.run_id)
    app.text_input(key=f"runs_name_{trained_home.run_id}").set_value("a better <b>name</b>").run()
    assert not app.exception
    assert trained_home.runs.get(trained_home.run_id).name == "a better <b>name</b>"
    assert table(app)["Name"].tolist() == ["a better <b>name</b>"]
    assert app.query_params["run"] == trained_home.run_id


def test_a_star_puts_a_run_first_and_is_taken_away_again(trained_home: Home) -> None:
    second_run(trained_home)
    app = open_page(PAGE, run=trained_home.run_id)
    app.button(key="runs_star").click().run()
    assert table(app)["Name"].tolist() == ["first run", "second run"] and table(app)["★"].tolist() == ["★", ""]
    app.button(key="runs_star").click().run()
    assert table(app)["★"].tolist() == ["", ""]


def test_a_deleted_run_comes_back_by_undo(trained_home: Home) -> None:
    app = open_page(PAGE, run=trained_home.run_id)
    app.button(key="runs_delete").click().run()
    assert not app.exception and "Deleted “first run”." in words(app) and "No training is finished yet." in words(app)
    app.button(key="runs_undo_button").click().run()
    assert not app.exception and table(app)["Name"].tolist() == ["first run"]
    assert "Deleted" not in words(app)


def test_a_chosen_run_that_is_deleted_leaves_the_comparison(trained_home: Home) -> None:
    second = second_run(trained_home)
    app = open_page(PAGE, runs_chosen=f"{trained_home.run_id},{second.id}", run=second.id)
    app.button(key="runs_delete").click().run()
    assert not app.exception
    assert app.multiselect(key="runs_chosen").value == [trained_home.run_id]


def test_deleted_runs_are_found_by_a_later_tab_until_they_are_deleted_for_good(trained_home: Home) -> None:
    trained_home.runs.delete(trained_home.run_id)
    app = open_page(PAGE)
    assert f"runs_restore_{trained_home.run_id}" in [button.key for button in app.button]
    app.button(key="runs_purge").click().run()
    assert not app.exception and trained_home.runs.deleted() == () and "Bring back" not in labels(app)


def test_a_run_that_another_tab_deleted_first_is_told_in_one_line(trained_home: Home) -> None:
    app = open_page(PAGE)
    trained_home.runs.delete(trained_home.run_id)
    app.button(key="runs_delete").click().run()
    assert not app.exception
    assert "may have been deleted" in app.error[0].value


def test_a_run_whose_report_was_damaged_can_still_be_deleted(trained_home: Home) -> None:
    (trained_home.runs.root / trained_home.run_id / "report.json").write_text("{")
    app = open_page(PAGE, runs_chosen=trained_home.run_id, run=trained_home.run_id)
    assert not app.exception
    assert table(app)["Name"].tolist() == ["first run"]
    assert "it is not JSON" in table(app)["Cannot be shown"].tolist()[0]
    assert all("cannot be shown" in error.value for error in app.error) and len(app.error) == 2
    app.button(key="runs_delete").click().run()
    assert not app.exception and trained_home.runs.list() == ()


def test_four_files_can_be_taken_home(trained_home: Home) -> None:
    app = open_page(PAGE)
    names = [button.label for button in app.download_button]
    assert [name for name in names if name != "Download CSV"] == ["Report, JSON", "Report, HTML page", "Router, zip", "Traces, CSV"]


def test_traces_hold_every_held_out_question_while_the_recording_is_here(trained_home: Home) -> None:
    report = trained_home.runs.load_report(trained_home.run_id)
    traces = pd.read_csv(io.BytesIO(traces_csv(trained_home.run_id)))
    assert set(traces["question id"]) == set(report["splits"]["test"])
    rollouts = traces[traces["expert"] != "STOP"].groupby("question id").size()
    row = next(row for row in report["results"]["deployable"] if row["name"] == "DER")
    assert rollouts.mean() == pytest.approx(row["calls"])


def test_traces_are_those_of_the_report_where_the_recording_is_gone(trained_home: Home) -> None:
    traces = trained_home.runs.load_report(trained_home.run_id)["traces"]
    trained_home.store.unlink()
    frame = pd.read_csv(io.BytesIO(traces_csv(trained_home.run_id)))
    assert list(dict.fromkeys(frame["question id"])) == [trace["id"] for trace in traces["questions"]]


def test_a_choice_to_stop_is_a_step_of_the_trace_with_its_probabilities() -> None:
    step = {
        "expert": "a",
        "previous_label": "none",
        "label": "yes",
        "p_yes": 0.9,
        "seconds": 1.0,
        "cost": 2.0,
        "reward": 3.0,
        "probabilities": [1.0, 0.0],
    }
    trace = {
        "id": "q",
        "question": "?",
        "gold": "yes",
        "answer": "yes",
        "correct": True,
        "stop_reason": "chose",
        "steps": [step],
        "stop_probabilities": [0.2, 0.8],
    }
    frame = traces_frame({"router": "DER", "actions": ["a", "STOP"], "questions": [trace]})
    assert frame["expert"].tolist() == ["a", "STOP"] and frame["step"].tolist() == [1, 2]
    assert frame["P(STOP)"].tolist() == [0.0, 0.8] and frame["right"].all()


def test_a_router_from_elsewhere_becomes_a_run_with_the_same_result(trained_home: Home) -> None:
    first = trained_home.runs.load_report(trained_home.run_id)
    run = keep_router(trained_home.runs.router_path(trained_home.run_id).read_bytes(), "brought in")
    again = trained_home.runs.load_report(run.id)
    assert run.name == "brought in"
    assert again["results"] == first["results"] and again["curves"] == first["curves"]


def test_a_router_trained_on_another_split_is_compared_on_what_it_never_saw(recorded_home: Home) -> None:
    """As `train --train-samples 20` leaves it: 16 questions taught it, 4 chose its settings."""
    with Store.open(recorded_home.store, create=False) as store:
        table = load_table(store, recorded_home.recording)
    parts = cut(table, choose_splits(table.questions, SPLIT_SEED, 20, None))
    router = train(parts, QUICK_DEPLOYABLE, fast_encoder())
    assert len(router.training_question_ids) == 16
    run = keep_router(pack_router(router), "few samples")
    splits = recorded_home.runs.load_report(run.id)["splits"]
    assert tuple(splits["train"]) == router.training_question_ids
    groups = {question.id: question.group for question in table.questions}
    taught = {groups[i] for i in [*splits["train"], *router.validation_question_ids]}
    assert len(router.validation_question_ids) == 4
    held_out = [*splits["validation"], *splits["test"]]
    assert {groups[i] for i in held_out} == {question.group for question in table.questions} - taught
    assert len(splits["test"]) > len(splits["validation"]) > 0 and len(set(held_out)) == len(held_out)


def test_a_router_of_other_replies_is_refused(trained_home: Home) -> None:
    stranger = untrained_router(make_table([[1, 2]] * 8), QUICK_DEPLOYABLE)
    with pytest.raises(RouterMismatch, match="replies it was trained on are not here"):
        keep_router(pack_router(stranger), "x")
    assert len(trained_home.runs.list()) == 1


@pytest.mark.parametrize("body", [b"", b"nonsense", b"PK\x03\x04 and no more"])
def test_a_file_that_is_no_router_is_refused(trained_home: Home, body: bytes) -> None:
    with pytest.raises(RouterFileError):
        keep_router(body, "x")


def test_a_refused_upload_is_one_sentence_on_the_page(recorded_home: Home) -> None:
    app = open_page(PAGE)
    assert app.button(key="runs_keep").disabled
    app.file_uploader(key="runs_upload").upload("router.zip", b"nonsense").run()
    app.button(key="runs_keep").click().run()
    assert not app.exception
    assert "not a whole zip of a router" in app.error[0].value and len(app.error) == 1


def test_an_accepted_upload_is_among_the_runs(trained_home: Home) -> None:
    app = open_page(PAGE)
    app.file_uploader(key="runs_upload").upload("from a friend.zip", trained_home.runs.router_path(trained_home.run_id).read_bytes()).run()
    app.button(key="runs_keep").click().run()
    assert not app.exception and not app.error
    assert "from a friend" in table(app)["Name"].tolist()


def test_settings_are_flat_and_leave_out_what_training_fits_itself(trained_home: Home) -> None:
    settings = flat_settings(trained_home.runs.load_report(trained_home.run_id))
    assert settings["alpha"] == QUICK_DEPLOYABLE.reward.alpha and settings["t_max"] == QUICK_DEPLOYABLE.episode.t_max
    assert settings["experts"] == "cheap, middling, dear"
    assert "confidence" not in settings and "reward" not in settings


def test_a_run_that_is_gone_has_its_name_only(trained_home: Home) -> None:
    gone = replace(trained_home.runs.get(trained_home.run_id), id="gone-1")
    assert runs_frame([gone]).to_dict("records") == [{"★": "", "Name": "first run", "id": "gone-1"}]
