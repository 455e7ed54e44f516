"""The table: a recording as arrays, the form in which everything after recording reads it.

Shape legend: Q questions, N experts, 4 previous labels (none, yes, no, invalid).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from der_core.config import ExpertSpec
from der_core.errors import IncompleteRecording, SettingsError
from der_core.experts.bounds import LONGEST_S, MOST_TOKENS
from der_core.experts.parsing import apply_thresholds
from der_core.foreign import in_one_line
from der_core.recording import packing
from der_core.recording.database import as_recorded
from der_core.recording.store import Calibration, Store
from der_core.records import N_LABELS, Label, Question

Codes = NDArray[np.int8]
Reals = NDArray[np.float32]
Flags = NDArray[np.bool_]

_REAL_FIELDS = ("p_yes", "load_s", "prompt_s", "generation_s", "wall_s")
_COUNT_FIELDS = ("prompt_tokens", "cached_tokens", "generated_tokens")
_MOST = {"p_yes": 1.0, **dict.fromkeys(_COUNT_FIELDS, float(MOST_TOKENS))}
_WORDS = {"labels": "label", "p_yes": "P(yes)"}
_NUMBERS = {int, float, type(None)}


@dataclass(frozen=True, eq=False)
class Table:
    """All replies of some experts to some questions; arrays have shape [Q, N, 4].

    `labels[q, n, b]` is the code of what expert n replies to question q after label b, 0 where that was
    not recorded; reals are nan there. Where an expert is asked a question once, its reply stands after every label. Times are seconds; a count of tokens that the server did not tell is nan. `n_left_out` counts the questions
    of the recording that are missing here because replies of theirs are. `calibrations` tell by expert what its tokens
    cost in seconds, of those that were calibrated. `mean_logprob` is that of the tokens of a reply that is more than a word,
    nan where unknown.
    """

    questions: tuple[Question, ...]
    experts: tuple[ExpertSpec, ...]
    labels: Codes
    p_yes: Reals
    load_s: Reals
    prompt_s: Reals
    generation_s: Reals
    wall_s: Reals
    prompt_tokens: Reals
    cached_tokens: Reals
    generated_tokens: Reals
    n_left_out: int = 0
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    mean_logprob: Reals = None  # type: ignore[assignment]  # nan throughout where not given

    def __post_init__(self) -> None:
        """Fill in what was not given."""
        if self.mean_logprob is None:
            object.__setattr__(self, "mean_logprob", np.full(self.labels.shape, np.nan, dtype=np.float32))

    @property
    def n_questions(self) -> int:
        """Q, how many questions there are."""
        return len(self.questions)

    @property
    def n_experts(self) -> int:
        """N, how many experts there are."""
        return len(self.experts)

    @cached_property
    def gold(self) -> Codes:
        """Codes of the gold answers, shape [Q]; 0 where nobody knows the answer."""
        return np.array([question.gold or Label.NONE for question in self.questions], dtype=np.int8)

    @cached_property
    def quality(self) -> Reals:
        """1 where the reply is the gold answer, else 0, shape [Q, N, 4]; nan where either is unknown."""
        gold = self.gold[:, None, None]
        known = (self.labels > 0) & (gold > 0)
        return np.where(known, (self.labels == gold).astype(np.float32), np.float32(np.nan))

    def subset(self, indices: ArrayLike) -> Table:
        """Return the table of some of the questions, in the given order."""
        rows = np.asarray(indices, dtype=np.int64).reshape(-1)
        arrays = {name: getattr(self, name)[rows] for name in _ARRAYS}
        return replace(self, questions=tuple(self.questions[row] for row in rows), **arrays)

    def with_gold(self) -> Table:
        """Return the table of the questions whose gold answer is known: nothing can be learned from the others, and nothing counted on them."""
        return self if (self.gold > 0).all() else self.subset(np.flatnonzero(self.gold > 0))

    def select_experts(self, names: Sequence[str]) -> Table:
        """Return the table of some of the experts, in the given order; SettingsError for a name it lacks."""
        place = {spec.name: index for index, spec in enumerate(self.experts)}
        unknown = [name for name in names if name not in place]
        if unknown or not names:
            raise SettingsError(f"No expert is named {', '.join(unknown) or '(none chosen)'}; choose from {', '.join(place)}.")
        columns = [place[name] for name in names]
        arrays = {name: getattr(self, name)[:, columns] for name in _ARRAYS}
        return replace(self, experts=tuple(self.experts[column] for column in columns), **arrays)

    def rows_of(self, question_ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of questions by id, in the given order; IncompleteRecording for an id that is not here."""
        place = {question.id: row for row, question in enumerate(self.questions)}
        wanted = list(question_ids)
        absent = [name for name in wanted if name not in place]
        if absent:
            raise IncompleteRecording(f"{len(absent)} of {len(wanted)} questions are not in the table, {absent[0]} first; record them.")
        return np.array([place[name] for name in wanted], dtype=np.int64)

    def with_thresholds(self, thresholds: ArrayLike) -> Table:
        """Return the table with replies relabelled: of those read as yes or no, yes if and only if P(yes) reaches the expert's threshold.

        `thresholds` are by expert and previous label [N, 4], or by expert [N]; replies keep their word where the threshold is nan or
        P(yes) is unknown, and INVALID stays INVALID.
        """
        return replace(self, labels=apply_thresholds(self.labels, self.p_yes, by_previous_label(thresholds)))

    def data_hash(self) -> str:
        """Return the sha256 of what results depend on: questions, experts, labels, P(yes) and token counts.

        Times are left out, and so are hosts and file places of the experts: the same replies measured
        elsewhere are the same data.
        """
        experts = [
            [spec.name, spec.backend, spec.digest or spec.model, spec.style, *(["held"] if spec.held else [])] for spec in self.experts
        ]
        hasher = hashlib.sha256(packing.to_json([packing.question_to_json(question) for question in self.questions]).encode())
        hasher.update(packing.to_json(experts).encode())
        p_yes = np.where(np.isnan(self.p_yes), np.float32(-1), self.p_yes)
        counts = [(np.nan_to_num(getattr(self, name), nan=0.0), "<i4") for name in _COUNT_FIELDS]
        # Recordings from before it was kept have none, and their hash stays as it was.
        logprobs = [] if np.isnan(self.mean_logprob).all() else [(np.nan_to_num(self.mean_logprob, nan=1.0), "<f4")]
        for array, kind in ((self.labels, "i1"), (p_yes, "<f4"), *counts, *logprobs):
            hasher.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return hasher.hexdigest()


