"""PPO learns what is there to be learned, and what the reward pays for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import HashEncoder, make_questions, make_table
from trained_routers import ENCODER, QUICK, QUICK_DEPLOYABLE, QUICK_PAPER, agent_routes, changed

from der_core.config import RewardConfig, TrainConfig
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.agent.training import train_router
from der_core.routing.process import Situation
from der_core.routing.saved.trained import AgentRouter
from der_core.routing.sources import TableSource

N_QUESTIONS = 40
GOLD = np.array([int(Label.YES), int(Label.NO)] * (N_QUESTIONS // 2))
WRONG = 3 - GOLD
LEARNING = replace(QUICK, total_steps=6_144, n_envs=32, n_steps=16, batch_size=128, hidden=(64, 64))


def table_of(*replies: np.ndarray, seconds: list[float] | None = None) -> Table:
    """One expert per array of replies, the same after every previous label; equal prices unless given."""
    prices = [0.1] * len(replies) if seconds is None else seconds
    return make_table(np.stack(replies, axis=1), questions=make_questions(N_QUESTIONS, passage=False), seconds=prices)


def deployable(**changes: object) -> TrainConfig:
    return replace(QUICK_DEPLOYABLE, ppo=LEARNING, fit_thresholds=False, **changes)


def test_finds_the_expert_that_is_always_right_and_stops() -> None:
    table = table_of(WRONG, GOLD, np.full(N_QUESTIONS, int(Label.YES)))
    router = train_router(table, deployable(), ENCODER)
    assert agent_routes(router, table) == [(1, -1)] * N_QUESTIONS
    assert router.curves[-1].accuracy > router.curves[0].accuracy
    assert router.curves[-1].entropy < router.curves[0].entropy


@pytest.mark.parametrize("seed", [1, 2])
def test_finds_it_with_gold_ending_the_routes_too(seed: int) -> None:
    table = table_of(WRONG, WRONG, GOLD)
    config = changed(deployable(seed=seed), end="gold", state="text")
    assert agent_routes(train_router(table, config, ENCODER), table) == [(2,)] * N_QUESTIONS


class KindEncoder(HashEncoder):
    """Vectors that tell whether the question's number is even, besides what is each text's own."""

    id = "kind-encoder"

    def encode(self, texts: list[str]) -> np.ndarray:
        vectors = super().encode(texts) / 4
        numbers = ["".join(filter(str.isdigit, text)) for text in texts]
        vectors[:, 0] = [1.0 if number and int(number) % 2 == 0 else -1.0 for number in numbers]
        return vectors


def test_learns_which_expert_knows_which_kind_of_question() -> None:
    """Expert 0 is right on even questions, expert 1 on odd ones; judged on questions it never saw."""
    even = np.arange(N_QUESTIONS) % 2 == 0
    table = table_of(np.where(even, GOLD, WRONG), np.where(even, WRONG, GOLD))
    encoder, config = KindEncoder(), changed(deployable(), t_max=1, end="never", state="text")
    router = train_router(table.subset(np.arange(20)), config, encoder)
    unseen = table.subset(np.arange(20, N_QUESTIONS))
    agent = AgentRouter(router, router.state.question_vectors(unseen.questions, encoder))
    actions = agent.choose(Situation.start(np.arange(20), 2)).actions
    assert actions.tolist() == [0, 1] * 10
    assert TableSource(unseen, router.prices).quality[np.arange(20), actions, 0].all()


def test_takes_the_cheaper_of_two_experts_that_are_always_right() -> None:
    table = table_of(GOLD, GOLD, seconds=[2.0, 0.1])
    assert agent_routes(train_router(table, deployable(), ENCODER), table) == [(1, -1)] * N_QUESTIONS


def test_own_median_prices_hide_which_expert_is_dear() -> None:
    """In cost mode latency both cost 1 a call, so nothing teaches the agent to prefer the cheap one."""
    table = table_of(GOLD, GOLD, seconds=[2.0, 0.1])
    router = train_router(table, changed(deployable(), cost_mode="latency"), ENCODER)
    assert [point.cost for point in router.curves] == pytest.approx([point.calls for point in router.curves])


def test_learns_the_detour_that_the_paper_reward_pays_for() -> None:
    """Expert 0 is always wrong, expert 1 always right: 3.030 for asking both against 1.995 for the right one at once."""
    table = table_of(WRONG, GOLD)
    config = replace(QUICK_PAPER, ppo=LEARNING, reward=RewardConfig())
    assert agent_routes(train_router(table, config, ENCODER), table) == [(0, 1)] * N_QUESTIONS
