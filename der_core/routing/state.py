"""What the router sees: the state as a vector, the same for training, evaluation and live questions.

`text` (the seed's): the vector of "Q: question / A: previous label", and nothing else.

`features`, in this order: question, passage and previous answer as vectors of their own (each reduced to
its first principal components on the training questions), previous label one-hot [4], step one-hot [T_max],
experts tried [N], centred P(yes) of the last reply [1], its confidence [1], agreement so far [1].

Where the end is learned, a last column tells whether STOP is allowed (1 from the second step on).

All columns but that last one are brought to comparable spread: less their mean, divided by their spread on training
questions (one spread for the whole vector of `text`). A router that was saved without such figures sees its columns as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.config import EpisodeConfig, StateKind
from der_core.errors import RouterMismatch
from der_core.records import N_LABELS, Label, Question
from der_core.routing.encoding import TextEncoder
from der_core.routing.process import Situation

Vectors = NDArray[np.float32]
Components = NDArray[np.float64]

COMPONENTS = 8
"""Principal components kept of each text field.

A hundred or two training questions cannot fill 384 dimensions: on 150 BoolQ questions, five-fold, 8 components
kept more of their training accuracy on the questions left out than 32 did (docs/results.md).
"""
FIELDS = ("question", "passage", "answer")
QUERY_COMPONENTS = 32
"""Principal components of question and passage together that the planner sees, at most; its estimates are penalised, and can have more."""
QUERY_FIELD = "query"


@dataclass(frozen=True)
class Projection:
    """Centring and rotation of one text field: (v - mean) @ basis, shapes [D] and [D, k]."""

    mean: Vectors
    basis: Vectors

    @classmethod
    def fit(cls, vectors: Vectors, components: int) -> Projection:
        """Return the first principal components of `vectors` [n, D], scaled to unit variance on them.

        Directions without variance are dropped, so k may be below `components`, down to 0.
        """
        # In double precision: the rounding error of a single-precision mean would pass for a direction of its own.
        mean = vectors.mean(axis=0, dtype=np.float64)
        _, singular, directions = np.linalg.svd(vectors - mean, full_matrices=False)
        spread = singular / np.sqrt(len(vectors))
        kept = int(np.sum(spread[:components] > 1e-6))
        basis = (directions[:kept] / spread[:kept, None]).T
        return cls(mean.astype(np.float32), np.ascontiguousarray(basis, dtype=np.float32))

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return the projected vectors, shape [n, k]."""
        return np.asarray((vectors - self.mean) @ self.basis, dtype=np.float32)


@dataclass(frozen=True)
class Scaling:
    """What brings the columns of observations to comparable spread: (column - mean) / spread, shapes [size]."""

    mean: Vectors
    spread: Vectors

    @classmethod
    def fit(cls, batches: Iterable[Vectors], together: int = 0) -> Scaling:
        """Return mean and standard deviation of every column over all `batches` [B, size]; a column that never changes is only centred.

        The first `together` columns are one vector: they get one spread, their root mean square, and keep its directions.
        """
        n, total, squares = 0, 0.0, 0.0
        for batch in batches:
            exact = batch.astype(np.float64)
            n, total, squares = n + len(exact), total + exact.sum(axis=0), squares + (exact**2).sum(axis=0)
        mean = np.asarray(total) / n
        variance = np.asarray(squares) / n - mean**2
        if together:
            variance[:together] = variance[:together].mean()
        spread = np.where(variance > _SMALLEST_VARIANCE, np.sqrt(np.maximum(variance, _SMALLEST_VARIANCE)), 1.0)
        return cls(mean.astype(np.float32), spread.astype(np.float32))

    def __call__(self, observations: Vectors) -> Vectors:
        """Return the scaled observations, none of them further than `FARTHEST` spreads from its mean."""
        scaled = observations - self.mean  # one new array and no more: this runs at every step of a training
        scaled /= self.spread
        return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST, out=scaled))


FARTHEST = 5.0
"""What hardly ever happened in training, such as an invalid reply, would otherwise outweigh all the rest."""
_SMALLEST_VARIANCE = 1e-10


