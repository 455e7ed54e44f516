"""All routers side by side on the same questions: one row each, deployable and oracle rows kept apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, get_args

import numpy as np
from annotated_types import Len

from der_core.bounds import MOST_EXPERTS, Count, Figure, Sentences, Share, Word
from der_core.config import CostMode, TrainConfig
from der_core.errors import SettingsError
from der_core.evaluation import metrics
from der_core.evaluation.expectation import expect
from der_core.evaluation.metrics import StopStats
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import (
    UNKNOWN_DIFFERENCE,
    Difference,
    Interval,
    Resampled,
    bootstrap_means,
    mcnemar_exact,
    paired_bootstrap,
    wilson_interval,
)
from der_core.recording.table import Table, check_has_gold
from der_core.records import Label
from der_core.routing.baselines import Baseline, Family, Random, Reference, single_name
from der_core.routing.cost import Prices, can_price, fit_prices
from der_core.routing.process import Floats, Ints
from der_core.routing.router import Router
from der_core.routing.sources import TableSource

SIGNIFICANCE = 0.05
"""Where an interval has no width, McNemar's p has to lie below this for a difference to count."""
ENOUGH_CALLS = 0.1
"""Share of the learned router's calls from which on an expert's cost is one that the router may be measured by."""


def differs(difference: Difference, p: float) -> bool:
    """Return whether a difference is more than chance: its interval excludes 0, and where that has no width, McNemar's `p` says so too.

    Resamples of a single group of questions are all the same: there the interval says nothing.
    """
    return difference.excludes_zero and (difference.low < difference.high or p < SIGNIFICANCE)


