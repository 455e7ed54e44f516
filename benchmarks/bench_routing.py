"""Routing overhead per step, warm: encoding a question that was never seen, building the state, choosing.

    python -m benchmarks.bench_routing

The router is trained on made-up replies (what it has learned makes no difference to the time); the encoder
is the real one. A route's first step pays for encoding the question, later ones only for state and policy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.bench_optimum import made_up_table
from benchmarks.measure import percentile, report, seconds_of
from der_core.config import DEPLOYABLE, PAPER, TrainConfig
from der_core.records import Question
from der_core.routing.agent.training import train_router
from der_core.routing.encoding import SentenceEncoder
from der_core.routing.process import Situation
from der_core.routing.saved.trained import AgentRouter

N_STEPS = 200


def main() -> None:
    """Time both states, print the figures and write the result file."""
    encoder = SentenceEncoder()
    figures: dict[str, float] = {}
    for name, config in (("text", PAPER), ("features", DEPLOYABLE)):
        figures |= {f"{name}_{key}": value for key, value in _measure(config, encoder).items()}
    report("routing", figures)


def _measure(config: TrainConfig, encoder: SentenceEncoder) -> dict[str, float]:
    table = made_up_table(60, np.random.default_rng(7))
    trained = train_router(table, replace(config, ppo=replace(config.ppo, total_steps=2_048)), encoder)
    passage = "The ferry to the island leaves every morning at eight, except on Sundays. " * 6
    fresh = iter([Question(f"n{i}", f"Does ferry number {i} leave on a Sunday?", passage) for i in range(N_STEPS + 20)])

    def first_step() -> None:
        vectors = trained.state.question_vectors([next(fresh)], encoder)
        AgentRouter(trained, vectors).choose(Situation.start(np.array([0]), table.n_experts))

    seconds_of(first_step, 20)
    first = seconds_of(first_step, N_STEPS)
    router = AgentRouter(trained, trained.state.question_vectors([table.questions[0]], encoder))
    later = seconds_of(lambda: router.choose(Situation.start(np.array([0]), table.n_experts)), N_STEPS)
    return {
        "first_step_p50_ms": 1e3 * percentile(first, 50),
        "first_step_p95_ms": 1e3 * percentile(first, 95),
        "later_step_p95_ms": 1e3 * percentile(later, 95),
    }


if __name__ == "__main__":
    main()
