"""One expert after another, the next one only while the replies are not confident enough (after FrugalGPT).

FrugalGPT (arXiv 2305.05176) trains a scorer; here the confidence is the expert's own P(yes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from der_core.config import EpisodeConfig
from der_core.records import Label
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.process import Codes, Floats, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource
from der_core.routing.stopping import ALWAYS_STOP, confidence, fit_stop_thresholds, stop_steps

MAX_ORDERS = 30
"""So many orders of one length are made longer: all of them where there are no more, else the best so far."""
_FINALISTS = 8
"""Orders whose thresholds are fitted from every start; which they are is found out with few starts."""
_FEW_STARTS = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Cascade(Baseline):
    """Asks in `order` and stops at the first step whose threshold [T - 1] the confidence of the reply reaches."""

    order: tuple[int, ...]
    thresholds: Floats

    def choose(self, now: Situation) -> Choice:
        """Choose STOP where the last reply is confident enough, else the next expert of the order."""
        # Before the first reply there is nothing to be confident in.
        border = np.concatenate([[np.inf], self.thresholds])[now.step]
        enough = confidence(now.p_yes, now.label) >= border
        return Choice(np.where(enough, now.tried.shape[1], np.asarray(self.order)[now.step]))


def fit_cascade(training: TableSource, episode: EpisodeConfig, cost_weight: float) -> Cascade:
    """Return the cascade whose order of experts, thresholds and use of transfer do best on the training questions.

    Every ordered choice of up to T_max experts is tried, as far as `MAX_ORDERS` reaches. Best: accuracy less `cost_weight` times
    mean cost; among equals the one that is cheaper to begin with.
    """
    training = training.with_gold()
    tried = sorted(_tried(training, min(episode.t_max, training.n_experts), cost_weight), key=lambda order: -order.fit(_FEW_STARTS).utility)
    best = max((order.fit() for order in tried[:_FINALISTS]), key=lambda fit: fit.utility).without_unreached()
    borders = " ".join("never" if np.isinf(t) else f"{t:.2f}" for t in best.thresholds)
    names = " > ".join(training.table.experts[expert].name for expert in best.order)
    stop = f"; stop from {borders}; {'with' if best.transfer else 'without'} transfer" if len(best.order) > 1 else ""
    return Cascade(
        name="cascade",
        family="cascade",
        rules=RouteRules(plain_episode(episode, len(best.order)), transfer=best.transfer),
        detail=names + stop,
        order=best.order,
        thresholds=best.thresholds,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    order: tuple[int, ...]
    transfer: bool
    thresholds: Floats
    utility: float

    def without_unreached(self) -> _Fit:
        """The same without the experts behind a step at which every route stops."""
        reached = int(np.argmax(np.append(self.thresholds, ALWAYS_STOP) == ALWAYS_STOP)) + 1
        return _Fit(self.order[:reached], self.transfer, self.thresholds[: reached - 1], self.utility)


@dataclass(frozen=True, eq=False)
class _Order:
    """An order and its replies on every question when it never stops: how sure they are, and what ending there is worth, shape [Q, steps]."""

    order: tuple[int, ...]
    transfer: bool
    sure: Floats
    utility: Floats
    shown: Codes
    spent: Floats

    def then(self, source: TableSource, expert: int, cost_weight: float) -> _Order:
        """The order with one call more."""
        at = (np.arange(len(self.shown)), expert, self.shown)
        labels, spent = source.labels[at], self.spent + source.costs[at]
        sure = np.column_stack([self.sure, confidence(source.p_yes[at], labels)])
        utility = np.column_stack([self.utility, (labels == source.table.gold) - cost_weight * spent])
        return _Order((*self.order, expert), self.transfer, sure, utility, labels if self.transfer else self.shown, spent)

    def fit(self, starts: int | None = None) -> _Fit:
        """Thresholds for the order."""
        thresholds = fit_stop_thresholds(self.sure, self.utility, starts)
        worth = self.utility[np.arange(len(self.sure)), stop_steps(self.sure, thresholds)].mean()
        return _Fit(self.order, self.transfer, thresholds, round(float(worth), 12))


def _tried(source: TableSource, length: int, cost_weight: float) -> Iterator[_Order]:
    """Orders of `length` experts, cheaper ones first: shorter cascades are those that always stop earlier."""
    n = source.table.n_questions
    cheapest_first = np.argsort(np.nanmedian(source.costs[:, :, Label.NONE], axis=0), kind="stable").tolist()
    for transfer in (True, False):
        orders = [_Order((), transfer, np.zeros((n, 0)), np.zeros((n, 0)), np.zeros(n, dtype=np.int8), np.zeros(n))]
        for _ in range(length):
            if len(orders) > MAX_ORDERS:
                orders = sorted(orders, key=lambda order: -order.fit(_FEW_STARTS).utility)[:MAX_ORDERS]
            orders = [order.then(source, expert, cost_weight) for order in orders for expert in cheapest_first if expert not in order.order]
        yield from orders
