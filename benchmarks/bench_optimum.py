"""Exact optimum and all baselines on 1,000 questions x 4 experts, T_max 3: solved and rolled out.

    python -m benchmarks.bench_optimum

The replies are drawn at random with the accuracies and costs of small models; what they say makes no
difference to the time. Loading and fitting are left out, solving the optimum is not. The whole is timed
several times: the median is the figure; the processor time beside it tells how much of that was other work
on the machine (OPENBLAS_NUM_THREADS=1 keeps waiting threads out of it).
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

import numpy as np

from benchmarks.measure import report, seconds_of
from der_core.config import DEPLOYABLE, EpisodeConfig, ExpertSpec, TrainConfig
from der_core.evaluation.comparison import compare, fit_all_prices
from der_core.evaluation.expectation import expect
from der_core.evaluation.rollout import rollout
from der_core.recording.table import Table
from der_core.records import N_LABELS, Label, Question
from der_core.routing.baselines import Baseline, Part, Random, build_baselines, fit_reference
from der_core.routing.baselines.planner import Planner
from der_core.routing.cost import fit_prices
from der_core.routing.optimum import solve
from der_core.routing.process import DecisionProcess
from der_core.routing.sources import TableSource

N_QUESTIONS, N_EXPERTS, N_FITTED, DIMENSION = 1_000, 4, 600, 768
CONFIG = replace(DEPLOYABLE, episode=EpisodeConfig(t_max=3, end="stop_action", state="features", cost_mode="compute"))
REPEATS = 15


def main() -> None:
    """Time the parts, print the figures and write the result file."""
    rng = np.random.default_rng(7)
    fitted, validation, test = (_part(n, rng) for n in (N_FITTED, N_FITTED // 3, N_QUESTIONS))
    routers = build_baselines(fitted, validation, test, CONFIG, cost_weight=0.01, rng=rng)
    process = DecisionProcess(test.source, CONFIG.episode, CONFIG.reward)
    solve_s = median(seconds_of(lambda: solve(process, CONFIG.ppo.discount), REPEATS))
    rollouts_s = median(seconds_of(lambda: _run(routers, test), REPEATS))
    compare_s = median(seconds_of(lambda: _compare(routers, fitted, test, CONFIG), 5))
    began = time.process_time()
    for _ in range(REPEATS):
        solve(process, CONFIG.ppo.discount)
        _run(routers, test)
    processor_s = (time.process_time() - began) / REPEATS
    report(
        "optimum",
        {
            "questions": N_QUESTIONS,
            "experts": N_EXPERTS,
            "t_max": CONFIG.episode.t_max,
            "baselines": len(routers),
            "optimum_ms": 1e3 * solve_s,
            "rollouts_ms": 1e3 * rollouts_s,
            "optimum_and_rollouts_ms": 1e3 * (solve_s + rollouts_s),
            "optimum_and_rollouts_processor_ms": 1e3 * processor_s,
            "comparison_with_intervals_ms": 1e3 * compare_s,
        },
    )


def _run(routers: tuple[Baseline, ...], test: Part) -> None:
    """Every baseline as a comparison runs it: random ones once, and in expectation."""
    rows = np.arange(N_QUESTIONS)
    for router in map(_forgetful, routers):
        rollout(router, test.source, CONFIG.reward)
        if isinstance(router, Random):
            expect(router, test.source, CONFIG.reward, CONFIG.ppo.discount, rows)


def _forgetful(router: Baseline) -> Baseline:
    """A planner remembers its plans, and would look them up from the second repetition on."""
    return replace(router, planned=replace(router.planned)) if isinstance(router, Planner) else router


def _compare(routers: tuple[Baseline, ...], fitted: Part, test: Part, config: TrainConfig) -> object:
    prices = fit_all_prices(fitted.source.table)
    return compare(routers, test.source, config, prices, fit_reference(fitted.source), np.random.default_rng(7))


def _part(n: int, rng: np.random.Generator) -> Part:
    table = made_up_table(n, rng)
    return Part(TableSource(table, fit_prices(table, "compute")), rng.normal(size=(n, DIMENSION)).astype(np.float32))


def made_up_table(n: int, rng: np.random.Generator) -> Table:
    """Return a table of `n` questions and four experts whose replies are drawn at random."""
    shape = (n, N_EXPERTS, N_LABELS)
    gold = rng.integers(1, 3, size=n)
    right = rng.random(shape) < np.linspace(0.6, 0.85, N_EXPERTS)[None, :, None]
    labels = np.where(right, gold[:, None, None], 3 - gold[:, None, None]).astype(np.int8)
    sure = rng.uniform(0.5, 1.0, size=shape)
    seconds = 0.05 * np.arange(1, N_EXPERTS + 1)[None, :, None] * rng.uniform(0.8, 1.2, size=shape)
    half = (seconds / 2).astype(np.float32)
    return Table(
        questions=tuple(Question(f"q{i}", f"Question {i}?", None, Label(int(gold[i]))) for i in range(n)),
        experts=tuple(ExpertSpec(f"expert {i}", "ollama", f"model-{i}", params_billions=1.0 + i) for i in range(N_EXPERTS)),
        labels=labels,
        p_yes=np.where(labels == Label.YES, sure, 1 - sure).astype(np.float32),
        load_s=np.zeros(shape, dtype=np.float32),
        prompt_s=half,
        generation_s=half,
        wall_s=seconds.astype(np.float32),
        prompt_tokens=rng.integers(80, 160, size=shape).astype(np.float32),
        cached_tokens=np.zeros(shape, dtype=np.float32),
        generated_tokens=np.full(shape, 2, dtype=np.float32),
    )


if __name__ == "__main__":
    main()
