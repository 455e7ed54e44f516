"""docs/results.md made anew from a recording: every table of it, for both algorithms; all but the recording and the words between.

    make results                                       (or: python -m benchmarks.results_file)
    python -m benchmarks.results_file --store assets/demo.sqlite --recording demo --seeds 1 2 --ppo-steps 4096 --to trial.md

The words stand in docs/results.template.md, with a line {{name}} where a table goes; `tables_of` says which there are. Everything is
trained and compared in this process; with --save-runs each router is kept with its report, for the dashboard.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from der_core.cli.evaluate import measured_flips, now_utc, setting_name, spread
from der_core.config import DEPLOYABLE, PAPER, SPLIT_SEED, TrainConfig
from der_core.errors import DerError
from der_core.evaluation.claims import claims_table
from der_core.evaluation.cost_figures import figures_table
from der_core.evaluation.evidence import findings_of, live_table
from der_core.evaluation.experiment import Evaluation, Parts, choose_splits, cut, evaluate, report, train
from der_core.evaluation.findings import Findings
from der_core.evaluation.flipping import ends_in_words, flips_table
from der_core.evaluation.judge import judge_table, pays_in_words
from der_core.evaluation.reliability import answer_sureness, sureness_figures
from der_core.evaluation.runs import RunStore
from der_core.evaluation.tables import markdown_table, text_table
from der_core.evaluation.transfer import ALL_KINDS, transfer_effects, transfer_rows
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.routing.encoding import CachedEncoder, SentenceEncoder

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE, RESULTS = ROOT / "docs" / "results.template.md", ROOT / "docs" / "results.md"
SETTINGS: dict[str, TrainConfig] = {"deployable": DEPLOYABLE, "planner": replace(DEPLOYABLE, algorithm="planner"), "paper": PAPER}
COVERAGE = 0.8
_PLACE = re.compile(r"^\{\{(\w+)\}\}$", re.MULTILINE)

Rows = Sequence[tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Setting:
    """One setting, trained from every seed: a planner from one, since all of them give the same."""

    name: str
    evaluations: tuple[Evaluation, ...]
    findings: Findings

    @property
    def middle(self) -> Evaluation:
        """The evaluation of the median accuracy, the lower one of two."""
        ranked = sorted(self.evaluations, key=lambda one: one.comparison.row(one.traced).accuracy)
        return ranked[(len(ranked) - 1) // 2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, compare and write; 2 for an error said in one line."""
    options = _options(arguments)
    try:
        text = Path(options.template).read_text(encoding="utf-8")
        Path(options.to).write_text(fill(text, make_tables(options)), encoding="utf-8")
    except (DerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {options.to}")
    return 0


def fill(template: str, tables: Mapping[str, str]) -> str:
    """Return the template with every line {{name}} replaced by its table; DerError for a name that there is none of."""
    unknown = sorted(set(_PLACE.findall(template)) - set(tables))
    if unknown:
        raise DerError(f"The template asks for {', '.join(unknown)}; there are {', '.join(sorted(tables))}.")
    return _PLACE.sub(lambda found: tables[found.group(1)], template)


def make_tables(options: argparse.Namespace) -> dict[str, str]:
    """Train every setting from every seed, compare, and return the tables by name."""
    with Store.open(Path(options.store), create=False, read_only=True) as store:
        table = load_table(store, options.recording)
        parts = cut(table, choose_splits(table.questions, options.split_seed, options.train_samples, options.eval_samples))
        encoder = CachedEncoder(SentenceEncoder(DEPLOYABLE.encoder), store)
        evaluations = [
            _evaluated(parts, config, encoder, f"{name}, seed {config.seed}")
            for name in options.settings
            for config in _configs(SETTINGS[name], options)
        ]
        command = f"make results RECORDING={options.recording}"
        findings = findings_of(evaluations, live_table(store), command, measured=measured_flips(store, options.recording), judge=True)
    if options.save_runs:
        _keep(evaluations, findings, table, Path(options.save_runs))
    settings = [_setting(name, evaluations, findings) for name in options.settings]
    return tables_of(table, parts, settings)


def _evaluated(parts: Parts, config: TrainConfig, encoder: CachedEncoder, told: str) -> Evaluation:
    print(f"training and comparing: {told}", file=sys.stderr)
    router = train(parts, config, encoder)
    return evaluate(parts, router, router.config, encoder)


def _configs(config: TrainConfig, options: argparse.Namespace) -> list[TrainConfig]:
    seeds = options.seeds[:1] if config.algorithm == "planner" else options.seeds
    steps = config.ppo.total_steps if options.ppo_steps is None else options.ppo_steps
    return [replace(config, seed=seed, ppo=replace(config.ppo, total_steps=steps)) for seed in seeds]


def _name_of(evaluation: Evaluation) -> str:
    assert evaluation.router is not None
    config = evaluation.router.config
    return next(name for name, one in SETTINGS.items() if (one.algorithm, one.reward.shaping) == (config.algorithm, config.reward.shaping))


def _setting(name: str, evaluations: Sequence[Evaluation], findings: Sequence[Findings]) -> Setting:
    own = [place for place, evaluation in enumerate(evaluations) if _name_of(evaluation) == name]
    return Setting(name, tuple(evaluations[place] for place in own), findings[own[0]])


def _keep(evaluations: Sequence[Evaluation], findings: Sequence[Findings], table: Table, folder: Path) -> None:
    for evaluation, found in zip(evaluations, findings, strict=True):
        router = evaluation.router
        assert router is not None
        document = report(evaluation, table, router.config, ["make", "results"], now_utc(), findings=found)
        RunStore(folder).save(router, document, f"{_name_of(evaluation)} seed {router.config.seed}")


def tables_of(table: Table, parts: Parts, settings: Sequence[Setting]) -> dict[str, str]:
    """Return every table by the name under which the template asks for it."""
    effects = transfer_effects(parts.test, np.random.default_rng(SPLIT_SEED))
    found = {
        "data": _data(table, parts),
        "settings": "\n".join(f"- {line}" for line in spread([one for some in settings for one in some.evaluations]).splitlines()),
        "trainings": _markdown(_trainings(settings)),
        "sureness": _markdown(_sureness(settings)),
        "advice": _markdown(transfer_rows([effect for effect in effects if effect.kind == ALL_KINDS])),
        "advice_by_kind": _markdown(transfer_rows(effects)),
    }
    for setting in settings:
        found |= {f"{name}_{setting.name}": text for name, text in _own_tables(setting).items()}
    return found


def _own_tables(setting: Setting) -> dict[str, str]:
    middle, found = setting.middle, setting.findings
    assert middle.router is not None
    named = (
        f"Setting `{setting.name}` ({setting_name(middle)}), seed {middle.router.config.seed}, the median of {len(setting.evaluations)}."
    )
    flips, judge = found.flip_effects, found.judge_effects
    return {
        "comparison": f"{named}\n\n{markdown_table(middle.comparison)}\n\n{middle.comparison.headline()}",
        "claims": _markdown(claims_table(found.claims)),
        "costs": _markdown(figures_table(found.cost_figures)) if found.cost_figures else "",
        "flips": f"{_markdown(flips_table(flips))}\n\n{ends_in_words(flips)}" if flips else "",
        "judge": f"{_markdown(judge_table(judge))}\n\n{pays_in_words(judge)}" if judge else "",
    }


def _data(table: Table, parts: Parts) -> str:
    sizes = [part.n_questions for part in (parts.training, parts.validation, parts.test)]
    kinds = sorted({question.kind for question in table.questions if question.kind})
    out = f"; {table.n_left_out} that are not completely recorded stay out" if table.n_left_out else ""
    return (
        f"{table.n_questions:,} questions{f' of {len(kinds)} kinds' if kinds else ''}, asked of {table.n_experts} experts "
        f"({', '.join(spec.name for spec in table.experts)}) after every previous label that occurs{out}. {sizes[0]:,} questions train, "
        f"{sizes[1]:,} validate, {sizes[2]:,} are held out; what is about one passage stays together."
    )


def _trainings(settings: Sequence[Setting]) -> Rows:
    rows: list[tuple[str, ...]] = [("setting", "seed", "steps", "seconds", "how it ended")]
    for setting in settings:
        for evaluation in setting.evaluations:
            router = evaluation.router
            assert router is not None
            last = router.curves[-1] if router.curves else None
            taken = ("–", "–") if last is None else (f"{last.steps:,}", f"{last.seconds:.1f}")
            seed = "any" if router.config.algorithm == "planner" else str(router.config.seed)
            rows.append((setting.name, seed, *taken, router.ending))
    return rows


def _sureness(settings: Sequence[Setting]) -> Rows:
    """By setting and seed: how well the router knows whether its answers are right, and what withholding a fifth of them buys."""
    head = ("setting", "seed", "right %", "ECE %", "Brier", "Brier of the share", "AURC %", f"wrong % at {100 * COVERAGE:.0f} % answered")
    rows: list[tuple[str, ...]] = [head]
    for setting in settings:
        for evaluation in setting.evaluations:
            agent, router = evaluation.agent, evaluation.router
            assert agent is not None and router is not None
            run = evaluation.comparison.rollouts[agent.name]
            p = answer_sureness(agent, run, len(router.experts))
            assert p is not None
            told = sureness_figures(p, run.correct)
            risk = next(risk for coverage, risk in zip(told.coverage, told.risk, strict=True) if coverage >= COVERAGE)
            shares = (f"{100 * told.right:.1f}", f"{100 * told.ece:.1f}", f"{told.brier:.3f}", f"{told.brier_of_share:.3f}")
            rows.append((setting.name, str(router.config.seed), *shares, f"{100 * told.aurc:.1f}", f"{100 * risk:.1f}"))
    return rows


def _markdown(rows: Rows) -> str:
    return text_table(rows, markdown=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.results_file", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", default=str(ROOT / "assets" / "demo.sqlite"), help="SQLite file that holds the recording")
    parser.add_argument("--recording", default="demo", help="name of the recording")
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="what is trained")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5], help="training seeds of PPO; a planner is the same for all"
    )
    parser.add_argument("--ppo-steps", type=int, default=None, help="steps of PPO, at most (none: the default of training)")
    parser.add_argument("--split-seed", type=int, default=SPLIT_SEED, help="seed of the split")
    parser.add_argument("--train-samples", type=int, default=None, help="questions for training and validation (none: half of all)")
    parser.add_argument("--eval-samples", type=int, default=None, help="held-out questions (none: all the others)")
    parser.add_argument("--template", default=str(TEMPLATE), help="the words, with a line {{name}} where a table goes")
    parser.add_argument("--to", default=str(RESULTS), help="where to write")
    parser.add_argument("--save-runs", default="", help="keep each router with its report as a run in this folder")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
