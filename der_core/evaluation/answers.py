"""What routers answered, question by question, and the routes by which they came there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from der_core.evaluation.rollout import Rollout
from der_core.recording.table import Table
from der_core.records import Label

RIGHT, WRONG = "right", "wrong"


@dataclass(frozen=True)
class Answer:
    """One question as one router answered it.

    `route` lists (expert, label of its reply) by step; `cost` is that of the whole route; `experts_right` counts
    the experts whose first reply, shown nothing, is right: how hard the question is for this pool.
    """

    question_id: str
    text: str
    kind: str
    gold: Label
    label: Label
    correct: bool
    route: tuple[tuple[str, Label], ...]
    cost: float
    experts_right: int

    @property
    def calls(self) -> int:
        """How many experts were asked."""
        return len(self.route)


@dataclass(frozen=True)
class Flow:
    """How many routes went from one place to the next.

    A place is the expert asked at `step` (from 0), or, as a target, the end: RIGHT or WRONG.
    """

    step: int
    source: str
    target: str
    ends: bool
    n: int


def answers(rollout: Rollout, table: Table) -> tuple[Answer, ...]:
    """Return the answers of a router, one for each of its questions, in order; `table` is the one it ran on."""
    names = [spec.name for spec in table.experts]
    first_right = (table.labels[:, :, Label.NONE] == table.gold[:, None]).sum(axis=1)
    return tuple(_answer(rollout, table, names, place, int(first_right[row])) for place, row in enumerate(rollout.rows))


def differing(a: Rollout, b: Rollout) -> tuple[int, ...]:
    """Return the places of the questions that two routers, run on the same ones, answer differently."""
    return tuple(int(place) for place in np.flatnonzero(a.answers != b.answers))


def flows(rollout: Rollout, names: Sequence[str]) -> tuple[Flow, ...]:
    """Return how routes move from expert to expert and end, by step; every call is the source of exactly one flow."""
    counted: Counter[tuple[int, str, str, bool]] = Counter()
    for place in range(len(rollout.rows)):
        asked = [names[expert] for expert in rollout.experts[place] if expert >= 0]
        end = RIGHT if rollout.correct[place] else WRONG
        moves = [(step, *pair, False) for step, pair in enumerate(zip(asked, asked[1:], strict=False))]
        counted.update(moves)
        counted.update([(len(asked) - 1, asked[-1], end, True)] if asked else [])
    return tuple(Flow(*move, n) for move, n in sorted(counted.items()))


def _answer(rollout: Rollout, table: Table, names: Sequence[str], place: int, experts_right: int) -> Answer:
    question = table.questions[rollout.rows[place]]
    steps = zip(rollout.experts[place], rollout.labels[place], strict=True)
    return Answer(
        question_id=question.id,
        text=question.text,
        kind=question.kind or "",
        gold=question.gold or Label.NONE,
        label=Label(int(rollout.answers[place])),
        correct=bool(rollout.correct[place]),
        route=tuple((names[expert], Label(int(label))) for expert, label in steps if expert >= 0),
        cost=float(rollout.costs[place].sum()),
        experts_right=experts_right,
    )