@dataclass(frozen=True)
class QuestionVectors:
    """The part of the state that hangs on the question: `varying[q, label]`, shape [Q, 4, width]."""

    varying: Vectors


class StateEncoder:
    """Builds observations for one kind of state; fitted on training questions, saved with the router."""

    def __init__(
        self,
        episode: EpisodeConfig,
        n_experts: int,
        encoder_id: str,
        dimension: int,
        projections: dict[str, Projection],
        scaling: Scaling | None = None,
    ) -> None:
        self.episode = episode
        self.n_experts = n_experts
        self.encoder_id = encoder_id
        self.dimension = dimension
        self.projections = projections
        self.scaling = scaling
        self._answers: Vectors | None = None
        extra = 0 if episode.state == "text" else N_LABELS + episode.t_max + n_experts + 3
        text = dimension if episode.state == "text" else sum(p.basis.shape[1] for p in projections.values())
        self.size = text + extra + int(episode.has_stop_action)

    @classmethod
    def fit(cls, questions: Sequence[Question], episode: EpisodeConfig, n_experts: int, encoder: TextEncoder) -> StateEncoder:
        """Return the state encoder for `episode`, its projections fitted on the training `questions`."""
        if episode.state == "text":
            dimension = encoder.encode([state_text(questions[0], Label.NONE)]).shape[1]
            return cls(episode, n_experts, encoder.id, dimension, {})
        fields = {name: encoder.encode(texts) for name, texts in _field_texts(questions).items()}
        projections = {name: Projection.fit(vectors, COMPONENTS) for name, vectors in fields.items()}
        return cls(episode, n_experts, encoder.id, fields["question"].shape[1], projections)

    def with_scaling(self, batches: Iterable[Vectors]) -> StateEncoder:
        """Return the encoder that scales observations as fitted on `batches`, which this one observed on training questions."""
        scaling = Scaling.fit(batches, together=self.dimension if self.episode.state == "text" else 0)
        if self.episode.has_stop_action:
            scaling.mean[-1], scaling.spread[-1] = 0.0, 1.0  # whether STOP is allowed is read off that column
        return StateEncoder(self.episode, self.n_experts, self.encoder_id, self.dimension, self.projections, scaling)

    def question_vectors(self, questions: Sequence[Question], encoder: TextEncoder) -> QuestionVectors:
        """Encode questions once, for all observations about them."""
        n = len(questions)
        if self.episode.state == "text":
            texts = [state_text(question, label) for question in questions for label in Label]
            return QuestionVectors(self._encoded(encoder, texts).reshape(n, N_LABELS, -1))
        texts_of = _field_texts(questions)
        if self._answers is None:
            self._answers = self._encoded(encoder, texts_of["answer"])  # the same four texts every time
        encoded = {
            "question": self._encoded(encoder, texts_of["question"]),
            "passage": self._encoded(encoder, texts_of["passage"]),
            "answer": self._answers,
        }
        fields = {name: self.projections[name](vectors) for name, vectors in encoded.items()}
        fixed = np.concatenate([fields["question"], fields["passage"]], axis=1)
        parts = [np.repeat(fixed[:, None], N_LABELS, axis=1), np.repeat(fields["answer"][None], n, axis=0)]
        return QuestionVectors(np.concatenate(parts, axis=2))

    def _encoded(self, encoder: TextEncoder, texts: Sequence[str]) -> Vectors:
        vectors = encoder.encode(texts)
        _check_dimension(vectors.shape[1], self.dimension, encoder)
        return vectors

    @property
    def n_query_components(self) -> int:
        """How many numbers are known of a question beside its route: none for state `text`, which is one vector for all."""
        return sum(self.projections[name].basis.shape[1] for name in FIELDS[:2] if name in self.projections)

    def query_components(self, vectors: QuestionVectors) -> Components:
        """Return what is known of each question beside its route, shape [Q, K]."""
        return vectors.varying[:, Label.NONE, : self.n_query_components].astype(np.float64)

    def observe(self, vectors: QuestionVectors, now: Situation) -> Vectors:
        """Return the observations of B routes, shape [B, size]."""
        out = np.zeros((len(now.rows), self.size), dtype=np.float32)
        text = vectors.varying[now.rows, now.label]
        width = text.shape[1]
        out[:, :width] = text
        if self.episode.state == "features":
            self._write_features(out[:, width:], now)
        if self.episode.has_stop_action:
            out[:, -1] = now.step > 0
        return out if self.scaling is None else self.scaling(out)

    def _write_features(self, out: Vectors, now: Situation) -> None:
        every, t_max, n = np.arange(len(now.rows)), self.episode.t_max, self.n_experts
        out[every, now.label] = 1.0
        # A route that has just ended stands at step T_max; its state is never acted on.
        out[every, N_LABELS + np.minimum(now.step, t_max - 1)] = 1.0
        start = N_LABELS + t_max
        out[:, start : start + n] = now.tried
        out[:, start + n] = now.p_yes
        out[:, start + n + 1] = np.abs(now.p_yes - 0.5) + 0.5
        out[:, start + n + 2] = now.agreement


