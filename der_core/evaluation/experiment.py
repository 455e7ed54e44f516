"""One experiment: a table split by passage, routers trained on one part and all compared on another.

The command line and the dashboard both go through here, so a number means the same in either.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from der_core.config import SPLIT_SEED, CostMode, End, TrainConfig
from der_core.errors import RouterMismatch, SettingsError
from der_core.evaluation.comparison import Comparison, compare, fit_all_prices
from der_core.evaluation.evidence import findings_of
from der_core.evaluation.findings import Findings
from der_core.evaluation.reliability import calibrated_sureness
from der_core.evaluation.report import N_TRACES, Evaluated, Json, build_report
from der_core.evaluation.rollout import rollout
from der_core.experts.locating import without_addresses
from der_core.recording.splits import Splits, passage_groups, split_counts, split_questions
from der_core.recording.table import Table, check_has_gold
from der_core.records import Question
from der_core.routing.baselines import Reference, build_baselines, fit_reference
from der_core.routing.confidence import fit_program_confidence, with_program_confidence
from der_core.routing.cost import PriceChoice, Prices, can_price, choose_prices
from der_core.routing.encoding import TextEncoder
from der_core.routing.planner import train_planner
from der_core.routing.process import Floats
from der_core.routing.reward import accuracy_per_cost
from der_core.routing.router import Router
from der_core.routing.saved.trained import AgentRouter, TrainedRouter, TrainingProgress, check_experts_match
from der_core.routing.sources import Part, TableSource
from der_core.routing.state import query_vectors
from der_core.routing.stopping import calibrate_confidence
from der_core.routing.thresholds import fit_thresholds

AGENT = "DER"
"""Name of the learned router in a comparison, under the end rule it would be used with."""
GOLDLESS_ENDS: tuple[End, ...] = ("agreement", "confidence", "never")
"""End rules that an agent trained with gold stop can run under where nobody knows the gold answer."""
END_RESULT = "end_without_gold"
CONFIDENCE_TARGET = 0.9
"""Share of right answers aimed at among confident replies, where end `confidence` is calibrated."""


@dataclass(frozen=True)
class Sizes:
    """How many questions each part has."""

    training: int = 0
    validation: int = 0
    test: int = 0

    @property
    def total(self) -> int:
        """How many they are together."""
        return self.training + self.validation + self.test


@dataclass(frozen=True, eq=False)
class Parts:
    """The table cut by a split; `questions` are all of the table, those that no part took among them.

    Questions without a gold answer are in none of the three tables; `not_counted` says how many there are.
    """

    splits: Splits
    training: Table
    validation: Table
    test: Table
    questions: tuple[Question, ...]
    not_counted: Sizes = Sizes()


@dataclass(frozen=True, eq=False)
class Arena:
    """The held-out questions and all that stands ready to be compared on them."""

    source: TableSource
    baselines: tuple[Router, ...]
    reference: Reference
    cost_note: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The held-out comparison of one router (None: baselines only), with what it took; `agent` is what routed as its first learned row."""

    router: TrainedRouter | None
    parts: Parts
    source: TableSource
    comparison: Comparison
    prices: Mapping[CostMode, Prices]
    agent: AgentRouter | None = None

    @property
    def traced(self) -> str:
        """Name of the row whose routes are worth showing: the learned router, else the best deployable one."""
        return self.comparison.learned.name if self.comparison.learned else self.comparison.deployable[0].name


def choose_splits(questions: Sequence[Question], seed: int = SPLIT_SEED, train: int | None = None, test: int | None = None) -> Splits:
    """Return a split by passage: `train` (a fifth of them validates) and `test` questions, or shares of all where both are None."""
    if train is None and test is None:
        return split_questions(questions, seed=seed)
    n = len(questions)
    wanted = test if test is not None else n - (train or 0)
    return split_counts(questions, train=train if train is not None else n - wanted, test=wanted, seed=seed)


def cut(table: Table, splits: Splits) -> Parts:
    """Return the parts of `table`; ids that the table lacks (incomplete questions) and questions without a gold answer are left out.

    Raises SettingsError where a part would be empty.
    """
    check_has_gold(table.questions)
    recorded = {question.id for question in table.questions}
    parts = [table.subset(table.rows_of([i for i in ids if i in recorded])) for ids in (splits.train, splits.validation, splits.test)]
    counted = [part.with_gold() for part in parts]
    not_counted = Sizes(*(whole.n_questions - part.n_questions for whole, part in zip(parts, counted, strict=True)))
    if any(part.n_questions == 0 for part in counted):
        without = f" ({not_counted.total} without a gold answer are not counted)" if not_counted.total else ""
        raise SettingsError(
            f"Training, validation and test hold {', '.join(str(part.n_questions) for part in counted)} questions{without}; each needs at least "
            "one. Questions about one passage, or nearly the same ones, stay together. Record more questions, or divide them otherwise."
        )
    training, validation, test = counted
    return Parts(splits, training, validation, test, table.questions, not_counted)


