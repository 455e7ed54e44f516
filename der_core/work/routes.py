"""One question on its way through a trained router and experts that answer now; no gold answer is needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from der_core.config import End
from der_core.evaluation.experiment import usable_end
from der_core.experts.protocol import Expert
from der_core.recording.table import by_previous_label
from der_core.records import Question, Route, Step
from der_core.routing.encoding import TextEncoder
from der_core.routing.live import Decision, route_events
from der_core.routing.saved.trained import AgentRouter, TrainedRouter, check_experts_match
from der_core.routing.stopping import confidence
from der_core.routing.thresholds import centre


def live_events(
    question: Question, router: TrainedRouter, experts: Sequence[Expert], encoder: TextEncoder, end: End | None = None
) -> Iterator[Decision | Step | Route]:
    """Yield each Decision and Step as it comes, and at the end the Route.

    `experts` are the router's own, in its order; `end` is the end rule (None: the one the router is used with). Raises
    RouterMismatch for other experts, ExpertError where one gives no reply.
    """
    check_experts_match(router, [expert.spec for expert in experts])
    vectors = router.state.question_vectors([question], encoder)
    agent = AgentRouter(router, vectors, end=end or usable_end(router))
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
