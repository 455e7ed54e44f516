"""The figures of each expert by itself on a recording: how right, how fast, how dear, how sure, and which way it leans.

All are of first replies (previous label none) unless named otherwise; nan for no data. `docs/metrics.md` is
their dictionary. Shape legend: Q questions, N experts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.evaluation import metrics
from der_core.evaluation.calibration import N_BINS, ReliabilityBin, calibration_error, reliability_bins
from der_core.evaluation.statistics import Difference, Interval, mcnemar_exact, paired_bootstrap, wilson_interval
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.confidence import fit_program_confidence, with_program_confidence
from der_core.routing.cost import choose_prices
from der_core.routing.thresholds import fit_thresholds

Codes = NDArray[np.int8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ExpertFigures:
    """One expert on the questions of a recording.

    `n` questions have a gold answer and a reply; `interval` is Wilson's, of `accuracy`. `auc` is the chance that
    a yes-question gets a higher P(yes) than a no-question. Seconds are standardised; `relative_cost` is the
    median cost of a first reply over that of the cheapest expert. Loading stands apart: what a call paid for it in the median,
    and at most. `changed_after_yes` and `changed_after_no` are the shares of first replies that turn into
    another label once that answer is shown as advice.
    """

    expert: str
    n: int
    accuracy: float
    interval: Interval
    balanced_accuracy: float
    yes_rate: float
    gold_yes_rate: float
    invalid_rate: float
    auc: float
    seconds_p50: float
    seconds_p95: float
    relative_cost: float
    load_s_p50: float
    load_s_max: float
    changed_after_yes: float
    changed_after_no: float

    @property
    def lean(self) -> float:
        """How much more often the expert says yes than yes is right; below 0 it leans to no."""
        return self.yes_rate - self.gold_yes_rate


def expert_figures(table: Table) -> tuple[ExpertFigures, ...]:
    """Return the figures of every expert of `table`, in order.

    `relative_cost` is in the first of the cost modes that has figures for every reply (`choose_prices`); SettingsError where none has.
    """
    prices = choose_prices(table, "compute").prices
    seconds, costs = prices.table_seconds(table), prices.table_costs(table)
    return tuple(_figures(table, expert, seconds[:, expert, Label.NONE], costs[:, expert, Label.NONE]) for expert in range(table.n_experts))


def _figures(table: Table, expert: int, seconds: Floats, costs: Floats) -> ExpertFigures:
    labels, load_s = table.labels[:, expert, Label.NONE], table.load_s[:, expert, Label.NONE]
    known = (labels > 0) & (table.gold > 0)
    answers, gold = labels[known], table.gold[known]
    timed, loads = seconds[np.isfinite(seconds)], load_s[np.isfinite(load_s)]
    return ExpertFigures(
        expert=table.experts[expert].name,
        n=len(gold),
        accuracy=metrics.accuracy(answers, gold),
        interval=wilson_interval(int(np.sum(answers == gold)), len(gold)),
        balanced_accuracy=metrics.balanced_accuracy(answers, gold),
        yes_rate=metrics.yes_rate(answers),
        gold_yes_rate=metrics.yes_rate(gold),
        invalid_rate=metrics.mean(labels[labels > 0] == Label.INVALID),
        auc=auc(table.p_yes[known, expert, Label.NONE], gold),
        seconds_p50=metrics.quantile(timed, 0.5),
        seconds_p95=metrics.quantile(timed, 0.95),
        relative_cost=metrics.quantile(costs[np.isfinite(costs)], 0.5),
        load_s_p50=metrics.quantile(loads, 0.5),
        load_s_max=metrics.quantile(loads, 1.0),
        changed_after_yes=_changed(table, expert, Label.YES),
        changed_after_no=_changed(table, expert, Label.NO),
    )


@dataclass(frozen=True)
class KindFigures:
    """One expert's first replies to the questions of one kind ("": questions without one).

    Of `n` questions with a gold answer and a reply, `n_answered` got a yes or a no (of a program: it ran and printed one) and
    `n_right` the right one.
    """

    expert: str
    kind: str
    n: int
    n_answered: int
    n_right: int

    @property
    def right(self) -> Interval:
        """How often it is right of all it was asked, with Wilson's interval."""
        return wilson_interval(self.n_right, self.n)

    @property
    def answers(self) -> Interval:
        """How often it answers at all, with Wilson's interval."""
        return wilson_interval(self.n_answered, self.n)

    @property
    def right_where_answered(self) -> Interval:
        """How often it is right where it answers, with Wilson's interval."""
        return wilson_interval(self.n_right, self.n_answered)


def kind_figures(table: Table) -> tuple[KindFigures, ...]:
    """Return the figures of every expert for every kind of question with a gold answer, kinds by name, then experts in order."""
    kinds = np.array([question.kind or "" for question in table.questions])
    named = sorted(set(kinds[table.gold > 0].tolist()), key=lambda kind: (not kind, kind))
    return tuple(_kind(table, expert, kind, kinds == kind) for kind in named for expert in range(table.n_experts))


