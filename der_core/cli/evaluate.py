"""`evaluate`: saved routers against every baseline, on questions they have not seen."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from der_core.cli.settings import command_words
from der_core.cli.terminal import figure, say
from der_core.cli.train import load_parts
from der_core.config import DEPLOYABLE, CostMode, TrainConfig
from der_core.errors import ReportError
from der_core.evaluation.bar import in_points
from der_core.evaluation.claims import claims_table
from der_core.evaluation.comparison import Comparison
from der_core.evaluation.cost_figures import figures_table
from der_core.evaluation.evidence import findings_of, live_table, unseeded
from der_core.evaluation.experiment import Evaluation, Parts, evaluate, report
from der_core.evaluation.findings import Findings
from der_core.evaluation.flipping import ends_in_words, flips_table
from der_core.evaluation.judge import judge_table, pays_in_words
from der_core.evaluation.report import Json
from der_core.evaluation.runs import RunStore
from der_core.evaluation.seeds import Seeds
from der_core.evaluation.tables import format_table, markdown_table, text_table
from der_core.experts.locating import without_addresses
from der_core.files import check_output, check_output_folder, write_whole
from der_core.recording.store import Store
from der_core.recording.table import Table
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.saved.router_file import load_router
from der_core.routing.saved.trained import TrainedRouter


def execute(arguments: argparse.Namespace) -> int:
    """Compare each router in its own table; then sum up each setting over its seeds, and test the five claims on it."""
    if arguments.save_report and not arguments.only_claims:
        check_output(Path(arguments.save_report), "--save-report")
    if arguments.save_runs:
        check_output_folder(Path(arguments.save_runs), "--save-runs")
    routers: list[tuple[str, TrainedRouter | None]] = [
        (name, load_router(Path(name), expected_encoder=arguments.encoder)) for name in arguments.load_router
    ] or [("", None)]
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        encoder = CachedEncoder(SentenceEncoder(arguments.encoder), store)
        pools = [pool_of(arguments, router) for _, router in routers]
        data = {pool: load_parts(store, arguments, pool) for pool in dict.fromkeys(pools)}
        evaluations = [
            evaluate_one(arguments, data[pool][1], router, encoder, Path(name).stem)
            for pool, (name, router) in zip(pools, routers, strict=True)
        ]
        measured = measured_flips(store, arguments.recording) if arguments.flips else None
        command = shlex.join(without_addresses(command_words()))
        findings = findings_of(evaluations, live_table(store), command, measured=measured, judge=arguments.judge)
    if not arguments.only_claims:
        for pool, (name, _), evaluation, found in zip(pools, routers, evaluations, findings, strict=True):
            tell(arguments, data[pool][0], evaluation, found, Path(name).stem)
        if len(evaluations) > 1:
            say("\n== over the routers given ==\n" + spread(evaluations))
    shown: list[Findings] = []
    for evaluation, found in zip(evaluations, findings, strict=True):
        if evaluation.router and found not in shown:
            show_findings(found, setting_name(evaluation), only_claims=arguments.only_claims, markdown=arguments.markdown)
            shown.append(found)
    return 0


def measured_flips(store: Store, recording: str) -> dict[str, float]:
    """Return by expert the share of recorded calls that gave another label when they were made again."""
    return {name: rate.n_flipped / rate.n_asked for name, rate in store.flip_rates(recording).items()}


def show_findings(found: Findings, setting: str, *, only_claims: bool, markdown: bool) -> None:
    """Print what the routers of one setting come to: the five claims last."""

    def show(title: str, rows: Sequence[tuple[str, ...]], sentence: str = "") -> None:
        say(f"\n== {title}: {setting} ==\n{text_table(rows, markdown=markdown)}" + (f"\n{sentence}" if sentence else ""))

    if found.cost_figures and not only_claims:
        show("between cost and accuracy", figures_table(found.cost_figures))
    if found.flip_effects and not only_claims:
        show("replies that flip", flips_table(found.flip_effects), ends_in_words(found.flip_effects))
    if found.judge_effects and not only_claims:
        show("a simulated judge as stop signal", judge_table(found.judge_effects), pays_in_words(found.judge_effects))
    show("the five claims", claims_table(found.claims))


def pool_of(arguments: argparse.Namespace, router: TrainedRouter | None) -> tuple[str, ...] | None:
    """Return the experts to compare on: those of the options, else the router's own; None for all."""
    if arguments.use_experts is not None:
        return tuple(arguments.use_experts)
    return tuple(spec.name for spec in router.experts) if router else None


