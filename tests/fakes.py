"""Stand-ins for real LLMs; for tests only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from der_core.config import ExpertSpec
from der_core.experts.protocol import Request
from der_core.recording.table import Table
from der_core.records import N_LABELS, Label, Question, Reply

Script = Callable[[Question, Label], tuple[Label, float | None]]


def make_spec(name: str = "small", **changes: object) -> ExpertSpec:
    spec = ExpertSpec(name=name, backend="openai", model=f"{name}-model", params_billions=0.5, digest=f"sha256:{name}")
    return replace(spec, **changes)


def make_questions(n: int, passage: bool = True, gold: Sequence[Label] | None = None) -> tuple[Question, ...]:
    """n questions, gold answers alternating yes and no unless given; two questions share a passage."""
    answers = gold if gold is not None else [Label.YES if i % 2 == 0 else Label.NO for i in range(n)]
    return tuple(
        Question(
            id=f"q{i}",
            text=f"Is statement number {i} true?",
            passage=f"This is passage number {i // 2}, which says something." if passage else None,
            gold=answers[i] or None,
            kind="even" if i % 2 == 0 else "odd",
        )
        for i in range(n)
    )


class ScriptedExpert:
    """An Expert whose replies come from `script`: (question, previous label) -> (label, P(yes)), or an error.

    `asked` lists the calls in order.
    """

    def __init__(self, spec: ExpertSpec, script: Script) -> None:
        self.spec = spec
        self.script = script
        self.asked: list[tuple[str, Label]] = []
        self.is_closed = False

    notes: tuple[str, ...] = ()

    def recall(self, notes: Sequence[str]) -> None:
        self.notes = tuple(notes)

    def current_digest(self) -> str | None:
        return self.spec.digest

    def request(self, question: Question, previous_label: Label) -> Request:
        advice = "" if previous_label == Label.NONE else f"\nAnother expert said {previous_label.word}."
        user = f"{question.passage or ''}\n{question.text}{advice}"
        messages = (("system", f"Answer yes or no ({self.spec.style})."), ("user", user))
        return Request(self.spec.backend, self.spec.digest, messages, {"temperature": 0, "seed": 7, "num_predict": 8})

    def ask(self, question: Question, previous_label: Label) -> Reply:
        self.asked.append((question.id, previous_label))
        label, p_yes = self.script(question, previous_label)
        prompt = sum(len(text.split()) for _, text in self.request(question, previous_label).messages)
        cached = 0 if previous_label == Label.NONE else prompt // 2
        generated = 1 + len(question.text) % 3
        seconds = ((prompt - cached) * 0.001, generated * 0.01)
        return Reply(label.word, label, p_yes, 0.0, *seconds, sum(seconds) + 0.001, prompt, cached, generated, self.spec.digest)

    def close(self) -> None:
        self.is_closed = True


def says(label: Label, p_yes: float | None = None) -> Script:
    """A script that always replies the same."""
    return lambda question, previous_label: (label, p_yes)


def make_table(
    labels: ArrayLike,
    p_yes: ArrayLike | None = None,
    *,
    gold: Sequence[Label] | None = None,
    questions: Sequence[Question] | None = None,
    experts: Sequence[ExpertSpec] | None = None,
    seconds: ArrayLike | None = None,
    prompt_tokens: int = 20,
    generated_tokens: int = 2,
) -> Table:
    """A table from label codes of shape [Q, N, 4] (or [Q, N]: the same after every previous label).

    `p_yes` defaults to 0.9 where the label is yes, 0.1 where it is no, 0.5 where it is invalid; `seconds` ([N], total
    of each call) to 0.1, 0.2, ...; gold answers alternate yes and no; expert n has 0.5 * (n + 1) billion parameters.
    """
    codes = _spread(labels).astype(np.int8)
    q, n, _ = codes.shape
    asked = tuple(questions) if questions is not None else make_questions(q, gold=gold)
    specs = tuple(experts) if experts is not None else tuple(make_spec(f"expert{i}", params_billions=0.5 * (i + 1)) for i in range(n))
    likely = np.array([np.nan, 0.9, 0.1, 0.5])[codes] if p_yes is None else _spread(p_yes)
    total = np.broadcast_to(0.1 * np.arange(1, n + 1) if seconds is None else np.asarray(seconds, dtype=float), (n,))
    by_expert = total[None, :, None]

    def real(values: ArrayLike) -> np.ndarray:
        return np.where(codes > 0, np.broadcast_to(values, codes.shape), np.nan).astype(np.float32)

    return Table(
        questions=asked,
        experts=specs,
        labels=codes,
        p_yes=real(likely),
        load_s=real(0.0),
        prompt_s=real(by_expert / 2),
        generation_s=real(by_expert / 2),
        wall_s=real(by_expert * 1.1),
        prompt_tokens=real(prompt_tokens),
        cached_tokens=real(0),
        generated_tokens=real(generated_tokens),
    )


def _spread(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    return array if array.ndim == 3 else np.repeat(array[:, :, None], N_LABELS, axis=2)


class HashEncoder:
    """A TextEncoder without a model: each text has a unit vector of its own, the same in every process."""

    id = "hash-encoder"

    def __init__(self, dimension: int = 12) -> None:
        self.dimension = dimension

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.stack([np.random.default_rng(list(text.encode())).normal(size=self.dimension) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