def build_arena(parts: Parts, router: TrainedRouter | None, config: TrainConfig, encoder: TextEncoder) -> Arena:
    """Fit every baseline under the thresholds and prices of `router` (None: of `config`), ready for the test questions."""
    priced = price_parts(parts, router, config)
    tables = (parts.training, parts.validation, parts.test)
    confidence = router.program_confidence if router else fit_program_confidence(parts.training)
    thresholds = router.thresholds if router else _fitted_thresholds(parts.training, config, confidence)
    sources = [TableSource(table, priced.prices, thresholds, confidence) for table in tables]
    training, validation, test = (
        Part(source, query_vectors(table.questions, encoder)) for source, table in zip(sources, tables, strict=True)
    )
    rng = np.random.default_rng([config.seed, 1])
    with threadpool_limits(limits=1):  # small matrices: a second thread waits longer than it helps, above all on a busy machine
        baselines = build_baselines(training, validation, test, config, accuracy_per_cost(config.reward), rng)
    return Arena(test.source, baselines, fit_reference(training.source, validation.source), priced.told)


def _fitted_thresholds(training: Table, config: TrainConfig, confidence: Floats | None) -> Floats | None:
    """The thresholds that a router trained by `config` would have, so that single experts have them where nothing is trained."""
    return fit_thresholds(with_program_confidence(training, confidence)) if config.fit_thresholds else None


def price_parts(parts: Parts, router: TrainedRouter | None, config: TrainConfig) -> PriceChoice:
    """Return the price list of `router` where it is in the cost mode of `config` and knows a price for every reply; else one fitted on the
    training questions, in the mode of `config` or one that has figures for every reply."""
    tables = (parts.training, parts.validation, parts.test)
    if router is not None and router.prices.mode == config.episode.cost_mode and can_price(router.prices, tables):
        return PriceChoice(router.prices)
    return choose_prices(parts.training, config.episode.cost_mode, config.calibration_samples, tables[1:])


@dataclass(frozen=True)
class Settled:
    """The settings that a training can have on its recording, and in one sentence what had to be changed ("" if nothing)."""

    config: TrainConfig
    note: str


def settle_cost(parts: Parts, config: TrainConfig) -> Settled:
    """Return the settings in a cost mode that has figures for every reply: their own, or another one, which is said."""
    choice = price_parts(parts, None, config)
    return Settled(replace(config, episode=replace(config.episode, cost_mode=choice.prices.mode)), choice.note)


def agent_routers(router: TrainedRouter, questions: Sequence[Question], encoder: TextEncoder, name: str = AGENT) -> list[AgentRouter]:
    """Return the trained agent, named `name`, under the end rule it would be used with; it needs no gold answer.

    An agent trained with gold stop comes with it (the oracle) and with the other rules as well, each under
    a name of its own.
    """
    vectors = router.state.question_vectors(questions, encoder)
    if router.config.episode.end != "gold":
        return [AgentRouter(router, vectors, name=name)]
    chosen = usable_end(router)
    others = [AgentRouter(router, vectors, end=end, name=f"{name}, {end}") for end in GOLDLESS_ENDS if end != chosen]
    return [AgentRouter(router, vectors, end=chosen, name=name), *others, AgentRouter(router, vectors, name=f"{name}, gold stop")]


def usable_end(router: TrainedRouter) -> End:
    """Return the end rule for questions whose answer nobody knows: the router's own or, for one trained with gold stop, the one chosen on validation."""
    own = router.config.episode.end
    chosen = router.results.get(END_RESULT, GOLDLESS_ENDS[0])
    return next((end for end in GOLDLESS_ENDS if end == chosen), GOLDLESS_ENDS[0]) if own == "gold" else own


def choose_end(router: TrainedRouter, validation: Table, encoder: TextEncoder) -> End:
    """Return the rule without gold under which the agent does best on the validation questions: accuracy less the worth of cost."""
    source = router.table_source(validation)
    vectors = router.state.question_vectors(validation.questions, encoder)
    weight = accuracy_per_cost(router.config.reward)

    def utility(end: End) -> float:
        run = rollout(AgentRouter(router, vectors, end=end), source, router.config.reward)
        return float(run.correct.mean() - weight * run.costs.sum(axis=1).mean())

    return max(GOLDLESS_ENDS, key=utility)


