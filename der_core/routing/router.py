"""What every router is to the one loop that runs it, learned or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from der_core.config import EpisodeConfig
from der_core.routing.process import Floats, Ints, Situation


@dataclass(frozen=True)
class RouteRules:
    """The rules under which a router's routes run.

    `transfer`: whether later experts see the previous answer (Knowledge Transfer Prompt). `answer`: whether
    the route's answer is its last reply or the majority of its replies (yes against no; a tie goes to the
    earlier reply).
    """

    episode: EpisodeConfig
    transfer: bool = True
    answer: Literal["last", "majority"] = "last"


@dataclass(frozen=True)
class Choice:
    """What a router chose for B routes: `actions` [B], and `probabilities` [B, actions] or `worth` [B, actions] if it goes by such."""

    actions: Ints
    probabilities: Floats | None = None
    worth: Floats | None = None


class Router(Protocol):
    """Whatever chooses the next expert."""

    @property
    def name(self) -> str:
        """Readable name, unique within one comparison."""
        ...

    @property
    def oracle(self) -> bool:
        """Whether its choices or its end use the gold answer, so that it could not run without knowing it."""
        ...

    @property
    def rules(self) -> RouteRules:
        """The rules its routes run under."""
        ...

    def choose(self, now: Situation) -> Choice:
        """Choose an action for each of B routes in progress."""
        ...

    def p_right(self, now: Situation) -> Floats | None:
        """Return how likely the last reply of each of B routes is right, nan before the first; None where the router does not say."""
        ...
