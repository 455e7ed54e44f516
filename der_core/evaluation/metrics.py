"""The figures of an evaluation, as pure functions of arrays; nan for no data. `docs/metrics.md` is their dictionary.

Shape legend: Q questions, T longest route, N experts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.bounds import Count, Share, Word
from der_core.evaluation.statistics import Interval, wilson_interval
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.process import StopReason

Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def mean(values: ArrayLike) -> float:
    """Return the mean; nan for no values."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()) if array.size else math.nan


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """Return the exponential moving average of `values`, without the pull towards 0 that it starts with.

    `weight` in [0, 1) is what each average keeps of the one before; 0 changes nothing. A missing value (nan)
    stays missing and moves nothing. Formula: s_t = w s_{t-1} + (1 - w) v_t with s_{-1} = 0, shown as
    s_t / (1 - w^n) after n values.
    """
    smoothed: list[float] = []
    average, count = 0.0, 0
    for value in values:
        if math.isnan(value):
            smoothed.append(math.nan)
            continue
        average, count = weight * average + (1 - weight) * value, count + 1
        smoothed.append(average / (1 - weight**count))
    return smoothed


def quantile(values: ArrayLike, q: float) -> float:
    """Return the `q` quantile, in [0, 1], interpolated between neighbours; nan for no values or where one is nan."""
    array = np.asarray(values, dtype=np.float64)
    return float(np.quantile(array, q)) if array.size else math.nan


def accuracy(answers: Codes, gold: Codes) -> float:
    """Return the share of `answers` [Q] that are the gold answer; an invalid answer is wrong."""
    return mean(answers[gold > 0] == gold[gold > 0])


def balanced_accuracy(answers: Codes, gold: Codes) -> float:
    """Return the mean of the accuracies on yes-questions and on no-questions; nan unless there are both."""
    return (accuracy(answers[gold == Label.YES], gold[gold == Label.YES]) + accuracy(answers[gold == Label.NO], gold[gold == Label.NO])) / 2


def yes_rate(labels: Codes) -> float:
    """Return the share of yes among `labels` [Q], invalid ones counted in the denominator."""
    return mean(labels == Label.YES)


def majority_accuracy(gold: Codes) -> float:
    """Return the accuracy of always giving the more frequent gold answer of these very questions."""
    return max(mean(gold[gold > 0] == Label.YES), mean(gold[gold > 0] == Label.NO))


def expert_shares(experts: Codes, n_experts: int) -> Floats:
    """Return each expert's share of all calls in `experts` [Q, T] (-1: no call), shape [N]; nan without calls."""
    counts = np.bincount(experts[experts >= 0], minlength=n_experts).astype(np.float64)
    return counts / counts.sum() if counts.sum() else np.full(n_experts, math.nan)


@dataclass(frozen=True)
class StopStats:
    """How well a router chooses when to end; nan where there was nothing to choose.

    `rate`: share of routes that ended before T_max forced them to; `precision`: share of those that are
    right; `recall`: of all right replies after which the route could go on, the share after which it
    ended; `lost`: share of all routes that had a right reply at some step and ended wrong.
    """

    rate: Share
    precision: Share
    recall: Share
    lost: Share


def stop_stats(labels: Codes, correct: Flags, reasons: Codes, gold: Codes) -> StopStats:
    """Return the figures for routes with replies `labels` [Q, T] (0: no call), final `correct` [Q] and `reasons` [Q].

    Routes of questions without a gold answer (0) count nowhere.
    """
    known = gold > 0
    labels, correct, reasons, gold = labels[known], correct[known], reasons[known], gold[known]
    calls, t_max = np.sum(labels > 0, axis=1), labels.shape[1]
    by_choice = (reasons != StopReason.T_MAX) & (reasons != StopReason.GOING_ON)
    right = (labels == gold[:, None]) & (labels > 0)
    was_last = np.arange(t_max) == calls[:, None] - 1
    # The last call that T_max allows ends the route whoever wants it: nothing to recall there.
    free_to_end = right & (np.arange(t_max) < t_max - 1)
    return StopStats(
        rate=mean(by_choice) if t_max > 1 else math.nan,
        precision=mean(correct[by_choice]),
        recall=mean((was_last & by_choice[:, None])[free_to_end]),
        lost=mean(right.any(axis=1) & ~correct),
    )


Shown = Literal["right", "wrong", "invalid"]


@dataclass(frozen=True)
class Flips:
    """What being shown another answer does to one expert: its reply after it against its own first reply.

    `shown` is the kind of label shown: "right", "wrong" or "invalid". Counts are questions; an invalid
    reply is wrong. `copied` counts replies equal to the label shown.
    """

    expert: Word
    shown: Shown
    n: Count
    wrong_to_right: Count
    right_to_wrong: Count
    kept_right: Count
    kept_wrong: Count
    copied: Count

    @property
    def net(self) -> int:
        """Questions won less questions lost."""
        return self.wrong_to_right - self.right_to_wrong

    @property
    def won(self) -> Interval:
        """Wilson's interval of the share of questions that turned from wrong to right."""
        return wilson_interval(self.wrong_to_right, self.n)

    @property
    def lost(self) -> Interval:
        """Wilson's interval of the share of questions that turned from right to wrong."""
        return wilson_interval(self.right_to_wrong, self.n)

    @property
    def copy_rate(self) -> float:
        """Share of replies equal to the label shown; nan without replies."""
        return self.copied / self.n if self.n else math.nan


def flip_matrix(table: Table) -> tuple[Flips, ...]:
    """Return the flips of each expert for each kind of label shown, experts in order, from every recorded reply.

    Every question counts once for the right label shown and once for the wrong one (and once for an invalid
    one where that was recorded), however often a router would show it. Questions without gold answer are left out.
    """
    return tuple(_flips(table, expert, shown) for expert in range(table.n_experts) for shown in ("right", "wrong", "invalid"))


def _flips(table: Table, expert: int, shown: Shown) -> Flips:
    gold = table.gold
    opposite = np.where(gold == Label.YES, np.int8(Label.NO), np.int8(Label.YES))
    label = {"right": gold, "wrong": opposite, "invalid": np.full_like(gold, Label.INVALID)}[shown]
    first, after = table.labels[:, expert, Label.NONE], table.labels[np.arange(len(gold)), expert, label]
    known = (gold > 0) & (first > 0) & (after > 0)
    before_right, after_right = (first == gold)[known], (after == gold)[known]
    return Flips(
        expert=table.experts[expert].name,
        shown=shown,
        n=int(known.sum()),
        wrong_to_right=int(np.sum(~before_right & after_right)),
        right_to_wrong=int(np.sum(before_right & ~after_right)),
        kept_right=int(np.sum(before_right & after_right)),
        kept_wrong=int(np.sum(~before_right & ~after_right)),
        copied=int(np.sum(after[known] == label[known])),
    )
