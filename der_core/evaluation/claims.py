"""The five claims that this project makes of DER, each tested: a function with its paired interval over questions and seeds.

A claim holds if the lower end of its interval lies above its border: 0 for all but the last one. Of several comparisons the
weakest decides. What cannot be computed says why and has no figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Len

from der_core.bounds import Count, Figure, Sentences, Word
from der_core.evaluation.frontier import concave_hull
from der_core.evaluation.rollout import Rollout
from der_core.evaluation.seeds import SEED, Seeds, with_interval
from der_core.evaluation.statistics import NO_DATA, Difference, paired_bootstrap, wilson_interval
from der_core.recording.table import Table
from der_core.records import N_LABELS, Label
from der_core.routing.process import Floats

NOT_COMPUTED = "not computed"
SAME_ROUTES = 0.95
"""Share of live routes that have to be the replayed ones."""


@dataclass(frozen=True)
class Part:
    """One comparison of a claim: its figure, an interval, and how many questions (or routes) it rests on; nan for no figure."""

    name: Word
    value: Figure
    low: Figure
    high: Figure
    n: Count


Parts = Annotated[tuple[Part, ...], Len(0, 1_000)]


@dataclass(frozen=True)
class Claim:
    """A claim and what came out.

    `value`, `low`, `high` and `n` are those of the weakest of `parts` where there are several comparisons. `reason` says why it
    does not hold or cannot be computed ("" where it holds); `details` are figures beside it that decide nothing.
    """

    name: Word
    holds: bool
    value: Figure
    low: Figure
    high: Figure
    n: Count
    command: Sentences
    parts: Parts = ()
    reason: Sentences = ""
    details: Parts = ()


class NotComputed(Exception):
    """Why a claim has no figures."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What claims are computed from.

    `seeds` are the routers of one setting, `rollouts` the routes of each; `table` holds the replies to the held-out questions;
    `by_alpha` the same setting trained at other prices of cost (its own among them); `same_routes` says of each question that was routed
    live whether the route was the replayed one, and is in words why there is none where nothing was routed live.
    """

    seeds: Seeds
    router: str
    table: Table
    by_alpha: Mapping[float, Seeds]
    same_routes: Sequence[bool] | str


def five_claims(evidence: Evidence | str, command: str) -> tuple[Claim, ...]:
    """Return all claims; `evidence` may be in words why there is none."""
    return tuple(_tested(name, test, evidence, command) for name, test in _CLAIMS.items())


def dynamic_beats_static(evidence: Evidence) -> Claim:
    """DER against the best single expert, the best static order and the hull of the single experts at equal cost; accuracy."""
    seeds = evidence.seeds
    best = seeds.comparisons[0].reference.best_single
    parts = [_against(evidence, name, title) for name, title in ((best, f"best single expert, {best}"), *_rows(seeds, "static"))]
    lead = seeds.lead_over_singles(evidence.router)
    parts.append(_part("hull of the single experts at equal cost", lead, len(seeds.groups)))
    return _weakest(parts)


def learned_beats_by_hand(evidence: Evidence) -> Claim:
    """DER against round-robin, the cascade and the routers that look at the question alone; accuracy."""
    rivals = [pair for family in ("cycle", "cascade", "logistic", "neighbours") for pair in _rows(evidence.seeds, family)]
    return _weakest([_against(evidence, name, title) for name, title in rivals])


def refinement_improves(evidence: Evidence) -> Claim:
    """On routes of two calls and more: right after the last call less right after the first. Beside it, what advice does to each expert."""
    runs = [one.rollouts[evidence.router] for one in evidence.seeds.comparisons]
    long = np.column_stack([run.calls > 1 for run in runs]).astype(np.float64)
    if not long.any():
        raise NotComputed("no route has two calls or more")
    gained = np.column_stack([_gained(run, evidence.table) for run in runs]) * long
    means = evidence.seeds.resampled([gained, long])
    with np.errstate(invalid="ignore"):
        told = with_interval(means[:, 0] / means[:, 1])
    part = _part("last answer against first", told, int(long.sum()))
    return _claim(part, details=_advice(evidence.table, evidence.seeds.groups))


def price_matters(evidence: Evidence) -> Claim:
    """Share of the best single expert's cost that DER saves at equal accuracy, mixing routers trained at several prices of cost."""
    best, n = evidence.seeds.comparisons[0].reference.best_single, len(evidence.seeds.groups)
    means = [seeds.resampled([seeds.right(evidence.router), seeds.cost(evidence.router)]) for seeds in evidence.by_alpha.values()]
    wanted = evidence.seeds.resampled([evidence.seeds.right(best), evidence.seeds.cost(best)])
    accuracy, cost = (np.column_stack([mean[:, which] for mean in means]) for which in (0, 1))
    reached = np.array([concave_hull(*points).cost_of(goal) for *points, goal in zip(cost, accuracy, wanted[:, 0], strict=True)])
    # Where DER never is as accurate, nothing is saved however much is paid.
    saved = np.where(np.isnan(reached), -np.inf, 1 - reached / wanted[:, 1])
    low, high = float(np.quantile(saved[1:], 0.025, method="lower")), float(np.quantile(saved[1:], 0.975, method="higher"))
    details = [_alpha_part(alpha, accuracy[:, place], cost[:, place], n) for place, alpha in enumerate(evidence.by_alpha)]
    claim = _claim(Part(f"cost saved at the accuracy of {best}", float(saved[0]), low, high, n), details=tuple(details))
    if math.isinf(low):
        return replace(
            claim, reason=f"DER is less accurate than {best} at every price tried in {np.mean(np.isinf(saved[1:])):.0%} of the resamples"
        )
    return claim