@dataclass(frozen=True, eq=False)
class QueryState:
    """What the planner sees of a question: its vector and its passage's side by side, reduced to principal components.

    What a route has heard beside it, the planner reads from the situation itself.
    """

    encoder_id: str
    dimension: int
    projection: Projection

    @classmethod
    def fit(cls, questions: Sequence[Question], encoder: TextEncoder) -> QueryState:
        """Return the components of the training `questions`."""
        vectors = query_vectors(questions, encoder)
        return cls(encoder.id, vectors.shape[1] // 2, Projection.fit(vectors, QUERY_COMPONENTS))

    @property
    def n_query_components(self) -> int:
        """How many numbers are known of a question."""
        return int(self.projection.basis.shape[1])

    @property
    def projections(self) -> dict[str, Projection]:
        """The projection by the name it is saved under."""
        return {QUERY_FIELD: self.projection}

    def question_vectors(self, questions: Sequence[Question], encoder: TextEncoder) -> QuestionVectors:
        """Encode questions once; the same components whatever was answered before."""
        vectors = query_vectors(questions, encoder)
        _check_dimension(vectors.shape[1] // 2, self.dimension, encoder)
        components = self.projection(vectors)
        return QuestionVectors(np.broadcast_to(components[:, None], (len(components), N_LABELS, components.shape[1])))

    def query_components(self, vectors: QuestionVectors) -> Components:
        """Return what is known of each question, shape [Q, K]."""
        return vectors.varying[:, Label.NONE].astype(np.float64)


def _check_dimension(found: int, expected: int, encoder: TextEncoder) -> None:
    """Raise RouterMismatch where the encoder's vectors are not of the length that the router reads."""
    if found != expected:
        raise RouterMismatch(
            f"The router reads vectors of {expected} numbers, those of the encoder {encoder.id[:80]!r} have {found}. "
            "Use its encoder, or train again."
        )


def query_vectors(questions: Sequence[Question], encoder: TextEncoder) -> Vectors:
    """Return what the planner and the query-only baselines see of a question: question and passage vector, shape [Q, 2 D]."""
    texts = encoder.encode([question.text for question in questions])
    passages = encoder.encode([question.passage or "" for question in questions])
    return np.concatenate([texts, passages], axis=1)


def state_text(question: Question, previous: Label) -> str:
    """Return the text of the `text` state. The passage stays out: it would push question and answer past the encoder's limit."""
    return f"Q: {question.text}\nA: {'' if previous is Label.NONE else previous.word}".rstrip()


def _field_texts(questions: Sequence[Question]) -> dict[str, list[str]]:
    return {
        "question": [question.text for question in questions],
        "passage": [question.passage or "" for question in questions],
        "answer": ["" if label is Label.NONE else label.word for label in Label],
    }


def state_texts(questions: Sequence[Question], kind: StateKind = "text") -> list[str]:
    """Return every distinct text that has to be encoded of `questions`, for baselines and for states of this kind.

    Those of kind `text` hold all others.
    """
    fields = [text for texts in _field_texts(questions).values() for text in texts]
    states = [state_text(question, label) for question in questions for label in Label] if kind == "text" else []
    return list(dict.fromkeys(fields + states))
