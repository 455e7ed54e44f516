"""One route looked at closely: a baseline's route told again step by step, the best possible route, and every first reply.

Works on whatever answers a LiveSource: experts that are there, or `RecordedExpert`s that repeat a recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from der_core.config import EpisodeConfig, RewardConfig
from der_core.evaluation.rollout import Rollout, rollout
from der_core.records import Label, Reply, Route, Step
from der_core.routing.baselines import Plan
from der_core.routing.baselines.oracles import exact_optimum
from der_core.routing.live import Decision, LiveSource, route_events
from der_core.routing.process import StopReason
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource


@dataclass(frozen=True)
class BestRoute:
    """The route of greatest discounted reward for one question; it knows the gold answer (oracle).

    `experts` and `labels` are who was asked and what they said, in order; `value` is the discounted return.
    """

    experts: tuple[str, ...]
    labels: tuple[Label, ...]
    right: bool
    cost: float
    value: float
    stop_reason: str

    def cost_lost(self, cost: float) -> float:
        """Return how much more a route of that cost paid than the best one; below 0 where the best one pays more to be right."""
        return cost - self.cost

    def value_lost(self, value: float) -> float:
        """Return how much less a route of that return earned than the best one, under the same rules."""
        return self.value - value


@dataclass(frozen=True)
class FirstReply:
    """What an expert says to a question when no answer of another is shown.

    `label` is what the reply counts as (see `der_core.records.Step`); `quality` is nan where the gold answer is unknown.
    """

    expert: str
    reply: Reply
    label: Label
    cost: float
    seconds: float
    quality: float


def retrace(run: Rollout, row: int, source: LiveSource, reward: RewardConfig) -> Iterator[Decision | Step | Route]:
    """Yield the events of route `row` of a rollout, as `route_events` would have told them.

    `source` holds the question of that route as its only one. The rules of its router are not known here: who
    was asked and why it ended are taken from the rollout.
    """
    reason = StopReason(int(run.reasons[row]))
    for event in route_events(source.questions[0], _plan(run, row, source.n_experts), source, reward):
        yield replace(event, stop_reason=reason.words) if isinstance(event, Route) else event


def _plan(run: Rollout, row: int, n_experts: int) -> Plan:
    """The router that does again what was done in one route, under rules that let it."""
    calls, stopped = int(run.calls[row]), run.reasons[row] == StopReason.STOP_ACTION
    asked = run.experts[row, :calls].astype(np.int64)
    actions = np.append(asked, n_experts) if stopped else asked
    rules = RouteRules(EpisodeConfig(t_max=len(actions), end="never", no_repeat=False), transfer=not _answers_hidden(run, row))
    return Plan(name="retraced", family="static", rules=rules, actions=actions[None])


def _answers_hidden(run: Rollout, row: int) -> bool:
    return bool(run.calls[row] > 1) and not run.shown[row].any()


def best_route(source: TableSource, row: int, episode: EpisodeConfig, reward: RewardConfig, discount: float) -> BestRoute:
    """Return the exact best route for question `row` of `source`."""
    table = source.table.subset([row])
    one = TableSource(table, source.prices, source.thresholds)
    run = rollout(exact_optimum(one, episode, reward, discount), one, reward)
    calls = int(run.calls[0])
    return BestRoute(
        experts=tuple(table.experts[expert].name for expert in run.experts[0, :calls]),
        labels=tuple(Label(int(code)) for code in run.labels[0, :calls]),
        right=bool(run.correct[0]),
        cost=float(run.costs[0].sum()),
        value=float(run.returns(discount)[0]),
        stop_reason=StopReason(int(run.reasons[0])).words,
    )


def first_replies(source: LiveSource) -> Iterator[FirstReply]:
    """Ask every expert the first question of `source`, none seeing another's answer; ExpertError where one gives no reply."""
    first, yes = np.array([0]), np.array([True])
    for expert, asked in enumerate(source.experts):
        replies = source.ask(first, np.array([expert]), np.array([Label.NONE], dtype=np.int8), yes)
        assert source.last_reply is not None
        yield FirstReply(
            expert=asked.spec.name,
            reply=source.last_reply,
            label=Label(int(replies.labels[0])),
            cost=float(replies.costs[0]),
            seconds=float(replies.seconds[0]),
            quality=float(replies.quality[0]),
        )
