"""A question without a gold answer counts nowhere: no answer is not a wrong answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEncoder, make_questions, make_table
from ollama_server import Chat, OllamaServer
from random_tables import random_table

from der_core.cli import main
from der_core.config import DEPLOYABLE, PAPER, EpisodeConfig, RewardConfig
from der_core.errors import SettingsError
from der_core.evaluation.comparison import Comparison, compare, fit_all_prices
from der_core.evaluation.experiment import choose_splits, cut, evaluate, report
from der_core.evaluation.html_report import html_report
from der_core.evaluation.report import validate_report
from der_core.evaluation.reported import reported_comparison
from der_core.evaluation.reward_lab import best_routes
from der_core.evaluation.tables import format_table
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.baselines import Part, Reference, build_baselines, fit_reference
from der_core.routing.baselines.cascade import fit_cascade
from der_core.routing.baselines.orders import best_static_order
from der_core.routing.baselines.pickers import fit_logistic, fit_neighbours
from der_core.routing.cost import fit_prices
from der_core.routing.reward import end_reward
from der_core.routing.sources import TableSource

YES, NO, UNKNOWN = Label.YES, Label.NO, Label.NONE
EPISODE = EpisodeConfig(t_max=3, end="never")


def half_unlabelled(n: int) -> Table:
    """Two experts on n questions, of which every second has no answer: the first is right on all others, the second always says yes."""
    gold = [(YES if i % 4 == 0 else NO) if i % 2 == 0 else UNKNOWN for i in range(n)]
    says = [[label or YES, YES] for label in gold]
    return make_table(says, questions=make_questions(n, passage=False, gold=gold))


def without_some_gold(table: Table, rng: np.random.Generator) -> Table:
    """The table with the gold answers of a third of its questions forgotten."""
    forgotten = set(rng.choice(table.n_questions, table.n_questions // 3, replace=False).tolist())
    return replace(table, questions=tuple(replace(q, gold=None) if i in forgotten else q for i, q in enumerate(table.questions)))


def compared(table: Table) -> Comparison:
    source = TableSource(table, fit_prices(table, "compute"))
    part = Part(source, HashEncoder().encode([question.text for question in table.questions]))
    routers = build_baselines(part, part, part, PAPER, 0.05, np.random.default_rng(1))
    return compare(routers, source, PAPER, fit_all_prices(table), fit_reference(source), np.random.default_rng(2))


class TestComparison:
    def test_an_expert_that_is_always_right_is_right_on_all_that_count(self) -> None:
        table = half_unlabelled(12)
        found = compared(table)
        right, yes = found.row("expert0 once"), found.row("expert1 once")
        assert (right.accuracy, right.n, right.balanced_accuracy) == (1.0, 6, 1.0)
        assert (yes.accuracy, yes.n) == (0.5, 6)
        assert (found.gold_yes_rate, found.majority_accuracy) == (0.5, 0.5)
        assert found.n_not_counted == 6
        assert "6 questions (6 without an answer are not counted)" in format_table(found)

    def test_every_figure_is_that_of_the_questions_that_count(self) -> None:
        """Rows, differences, returns and frontiers do not change when the uncounted questions are taken away."""
        rng = np.random.default_rng(5)
        table = without_some_gold(random_table(rng, 30, 3), rng)
        alone = table.with_gold()
        assert alone.n_questions == 20
        source, counted = (TableSource(one, fit_prices(alone, "compute")) for one in (table, alone))
        reference, prices = fit_reference(source), fit_all_prices(alone)
        assert reference == fit_reference(counted)
        fixed = [router for router in _routers(source) if router.family != "random"]
        expected = [router for router in _routers(counted) if router.family != "random"]
        rows = compare(fixed, source, PAPER, prices, reference, np.random.default_rng(0)).rows
        wanted = compare(expected, counted, PAPER, prices, reference, np.random.default_rng(0)).rows
        assert [repr(row) for row in rows] == [repr(row) for row in wanted]  # nan equals nan in its repr

    def test_without_any_gold_it_says_so_in_one_line(self) -> None:
        table = replace(half_unlabelled(4), questions=make_questions(4, gold=[UNKNOWN] * 4))
        source = TableSource(table, fit_prices(table, "compute"))
        with pytest.raises(SettingsError, match="None of the 4 questions has a gold answer"):
            compare(_routers(source), source, PAPER, {}, Reference("expert0 once", YES), np.random.default_rng(0))


def _routers(source: TableSource) -> Sequence:
    part = Part(source, HashEncoder().encode([question.text for question in source.table.questions]))
    return build_baselines(part, part, part, PAPER, 0.05, np.random.default_rng(1))


class TestFits:
    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_fitted_is_fitted_on_questions_with_gold_alone(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        table = without_some_gold(random_table(rng, 45, 3, skill=0.5), rng)
        prices = fit_prices(table, "compute")
        whole = Part(TableSource(table, prices), rng.normal(size=(45, 6)).astype(np.float32))
        alone = Part(TableSource(table.with_gold(), prices), whole.vectors[table.gold > 0])
        assert fit_reference(whole.source) == fit_reference(alone.source)
        assert best_static_order(whole.source, EPISODE, 0.1).order == best_static_order(alone.source, EPISODE, 0.1).order
        np.testing.assert_array_equal(
            fit_cascade(whole.source, EPISODE, 0.1).thresholds, fit_cascade(alone.source, EPISODE, 0.1).thresholds
        )
        for fit in (fit_neighbours, fit_logistic):
            np.testing.assert_array_equal(fit(whole, whole, 0.1).pick(alone.vectors), fit(alone, alone, 0.1).pick(alone.vectors))

    def test_the_reward_of_an_unknown_answer_is_unknown(self) -> None:
        assert np.isnan(end_reward(np.nan, RewardConfig()))
        assert list(end_reward([1.0, 0.0], RewardConfig())) == [1.0, -1.0]

    def test_best_routes_count_questions_with_gold(self) -> None:
        table = half_unlabelled(8)
        found = best_routes(TableSource(table, fit_prices(table, "compute")), EPISODE, RewardConfig(), 0.95)
        assert (found.n, found.accuracy) == (4, 1.0)


class TestParts:
    def test_parts_hold_questions_with_gold_and_say_how_many_do_not_count(self) -> None:
        table = half_unlabelled(24)
        splits = choose_splits(table.questions, 7, None, None)
        parts = cut(table, splits)
        for part in (parts.training, parts.validation, parts.test):
            assert (part.gold > 0).all()
        sizes = [part.n_questions for part in (parts.training, parts.validation, parts.test)]
        assert sizes[0] + parts.not_counted.training == len(splits.train)
        assert sizes[2] + parts.not_counted.test == len(splits.test)
        assert sum(sizes) + parts.not_counted.total == 24

    def test_a_part_of_which_nothing_counts_is_refused_with_the_reason(self) -> None:
        table = half_unlabelled(8)
        splits = replace(choose_splits(table.questions, 7, None, None), train=("q0", "q4"), validation=("q1", "q3"), test=("q2", "q5"))
        with pytest.raises(SettingsError, match=r"hold 2, 0, 1 questions \(3 without a gold answer are not counted\)"):
            cut(table, splits)

    def test_report_and_its_pages_say_how_many_do_not_count(self) -> None:
        table = half_unlabelled(24)
        parts = cut(table, choose_splits(table.questions, 7, None, None))
        document = report(evaluate(parts, None, DEPLOYABLE, HashEncoder()), table, DEPLOYABLE, ["x"], "2026-01-01T00:00:00+00:00", 2)
        validate_report(document)
        assert document["results"]["n_not_counted"] == parts.not_counted.test > 0
        assert reported_comparison(document).n_not_counted == parts.not_counted.test
        told = f"{parts.test.n_questions} questions ({parts.not_counted.test} without an answer are not counted)"
        assert told in html_report(document, "half")
        assert all(trace["gold"] in ("yes", "no") for trace in document["traces"]["questions"])
        older = {**document, "results": {name: value for name, value in document["results"].items() if name != "n_not_counted"}}
        assert reported_comparison(older).n_not_counted == 0


def always_right(messages: Chat) -> str:
    """Even lamps in the order of twos are lit: the answer that the file gives, where it gives one."""
    lamp = re.search(r"lamp (\d+)", messages[-1]["content"])
    return "yes" if lamp is None or int(lamp[1]) % 4 == 0 else "no"


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(always_right, ["sure:1b"]) as running:
        yield running


class NamedHashEncoder(HashEncoder):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.id = name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of which every second question has no answer, and one without any answer."""
    monkeypatch.chdir(tmp_path)
    for command in ("run", "train", "evaluate"):
        monkeypatch.setattr(f"der_core.cli.{command}.SentenceEncoder", NamedHashEncoder)
    rows = [f"does lamp {i} burn,{'' if i % 2 else 'yes' if i % 4 == 0 else 'no'}" for i in range(24)]
    (tmp_path / "half.csv").write_text("\n".join(["question,answer", *rows]), encoding="utf-8")
    nobody_knows = [json.dumps({"question": f"does lamp {i} burn"}) for i in range(24)]
    (tmp_path / "none.jsonl").write_text("\n".join(nobody_knows), encoding="utf-8")
    return tmp_path


