"""Experts that repeat what was recorded: what a replayed route asks instead of models."""

from __future__ import annotations

from collections.abc import Sequence

from der_core.config import ExpertSpec
from der_core.errors import ExpertError
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Request
from der_core.recording.store import Call, Store
from der_core.records import Label, Question, Reply


class RecordedExpert:
    """An Expert that answers from a recording, at once and without any model.

    It knows the questions of the recording only, by their id. The store stays open for as long as it is asked.
    """

    def __init__(self, store: Store, recording: str, spec: ExpertSpec) -> None:
        """Nothing is read yet; `spec` is the expert as the recording names it."""
        self._store = store
        self._recording = recording
        self._spec = spec

    @property
    def spec(self) -> ExpertSpec:
        """The settings it was recorded with."""
        return self._spec

    @property
    def notes(self) -> tuple[str, ...]:
        """None: the recording keeps them."""
        return ()

    def recall(self, notes: Sequence[str]) -> None:
        """Nothing: it asks nobody."""

    def current_digest(self) -> str | None:
        """The digest that it was recorded with."""
        return self._spec.digest

    def request(self, question: Question, previous_label: Label) -> Request:
        """The messages that were sent, built again; without decoding options, since nothing will be decoded."""
        return Request(self._spec.backend, self._spec.digest, build_messages(question, previous_label, self._spec.style), {})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Return the recorded reply; ExpertError where that call was never recorded."""
        reply = self._store.reply_at(self._recording, Call(question.id, self._spec.name, previous_label))
        if reply is None:
            raise ExpertError(
                f"Recording {self._recording!r} holds no reply of {self._spec.name} to question {question.id} "
                f"after label {previous_label.word}; complete the recording, or choose another question."
            )
        return reply

    def close(self) -> None:
        """Nothing to give back: the store belongs to whoever opened it."""
