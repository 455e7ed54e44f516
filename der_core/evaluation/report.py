"""The report of a run: everything needed to repeat it, as JSON by a schema, and its tables as text.

The schema lies beside this file (`report_schema.json`, made from `report_model`); `docs/metrics.md` defines the figures. The machine's
name, the experts' addresses and the folders of their files stay out, of the command line as well.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from der_core import __version__
from der_core.bounds import as_json
from der_core.config import CostMode, ExpertSpec, TrainConfig
from der_core.evaluation.bar import bar
from der_core.evaluation.comparison import Comparison, Row
from der_core.evaluation.findings import Findings
from der_core.evaluation.frontier import INTERVAL_SEED, FrontierIntervals, frontier_intervals
from der_core.evaluation.metrics import flip_matrix
from der_core.evaluation.report_model import SCHEMA_VERSION, read_report, report_schema
from der_core.evaluation.rollout import Rollout
from der_core.experts.backends import without_machine
from der_core.experts.locating import without_addresses
from der_core.recording.splits import Splits
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.cost import Prices
from der_core.routing.process import StopReason
from der_core.routing.saved.trained import CurvePoint
from der_core.routing.sources import TableSource

SCHEMA_PATH = Path(__file__).with_name("report_schema.json")
PACKAGES = ("numpy", "scipy", "torch", "stable-baselines3", "gymnasium", "sentence-transformers", "ollama", "xllamacpp", "datasets")
N_TRACES = 20

Json = dict[str, Any]  # Any: a JSON object


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A finished evaluation: what went in and what came out.

    `table` holds all questions of the three splits, as recorded; `test` is the source the routers were
    compared on; `curves` and `training` (how each training ended) are by training seed; `traced` names the router whose routes are written out.
    """

    command: Sequence[str]
    created_utc: str
    config: TrainConfig
    training_seeds: Sequence[int]
    evaluation_seed: int
    table: Table
    splits: Splits
    test: TableSource
    prices: Mapping[CostMode, Prices]
    curves: Mapping[int, Sequence[CurvePoint]]
    comparison: Comparison
    traced: str
    findings: Findings = Findings()
    training: Mapping[int, Json] = field(default_factory=dict)


def build_report(run: Evaluated, n_traces: int = N_TRACES) -> Json:
    """Return the report as a JSON object by the schema; figures without data are null.

    The first `n_traces` test questions are written out step by step.
    """
    report = {
        "schema_version": SCHEMA_VERSION,
        "created_utc": run.created_utc,
        "command": without_addresses(list(run.command)),
        "settings": run.config.to_json(),
        "seeds": {"training": list(run.training_seeds), "evaluation": run.evaluation_seed},
        "versions": installed_versions(),
        "machine": machine(),
        "experts": [_expert(spec) for spec in run.table.experts],
        "data": {"hash": run.table.data_hash(), "n_questions": run.table.n_questions, "n_left_out": run.table.n_left_out},
        "splits": run.splits,
        "prices": run.prices,
        "thresholds": dict(zip((spec.name for spec in run.table.experts), run.test.thresholds, strict=True)),
        "curves": run.curves,
        "training": run.training,
        "results": _results(run.comparison),
        "frontier": {mode: _intervals(run.comparison, mode) for mode in run.comparison.rows[0].costs},
        "flips": flip_matrix(run.test.table),
        **asdict(run.findings),
        "traces": _traces(run, n_traces),
    }
    plain: Json = as_json(report)
    return plain


def validate_report(report: Json) -> None:
    """Raise ReportError, with the place of the first fault, unless `report` follows the schema and its parts go together."""
    read_report(report)


def load_schema() -> Json:
    """Return the JSON schema of reports."""
    schema: Json = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


def write_schema() -> None:
    """Write the schema anew, after a change of the model."""
    SCHEMA_PATH.write_text(json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def installed_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries it stands on, as far as installed."""
    versions = {"python": platform.python_version(), "der-core": __version__}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def machine() -> Json:
    """Return processor, cores this process may use, and operating system; no host name."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"cpu": _cpu_model(), "cores": cores, "system": f"{platform.system()} {platform.machine()}"}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _expert(spec: ExpertSpec) -> Json:
    """The expert without its host; of a model file the name only."""
    shared = without_machine(spec)
    return {
        "name": spec.name,
        "backend": spec.backend,
        "model": shared.model,
        "style": spec.style,
        "params_billions": spec.params_billions,
        "digest": spec.digest,
    }


def _results(comparison: Comparison) -> Json:
    return {
        "headline": comparison.headline(),
        "cost_mode": comparison.cost_mode,
        "cost_note": comparison.cost_note,
        "best_single": comparison.reference.best_single,
        "majority_accuracy": comparison.majority_accuracy,
        "gold_yes_rate": comparison.gold_yes_rate,
        "n_not_counted": comparison.n_not_counted,
        "bar": bar(comparison),
        "deployable": [_row(row) for row in comparison.deployable],
        "oracle": [_row(row) for row in comparison.oracle],
    }


def _intervals(comparison: Comparison, mode: CostMode) -> FrontierIntervals:
    return frontier_intervals(comparison, mode, np.random.default_rng(INTERVAL_SEED))


def _row(row: Row) -> Json:
    return {**asdict(row), "differs": row.differs}


def _traces(run: Evaluated, n_traces: int) -> Json:
    rollout = run.comparison.rollouts[run.comparison.row(run.traced).name]
    names = [spec.name for spec in run.table.experts]
    n_actions = 0 if rollout.probabilities is None else rollout.probabilities.shape[2]
    questions = [_trace(rollout, run.test.table, names, i) for i in range(min(n_traces, len(rollout.rows)))]
    return {"router": run.traced, "actions": [*names, "STOP"][:n_actions], "questions": questions}


def _trace(rollout: Rollout, table: Table, names: Sequence[str], i: int) -> Json:
    question, calls = table.questions[rollout.rows[i]], int(rollout.calls[i])
    stopped = rollout.reasons[i] == StopReason.STOP_ACTION
    return {
        "id": question.id,
        "question": question.text,
        "gold": (question.gold or Label.NONE).word,
        "answer": Label(int(rollout.answers[i])).word,
        "correct": rollout.correct[i],
        "stop_reason": StopReason(int(rollout.reasons[i])).words,
        "steps": [_step(rollout, table, names, i, t) for t in range(calls)],
        "stop_probabilities": _probabilities(rollout, i, calls) if stopped else [],
    }


def _step(rollout: Rollout, table: Table, names: Sequence[str], i: int, t: int) -> Json:
    asked = (rollout.rows[i], rollout.experts[i, t], rollout.shown[i, t])
    seen = float(rollout.p_yes[i, t])
    # The router sees one half where nobody knows P(yes); readers are told that nobody does.
    is_known = seen != 0.5 or math.isfinite(table.p_yes[asked])
    return {
        "expert": names[rollout.experts[i, t]],
        "previous_label": Label(int(rollout.shown[i, t])).word,
        "label": Label(int(rollout.labels[i, t])).word,
        "p_yes": seen if is_known else None,
        "seconds": rollout.seconds[i, t],
        "cost": rollout.costs[i, t],
        "reward": rollout.rewards[i, t],
        "probabilities": _probabilities(rollout, i, t),
    }


def _probabilities(rollout: Rollout, i: int, t: int) -> list[float]:
    return [] if rollout.probabilities is None else [float(p) for p in rollout.probabilities[i, t]]
