"""Training a router with PPO (Schulman et al. 2017, arXiv 1707.06347) on a table of recorded replies."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv
from threadpoolctl import threadpool_limits

from der_core.config import PPOConfig, TrainConfig
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.routing.agent.network import MaskedPolicy, extract_actor
from der_core.routing.agent.vec_env import EpisodeStatistics, TableVecEnv
from der_core.routing.encoding import TextEncoder, Vectors
from der_core.routing.policy import PolicyNetwork
from der_core.routing.process import DecisionProcess
from der_core.routing.reading import Reading, check_can_learn
from der_core.routing.saved.trained import CurvePoint, TrainedRouter, TrainingProgress
from der_core.routing.state import QuestionVectors, StateEncoder

logger = logging.getLogger(__name__)

Clock = Callable[[], float]
OnProgress = Callable[[TrainingProgress], None]

LIBRARIES = ("torch", "stable_baselines3", "gymnasium", "numpy")
_THREADS = 1  # the layers are small: a second thread gains nothing, and on a busy machine it waits ten times as long
_CHANCE_ROUTES = 8
_ONE_AT_A_TIME = threading.Lock()  # stable-baselines3 draws from the random state of the process


def _ignore(progress: TrainingProgress) -> None:
    pass


def train_router(
    table: Table,
    config: TrainConfig,
    encoder: TextEncoder,
    *,
    validation: Table | None = None,
    on_progress: OnProgress = _ignore,
    stop: threading.Event | None = None,
    clock: Clock = time.monotonic,
) -> TrainedRouter:
    """Return a router trained on the questions of `table`, all of which are training questions.

    The confidence of programs, thresholds, prices, projections and scaling are fitted on the same questions. Whole rollouts are run, so the
    steps are rounded up to a multiple of `n_envs * n_steps`. After each update the likeliest actions are tried on the `validation`
    questions: the network with the highest mean reward there is kept, the earliest of several, and training ends when none was better
    for `patience` updates. Without them the last network is kept. `stop` ends the training at the next step of the
    environments; what was learned so far is returned. `clock` counts seconds. Equal arguments give equal
    routers; trainings in several threads run one after the other. Raises SettingsError for settings that
    contradict the table or themselves.
    """
    _check(table, config)
    with _ONE_AT_A_TIME:
        prepared = prepare(table, config, encoder)
        env = TableVecEnv(prepared.process, prepared.state, prepared.vectors, config.ppo.n_envs)
        with _process_state_restored():
            model = build_model(env, config)
            judge = None if validation is None else prepared.judge(validation, config, encoder)
            watcher = _Watcher(env, config.ppo, on_progress, stop or threading.Event(), clock, judge)
            model.learn(config.ppo.total_steps, callback=watcher)
    return TrainedRouter(
        **prepared.reading.facts(table, config, LIBRARIES),
        state=prepared.state,
        network=watcher.best or watcher.network(),
        curves=tuple(watcher.points),
        stopped=watcher.stopped,
        best_update=watcher.best_update,
        converged=None if watcher.best_update is None else watcher.converged,
    )


@dataclass(frozen=True)
class Prepared:
    """All that is fitted and encoded before PPO begins."""

    process: DecisionProcess
    state: StateEncoder
    vectors: QuestionVectors
    reading: Reading

    def judge(self, table: Table, config: TrainConfig, encoder: TextEncoder) -> _Judge:
        """Return what tries networks on the questions of `table`, read and priced as those of training."""
        return _Judge(
            DecisionProcess(self.reading.source(table), config.episode, config.reward),
            self.state,
            self.state.question_vectors(table.questions, encoder),
        )


@dataclass(frozen=True)
class _Judged:
    """Means over questions: undiscounted reward, share of right last answers, cost."""

    reward: float
    accuracy: float
    cost: float


@dataclass(frozen=True)
class _Judge:
    """Questions on which networks are tried as the router will be used: the likeliest action each time."""

    process: DecisionProcess
    state: StateEncoder
    vectors: QuestionVectors

    def __call__(self, network: PolicyNetwork) -> _Judged:
        n = len(self.vectors.varying)
        reward, cost, right = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
        going, now = np.arange(n), self.process.start(np.arange(n))
        while len(going):
            actions = np.argmax(network.probabilities(self.state.observe(self.vectors, now)), axis=1)
            outcome = self.process.advance(now, actions)
            reward[going] += outcome.reward
            cost[going] += outcome.cost
            right[going] = outcome.situation.quality >= self.process.reward.p0
            going, now = going[~outcome.ended], outcome.situation.take(~outcome.ended)
        return _Judged(float(reward.mean()), float(right.mean()), float(cost.mean()))


def prepare(table: Table, config: TrainConfig, encoder: TextEncoder) -> Prepared:
    """Fit the confidence of programs, thresholds, prices, projections and scaling on `table`, and encode its questions."""
    reading = Reading.fit(table, config)
    process = DecisionProcess(reading.source(table), config.episode, config.reward)
    with threadpool_limits(limits=1, user_api="blas"):  # on a busy machine a threaded SVD waits for itself, a hundred times as long
        state = StateEncoder.fit(table.questions, config.episode, table.n_experts, encoder)
        vectors = state.question_vectors(table.questions, encoder)
        state = state.with_scaling(_seen_by_chance(process, state, vectors))
    return Prepared(process, state, vectors, reading)


def _seen_by_chance(process: DecisionProcess, state: StateEncoder, vectors: QuestionVectors) -> Iterator[Vectors]:
    """What routers that ask experts by chance see before each choice, of every question `_CHANCE_ROUTES` times."""
    rng = np.random.default_rng(0)  # what is fitted depends on the questions alone, so that all seeds see alike
    for _ in range(_CHANCE_ROUTES):
        now = process.start(np.arange(len(vectors.varying)))
        while len(now.rows):
            yield state.observe(vectors, now)
            outcome = process.advance(now, rng.integers(process.n_experts, size=len(now.rows)))
            now = outcome.situation.take(~outcome.ended)


def build_model(env: VecEnv, config: TrainConfig) -> PPO:
    """Return PPO with the hyper-parameters of `config`, silent, its network and `env` seeded."""
    ppo = config.ppo
    model = PPO(
        MaskedPolicy,
        env,
        n_steps=ppo.n_steps,
        batch_size=min(ppo.batch_size, ppo.n_envs * ppo.n_steps),
        n_epochs=ppo.n_epochs,
        learning_rate=ppo.learning_rate,
        gamma=ppo.discount,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip_range,
        ent_coef=ppo.entropy_weight,
        policy_kwargs={"net_arch": list(ppo.hidden), "masks_stop": config.episode.has_stop_action},
        seed=config.seed,
        device=ppo.device,
    )
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def _check(table: Table, config: TrainConfig) -> None:
    check_can_learn(table, config)
    if config.ppo.n_envs * config.ppo.n_steps < 2:
        raise SettingsError("PPO needs at least two transitions per rollout. Raise n_envs or n_steps.")
    try:
        torch.device(config.ppo.device)
    except RuntimeError as error:
        raise SettingsError(f"Unknown device {config.ppo.device!r}. Use cpu, or a device of PyTorch such as cuda.") from error


@contextmanager
def _process_state_restored() -> Iterator[None]:
    """Give back the random states and the thread count that training changes for the whole process."""
    threads, states = torch.get_num_threads(), (random.getstate(), np.random.get_state(), torch.get_rng_state())
    torch.set_num_threads(_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


class _Watcher(BaseCallback):
    """Turns each rollout and its update into a CurvePoint, reports it, keeps the best network, and ends training where that is due."""

    def __init__(
        self, env: TableVecEnv, ppo: PPOConfig, on_progress: OnProgress, stop: threading.Event, clock: Clock, judge: _Judge | None
    ) -> None:
        super().__init__()
        self._env = env
        per_rollout = ppo.n_envs * ppo.n_steps
        self._total_steps = -(-ppo.total_steps // per_rollout) * per_rollout
        self._patience = ppo.patience
        self._on_progress = on_progress
        self._stop = stop
        self._clock = clock
        self._judge = judge
        self._start = clock()
        self._rollout: EpisodeStatistics | None = None
        self._best_reward = -np.inf
        self.points: list[CurvePoint] = []
        self.best: PolicyNetwork | None = None
        self.best_update: int | None = None
        self.stopped = False

    @property
    def converged(self) -> bool:
        """Whether the validation questions have not improved for as many updates as patience lasts."""
        return self._patience > 0 and self.best_update is not None and len(self.points) - self.best_update >= self._patience

    def network(self) -> PolicyNetwork:
        """Return the network as it is now."""
        policy = self.model.policy
        assert isinstance(policy, MaskedPolicy)
        return extract_actor(policy)

    def _on_step(self) -> bool:
        if self.converged:
            return False
        self.stopped = self._stop.is_set()
        return not self.stopped

    def _on_rollout_end(self) -> None:
        self._rollout = self._env.take_statistics()

    def _on_rollout_start(self) -> None:
        self._report()

    def _on_training_end(self) -> None:
        self._report()

    def _report(self) -> None:
        """Report the rollout that is complete; its update lies between its end and the next one's start."""
        if self._rollout is None:
            return
        judged = self._try()
        seconds = self._clock() - self._start
        point = _curve_point(self._rollout, self.num_timesteps, seconds, self.logger, judged)
        self._rollout = None
        self.points.append(point)
        logger.info(
            "update %d: %d steps, reward %+.3f, right %.1f %%, entropy %.3f, value loss %.4f, KL %.4f, validation reward %+.3f",
            *(len(self.points), point.steps, point.mean_reward, 100 * point.accuracy, point.entropy, point.value_loss, point.approx_kl),
            point.validation_reward,
        )
        remaining = self._total_steps - point.steps
        self._on_progress(TrainingProgress(point.steps, self._total_steps, seconds, seconds / point.steps * remaining, point))

    def _try(self) -> _Judged:
        """Try the network on the validation questions, and keep it where it is better than all before."""
        if self._judge is None:
            return _Judged(np.nan, np.nan, np.nan)
        network = self.network()
        judged = self._judge(network)
        if judged.reward > self._best_reward:
            self._best_reward, self.best, self.best_update = judged.reward, network, len(self.points) + 1
        return judged


def _curve_point(episodes: EpisodeStatistics, steps: int, seconds: float, logger: Logger, judged: _Judged) -> CurvePoint:
    update = {name: float(value) for name, value in logger.name_to_value.items() if name.startswith("train/")}
    return CurvePoint(
        steps=steps,
        seconds=seconds,
        mean_reward=_mean(episodes.reward),
        accuracy=_mean(episodes.correct),
        cost=_mean(episodes.cost),
        calls=_mean(episodes.calls),
        stop_share=_mean(episodes.stopped),
        expert_shares=tuple(float(share) for share in episodes.expert_calls / max(episodes.expert_calls.sum(), 1)),
        entropy=-update["train/entropy_loss"],
        policy_loss=update["train/policy_gradient_loss"],
        value_loss=update["train/value_loss"],
        approx_kl=update["train/approx_kl"],
        explained_variance=update["train/explained_variance"],
        validation_reward=judged.reward,
        validation_accuracy=judged.accuracy,
        validation_cost=judged.cost,
    )


def _mean(values: NDArray[Any]) -> float:  # Any: several kinds of number
    return float(np.mean(values)) if len(values) else np.nan
