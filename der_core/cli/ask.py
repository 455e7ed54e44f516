"""`ask`: route typed questions with a trained router and live experts, no gold answer in sight."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from der_core.cli.record import stop_on_interrupt
from der_core.cli.settings import ask_options, expert_specs, installed_files
from der_core.cli.terminal import ProgressBar, complain, figure, say
from der_core.config import AskOptions, End, ExpertSpec
from der_core.errors import ExpertError, SettingsError
from der_core.evaluation.experiment import usable_end
from der_core.experts.locating import at_addresses, locate
from der_core.experts.opening import check_experts, open_experts
from der_core.experts.program import program_of, told_run
from der_core.experts.protocol import Expert
from der_core.files import check_output
from der_core.recording.questions import read_questions
from der_core.recording.store import Store
from der_core.records import Label, Question, Route, Step
from der_core.routing.encoding import CachedEncoder, SentenceEncoder, TextEncoder
from der_core.routing.live import Decision
from der_core.routing.saved.router_file import load_router
from der_core.routing.saved.trained import TrainedRouter, check_experts_match
from der_core.work.answers import answer_all
from der_core.work.routes import live_events

HELP = "Type a yes/no question and press Enter. /passage TEXT sets a passage, /passage alone clears it, /quit ends."


def execute(arguments: argparse.Namespace) -> int:
    """Answer one question, all of a file, or as many as are typed."""
    questions = read_file(arguments)
    if arguments.save:
        check_output(Path(arguments.save), "--save")
    trained = load_router(Path(arguments.load_router), expected_encoder=arguments.encoder)
    for line in trained.left_out:
        complain(line)
    end = arguments.end or usable_end(trained)
    with ExitStack() as stack:
        encoder: TextEncoder = SentenceEncoder(arguments.encoder)
        if arguments.store:
            encoder = CachedEncoder(encoder, stack.enter_context(Store.open(Path(arguments.store), create=False, read_only=True)))
        experts = stack.enter_context(open_experts(specs_for(trained, arguments), ask_options(arguments)))
        check_experts_match(trained, [expert.spec for expert in experts])
        if arguments.question:
            return answer(trained, experts, encoder, Question("typed", arguments.question, arguments.with_passage), end)
        if questions:
            return answer_file(questions, arguments, trained, experts, encoder, end)
        return converse(trained, experts, encoder, end)


def read_file(arguments: argparse.Namespace) -> tuple[Question, ...]:
    """Return the questions of --questions, what was read of them said; none without that option."""
    if arguments.questions and not arguments.save:
        raise SettingsError("--questions needs the file for the answers: name it with --save FILE.")
    if arguments.save and not arguments.questions:
        raise SettingsError("--save keeps the answers to --questions; name these too.")
    if arguments.questions and arguments.with_passage:
        raise SettingsError("--with-passage belongs to one --question; the passages of --questions stand in their file.")
    if not arguments.questions:
        return ()
    file = read_questions(arguments.questions, split=arguments.split or "validation")
    say(file.summary)
    return file.questions


def answer_file(
    questions: Sequence[Question],
    arguments: argparse.Namespace,
    trained: TrainedRouter,
    experts: Sequence[Expert],
    encoder: TextEncoder,
    end: End,
) -> int:
    """Answer every question into the file of --save; return 1 where some have no answer yet."""
    fingerprint = hashlib.sha256(Path(arguments.load_router).read_bytes()).hexdigest()
    bar = ProgressBar("answering")
    with stop_on_interrupt() as stop:
        done = answer_all(
            questions,
            trained,
            experts,
            encoder,
            end,
            Path(arguments.save),
            fingerprint=fingerprint,
            on_progress=lambda now, eta_s: bar.show(
                now.n_answered + now.n_faults, now.n_total, eta_s, f"{now.n_faults} faults" if now.n_faults else ""
            ),
            stop=stop,
        )
    bar.close()
    if done.complete:
        say(f"All {done.n_total:,} questions have an answer in {arguments.save}.")
        return 0
    faults = [f"{done.n_faults:,} got a fault instead, which stands in their lines."] if done.n_faults else []
    answered = f"{done.n_answered:,} of {done.n_total:,} questions have an answer in {arguments.save}."
    complain(" ".join([answered, *faults, *done.given_up, "The same command asks the rest."]))
    return 1


def specs_for(trained: TrainedRouter, arguments: argparse.Namespace) -> list[ExpertSpec]:
    """Return where the router's experts are reached: where --experts says, else at --host, else at the usual place of their backend.

    Of several hosts each expert is asked at the first that can answer for it.
    """
    given, files = expert_specs(arguments) if arguments.experts else [], installed_files(arguments)
    options = ask_options(arguments)
    places = [at_addresses(locate(expert, given, files), arguments.host) for expert in trained.experts]
    return [place if not others else _first_ready([place, *others], options) for place, *others in places]


def _first_ready(places: Sequence[ExpertSpec], options: AskOptions) -> ExpertSpec:
    return next((place for place in places if check_experts([place], options)[0].ready), places[0])


def converse(trained: TrainedRouter, experts: Sequence[Expert], encoder: TextEncoder, end: End) -> int:
    """Answer typed questions until /quit or the end of input; an expert's fault ends only its question."""
    say(HELP)
    passage: str | None = None
    number = 0
    while True:
        try:
            line = input("\nquestion> ").strip()
        except EOFError:
            return 0
        if line in ("/quit", "/exit"):
            return 0
        if line == "/help":
            say(HELP)
        elif line.startswith("/passage"):
            passage = line.removeprefix("/passage").strip() or None
            say("Passage set." if passage else "No passage.")
        elif line:
            number += 1
            answer(trained, experts, encoder, Question(f"typed-{number}", line, passage), end)


