"""A comparison read back from its report is the comparison that was written."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from fakes import HashEncoder
from random_tables import random_source
from trained_routers import QUICK_DEPLOYABLE

from der_core.config import DEPLOYABLE
from der_core.errors import ReportError
from der_core.evaluation.claims import Claim, Part
from der_core.evaluation.experiment import Evaluation, choose_splits, cut, evaluate, report
from der_core.evaluation.frontier import INTERVAL_SEED, frontier, frontier_intervals
from der_core.evaluation.metrics import flip_matrix
from der_core.evaluation.report import Json
from der_core.evaluation.reported import reported_claims, reported_comparison, reported_flips, reported_intervals


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    table = random_source(np.random.default_rng(3), 60, 3, skill=0.7).table
    return evaluate(cut(table, choose_splits(table.questions, 7, None, None)), None, DEPLOYABLE, HashEncoder())


@pytest.fixture
def written(evaluation: Evaluation) -> Json:
    document = report(evaluation, evaluation.parts.test, QUICK_DEPLOYABLE, [], "2025-01-01T00:00:00+00:00")
    return json.loads(json.dumps(document))


def test_claims_read_back_as_they_were_told(written: Json) -> None:
    part = Part("against all", 0.1, -0.1, 0.3, 40)
    claim = Claim("it pays", False, part.value, part.low, part.high, part.n, "python -m der_core evaluate", (part,), "too few questions")
    assert reported_claims({**written, "claims": json.loads(json.dumps([asdict(claim)]))}) == (claim,)
    assert [told.reason for told in reported_claims(written)] == ["not computed: there is no learned router"] * 5
    assert reported_claims({key: value for key, value in written.items() if key != "claims"}) == ()
    with pytest.raises(ReportError, match="claims of this report"):
        reported_claims({**written, "claims": [{"name": "dynamic"}]})


def test_every_row_and_figure_is_read_back(evaluation: Evaluation, written: Json) -> None:
    read, made = reported_comparison(written), evaluation.comparison
    assert len(read.rows) == len(made.rows) > 10
    for row in made.rows:
        np.testing.assert_equal(asdict(read.row(row.name)), asdict(row))  # nan equals nan
    assert [row.name for row in read.deployable] == [row.name for row in made.deployable]
    assert [row.name for row in read.oracle] == [row.name for row in made.oracle]
    assert (read.reference, read.cost_mode, read.headline()) == (made.reference, made.cost_mode, made.headline())
    assert (read.majority_accuracy, read.gold_yes_rate) == (made.majority_accuracy, made.gold_yes_rate)


def test_single_experts_keep_the_order_of_the_recording(evaluation: Evaluation, written: Json) -> None:
    names = [row.name for row in reported_comparison(written).rows if row.family == "single"]
    assert names == [f"{spec.name} once" for spec in evaluation.parts.test.experts]


def test_where_routers_stand_is_the_same(evaluation: Evaluation, written: Json) -> None:
    read, made = frontier(reported_comparison(written), "compute"), frontier(evaluation.comparison, "compute")
    assert read.pareto == made.pareto and (read.aiq, read.zero_aiq) == (made.aiq, made.zero_aiq)
    np.testing.assert_equal(read.above, made.above)


def test_flips_are_read_back(evaluation: Evaluation, written: Json) -> None:
    assert reported_flips(written) == flip_matrix(evaluation.source.table)


def test_intervals_are_read_back_and_missing_in_reports_of_earlier_versions(evaluation: Evaluation, written: Json) -> None:
    read = reported_intervals(written)
    assert set(read) == set(evaluation.comparison.rows[0].costs)
    made = frontier_intervals(evaluation.comparison, "tokens", np.random.default_rng(INTERVAL_SEED))
    np.testing.assert_equal(asdict(read["tokens"]), asdict(made))
    del written["frontier"]
    assert reported_intervals(written) == {}
    written["frontier"] = {"tokens": {"aiq": 1}}
    with pytest.raises(ReportError, match="frontier of this report"):
        reported_intervals(written)


@pytest.mark.parametrize("spoil", [lambda r: r["results"].pop("deployable"), lambda r: r["results"]["oracle"][0].pop("stop")])
def test_a_report_that_lacks_rows_is_one_line(written: Json, spoil) -> None:
    spoil(written)
    with pytest.raises(ReportError, match="cannot be read"):
        reported_comparison(written)