def recorded(server: OllamaServer, questions: str, *more: str) -> list[str]:
    store = ["--store", f"{questions}.sqlite"]
    assert main(["record", "--host", server.url, "--experts", "sure:1b", "--questions", questions, *store, *more]) == 0
    return store


class TestCommands:
    def test_evaluate_counts_the_questions_with_gold_and_says_so(
        self, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = recorded(server, "half.csv")
        capsys.readouterr()
        assert main(["evaluate", *store, "--save-report", "report.json"]) == 0
        shown = capsys.readouterr().out
        (row,) = (row for row in _report(place)["results"]["deployable"] if row["name"] == "sure-1b once")
        assert row["accuracy"] == 1.0
        assert f"{row['n']} questions ({12 - row['n']} without an answer are not counted)" in shown
        assert "12 questions have no gold answer: they are neither learned from nor counted." in shown

    def test_train_learns_from_the_questions_with_gold(self, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        store = recorded(server, "half.csv")
        assert main(["train", *store, "--ppo-steps", "2048", "--save-router", "router.zip"]) == 0
        assert "they are neither learned from nor counted" in capsys.readouterr().out
        assert main(["evaluate", *store, "--load-router", "router.zip", "--save-report", "report.json"]) == 0
        (row,) = (row for row in _report(place)["results"]["deployable"] if row["name"] == "DER")
        assert row["accuracy"] == 1.0

    def test_runs_probe_counts_the_questions_with_gold(self, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--host", server.url, "--experts", "sure:1b", "--questions", "half.csv", "--store", "r.sqlite", "--ppo-steps", "2048"]
        assert main(["run", *options, "--train-samples", "12", "--eval-samples", "12", "--save-report", ""]) == 0
        shown = capsys.readouterr().out
        probe = shown.partition("== single experts on ")[2]
        assert int(probe.split()[0]) < 10
        assert "right 100.0%" in probe

    @pytest.mark.parametrize("command", ["evaluate", "train"])
    def test_without_any_gold_there_is_one_line_and_no_table(
        self, server: OllamaServer, place: Path, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        store = recorded(server, "none.jsonl", "--no-answers")
        capsys.readouterr()
        assert main([command, *store]) == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("error: None of the 24 questions has a gold answer")
        assert len(shown.err.splitlines()) == 1
        assert shown.out == ""


def _report(place: Path) -> dict:
    return json.loads((place / "report.json").read_text(encoding="utf-8"))
