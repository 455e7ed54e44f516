"""Knowing when it does not know: each figure by a known number, and the estimate on routes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_tables import random_table
from test_planner_router import PARTS, PLANNER, ROUTER, parts_of
from trained_routers import ENCODER, QUICK_PAPER, untrained_router

from der_core.evaluation.experiment import train
from der_core.evaluation.reliability import (
    answer_sureness,
    area_under_risk_coverage,
    brier_score,
    calibrated_sureness,
    expected_calibration_error,
    last_replies,
    reliability,
    reliability_bins,
    risk_coverage,
    situations_of,
)
from der_core.evaluation.rollout import rollout
from der_core.records import Label
from der_core.routing.process import DecisionProcess, Situation
from der_core.routing.saved.router_file import load_router, pack_router
from der_core.routing.saved.trained import AgentRouter

P = np.array([0.95, 0.95, 0.85, 0.55, 0.55])
RIGHT = np.array([True, True, False, True, False])


def test_brier_by_hand() -> None:
    assert brier_score(P, RIGHT) == pytest.approx((2 * 0.05**2 + 0.85**2 + 0.45**2 + 0.55**2) / 5)


def test_calibration_error_by_hand() -> None:
    """Three bins: .95 of which all are right, .85 of which none is, .55 of which half is."""
    assert expected_calibration_error(P, RIGHT) == pytest.approx((2 * 0.05 + 1 * 0.85 + 2 * 0.05) / 5)


def test_bins_hold_every_answer_once() -> None:
    bins = reliability_bins(np.array([0.0, 0.1, 0.999, 1.0]), np.array([False, False, True, True]))
    assert [(one.low, one.n) for one in bins] == [(0.0, 1), (0.1, 1), (0.9, 2)]
    assert bins[2].mean_p == pytest.approx(0.9995) and bins[2].share_right == 1.0 and bins[2].right_low < 1.0


def test_risk_and_coverage_by_hand() -> None:
    coverage, risk, thresholds = risk_coverage(P, RIGHT)
    assert coverage.tolist() == [0.4, 0.6, 1.0]
    assert risk == pytest.approx([0.0, 1 / 3, 2 / 5])
    assert thresholds.tolist() == [0.95, 0.85, 0.55]


def test_area_under_risk_coverage_by_hand() -> None:
    """Risks at 1 to 5 answers: 0, 0, 1/3, then the two that tie count half each: 1.5/4, 2/5."""
    assert area_under_risk_coverage(P, RIGHT) == pytest.approx((0 + 0 + 1 / 3 + 1.5 / 4 + 2 / 5) / 5)


def test_always_the_same_probability_has_the_base_rate_as_risk() -> None:
    assert area_under_risk_coverage(np.full(5, 0.6), RIGHT) == pytest.approx(0.4)


def test_no_answers_are_no_figures() -> None:
    none = reliability(np.zeros(0), np.zeros(0, dtype=bool))
    assert none.n == 0 and none.bins == () and none.coverage == ()
    assert all(np.isnan(figure) for figure in (none.ece, none.brier, none.brier_of_mean, none.aurc))


def test_always_saying_the_mean_has_the_variance_as_brier() -> None:
    assert reliability(P, RIGHT).brier_of_mean == pytest.approx(0.6 * 0.4)


def test_situations_of_routes_are_those_that_the_process_goes_through() -> None:
    source, vectors = ROUTER.table_source(PARTS.test), ROUTER.state.question_vectors(PARTS.test.questions, ENCODER)
    agent = AgentRouter(ROUTER, vectors, end="never")
    run = rollout(agent, source, ROUTER.config.reward)
    process = DecisionProcess(source, agent.rules.episode, ROUTER.config.reward)
    now = process.start(run.rows)
    for step in range(3):
        now = process.advance(now, agent.choose(now).actions).situation
        which = np.zeros_like(run.asked)
        which[:, step] = True
        seen = situations_of(run, 3, which)
        for name in set(Situation.__dataclass_fields__) - {"quality"}:
            np.testing.assert_array_equal(getattr(seen, name), getattr(now, name), err_msg=name)
    assert np.array_equal(np.flatnonzero(last_replies(run).any(axis=1)), run.rows)


def test_a_planner_is_about_as_often_right_as_it_says() -> None:
    table = random_table(np.random.default_rng(21), n_questions=1_500, n_experts=2, skill=0.75)
    parts = parts_of(table)
    router = train(parts, PLANNER, ENCODER)
    vectors = router.state.question_vectors(parts.test.questions, ENCODER)
    run = rollout(AgentRouter(router, vectors), router.table_source(parts.test), router.config.reward)
    p = answer_sureness(router, run, router.state.query_components(vectors))
    assert p is not None and p.mean() == pytest.approx(run.correct.mean(), abs=0.06)
    assert (p[run.answers == Label.INVALID] == 0).all()


def test_an_agent_has_it_too_and_it_travels_with_the_file() -> None:
    agent = untrained_router(PARTS.training, QUICK_PAPER)
    sure = replace(agent, sureness=calibrated_sureness(agent, "agreement", PARTS.training, PARTS.validation, ENCODER))
    loaded = load_router(pack_router(sure))
    vectors = loaded.state.question_vectors(PARTS.test.questions, ENCODER)
    run = rollout(AgentRouter(loaded, vectors, end="agreement"), loaded.table_source(PARTS.test), loaded.config.reward)
    told = [answer_sureness(one, run, one.state.query_components(vectors)) for one in (sure, loaded)]
    assert told[0] is not None and np.array_equal(*told) and ((told[0] >= 0) & (told[0] < 1)).all()
    assert answer_sureness(agent, run, agent.state.query_components(vectors)) is None, "nobody knows"


def test_nothing_is_said_before_the_first_reply() -> None:
    assert ROUTER.sureness is not None
    now = Situation.start(np.array([0]), 3)
    assert np.isnan(ROUTER.sureness(np.zeros((1, ROUTER.state.n_query_components)), now)).all()
