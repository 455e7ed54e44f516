"""What the learned router has to pass to be worth its cost: both best single experts, the hull of all of them, and their prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.bounds import Figure, Word
from der_core.evaluation.comparison import Comparison
from der_core.evaluation.frontier import INTERVAL_SEED, lead_over_singles
from der_core.evaluation.statistics import Difference


@dataclass(frozen=True)
class Bar:
    """The learned router `router` against the single experts; costs are means per question in the comparison's cost mode.

    `difference` is from `best_single` (chosen on validation questions), `difference_hindsight` from `hindsight_single` (right most
    often on these questions), `lead_over_hull` from mixing single experts at the router's own cost (nan where that lies below the
    cheapest). `dearest_asked` is the dearest of the experts that get a tenth of the router's calls or more.
    """

    router: Word
    cost: Figure
    difference: Difference
    best_single: Word
    best_single_cost: Figure
    difference_hindsight: Difference
    hindsight_single: Word
    lead_over_hull: Difference
    dearest_asked: Word
    dearest_asked_cost: Figure


def bar(comparison: Comparison) -> Bar | None:
    """Return how the learned router stands; None where there is none. The comparison must have what is resampled."""
    learned, dearest, mode = comparison.learned, comparison.dearest_asked, comparison.cost_mode
    if learned is None or dearest is None:
        return None
    return Bar(
        router=learned.name,
        cost=learned.costs[mode],
        difference=learned.difference,
        best_single=comparison.best_single.name,
        best_single_cost=comparison.best_single.costs[mode],
        difference_hindsight=learned.difference_hindsight,
        hindsight_single=comparison.singles[0].name,
        lead_over_hull=lead_over_singles(comparison, learned.name, np.random.default_rng(INTERVAL_SEED)),
        dearest_asked=dearest.name,
        dearest_asked_cost=dearest.costs[mode],
    )


def bar_sentence(told: Bar) -> str:
    """Return in words how the learned router stands."""
    return (
        f"{told.router} costs {told.cost:.2f} a question and is {in_points(told.difference)} from {told.best_single}, the best single expert on "
        f"validation questions (cost {told.best_single_cost:.2f}), {in_points(told.difference_hindsight)} from {told.hindsight_single}, the best "
        f"one on these questions in hindsight, and {in_points(told.lead_over_hull)} from mixing single experts at equal cost. "
        f"The dearest expert that gets a tenth of its calls or more, {told.dearest_asked}, costs {told.dearest_asked_cost:.2f}."
    )


def in_points(gap: Difference) -> str:
    """Return a difference of accuracies in points, with its interval."""
    if np.isnan(gap.value):
        return "an unknown distance (it costs less than any single expert)"
    return "{} points ({})".format(*gap.in_percent("+"))
