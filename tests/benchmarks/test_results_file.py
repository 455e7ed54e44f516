"""docs/results.md is made of a template and tables: every table that it asks for is there, and no other name passes."""

from __future__ import annotations

import pytest
from test_planner_router import PARTS, PLANNER, TABLE
from trained_routers import ENCODER

from benchmarks.results_file import SETTINGS, TEMPLATE, Setting, _configs, _options, fill, tables_of
from der_core.errors import DerError
from der_core.evaluation.evidence import findings_of
from der_core.evaluation.experiment import evaluate, train


def test_a_table_stands_where_its_name_stood() -> None:
    assert fill("a\n\n{{one}}\n\n{{two}}\nb {{not}} a line", {"one": "1", "two": "2"}) == "a\n\n1\n\n2\nb {{not}} a line"


def test_a_name_without_a_table_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DerError, match=r"asks for onne; there are one, two"):
        fill("{{onne}}", {"one": "1", "two": "2"})


def test_the_template_asks_for_tables_that_there_are() -> None:
    router = train(PARTS, PLANNER, ENCODER)
    evaluation = evaluate(PARTS, router, router.config, ENCODER)
    (found,) = findings_of([evaluation], None, "make results", measured={}, judge=True)
    tables = tables_of(TABLE, PARTS, [Setting(name, (evaluation,), found) for name in SETTINGS])
    assert all(tables.values())
    written = fill(TEMPLATE.read_text(encoding="utf-8"), tables)
    assert "{{" not in written and "| DER |" in written
    assert f"{TABLE.n_questions} questions" in written and "asked of 3 experts" in written


def test_a_planner_is_trained_from_one_seed_and_ppo_from_all() -> None:
    options = _options(["--seeds", "3", "4", "--ppo-steps", "64"])
    assert [config.seed for config in _configs(SETTINGS["planner"], options)] == [3]
    assert [(config.seed, config.ppo.total_steps) for config in _configs(SETTINGS["paper"], options)] == [(3, 64), (4, 64)]
