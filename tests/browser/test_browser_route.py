"""The Route page in front of an audience: a typed question answered now, one that hangs, one that was recorded."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from ollama_server import OllamaServer
from playwright.sync_api import Locator, Page, expect

from browser.conftest import OpenTab
from browser.home import MODELS, TO_TYPED
from browser.tab import badge, cells, check_drawn, check_sound, choose_segment, metric, tables, unfold, widget
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run

pytestmark = pytest.mark.browser

QUESTION = "Is a typed <i>question</i> answered?"
OWN = "route?route_source=Your+own+question"
OTHERS = "What would the others have said?"
PATIENCE_S = 5.0


@pytest.fixture
def hanging(models: list[OllamaServer]) -> Iterator[list[OllamaServer]]:
    """Experts who take a question and never answer, until `heal` or the end of the test."""
    for server in models:
        server.fail("hung")
    yield models
    heal(models)


def heal(models: list[OllamaServer]) -> None:
    for server in models:
        server.fail("hung", times=0)


def test_a_typed_question_is_answered_by_the_experts_step_by_step(open_tab: OpenTab) -> None:
    tab = open_tab("route")
    check_drawn(tab, "Route")
    choose_segment(tab, "route_source", "Your own question")
    ask(tab, QUESTION)
    unfold(tab)
    expect(metric(tab, "Answer")).to_have_text("YES")
    expect(badge(tab, "live")).to_be_visible()
    step = steps(tab).first
    expect(step).to_contain_text(re.compile(r"Step 1: the router asks .*(cheap-0\.5b|middling-1\.5b|dear-7b)"))
    expect(step.get_by_text(TO_TYPED, exact=True)).to_be_visible()
    expect(step).to_contain_text("says yes")
    expect(step).to_contain_text("P(yes) 0.900")
    expect(step).to_contain_text(re.compile(r"\d+\.\d\d s · cost \d+\.\d\d"))
    step.get_by_text("Prompt", exact=True).click()
    expect(step.get_by_test_id("stCode").filter(has_text=QUESTION)).to_be_visible()
    expect(tab.get_by_text(re.compile("^It ended because .+\\.$"))).to_be_visible()
    for made_up in ("b", "i"):
        expect(tab.locator(f"[data-testid=stMain] {made_up}").filter(has_text=re.compile("typed|question"))).to_have_count(0)
    check_sound(tab)


def test_the_other_experts_are_asked_too(open_tab: OpenTab) -> None:
    tab = open_tab(OWN)
    check_drawn(tab, "Route")
    ask(tab, "Is everybody asked?")
    tab.get_by_role("button", name=OTHERS).click()
    expect(tab.get_by_text("What every expert says first")).to_be_visible()
    expect(cells(tables(tab), 1)).to_have_text([model.name.replace(":", "-") for model in MODELS])
    expect(cells(tables(tab), 6)).to_have_text([TO_TYPED] * len(MODELS))
    check_sound(tab)


def test_a_route_can_be_stopped_while_an_expert_hangs_and_asked_again(open_tab: OpenTab, hanging: list[OllamaServer]) -> None:
    tab = open_tab(OWN)
    check_drawn(tab, "Route")
    ask(tab, "Does it hang?")
    unfold(tab)
    expect(tab.get_by_text("Waiting for the reply")).to_be_visible()
    pressed = time.monotonic()
    widget(tab, "route_stop").get_by_role("button").click()
    expect(tab.get_by_text("The route was stopped before its end. Ask again when you like.")).to_be_visible()
    assert time.monotonic() - pressed < PATIENCE_S
    expect(tab.get_by_text("No reply came.")).to_be_visible()
    heal(hanging)
    ask(tab, "Does it answer now?")
    expect(tab.get_by_text(TO_TYPED, exact=True).first).to_be_visible()
    expect(metric(tab, "Answer")).to_have_text("YES")
    check_sound(tab)


def test_a_recorded_question_is_replayed_and_held_against_the_best_route(open_tab: OpenTab, run: Run, report: Json) -> None:
    recorded = report["traces"]["questions"][2]
    router = report["traces"]["router"]
    tab = open_tab(f"route?run={run.id}&question={recorded['id']}&router={router}")
    check_drawn(tab, "Route")
    expect(tab.get_by_role("heading", name=recorded["question"])).to_be_visible()
    unfold(tab)
    expect(badge(tab, "replay")).to_be_visible()
    expect(metric(tab, "Answer")).to_have_text(recorded["answer"].upper())
    expect(metric(tab, "Calls")).to_have_text(str(len(recorded["steps"])))
    expect(metric(tab, "Cost")).to_have_text(f"{sum(step['cost'] for step in recorded['steps']):.2f}")
    expect(tab.get_by_text(f"It ended because {recorded['stop_reason']}. The right answer is {recorded['gold']}.")).to_be_visible()
    for place, step in enumerate(recorded["steps"]):
        expect(steps(tab).nth(place)).to_contain_text(step["expert"])
        expect(steps(tab).nth(place)).to_contain_text(re.compile(f"(says|counts as) {step['label']}"))
    expect(tab.get_by_role("heading", name="Against the best possible route")).to_be_visible()
    expect(badge(tab, "oracle")).to_be_visible()
    check_lost(tab)
    check_sound(tab)


def check_lost(tab: Page) -> None:
    """What was lost is the difference of the figures that stand below it."""
    told = tab.get_by_text(re.compile("^Cost .* against .*; return")).inner_text()
    cost, best_cost, value, best_value = (float(figure) for figure in re.findall(r"-?\d+\.\d+", told))
    assert float(metric(tab, "Extra cost").inner_text()) == pytest.approx(cost - best_cost, abs=0.011)
    assert float(metric(tab, "Return lost").inner_text()) == pytest.approx(best_value - value, abs=0.0011)
    assert best_value >= value


def ask(tab: Page, question: str) -> None:
    """Type a question and press the button; returns once the page shows it as asked."""
    widget(tab, "route_text").get_by_role("textbox").fill(question)
    tab.get_by_role("button", name="Route it").click()
    expect(tab.get_by_role("heading", name=question).first).to_be_visible()


def steps(tab: Page) -> Locator:
    """The steps of the route, first to last."""
    inner = tab.get_by_test_id("stExpander").get_by_test_id("stExpander")
    return inner.filter(has=tab.get_by_text(re.compile(r"^Step \d+: the router")))
