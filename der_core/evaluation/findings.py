"""What the routers of one setting come to together; it goes into the report of each."""

from __future__ import annotations

from dataclasses import dataclass

from der_core.evaluation.claims import Claim
from der_core.evaluation.cost_figures import CostFigures
from der_core.evaluation.flipping import FlipEffects
from der_core.evaluation.judge import JudgeEffects


@dataclass(frozen=True)
class Findings:
    """The five claims, figures of cost and accuracy, and, where they were tried, what flipped labels and a simulated judge do."""

    claims: tuple[Claim, ...] = ()
    cost_figures: CostFigures | None = None
    flip_effects: FlipEffects | None = None
    judge_effects: JudgeEffects | None = None