@dataclass(frozen=True)
class Row:
    """The figures of one router; `docs/metrics.md` defines each.

    `costs` are means per question by cost mode; `seconds_p50` and `seconds_p95` are of standardised
    seconds per question, `wall_s` is the mean of the seconds that passed when it was recorded. `difference` is from the best
    single expert of the reference, `difference_hindsight` from the one that is right most often on these very questions.
    A row of family `random` is an exact expectation: what only single routes have (quantiles, p, figures of stopping) is nan.
    """

    name: Word
    family: Family
    detail: Sentences
    oracle: bool
    n: Count
    accuracy: Share
    low: Share
    high: Share
    balanced_accuracy: Share
    yes_rate: Share
    calls: Figure
    costs: Mapping[CostMode, Figure]
    seconds_p50: Figure
    seconds_p95: Figure
    wall_s: Figure
    mean_return: Figure
    difference: Difference
    mcnemar_p: Share
    shares: Annotated[Mapping[Word, Share], Len(0, MOST_EXPERTS)]
    stop: StopStats
    difference_hindsight: Difference = UNKNOWN_DIFFERENCE

    @property
    def kind(self) -> str:
        """Whether the router could be used without knowing the answers, in a word."""
        return "oracle" if self.oracle else "deployable"

    @property
    def differs(self) -> bool:
        """Whether accuracy differs from that of the best single expert beyond chance: the interval of the difference excludes 0."""
        return differs(self.difference, self.mcnemar_p)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows of one comparison, in the order the routers were given, and the rollouts behind them by name.

    `cost_mode` orders rows of equal accuracy. `n_not_counted` held-out questions have no gold answer and count nowhere:
    no row, rollout or other figure here is of them. `cost_note` says in words what a cost is made of, where that needs saying. For resampling: `groups` [Q] names what questions are drawn with
    (their passage), `right` [Q, rows] is whether, or how probably, each row is right, `question_costs` are [Q, rows] by cost
    mode; empty where they were not kept. Rollouts of random routers are one draw of many: figures are of `right`.
    """

    rows: tuple[Row, ...]
    rollouts: Mapping[str, Rollout]
    reference: Reference
    cost_mode: CostMode
    majority_accuracy: float
    gold_yes_rate: float
    groups: tuple[str, ...] = ()
    right: Floats = field(default_factory=lambda: np.zeros((0, 0)))
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

    @cached_property
    def singles(self) -> tuple[Row, ...]:
        """The rows of single experts, best on these questions first, the cheaper of equals before the other."""
        return tuple(row for row in self.deployable if row.family == "single")

    @property
    def dearest_asked(self) -> Row | None:
        """The row of the dearest single expert among those that get at least a tenth of the learned router's calls; None without one."""
        shares = self.learned.shares if self.learned else {}
        asked = {single_name(expert) for expert, share in shares.items() if share >= ENOUGH_CALLS}
        return max((row for row in self.singles if row.name in asked), key=lambda row: row.costs[self.cost_mode], default=None)

    def right_of(self, name: str) -> Floats:
        """Return whether, or how probably, a router is right on each question, shape [Q]."""
        return np.asarray(self.right[:, [row.name for row in self.rows].index(name)])

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

    def verdict(self) -> str:
        """Return in some twelve words whether learning to route paid; `headline` gives the figures behind it."""
        learned, best = self.learned, self.best_single
        if learned is None:
            return f"No learned router here: best single expert {100 * best.accuracy:.0f} %"
        opening = "A tie" if not learned.differs else "Routing wins" if learned.difference.value > 0 else "Routing loses"
        ratio = learned.costs[self.cost_mode] / (best.costs[self.cost_mode] or math.nan)
        price = "unknown cost" if math.isnan(ratio) else f"{ratio:.1f} times the cost"
        if 0.95 <= ratio <= 1.05:
            price = "at equal cost"
        elif ratio < 0.95:
            price = "at less cost"
        return f"{opening}: {100 * learned.accuracy:.0f} %, best single expert {100 * best.accuracy:.0f} %, {price}"

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
    every_price = {source.prices.mode: source.prices, **prices} | {source.prices.mode: source.prices}
    context = _Context(
        source=source,
        rows=rows,
        config=config,
        costs={mode: price.table_costs(source.table) for mode, price in every_price.items()},
        wall_s=source.table.wall_s.astype(np.float64),
    )
    rollouts = {name: rollout(router, source, config.reward, rows) for name, router in compared.items()}
    rollouts[_constant_name(reference)] = _constant(source, rows, reference.majority)
    tallies = {name: _tally(compared.get(name), run, context) for name, run in rollouts.items()}
    groups = tuple(source.table.questions[row].group for row in rows)
    right = np.column_stack([tally.right for tally in tallies.values()])
    singles = [name for name, router in compared.items() if _family(router) == "single"]
    against = reference.best_single, _most_often_right({name: tallies[name] for name in singles}, source.prices.mode)
    figures = _rows(compared, tallies, Resampled(right, bootstrap_means(right, groups, rng)), against, context)
    gold = source.table.gold[rows]
    return Comparison(
        rows=figures,
        rollouts=rollouts,
        reference=reference,
        cost_mode=source.prices.mode,
        majority_accuracy=metrics.majority_accuracy(gold),
        gold_yes_rate=metrics.yes_rate(gold),
        groups=groups,
        right=right,
        question_costs={mode: np.column_stack([tally.costs[mode] for tally in tallies.values()]) for mode in context.costs},
        n_not_counted=source.table.n_questions - len(rows),
    )


