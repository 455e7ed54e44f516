"""What replies that come out differently elsewhere do to a router: labels flipped at several rates.

Another machine gives another word now and then. A flipped reply says no for yes, or yes for no, with P(yes) mirrored at the
expert's threshold; a reply that says neither stays. Every reply of the table flips by itself; one of an expert that is asked
once stands after every label, and so does its flip.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Len

from der_core.bounds import MOST_EXPERTS, Share, Word
from der_core.config import RewardConfig
from der_core.evaluation.rollout import rollout
from der_core.evaluation.seeds import Seeds, with_interval
from der_core.evaluation.statistics import Difference
from der_core.records import Label
from der_core.routing.process import Floats
from der_core.routing.router import Router
from der_core.routing.sources import TableSource

RATES = (0.01, 0.03, 0.06, 0.12)
"""The range of first words that came out differently between machines."""
N_DRAWS = 10
"""So many times it is drawn which replies flip; figures are means over them."""
_SEED = 17
_HALVINGS = 7  # of .5: the rate is found to half a percent


@dataclass(frozen=True)
class FlipPoint:
    """Accuracy and lead over the best single expert where labels flip at `rate`, with intervals over questions and seeds.

    `measured` names the experts for which that rate was measured.
    """

    rate: Share
    accuracy: Difference
    lead: Difference
    measured: Annotated[tuple[Word, ...], Len(0, MOST_EXPERTS)] = ()


@dataclass(frozen=True)
class FlipEffects:
    """All rates by size, 0 first. `lead_ends` is the rate at which the interval of the lead reaches 0: 0 where it does without any
    flip, nan where it never does up to one half."""

    router: Word
    best_single: Word
    points: Annotated[tuple[FlipPoint, ...], Len(0, 1_000)]
    lead_ends: Share


@dataclass(frozen=True)
class Flipped:
    """One seed to try: the learned router, the single expert that it is compared with, and the replies to the held-out questions."""

    router: Router
    single: Router
    source: TableSource
    reward: RewardConfig


def flip_effects(tried: Sequence[Flipped], seeds: Seeds, measured: Mapping[str, float]) -> FlipEffects:
    """Return what flips do to the routers of one setting; `measured` are flip rates by expert, those above 0 are among the rates."""
    rates = {0.0, *RATES, *(rate for rate in measured.values() if rate > 0)}

    def point(rate: float) -> FlipPoint:
        right, lead = _under(tried, seeds, rate)
        return FlipPoint(rate, right, lead, tuple(name for name, found in measured.items() if found == rate > 0))

    points = tuple(point(rate) for rate in sorted(rates))
    ends = _where_it_reaches_zero(points, lambda rate: _under(tried, seeds, rate)[1].low)
    return FlipEffects(tried[0].router.name, tried[0].single.name, points, ends)


def flipped_source(source: TableSource, rate: float, drawn: Floats) -> TableSource:
    """Return the source with those replies flipped whose number in `drawn` [Q, N, 4], from [0, 1), lies below `rate`."""
    labels = source.labels
    flips = (drawn < rate) & ((labels == Label.YES) | (labels == Label.NO))
    found = copy.copy(source)
    found.labels = np.where(flips, Label.YES + Label.NO - labels, labels).astype(labels.dtype)
    found.p_yes = np.where(flips, 1 - source.p_yes, source.p_yes)
    found.quality = np.where(flips, 1 - source.quality, source.quality)
    found.table = replace(source.table, labels=found.labels)
    return found


def draw_flips(source: TableSource, rng: np.random.Generator) -> Floats:
    """Return one number from [0, 1) for each reply, the same in all columns of an expert that is asked once."""
    drawn = rng.random(source.labels.shape)
    for expert, spec in enumerate(source.table.experts):
        if spec.is_asked_once:
            drawn[:, expert] = drawn[:, expert, :1]
    return drawn


def _under(tried: Sequence[Flipped], seeds: Seeds, rate: float) -> tuple[Difference, Difference]:
    """Accuracy and lead where labels flip at `rate`; whoever flips at a rate flips at every higher one."""
    pairs = [_mean_right(one, rate) for one in tried]
    right, single = (np.column_stack([pair[which] for pair in pairs]) for which in (0, 1))
    means = seeds.resampled([right, right - single])
    return with_interval(means[:, 0]), with_interval(means[:, 1])


def _mean_right(one: Flipped, rate: float) -> tuple[Floats, Floats]:
    """How often the router and the single expert are right on each question, over the draws."""
    rng = np.random.default_rng(_SEED)
    sources = [flipped_source(one.source, rate, draw_flips(one.source, rng)) for _ in range(N_DRAWS if rate else 1)]
    router, single = ([rollout(asked, source, one.reward).correct for source in sources] for asked in (one.router, one.single))
    return np.mean(router, axis=0), np.mean(single, axis=0)


def _where_it_reaches_zero(points: Sequence[FlipPoint], low_at: Callable[[float], float]) -> float:
    """The rate at which the lower end of the lead's interval falls to 0, by halving what is left."""
    if points[0].lead.low <= 0:
        return 0.0
    above = max((point.rate for point in points if point.lead.low > 0 and point.rate < 0.5), default=0.0)
    below = min((point.rate for point in points if point.lead.low <= 0), default=0.5)
    if above > below:  # chance made it rise again: what counts is where it first reached 0
        above = max(point.rate for point in points if point.rate < below)
    if below == 0.5 and low_at(0.5) > 0:
        return math.nan
    for _ in range(_HALVINGS):
        middle = (above + below) / 2
        above, below = (middle, below) if low_at(middle) > 0 else (above, middle)
    return below


def flips_table(effects: FlipEffects) -> list[tuple[str, ...]]:
    """Return the effects as rows of text, the head first."""
    head = ("labels flipped %", "right %", "95 % interval", f"points from {effects.best_single}", "95 % interval", "measured for")
    return [head, *(_cells(point) for point in effects.points)]


def _cells(point: FlipPoint) -> tuple[str, ...]:
    return (f"{100 * point.rate:.1f}", *point.accuracy.in_percent(), *point.lead.in_percent("+"), ", ".join(point.measured))


def ends_in_words(effects: FlipEffects) -> str:
    """Return from which rate on the lead over the best single expert may be chance."""
    if math.isnan(effects.lead_ends):
        return "The interval of the lead stays above 0 at every rate."
    if effects.lead_ends == 0:
        return "The interval of the lead contains 0 without any flip."
    return f"The interval of the lead reaches 0 where {100 * effects.lead_ends:.1f} % of the labels flip."
