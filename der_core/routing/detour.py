"""A route that goes on without an expert who does not answer: what was said stands, and the router chooses among the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts.protocol import Expert, Request
from der_core.records import Label, Question, Reply
from der_core.routing.process import Floats, Situation
from der_core.routing.router import Choice, Router, RouteRules

_NOBODY_LEFT = "Nobody is left whom this router could ask. Ask again when its experts answer."
Said = Mapping[tuple[str, Label], Reply]
"""Replies that are known already, by the expert's name and the answer it was shown."""


class KnownExpert:
    """An expert whose known replies are given again; it is asked for any other."""

    def __init__(self, expert: Expert, said: Said) -> None:
        self._expert = expert
        self._said = said

    @property
    def spec(self) -> ExpertSpec:
        """The settings of the expert."""
        return self._expert.spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how it is asked."""
        return self._expert.notes

    def recall(self, notes: Sequence[str]) -> None:
        """Ask as these notes tell."""
        self._expert.recall(notes)

    def current_digest(self) -> str | None:
        """The digest that its weights have at this moment."""
        return self._expert.current_digest()

    def request(self, question: Question, previous_label: Label) -> Request:
        """The call that `ask` would make."""
        return self._expert.request(question, previous_label)

    def ask(self, question: Question, previous_label: Label) -> Reply:
        """Return the known reply, else make the call."""
        known = self._said.get((self.spec.name, previous_label))
        return self._expert.ask(question, previous_label) if known is None else known

    def close(self) -> None:
        """Let go of the expert."""
        self._expert.close()


class WithoutExperts:
    """A router that leaves some experts out: their probability goes to the others, in proportion, or the worthiest of the others is taken.

    `since` tells by an expert's place in the pool from which step on. Raises SettingsError where nobody is left to choose.
    """

    def __init__(self, router: Router, since: Mapping[int, int]) -> None:
        self._router = router
        self._since = since

    @property
    def name(self) -> str:
        """The name of the router."""
        return self._router.name

    @property
    def oracle(self) -> bool:
        """Whether it uses the gold answer."""
        return self._router.oracle

    @property
    def rules(self) -> RouteRules:
        """The rules its routes run under."""
        return self._router.rules

    def choose(self, now: Situation) -> Choice:
        """Choose among those that are left."""
        choice = self._router.choose(now)
        if not self._since or (choice.probabilities is None and choice.worth is None):
            return choice
        late = np.flatnonzero(now.step >= min(self._since.values()))
        if not len(late):
            return choice
        if choice.worth is not None:
            return self._worthiest(now, choice.worth)
        shares = np.array(choice.probabilities, dtype=np.float64)
        for place, step in self._since.items():
            shares[now.step >= step, place] = 0.0
        if self.rules.episode.no_repeat:  # else the next one would be asked instead, who may be left out
            repeats = late[now.expert[late] >= 0]
            shares[repeats, now.expert[repeats]] = 0.0
        total = shares.sum(axis=1, keepdims=True)
        if (total <= 0).any():
            raise SettingsError(_NOBODY_LEFT)
        shares /= total
        return Choice(np.argmax(shares, axis=1), shares)

    def _worthiest(self, now: Situation, worth: Floats) -> Choice:
        left = worth.copy()
        for place, step in self._since.items():
            left[now.step >= step, place] = -np.inf
        if np.isneginf(left).all(axis=1).any():
            raise SettingsError(_NOBODY_LEFT)
        return Choice(np.argmax(left, axis=1), worth=left)

    def p_right(self, now: Situation) -> Floats | None:
        """How sure the router is of the last replies."""
        return self._router.p_right(now)