def live_is_replayed(evidence: Evidence) -> Claim:
    """Share of the questions routed live whose route is the replayed one, with Wilson's interval."""
    if isinstance(evidence.same_routes, str):
        raise NotComputed(evidence.same_routes)
    same = list(evidence.same_routes)
    interval = wilson_interval(sum(same), len(same))
    part = Part("live route is the replayed one", sum(same) / len(same), interval.low, interval.high, len(same))
    return _claim(part, border=SAME_ROUTES)


def same_routes(run: Rollout, table: Table, live: Table) -> list[bool]:
    """Return for each question of `live` that `run` routed whether the live route made the same calls and got the same labels.

    `table` is the one that `run` indexes; `live` has the same experts, 0 where a live route asked nothing; both have the thresholds done.
    """
    places = {question.id: place for place, question in enumerate(live.questions)}
    routed = [(place, places[table.questions[row].id]) for place, row in enumerate(run.rows) if table.questions[row].id in places]
    return [_calls_of_route(run, place, table) == _calls_of_row(live, row) for place, row in routed]


def _calls_of_route(run: Rollout, place: int, table: Table) -> dict[tuple[int, int], int]:
    asked = [step for step in range(run.experts.shape[1]) if run.experts[place, step] >= 0]
    calls = ((int(run.experts[place, step]), int(run.shown[place, step]), int(run.labels[place, step])) for step in asked)
    return {(expert, 0 if table.experts[expert].is_asked_once else shown): label for expert, shown, label in calls}


def _calls_of_row(live: Table, row: int) -> dict[tuple[int, int], int]:
    """The calls of a live route; what an expert that is asked once said stands in every column."""
    found = live.labels[row]
    return {
        (expert, shown): int(found[expert, shown])
        for expert, spec in enumerate(live.experts)
        for shown in range(1 if spec.is_asked_once else N_LABELS)
        if found[expert, shown] > 0
    }


_CLAIMS: dict[str, Callable[[Evidence], Claim]] = {
    "dynamic beats static": dynamic_beats_static,
    "learned beats written by hand": learned_beats_by_hand,
    "refinement improves answers": refinement_improves,
    "price matters": price_matters,
    "real experts": live_is_replayed,
}


def _tested(name: str, test: Callable[[Evidence], Claim], evidence: Evidence | str, command: str) -> Claim:
    try:
        if isinstance(evidence, str):
            raise NotComputed(evidence)
        found = test(evidence)
    except NotComputed as why:
        return Claim(name, False, math.nan, math.nan, math.nan, 0, command, reason=f"{NOT_COMPUTED}: {why}")
    return replace(found, name=name, command=command)


