"""The decision process as a vectorised environment of stable-baselines3: many routes in one numpy step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from der_core.errors import SettingsError
from der_core.routing.process import DecisionProcess, Flags, Floats, Ints, Outcome, Situation, StopReason
from der_core.routing.state import QuestionVectors, StateEncoder

Infos = list[dict[str, Any]]  # Any: as stable-baselines3 declares them


@dataclass(frozen=True)
class EpisodeStatistics:
    """What routes that ended did, arrays over routes [E]; `expert_calls` [N] counts every call, ended route or not.

    `reward` is the undiscounted sum; `correct` tells whether the last answer reached p0; `stopped` whether
    the router chose to stop.
    """

    reward: Floats
    cost: Floats
    calls: Ints
    correct: Flags
    stopped: Flags
    expert_calls: Ints


class TableVecEnv(VecEnv):
    """`n_envs` routes side by side; a route that ends is replaced at once by one for the next question.

    Questions are drawn without replacement, from a fresh permutation whenever all have been drawn. An end
    at T_max is a true end: no info ever carries `TimeLimit.truncated`.
    """

    def __init__(self, process: DecisionProcess, state: StateEncoder, vectors: QuestionVectors, n_envs: int, seed: int = 0) -> None:
        if state.n_experts != process.n_experts:
            raise SettingsError(f"The state encoder is for {state.n_experts} experts, the process has {process.n_experts}.")
        self.process = process
        self.state = state
        self.vectors = vectors
        self.render_mode = None
        observations = spaces.Box(-np.inf, np.inf, shape=(state.size,), dtype=np.float32)
        super().__init__(n_envs, observations, spaces.Discrete(process.n_actions))
        self._deck = _Deck(len(vectors.varying), np.random.default_rng(seed))
        self._tally = _Tally(n_envs, process)
        # Before the first reply an observation hangs on the question alone, so all of them are built once.
        self._first_observations = state.observe(vectors, process.start(np.arange(len(vectors.varying))))
        self._nothing_to_say: Infos = [{} for _ in range(n_envs)]
        self._now = process.start(np.zeros(0, dtype=np.int64))
        self._actions: Ints = np.zeros(n_envs, dtype=np.int64)

    @property
    def rows(self) -> Ints:
        """Questions of the routes in progress, shape [n_envs]."""
        return self._now.rows

    def reset(self) -> NDArray[np.float32]:
        """Start all routes anew; after `seed(s)` with the questions in the order of that seed."""
        if self._seeds[0] is not None:
            self._deck = _Deck(len(self.vectors.varying), np.random.default_rng(self._seeds[0]))
        self._reset_seeds()
        self._reset_options()
        self._now = self.process.start(self._deck.draw(self.num_envs))
        self._tally = _Tally(self.num_envs, self.process)
        return self._first_observations[self.rows]

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take one action per route; `step_wait` carries them out."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Return observations [n_envs, size], rewards, ends and infos; an ended route's info has its last observation."""
        outcome = self.process.advance(self._now, self._actions)
        self._now = outcome.situation
        observations = self.state.observe(self.vectors, self._now)
        ended = np.flatnonzero(outcome.reason)
        self._tally.add(outcome, ended)
        infos = self._nothing_to_say.copy()
        for env, last in zip(ended.tolist(), observations[ended], strict=True):
            infos[env] = {"terminal_observation": last}
        rows = self._deck.draw(len(ended))
        observations[ended] = self._first_observations[rows]
        self._now = _restarted(self._now, ended, self.process.start(rows))
        return observations, outcome.reward.astype(np.float32), outcome.ended, infos

    def take_statistics(self) -> EpisodeStatistics:
        """Return the statistics since they were last taken, and start counting anew."""
        return self._tally.take()

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:  # Any: whatever the attribute holds
        """Return an attribute once per copy; all copies share it."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:  # Any: see get_attr
        """Set an attribute of all copies."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """Refuse: the copies are rows of arrays, they have no methods of their own."""
        raise NotImplementedError(f"The routes of a TableVecEnv are rows of arrays; there is no {method_name} of one of them.")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """Return False for every copy."""
        return [False for _ in self._get_indices(indices)]


class _Deck:
    """Question rows in random order, each once before any comes again."""

    def __init__(self, n_questions: int, rng: np.random.Generator) -> None:
        self._n_questions = n_questions
        self._rng = rng
        self._left: Ints = np.zeros(0, dtype=np.int64)

    def draw(self, count: int) -> Ints:
        while len(self._left) < count:
            self._left = np.concatenate([self._left, self._rng.permutation(self._n_questions)])
        drawn, self._left = self._left[:count], self._left[count:]
        return drawn


class _Tally:
    """Running sums of the routes in progress, and those of the routes that have ended."""

    def __init__(self, n_envs: int, process: DecisionProcess) -> None:
        self._n_experts = process.n_experts
        self._p0 = process.reward.p0
        self._reward: Floats = np.zeros(n_envs)
        self._cost: Floats = np.zeros(n_envs)
        self._clear()

    def _clear(self) -> None:
        self._ended: list[tuple[Floats, Floats, Ints, Flags, Flags]] = []
        self._asked: list[Ints] = []

    def add(self, outcome: Outcome, ended: Ints) -> None:
        self._reward += outcome.reward
        self._cost += outcome.cost
        self._asked.append(outcome.asked)
        if not len(ended):
            return
        after = outcome.situation
        stopped = outcome.reason[ended] == StopReason.STOP_ACTION
        self._ended.append((self._reward[ended], self._cost[ended], after.step[ended], after.quality[ended] >= self._p0, stopped))
        self._reward[ended] = 0.0
        self._cost[ended] = 0.0

    def take(self) -> EpisodeStatistics:
        nothing = (np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
        reward, cost, calls, correct, stopped = (np.concatenate(parts) for parts in zip(nothing, *self._ended, strict=True))
        asked = np.concatenate([np.zeros(0, dtype=np.int64), *self._asked])
        self._clear()
        return EpisodeStatistics(reward, cost, calls, correct, stopped, np.bincount(asked[asked >= 0], minlength=self._n_experts))


def _restarted(now: Situation, which: Ints, fresh: Situation) -> Situation:
    """Return the routes `now` with those of `which` replaced by `fresh` ones."""
    return Situation(*(_replaced(getattr(now, name), which, getattr(fresh, name)) for name in Situation.__dataclass_fields__))


def _replaced(values: NDArray[Any], which: Ints, fresh: NDArray[Any]) -> NDArray[Any]:  # Any: several kinds of number
    replaced = values.copy()
    replaced[which] = fresh
    return replaced
