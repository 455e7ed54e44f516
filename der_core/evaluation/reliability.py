"""Whether a router knows when it does not know: P(right) of its answers against what is right, and what abstaining would buy.

Shape legend: Q answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import End
from der_core.evaluation.rollout import Rollout, rollout
from der_core.evaluation.statistics import wilson_interval
from der_core.recording.table import Table
from der_core.records import N_LABELS
from der_core.routing.encoding import TextEncoder
from der_core.routing.estimates import Samples
from der_core.routing.process import Flags, Floats, Ints, Situation
from der_core.routing.saved.trained import AgentRouter, TrainedRouter
from der_core.routing.sureness import Sureness, fit_sureness

N_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Answers whose P(right) lies between `low` and `high`: how many, the mean P(right), the share that is right and its Wilson interval."""

    low: float
    high: float
    n: int
    mean_p: float
    share_right: float
    right_low: float
    right_high: float


@dataclass(frozen=True)
class Reliability:
    """How good the P(right) of a router's answers is; the formulas are in docs/metrics.md.

    `coverage` and `risk` are the risk-coverage curve: the share of questions that are answered, the surest first, and the share of
    these answers that is wrong; `thresholds` the P(right) of the last one that is answered.
    """

    n: int
    ece: float
    brier: float
    brier_of_mean: float
    aurc: float
    bins: tuple[Bin, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    thresholds: tuple[float, ...]


def reliability(p: Floats, right: Flags) -> Reliability:
    """Return how well `p` [Q] says whether answers are `right` [Q]; nan figures where there are none."""
    outcome = np.asarray(right, dtype=np.float64)
    coverage, risk, thresholds = risk_coverage(p, right)
    return Reliability(
        n=len(p),
        ece=expected_calibration_error(p, right),
        brier=brier_score(p, right),
        brier_of_mean=brier_score(np.full(len(outcome), outcome.mean() if len(outcome) else np.nan), right),
        aurc=area_under_risk_coverage(p, right),
        bins=reliability_bins(p, right),
        coverage=tuple(coverage.tolist()),
        risk=tuple(risk.tolist()),
        thresholds=tuple(thresholds.tolist()),
    )


def brier_score(p: Floats, right: Flags) -> float:
    """Return the mean of (p - right)^2: 0 for a prophet, .25 for always one half; nan without answers."""
    return float(np.mean((p - right) ** 2)) if len(p) else np.nan


def reliability_bins(p: Floats, right: Flags, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """Return the answers by P(right) in bins of equal width, those without answers left out; a border belongs to the upper bin, 1 to the last."""
    place = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
    return tuple(_bin(number, n_bins, p[place == number], right[place == number]) for number in np.unique(place))


def _bin(number: int, n_bins: int, p: Floats, right: Flags) -> Bin:
    interval = wilson_interval(int(right.sum()), len(right))
    share = float(right.mean())
    return Bin(float(number / n_bins), float((number + 1) / n_bins), len(p), float(p.mean()), share, interval.low, interval.high)


def expected_calibration_error(p: Floats, right: Flags, n_bins: int = N_BINS) -> float:
    """Return the mean over answers of |share right - mean P(right)| of their bin; nan without answers."""
    bins = reliability_bins(p, right, n_bins)
    return sum(one.n * abs(one.share_right - one.mean_p) for one in bins) / len(p) if bins else np.nan


def risk_coverage(p: Floats, right: Flags) -> tuple[Floats, Floats, Floats]:
    """Return coverage, risk and threshold, ascending in coverage: answering only where P(right) is at the threshold or above.

    Answers of equal P(right) are given or withheld together.
    """
    values, counts, wrong = _by_sureness(p, right)
    given = np.cumsum(counts)
    return given / max(len(p), 1), np.cumsum(wrong) / np.maximum(given, 1), values


def area_under_risk_coverage(p: Floats, right: Flags) -> float:
    """Return the mean risk over the coverages 1/Q, 2/Q, ..., 1; answers of equal P(right) in expectation over their orders. nan without answers."""
    if not len(p):
        return np.nan
    _, counts, wrong = _by_sureness(p, right)
    one_by_one = np.repeat(wrong / counts, counts)
    return float(np.mean(np.cumsum(one_by_one) / np.arange(1, len(p) + 1)))


def _by_sureness(p: Floats, right: Flags) -> tuple[Floats, Ints, Floats]:
    """The distinct values of `p`, the highest first, with how many answers have each and how many of these are wrong."""
    values, place, counts = np.unique(-p, return_inverse=True, return_counts=True)
    wrong = np.bincount(place, weights=1.0 - right, minlength=len(values))
    return np.asarray(-values, dtype=np.float64), counts.astype(np.int64), wrong.astype(np.float64)


def situations_of(run: Rollout, n_experts: int, which: Flags) -> Situation:
    """Return where the routes stood after the replies `which` [Q, T] picks, one row a reply; what is right is not told."""
    votes = np.cumsum(run.asked[:, :, None] & (run.labels[:, :, None] == np.arange(N_LABELS)), axis=1)
    tried = np.cumsum(run.asked[:, :, None] & (run.experts[:, :, None] == np.arange(n_experts)), axis=1) > 0
    route, step = np.nonzero(which)
    return Situation(
        rows=run.rows[route],
        step=step + 1,
        label=run.labels[route, step],
        expert=run.experts[route, step].astype(np.int64),
        p_yes=run.p_yes[route, step],
        tried=tried[route, step],
        votes=votes[route, step].astype(np.int8),
        quality=np.full(len(route), np.nan),
    )


def last_replies(run: Rollout) -> Flags:
    """Return which replies [Q, T] are the answers of their routes."""
    return np.asarray(np.arange(run.experts.shape[1]) == run.calls[:, None] - 1)


def answer_sureness(router: TrainedRouter, run: Rollout, components: Floats) -> Floats | None:
    """Return P(right) of the answer of each route [Q]; None where the router has no such estimate. `components` are of the source's questions."""
    if router.sureness is None:
        return None
    now = situations_of(run, len(router.experts), last_replies(run))
    return router.sureness(components[now.rows], now)


def calibrated_sureness(router: TrainedRouter, end: End, training: Table, validation: Table, encoder: TextEncoder) -> Sureness:
    """Return what says how likely the answers of `router` are right: fitted on `training`, calibrated on its routes over `validation` under `end`."""
    sources = [router.table_source(table) for table in (training, validation)]
    vectors = [router.state.question_vectors(table.questions, encoder) for table in (training, validation)]
    components = [router.state.query_components(some) for some in vectors]
    fitted, judged = (Samples.of(source, some) for source, some in zip(sources, components, strict=True))
    run = rollout(AgentRouter(router, vectors[1], end=end), sources[1], router.config.reward)
    now, right = situations_of(run, len(router.experts), run.asked), run.at_calls(sources[1].quality)[run.asked] == 1.0

    def replies(sureness: Sureness) -> tuple[Floats, Flags]:
        return sureness(components[1][now.rows], now), right

    return fit_sureness(fitted, judged, len(router.experts), replies)
