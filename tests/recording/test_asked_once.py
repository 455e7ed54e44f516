"""Experts that write programs: asked a question once, their reply stands after every label, in table, optimum and live routes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, says
from random_tables import random_table
from table_experts import table_experts
from test_live import assert_alike, live_route, plan, planned_source, replayed
from test_optimum import DISCOUNT, ENDS, slow_best
from trained_routers import QUICK_DEPLOYABLE, changed, untrained_router

from der_core.config import End, EpisodeConfig, RewardConfig
from der_core.errors import ExpertError, IncompleteRecording
from der_core.experts.finishing import finish_reply
from der_core.recording.crew import WARM_UP
from der_core.recording.plan import Plan, calls_needed
from der_core.recording.recorder import record
from der_core.recording.replay import RecordedExpert
from der_core.recording.store import Call, Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Question, Reply
from der_core.routing.cost import fit_prices
from der_core.routing.live import route_question
from der_core.routing.optimum import solve
from der_core.routing.process import DecisionProcess
from der_core.routing.sources import TableSource

NONE, YES, NO, INVALID = Label
QUESTIONS = make_questions(3)


def computed(question: Question, previous: Label) -> tuple[Label, float | None]:
    """A program that fails on the second question."""
    assert previous == NONE, "asked once, and before anything was answered"
    return (INVALID if question.id == "q1" else NO), None


class Coder(ScriptedExpert):
    """Writes a program for what its script says."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        printed = "" if reply.label == INVALID else reply.label.word
        return finish_reply(replace(reply, text=f"```python\nprint({printed!r})\n```"), "program")


def coder(name: str = "coder") -> ScriptedExpert:
    return Coder(make_spec(name, style="program"), computed)


def reader(name: str = "reader") -> ScriptedExpert:
    return ScriptedExpert(make_spec(name), says(YES, 0.8))


def crew(*experts: ScriptedExpert) -> dict[str, list[ScriptedExpert]]:
    return {expert.spec.name: [expert] for expert in experts}


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def with_program(table: Table, expert: int = 0) -> Table:
    """The table with one expert that is asked once: what it says first it always says."""
    arrays = ("labels", "p_yes", "prompt_s", "generation_s", "wall_s", "prompt_tokens", "cached_tokens", "generated_tokens")
    spread = {name: getattr(table, name).copy() for name in arrays}
    for array in spread.values():
        array[:, expert] = array[:, expert, :1]
    specs = tuple(replace(spec, style="program") if place == expert else spec for place, spec in enumerate(table.experts))
    return replace(table, experts=specs, **spread)


def test_a_recorder_asks_each_question_once(store: Store) -> None:
    one, two = coder(), reader()
    summary = record(store, "demo", QUESTIONS, crew(one, two))
    assert [call for call in one.asked if call[0] != WARM_UP.id] == [(question.id, NONE) for question in QUESTIONS]
    assert summary.complete and (summary.done, summary.total, summary.asked) == (13, 13, 13)
    (info,) = store.recordings()
    assert (info.n_entries, info.n_asked_once) == (13, 1)


def test_a_failed_program_makes_the_others_answer_after_invalid(store: Store) -> None:
    two = reader()
    record(store, "demo", QUESTIONS, crew(coder(), two))
    assert [call for call in two.asked if call[1] == INVALID] == [("q1", INVALID)]


def test_the_one_reply_fills_every_previous_label_of_the_table(store: Store) -> None:
    record(store, "demo", QUESTIONS, crew(coder(), reader()))
    table = load_table(store, "demo")
    assert table.n_left_out == 0
    assert table.labels[:, 0].tolist() == [[NO] * 4, [INVALID] * 4, [NO] * 4]
    for name in ("prompt_tokens", "generated_tokens", "wall_s", "generation_s"):
        array = getattr(table, name)[:, 0]
        assert np.isfinite(array).all() and (array == array[:, :1]).all()
    assert table.labels[0, 1].tolist() == [YES, YES, YES, NONE]


def test_a_pool_of_programs_alone_is_complete_after_one_call_each(store: Store) -> None:
    one, two = coder("one"), coder("two")
    assert record(store, "demo", QUESTIONS, crew(one, two)).total == 6
    assert (load_table(store, "demo").labels > 0).all()


def test_a_later_run_asks_nothing_again(store: Store) -> None:
    record(store, "demo", QUESTIONS, crew(coder(), reader()))
    again = coder()
    assert record(store, "demo", QUESTIONS, crew(again, reader())).asked == 0 and again.asked == []


def test_a_part_of_the_pool_is_the_data_that_a_recording_of_it_alone_gives(store: Store) -> None:
    record(store, "both", QUESTIONS, crew(coder(), reader()))
    record(store, "alone", QUESTIONS, crew(coder()))
    assert load_table(store, "both", experts=["coder"]).data_hash() == load_table(store, "alone").data_hash()


