"""A home for measuring the dashboard where no demo recording is shipped: made-up experts' replies to bundled questions."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from der_core.config import ExpertSpec
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Request
from der_core.recording.questions import load_questions
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question, Reply

RECORDING = "made-up"
N_QUESTIONS = 600
SKILLS = {"cheap": 0.3, "middling": 0.6, "dear": 1.2}
"""How far an expert's evidence lies from the border between yes and no, in standard deviations."""


class MadeUpExpert:
    """An expert that answers at once, right the more often the greater its skill; only what pages show of it matters."""

    def __init__(self, name: str, skill: float) -> None:
        self.spec = ExpertSpec(name, "openai", name, digest=f"sha256:{name}", params_billions=10 * skill)
        self._skill = skill

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call as a real expert would make it."""
        return Request("openai", self.spec.digest, build_messages(question, previous_label, "direct"), {"temperature": 0})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Draw the reply; the same question and previous label give the same one."""
        rng = np.random.default_rng(zlib.crc32(f"{self.spec.name} {question.id} {previous_label}".encode()))
        evidence = rng.normal(self._skill) * (1 if question.gold == Label.YES else -1)
        label, p_yes = (Label.YES if evidence >= 0 else Label.NO), float(1 / (1 + np.exp(-evidence)))
        return Reply(label.word, label, p_yes, 0.0, 0.02, 0.01 * self._skill, 0.02, 120, 0, 1, self.spec.digest)

    def close(self) -> None:
        """Nothing to give back."""


def record_made_up(folder: Path) -> None:
    """Write a recording of made-up experts into the home at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    experts = [MadeUpExpert(name, skill) for name, skill in SKILLS.items()]
    with Store.open(folder / "recordings.sqlite") as store:
        record(store, RECORDING, load_questions("bundled", limit=N_QUESTIONS, seed=7), {expert.spec.name: [expert] for expert in experts})
