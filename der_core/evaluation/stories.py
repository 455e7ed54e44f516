"""Routes sorted by what makes them worth showing: each has at most one story, by rules that need only the recording."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from der_core.evaluation.rollout import Rollout
from der_core.records import Label
from der_core.routing.process import StopReason
from der_core.routing.sources import TableSource


class Story(enum.StrEnum):
    """What happened on a route, in the order in which routes are worth showing."""

    PROGRAM_FAILED = "program failed"
    RESCUED = "rescued"
    LED_ASTRAY = "led astray"
    CHEAP_CALL = "cheap call"
    STOPPED_EARLY = "stopped early"
    IN_VAIN = "in vain"

    @property
    def words(self) -> str:
        """The story as people read it."""
        return {
            Story.PROGRAM_FAILED: "The program failed, a reader answered",
            Story.RESCUED: "The second expert rescued",
            Story.LED_ASTRAY: "Led astray by the advice",
            Story.CHEAP_CALL: "One cheap call was enough",
            Story.STOPPED_EARLY: "Stopped too early",
            Story.IN_VAIN: "Asked on in vain",
        }[self]

    @property
    def rule(self) -> str:
        """What makes a route one of these."""
        return {
            Story.PROGRAM_FAILED: "An expert's program gave no answer; one that reads gave the final yes or no.",
            Story.RESCUED: "The first reply was not right; the final answer, another expert's, is.",
            Story.LED_ASTRAY: "The last expert repeated a wrong answer that it was shown; shown none, it would have been right.",
            Story.CHEAP_CALL: "One call, right, and cheaper than one call of the best single expert.",
            Story.STOPPED_EARLY: "The answer is wrong, calls were left, and another expert would have been right next.",
            Story.IN_VAIN: "More than one call, and the answer is no better than the first reply.",
        }[self]


@dataclass(frozen=True)
class Told:
    """What the story of one route hangs on.

    `experts`, `labels` and `shown` are by call. `alone` and `after` are what each expert of the pool says first, and what it would
    say after the last reply; `may_go_on` is whether the router ended the route though calls were left. Costs may be nan: then no call is cheap.
    """

    experts: Sequence[int]
    labels: Sequence[Label]
    shown: Sequence[Label]
    answer: Label
    gold: Label
    alone: Sequence[Label]
    after: Sequence[Label]
    programs: frozenset[int]
    may_go_on: bool
    cost: float
    best_cost: float

    @property
    def is_right(self) -> bool:
        """Whether the final answer is the gold one."""
        return self.answer == self.gold


def story_of(route: Told) -> Story | None:
    """Return the story of a route, None where it has none that is worth a name."""
    if not route.experts or route.gold is Label.NONE:
        return None
    if _reader_stood_in(route):
        return Story.PROGRAM_FAILED
    return _good_story(route) if route.is_right else _bad_story(route)


def stories(run: Rollout, source: TableSource, best_single: int) -> list[Story | None]:
    """Return the story of each route of a rollout; `best_single` is the place of the best single expert in the pool of `source`."""
    programs = frozenset(place for place, spec in enumerate(source.table.experts) if spec.style == "program")
    return [story_of(_told(run, place, source, best_single, programs)) for place in range(len(run.rows))]


def _reader_stood_in(route: Told) -> bool:
    failed = any(
        expert in route.programs and label is Label.INVALID for expert, label in zip(route.experts[:-1], route.labels[:-1], strict=True)
    )
    return failed and route.experts[-1] not in route.programs and route.labels[-1] in (Label.YES, Label.NO)


def _good_story(route: Told) -> Story | None:
    if len(route.experts) == 1:
        return Story.CHEAP_CALL if route.cost < route.best_cost else None
    if route.labels[0] == route.gold:
        return Story.IN_VAIN
    return Story.RESCUED if route.experts[-1] != route.experts[0] else None


def _bad_story(route: Told) -> Story | None:
    last = route.experts[-1]
    repeats = route.labels[-1] == route.shown[-1] == route.answer and route.answer in (Label.YES, Label.NO)
    if repeats and route.alone[last] == route.gold:
        return Story.LED_ASTRAY
    others = [label for expert, label in enumerate(route.after) if expert != last]
    if route.may_go_on and route.gold in others:
        return Story.STOPPED_EARLY
    return Story.IN_VAIN if len(route.experts) > 1 else None


def _told(run: Rollout, place: int, source: TableSource, best_single: int, programs: frozenset[int]) -> Told:
    row, calls = int(run.rows[place]), int(run.calls[place])
    labels = [Label(int(code)) for code in run.labels[place, :calls]]
    last = labels[-1] if labels else Label.NONE
    return Told(
        experts=[int(expert) for expert in run.experts[place, :calls]],
        labels=labels,
        shown=[Label(int(code)) for code in run.shown[place, :calls]],
        answer=Label(int(run.answers[place])),
        gold=Label(int(source.table.gold[row])),
        alone=[Label(int(code)) for code in source.labels[row, :, Label.NONE]],
        after=[Label(int(code)) for code in source.labels[row, :, last]],
        programs=programs,
        may_go_on=run.reasons[place] != StopReason.T_MAX,
        cost=float(np.sum(run.costs[place])),
        best_cost=float(source.costs[row, best_single, Label.NONE]),
    )
