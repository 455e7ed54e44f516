"""The decision process as a gymnasium environment, one route at a time, over a recording or live experts."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from der_core.errors import SettingsError
from der_core.routing.process import DecisionProcess, Outcome, Situation, StopReason
from der_core.routing.state import QuestionVectors, StateEncoder

ENV_ID = "DER/Route-v0"


class DerEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One question is answered by a route over several LLM experts.

    Description:
        Each step asks one expert, who sees the previous answer, or stops (paper, section on the MDP).
    Action Space:
        `Discrete(N)`, or `Discrete(N + 1)` where the end is learned: action N is STOP. STOP before the
        first reply is refused: expert 0 is asked.
    Observation Space:
        `Box` of the state encoder's size, float32 (see `der_core.routing.state`).
    Starting State:
        No expert asked; the question is drawn without replacement until all have been seen, or given as
        `reset(options={"row": i})`.
    Reward:
        `der_core.routing.reward`, with the costs of the reply source.
    Episode End:
        `terminated` by the end rule of the EpisodeConfig; T_max is a true end of this process, so
        `truncated` is always false.
    Information:
        "row": index of the question; after a step also "expert" (-1 for STOP), "label" (its code),
        "quality", "cost", "seconds", "repeated", "stop_reason".
    Arguments:
        process: the rules and the replies; state: the state encoder; vectors: of the source's questions.
    References:
        arXiv 2412.07448; `docs/paper-map.md`.
    Version History:
        v0: first.
    """

    metadata = {"render_modes": []}

    def __init__(self, process: DecisionProcess, state: StateEncoder, vectors: QuestionVectors) -> None:
        if state.n_experts != process.n_experts:
            raise SettingsError(f"The state encoder is for {state.n_experts} experts, the process has {process.n_experts}.")
        self.process = process
        self.state = state
        self.vectors = vectors
        self.observation_space = spaces.Box(-np.inf, np.inf, shape=(state.size,), dtype=np.float32)
        self.action_space = spaces.Discrete(process.n_actions)
        self._order: list[int] = []
        self._now: Situation | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a route; `options={"row": i}` chooses its question."""
        super().reset(seed=seed)
        if seed is not None:
            self._order = []
        row = int(options["row"]) if options and "row" in options else self._next_row()
        self._now = self.process.start(np.array([row]))
        return self._observation(), {"row": row}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Carry out one action; see the class for what comes back."""
        if self._now is None:
            raise SettingsError("The environment has no route in progress: call reset() first.")
        outcome = self.process.advance(self._now, np.array([int(action)]))
        self._now = outcome.situation
        return self._observation(), float(outcome.reward[0]), bool(outcome.ended[0]), False, _info(outcome)

    def _observation(self) -> NDArray[np.float32]:
        assert self._now is not None
        observation: NDArray[np.float32] = self.state.observe(self.vectors, self._now)[0]
        return observation

    def _next_row(self) -> int:
        if not self._order:
            self._order = [int(row) for row in self.np_random.permutation(len(self.vectors.varying))]
        return self._order.pop()


def _info(outcome: Outcome) -> dict[str, Any]:
    after = outcome.situation
    return {
        "row": int(after.rows[0]),
        "expert": int(outcome.asked[0]),
        "label": int(after.label[0]),
        "quality": float(after.quality[0]),
        "cost": float(outcome.cost[0]),
        "seconds": float(outcome.seconds[0]),
        "repeated": bool(outcome.repeated[0]),
        "stop_reason": StopReason(int(outcome.reason[0])).name.lower(),
    }


gymnasium.register(id=ENV_ID, entry_point="der_core.routing.env:DerEnv")
