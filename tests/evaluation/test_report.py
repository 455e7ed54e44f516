"""The report: complete, by its schema, strict JSON; and the text tables."""

from __future__ import annotations

import json
import math
import socket
from dataclasses import replace
from pathlib import Path
from typing import get_args

import jsonschema
import numpy as np
import pytest
from fakes import make_questions, make_spec
from random_tables import random_table

from der_core.config import DEPLOYABLE, CostMode, Style
from der_core.errors import ReportError
from der_core.evaluation.comparison import compare, fit_all_prices
from der_core.evaluation.report import Evaluated, Json, build_report, installed_versions, load_schema, machine, validate_report
from der_core.evaluation.report_model import read_report, report_schema
from der_core.evaluation.statistics import NO_DATA
from der_core.evaluation.tables import format_table, markdown_table
from der_core.recording.questions import Splits
from der_core.routing.baselines import Part, build_baselines, fit_reference
from der_core.routing.process import Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.saved.trained import CurvePoint
from der_core.routing.sources import TableSource

CONFIG = DEPLOYABLE
DEMO_RUNS = Path(__file__).resolve().parents[2] / "assets" / "runs"
FOLDER, HOST = "/home/somebody/models", "http://192.168.7.7:11434"


class Learned:
    """Asks expert 0, then stops for questions in even rows and asks expert 1 for the others."""

    name, oracle, rules = "DER", False, RouteRules(CONFIG.episode)

    def choose(self, now: Situation) -> Choice:
        actions = np.where(now.step == 0, 0, np.where(now.rows % 2 == 0, 2, 1))
        return Choice(actions, np.eye(3)[actions] * 0.8 + 0.2 / 3)


@pytest.fixture(scope="module")
def run() -> Evaluated:
    rng = np.random.default_rng(0)
    experts = (
        make_spec("small", host=HOST),
        make_spec("large", backend="embedded", model=f"{FOLDER}/large.gguf", params_billions=None),
    )
    table = replace(random_table(rng, 40, 2), experts=experts)
    rows = {"train": np.arange(20), "validation": np.arange(20, 28), "test": np.arange(28, 40)}
    training = table.subset(rows["train"])
    prices = fit_all_prices(training)
    thresholds = np.array([0.6, np.nan])
    parts = [
        Part(TableSource(table.subset(r), prices["compute"], thresholds), rng.normal(size=(len(r), 4)).astype(np.float32))
        for r in rows.values()
    ]
    routers = [Learned(), *build_baselines(parts[0], parts[1], parts[2], CONFIG, 0.02, rng)]
    return Evaluated(
        command=("python", "-m", "der_core", "train"),
        created_utc="2026-01-02T03:04:05+00:00",
        config=CONFIG,
        training_seeds=(7,),
        evaluation_seed=1,
        table=table,
        splits=Splits(*(tuple(f"q{row}" for row in r) for r in rows.values())),
        test=parts[2].source,
        prices=prices,
        curves={7: [CurvePoint(64, 0.1, 1.0, math.nan, 1.0, 1.0, 0.5, (0.5, 0.5), 0.6, 0.1, 0.2, 0.01, math.nan)]},
        comparison=compare(routers, parts[2].source, CONFIG, prices, fit_reference(parts[0].source), rng),
        traced="DER",
        training={
            7: {
                "ending": "all planned steps were taken; kept is the last of 1 updates",
                "converged": None,
                "updates": 1,
                "best_update": None,
            }
        },
    )


@pytest.fixture(scope="module")
def report(run: Evaluated) -> Json:
    return build_report(run, n_traces=3)


