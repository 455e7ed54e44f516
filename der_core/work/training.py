"""Training a router, comparing it with every baseline, and the report of both: one piece of work, wherever it is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from der_core.config import TrainConfig
from der_core.evaluation.experiment import Evaluation, Parts, cut, evaluate, report, train
from der_core.evaluation.report import Json
from der_core.recording.splits import Splits
from der_core.recording.table import Table
from der_core.routing.encoding import KnownVectors, TextEncoder
from der_core.routing.saved.trained import TrainedRouter, TrainingProgress

OnProgress = Callable[[TrainingProgress], None]
OnLearned = Callable[[TrainedRouter], None]


@dataclass(frozen=True, eq=False)
class TrainingOrder:
    """All that a training and its comparison need; `vectors` know every text of the questions."""

    table: Table
    splits: Splits
    config: TrainConfig
    vectors: KnownVectors
    command: tuple[str, ...]
    created_utc: str


@dataclass(frozen=True, eq=False)
class TrainingOutcome:
    """What a training leaves behind: the router, its held-out comparison and the report of it."""

    router: TrainedRouter
    evaluation: Evaluation
    report: Json


def train_and_compare(
    order: TrainingOrder, on_progress: OnProgress, on_learned: OnLearned, stop: threading.Event
) -> TrainingOutcome | None:
    """Train in this process, then compare with every baseline; None where `stop` came before the first update.

    `on_learned` is called between the two, with the router.
    """
    parts = cut(order.table, order.splits)
    router = train(parts, order.config, order.vectors, on_progress=on_progress, stop=stop)
    if router.stopped and not router.curves:
        return None
    on_learned(router)
    return compare_and_report(parts, router, order.table, order.vectors, order.command, order.created_utc)


def compare_and_report(
    parts: Parts, router: TrainedRouter, table: Table, encoder: TextEncoder, command: Sequence[str], created_utc: str
) -> TrainingOutcome:
    """Compare a trained router with every baseline on the test questions; `table` is the recording that was cut into `parts`."""
    evaluation = evaluate(parts, router, router.config, encoder)
    return TrainingOutcome(router, evaluation, report(evaluation, table, router.config, list(command), created_utc))
