"""The table environment alone: steps per second of 64 copies, against the same steps one environment at a time.

    python -m benchmarks.bench_environment

The questions are the bundled ones, the replies are drawn at random and the vectors too: what they say makes
no difference to the time. Actions are random and drawn beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import report, seconds_of
from der_core.config import DEPLOYABLE, PAPER, ExpertSpec, TrainConfig
from der_core.recording.questions import load_questions
from der_core.recording.table import Table
from der_core.records import N_LABELS, Label, Question
from der_core.routing.agent.training import prepare
from der_core.routing.agent.vec_env import TableVecEnv
from der_core.routing.env import DerEnv

N_QUESTIONS, N_EXPERTS, N_ENVS, N_STEPS, REPEATS = 600, 3, 64, 2_000, 7
DIMENSION = 384  # that of the default encoder


@dataclass(frozen=True)
class RandomEncoder:
    """Vectors at random, at no cost."""

    id: str = "random"

    def encode(self, texts: object) -> NDArray[np.float32]:
        """Return one vector per text."""
        assert isinstance(texts, list | tuple)
        return np.random.default_rng(7).normal(size=(len(texts), DIMENSION)).astype(np.float32)


def main() -> None:
    """Time both states, print the figures and write the result file."""
    table = made_up_replies(load_questions("bundled", limit=N_QUESTIONS), N_EXPERTS)
    figures: dict[str, float | int] = {"questions": N_QUESTIONS, "experts": N_EXPERTS, "copies": N_ENVS}
    for config in (PAPER, DEPLOYABLE):
        kind = config.episode.state
        together, alone = _steps_per_second(table, config), _steps_per_second_alone(table, config)
        figures |= {f"{kind}_steps_per_s": together, f"{kind}_one_at_a_time_steps_per_s": alone, f"{kind}_times_faster": together / alone}
    report("environment", figures)


def made_up_replies(questions: tuple[Question, ...], n_experts: int) -> Table:
    """Return a table of random replies, right two times in three, with seconds and tokens such as small models have."""
    rng = np.random.default_rng(7)
    shape = (len(questions), n_experts, N_LABELS)
    gold = np.array([question.gold or Label.YES for question in questions])[:, None, None]
    labels = np.where(rng.random(shape) < 2 / 3, gold, 3 - gold).astype(np.int8)
    sure = rng.uniform(0.5, 1.0, size=shape)
    half = (0.025 * np.arange(1, n_experts + 1)[None, :, None] * rng.uniform(0.8, 1.2, size=shape)).astype(np.float32)
    return Table(
        questions=questions,
        experts=tuple(ExpertSpec(f"expert {i}", "ollama", f"model-{i}", params_billions=1.0 + i) for i in range(n_experts)),
        labels=labels,
        p_yes=np.where(labels == Label.YES, sure, 1 - sure).astype(np.float32),
        load_s=np.zeros(shape, dtype=np.float32),
        prompt_s=half,
        generation_s=half,
        wall_s=half + half,
        prompt_tokens=rng.integers(80, 160, size=shape).astype(np.float32),
        cached_tokens=np.zeros(shape, dtype=np.float32),
        generated_tokens=np.full(shape, 2, dtype=np.float32),
    )


def _steps_per_second(table: Table, config: TrainConfig) -> float:
    prepared = prepare(table, replace(config, fit_thresholds=False), RandomEncoder())
    env = TableVecEnv(prepared.process, prepared.state, prepared.vectors, N_ENVS)
    env.reset()
    actions = np.random.default_rng(7).integers(0, prepared.process.n_actions, size=(N_STEPS, N_ENVS))

    def run() -> None:
        for chosen in actions:
            env.step(chosen)
        env.take_statistics()

    return N_STEPS * N_ENVS / median(seconds_of(run, REPEATS))


def _steps_per_second_alone(table: Table, config: TrainConfig) -> float:
    prepared = prepare(table, replace(config, fit_thresholds=False), RandomEncoder())
    env = DerEnv(prepared.process, prepared.state, prepared.vectors)
    env.reset(seed=7)
    actions = np.random.default_rng(7).integers(0, prepared.process.n_actions, size=N_STEPS)

    def run() -> None:
        for chosen in actions:
            *_, terminated, _, _ = env.step(chosen)
            if terminated:
                env.reset()

    return N_STEPS / median(seconds_of(run, REPEATS))


if __name__ == "__main__":
    main()
