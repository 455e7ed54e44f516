"""One question on its way through a trained router and experts that answer now; no gold answer is needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from der_core.config import End
from der_core.evaluation.experiment import usable_end
from der_core.experts.protocol import Expert
from der_core.recording.table import by_previous_label
from der_core.records import Label, Question, Reply, Route, Step
from der_core.routing.detour import KnownExpert, WithoutExperts
from der_core.routing.encoding import TextEncoder
from der_core.routing.live import Decision, route_events
from der_core.routing.router import Router
from der_core.routing.saved.trained import AgentRouter, TrainedRouter, check_experts_match
from der_core.routing.stopping import confidence
from der_core.routing.thresholds import centre


@dataclass(frozen=True)
class Detour:
    """How a route goes on that was left: the steps it had taken stand, and some experts are asked no more.

    `without` names those, each with the step from which on. `said` are replies that are not asked for because they are known: of each the expert, the answer it was shown, and the reply.
    """

    steps: tuple[Step, ...] = ()
    without: tuple[tuple[str, int], ...] = ()
    said: tuple[tuple[str, Label, Reply], ...] = ()

    @property
    def known(self) -> dict[tuple[str, Label], Reply]:
        """All replies that nobody is asked for."""
        taken = {(step.expert, step.previous_label): step.reply for step in self.steps}
        return taken | {(expert, shown): reply for expert, shown, reply in self.said}


def live_events(
    question: Question,
    router: TrainedRouter,
    experts: Sequence[Expert],
    encoder: TextEncoder,
    end: End | None = None,
    detour: Detour | None = None,
) -> Iterator[Decision | Step | Route]:
    """Yield each Decision and Step as it comes, and at the end the Route; those of a route that was left come again at once.

    `experts` are the router's own, in its order; `end` is the end rule (None: the one the router is used with). Raises
    RouterMismatch for other experts, ExpertError where one gives no reply, SettingsError where a detour leaves nobody to ask.
    """
    check_experts_match(router, [expert.spec for expert in experts])
    vectors = router.state.question_vectors([question], encoder)
    agent: Router = AgentRouter(router, vectors, end=end or usable_end(router))
    if detour is not None:
        places = {expert.spec.name: place for place, expert in enumerate(experts)}
        agent = WithoutExperts(agent, {places[name]: step for name, step in detour.without})
        experts = [KnownExpert(expert, detour.known) for expert in experts]
    return route_events(question, agent, router.live_source([question], experts), router.config.reward)


def route(question: Question, router: TrainedRouter, experts: Sequence[Expert], encoder: TextEncoder, end: End | None = None) -> Route:
    """Return the whole route of one question: what `live_events` yields last."""
    *_, last = live_events(question, router, experts, encoder, end)
    assert isinstance(last, Route)
    return last


def route_confidence(route: Route, router: TrainedRouter) -> float:
    """Return the confidence of a route's last reply, as the end rule `confidence` sees it: 0 for an invalid one, nan where P(yes) is unknown."""
    last = route.steps[-1]
    if last.reply.p_yes is None:
        return math.nan
    place = [spec.name for spec in router.experts].index(last.expert)
    border = by_previous_label(router.thresholds)[place, last.previous_label]
    return float(confidence(centre(last.reply.p_yes, border), last.label))