class TestSchema:
    def test_is_itself_valid(self) -> None:
        jsonschema.Draft202012Validator.check_schema(load_schema())

    def test_is_made_from_the_model(self) -> None:
        assert load_schema() == report_schema(), "the model has changed: write_schema() of der_core.evaluation.report"

    def test_report_follows_it(self, report: Json) -> None:
        validate_report(report)
        jsonschema.validate(report, load_schema(), jsonschema.Draft202012Validator)

    @pytest.mark.parametrize("folder", sorted(DEMO_RUNS.iterdir()), ids=lambda folder: folder.name)
    def test_shipped_reports_follow_it(self, folder: Path) -> None:
        shipped = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        validate_report(shipped)
        jsonschema.validate(shipped, load_schema(), jsonschema.Draft202012Validator)

    def test_report_is_strict_json_and_reads_back_equal(self, report: Json) -> None:
        assert json.loads(json.dumps(report, allow_nan=False)) == report

    def test_every_object_of_results_is_closed(self, report: Json) -> None:
        report = json.loads(json.dumps(report))
        report["results"]["deployable"][0]["surprise"] = 1
        with pytest.raises(ReportError, match="surprise"):
            validate_report(report)

    def test_fault_is_named_with_its_place(self, report: Json) -> None:
        report = json.loads(json.dumps(report))
        report["results"]["oracle"][0]["accuracy"] = 1.5
        with pytest.raises(ReportError, match=r"results\.oracle\[0\]\.accuracy"):
            validate_report(report)

    def test_missing_part_is_a_fault(self, report: Json) -> None:
        with pytest.raises(ReportError, match="splits"):
            validate_report({key: value for key, value in report.items() if key != "splits"})

    @pytest.mark.parametrize("spoilt", [{"aiq": 0.8}, {"tokens": {"aiq": 1}}, [], None])
    def test_figures_of_the_frontier_are_those_of_this_program(self, report: Json, spoilt: object) -> None:
        with pytest.raises(ReportError, match="frontier"):
            validate_report({**report, "frontier": spoilt})

    def test_what_an_earlier_version_does_not_tell_is_no_fault(self, report: Json) -> None:
        older = json.loads(json.dumps(report))
        for name in ("training", "frontier", "claims", "cost_figures", "flip_effects", "judge_effects"):
            del older[name]
        del older["settings"]["ppo"]["patience"], older["prices"]["compute"]["charged"], older["results"]["n_not_counted"]
        validate_report(older)

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("settings.ppo.total_steps", 10**30, "total_steps"),
            ("settings.ppo.later", 1, "settings.ppo.later: this version knows no such field"),
            ("settings.seed", -1, "seed"),
            ("settings.reward.alpha", 1e300, "alpha"),
            ("curves.7.0.steps", 10**30, r"curves.7\[0\].steps"),
            ("curves.7.0.reward", 1.0, r"curves.7\[0\].reward: this version knows no such field"),
            ("curves.7.0.expert_shares", [1.0], "curves have shares"),
            ("curves", {"seven": []}, "curves"),
            ("results.deployable.0.n", 2**70, r"results.deployable\[0\].n"),
            ("results.deployable.0.calls", "1e999", r"results.deployable\[0\].calls"),
            ("results.deployable.0.costs", {}, "lacks a cost"),
            ("results.deployable.1.name", "DER", "results have a name twice"),
            ("results.deployable.0.shares", {"nobody": 1.0}, "'nobody', which no expert is called"),
            ("experts.0.name", "large", "experts have a name twice"),
            ("flips.0.expert", "nobody", "nobody"),
            ("traces.questions.0.steps.0.expert", "nobody", "nobody"),
            ("traces.questions.0.steps.0.probabilities", [1.0], "traces have probabilities"),
            ("traces.questions.0.question", "x" * 3_000_000, r"traces.questions\[0\].question"),
            ("created_utc", "now", "created_utc"),
            ("prices.compute.scale", [0.0, 1.0], "scale"),
            ("prices.compute.experts", ["large", "small"], "prices.experts"),
            ("thresholds", {"nobody": 0.5}, "nobody"),
        ],
    )
    def test_what_no_run_says_is_refused_with_its_place(self, report: Json, path: str, value: object, message: str) -> None:
        forged = json.loads(json.dumps(report))
        *above, last = path.split(".")
        at = forged
        for part in above:
            at = at[int(part)] if isinstance(at, list) else at[part]
        at[int(last) if isinstance(at, list) else last] = value
        with pytest.raises(ReportError, match=message):
            validate_report(forged)

    def test_ten_thousand_rows_are_refused_at_once(self, report: Json) -> None:
        row = report["results"]["deployable"][0]
        rows = [{**row, "name": f"router {number}"} for number in range(10_000)]
        with pytest.raises(ReportError, match=r"results\.deployable: .*at most 1000"):
            validate_report({**report, "results": {**report["results"], "deployable": rows}})


class TestContents:
    def test_settings_read_back_to_the_same_config(self, report: Json) -> None:
        assert read_report(report).settings == CONFIG

    def test_data_experts_and_splits(self, run: Evaluated, report: Json) -> None:
        assert report["data"] == {"hash": run.table.data_hash(), "n_questions": 40, "n_left_out": 0}
        assert report["experts"][0]["digest"] == "sha256:small"
        assert report["splits"]["validation"] == [f"q{i}" for i in range(20, 28)]

    def test_no_data_is_null(self, report: Json) -> None:
        assert report["thresholds"] == {"small": [0.6] * 4, "large": [None] * 4}
        assert report["curves"]["7"][0]["accuracy"] is None
        constant = next(row for row in report["results"]["deployable"] if row["family"] == "constant")
        assert constant["mean_return"] is None

    def test_rows_keep_their_rankings_apart(self, run: Evaluated, report: Json) -> None:
        results = report["results"]
        assert [row["name"] for row in results["deployable"]] == [row.name for row in run.comparison.deployable]
        assert all(row["oracle"] for row in results["oracle"])
        assert results["headline"] == run.comparison.headline()

    def test_flips_are_those_of_the_test_questions(self, report: Json) -> None:
        assert len(report["flips"]) == 6
        assert report["flips"][0]["n"] == 12

    def test_neither_machine_name_nor_addresses_nor_folders(self, report: Json) -> None:
        text = json.dumps(report)
        assert socket.gethostname() not in json.dumps(report["machine"])
        assert HOST not in text
        assert FOLDER not in text
        assert report["experts"][1]["model"] == "large.gguf"

    def test_versions_and_machine(self) -> None:
        assert {"python", "numpy"} <= set(installed_versions())
        assert machine()["cores"] >= 1
        assert machine()["cpu"]


