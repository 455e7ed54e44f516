"""A run that uses only some experts of its recording, on every page that goes back to the recording for it."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from fakes import make_questions
from homes import PART, Home, made_up_experts, open_page

from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import Table
from der_core.records import Step
from ui.route.recorded import recorded_first_replies, replay, set_stage
from ui.runs.traces import traces_csv
from ui.runs.upload import keep_router
from ui.shared.home import RecordingRef
from ui.shared.loaders import load, run_evaluation, run_experts, run_recording, run_report
from ui.shared.parts import number


def ref_of(home: Home) -> RecordingRef:
    return RecordingRef(home.store, home.recording)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The experts of every table that is hashed, in turn."""
    seen: list[tuple[str, ...]] = []
    data_hash = Table.data_hash

    def noted(table: Table) -> str:
        seen.append(tuple(spec.name for spec in table.experts))
        return data_hash(table)

    monkeypatch.setattr(Table, "data_hash", noted)
    return seen


def test_the_recording_of_a_part_is_found_and_read_as_that_part(part_home: Home) -> None:
    assert run_experts(part_home.run_id) == tuple(PART)
    assert run_recording(part_home.run_id) == ref_of(part_home)
    evaluation = run_evaluation(part_home.run_id)
    assert evaluation is not None
    assert [spec.name for spec in evaluation.source.table.experts] == PART
    report = run_report(part_home.run_id)
    again = {row.name: row.accuracy for row in evaluation.comparison.rows}
    assert again == {row["name"]: row["accuracy"] for side in ("deployable", "oracle") for row in report["results"][side]}
    assert "dear once" in again and "middling once" not in again


def test_only_recordings_with_the_experts_of_a_run_are_hashed_and_each_once(part_home: Home, hashed: list[tuple[str, ...]]) -> None:
    with Store.open(part_home.store) as store:
        record(store, "without the cheap one", make_questions(12), {one.spec.name: [one] for one in made_up_experts()[1:]})
    for _ in range(3):
        assert run_recording(part_home.run_id) == ref_of(part_home)
    assert hashed == [tuple(PART)]


def test_a_whole_run_still_hashes_the_recording_as_it_is(trained_home: Home, hashed: list[tuple[str, ...]]) -> None:
    assert run_recording(trained_home.run_id) == ref_of(trained_home)
    load(ref_of(trained_home), run_experts(trained_home.run_id))
    assert hashed == [("cheap", "middling", "dear")]
    assert load(ref_of(trained_home), run_experts(trained_home.run_id)) is load(ref_of(trained_home))


def test_other_weights_of_the_same_name_are_another_recording(part_home: Home, hashed: list[tuple[str, ...]]) -> None:
    part_home.store.unlink()
    others = made_up_experts()
    for one in others:
        one.spec = replace(one.spec, digest="sha256:others")
    with Store.open(part_home.store) as store:
        record(store, part_home.recording, make_questions(12), {one.spec.name: [one] for one in others})
    assert run_recording(part_home.run_id) is None
    assert hashed == []


def test_a_part_is_found_again_after_another_expert_was_added(part_home: Home) -> None:
    newcomer = made_up_experts()[0]
    newcomer.spec = replace(newcomer.spec, name="newcomer", digest="sha256:newcomer")
    with Store.open(part_home.store) as store:
        record(store, part_home.recording, make_questions(12), {"newcomer": [newcomer]})
    assert load(ref_of(part_home)).n_questions == 12
    assert run_recording(part_home.run_id) == ref_of(part_home)


def test_compare_shows_the_routers_of_the_part(part_home: Home) -> None:
    app = open_page("pages/compare.py", run=part_home.run_id)
    assert not app.exception and not app.error
    ranked = app.dataframe[0].value.to_csv()
    assert "cheap once" in ranked and "dear once" in ranked and "middling" not in ranked
    assert run_report(part_home.run_id)["results"]["headline"].replace("*", r"\*") in "".join(markdown.value for markdown in app.markdown)


def test_a_question_is_replayed_with_the_experts_of_the_part(part_home: Home) -> None:
    stage = set_stage(part_home.run_id)
    assert stage is not None
    app = open_page("pages/route.py", run=part_home.run_id, question=stage.questions[3].id)
    run = stage.evaluation.comparison.rollouts["DER"]
    assert not app.exception and not app.error
    assert {metric.label: metric.value for metric in app.metric}["Cost"] == number(run.costs[3].sum())
    steps = [event for event in replay(stage, stage.questions[3], "DER").events if isinstance(event, Step)]
    assert [PART.index(step.expert) for step in steps] == run.experts[3, : run.calls[3]].tolist()
    assert [reply.expert for reply in recorded_first_replies(stage, stage.questions[3])] == PART


def test_traces_of_a_part_hold_all_of_its_held_out_questions(part_home: Home) -> None:
    traces = pd.read_csv(io.BytesIO(traces_csv(part_home.run_id)))
    assert set(traces["question id"]) == set(run_report(part_home.run_id)["splits"]["test"])
    assert set(traces["expert"]) <= {*PART, "STOP"}
    assert {"P(cheap)", "P(dear)", "P(STOP)"} == {name for name in traces.columns if name.startswith("P(")}


def test_a_router_of_a_part_that_is_brought_in_finds_its_recording(part_home: Home) -> None:
    run = keep_router(part_home.runs.router_path(part_home.run_id).read_bytes(), "brought in")
    assert run_experts(run.id) == tuple(PART)
    assert run_report(run.id)["results"] == run_report(part_home.run_id)["results"]