def test_a_missing_program_counts_as_one_missing_reply(store: Store) -> None:
    class Broken(ScriptedExpert):
        def ask(self, question: Question, previous_label: Label) -> Reply:
            raise ExpertError("No reply.")

    record(store, "demo", QUESTIONS[:1], crew(Broken(make_spec("coder", style="program"), computed), reader()))
    with pytest.raises(IncompleteRecording, match="1 replies of 1 questions are missing"):
        load_table(store, "demo")


def test_plan_and_estimate_count_one_call_a_question() -> None:
    plan = Plan(["q0", "q1"], ["coder", "reader"], {Call("q0", "coder", NONE): INVALID}, asked_once=["coder"])
    assert (plan.done, plan.total) == (1, 2 + 7)
    assert list(plan.missing("coder", "q0", (NONE, YES, NO))) == [] and list(plan.missing("coder", "q0", (INVALID,))) == []
    assert list(plan.missing("coder", "q1", (NONE, YES, NO))) == [NONE]
    assert (plan.n_missing("coder"), plan.n_missing("reader")) == (1, 7)
    assert calls_needed(10, 4, 2) == (80, 100) and calls_needed(10, 4) == (120, 160)


@pytest.mark.parametrize("label", list(Label))
def test_the_recorded_expert_repeats_its_reply_after_every_label(store: Store, label: Label) -> None:
    one = coder()
    record(store, "demo", QUESTIONS, crew(one, reader()))
    replay = RecordedExpert(store, "demo", one.spec)
    for question in QUESTIONS:
        assert replace(replay.ask(question, label), wall_s=0.0) == replace(one.ask(question, NONE), wall_s=0.0)
    assert replay.request(QUESTIONS[0], label) == replay.request(QUESTIONS[0], NONE)


def test_a_recording_with_programs_verifies(store: Store) -> None:
    record(store, "demo", QUESTIONS, crew(coder(), reader()))
    assert store.verify() == []


def test_a_program_recorded_after_an_answer_is_a_problem(store: Store) -> None:
    record(store, "demo", QUESTIONS, crew(coder(), reader()))
    key = coder().request(QUESTIONS[0], NONE).key
    store.link_reply("demo", Call("q0", "coder", YES), key)
    (problem,) = store.verify()
    assert "that expert is asked once" in problem


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("no_repeat", [True, False])
def test_the_optimum_is_the_best_of_all_routes(end: End, no_repeat: bool) -> None:
    table = with_program(random_table(np.random.default_rng(31), 12, 3, skill=0.5, invalid=0.3))
    source = TableSource(table, fit_prices(table, "compute"))
    episode = EpisodeConfig(t_max=4, end=end, no_repeat=no_repeat, confidence=0.8)
    reward = RewardConfig(alpha=0.07, gamma=0.6, shaping="potential")
    optimum = solve(DecisionProcess(source, episode, reward), DISCOUNT)
    np.testing.assert_allclose(optimum.start_value(), [slow_best(source, q, episode, reward) for q in range(12)], rtol=1e-9)


@pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, changed(QUICK_DEPLOYABLE, no_repeat=False, t_max=5, end="never")])
def test_live_and_replay_choose_alike(config) -> None:
    table = with_program(random_table(np.random.default_rng(6), 24, 3, invalid=0.2), expert=1)
    trained = untrained_router(table, config, 1)
    run, experts = replayed(trained, table), table_experts(table)
    for row, question in enumerate(table.questions):
        assert_alike(live_route(trained, experts, question), run, row, trained.prices.experts)


def test_a_live_route_that_chooses_it_again_gets_the_same_reply_and_is_charged_again() -> None:
    flighty = iter([YES, NO])
    one = ScriptedExpert(make_spec("coder", style="program"), lambda question, previous: (next(flighty), None))
    source = planned_source(one, reader())
    route = route_question(source.questions[0], plan(0, 1, 0), source, RewardConfig())
    first, other, again = route.steps
    assert one.asked == [("q0", NONE)]
    assert again.reply is first.reply and again.label == YES and again.cost == first.cost > 0
    assert route.cost == first.cost + other.cost + again.cost


def test_the_prompt_of_a_later_step_is_the_first_one(store: Store) -> None:
    record(store, "demo", QUESTIONS, crew(coder(), reader()))
    replay = [RecordedExpert(store, "demo", spec) for spec in store.experts("demo")]
    source = planned_source(*replay)
    route = route_question(source.questions[0], plan(1, 0, t_max=2), source, RewardConfig())
    assert route.steps[1].previous_label == YES
    assert route.steps[1].prompt == replay[0].request(QUESTIONS[0], NONE).text