def _rows(seeds: Seeds, family: str) -> list[tuple[str, str]]:
    """Name and title of the deployable rows of a family."""
    return [(row.name, row.name) for row in seeds.comparisons[0].rows if row.family == family and not row.oracle]


def _against(evidence: Evidence, name: str, title: str) -> Part:
    return _part(title, evidence.seeds.gap(evidence.router, name), len(evidence.seeds.groups))


def _part(name: str, told: Difference, n: int) -> Part:
    return Part(name, told.value, told.low, told.high, n)


def _weakest(parts: Sequence[Part]) -> Claim:
    """The claim that all comparisons hold; one without a figure leaves it open, and so it does not hold."""
    if not parts:
        raise NotComputed("none of the routers to compare with is there")
    unknown = next((part for part in parts if math.isnan(part.value)), None)
    weakest = unknown or min(parts, key=lambda part: part.low)
    claim = _claim(weakest, parts=tuple(parts))
    return replace(claim, reason=f"there is no figure for: {weakest.name}") if unknown else claim


def _claim(part: Part, *, border: float = 0.0, parts: tuple[Part, ...] = (), details: tuple[Part, ...] = ()) -> Claim:
    holds = part.low > border
    reason = "" if holds else f"{part.name}: the interval reaches down to {100 * part.low:+.1f} %, which is not above {100 * border:.0f} %"
    return Claim("", holds, part.value, part.low, part.high, part.n, "", parts, reason, details)


def _gained(run: Rollout, table: Table) -> Floats:
    """Right after the last call less right after the first, by question."""
    first = run.labels[:, 0] == table.gold[run.rows]
    return np.asarray(run.correct.astype(np.float64) - first)


def _advice(table: Table, groups: Sequence[str]) -> tuple[Part, ...]:
    """What each expert's accuracy gains by being shown a right, and a wrong, answer, over its own first reply."""
    known = table.with_gold()
    rows = np.arange(known.n_questions)
    alone = known.labels[:, :, Label.NONE]
    shown = {"right": known.gold, "wrong": np.where(known.gold == Label.YES, Label.NO, Label.YES)}
    parts: list[Part] = []
    for expert, spec in enumerate(known.experts):
        for what, label in shown.items():
            after = known.labels[rows, expert, label]
            given = (after > 0) & (alone[:, expert] > 0)
            with_it, before = ((reply == known.gold)[given] for reply in (after, alone[:, expert]))
            drawn_with = [group for group, one in zip(groups, given, strict=True) if one]
            gap = paired_bootstrap(with_it, before, drawn_with, np.random.default_rng(SEED))
            parts.append(_part(f"{spec.name} after {what} advice, against alone", gap, int(given.sum())))
    return tuple(parts)


def _alpha_part(alpha: float, accuracy: Floats, cost: Floats, n: int) -> Part:
    told = with_interval(accuracy)
    return _part(f"right at alpha {alpha:g}, at a cost of {cost[0]:.2f}", told, n)


def claims_table(claims: Sequence[Claim]) -> list[tuple[str, ...]]:
    """Return the claims as rows of text: claim, holds, value, interval, n, weakest comparison or reason; the head comes first."""
    head = ("claim", "holds", "value %", "95 % interval", "n", "why")
    return [head, *((claim.name, _verdict(claim), _percent(claim.value), _bounds(claim), str(claim.n), _why(claim)) for claim in claims)]


def _why(claim: Claim) -> str:
    weakest = next((part.name for part in claim.parts if (part.value, part.low) == (claim.value, claim.low)), "")
    return claim.reason or (f"weakest of {len(claim.parts)} comparisons: {weakest}" if weakest else "")


def _verdict(claim: Claim) -> str:
    return "yes" if claim.holds else "not computed" if claim.reason.startswith(NOT_COMPUTED) else "no"


def _bounds(claim: Claim) -> str:
    return NO_DATA if math.isnan(claim.low) else f"{_percent(claim.low)} to {_percent(claim.high)}"


def _percent(share: float) -> str:
    return NO_DATA if math.isnan(share) else "none" if math.isinf(share) else f"{100 * share:+.1f}"