def _kind(table: Table, expert: int, kind: str, of_kind: NDArray[np.bool_]) -> KindFigures:
    labels = table.labels[:, expert, Label.NONE]
    known = of_kind & (labels > 0) & (table.gold > 0)
    answered = known & (labels != Label.INVALID)
    right = answered & (labels == table.gold)
    return KindFigures(table.experts[expert].name, kind, int(known.sum()), int(answered.sum()), int(right.sum()))


def auc(p_yes: ArrayLike, gold: Codes) -> float:
    """Return the area under the ROC curve of `p_yes` [Q] for telling gold yes from gold no; ties count half.

    Replies without P(yes) are left out; nan unless both answers are among the rest.
    """
    p = np.asarray(p_yes, dtype=np.float64)
    yes, no = p[np.isfinite(p) & (gold == Label.YES)], np.sort(p[np.isfinite(p) & (gold == Label.NO)])
    if not len(yes) or not len(no):
        return math.nan
    below, up_to = np.searchsorted(no, yes, side="left"), np.searchsorted(no, yes, side="right")
    return float(np.mean(below + up_to) / (2 * len(no)))


def _changed(table: Table, expert: int, shown: Label) -> float:
    first, after = table.labels[:, expert, Label.NONE], table.labels[:, expert, shown]
    known = (first > 0) & (after > 0)
    return metrics.mean(first[known] != after[known])


@dataclass(frozen=True)
class Reliability:
    """How far P(yes) of one expert means what it says; `bins` without replies are left out.

    `calibration_error` is the mean gap between P(yes) and the share of yes, bins weighed by their replies.
    """

    expert: str
    bins: tuple[ReliabilityBin, ...]

    @property
    def calibration_error(self) -> float:
        """The expected calibration error, in [0, 1]; nan without replies."""
        return calibration_error(self.bins)


def reliability(table: Table, n_bins: int = N_BINS) -> tuple[Reliability, ...]:
    """Return for every expert, in order, how often yes was right among replies of alike P(yes)."""
    return tuple(Reliability(spec.name, _bins(table, expert, n_bins)) for expert, spec in enumerate(table.experts))


def _bins(table: Table, expert: int, n_bins: int) -> tuple[ReliabilityBin, ...]:
    p_yes = table.p_yes[:, expert, Label.NONE].astype(np.float64)
    known = np.isfinite(p_yes) & (table.gold > 0)
    return reliability_bins(p_yes[known], table.gold[known] == Label.YES, n_bins)


@dataclass(frozen=True)
class ThresholdEffect:
    """What a threshold on P(yes), fitted on training questions, does to one expert on held-out ones.

    `threshold` is that of first replies, nan where the reply's own word is better; then nothing changes. `after` holds those after yes, no
    and invalid were shown. `difference` is the accuracy
    with it less that without, with its bootstrap interval; `mcnemar_p` the exact p-value that both are equal.
    """

    expert: str
    n: int
    threshold: float
    after: tuple[float, float, float]
    accuracy: float
    accuracy_with: float
    balanced_accuracy: float
    balanced_accuracy_with: float
    yes_rate: float
    yes_rate_with: float
    gold_yes_rate: float
    difference: Difference
    mcnemar_p: float


def threshold_effects(training: Table, held_out: Table, rng: np.random.Generator) -> tuple[ThresholdEffect, ...]:
    """Return the effect on `held_out` of thresholds fitted on `training`, experts in order; `rng` draws the bootstrap."""
    confidence = fit_program_confidence(training)
    training, held_out = (with_program_confidence(table, confidence) for table in (training, held_out))
    thresholds = fit_thresholds(training)
    held_out = held_out.subset(np.flatnonzero(held_out.gold > 0))
    moved = held_out.with_thresholds(thresholds)
    return tuple(_effect(held_out, moved, expert, by_label.tolist(), rng) for expert, by_label in enumerate(thresholds))


def _effect(spoken: Table, moved: Table, expert: int, thresholds: Sequence[float], rng: np.random.Generator) -> ThresholdEffect:
    gold = spoken.gold
    before, after = spoken.labels[:, expert, Label.NONE], moved.labels[:, expert, Label.NONE]
    groups = [question.group for question in spoken.questions]
    return ThresholdEffect(
        expert=spoken.experts[expert].name,
        n=len(gold),
        threshold=thresholds[Label.NONE],
        after=(thresholds[Label.YES], thresholds[Label.NO], thresholds[Label.INVALID]),
        accuracy=metrics.accuracy(before, gold),
        accuracy_with=metrics.accuracy(after, gold),
        balanced_accuracy=metrics.balanced_accuracy(before, gold),
        balanced_accuracy_with=metrics.balanced_accuracy(after, gold),
        yes_rate=metrics.yes_rate(before),
        yes_rate_with=metrics.yes_rate(after),
        gold_yes_rate=metrics.yes_rate(gold),
        difference=paired_bootstrap(after == gold, before == gold, groups, rng),
        mcnemar_p=mcnemar_exact(after == gold, before == gold),
    )
