"""PPO from the table against the naive loop: the same algorithm and settings, with and without a recording.

    python -m benchmarks.bench_ppo

Naive is to encode the text of the state and to ask an expert at every step, as a script does that calls its
models inside the training loop; the experts here answer at once, so all that is compared is our own work.
The naive loop runs for a short rollout and its update, once on one thread of PyTorch and once on all, and
the faster is taken; its time for the whole training follows by the number of steps (the update looks at
every step equally often, however long the rollout).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from benchmarks.bench_environment import N_EXPERTS, N_QUESTIONS, RandomEncoder, made_up_replies
from benchmarks.measure import report, seconds_of
from der_core.config import DEPLOYABLE, PAPER, ExpertSpec, TrainConfig
from der_core.experts.protocol import Request
from der_core.recording.questions import load_questions
from der_core.recording.table import Table
from der_core.records import Label, Question, Reply
from der_core.routing.agent.training import build_model, prepare, train_router
from der_core.routing.encoding import SentenceEncoder, TextEncoder
from der_core.routing.env import DerEnv
from der_core.routing.live import LiveSource
from der_core.routing.process import DecisionProcess, Situation
from der_core.routing.state import QuestionVectors, StateEncoder, state_text

STEPS = 12_288
NAIVE = replace(PAPER, ppo=replace(PAPER.ppo, n_steps=8, total_steps=8 * PAPER.ppo.n_envs))
REPEATS = 3


def main() -> None:
    """Time both loops, print the figures and write the result file."""
    table = made_up_replies(load_questions("bundled", limit=N_QUESTIONS), N_EXPERTS)
    encoder = RememberingEncoder(SentenceEncoder())
    encoding_s = seconds_of(lambda: prepare(table, PAPER, encoder), 1)[0]
    paper, deployable = (replace(config, ppo=replace(config.ppo, total_steps=STEPS)) for config in (PAPER, DEPLOYABLE))
    table_s = median(seconds_of(lambda: train_router(table, paper, encoder), REPEATS))
    features_s = median(seconds_of(lambda: train_router(table, deployable, RandomEncoder()), REPEATS))
    all_threads = os.cpu_count() or 1
    naive = {threads: _naive_seconds(table, encoder.encoder, threads) for threads in {1, all_threads}}
    naive_s = min(naive.values()) / NAIVE.ppo.total_steps * STEPS
    report(
        "ppo",
        {
            "questions": N_QUESTIONS,
            "experts": N_EXPERTS,
            "ppo_steps": STEPS,
            "table_s": table_s,
            "table_features_s": features_s,
            "table_encoding_once_s": encoding_s,
            "naive_steps_measured": NAIVE.ppo.total_steps,
            "naive_measured_s": min(naive.values()),
            "naive_threads": min(naive, key=lambda threads: naive[threads]),
            "naive_scaled_by_steps_s": naive_s,
            "times_faster": naive_s / table_s,
            "times_faster_first_time_with_encoding": naive_s / (table_s + encoding_s),
        },
    )


class RememberingEncoder:
    """An encoder that encodes no text twice, as the store's cache does."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self.known: dict[str, NDArray[np.float32]] = {}

    @property
    def id(self) -> str:
        """Identity of the encoder."""
        return self.encoder.id

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        if fresh:
            self.known.update(zip(fresh, self.encoder.encode(fresh), strict=True))
        return np.stack([self.known[text] for text in texts])


class EncodingState(StateEncoder):
    """The `text` state, encoded anew at every step."""

    def __init__(self, like: StateEncoder, questions: Sequence[Question], encoder: TextEncoder) -> None:
        super().__init__(like.episode, like.n_experts, like.encoder_id, like.dimension, like.projections)
        self.questions = questions
        self.encoder = encoder

    def observe(self, vectors: QuestionVectors, now: Situation) -> NDArray[np.float32]:
        """Return the vector of the one route's text."""
        return self.encoder.encode([state_text(self.questions[int(now.rows[0])], Label(int(now.label[0])))])


@dataclass(frozen=True)
class InstantExpert:
    """An expert that replies at once."""

    spec: ExpertSpec
    notes: tuple[str, ...] = ()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: it is asked in one way only."""

    def current_digest(self) -> str | None:
        """Return what never changes."""
        return self.spec.digest

    def request(self, question: Question, previous_label: Label) -> Request:
        """Return a request that nobody makes."""
        return Request(self.spec.backend, self.spec.digest, (("user", question.text),), {})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Return yes."""
        return Reply("yes", Label.YES, 0.9, 0.0, 0.05, 0.01, 0.06, 120, 0, 2, self.spec.digest)

    def close(self) -> None:
        """Nothing is held open."""


def _naive_seconds(table: Table, encoder: TextEncoder, threads: int) -> float:
    """Return the seconds of one short rollout and its update."""
    model = build_model(_naive_env(table, NAIVE, encoder), NAIVE)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return seconds_of(lambda: model.learn(NAIVE.ppo.total_steps), 1)[0]
    finally:
        torch.set_num_threads(before)


def _naive_env(table: Table, config: TrainConfig, encoder: TextEncoder) -> VecEnv:
    prepared = prepare(table.subset([0]), config, encoder)
    experts = [InstantExpert(spec) for spec in table.experts]
    source = LiveSource(table.questions, experts, prepared.reading.prices, prepared.reading.thresholds)
    process = DecisionProcess(source, config.episode, config.reward)
    state = EncodingState(prepared.state, table.questions, encoder)
    rows = QuestionVectors(np.zeros((table.n_questions, 1, 1), dtype=np.float32))
    return DummyVecEnv([lambda: DerEnv(process, state, rows) for _ in range(config.ppo.n_envs)])


if __name__ == "__main__":
    main()