_ARRAYS = tuple(one.name for one in fields(Table) if one.name not in ("questions", "experts", "n_left_out", "calibrations"))


def load_table(
    store: Store,
    recording: str,
    question_ids: Iterable[str] | None = None,
    require_complete: bool = True,
    experts: Sequence[str] | None = None,
) -> Table:
    """Return a recording as a table, questions in recorded order (or those of `question_ids`, in that order).

    `experts` takes some of its experts, by name and in that order: the table is then the one that a recording of
    these alone would give, whatever the others replied or still lack, and so is its data hash. Questions with a
    missing reply that some route could reach are left out and counted in `n_left_out`; `require_complete=False`
    keeps them. Raises IncompleteRecording if no question would be left, SettingsError for an expert that is not there.
    """
    table = _read(store, recording)
    # Experts first: a reply that only another expert lacks must not cost these a question.
    table = table if experts is None else _forget_unreachable(table.select_experts(experts))
    table = table if question_ids is None else table.subset(table.rows_of(question_ids))
    missing = _missing(table)
    complete = ~missing.any(axis=(1, 2))
    if not require_complete:
        return table
    if not complete.any():
        raise IncompleteRecording(_how_to_complete(store, recording, table, int(missing.sum())))
    return replace(table.subset(np.flatnonzero(complete)), n_left_out=int((~complete).sum()))


def by_previous_label(thresholds: ArrayLike) -> NDArray[np.float64]:
    """Return thresholds by expert and previous label, shape [N, 4]; where there is one an expert [N], it stands for every label."""
    borders = np.asarray(thresholds, dtype=np.float64)
    return borders if borders.ndim == 2 else np.repeat(borders[:, None], N_LABELS, axis=1)


def check_has_gold(questions: Sequence[Question]) -> None:
    """Raise SettingsError where no question has a gold answer: then nothing can be learned or counted."""
    if not any(question.gold for question in questions):
        raise SettingsError(
            f"None of the {len(questions)} questions has a gold answer, so no reply can be called right or wrong. "
            "Use questions with answers (a column such as answer or label, yes or no)."
        )


def in_recorded_order(specs: Iterable[ExpertSpec], names: Iterable[str]) -> tuple[str, ...]:
    """Return `names`, each once, in the order in which a recording holds its experts; unknown ones last."""
    order = [spec.name for spec in specs]
    return tuple(sorted(dict.fromkeys(names), key=lambda name: order.index(name) if name in order else len(order)))


def _forget_unreachable(table: Table) -> Table:
    """The table without replies after label invalid where none of its experts ever is invalid: they were asked for another's sake."""
    kept = np.ones(table.labels.shape, dtype=bool)
    is_reachable = (table.labels[:, :, : Label.INVALID] == Label.INVALID).any(axis=(1, 2))
    kept[:, :, Label.INVALID] = is_reachable[:, None] | _asked_once(table.experts)
    arrays: dict[str, Any] = {name: getattr(table, name).copy() for name in _ARRAYS}  # Any: arrays of two kinds of number
    for name, array in arrays.items():
        array[~kept] = 0 if name == "labels" else np.nan
    return replace(table, **arrays)


