"""A question routed step by step with experts that answer now, or that replay what they once answered.

`route_events` tells each decision before the expert is asked, so that a watcher sees the choice first and
the reply when it comes. No gold answer is needed, and none is looked at unless the end rule is `gold`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from der_core.config import RewardConfig
from der_core.errors import SettingsError
from der_core.experts.parsing import apply_thresholds
from der_core.experts.protocol import Expert
from der_core.recording.table import by_previous_label
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.confidence import with_reply_confidence
from der_core.routing.cost import Prices
from der_core.routing.process import Codes, DecisionProcess, Flags, Floats, Ints, Outcome, Replies, StopReason
from der_core.routing.router import Router
from der_core.routing.thresholds import centre


@dataclass(frozen=True)
class Decision:
    """What the router decided before anybody was asked.

    `expert` is None for STOP; `prompt` is what the expert will read ("" for STOP); `repeated` tells that
    the router chose the last expert again and got the next one instead.
    """

    step: int
    probabilities: tuple[float, ...]
    expert: str | None
    previous_label: Label
    prompt: str
    repeated: bool


class LiveSource:
    """Asks experts one by one; prices and relabels their replies, and gives programs their P(yes), as the router's recording was.

    `last_reply` is what the vectors of `Replies` cannot hold. An expert that is asked a question once gives the same
    reply when it is chosen again, at the same cost. Raises ExpertError where an expert gives no reply.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        experts: Sequence[Expert],
        prices: Prices,
        thresholds: Floats,
        confidence: Floats | None = None,
    ) -> None:
        if tuple(expert.spec.name for expert in experts) != prices.experts:
            raise SettingsError(f"The router knows the experts {', '.join(prices.experts)}, in this order; open exactly these.")
        self.questions = tuple(questions)
        self.experts = tuple(experts)
        self.prices = prices
        self.thresholds = by_previous_label(thresholds)
        self.confidence = confidence
        self.n_experts = len(experts)
        self.last_reply: Reply | None = None
        self._given: dict[tuple[int, int], Reply] = {}

    def ask(self, rows: Ints, experts: Ints, previous: Codes, asked: Flags) -> Replies:
        """Ask the experts for which `asked` is true, one after the other."""
        replies = Replies(*(np.zeros(len(rows), dtype=kind) for kind in (np.int8, float, float, float, float)))
        for i in np.flatnonzero(asked):
            row, expert, shown = int(rows[i]), int(experts[i]), Label(int(previous[i]))
            reply = self._reply(row, expert, shown)
            self._take(replies, int(i), self.questions[row], expert, reply, self.thresholds[expert, shown])
        return replies

    def _reply(self, row: int, expert: int, previous: Label) -> Reply:
        asked = self.experts[expert]
        if not asked.spec.is_asked_once:
            return asked.ask(self.questions[row], previous)
        if (row, expert) not in self._given:
            reply = asked.ask(self.questions[row], Label.NONE)
            self._given[row, expert] = reply if self.confidence is None else with_reply_confidence(reply, self.confidence[expert])
        return self._given[row, expert]

    def _take(self, into: Replies, i: int, question: Question, expert: int, reply: Reply, border: float) -> None:
        p_yes = np.nan if reply.p_yes is None else reply.p_yes
        label = apply_thresholds(reply.label, p_yes, border)
        self.last_reply = reply
        into.labels[i] = label
        into.p_yes[i] = centre(p_yes, border)
        into.costs[i] = self.prices.reply_cost(expert, reply)
        into.seconds[i] = self.prices.reply_seconds(expert, reply)
        into.quality[i] = np.nan if question.gold is None else float(label == question.gold)


def route_events(question: Question, router: Router, source: LiveSource, reward: RewardConfig) -> Iterator[Decision | Step | Route]:
    """Yield each Decision and, after the expert has replied, its Step; at the end the whole Route.

    `source` must hold `question` as its only question, and the router must have been given its vectors.
    """
    if router.rules.episode.end == "gold" and question.gold is None:
        raise SettingsError(
            "This router stops on the gold answer, which nobody knows for a typed question. Choose the end confidence, agreement or never."
        )
    process = DecisionProcess(source, router.rules.episode, reward, transfer=router.rules.transfer)
    now = process.start(np.array([0]))
    steps: list[Step] = []
    while True:
        choice = router.choose(now)
        stop, experts, repeated = process.resolve(now, choice.actions)
        shown = Label(int(now.label[0])) if router.rules.transfer else Label.NONE
        thoughts = () if choice.probabilities is None else tuple(float(p) for p in choice.probabilities[0])
        expert = None if stop[0] else source.experts[int(experts[0])]
        prompt = "" if expert is None else expert.request(question, shown).text
        yield Decision(len(steps), thoughts, None if expert is None else expert.spec.name, shown, prompt, bool(repeated[0]))
        outcome = process.advance(now, choice.actions)
        now = outcome.situation
        if expert is not None and source.last_reply is not None:
            sure = router.p_right(now)
            step = _step(expert.spec.name, shown, prompt, source.last_reply, outcome, thoughts)
            steps.append(step if sure is None else replace(step, p_right=float(sure[0])))
            yield steps[-1]
        if outcome.ended[0]:
            yield Route(question, tuple(steps), StopReason(int(outcome.reason[0])).words)
            return


def route_question(question: Question, router: Router, source: LiveSource, reward: RewardConfig) -> Route:
    """Return the whole route of one question."""
    *_, route = route_events(question, router, source, reward)
    assert isinstance(route, Route)
    return route


def _step(expert: str, shown: Label, prompt: str, reply: Reply, outcome: Outcome, thoughts: tuple[float, ...]) -> Step:
    return Step(
        expert=expert,
        previous_label=shown,
        prompt=prompt,
        reply=reply,
        label=Label(int(outcome.situation.label[0])),
        cost=float(outcome.cost[0]),
        seconds=float(outcome.seconds[0]),
        quality=float(outcome.situation.quality[0]),
        probabilities=thoughts,
        repeated=bool(outcome.repeated[0]),
    )
