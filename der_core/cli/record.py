"""`record`: ask every expert every question once, and keep the replies."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from der_core.cli.questions import read_and_tell
from der_core.cli.settings import ask_options, command_words, expert_specs
from der_core.cli.terminal import ProgressBar, complain, say
from der_core.errors import DerError
from der_core.evaluation.provenance import recording_meta
from der_core.evaluation.report import machine
from der_core.recording.calibration import N_CALLS, calibrate, check_idle, current_load
from der_core.recording.recorder import Progress, Summary, record
from der_core.recording.store import Calibration, Store
from der_core.records import Question
from der_core.work.recordings import open_replicas


def execute(arguments: argparse.Namespace) -> int:
    """Record; return 0 when the recording is complete, 1 when something is missing."""
    if arguments.calibrate_only:
        with Store.open(Path(arguments.store), create=False) as store:
            return 0 if calibrate_experts(arguments, store, store.questions(arguments.recording)) else 1
    questions = read_and_tell(arguments, arguments.split or "validation", arguments.samples, with_passage=arguments.passage).questions
    with Store.open(Path(arguments.store)) as store:
        if arguments.calibrate and not calibrate_experts(arguments, store, questions):
            complain("Going on without the figures that are missing; measure again with --calibrate-only.")
        summary = record_questions(arguments, store, questions)
        if arguments.vectors:
            store_vectors(store, questions, arguments.encoder)
    return 0 if summary.complete else 1


def record_questions(arguments: argparse.Namespace, store: Store, questions: Sequence[Question]) -> Summary:
    """Record `questions` with the experts of the options, showing progress; Ctrl-C stops after the call in flight."""
    specs, options = expert_specs(arguments), ask_options(arguments)
    bar = ProgressBar("recording")
    with open_replicas(specs, options, arguments.host) as experts, stop_on_interrupt() as stop:
        meta = recording_meta(store, arguments.recording, " ".join(command_words()))
        summary = record(store, arguments.recording, questions, experts, on_progress=Display(bar).show, stop=stop, meta=meta)
    bar.close()
    (say if summary.complete else complain)(summary.message)
    return summary


def calibrate_experts(arguments: argparse.Namespace, store: Store, questions: Sequence[Question]) -> bool:
    """Measure what a token costs each expert and keep it with the recording; whether all could be measured."""
    load = current_load()  # before the first call: later the load is our own
    if not arguments.busy:
        check_idle(load)
    specs, options, is_whole = expert_specs(arguments), ask_options(arguments), True
    with open_replicas(specs, options, arguments.host) as replicas, stop_on_interrupt() as stop:
        store.start_recording(arguments.recording)
        store.add_experts(arguments.recording, [hosts[0].spec for hosts in replicas.values()])
        for name, hosts in replicas.items():
            if stop.is_set():
                return False
            bar = ProgressBar(f"calibrating {name}")
            try:
                found = calibrate(hosts[0], questions, arguments.calibrate or N_CALLS, load=load, on_progress=bar.count, stop=stop)
            except DerError as error:
                is_whole = False
                complain(f"{name} was not calibrated: {error}")
                continue
            finally:
                bar.close()
            store.put_calibration(arguments.recording, replace(found, meta={**found.meta, "machine": machine()}))
            say(_priced(found))
    return is_whole


def _priced(found: Calibration) -> str:
    return (
        f"{found.expert}: {1e3 * found.prompt_token_s:.3f} ms per evaluated prompt token, {1e3 * found.generated_token_s:.2f} ms per generated "
        f"token ({found.n_calls} lone calls, {found.meta['seconds_of']}; half of them within {found.meta['median_error']:.0%} of that)"
    )


def store_vectors(store: Store, questions: Sequence[Question], encoder: str) -> None:
    """Encode all texts that any state of these questions needs, into the store."""
    from der_core.routing.encoding import CachedEncoder, SentenceEncoder  # routing stands above recording; only this option needs it
    from der_core.routing.state import state_texts

    CachedEncoder(SentenceEncoder(encoder), store).encode(state_texts(questions))


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Yield a flag that the first Ctrl-C sets; the second interrupts as usual."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def set_flag(signum: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)
        complain("\nStopping after the call in flight (press Ctrl-C again to stop at once).")

    signal.signal(signal.SIGINT, set_flag)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class Display:
    """What a person sees of a recording that goes on: the progress line, and above it, once, what is wrong with an expert."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar
        self._n_told = 0

    def show(self, progress: Progress) -> None:
        """Show how far the recording is."""
        for sentence in progress.advice[self._n_told :]:
            self._bar.interrupt()
            complain(sentence)
        self._n_told = max(self._n_told, len(progress.advice))
        faults = ", ".join(f"{count} {kind}" for kind, count in progress.faults.items())
        note = "; ".join(part for part in (f"asking {progress.expert}", faults, progress.waiting) if part)
        self._bar.show(progress.done, progress.total, progress.eta_s, note)
