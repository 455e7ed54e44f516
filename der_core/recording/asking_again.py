"""Does a server repeat itself? Recorded calls made again, in another order and company, and compared with what was recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from der_core.errors import ExpertError, StoreError, WaitStopped
from der_core.experts.bounds import check_reply
from der_core.experts.patience import Waited, watched_waits
from der_core.experts.protocol import Expert
from der_core.recording.crew import WARM_UP
from der_core.recording.store import Entry, Store
from der_core.records import Label, Question, Reply

MOST_FAULTS_IN_A_ROW = 10
"""An expert that gives no reply so many times in a row is asked no more."""


@dataclass
class AskedAgain:
    """How an expert's recorded calls came out when they were made again.

    `n_asked` gave a reply, `n_faults` none (`last_fault` is the last one's message). `n_flipped` gave another label,
    `n_first_words` another first word. `p_yes_changes` holds how far P(yes) moved, where it is known both times.
    """

    expert: str
    n_asked: int = 0
    n_flipped: int = 0
    n_first_words: int = 0
    p_yes_changes: list[float] = field(default_factory=list)
    n_faults: int = 0
    last_fault: str = ""

    def note(self, recorded: Reply | None, again: Reply | ExpertError) -> None:
        """Take note of a call that was made again."""
        if isinstance(again, ExpertError):
            self.n_faults += not isinstance(again, WaitStopped)
            self.last_fault = str(again)
        elif recorded is not None:
            self.n_asked += 1
            self.n_flipped += recorded.label != again.label
            self.n_first_words += _first_word(recorded) != _first_word(again)
            if recorded.p_yes is not None and again.p_yes is not None:
                self.p_yes_changes.append(abs(recorded.p_yes - again.p_yes))


def ask_again(
    store: Store,
    recording: str,
    experts: Mapping[str, Expert],
    n: int,
    rng: np.random.Generator,
    *,
    on_progress: Callable[[int, int, str], None] = lambda done, total, expert: None,
    stop: threading.Event | None = None,
) -> list[AskedAgain]:
    """Make `n` recorded calls again, drawn by `rng` and shared evenly among the experts; return how they came out, by expert.

    `on_progress` takes the calls made, their number and the expert. Faults of experts do not raise. Raises StoreError,
    before anything is asked, for an expert that the recording lacks or that would be asked otherwise than it was
    recorded (other weights, prompts or options), and afterwards where its weights changed meanwhile.
    """
    questions = {question.id: question for question in store.questions(recording)}
    sample = _sample(store, recording, experts, n, rng)
    for name, entries in sample.items():
        experts[name].recall(store.remarks(recording, name))
        _check_asked_alike(experts[name], entries, questions, recording)
    stopped = stop or threading.Event()
    total, found = sum(map(len, sample.values())), [AskedAgain(name) for name in sample]
    for outcome in found:
        expert, in_a_row, waited = experts[outcome.expert], 0, Waited()
        _ask(expert, WARM_UP, Label.NONE, stopped, waited)
        for entry in sample[outcome.expert]:
            if stopped.is_set() or in_a_row == MOST_FAULTS_IN_A_ROW:
                break
            on_progress(sum(other.n_asked + other.n_faults for other in found), total, outcome.expert)
            again = _ask(expert, questions[entry.call.question_id], entry.call.previous_label, stopped, waited)
            in_a_row = in_a_row + 1 if isinstance(again, ExpertError) else 0
            outcome.note(store.find_reply(entry.key), again)
        _check_same_weights(expert)
    return found


def _sample(store: Store, recording: str, experts: Mapping[str, Expert], n: int, rng: np.random.Generator) -> dict[str, list[Entry]]:
    recorded = {spec.name: spec for spec in store.experts(recording)}
    for name, expert in experts.items():
        if name not in recorded:
            raise StoreError(f"Recording {recording!r} has no expert {name}; it has {', '.join(recorded)}.")
        if expert.spec.digest != recorded[name].digest:
            raise StoreError(
                f"Expert {name} was recorded with the weights {recorded[name].digest}, and has {expert.spec.digest} now: "
                "its replies cannot be compared. Name the model that was recorded."
            )
    entries = sorted(store.entries(recording), key=lambda entry: entry.key)
    sample = {}
    for place, name in enumerate(experts):
        own = [entry for entry in entries if entry.call.expert == name]
        share = n // len(experts) + (place < n % len(experts))
        sample[name] = [own[index] for index in rng.permutation(len(own))[:share]]
    return sample


def _check_asked_alike(expert: Expert, entries: Sequence[Entry], questions: Mapping[str, Question], recording: str) -> None:
    for entry in entries:
        if expert.request(questions[entry.call.question_id], entry.call.previous_label).key != entry.key:
            raise StoreError(
                f"Expert {expert.spec.name} of recording {recording!r} was asked with another prompt or other options "
                "(window, token limit, threads, build) than it would be now; give the same ones."
            )


def _check_same_weights(expert: Expert) -> None:
    digest = expert.current_digest()
    if digest is not None and digest != expert.spec.digest:
        raise StoreError(
            f"The server names {digest} as the weights of {expert.spec.name} now, and named {expert.spec.digest} before: "
            "nothing can be said of its replies. Ask again."
        )


def _ask(expert: Expert, question: Question, label: Label, stop: threading.Event, waited: Waited) -> Reply | ExpertError:
    try:
        with watched_waits(is_stopped=stop.is_set, waited=waited):
            reply = expert.ask(question, label)
        check_reply(reply)
        return reply
    except ExpertError as error:
        return error


def _first_word(reply: Reply) -> str:
    words = reply.text.split()
    return words[0] if words else ""
