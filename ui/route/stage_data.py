"""What the stage shows of a route, as plain data: every word and figure is made here, the browser only moves and draws them.

Nothing here is markup: names, replies and programs of others travel as text and are set as text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypedDict

from der_core.experts.program import failure_of, program_of, told_run
from der_core.records import Label, Question, Route, Step
from der_core.routing.live import Decision
from ui.route.view import Event, Scene
from ui.shared.palette import QUIET, expert_colour
from ui.shared.parts import duration, number, shortened
from ui.shared.reply_view import NO_ANSWER, answer_word

Kind = Literal["read", "printed", "failed", "waiting", "end"]
Outcome = Literal["right", "wrong", "unknown"]


class Node(TypedDict):
    """Somebody whom the router can choose; the last one is the end of the route. `exact` is the expert's exact name."""

    name: str
    exact: str
    colour: str
    price: str


class Move(TypedDict):
    """One way of the token: `choice` is the place of its node, `shares` the router's probability of each node, [] where it has none.

    `chip` is what comes back, "" while nobody knows; `why` tells more of it. `spent` are calls, cost and seconds up to here.
    `good` tells of each node whether choosing it gives the right answer, [] where nobody knows.
    """

    choice: int
    shares: list[float]
    good: list[bool]
    chip: str
    kind: Kind
    why: str
    spent: str
    program: str
    printed: str
    note: str


class Verdict(TypedDict):
    """What the route came to, beside one call of the best single expert."""

    outcome: Outcome
    words: str
    spent: str
    single: str
    reason: str


class Pane(TypedDict):
    """One router on its way."""

    router: str
    nodes: list[Node]
    moves: list[Move]
    verdict: Verdict | None


class StageData(TypedDict):
    """All that the component is given. `id` names the route: another one begins at its start. `live` follows what arrives.

    `story` is what happened, told once it has; `note` what has to be known meanwhile.
    """

    id: str
    live: bool
    story: str
    question: str
    passage: str
    note: str
    file: str
    panes: list[Pane]


@dataclass(frozen=True)
class Single:
    """One call of the best single expert: on this very question where `answer` is known, else as it usually is."""

    expert: str
    cost: float
    seconds: float
    answer: Label | None = None


def stage_data(
    identity: str, question: Question, panes: Sequence[Pane], *, live: bool = False, story: str = "", note: str = ""
) -> StageData:
    """Return what the stage shows of one question and the routers that route it side by side."""
    return StageData(
        id=identity,
        live=live,
        story=story,
        question=shortened(question.text),
        passage=shortened(question.passage or ""),
        note=note,
        file="route-" + "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in question.id)[:60],
        panes=list(panes),
    )


def pane_of(
    router: str,
    scene: Scene,
    events: Sequence[Event],
    single: Single | None,
    prices: Mapping[str, float],
    good: Sequence[Sequence[bool]] = (),
) -> Pane:
    """Return how a router's events so far look on the stage.

    `prices` are the usual costs of a call by exact name; `good` tells for each decision what each choice would come to, () where nobody knows.
    """
    decisions = [event for event in events if isinstance(event, Decision)]
    steps = [event for event in events if isinstance(event, Step)]
    route = next((event for event in events if isinstance(event, Route)), None)
    nodes = [
        Node(name=name, exact=exact, colour=expert_colour(place), price=_price(prices.get(exact)))
        for place, (exact, name) in enumerate(scene.friendly.items())
    ]
    spent = [_spent(scene, steps[: n + 1]) for n in range(len(steps))]
    moves = [
        _move(scene, decision, step, told) for decision, step, told in zip_longest(decisions, steps, spent) if decision.expert is not None
    ]
    if route is not None:
        moves.append(_end(scene, decisions[-1] if decisions else None, route, spent[-1] if spent else _spent(scene, [])))
    for move, right in zip(moves, good, strict=False):  # an end by a rule is no decision
        move["good"] = [bool(one) for one in right]
    return Pane(
        router=router,
        nodes=[*nodes, _end_node(scene, decisions)],
        moves=moves,
        verdict=None if route is None else _verdict(scene, route, single, scene.friendly),
    )


def reply_chip(scene: Scene, step: Step) -> str:
    """Return a reply in a few words: "yes, 78 %", "program printed no", "program failed: NameError"."""
    label, word = step.label, answer_word(step.label)
    if scene.style(step) == "program":
        said = f"program {_failure(step)}" if step.reply.label is Label.INVALID else f"program printed {step.reply.label.word}"
    else:
        said = answer_word(step.reply.label) + _sureness(step)
    return said if label == step.reply.label else f"{said}: counts as {word}"


def _failure(step: Step) -> str:
    group = failure_of(step.reply.reason)
    if group.startswith(("printed", "wrote", "cut")):
        return group
    return "failed" if group == "another reason" else f"failed: {group}"


def _sureness(step: Step) -> str:
    """How sure an expert is of its own word, which a threshold may overrule."""
    p_yes = step.reply.p_yes
    if p_yes is None or math.isnan(p_yes) or step.reply.label not in (Label.YES, Label.NO):
        return ""
    return f", {100 * (p_yes if step.reply.label is Label.YES else 1 - p_yes):.0f} %"


