"""`run`: the whole job, from real experts to a trained and measured router."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from der_core.bounds import as_json
from der_core.cli.ask import converse, specs_for
from der_core.cli.evaluate import now_utc, show_evaluation, write_report
from der_core.cli.questions import read_and_tell
from der_core.cli.record import record_questions
from der_core.cli.settings import ask_options, command_words, expert_specs, train_config
from der_core.cli.terminal import complain, figure, say, say_json
from der_core.cli.train import load_pool, settle_cost_aloud, train_with_progress
from der_core.config import TrainConfig
from der_core.errors import ModelMissing
from der_core.evaluation.experiment import Evaluation, Parts, choose_splits, cut, evaluate, report, usable_end
from der_core.evaluation.probe import ProbedExpert, probe_experts
from der_core.experts.locating import at_addresses
from der_core.experts.opening import check_experts, open_experts
from der_core.files import check_output
from der_core.recording.questions import BUNDLED_SETS, Splits, is_question_file, unknown_to, without_passages
from der_core.recording.store import Store
from der_core.recording.table import Table
from der_core.records import Question
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.saved.router_file import load_router, save_router
from der_core.routing.saved.trained import TrainedRouter

HUB_SPLITS = ("train", "validation")


def execute(arguments: argparse.Namespace) -> int:
    """Record, look at single experts, train (or load), evaluate, report; return 1 when the recording stayed incomplete."""
    config = train_config(arguments)
    check_outputs(arguments)
    say_json("configuration", {"options": vars(arguments), "settings": config.to_json()})
    require_ready(arguments)
    questions, splits = load_split(arguments)
    with Store.open(Path(arguments.store)) as store:
        if not record_questions(arguments, store, questions).complete:
            complain("Going on with the questions that are completely recorded.")
        if all(question.gold is None for question in questions):
            say("The replies are kept. Without answers nothing can be trained or measured, so this ends here.")
            return 0
        table = load_pool(store, arguments.recording, arguments.use_experts)
        parts = cut(table, splits)
        config = settle_cost_aloud(parts, config)
        probed = probe(parts, arguments.probe_samples, config)
        encoder = CachedEncoder(SentenceEncoder(config.encoder), store)
        router = obtain_router(arguments, parts, config, encoder)
        evaluation = evaluate(parts, router, router.config, encoder)
        finish(arguments, evaluation, table, router, probed)
        if arguments.interactive:
            talk(arguments, router, encoder)
    return 0


def check_outputs(arguments: argparse.Namespace) -> None:
    """Raise SettingsError, before any work, where a router or a report could not be written."""
    for option in ("save_router", "save_report"):
        place = getattr(arguments, option)
        if place and not (option == "save_router" and arguments.load_router):
            check_output(Path(place), f"--{option.replace('_', '-')}")


def require_ready(arguments: argparse.Namespace) -> None:
    """Raise ModelMissing, with every line that mends it, unless all experts are ready."""
    replicas = [replica for spec in expert_specs(arguments) for replica in at_addresses(spec, arguments.host)]
    missing = [health.message for health in check_experts(replicas, ask_options(arguments)) if not health.ready]
    if missing:
        raise ModelMissing("\n       ".join(dict.fromkeys(missing)))


def load_split(arguments: argparse.Namespace) -> tuple[tuple[Question, ...], Splits]:
    """Return all questions to record, and which of them train, validate and test.

    A hub dataset with splits of its own trains on its training split and tests on its validation split, as
    the name of an --split overrides; one file is split by passage.
    """
    source, seed = arguments.questions, arguments.seed
    n_train, n_test = arguments.train_samples, arguments.eval_samples
    if is_question_file(source) or source in BUNDLED_SETS or arguments.split:
        file = read_and_tell(arguments, arguments.split or "validation", n_train + n_test, with_passage=arguments.passage)
        return file.questions, choose_splits(file.questions, seed, n_train, n_test)
    every, held_out = (
        read_and_tell(arguments, split, limit, with_passage=True).questions
        for split, limit in zip(HUB_SPLITS, (n_train, n_test), strict=True)
    )
    learn = unknown_to(held_out, every)
    if len(learn) < len(every):
        say(
            f"{len(every) - len(learn)} training questions are left out: their passages, or nearly the same ones, are among the test questions."
        )
    inner = choose_splits(learn, seed, None, None)
    splits = Splits(train=inner.train + inner.test, validation=inner.validation, test=tuple(question.id for question in held_out))
    pool = (*learn, *held_out)
    return pool if arguments.passage else tuple(without_passages(pool)), splits


def probe(parts: Parts, samples: int, config: TrainConfig) -> tuple[ProbedExpert, ...]:
    """Print and return how single experts do on a few training questions, before anything is trained."""
    probed = probe_experts(parts.training, samples, config)
    if probed:
        say(f"\n== single experts on {probed[0].n} training questions ==")
    for one in probed:
        say(f"{one.expert:32s} right {one.accuracy:6.1%} [{one.low:.1%}, {one.high:.1%}]  cost {figure(one.cost)}")
    return probed


def obtain_router(arguments: argparse.Namespace, parts: Parts, config: TrainConfig, encoder: TextEncoder) -> TrainedRouter:
    """Load the router named by the options, or train one."""
    if arguments.load_router:
        say(f"Using the router in {arguments.load_router}; training options have no effect.")
        router = load_router(Path(arguments.load_router), expected_experts=parts.training.experts, expected_encoder=config.encoder)
        for line in router.left_out:
            complain(line)
        return router
    router = train_with_progress(parts, config, encoder)
    if arguments.save_router:
        save_router(router, Path(arguments.save_router))
        say(f"Wrote {arguments.save_router}")
    return router


def finish(
    arguments: argparse.Namespace, evaluation: Evaluation, table: Table, router: TrainedRouter, probed: Sequence[ProbedExpert]
) -> None:
    """Write the report, the look at single experts in it, then print the results."""
    document = report(evaluation, table, router.config, command_words(), now_utc(), max(arguments.show_der_qa, 0))
    document["probe"] = as_json(list(probed))
    written = ""
    try:
        if arguments.save_report:
            written = write_report(document, Path(arguments.save_report))
    finally:
        show_evaluation(evaluation, document)
    if written:
        say(written)


def talk(arguments: argparse.Namespace, router: TrainedRouter, encoder: TextEncoder) -> None:
    """Go on with typed questions."""
    with open_experts(specs_for(router, arguments), ask_options(arguments)) as experts:
        converse(router, experts, encoder, usable_end(router))