def evaluate_one(arguments: argparse.Namespace, parts: Parts, router: TrainedRouter | None, encoder: TextEncoder, name: str) -> Evaluation:
    """Evaluate one router; `name` is the one of its file."""
    if router and not router.validation_question_ids:
        say(
            f"{name} does not tell which questions chose its end rule, as an earlier version saved it: they may be among the test questions."
        )
    return evaluate(parts, router, config_of(arguments, router), encoder)


def config_of(arguments: argparse.Namespace, router: TrainedRouter | None) -> TrainConfig:
    """Return the settings to evaluate by: the router's own, with the cost mode of the options."""
    return priced_in(router.config if router else DEPLOYABLE, arguments.cost_mode)


def tell(arguments: argparse.Namespace, table: Table, evaluation: Evaluation, findings: Findings, name: str) -> None:
    """Write the report, and the run called `name` if wanted, then show table, traces and headline."""
    config = config_of(arguments, evaluation.router)
    document = report(evaluation, table, config, command_words(), now_utc(), max(arguments.show_der_qa, 0), findings)
    written = []
    try:
        if arguments.save_report:
            written.append(write_report(document, Path(arguments.save_report)))
        if arguments.save_runs and evaluation.router:
            run = RunStore(Path(arguments.save_runs)).save(evaluation.router, document, name.replace("-", " "))
            written.append(f"Kept as run {run.id} in {arguments.save_runs}")
    finally:
        show_evaluation(evaluation, document, markdown=arguments.markdown)
    for line in written:
        say(line)


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
        write_whole(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode())
    except OSError as error:
        raise ReportError(f"The report could not be written to {path} ({error.strerror}); name another file with --save-report.") from error
    return f"Wrote {path}"


def spread(evaluations: Sequence[Evaluation]) -> str:
    """Return by setting, pool and learned row what its seeds come to: accuracy with an interval over questions and seeds, cost, calls, lead."""
    found: dict[tuple[str, tuple[str, ...], TrainConfig], list[Comparison]] = {}
    for evaluation in evaluations:
        for row in evaluation.comparison.rows if evaluation.router else ():
            if row.family == "learned" and evaluation.router:
                pool = tuple(spec.name for spec in evaluation.router.experts)
                found.setdefault((row.name, pool, unseeded(evaluation.router.config)), []).append(evaluation.comparison)
    several = len({pool for _, pool, _ in found}) > 1
    lines = []
    for (name, pool, config), comparisons in found.items():
        title = f"{_named(config)}: {name}"
        lines.append(f"{title} of {', '.join(pool)}" if several else title)
        lines[-1] += ": " + _over_seeds(Seeds(tuple(comparisons)), name)
    return "\n".join(lines)


def _over_seeds(seeds: Seeds, name: str) -> str:
    rows = [one.row(name) for one in seeds.comparisons]
    accuracy, right = seeds.accuracy(name), [row.accuracy for row in rows]
    best = seeds.comparisons[0].best_single.name
    gap, lead = seeds.gap(name, best), seeds.lead_over_singles(name)
    cost, calls = (
        np.mean(figures)
        for figures in ([row.costs[one.cost_mode] for row, one in zip(rows, seeds.comparisons, strict=True)], [row.calls for row in rows])
    )
    above = "costs less than any single expert" if np.isnan(lead.value) else f"{in_points(lead)} from mixing single experts at equal cost"
    return (
        f"right {100 * accuracy.value:.1f} % (95 % interval over questions and seeds {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}; "
        f"{len(right)} seed{'s' if len(right) > 1 else ''}: {100 * min(right):.1f} to {100 * max(right):.1f}), cost {cost:.2f} ({seeds.cost_mode}), {calls:.2f} calls, "
        f"{in_points(gap)} from {best}, {above}"
    )


def setting_name(evaluation: Evaluation) -> str:
    """Return in words what a learned router was trained for."""
    config = evaluation.router.config if evaluation.router else DEPLOYABLE
    return f"{_named(config)}, alpha {config.reward.alpha:g}"


def _named(config: TrainConfig) -> str:
    return "planner" if config.algorithm == "planner" else f"{config.reward.shaping} shaping, {config.episode.state}"


def now_utc() -> str:
    """Return the present time in UTC, ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
