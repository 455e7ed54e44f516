"""A route goes on without an expert, or with a reply that is known: what was said stands, nobody else is asked twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import HashEncoder, ScriptedExpert, make_questions, make_spec, make_table, says
from trained_routers import QUICK_DEPLOYABLE, untrained_router

from der_core.config import EpisodeConfig
from der_core.errors import SettingsError
from der_core.records import Label, Route, Step
from der_core.routing.detour import KnownExpert, WithoutExperts
from der_core.routing.live import Decision
from der_core.routing.process import Situation
from der_core.routing.router import Choice, RouteRules
from der_core.work.routes import Detour, live_events

NONE, YES, NO, INVALID = Label
QUESTION = make_questions(1)[0]


class Fixed:
    """A router with the same probabilities always: of three experts and STOP."""

    name, oracle = "fixed", False

    def __init__(self, *shares: float, no_repeat: bool = True) -> None:
        self.rules = RouteRules(EpisodeConfig(end="stop_action", no_repeat=no_repeat))
        self.shares = np.array([shares])

    def choose(self, now: Situation) -> Choice:
        return Choice(np.argmax(self.shares, axis=1), self.shares)


def at(step: int, expert: int = -1) -> Situation:
    return replace(Situation.start(np.array([0]), 3), step=np.array([step]), expert=np.array([expert]))


def shares_of(router: WithoutExperts, now: Situation) -> list[float]:
    choice = router.choose(now)
    assert choice.probabilities is not None
    assert choice.actions[0] == np.argmax(choice.probabilities[0])
    return choice.probabilities[0].round(4).tolist()


def test_the_probability_of_who_is_left_out_goes_to_the_others_in_proportion() -> None:
    router = WithoutExperts(Fixed(0.5, 0.3, 0.1, 0.1), {0: 1})
    assert shares_of(router, at(0)) == [0.5, 0.3, 0.1, 0.1], "not before its step"
    assert shares_of(router, at(1)) == [0.0, 0.6, 0.2, 0.2]
    assert shares_of(router, at(2, expert=1)) == [0.0, 0.0, 0.5, 0.5], "a repeat would be replaced by the next, who may be left out"
    assert shares_of(WithoutExperts(Fixed(0.5, 0.3, 0.1, 0.1, no_repeat=False), {0: 1}), at(2, expert=1)) == [0.0, 0.6, 0.2, 0.2]
    assert shares_of(WithoutExperts(Fixed(0.4, 0.3, 0.2, 0.1), {}), at(2, expert=1)) == [0.4, 0.3, 0.2, 0.1]


def test_a_planner_takes_the_worthiest_of_the_others() -> None:
    class Plans(Fixed):
        def choose(self, now: Situation) -> Choice:
            return Choice(np.array([0]), worth=np.array([[0.9, 0.2, 0.4, -np.inf]]))

    assert WithoutExperts(Plans(), {0: 1}).choose(at(0)).actions.tolist() == [0], "not before its step"
    assert WithoutExperts(Plans(), {0: 1}).choose(at(1)).actions.tolist() == [2]
    with pytest.raises(SettingsError, match="Nobody is left"):
        WithoutExperts(Plans(), {0: 0, 1: 0, 2: 0}).choose(at(0))


def test_nobody_left_is_told() -> None:
    with pytest.raises(SettingsError, match="Nobody is left"):
        WithoutExperts(Fixed(0.5, 0.5, 0.0, 0.0), {0: 0, 1: 0}).choose(at(0))


def test_a_known_reply_is_given_again_and_any_other_call_is_made() -> None:
    expert = ScriptedExpert(make_spec(), says(NO, 0.2))
    known = replace(expert.ask(QUESTION, NONE), text="as recorded")
    again = KnownExpert(expert, {("small", NONE): known, ("other", YES): known})
    expert.asked.clear()
    assert again.ask(QUESTION, NONE) is known
    assert again.ask(QUESTION, YES).label is NO
    assert expert.asked == [(QUESTION.id, YES)]
    assert (again.spec, again.request(QUESTION, YES), again.notes) == (expert.spec, expert.request(QUESTION, YES), ())


@pytest.fixture
def crew() -> list[ScriptedExpert]:
    return [ScriptedExpert(make_spec(f"expert{place}", params_billions=0.5 * (place + 1)), says(YES, 0.6)) for place in range(3)]


def events_of(crew: list[ScriptedExpert], detour: Detour | None = None) -> list[Decision | Step | Route]:
    specs = [expert.spec for expert in crew]
    router = untrained_router(make_table(np.full((4, 3, 4), YES), experts=specs), QUICK_DEPLOYABLE, seed=3)
    return list(live_events(QUESTION, router, crew, HashEncoder(), detour=detour))


def test_a_route_goes_on_where_it_stood_without_the_expert_that_was_left(crew: list[ScriptedExpert]) -> None:
    whole = events_of(crew)
    steps = [event for event in whole if isinstance(event, Step)]
    assert len(steps) >= 2, "a route to leave in its midst"
    for expert in crew:
        expert.asked.clear()
    again = events_of(crew, Detour(tuple(steps[:1]), ((steps[1].expert, 1),)))
    asked = [event.expert for event in again if isinstance(event, Step)]
    assert asked[0] == steps[0].expert and steps[1].expert not in asked[1:]
    assert again[:2] == whole[:2]
    called = sum(len(expert.asked) for expert in crew)
    assert called == len(asked) - 1, "what was said is not asked again"


def test_a_known_reply_stands_in_for_the_call(crew: list[ScriptedExpert]) -> None:
    first = next(event for event in events_of(crew) if isinstance(event, Step))
    for expert in crew:
        expert.asked.clear()
    reply = replace(first.reply, text="as recorded")
    again = events_of(crew, Detour(said=((first.expert, NONE, reply),)))
    assert next(event for event in again if isinstance(event, Step)).reply.text == "as recorded"
    assert (QUESTION.id, NONE) not in [call for expert in crew if expert.spec.name == first.expert for call in expert.asked]