def _read(store: Store, recording: str) -> Table:
    questions, experts = store.questions(recording), store.experts(recording)
    shape = (len(questions), len(experts), N_LABELS)
    arrays: dict[str, Any] = {"labels": np.zeros(shape, dtype=np.int8)}  # Any: arrays of two kinds of number
    arrays |= {name: np.full(shape, np.nan, dtype=np.float32) for name in (*_REAL_FIELDS, *_COUNT_FIELDS)}
    rows = store.entry_rows(recording, ["p.id", "p.token_logprobs", *(f"p.{name}" for name in ("label", *_REAL_FIELDS, *_COUNT_FIELDS))])
    mean_logprob = np.full(shape, np.nan, dtype=np.float32)
    if rows:
        ids, names, previous, replies, logprobs, *values = zip(*rows, strict=True)
        with as_recorded(store.path, "entries"):
            at = (
                _places(ids, [question.id for question in questions]),
                _places(names, [spec.name for spec in experts]),
                np.array(previous),
            )
        for (name, array), column in zip(arrays.items(), values, strict=True):
            array[at] = _numbers(name, column, replies, store)
        mean_logprob[at] = _means(logprobs, replies, store)
    arrays["mean_logprob"] = mean_logprob
    once = _asked_once(experts)
    for array in arrays.values():
        array[:, once] = array[:, once, :1]  # what stands after label none stands after every label
    return Table(questions, experts, **arrays, calibrations=store.calibrations(recording))


def _numbers(name: str, column: Sequence[object], replies: Sequence[int], store: Store) -> NDArray[np.float64]:
    """A column of the replies as numbers, NULL as nan; StoreError, with the row, for what no reply can hold."""
    is_number = [True] * len(column) if set(map(type, column)) <= _NUMBERS else [type(value) in _NUMBERS for value in column]
    numbers = np.array([value if fits else np.inf for value, fits in zip(column, is_number, strict=True)], dtype=np.float64)
    low, high = (Label.YES, Label.INVALID) if name == "labels" else (0, _MOST.get(name, LONGEST_S))
    wrong = (numbers < low) | (numbers > high) | (np.isnan(numbers) & (name == "labels"))
    if name == "labels" or name in _COUNT_FIELDS:
        wrong |= ~np.isnan(numbers) & (numbers != np.floor(numbers))
    if wrong.any():
        row = int(np.argmax(wrong))
        with as_recorded(store.path, "replies", replies[row]):
            raise ValueError(f"{_WORDS.get(name, name)} is {column[row]!r:.60}")
    return numbers


def _means(bodies: Sequence[object], replies: Sequence[int], store: Store) -> list[float]:
    """The mean of each reply's log-probabilities, nan where there are none; StoreError, with the row, for what no reply can hold."""
    means = []
    for row, body in zip(replies, bodies, strict=True):
        with as_recorded(store.path, "replies", row):
            means.append(mean_logprob(packing.logprobs_from_bytes(body)))
    return means


def mean_logprob(logprobs: Sequence[float]) -> float:
    """Return the mean of the log-probabilities of a reply's tokens in the precision in which they are kept, nan where there are none."""
    return float(np.asarray(logprobs, dtype=np.float32).mean(dtype=np.float64)) if len(logprobs) else np.nan


def _places(names: Sequence[str], order: Sequence[str]) -> NDArray[np.int64]:
    place = {name: number for number, name in enumerate(order)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _missing(table: Table) -> Flags:
    """Which replies some route could need and are not there.

    A threshold turns yes into no and no into yes, but none into invalid or out of it: previous label invalid is
    needed only where some reply is invalid. An expert that is asked once lacks one reply or none.
    """
    reachable = np.ones(table.labels.shape, dtype=bool)
    reachable[:, :, Label.INVALID] = (table.labels == Label.INVALID).any(axis=(1, 2))[:, None]
    reachable[:, _asked_once(table.experts), Label.YES :] = False
    return np.asarray(reachable & (table.labels == 0))


def _asked_once(experts: Sequence[ExpertSpec]) -> Flags:
    return np.array([spec.is_asked_once for spec in experts], dtype=bool)


def _how_to_complete(store: Store, recording: str, table: Table, n_missing: int) -> str:
    command = next(info.meta for info in store.recordings() if info.name == recording).get("command")
    what = f"{n_missing} replies of {table.n_questions} questions are missing" if table.n_questions else "it has no questions yet"
    # A recording may come from a stranger: its command is told as its own word, not as advice of ours.
    told = f" The recording names this command: {in_one_line(command)}" if isinstance(command, str) and command else ""
    return (
        f"Recording {recording!r} has no complete question: {what}. "
        f"Record it again with python -m der_core record, which asks only for what is missing.{told}"
    )
