"""Cheapest expert first, a dearer one only while the replies are not confident enough (after FrugalGPT).

FrugalGPT (arXiv 2305.05176) trains a scorer; here the confidence is the expert's own P(yes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import EpisodeConfig
from der_core.records import Label
from der_core.routing.baselines.baseline import Baseline, plain_episode
from der_core.routing.process import Floats, Situation
from der_core.routing.router import Choice, RouteRules
from der_core.routing.sources import TableSource
from der_core.routing.stopping import confidence, fit_stop_thresholds, stop_steps


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
    """Return the cascade whose thresholds, and whose use of transfer, do best on the training questions.

    Order: by median cost of a first call, up to T_max experts. Best: accuracy less `cost_weight` times
    mean cost.
    """
    training = training.with_gold()
    prices = np.nanmedian(training.costs[:, :, Label.NONE], axis=0)
    order = tuple(int(expert) for expert in np.argsort(prices, kind="stable")[: episode.t_max])
    fits = [_fit(training, order, cost_weight, transfer) for transfer in (True, False)]
    best = max(fits, key=lambda fit: fit.utility)
    borders = " ".join("never" if np.isinf(t) else f"{t:.2f}" for t in best.thresholds)
    names = " > ".join(training.table.experts[expert].name for expert in order)
    return Cascade(
        name="cheapest-first cascade",
        family="cascade",
        rules=RouteRules(plain_episode(episode, len(order)), transfer=best.transfer),
        detail=f"{names}; stop from {borders}; {'with' if best.transfer else 'without'} transfer",
        order=order,
        thresholds=best.thresholds,
    )


@dataclass(frozen=True)
class _Fit:
    transfer: bool
    thresholds: Floats
    utility: float


def _fit(source: TableSource, order: tuple[int, ...], cost_weight: float, transfer: bool) -> _Fit:
    """Thresholds for one order, from its replies when it never stops."""
    rows = np.arange(source.table.n_questions)
    sure, utility = np.zeros((len(rows), len(order))), np.zeros((len(rows), len(order)))
    shown, spent = np.zeros(len(rows), dtype=np.int8), np.zeros(len(rows))
    for t, expert in enumerate(order):
        labels = source.labels[rows, expert, shown]
        spent = spent + source.costs[rows, expert, shown]
        sure[:, t] = confidence(source.p_yes[rows, expert, shown], labels)
        utility[:, t] = (labels == source.table.gold) - cost_weight * spent
        shown = labels if transfer else shown
    thresholds = fit_stop_thresholds(sure, utility)
    return _Fit(transfer, thresholds, float(utility[rows, stop_steps(sure, thresholds)].mean()))
