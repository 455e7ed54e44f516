"""`train`: a router from a recording, in seconds."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from der_core.cli.record import stop_on_interrupt
from der_core.cli.settings import train_config
from der_core.cli.terminal import ProgressBar, complain, say
from der_core.config import TrainConfig
from der_core.evaluation.experiment import Parts, choose_splits, cut, settle_cost, train
from der_core.files import check_output
from der_core.recording.outlook import advice_on
from der_core.recording.store import Store
from der_core.recording.table import Table, in_recorded_order, load_table
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.reward import describe_preference
from der_core.routing.saved.router_file import save_router
from der_core.routing.saved.trained import TrainedRouter, TrainingProgress


def execute(arguments: argparse.Namespace) -> int:
    """Train one router and save it."""
    config = train_config(arguments)
    place = Path(arguments.save_router)
    check_output(place, "--save-router")
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        _, parts = load_parts(store, arguments, arguments.use_experts)
        config = settle_cost_aloud(parts, config)
        for sentence in advice_on(store.reasons(arguments.recording), parts.training.experts):
            complain(f"{arguments.recording}: {sentence}")
        router = train_with_progress(parts, config, CachedEncoder(SentenceEncoder(config.encoder), store))
    save_router(router, place)
    say(f"Wrote {arguments.save_router}; compare it with: python -m der_core evaluate --load-router {arguments.save_router}")
    return 0


def load_parts(store: Store, arguments: argparse.Namespace, experts: Sequence[str] | None) -> tuple[Table, Parts]:
    """Return the recording as a table, and cut by the options' split seed and sizes; `experts` names those to use (None: all)."""
    table = load_pool(store, arguments.recording, experts)
    if table.n_left_out:
        say(f"{table.n_left_out} questions are not completely recorded and stay out.")
    parts = cut(table, choose_splits(table.questions, arguments.split_seed, arguments.train_samples, arguments.eval_samples))
    if parts.not_counted.total:
        say(f"{parts.not_counted.total} questions have no gold answer: they are neither learned from nor counted.")
    return table, parts


def settle_cost_aloud(parts: Parts, config: TrainConfig) -> TrainConfig:
    """Return the settings in a cost mode that has figures for every reply, and say where it is not the one asked for."""
    settled = settle_cost(parts, config)
    if settled.note:
        say(f"{settled.note} Choose one with --cost-mode.")
    return settled.config


def load_pool(store: Store, recording: str, experts: Sequence[str] | None) -> Table:
    """Return the table of some experts of a recording (None: all), in recorded order however they were named."""
    return load_table(store, recording, experts=None if experts is None else in_recorded_order(store.experts(recording), experts))


def train_with_progress(parts: Parts, config: TrainConfig, encoder: TextEncoder) -> TrainedRouter:
    """Train with a progress bar; Ctrl-C ends training early and keeps what was learned."""
    if config.algorithm == "planner":
        began = time.monotonic()
        router = train(parts, config, encoder)
        say(f"Planned in {time.monotonic() - began:.1f} s on {parts.training.n_questions} questions: {router.ending}.")
        return router
    say(describe_preference(config.reward, config.episode, config.ppo.discount))
    bar = ProgressBar("training")
    with stop_on_interrupt() as stop:
        router = train(parts, config, encoder, on_progress=lambda p: _show(bar, p), stop=stop)
    bar.close()
    last = router.curves[-1] if router.curves else None
    if last:
        say(f"Trained {last.steps} steps in {last.seconds:.1f} s on {parts.training.n_questions} questions: {router.ending}.")
    return router


def _show(bar: ProgressBar, progress: TrainingProgress) -> None:
    point = progress.point
    bar.show(
        progress.steps,
        progress.total_steps,
        progress.eta_s,
        f"reward {point.mean_reward:+.3f}, right {point.accuracy:.1%}, calls {point.calls:.2f}",
    )
