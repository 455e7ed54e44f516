"""Knowing when it does not know: the estimate on routes, of planners and agents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_tables import random_table
from test_planner_router import PARTS, PLANNER, ROUTER, parts_of
from trained_routers import ENCODER, QUICK_PAPER, untrained_router

from der_core.evaluation.experiment import train
from der_core.evaluation.reliability import answer_sureness, calibrated_sureness, last_replies, situations_of
from der_core.evaluation.rollout import rollout
from der_core.records import Label
from der_core.routing.process import DecisionProcess, Situation
from der_core.routing.saved.router_file import load_router, pack_router
from der_core.routing.saved.trained import AgentRouter


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
    agent = AgentRouter(router, vectors)
    run = rollout(agent, router.table_source(parts.test), router.config.reward)
    p = answer_sureness(agent, run, 2)
    assert p is not None and p.mean() == pytest.approx(run.correct.mean(), abs=0.06)
    assert (p[run.answers == Label.INVALID] == 0).all()


def test_an_agent_has_it_too_and_it_travels_with_the_file() -> None:
    agent = untrained_router(PARTS.training, QUICK_PAPER)
    sure = replace(agent, sureness=calibrated_sureness(agent, "agreement", PARTS.training, PARTS.validation, ENCODER))
    loaded = load_router(pack_router(sure))
    vectors = loaded.state.question_vectors(PARTS.test.questions, ENCODER)
    both = [AgentRouter(one, vectors, end="agreement") for one in (sure, loaded)]
    run = rollout(both[1], loaded.table_source(PARTS.test), loaded.config.reward)
    told = [answer_sureness(one, run, 3) for one in both]
    assert told[0] is not None and np.array_equal(*told) and ((told[0] >= 0) & (told[0] < 1)).all()
    assert answer_sureness(AgentRouter(agent, vectors, end="agreement"), run, 3) is None, "nobody knows"


def test_nothing_is_said_before_the_first_reply() -> None:
    assert ROUTER.sureness is not None
    now = Situation.start(np.array([0]), 3)
    assert np.isnan(ROUTER.sureness(np.zeros((1, ROUTER.state.n_query_components)), now)).all()