def _move(scene: Scene, decision: Decision, step: Step | None, spent: str | None) -> Move:
    assert decision.expert is not None
    is_program = step is not None and scene.style(step) == "program"
    return Move(
        choice=scene.experts.index(decision.expert),
        shares=_shares(scene, decision),
        good=[],
        chip="" if step is None else reply_chip(scene, step) + (" (recorded)" if scene.is_recorded(step) else ""),
        kind="waiting" if step is None else _kind(scene, step),
        why="" if step is None else _why(scene, step),
        spent=spent or "",
        program=shortened(program_of(step.reply)) if step is not None and is_program else "",
        printed=shortened(told_run(step.reply)) if step is not None and is_program else "",
        note="It chose the expert it had just asked; by the rules of this run the next one is asked." if decision.repeated else "",
    )


def _kind(scene: Scene, step: Step) -> Kind:
    if scene.style(step) != "program":
        return "failed" if step.label is Label.INVALID else "read"
    return "failed" if step.reply.label is Label.INVALID else "printed"


def _why(scene: Scene, step: Step) -> str:
    """What stands behind a chip: the threshold that it is read by, or why there is no answer."""
    if step.reply.label is Label.INVALID:
        return shortened(step.reply.reason)
    border, p_yes = scene.border(step), step.reply.p_yes
    if math.isnan(border) or p_yes is None:
        return ""
    return f"P(yes) {100 * p_yes:.0f} %; of this expert it counts as yes from {100 * border:.0f} %"


def _end(scene: Scene, last: Decision | None, route: Route, spent: str) -> Move:
    chose = last is not None and last.expert is None
    return Move(
        choice=len(scene.experts),
        shares=_shares(scene, last) if chose and last is not None else [],
        good=[],
        chip=f"answer: {answer_word(_answer(scene, route))}",
        kind="end",
        why=f"It ended because {route.stop_reason}.",
        spent=spent,
        program="",
        printed="",
        note="" if chose else f"It ends: {route.stop_reason}.",
    )


def _end_node(scene: Scene, decisions: Sequence[Decision]) -> Node:
    """Where a route ends: the router's own choice where STOP is one of its actions, else a rule."""
    can_stop = any(one.expert is None or len(one.probabilities) > len(scene.experts) for one in decisions)
    told = "the answer stands" if can_stop else "a rule ends the route"
    return Node(name="STOP" if can_stop or not decisions else "The end", exact="", colour=QUIET, price=told)


def _shares(scene: Scene, decision: Decision) -> list[float]:
    """A probability for every node; STOP has 0 where the router cannot choose it."""
    if not decision.probabilities:
        return []
    return [round(float(p), 4) for p in decision.probabilities] + [0.0] * (len(scene.experts) + 1 - len(decision.probabilities))


def _answer(scene: Scene, route: Route) -> Label:
    return scene.answer or route.answer


def _verdict(scene: Scene, route: Route, single: Single | None, names: Mapping[str, str]) -> Verdict:
    answer, gold = _answer(scene, route), scene.question.gold
    outcome: Outcome = "unknown" if gold is None else "right" if answer == gold else "wrong"
    return Verdict(
        outcome=outcome,
        words=_verdict_words(answer, gold),
        spent=_spent(scene, route.steps),
        single="" if single is None else _single_words(single, gold, names.get(single.expert, single.expert)),
        reason=f"It ended because {route.stop_reason}.",
    )


def _verdict_words(answer: Label, gold: Label | None) -> str:
    if gold is None:
        return "No answer" if answer is Label.INVALID else f"Answer: {answer.word}"
    if answer is Label.INVALID:
        return f"No answer; right is {gold.word}"
    return f"Right: {answer.word}" if answer == gold else f"Wrong: {answer.word}; right is {gold.word}"


def _single_words(single: Single, gold: Label | None, name: str) -> str:
    cost = "cost unknown" if math.isnan(single.cost) else f"cost {number(single.cost)}"
    if single.answer is None:
        return f"One call of {name}: {cost} on average"
    came = NO_ANSWER if single.answer is Label.INVALID else "right" if single.answer == gold else "wrong"
    return f"One call of {name}: {came}, {_figures(single.cost, single.seconds)}"


def _spent(scene: Scene, steps: Sequence[Step]) -> str:
    """Calls, cost and seconds; a sum with an unknown part is unknown. Seconds of live calls are those that passed, without loading."""
    seconds = [_passed(step) if scene.kind == "live" else step.seconds for step in steps]
    calls = "1 call" if len(steps) == 1 else f"{len(steps)} calls"
    return f"{calls}, {_figures(sum(step.cost for step in steps), sum(seconds))}" if steps else calls


def _passed(step: Step) -> float:
    loading = step.reply.load_s
    return step.reply.wall_s - (loading if loading > 0 else 0.0)  # nan where the server does not tell it


def _figures(cost: float, seconds: float) -> str:
    told = "cost unknown" if math.isnan(cost) else f"cost {number(cost)}"
    return told if math.isnan(seconds) else f"{told}, {duration(seconds)}"


def _price(cost: float | None) -> str:
    return "price unknown" if cost is None or math.isnan(cost) else f"{number(cost)} a call"
