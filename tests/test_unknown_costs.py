"""A recording without token counts: another cost mode is taken and said, on the command line and on pages' figures."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEncoder, ScriptedExpert, make_questions, make_spec, make_table, says
from table_experts import TableExpert
from trained_routers import QUICK_DEPLOYABLE, untrained_router

from der_core.cli import main
from der_core.cli.run import probe
from der_core.config import DEPLOYABLE
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report, settle_cost, train
from der_core.evaluation.expert_figures import expert_figures
from der_core.evaluation.html_report import html_report
from der_core.evaluation.report import validate_report
from der_core.evaluation.reported import reported_comparison
from der_core.evaluation.row_columns import HEAD
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Question, Reply
from der_core.routing.live import LiveSource, route_question
from der_core.routing.saved.router_file import load_router, pack_router
from der_core.routing.saved.trained import AgentRouter

ENCODER = HashEncoder()
NOTE = "Cost mode compute lacks token counts and seconds of mute, so costs are in mode wall"


class WithoutUsage(ScriptedExpert):
    """An expert whose server tells neither tokens nor seconds, only how long the call took."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        nothing = {"prompt_tokens": None, "cached_tokens": None, "generated_tokens": None}
        times = dict.fromkeys(("load_s", "prompt_s", "generation_s"), float("nan"))
        return replace(super().ask(question, previous_label), **nothing, **times)


