"""The decision process of DER, many routes at a time, over recorded or live replies.

One piece of code moves every route in the product: the training environment, the gymnasium environment,
every baseline and the live path differ only in where replies come from (`ReplySource`) and in who chooses.

Shape legend: B routes in step, N experts; an action is 0..N-1 for an expert and N for STOP.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from der_core.config import EpisodeConfig, RewardConfig
from der_core.records import N_LABELS, Label
from der_core.routing.reward import end_reward, step_reward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class StopReason(enum.IntEnum):
    """Why a route ended; GOING_ON while it has not."""

    GOING_ON = 0
    STOP_ACTION = 1
    GOLD = 2
    CONFIDENCE = 3
    AGREEMENT = 4
    T_MAX = 5

    @property
    def words(self) -> str:
        """The reason as people read it."""
        return {
            StopReason.GOING_ON: "not ended",
            StopReason.STOP_ACTION: "the router chose to stop",
            StopReason.GOLD: "the answer was right (needs the gold answer)",
            StopReason.CONFIDENCE: "the last expert was confident enough",
            StopReason.AGREEMENT: "two answers in a row agreed",
            StopReason.T_MAX: "the longest route was reached",
        }[self]


@dataclass(frozen=True)
class Situation:
    """Where B routes stand: all that a router may look at, and `quality`, which only the reward may.

    `rows` index the questions of the source; `expert` is the last one asked, -1 before the first;
    `p_yes` belongs to the last reply (0.5 where unknown, after centring on the expert's threshold);
    `votes` counts the replies so far by label.
    """

    rows: Ints
    step: Ints
    label: Codes
    expert: Ints
    p_yes: Floats
    tried: Flags
    votes: Codes
    quality: Floats

    @classmethod
    def start(cls, rows: Ints, n_experts: int) -> Situation:
        """Return the situation before the first step."""
        b = len(rows)
        return cls(
            rows=np.asarray(rows, dtype=np.int64),
            step=np.zeros(b, dtype=np.int64),
            label=np.zeros(b, dtype=np.int8),
            expert=np.full(b, -1, dtype=np.int64),
            p_yes=np.full(b, 0.5),
            tried=np.zeros((b, n_experts), dtype=bool),
            votes=np.zeros((b, N_LABELS), dtype=np.int8),
            quality=np.zeros(b),
        )

    def take(self, which: Flags | Ints) -> Situation:
        """Return the situation of some of the routes."""
        return Situation(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @property
    def agreement(self) -> Floats:
        """Share of the replies so far that say what the last one says, shape [B]; 0 before the first."""
        own = self.votes[np.arange(len(self.label)), self.label]
        return own / np.maximum(self.step, 1)


@dataclass(frozen=True)
class Replies:
    """What B experts replied; entries that were not asked for are arbitrary.

    `p_yes` is centred and never nan (0.5: unknown); `seconds` are standardised; `quality` is nan where
    nobody knows the gold answer.
    """

    labels: Codes
    p_yes: Floats
    costs: Floats
    seconds: Floats
    quality: Floats


class ReplySource(Protocol):
    """Where replies come from."""

    @property
    def n_experts(self) -> int:
        """How many experts can be asked."""
        ...

    def ask(self, rows: Ints, experts: Ints, previous: Codes, asked: Flags) -> Replies:
        """Return the replies of `experts` to questions `rows` after labels `previous`, where `asked`."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What one step of B routes did. `asked` is -1 where the router stopped instead of asking."""

    situation: Situation
    asked: Ints
    reward: Floats
    cost: Floats
    seconds: Floats
    reason: Codes
    repeated: Flags

    @property
    def ended(self) -> Flags:
        """Which routes ended with this step."""
        return self.reason > 0


class DecisionProcess:
    """Moves routes forward by the rules of one EpisodeConfig and pays by one RewardConfig.

    With `transfer` false later experts are asked as if they were the first (no Knowledge Transfer Prompt),
    which is how a majority vote asks its voters.
    """

    def __init__(self, source: ReplySource, episode: EpisodeConfig, reward: RewardConfig, *, transfer: bool = True) -> None:
        self.source = source
        self.episode = episode
        self.reward = reward
        self.transfer = transfer
        self.n_experts = source.n_experts
        self.stop_action = self.n_experts
        self.n_actions = self.n_experts + int(episode.has_stop_action)

    def start(self, rows: Ints) -> Situation:
        """Return the situation of fresh routes for the questions `rows`."""
        return Situation.start(rows, self.n_experts)

    def resolve(self, now: Situation, actions: Ints) -> tuple[Flags, Ints, Flags]:
        """Return what the actions come to: which routes stop, which expert is asked elsewhere, which choices were replaced.

        STOP before the first reply is refused: the first expert is asked instead. With `no_repeat`, the
        expert that was just asked is replaced by the next one, at the price of `repeat_penalty`.
        """
        stop = (actions == self.stop_action) & (now.step > 0)
        chosen = np.where(actions == self.stop_action, 0, actions)
        repeated = (chosen == now.expert) & ~stop if self.episode.no_repeat and self.n_experts > 1 else np.zeros(len(stop), dtype=bool)
        return stop, np.where(repeated, (chosen + 1) % self.n_experts, chosen), repeated

    def advance(self, now: Situation, actions: Ints) -> Outcome:
        """Carry out one action per route, as `resolve` reads it."""
        stop, experts, repeated = self.resolve(now, actions)
        shown = now.label if self.transfer else np.zeros_like(now.label)
        replies = self.source.ask(now.rows, experts, shown, ~stop)
        after = self._after(now, experts, replies, stop)
        reason = self._reason(now, after, stop)
        return Outcome(
            situation=after,
            asked=np.where(stop, -1, experts),
            reward=self._reward(now, replies, stop, repeated, reason),
            cost=np.where(stop, 0.0, replies.costs),
            seconds=np.where(stop, 0.0, replies.seconds),
            reason=reason,
            repeated=repeated,
        )

    def _after(self, now: Situation, experts: Ints, replies: Replies, stop: Flags) -> Situation:
        asked = ~stop
        every = np.arange(len(stop))
        tried, votes = now.tried.copy(), now.votes.copy()
        tried[every, experts] |= asked
        votes[every, replies.labels] += asked
        return replace(
            now,
            step=now.step + asked,
            label=np.where(stop, now.label, replies.labels),
            expert=np.where(stop, now.expert, experts),
            p_yes=np.where(stop, now.p_yes, replies.p_yes),
            tried=tried,
            votes=votes,
            quality=np.where(stop, now.quality, replies.quality),
        )

    def _reason(self, now: Situation, after: Situation, stop: Flags) -> Codes:
        reason = np.where(after.step >= self.episode.t_max, np.int8(StopReason.T_MAX), np.int8(0))
        if self.episode.end == "gold":
            reason[after.quality >= self.reward.p0] = StopReason.GOLD
        elif self.episode.end == "confidence":
            confident = np.abs(after.p_yes - 0.5) + 0.5 >= self.episode.confidence
            reason[confident & (after.label != Label.INVALID)] = StopReason.CONFIDENCE
        elif self.episode.end == "agreement":
            agreed = (after.label == now.label) & (after.label != Label.INVALID)
            reason[agreed] = StopReason.AGREEMENT
        reason[stop] = StopReason.STOP_ACTION
        return reason

    def _reward(self, now: Situation, replies: Replies, stop: Flags, repeated: Flags, reason: Codes) -> Floats:
        earned = step_reward(replies.quality, now.quality, replies.costs, now.step == 0, self.reward)
        earned = np.where(stop, 0.0, earned - self.reward.repeat_penalty * repeated)
        final = np.where(stop, now.quality, replies.quality)
        return np.asarray(earned + np.where(reason > 0, end_reward(final, self.reward), 0.0))
