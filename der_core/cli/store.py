"""`store`: list, verify and export recordings; ask a sample of recorded calls again."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from der_core.cli.record import stop_on_interrupt
from der_core.cli.settings import ask_options, expert_specs
from der_core.cli.terminal import ProgressBar, complain, say
from der_core.errors import SettingsError, StoreError
from der_core.evaluation.report import machine
from der_core.evaluation.statistics import wilson_interval
from der_core.foreign import in_one_line
from der_core.recording.asking_again import AskedAgain, ask_again
from der_core.recording.store import FlipRate, Store
from der_core.work.recordings import open_replicas


def execute(arguments: argparse.Namespace) -> int:
    """Carry out one action; `verify` returns 1 when it finds a problem."""
    # Nothing is written but by export, to another file, and where calls are asked again: a shipped store stays as it is, to the byte.
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        return _ACTIONS[arguments.action](store, arguments)


def _list(store: Store, arguments: argparse.Namespace) -> int:
    """Name every recording and read all of it but the replies; what cannot be read is told, and makes the exit code 1."""
    problems: list[str] = []
    try:
        for recording in store.recordings():
            counts = f"{recording.n_questions} questions, {recording.n_experts} experts, {recording.n_entries} replies"
            say(f"{in_one_line(recording.name)}: {counts}")
            unreadable = store.unreadable(recording.name)
            problems += unreadable
            if not unreadable:
                _tell_of_experts(store, recording.name)
    except StoreError as error:
        problems.append(str(error))
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _tell_of_experts(store: Store, recording: str) -> None:
    """Say what is to be known of a recording's experts beside their replies."""
    rates, prices = store.flip_rates(recording), store.calibrations(recording)
    for name in (spec.name for spec in store.experts(recording)):
        told = list(store.remarks(recording, name))
        for change in store.digest_changes(recording):
            if change.expert == name:
                since = f" from question {change.first_question} on" if change.n_replies else ""
                told.append(f"its server named {change.new} instead of {change.old}{since}; {change.n_replies} replies set aside")
        if name in rates:
            told.append(f"{rates[name].n_flipped} of {rates[name].n_asked} labels came out differently when asked again")
        if name in prices:
            told.append(f"calibrated by {prices[name].n_calls} lone calls")
        for sentence in told:
            say(f"  {in_one_line(name)}: {in_one_line(sentence)}")


def _verify(store: Store, arguments: argparse.Namespace) -> int:
    found = store.examine()
    for problem in found.problems:
        complain(problem)
    say(f"proven: {'; '.join(found.proven)}.")
    say(f"cannot be proven: {'; '.join(found.unproven)}.")
    say(f"{arguments.store}: {f'problems: {len(found.problems)}' if found.problems else 'verified, nothing contradicts it'}")
    if found.problems or not arguments.ask:
        return 1 if found.problems else 0
    return _ask_again(store, arguments)


def _ask_again(store: Store, arguments: argparse.Namespace) -> int:
    """Make some recorded calls again, tell how they came out, and keep that with the recording; 1 where some gave no reply."""
    specs = expert_specs(arguments)
    if not specs:
        raise SettingsError("--ask needs the experts that were recorded: name them with --experts.")
    bar = ProgressBar("asking again")
    with open_replicas(specs, ask_options(arguments), arguments.host) as replicas, stop_on_interrupt() as stop:
        experts = {name: hosts[0] for name, hosts in replicas.items()}
        rng = np.random.default_rng(arguments.seed)
        outcomes = ask_again(
            store,
            arguments.recording,
            experts,
            arguments.ask,
            rng,
            on_progress=lambda done, total, name: bar.show(done, total, None, f"asking {name}"),
            stop=stop,
        )
    bar.close()
    for outcome in outcomes:
        say(_in_words(outcome))
    _keep([_rate(outcome, arguments.seed) for outcome in outcomes if outcome.n_asked], arguments)
    return 1 if any(outcome.n_faults or not outcome.n_asked for outcome in outcomes) else 0


def _in_words(outcome: AskedAgain) -> str:
    if not outcome.n_asked:
        told = "no call gave a reply"
    else:
        interval = wilson_interval(outcome.n_flipped, outcome.n_asked)
        told = (
            f"{outcome.n_flipped} of {outcome.n_asked} labels came out differently "
            f"({outcome.n_flipped / outcome.n_asked:.1%} [{interval.low:.1%}, {interval.high:.1%}]), {outcome.n_first_words} first words"
        )
    changes = outcome.p_yes_changes
    moved = f", P(yes) moved by {max(changes):.4f} at most (known both times: {len(changes)})" if changes else ""
    faults = f"; {outcome.n_faults} calls gave no reply, the last one: {outcome.last_fault}" if outcome.n_faults else ""
    return f"{outcome.expert}: {told}{moved}{faults}"


def _rate(outcome: AskedAgain, seed: int) -> FlipRate:
    changes = outcome.p_yes_changes
    meta = {
        "first_words": outcome.n_first_words,
        "largest_p_yes_change": max(changes) if changes else None,
        "n_p_yes": len(changes),
        "n_without_reply": outcome.n_faults,
        "seed": seed,
        "machine": machine(),
    }
    return FlipRate(outcome.expert, outcome.n_asked, outcome.n_flipped, meta)


def _keep(rates: list[FlipRate], arguments: argparse.Namespace) -> None:
    try:
        with Store.open(Path(arguments.store), create=False) as store:
            for rate in rates:
                store.put_flip_rate(arguments.recording, rate)
    except StoreError as error:
        complain(f"Not kept with the recording: {error}")
        return
    say(f"Kept with recording {arguments.recording!r}: {arguments.store} was written to.")


def _export(store: Store, arguments: argparse.Namespace) -> int:
    if not arguments.to:
        raise StoreError("export needs --to FILE.")
    store.export(Path(arguments.to), arguments.recording)
    say(f"Wrote {arguments.to}")
    return 0


_ACTIONS = {"list": _list, "verify": _verify, "export": _export}
