"""Whether a router knows when it does not know: how likely its answers are right by its own estimate, and how good that estimate is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import End
from der_core.evaluation.calibration import (
    ReliabilityBin,
    area_under_risk_coverage,
    brier_score,
    calibration_error,
    reliability_bins,
    risk_coverage,
)
from der_core.evaluation.rollout import Rollout, rollout
from der_core.recording.table import Table
from der_core.records import N_LABELS
from der_core.routing.encoding import TextEncoder
from der_core.routing.estimates import Samples
from der_core.routing.process import Flags, Floats, Situation
from der_core.routing.saved.trained import AgentRouter, TrainedRouter
from der_core.routing.sureness import Sureness, fit_sureness


@dataclass(frozen=True)
class SurenessFigures:
    """How good the P(right) of a router's `n` answers is, of which the share `right` is right.

    `coverage` and `risk` are the risk-coverage curve: the share of questions that are answered, the surest first, and the share of
    these answers that is wrong; `thresholds` the P(right) of the last one that is answered.
    """

    n: int
    right: float
    ece: float
    brier: float
    aurc: float
    bins: tuple[ReliabilityBin, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    thresholds: tuple[float, ...]

    @property
    def brier_of_share(self) -> float:
        """The Brier score of saying of every answer that it is as likely right as all are on average."""
        return self.right * (1 - self.right)


def sureness_figures(p: Floats, right: Flags) -> SurenessFigures:
    """Return how well `p` [Q] says whether answers are `right` [Q]; nan figures where there are none."""
    coverage, risk, thresholds = risk_coverage(p, right)
    bins = reliability_bins(p, right)
    return SurenessFigures(
        n=len(p),
        right=float(np.mean(right)) if len(right) else np.nan,
        ece=calibration_error(bins),
        brier=brier_score(p, right),
        aurc=area_under_risk_coverage(p, right),
        bins=bins,
        coverage=tuple(coverage.tolist()),
        risk=tuple(risk.tolist()),
        thresholds=tuple(thresholds.tolist()),
    )


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


def answer_sureness(agent: AgentRouter, run: Rollout, n_experts: int) -> Floats | None:
    """Return how likely the agent takes the answer of each of its routes to be right [Q]; None where it does not say."""
    return agent.p_right(situations_of(run, n_experts, last_replies(run)))


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