def train(
    parts: Parts,
    config: TrainConfig,
    encoder: TextEncoder,
    *,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    stop: threading.Event | None = None,
) -> TrainedRouter:
    """Return a router trained on the training questions.

    Where the cost mode of `config` lacks figures, another one is taken (see `settle_cost`). The validation questions choose which
    update is kept and when training ends early, calibrate its confidence threshold (unless it trained with that end, and so with
    the threshold of `config`), choose the end rule for use of one trained with gold stop, and calibrate what it says of the present
    answer. A planner is there at once: it reports no progress, and `stop` finds nothing to stop.
    """
    config = settle_cost(parts, config).config
    if config.algorithm == "planner":
        learned = train_planner(parts.training, config, encoder, parts.validation)
    else:
        from der_core.routing.agent.training import train_router  # late: it imports torch

        watch = on_progress or (lambda progress: None)
        learned = train_router(parts.training, config, encoder, validation=parts.validation, on_progress=watch, stop=stop)
    router = replace(learned, validation_question_ids=tuple(question.id for question in parts.validation.questions))
    if config.episode.end != "confidence":
        episode = replace(router.config.episode, confidence=calibrated_confidence(parts.validation, router))
        router = replace(router, config=replace(router.config, episode=episode))
    if config.episode.end == "gold":
        router = replace(router, results={END_RESULT: choose_end(router, parts.validation, encoder)})
    with threadpool_limits(limits=1):  # as for the baselines
        sureness = calibrated_sureness(router, usable_end(router), parts.training, parts.validation, encoder)
    return replace(router, sureness=sureness)


def evaluate(parts: Parts, router: TrainedRouter | None, config: TrainConfig, encoder: TextEncoder) -> Evaluation:
    """Compare the router (None: nothing learned) with every baseline on the test questions, at prices in the cost mode of `config`.

    Raises RouterMismatch where the router has other experts, or has seen a test question, or its passage, while it was trained or validated.
    """
    learned: list[AgentRouter] = []
    if router is not None:
        check_experts_match(router, parts.test.experts)
        _check_unseen(router, parts)
        learned = agent_routers(router, parts.test.questions, encoder)
    arena = build_arena(parts, router, config, encoder)
    prices = fit_all_prices(parts.training, config.calibration_samples, (parts.validation, parts.test))
    prices[arena.source.prices.mode] = arena.source.prices
    comparison = compare(
        [*learned, *arena.baselines], arena.source, config, prices, arena.reference, np.random.default_rng([config.seed, 2])
    )
    told = replace(comparison, n_not_counted=parts.not_counted.test, cost_note=arena.cost_note)
    return Evaluation(router, parts, arena.source, told, prices, learned[0] if learned else None)


def report(
    evaluation: Evaluation,
    table: Table,
    config: TrainConfig,
    command: Sequence[str],
    created_utc: str,
    n_traces: int = N_TRACES,
    findings: Findings | None = None,
) -> Json:
    """Return the report of an evaluation; `table` is the recording that was cut, `findings` (None: of this one router) are
    told in it."""
    router = evaluation.router
    told = without_addresses(list(command))
    run = Evaluated(
        command=command,
        created_utc=created_utc,
        config=router.config if router else config,
        training_seeds=[router.config.seed] if router else [],
        evaluation_seed=config.seed,
        table=table,
        splits=evaluation.parts.splits,
        test=evaluation.source,
        prices=evaluation.prices,
        curves={router.config.seed: router.curves} if router else {},
        comparison=evaluation.comparison,
        traced=evaluation.traced,
        findings=findings or findings_of([evaluation], None, shlex.join(told))[0],
        training={router.config.seed: _training(router)} if router else {},
    )
    return build_report(run, n_traces)


def _training(router: TrainedRouter) -> Json:
    updates = len(router.curves)
    return {"ending": router.ending, "converged": router.converged, "updates": updates, "best_update": router.best_update}


def calibrated_confidence(validation: Table, router: TrainedRouter) -> float:
    """Return the confidence from which replies to validation questions are right nine times in ten, between 0.5 and 1."""
    source = router.table_source(validation)
    return min(1.0, max(0.5, calibrate_confidence(source, CONFIDENCE_TARGET).threshold))


def _check_unseen(router: TrainedRouter, parts: Parts) -> None:
    """Raise RouterMismatch where a test question, or another about its passage, taught the router or chose its end rule."""
    groups = dict(zip((question.id for question in parts.questions), passage_groups(parts.questions), strict=True))
    for use, ids in (("trained", router.training_question_ids), ("validated", router.validation_question_ids)):
        known = {groups[name] for name in ids if name in groups}
        n_seen = sum(groups[question.id] in known for question in parts.test.questions)
        if n_seen:
            raise RouterMismatch(
                f"The router was {use} on {n_seen} of the test questions, or on others about their passages. "
                "Use the split seed and the sizes it was trained with."
            )
