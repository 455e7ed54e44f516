"""A backend that answers "yes" at once, as a stranger would write one: all of it is here. For tests only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from der_core.config import AskOptions, ExpertSpec
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Backend, ExpertHealth, Request
from der_core.records import Label, Question, Reply


class EchoExpert:
    """An expert that agrees with everything, in no time and for nothing."""

    notes: tuple[str, ...] = ()

    def __init__(self, spec: ExpertSpec, options: AskOptions) -> None:
        self.spec = replace(spec, digest=f"echo:{spec.model}")

    def request(self, question: Question, previous_label: Label) -> Request:
        return Request("echo", self.spec.digest, build_messages(question, previous_label, self.spec.style), {})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        return Reply("yes", Label.YES, 1.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, self.spec.digest)

    def recall(self, notes: Sequence[str]) -> None:
        pass

    def current_digest(self) -> str | None:
        return self.spec.digest

    def close(self) -> None:
        pass


BACKEND = Backend(
    name="echo",
    prefix="echo:",
    label="Echo",
    place="by echo",
    open=EchoExpert,
    check=lambda spec, options: ExpertHealth(spec, True, f"echo:{spec.model}", None, "Always ready."),
)
