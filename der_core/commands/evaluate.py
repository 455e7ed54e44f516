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

from der_core.commands.settings import command_words
from der_core.commands.terminal import figure, say
from der_core.commands.train import load_parts
from der_core.config import DEPLOYABLE, CostMode, TrainConfig
from der_core.errors import ReportError
from der_core.evaluation.bar import in_points
from der_core.evaluation.claims import Claim, claims_table
from der_core.evaluation.comparison import Comparison
from der_core.evaluation.evidence import claims_of, flips_of, live_table, unseeded
from der_core.evaluation.experiment import Evaluation, Parts, evaluate, report
from der_core.evaluation.flipping import FlipEffects, ends_in_words, flips_table
from der_core.evaluation.report import Json
from der_core.evaluation.runs import RunStore
from der_core.evaluation.seeds import Seeds
from der_core.evaluation.tables import format_table, markdown_table, text_table
from der_core.experts.locating import without_addresses
from der_core.recording.store import Store
from der_core.recording.table import Table
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.router_file import load_router
from der_core.routing.trained import TrainedRouter


def execute(arguments: argparse.Namespace) -> int:
    """Compare each router in its own table; then sum up each setting over its seeds, and test the five claims on it."""
    routers: list[tuple[str, TrainedRouter | None]] = [(name, load_router(Path(name))) for name in arguments.load_router] or [("", None)]
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        encoder = CachedEncoder(SentenceEncoder(arguments.encoder), store)
        pools = [pool_of(arguments, router) for _, router in routers]
        data = {pool: load_parts(store, arguments, pool) for pool in dict.fromkeys(pools)}
        evaluations = [
            evaluate_one(arguments, data[pool][1], router, encoder, Path(name).stem)
            for pool, (name, router) in zip(pools, routers, strict=True)
        ]
        claims = claims_of(evaluations, live_table(store), shlex.join(without_addresses(command_words())))
        flips = flips_of(evaluations, measured_flips(store, arguments.recording)) if arguments.flips else [None] * len(evaluations)
    if not arguments.only_claims:
        for pool, (name, _), evaluation, tested, flipped in zip(pools, routers, evaluations, claims, flips, strict=True):
            tell(arguments, data[pool][0], evaluation, tested, flipped, Path(name).stem)
        if len(evaluations) > 1:
            say("\n== over the routers given ==\n" + spread(evaluations))
    show_flips(evaluations, flips, markdown=arguments.markdown)
    show_claims(evaluations, claims, markdown=arguments.markdown)
    return 0


def measured_flips(store: Store, recording: str) -> dict[str, float]:
    """Return by expert the share of recorded calls that gave another label when they were made again."""
    return {name: rate.n_flipped / rate.n_asked for name, rate in store.flip_rates(recording).items()}


def show_flips(evaluations: Sequence[Evaluation], flips: Sequence[FlipEffects | None], *, markdown: bool) -> None:
    """Print what flipped labels do, once for each setting."""
    told: dict[int, str] = {}
    for evaluation, effects in zip(evaluations, flips, strict=True):
        if effects is not None and id(effects) not in told:
            told[id(effects)] = f"{text_table(flips_table(effects), markdown=markdown)}\n{ends_in_words(effects)}"
            say(f"\n== replies that flip: {setting_name(evaluation)}, {effects.router} ==\n{told[id(effects)]}")


def show_claims(evaluations: Sequence[Evaluation], claims: Sequence[Sequence[Claim]], *, markdown: bool) -> None:
    """Print the five claims, once for each setting that has a learned router."""
    tables: dict[str, str] = {}
    for evaluation, tested in zip(evaluations, claims, strict=True):
        if evaluation.router:
            tables.setdefault(text_table(claims_table(tested), markdown=markdown), setting_name(evaluation))
    for table, name in tables.items():
        say(f"\n== the five claims: {name} ==\n{table}")


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


def tell(
    arguments: argparse.Namespace, table: Table, evaluation: Evaluation, claims: Sequence[Claim], flips: FlipEffects | None, name: str
) -> None:
    """Write the report, and the run called `name` if wanted, then show table, traces and headline."""
    config = config_of(arguments, evaluation.router)
    document = report(evaluation, table, config, command_words(), now_utc(), max(arguments.show_der_qa, 0), claims, flips)
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
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
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
        title = f"{config.reward.shaping} shaping, {config.episode.state}: {name}"
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
        f"of {len(right)} seeds: {100 * min(right):.1f} to {100 * max(right):.1f}), cost {cost:.2f} ({seeds.cost_mode}), {calls:.2f} calls, "
        f"{in_points(gap)} from {best}, {above}"
    )


def setting_name(evaluation: Evaluation) -> str:
    """Return in words what a learned router was trained for."""
    config = evaluation.router.config if evaluation.router else DEPLOYABLE
    return f"{config.reward.shaping} shaping, {config.episode.state}, alpha {config.reward.alpha:g}"


def now_utc() -> str:
    """Return the present time in UTC, ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
