"""`evaluate`: saved routers against every baseline, on questions they have not seen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from der_core.commands.settings import command_words
from der_core.commands.terminal import figure, say
from der_core.commands.train import load_parts
from der_core.config import DEPLOYABLE, CostMode, TrainConfig
from der_core.errors import ReportError
from der_core.evaluation.experiment import Evaluation, Parts, evaluate, report
from der_core.evaluation.report import Json
from der_core.evaluation.runs import RunStore
from der_core.evaluation.tables import format_table, markdown_table
from der_core.recording.store import Store
from der_core.recording.table import Table
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.router_file import load_router
from der_core.routing.trained import TrainedRouter


def execute(arguments: argparse.Namespace) -> int:
    """Compare each router in its own table; several of them are also summed up over their seeds."""
    routers: list[tuple[str, TrainedRouter | None]] = [(name, load_router(Path(name))) for name in arguments.load_router] or [("", None)]
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        encoder = CachedEncoder(SentenceEncoder(arguments.encoder), store)
        pools = [pool_of(arguments, router) for _, router in routers]
        data = {pool: load_parts(store, arguments, pool) for pool in dict.fromkeys(pools)}
        evaluations = [
            evaluate_one(arguments, *data[pool], router, encoder, Path(name).stem)
            for pool, (name, router) in zip(pools, routers, strict=True)
        ]
    if len(evaluations) > 1:
        say("\n== over the routers given ==\n" + spread(evaluations))
    return 0


def pool_of(arguments: argparse.Namespace, router: TrainedRouter | None) -> tuple[str, ...] | None:
    """Return the experts to compare on: those of the options, else the router's own; None for all."""
    if arguments.use_experts is not None:
        return tuple(arguments.use_experts)
    return tuple(spec.name for spec in router.experts) if router else None


def evaluate_one(
    arguments: argparse.Namespace, table: Table, parts: Parts, router: TrainedRouter | None, encoder: TextEncoder, name: str
) -> Evaluation:
    """Evaluate one router; write the report, and the run called `name` if wanted, then show table, traces and headline."""
    config = priced_in(router.config if router else DEPLOYABLE, arguments.cost_mode)
    if router and not router.validation_question_ids:
        say(
            f"{name} does not tell which questions chose its end rule, as an earlier version saved it: they may be among the test questions."
        )
    evaluation = evaluate(parts, router, config, encoder)
    document = report(evaluation, table, config, command_words(), now_utc(), max(arguments.show_der_qa, 0))
    written = []
    try:
        if arguments.save_report:
            written.append(write_report(document, Path(arguments.save_report)))
        if arguments.save_runs and router:
            run = RunStore(Path(arguments.save_runs)).save(router, document, name.replace("-", " "))
            written.append(f"Kept as run {run.id} in {arguments.save_runs}")
    finally:
        show_evaluation(evaluation, document, markdown=arguments.markdown)
    for line in written:
        say(line)
    return evaluation


def priced_in(config: TrainConfig, mode: CostMode | None) -> TrainConfig:
    """Return the settings with costs in `mode`, None: in their own."""
    return config if mode is None else replace(config, episode=replace(config.episode, cost_mode=mode))


def show_evaluation(evaluation: Evaluation, document: Json, *, markdown: bool = False) -> None:
    """Print the results: table, routes of the first questions, headline."""
    table = markdown_table if markdown else format_table
    say("\n== results on held-out questions ==\n" + table(evaluation.comparison))
    show_traces(document)
    say("\n" + evaluation.comparison.headline())


def show_traces(document: Json) -> None:
    """Print the routes that the report writes out."""
    traces = document["traces"]
    if traces["questions"]:
        say(f"\n== routes of {traces['router']} ==")
    for trace in traces["questions"]:
        mark = "right" if trace["correct"] else "wrong"
        question = " ".join(f"[{trace['id']}] {trace['question']}".split())
        say(f"\n{question}\n    answer {trace['answer']}, gold {trace['gold']}: {mark}; {trace['stop_reason']}")
        for number, step in enumerate(trace["steps"], start=1):
            p_yes = "" if step["p_yes"] is None else f", P(yes) {step['p_yes']:.2f}"
            after = "" if step["previous_label"] == "none" else f" after {step['previous_label']}"
            say(f"    {number}. {step['expert']}{after}: {step['label']}{p_yes}, {figure(step['seconds'])} s, cost {figure(step['cost'])}")


def write_report(document: Json, path: Path) -> str:
    """Write a report as JSON; return the line that says so, ReportError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise ReportError(f"The report could not be written to {path} ({error.strerror}); name another file with --save-report.") from error
    return f"Wrote {path}"


def spread(evaluations: Sequence[Evaluation]) -> str:
    """Return mean, least and greatest accuracy and mean calls of the learned rows, by settings and experts."""
    found: dict[tuple[str, tuple[str, ...], TrainConfig], list[tuple[float, float]]] = {}
    for evaluation in evaluations:
        for row in evaluation.comparison.rows:
            if row.family == "learned" and evaluation.router:
                config, pool = evaluation.router.config, tuple(spec.name for spec in evaluation.router.experts)
                name = f"{config.reward.shaping} shaping, {config.episode.state}: {row.name}"
                found.setdefault((name, pool, _unseeded(config)), []).append((row.accuracy, row.calls))
    several = len({pool for _, pool, _ in found}) > 1
    lines = []
    for (name, pool, _), figures in found.items():
        accuracy, calls = np.array(figures).T
        title = f"{name} of {', '.join(pool)}" if several else name
        lines.append(
            f"{title}: right {100 * accuracy.mean():.1f} % (of {len(accuracy)} seeds: {100 * accuracy.min():.1f} to {100 * accuracy.max():.1f}), {calls.mean():.2f} calls"
        )
    return "\n".join(lines)


def now_utc() -> str:
    """Return the present time in UTC, ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _unseeded(config: TrainConfig) -> TrainConfig:
    return replace(config, seed=0, episode=replace(config.episode, confidence=1.0))
