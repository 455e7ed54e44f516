"""One question on its way through a trained router and experts that answer now; no gold answer is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from der_core.config import End
from der_core.evaluation.experiment import usable_end
from der_core.experts.protocol import Expert
from der_core.records import Question, Route, Step
from der_core.routing.encoding import TextEncoder
from der_core.routing.live import Decision, route_events
from der_core.routing.trained import AgentRouter, TrainedRouter, check_experts_match


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