class TestTraces:
    def test_tells_the_first_questions_step_by_step(self, run: Evaluated, report: Json) -> None:
        traces = report["traces"]
        assert (traces["router"], traces["actions"]) == ("DER", ["small", "large", "STOP"])
        assert [trace["id"] for trace in traces["questions"]] == ["q28", "q29", "q30"]
        assert traces["questions"][0]["question"] == make_questions(40)[28].text

    def test_a_stop_has_its_probabilities_apart(self, report: Json) -> None:
        stopped, went_on = report["traces"]["questions"][:2]
        assert len(stopped["steps"]) == 1
        assert stopped["stop_reason"] == "the router chose to stop"
        assert stopped["stop_probabilities"][2] == pytest.approx(0.8 + 0.2 / 3)
        assert len(went_on["steps"]) == 3
        assert went_on["stop_probabilities"] == []

    def test_steps_follow_one_another(self, report: Json) -> None:
        steps = report["traces"]["questions"][1]["steps"]
        assert [step["expert"] for step in steps] == ["small", "large", "small"], "asking the same one again was replaced"
        assert steps[0]["previous_label"] == "none"
        assert [step["previous_label"] for step in steps[1:]] == [step["label"] for step in steps[:-1]]
        assert steps[0]["probabilities"][0] == pytest.approx(0.8 + 0.2 / 3)

    def test_answer_is_judged(self, report: Json) -> None:
        for trace in report["traces"]["questions"]:
            assert trace["answer"] == trace["steps"][-1]["label"]
            assert trace["correct"] == (trace["answer"] == trace["gold"])

    def test_a_router_without_probabilities_can_be_traced(self, run: Evaluated) -> None:
        report = build_report(replace(run, traced="majority vote"), n_traces=1)
        validate_report(report)
        assert report["traces"]["actions"] == []
        assert report["traces"]["questions"][0]["steps"][0]["probabilities"] == []

    def test_no_more_traces_than_questions(self, run: Evaluated) -> None:
        assert len(build_report(run, n_traces=99)["traces"]["questions"]) == 12


class TestTables:
    def test_text_columns_line_up(self, run: Evaluated) -> None:
        blocks = format_table(run.comparison).split("\n\n")
        assert len(blocks) == 3
        for block in blocks[:2]:
            assert len({len(line) for line in block.splitlines()[1:]}) == 1

    def test_each_ranking_under_its_title(self, run: Evaluated) -> None:
        deployable, oracle, _ = format_table(run.comparison).split("\n\n")
        assert deployable.startswith("Deployable")
        assert oracle.startswith("Oracle")
        assert "gold stop" not in deployable
        assert "once" not in oracle

    def test_figures_are_those_of_the_rows(self, run: Evaluated) -> None:
        row = run.comparison.row("DER")
        line = next(line for line in format_table(run.comparison).splitlines() if line.startswith("DER "))
        assert line.split()[1] == f"{100 * row.accuracy:.1f}"
        assert f"{row.costs['compute']:.2f}" in line

    def test_no_data_is_a_dash(self, run: Evaluated) -> None:
        rows = [replace(row, balanced_accuracy=math.nan) for row in run.comparison.rows]
        assert f" {NO_DATA} " in format_table(replace(run.comparison, rows=tuple(rows)))

    def test_markdown_has_a_rule_and_as_many_cells_in_every_row(self, run: Evaluated) -> None:
        table = markdown_table(run.comparison).split("\n\n")[1].splitlines()
        assert table[1].startswith("| --- | ---: |")
        assert len({line.count("|") for line in table}) == 1

    def test_legend_names_cost_and_reference(self, run: Evaluated) -> None:
        legend, bar = format_table(run.comparison).splitlines()[-2:]
        assert bar.startswith("DER costs ")
        assert "cost is compute" in legend
        assert run.comparison.reference.best_single in legend


@pytest.mark.parametrize("choices", [Style, CostMode])
def test_the_schema_knows_every_style_and_cost_mode(choices: object):
    assert f'"enum": {json.dumps(list(get_args(choices)))}' in json.dumps(load_schema())
