"""Small trained routers and the routes they take, for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes import HashEncoder

from der_core.config import DEPLOYABLE, PAPER, EpisodeConfig, PPOConfig, TrainConfig
from der_core.recording.table import Table
from der_core.routing.cost import fit_prices
from der_core.routing.policy import PolicyNetwork, weight_shapes
from der_core.routing.process import DecisionProcess
from der_core.routing.saved.trained import AgentRouter, CurvePoint, TrainedRouter
from der_core.routing.sources import TableSource
from der_core.routing.state import StateEncoder

QUICK = PPOConfig(total_steps=512, n_envs=16, n_steps=8, batch_size=64, n_epochs=4, learning_rate=3e-3, hidden=(16,), patience=0)
QUICK_PAPER = replace(PAPER, ppo=QUICK)
QUICK_DEPLOYABLE = replace(DEPLOYABLE, reward=replace(DEPLOYABLE.reward, alpha=0.05), ppo=QUICK)
ENCODER = HashEncoder()


def changed(config: TrainConfig, **episode: object) -> TrainConfig:
    """The settings with fields of their EpisodeConfig replaced."""
    return replace(config, episode=replace(config.episode, **episode))


def process_of(table: Table, config: TrainConfig) -> DecisionProcess:
    prices = fit_prices(table, config.episode.cost_mode, config.calibration_samples)
    return DecisionProcess(TableSource(table, prices), config.episode, config.reward)


def fitted_state(table: Table, episode: EpisodeConfig) -> StateEncoder:
    return StateEncoder.fit(table.questions, episode, table.n_experts, ENCODER)


def untrained_router(table: Table, config: TrainConfig, seed: int = 0, **changes: object) -> TrainedRouter:
    """A router with random weights: as whole as a trained one, without the time that takes."""
    rng = np.random.default_rng(seed)
    state = fitted_state(table, config.episode)
    shapes = weight_shapes(state.size, config.ppo.hidden, table.n_experts + int(config.episode.has_stop_action))
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    shares = tuple([1.0] + [0.0] * (table.n_experts - 1))
    router = TrainedRouter(
        config=config,
        experts=table.experts,
        state=state,
        network=PolicyNetwork(weights, masks_stop=config.episode.has_stop_action),
        prices=fit_prices(table, config.episode.cost_mode),
        thresholds=np.array([[0.3, 0.4, 0.2, np.nan]] + [[np.nan] * 4] * (table.n_experts - 1)),
        curves=(CurvePoint(128, 0.5, 1.0, 0.5, 2.0, 1.5, 0.25, shares, 0.7, -0.01, 0.4, 0.01, np.nan),),
        data_hash=table.data_hash(),
        training_question_ids=tuple(question.id for question in table.questions),
        prompt_version="1",
        versions={"python": "3.11"},
        results={"accuracy": 0.75, "notes": ["none"]},
        validation_question_ids=("v0", "v1"),
        best_update=1,
        converged=False,
    )
    return replace(router, **changes)


def agent_routes(trained: TrainedRouter, table: Table, **options: object) -> list[tuple[int, ...]]:
    """The experts that the router asks about each question, -1 for STOP."""
    router = AgentRouter(trained, trained.state.question_vectors(table.questions, ENCODER), **options)
    process = DecisionProcess(TableSource(table, trained.prices, trained.thresholds), router.rules.episode, trained.config.reward)
    return [_route(router, process, row) for row in range(table.n_questions)]


def _route(router: AgentRouter, process: DecisionProcess, row: int) -> tuple[int, ...]:
    now, asked, ended = process.start(np.array([row])), [], False
    while not ended:
        outcome = process.advance(now, router.choose(now).actions)
        now, ended = outcome.situation, bool(outcome.ended[0])
        asked.append(int(outcome.asked[0]))
    return tuple(asked)