class NamedHashEncoder(HashEncoder):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.id = name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recording of two experts, one of whom tells no usage and has no known size."""
    monkeypatch.chdir(tmp_path)
    for command in ("train", "evaluate"):
        monkeypatch.setattr(f"der_core.cli.{command}.SentenceEncoder", NamedHashEncoder)
    told = ScriptedExpert(make_spec("told"), says(Label.YES, 0.8))
    mute = WithoutUsage(make_spec("mute", params_billions=None), says(Label.NO, 0.2))
    with Store.open(tmp_path / "r.sqlite") as store:
        record(store, "default", make_questions(40), {"told": [told], "mute": [mute]})
    return tmp_path


def recorded(place: Path) -> Table:
    with Store.open(place / "r.sqlite", create=False, read_only=True) as store:
        return load_table(store, "default")


def test_evaluate_takes_a_mode_that_the_recording_has_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--store", "r.sqlite", "--save-report", "report.json", "--show-der-qa", "2"]) == 0
    shown = capsys.readouterr().out
    assert NOTE in shown and "cost is wall, per question" in shown
    assert "nan" not in shown
    (alone,) = (line for line in shown.splitlines() if line.startswith("mute once"))
    told = dict(zip(HEAD, re.split(r"\s{2,}", alone), strict=True))
    assert told["Calls"] == "1.00" and told["Cost"] == "0.95" and told["Median s"] == told["p95 s"] == "–", "nobody knows the seconds"
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    validate_report(document)
    assert document["results"]["cost_mode"] == "wall"
    assert document["results"]["cost_note"].startswith(NOTE)
    assert all(set(row["costs"]) == {"wall"} for row in document["results"]["deployable"])
    assert reported_comparison(document).cost_note.startswith(NOTE)
    assert NOTE in html_report(document, "mute")


def test_a_p_yes_that_nobody_knows_is_no_half(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = ScriptedExpert(make_spec("silent"), lambda question, previous: (question.gold or Label.NO, None))
    with Store.open(place / "s.sqlite") as store:
        record(store, "default", make_questions(40), {"silent": [silent]})
    assert main(["evaluate", "--store", "s.sqlite", "--save-report", "report.json", "--show-der-qa", "2"]) == 0
    assert "P(yes)" not in capsys.readouterr().out
    document = json.loads((place / "report.json").read_text(encoding="utf-8"))
    validate_report(document)
    assert {step["p_yes"] for trace in document["traces"]["questions"] for step in trace["steps"]} == {None}


def test_evaluate_in_a_mode_of_ones_own(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--store", "r.sqlite", "--save-report", "", "--cost-mode", "wall"]) == 0
    assert "cost is wall, per question" in (shown := capsys.readouterr().out)
    assert "lacks" not in shown


def test_train_takes_a_mode_that_the_recording_has_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--store", "r.sqlite", "--ppo-steps", "2048", "--save-router", "router.zip"]) == 0
    assert f"{NOTE}, which has figures for all replies. Choose one with --cost-mode." in capsys.readouterr().out
    router = load_router(place / "router.zip")
    assert router.config.episode.cost_mode == router.prices.mode == "wall"
    assert np.isnan(router.prices.generation_rate_s[1])
    assert main(["evaluate", "--store", "r.sqlite", "--load-router", "router.zip", "--save-report", ""]) == 0
    assert "lacks" not in capsys.readouterr().out


def test_a_router_trained_with_token_counts_is_compared_where_there_are_none(place: Path) -> None:
    """Its choices do not depend on prices; what its routes cost does."""
    table = recorded(place)
    complete = replace(
        table,
        experts=(table.experts[0], replace(table.experts[1], params_billions=1.0)),
        **{name: np.full_like(table.prompt_tokens, 7.0) for name in ("prompt_tokens", "generated_tokens", "prompt_s", "generation_s")},
        cached_tokens=np.zeros_like(table.cached_tokens),
    )
    parts = cut(table, choose_splits(table.questions, 7, None, None))
    router = untrained_router(complete.subset([0]), DEPLOYABLE, training_question_ids=())
    assert router.prices.mode == "compute"
    comparison = evaluate(parts, router, router.config, ENCODER).comparison
    assert comparison.cost_mode == "wall" and comparison.cost_note.startswith(NOTE)
    assert all(np.isfinite(row.costs["wall"]) for row in comparison.rows)


def test_the_probe_shows_costs_in_the_settled_mode(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = recorded(place)
    parts = cut(table, choose_splits(table.questions, 7, None, None))
    settled = settle_cost(parts, DEPLOYABLE)
    assert settled.note.startswith(NOTE)
    probe(parts, 5, settled.config)
    assert len(re.findall(r"cost \d\.\d\d", capsys.readouterr().out)) == 2


def test_training_itself_settles_the_cost(place: Path) -> None:
    table = recorded(place)
    parts = cut(table, choose_splits(table.questions, 7, None, None))
    router = train(parts, QUICK_DEPLOYABLE, ENCODER)
    assert router.config.episode.cost_mode == "wall"
    assert np.isfinite([point.mean_reward for point in router.curves]).all()
    document = report(evaluate(parts, router, router.config, ENCODER), table, router.config, ["x"], "2026-01-01T00:00:00+00:00", 1)
    validate_report(document)
    assert load_router(pack_router(router)).prices.charged == router.prices.charged


def test_figures_of_experts_need_no_token_counts(place: Path) -> None:
    told, mute = expert_figures(recorded(place))
    assert np.isfinite(told.seconds_p50) and np.isnan(mute.seconds_p50)
    assert min(told.relative_cost, mute.relative_cost) == pytest.approx(1.0)


class ForgetsUsage(TableExpert):
    """Replies as recorded, but its server does not count tokens any more."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        return replace(super().ask(question, previous_label), prompt_tokens=None)


def test_a_live_route_of_unknown_cost_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    from der_core.cli.ask import show_event

    table = make_table([[Label.YES, Label.NO], [Label.NO, Label.YES]])
    router = untrained_router(table, QUICK_DEPLOYABLE)
    agent = AgentRouter(router, router.state.question_vectors(table.questions[:1], ENCODER))
    experts = [ForgetsUsage(table, 0), ForgetsUsage(table, 1)]
    route = route_question(
        table.questions[0], agent, LiveSource(table.questions[:1], experts, router.prices, router.thresholds), router.config.reward
    )
    assert np.isnan(route.cost) and np.isnan(route.seconds)
    show_event(route, [])
    show_event(route.steps[0], [])
    shown = capsys.readouterr().out
    assert "cost –" in shown and "nan" not in shown
