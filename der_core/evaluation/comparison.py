"""All routers side by side on the same questions: one row each, deployable and oracle rows kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

import numpy as np

from der_core.config import CostMode, TrainConfig
from der_core.errors import SettingsError
from der_core.evaluation import metrics
from der_core.evaluation.metrics import StopStats
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import Difference, bootstrap_means, difference, mcnemar_exact, paired_bootstrap, wilson_interval
from der_core.recording.table import Table, check_has_gold
from der_core.records import Label
from der_core.routing.baselines import Baseline, Family, Reference
from der_core.routing.cost import Prices, can_price, fit_prices
from der_core.routing.process import Floats, Ints
from der_core.routing.router import Router
from der_core.routing.sources import TableSource

SIGNIFICANCE = 0.05
"""A difference counts if McNemar's p lies below this and the bootstrap interval excludes 0."""


@dataclass(frozen=True)
class Row:
    """The figures of one router; `docs/metrics.md` defines each.

    `costs` are means per question by cost mode; `seconds_p50` and `seconds_p95` are of standardised
    seconds per question, `wall_s` is the mean of the seconds that passed when it was recorded.
    """

    name: str
    family: Family
    detail: str
    oracle: bool
    n: int
    accuracy: float
    low: float
    high: float
    balanced_accuracy: float
    yes_rate: float
    calls: float
    costs: Mapping[CostMode, float]
    seconds_p50: float
    seconds_p95: float
    wall_s: float
    mean_return: float
    difference: Difference
    mcnemar_p: float
    shares: Mapping[str, float]
    stop: StopStats

    @property
    def differs(self) -> bool:
        """Whether accuracy differs significantly from that of the best single expert."""
        return self.mcnemar_p < SIGNIFICANCE and self.difference.excludes_zero


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows of one comparison, in the order the routers were given, and the rollouts behind them by name.

    `cost_mode` orders rows of equal accuracy. `n_not_counted` held-out questions have no gold answer and count nowhere:
    no row, rollout or other figure here is of them. `cost_note` says in words what a cost is made of, where that needs saying. For resampling: `groups` [Q] names what questions are drawn with
    (their passage), `question_costs` are [Q, rows] by cost mode; empty where they were not kept.
    """

    rows: tuple[Row, ...]
    rollouts: Mapping[str, Rollout]
    reference: Reference
    cost_mode: CostMode
    majority_accuracy: float
    gold_yes_rate: float
    groups: tuple[str, ...] = ()
    question_costs: Mapping[CostMode, Floats] = field(default_factory=dict)
    n_not_counted: int = 0
    cost_note: str = ""

    @cached_property
    def deployable(self) -> tuple[Row, ...]:
        """Rows that need no gold answer at run time, best first."""
        return self._ranked(oracle=False)

    @cached_property
    def oracle(self) -> tuple[Row, ...]:
        """Rows that use the gold answer, best first: ceilings, not competitors."""
        return self._ranked(oracle=True)

    @property
    def best_single(self) -> Row:
        """The row of the best single expert."""
        return self.row(self.reference.best_single)

    def row(self, name: str) -> Row:
        """Return the row of a router; SettingsError for a name that was not compared."""
        found = next((row for row in self.rows if row.name == name), None)
        if found is None:
            raise SettingsError(f"No router named {name!r} was compared; choose from {', '.join(row.name for row in self.rows)}.")
        return found

    @property
    def learned(self) -> Row | None:
        """The row of the learned router: the first deployable one given, so that no choice is made on these questions."""
        return next((row for row in self.rows if row.family == "learned" and not row.oracle), None)

    def headline(self) -> str:
        """Return in plain words which deployable router is best, and whether learning to route paid."""
        best, learned = self.deployable[0], self.learned
        if learned is None:
            return f"The best router that needs no gold answer{self._in_hindsight(best)} is {_figure(best)}, on {best.n} questions. No learned router is among them."
        return f"{self._opening(best, learned)}. {_figure(learned)} {self._against_best_single(learned)}, on {learned.n} questions."

    def _opening(self, best: Row, learned: Row) -> str:
        clearly = "" if best.differs or best is self.best_single else ", though not clearly"
        if best is learned:
            return f"The learned router comes first{clearly}"
        return f"A simple baseline{self._in_hindsight(best)} {'comes first' if clearly else 'wins'}{clearly}: {_figure(best)}"

    def _in_hindsight(self, best: Row) -> str:
        """The best of many on these questions was not known before; the best single expert was, from the training questions."""
        return "" if best is self.best_single else ", chosen in hindsight,"

    def _against_best_single(self, row: Row) -> str:
        gap = row.difference
        verdict = "significantly better than" if gap.value > 0 else "significantly worse than"
        verdict = verdict if row.differs else "not significantly different from"
        interval = f"95 % interval {100 * gap.low:+.1f} to {100 * gap.high:+.1f}"
        points = f"{100 * gap.value:+.1f} points, {interval}, McNemar p = {row.mcnemar_p:.2g}"
        return f"is {verdict} the best single expert, {_figure(self.best_single)}: {points}"

    def _ranked(self, oracle: bool) -> tuple[Row, ...]:
        return tuple(sorted((row for row in self.rows if row.oracle == oracle), key=self._rank))

    def _rank(self, row: Row) -> tuple[float, float]:
        cost = row.costs[self.cost_mode]
        return -row.accuracy, math.inf if math.isnan(cost) else cost


def compare(
    routers: Iterable[Router],
    source: TableSource,
    config: TrainConfig,
    prices: Mapping[CostMode, Prices],
    reference: Reference,
    rng: np.random.Generator,
) -> Comparison:
    """Run every router over all questions of `source` whose gold answer is known, and return the rows.

    A row without calls, always the majority answer of training, is added. `prices` are the cost modes to
    report (see `fit_all_prices`; the source's own is always among them); `rng` draws the bootstrap. Raises
    SettingsError where two routers share a name, the best single expert is not among them, or no question has a gold answer.
    """
    compared = _unique(routers, reference)
    check_has_gold(source.table.questions)
    rows = np.flatnonzero(source.table.gold > 0)
    rollouts = {name: rollout(router, source, config.reward, rows) for name, router in compared.items()}
    rollouts[_constant_name(reference)] = _constant(source, rows, reference.majority)
    every_price = {source.prices.mode: source.prices, **prices} | {source.prices.mode: source.prices}
    context = _Context(
        source=source,
        costs={mode: price.table_costs(source.table) for mode, price in every_price.items()},
        wall_s=source.table.wall_s.astype(np.float64),
        discount=config.ppo.discount,
        best_single=rollouts[reference.best_single],
    )
    groups = tuple(source.table.questions[row].group for row in rows)
    gaps = _differences(rollouts, reference.best_single, groups, rng)
    figures = tuple(_row(name, compared.get(name), run, gap, context) for (name, run), gap in zip(rollouts.items(), gaps, strict=True))
    gold = source.table.gold[rows]
    return Comparison(
        rows=figures,
        rollouts=rollouts,
        reference=reference,
        cost_mode=source.prices.mode,
        majority_accuracy=metrics.majority_accuracy(gold),
        gold_yes_rate=metrics.yes_rate(gold),
        groups=groups,
        question_costs={
            mode: np.column_stack([run.at_calls(values).sum(axis=1) for run in rollouts.values()]) for mode, values in context.costs.items()
        },
        n_not_counted=source.table.n_questions - len(rows),
    )


@dataclass(frozen=True)
class Pair:
    """How two routers differ on the same questions: accuracy of the first less that of the second, and exact McNemar's p."""

    difference: Difference
    mcnemar_p: float

    @property
    def differs(self) -> bool:
        """Whether the difference is significant."""
        return self.mcnemar_p < SIGNIFICANCE and self.difference.excludes_zero


def compare_two(comparison: Comparison, first: str, second: str, rng: np.random.Generator) -> Pair:
    """Return how two routers of a comparison differ, paired by question and resampled by passage."""
    a, b = comparison.rollouts[first].correct, comparison.rollouts[second].correct
    return Pair(paired_bootstrap(a, b, comparison.groups, rng), mcnemar_exact(a, b))


def fit_all_prices(training: Table, calibration_samples: int | None = None, others: Sequence[Table] = ()) -> dict[CostMode, Prices]:
    """Return the price list, fitted on `training`, of every cost mode that has figures for all replies of it and of `others`."""
    found: dict[CostMode, Prices] = {}
    for mode in get_args(CostMode):
        try:
            prices = fit_prices(training, mode, calibration_samples)
        except SettingsError:
            continue  # for instance unknown parameter counts: the mode is left out of the rows
        if can_price(prices, others):
            found[mode] = prices
    return found


def _unique(routers: Iterable[Router], reference: Reference) -> dict[str, Router]:
    given = list(routers)
    compared = {router.name: router for router in given}
    if len(compared) < len(given):
        raise SettingsError("Two routers of the comparison have the same name; rename one.")
    if reference.best_single not in compared:
        raise SettingsError(f"The best single expert, {reference.best_single!r}, is not among the routers; add it.")
    return compared


def _differences(rollouts: Mapping[str, Rollout], best_single: str, groups: Sequence[str], rng: np.random.Generator) -> list[Difference]:
    """Accuracy of each rollout less that of the best single expert, all on the same resamples."""
    correct = np.column_stack([run.correct for run in rollouts.values()]).astype(np.float64)
    gaps = correct - rollouts[best_single].correct[:, None]
    resampled = bootstrap_means(gaps, groups, rng)
    return [difference(gaps[:, column], resampled[:, column]) for column in range(gaps.shape[1])]


@dataclass(frozen=True, eq=False)
class _Context:
    """What all rows share; `costs` and `wall_s` have shape [Q, N, 4]."""

    source: TableSource
    costs: Mapping[CostMode, Floats]
    wall_s: Floats
    discount: float
    best_single: Rollout


def _row(name: str, router: Router | None, run: Rollout, gap: Difference, context: _Context) -> Row:
    table = context.source.table
    gold, n = table.gold[run.rows], len(run.rows)
    interval = wilson_interval(int(run.correct.sum()), n)
    seconds = run.seconds.sum(axis=1)
    shares = metrics.expert_shares(run.experts, table.n_experts)
    return Row(
        name=name,
        family=_family(router),
        detail=router.detail if isinstance(router, Baseline) else "",
        oracle=router is not None and router.oracle,
        n=n,
        accuracy=metrics.mean(run.correct),
        low=interval.low,
        high=interval.high,
        balanced_accuracy=metrics.balanced_accuracy(run.answers, gold),
        yes_rate=metrics.yes_rate(run.answers),
        calls=metrics.mean(run.calls),
        costs={mode: metrics.mean(run.at_calls(values).sum(axis=1)) for mode, values in context.costs.items()},
        seconds_p50=metrics.quantile(seconds, 0.5),
        seconds_p95=metrics.quantile(seconds, 0.95),
        wall_s=metrics.mean(run.at_calls(context.wall_s).sum(axis=1)),
        mean_return=math.nan if router is None else metrics.mean(run.returns(context.discount)),
        difference=gap,
        mcnemar_p=mcnemar_exact(run.correct, context.best_single.correct),
        shares={spec.name: float(share) for spec, share in zip(table.experts, shares, strict=True)},
        stop=metrics.stop_stats(run.labels, run.correct, run.reasons, gold),
    )


def _family(router: Router | None) -> Family:
    if router is None:
        return "constant"
    return router.family if isinstance(router, Baseline) else "learned"


def _constant_name(reference: Reference) -> str:
    return f"always {reference.majority.word}, no call"


def _constant(source: TableSource, rows: Ints, answer: Label) -> Rollout:
    """The routes of a router that asks nobody and always gives the same answer."""
    n = len(rows)
    nothing, codes = np.zeros((n, 1)), np.zeros((n, 1), dtype=np.int8)
    answers = np.full(n, answer, dtype=np.int8)
    return Rollout(
        rows=rows,
        experts=codes - 1,
        shown=codes,
        labels=codes,
        p_yes=nothing * np.nan,
        costs=nothing,
        seconds=nothing,
        rewards=nothing,
        probabilities=None,
        calls=np.zeros(n, dtype=np.int64),
        answers=answers,
        correct=answers == source.table.gold[rows],
        reasons=codes[:, 0],
    )


def _figure(row: Row) -> str:
    return f"{row.name} ({100 * row.accuracy:.1f} % right, {row.calls:.2f} calls)"
