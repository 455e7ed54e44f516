"""A route as people watch it: what the router saw, its choice, the prompt, the reply, and why it ended.

Live and replayed routes are drawn here alike; the badge at the top says which of the two it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from der_core.config import ExpertSpec, StateKind, Style
from der_core.records import Label, Question, Route, Step
from der_core.routing.live import Decision
from der_core.routing.process import Floats
from der_core.routing.thresholds import centre
from ui.route import charts
from ui.shared.friendly_names import friendly_names
from ui.shared.palette import expert_colour
from ui.shared.parts import count, duration, number, plain, show_text, table_behind, type_size
from ui.shared.reply_view import NO_ANSWER, answer_word, draw_reply, told_p_yes

Event = Decision | Step | Route
Kind = Literal["live", "replay"]

FOLD = "In words, step by step"
SOURCES = ("Recorded question", "Your own question")
"""Where the question comes from."""

SURE_HELP = "How likely this answer is right, by what was heard so far: fitted on training questions, calibrated on validation questions."
PLANS = "It plans all calls that are left, and takes the action of greatest estimated worth; it has no probabilities."
_CARD_WIDTH = 120
_LOADING_TOLD_S = 0.005
_Colour = Literal["blue", "orange", "gray", "violet"]
_LABEL_COLOURS: dict[Label, _Colour] = {Label.YES: "blue", Label.NO: "orange", Label.INVALID: "gray", Label.NONE: "gray"}
_KINDS: dict[Kind, tuple[str, _Colour]] = {"live": (":material/sensors:", "violet"), "replay": (":material/history:", "gray")}


@dataclass(frozen=True)
class Places:
    """Where the parts of the page stand, from top to bottom; `bar` is one row of controls."""

    bar: DeltaGenerator
    head: DeltaGenerator
    stage: DeltaGenerator
    choices: DeltaGenerator
    below: DeltaGenerator


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands around the events of a route.

    `specs` are in the recording's order (their colours), `borders` [N, 4] their thresholds on P(yes) by previous label,
    nan for none.
    `told` says in a sentence what `kind` of route it is. `answer` replaces the last label where the router
    votes. `why_plain` says why a router without probabilities has none. `recorded` are the calls of a live route, by expert
    and the answer it was shown, whose replies were recorded before.
    """

    kind: Kind
    told: str
    question: Question
    specs: tuple[ExpertSpec, ...]
    borders: Floats
    state: StateKind
    answer: Label | None = None
    why_plain: str = ""
    recorded: frozenset[tuple[str, Label]] = frozenset()

    @property
    def experts(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(spec.name for spec in self.specs)

    @property
    def friendly(self) -> dict[str, str]:
        """What to call each of them in front of people, by exact name."""
        return dict(zip(self.experts, friendly_names(self.specs), strict=True))

    def style(self, step: Step) -> Style:
        """Return how the expert of a step answers."""
        return self.specs[self.experts.index(step.expert)].style

    def is_recorded(self, step: Step) -> bool:
        """Whether the reply of a step on a live route was recorded before."""
        return (step.expert, step.previous_label) in self.recorded

    def border(self, step: Step) -> float:
        """Return the P(yes) from which the reply of a step counts as yes, nan where its own word counts."""
        return float(self.borders[self.experts.index(step.expert), step.previous_label])

    def p_seen(self, step: Step) -> float:
        """Return P(yes) of a step as the router sees it: moved so that the border lies at one half, one half where nobody knows it."""
        return float(centre(np.nan if step.reply.p_yes is None else step.reply.p_yes, self.border(step)))


def draw_question(scene: Scene) -> None:
    """Draw the question, its passage, and whether this is live or a replay."""
    icon, colour = _KINDS[scene.kind]
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(scene.kind, icon=icon, color=colour)
            st.caption(scene.told)
        st.subheader(plain(scene.question.text), anchor=False)
        if scene.question.passage:
            with st.expander("Passage", icon=":material/article:"):
                show_text(scene.question.passage)


def draw_route(scene: Scene, events: Sequence[Event], *, broken: bool = False) -> None:
    """Draw the events so far, one card a step; `broken` tells that no more will come although the route has not ended."""
    decisions = [event for event in events if isinstance(event, Decision)]
    steps = [event for event in events if isinstance(event, Step)]
    for decision, step in zip_longest(decisions, steps):
        _draw_step(scene, decision, step, steps[: decision.step], broken)
    if events and isinstance(events[-1], Route):
        _draw_end(scene, events[-1])
    if decisions:
        table_behind(charts.route_frame(scene.experts, decisions, steps), "route", "Table behind this route")


def coloured(experts: Sequence[str], name: str) -> str:
    """Return the name of an expert in its colour, as Markdown; the mark before it carries the colour, so that the name stays legible."""
    colour = expert_colour(list(experts).index(name)) if name in experts else "#8A94A0"
    return f':color[■]{{foreground="{colour}"}} {plain(name)}'


def _draw_step(scene: Scene, decision: Decision, step: Step | None, before: Sequence[Step], broken: bool) -> None:
    waiting = step is None and decision.expert is not None
    whom = f"asks **{coloured(scene.experts, decision.expert)}**" if decision.expert else "chooses to **stop**"
    with _card(f"Step {decision.step + 1}: the router {whom}", waiting, broken):
        if decision.probabilities:
            st.caption(f"It sees {plain(seen(scene, decision, before))}.")
        choice, reply = st.columns([5, 6], gap="medium")
        with choice:
            _draw_choice(scene, decision)
        with reply:
            if step is not None:
                _draw_reply(scene, step)
            elif waiting:
                st.caption("No reply came." if broken else "Waiting for the reply …")
        if decision.prompt:
            with st.expander("Prompt", icon=":material/subject:"):
                show_text(decision.prompt)


def _card(title: str, waiting: bool, broken: bool) -> DeltaGenerator:
    """Return the place of one step in the timeline. Only one that waits for its reply is a status, because each of those sleeps 50 ms."""
    if waiting and not broken:
        # A container within it: leaving the status itself would mark it as complete.
        return st.status(title, state="running", expanded=True, type="step").container()
    return st.expander(title, expanded=True, type="step", icon=":material/error:" if waiting else ":material/check:")


def seen(scene: Scene, decision: Decision, before: Sequence[Step]) -> str:
    """Return what the router goes by at this step, in words."""
    passage = " and its passage" if scene.question.passage else ""
    if not before:
        return "the question" if scene.state == "text" else f"the question{passage}; nobody has been asked yet"
    last = before[-1]
    if scene.state == "text":
        return f"the question and the last answer, {answer_word(last.label)}"
    agreed = sum(step.label == last.label for step in before)
    asked = ", ".join(dict.fromkeys(step.expert for step in before))
    said = answer_word(last.label)
    so_far = "replies so far gave" if last.label is Label.INVALID else "answers so far say"
    return (
        f"the question{passage}; the last answer, {said}, with {_sure(scene, last)}; who was asked: {asked}; "
        f"and that {agreed} of {len(before)} {so_far} {said}"
    )


def _sure(scene: Scene, step: Step) -> str:
    """What the router sees of P(yes), told apart from what the reply came with."""
    shown = f"P(yes) {scene.p_seen(step):.2f}"
    if step.reply.p_yes is None:
        return f"{shown}, which stands for unknown"
    if np.isnan(scene.border(step)):
        return shown
    return f"{shown} (raw {step.reply.p_yes:.2f}, moved so that the border {scene.border(step):.2f} lies at 0.50)"


def _draw_choice(scene: Scene, decision: Decision) -> None:
    if not decision.probabilities:
        shown = f"the answer {decision.previous_label.word}" if decision.previous_label else "no other answer"
        st.caption(plain(f"{scene.why_plain} The expert is shown {shown}." if decision.expert else scene.why_plain))
        return
    text_size = type_size(charts.TEXT_SIZE)
    st.echarts_chart(
        charts.probabilities_chart(scene.experts, decision, text_size),
        key=f"route_choice_{decision.step}",
        height=charts.probabilities_height(decision, text_size),
        alt=charts.probabilities_alt(scene.experts, decision),
    )
    if decision.repeated:
        st.caption("It chose the expert it had just asked; by the rules of this run the next one is asked instead.")


def _draw_reply(scene: Scene, step: Step) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        verb = "says" if step.label == step.reply.label else "counts as"  # its threshold on P(yes) may overrule its word
        if step.label is not Label.INVALID:
            st.badge(f"{verb} {step.label.word}", color=_LABEL_COLOURS[step.label])
        _draw_verdict(scene.question.gold, step.label)
        if scene.is_recorded(step):
            st.badge("recorded reply", icon=":material/history:", color="gray")
        if step.p_right is not None and step.label is not Label.INVALID:
            st.badge(told_sure(step.p_right), color="blue", help=SURE_HELP)
    style = scene.style(step)
    p_yes = told_p_yes(step.reply, style) + _border(scene, step)
    if step.reply.p_yes is None:
        st.caption(plain(f"{p_yes}."))
    else:
        st.progress(min(max(step.reply.p_yes, 0.0), 1.0), text=p_yes)
    draw_reply(step.reply, style)
    tokens = f"{count(step.reply.prompt_tokens)} + {count(step.reply.generated_tokens)} tokens"
    st.markdown(f"**{duration(step.seconds)}** · cost **{number(step.cost)}**")
    load_s = step.reply.load_s if step.reply.load_s > 0 else 0.0  # nan where nobody knows
    loading = f", after {duration(load_s)} of loading the model" if load_s >= _LOADING_TOLD_S else ""
    passed = f"{duration(step.reply.wall_s - load_s)} passed{loading}"
    st.caption(f"{tokens}; {passed}{' when it was recorded' if scene.kind == 'replay' else ''}.")


def told_sure(p_right: float) -> str:
    """Return how sure the router is of an answer, in words."""
    return f"{100 * p_right:.0f} % sure"


def _border(scene: Scene, step: Step) -> str:
    border = scene.border(step)
    return "" if np.isnan(border) or step.reply.p_yes is None or step.label is Label.INVALID else f", counts as yes from {border:.3f}"


def _draw_verdict(gold: Label | None, label: Label) -> None:
    if label is Label.INVALID:
        st.badge(NO_ANSWER, icon=":material/block:", color="gray")
    elif gold is not None:
        right = label == gold
        st.badge("right" if right else "wrong", icon=":material/check:" if right else ":material/close:", color="green" if right else "red")


def _draw_end(scene: Scene, route: Route) -> None:
    answer = scene.answer or route.answer
    with st.container(border=True):
        with st.grid(4, min_column_width=type_size(_CARD_WIDTH)):
            st.metric("Answer", "NONE" if answer is Label.INVALID else answer.word.upper(), border=True)
            st.metric("Cost", number(route.cost), border=True, help="Sum over the calls, by the price list of the run.")
            st.metric("Seconds", duration(route.seconds), border=True, help="Standardised: tokens times the expert's own pace.")
            st.metric("Calls", len(route.steps), border=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            _draw_verdict(scene.question.gold, answer)
            gold = f" The right answer is **{scene.question.gold.word}**." if scene.question.gold else ""
            st.markdown(f"It ended because {route.stop_reason}.{gold}")