def answer(trained: TrainedRouter, experts: Sequence[Expert], encoder: TextEncoder, question: Question, end: End) -> int:
    """Route one question and show every step; return 2 when an expert failed."""
    actions = [spec.name for spec in trained.experts] + ["STOP"]
    try:
        for event in live_events(question, trained, experts, encoder, end):
            show_event(event, actions)
    except ExpertError as error:
        complain(f"error: {error}")
        return 2
    return 0


def show_event(event: Decision | Step | Route, actions: Sequence[str]) -> None:
    """Print a decision, a reply, or the end of a route."""
    if isinstance(event, Decision):
        thoughts = ", ".join(f"{name} {p:.2f}" for name, p in zip(actions, event.probabilities, strict=False))
        choice = "STOP" if event.expert is None else event.expert + (" (instead of asking the same expert again)" if event.repeated else "")
        say(f"\nstep {event.step + 1}: the router chooses {choice}" + (f"   [{thoughts}]" if thoughts else ""))
        if event.prompt:
            say("\n".join(f"    | {line}" for line in event.prompt.splitlines()))
    elif isinstance(event, Step):
        say(_told_step(event))
    else:
        p_right = event.steps[-1].p_right if event.steps and event.answer is not Label.INVALID else None
        sure = "" if p_right is None else f" ({100 * p_right:.0f} % sure)"
        say(f"\nanswer: {event.answer.word}{sure} after {len(event.steps)} calls, cost {figure(event.cost)}, because {event.stop_reason}")


def _told_step(step: Step) -> str:
    """What an expert replied: a program with what it printed or why it failed, any other text in one line, with why it is no answer."""
    reply = step.reply
    p_yes = "" if reply.p_yes is None else f", P(yes) {reply.p_yes:.2f}{' (fitted confidence)' if reply.interpreter else ''}"
    price = f"{step.label.word}{p_yes}, {figure(reply.wall_s)} s, cost {figure(step.cost)}"
    program = program_of(reply) if reply.interpreter else ""
    if reply.interpreter:
        lines = (program or reply.text).strip().splitlines()
        return "\n".join(
            [
                f"    {step.expert} writes a program:",
                *(f"    | {line}" for line in lines),
                f"    {' '.join(told_run(reply).split())} → {price}",
            ]
        )
    why = f" ({reply.reason})" if reply.reason else ""
    return f"    {step.expert} replies {reply.text.strip()!r}: {price}{why}"
