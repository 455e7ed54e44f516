"""The reward of a step, and which order of right and wrong answers it likes best.

Paper (arXiv 2412.07448) and its released code, in the words of this package: with quality P, cost C,
weights alpha, beta, gamma and threshold p0,

    t = 0     P_0 - alpha C
    t >= 1    P_t + beta (P_t - P_{t-1}) - alpha C
    at the end, in addition, +gamma if P >= p0, else -gamma

That form (`shaping="paper"`) pays the change in quality only from t = 1 on and the quality itself at every
step, so a detour through a wrong answer can earn more than a right answer at once. `shaping="potential"`
puts P_{-1} = 0 and pays (1 + beta) (P_t - P_{t-1}) - alpha C at every step, with the same end term.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.config import EpisodeConfig, RewardConfig

Floats = NDArray[np.float64]


def step_reward(quality: ArrayLike, previous_quality: ArrayLike, cost: ArrayLike, first: ArrayLike, config: RewardConfig) -> Floats:
    """Return the reward of asking one expert, without any term for ending; arguments broadcast.

    `quality` and `previous_quality` lie in [0, 1]; `previous_quality` is ignored where `first` is true.
    """
    now = np.asarray(quality, dtype=np.float64)
    before = np.where(first, 0.0, previous_quality)
    progress = now - before
    charge = config.alpha * np.asarray(cost, dtype=np.float64)
    if config.shaping == "potential":
        return np.asarray((1.0 + config.beta) * progress - charge)
    return np.asarray(now + config.beta * np.where(first, 0.0, progress) - charge)


def end_reward(quality: ArrayLike, config: RewardConfig) -> Floats:
    """Return +gamma where the final answer's quality reaches p0 and -gamma where it does not; nan where it is unknown (nan)."""
    final = np.asarray(quality, dtype=np.float64)
    return np.where(np.isnan(final), np.nan, np.where(final >= config.p0, config.gamma, -config.gamma))


@dataclass(frozen=True)
class OrderReturn:
    """What a route of right (R) and wrong (W) answers earns.

    `order` is such as "WR"; `stopped` tells whether the route ended before T_max; `value` is the
    discounted sum of rewards.
    """

    order: str
    stopped: bool
    value: float

    @property
    def sentence(self) -> str:
        """The order in words, for instance "wrong then right"."""
        words = [{"R": "right", "W": "wrong"}[letter] for letter in self.order]
        return "right at once" if self.order == "R" else " then ".join(words)


def order_returns(reward: RewardConfig, episode: EpisodeConfig, discount: float, cost_per_call: float = 1.0) -> tuple[OrderReturn, ...]:
    """Return every possible order of right and wrong answers with its discounted return, best first.

    Enumerates the routes that the end rule allows: with `gold` a route ends at its first right answer;
    with `stop_action` the STOP step itself follows one step later and earns the end term; the rules that
    look at the replies (`confidence`, `agreement`) may end a route after any call. Every call costs
    `cost_per_call`. Equal values are listed shortest first.
    """
    returns = [
        OrderReturn(order, len(order) < episode.t_max, order_return(order, reward, episode, discount, cost_per_call))
        for order in _possible_orders(episode)
    ]
    return tuple(sorted(returns, key=lambda r: (-round(r.value, 12), len(r.order))))


def order_return(order: str, reward: RewardConfig, episode: EpisodeConfig, discount: float, cost_per_call: float = 1.0) -> float:
    """Return the discounted return of one order such as "WR" (see `order_returns`)."""
    quality = np.array([letter == "R" for letter in order], dtype=np.float64)
    steps = np.arange(len(order))
    rewards = step_reward(quality, np.concatenate([[0.0], quality[:-1]]), cost_per_call, steps == 0, reward)
    waits = episode.has_stop_action and len(order) < episode.t_max
    end_step = len(order) if waits else len(order) - 1
    return float(rewards @ discount**steps + discount**end_step * end_reward(quality[-1], reward))


def prefers_right_at_once(reward: RewardConfig, episode: EpisodeConfig, discount: float, cost_per_call: float = 1.0) -> bool:
    """Tell whether a right answer at once, then stopping, earns more than every other order."""
    return order_returns(reward, episode, discount, cost_per_call)[0].order == "R"


def describe_preference(reward: RewardConfig, episode: EpisodeConfig, discount: float, cost_per_call: float = 1.0) -> str:
    """Return one sentence that says what the reward prefers, with the figures."""
    returns = order_returns(reward, episode, discount, cost_per_call)
    best = returns[0]
    once = next((r for r in returns if r.order == "R"), None)
    if once is None or best.order == "R":
        rival = next(r for r in returns if r.order != best.order)
        return f"{best.sentence.capitalize()} earns {best.value:.3f}, {rival.sentence} {rival.value:.3f}: this reward pays best for {best.sentence}."
    fault = "being wrong first" if "W" in best.order else "lingering on a right answer"
    return f"A right answer at once earns {once.value:.3f}, {best.sentence} {best.value:.3f}: this reward pays for {fault}."


def _possible_orders(episode: EpisodeConfig) -> list[str]:
    if episode.end == "gold":
        return ["W" * n + "R" for n in range(episode.t_max)] + ["W" * episode.t_max]
    lengths = [episode.t_max] if episode.end == "never" else range(1, episode.t_max + 1)
    return ["".join(order) for n in lengths for order in itertools.product("RW", repeat=n)]


def accuracy_per_cost(reward: RewardConfig) -> float:
    """Return what one unit of cost is worth in accuracy under the reward.

    A right final answer earns 1 + beta + 2 gamma more than a wrong one (shaping `potential`; at the first step of `paper`, 1 + 2 gamma).
    """
    gain = 1 + 2 * reward.gamma + (reward.beta if reward.shaping == "potential" else 0)
    return reward.alpha / gain