@dataclass(frozen=True)
class Pair:
    """How two routers differ on the same questions: accuracy of the first less that of the second, and exact McNemar's p (nan for expectations)."""

    difference: Difference
    mcnemar_p: float

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance: its interval excludes 0."""
        return differs(self.difference, self.mcnemar_p)


def compare_two(comparison: Comparison, first: str, second: str, rng: np.random.Generator) -> Pair:
    """Return how two routers of a comparison differ, paired by question and resampled by passage."""
    a, b = comparison.right_of(first), comparison.right_of(second)
    return Pair(paired_bootstrap(a, b, comparison.groups, rng), _mcnemar(a, b))


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


@dataclass(frozen=True, eq=False)
class _Context:
    """What all rows share; `costs` and `wall_s` have shape [Q, N, 4]."""

    source: TableSource
    rows: Ints
    config: TrainConfig
    costs: Mapping[CostMode, Floats]
    wall_s: Floats


@dataclass(frozen=True, eq=False)
class _Tally:
    """One router question by question, each array of shape [Q]: what it did or, for a random one, what it does in expectation."""

    right: Floats
    yes: Floats
    calls: Floats
    costs: Mapping[CostMode, Floats]
    wall_s: Floats
    returns: Floats
    seconds: Floats
    shares: Floats
    stop: StopStats


def _tally(router: Router | None, run: Rollout, context: _Context) -> _Tally:
    if isinstance(router, Random):
        return _expected_tally(router, context)
    table = context.source.table
    return _Tally(
        right=run.correct.astype(np.float64),
        yes=(run.answers == Label.YES).astype(np.float64),
        calls=run.calls.astype(np.float64),
        costs={mode: run.at_calls(values).sum(axis=1) for mode, values in context.costs.items()},
        wall_s=run.at_calls(context.wall_s).sum(axis=1),
        returns=np.full(len(run.rows), math.nan) if router is None else run.returns(context.config.ppo.discount),
        seconds=run.seconds.sum(axis=1),
        shares=metrics.expert_shares(run.experts, table.n_experts),
        stop=metrics.stop_stats(run.labels, run.correct, run.reasons, table.gold[run.rows]),
    )


def _expected_tally(router: Random, context: _Context) -> _Tally:
    source, rows = context.source, context.rows
    found = expect(router, source, context.config.reward, context.config.ppo.discount, rows)
    asked = found.visits.sum(axis=(0, 2))
    return _Tally(
        right=found.answers[np.arange(len(rows)), source.table.gold[rows]],
        yes=found.answers[:, Label.YES],
        calls=found.visits.sum(axis=(1, 2)),
        costs={mode: found.at_calls(values) for mode, values in context.costs.items()},
        wall_s=found.at_calls(context.wall_s),
        returns=found.returns,
        seconds=np.full(len(rows), math.nan),
        shares=asked / asked.sum(),
        stop=StopStats(math.nan, math.nan, math.nan, math.nan),
    )


def _most_often_right(singles: Mapping[str, _Tally], mode: CostMode) -> str:
    """Name of the single expert that is right most often on these questions, the cheaper of equals."""
    return min(singles, key=lambda name: (-round(float(singles[name].right.mean()), 12), float(singles[name].costs[mode].mean())))


def _rows(
    compared: Mapping[str, Router], tallies: Mapping[str, _Tally], sampled: Resampled, against: tuple[str, str], context: _Context
) -> tuple[Row, ...]:
    """One row a router, compared with the two single experts `against`, all on the same resamples."""
    places = {name: place for place, name in enumerate(tallies)}
    best, hindsight = (places[name] for name in against)
    return tuple(
        _row(
            name,
            compared.get(name),
            tally,
            context,
            interval=sampled.interval(place) if _family(compared.get(name)) == "random" else _wilson(tally),
            difference=sampled.difference(place, best),
            difference_hindsight=sampled.difference(place, hindsight),
            mcnemar_p=_mcnemar(tally.right, tallies[against[0]].right),
        )
        for (name, tally), place in zip(tallies.items(), places.values(), strict=True)
    )


def _row(
    name: str,
    router: Router | None,
    tally: _Tally,
    context: _Context,
    *,
    interval: Interval,
    difference: Difference,
    difference_hindsight: Difference,
    mcnemar_p: float,
) -> Row:
    table = context.source.table
    return Row(
        name=name,
        family=_family(router),
        detail=router.detail if isinstance(router, Baseline) else "",
        oracle=router is not None and router.oracle,
        n=len(context.rows),
        accuracy=metrics.mean(tally.right),
        low=interval.low,
        high=interval.high,
        balanced_accuracy=metrics.mean([metrics.mean(tally.right[table.gold[context.rows] == label]) for label in (Label.YES, Label.NO)]),
        yes_rate=metrics.mean(tally.yes),
        calls=metrics.mean(tally.calls),
        costs={mode: metrics.mean(costs) for mode, costs in tally.costs.items()},
        seconds_p50=metrics.quantile(tally.seconds, 0.5),
        seconds_p95=metrics.quantile(tally.seconds, 0.95),
        wall_s=metrics.mean(tally.wall_s),
        mean_return=metrics.mean(tally.returns),
        difference=difference,
        mcnemar_p=mcnemar_p,
        shares={spec.name: float(share) for spec, share in zip(table.experts, tally.shares, strict=True)},
        stop=tally.stop,
        difference_hindsight=difference_hindsight,
    )


def _wilson(tally: _Tally) -> Interval:
    return wilson_interval(int(tally.right.sum()), len(tally.right))


def _mcnemar(a: Floats, b: Floats) -> float:
    """McNemar's p; nan where one of the two is an expectation, so that there is nothing to count."""
    counted = all(np.isin(right, (0.0, 1.0)).all() for right in (a, b))
    return mcnemar_exact(a, b) if counted else math.nan


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
