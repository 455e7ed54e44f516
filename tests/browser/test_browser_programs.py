"""Experts that write programs, in front of an audience: the program as code, what it printed, or why there is no answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest
from ollama_server import OllamaServer, Spoken
from playwright.sync_api import Page, expect

from benchmarks.dashboard import Dashboard
from browser.conftest import OpenTab
from browser.home import MODELS, make_questions, specs_of, write_home
from browser.tab import badge, check_drawn, check_sound, metric, unfold, widget

pytestmark = pytest.mark.browser

OWN = "route?route_source=Your+own+question"
PHONE = (390, 844)
GOLD = {question.text: question.gold for question in make_questions()}
FIGURES = {"prompt_eval_count": 300, "prompt_eval_duration": 10**8, "eval_count": 20, "eval_duration": 10**8}


def write_program(messages: Sequence[dict[str, str]]) -> Spoken:
    """The program of a made-up model: right on recorded questions, wrong in its names where a flower is asked about."""
    prompt = messages[-1]["content"]
    gold = next((gold for text, gold in GOLD.items() if text in prompt), None)
    program = "print(Zinnia)" if "Zinnia" in prompt else 'answer = 7 % 2 == 0\nprint("yes" if answer else "no")'
    text = f"```python\n{program if gold is None else f'print({gold.word!r})'}\n```"
    token = {"token": text, "logprob": -0.1}
    return Spoken(text, [{**token, "top_logprobs": [token]}], FIGURES)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A server on a home all of whose experts write programs."""
    folder = tmp_path_factory.mktemp("programs")
    with ExitStack() as stack:
        servers = [stack.enter_context(OllamaServer(write_program, [model.name])) for model in MODELS]
        specs = [replace(spec, style="program") for spec in specs_of(servers)]
        write_home(folder / "home", make_questions(), specs)
        yield stack.enter_context(Dashboard(folder / "home", folder / "server.log"))


def ask(tab: Page, question: str) -> None:
    check_drawn(tab, "Route")
    widget(tab, "route_text").get_by_role("textbox").fill(question)
    tab.get_by_role("button", name="Route it").click()
    expect(tab.get_by_role("heading", name=question).first).to_be_visible()
    unfold(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_live_program_is_highlighted_and_says_what_it_printed(open_tab: OpenTab, programs: Dashboard, scheme: str) -> None:
    tab = open_tab(OWN, scheme=scheme, url=programs.url)
    ask(tab, "Is 7 even?")
    expect(metric(tab, "Answer")).to_have_text("NO")
    code = tab.get_by_test_id("stCode").filter(has_text="answer = 7 % 2 == 0").first
    expect(code.locator("code span[class], code span[style]").nth(3)).to_be_attached()  # words in colours of their own
    expect(tab.get_by_text("printed: no").first).to_be_visible()
    expect(tab.get_by_text("(fitted confidence)").first).to_be_visible()
    expect(tab.locator(".stage .chip.printed").first).to_have_text("program printed no")
    expect(tab.locator(".stage .program pre").first).to_contain_text("answer = 7 % 2 == 0")
    check_sound(tab)


def test_a_program_that_fails_is_no_answer_on_a_phone_too(open_tab: OpenTab, programs: Dashboard) -> None:
    tab = open_tab(OWN, size=PHONE, scheme="dark", url=programs.url)
    ask(tab, "Is a Zinnia a plant?")
    failed = tab.get_by_text("program failed: NameError: name 'Zinnia' is not defined").first
    expect(failed).to_be_visible()
    expect(badge(tab, "no answer").first).to_be_visible()
    expect(tab.locator(".stage .chip.failed").first).to_have_text("program failed: NameError")
    expect(metric(tab, "Answer")).to_have_text("NONE")
    expect(badge(tab, "wrong")).to_have_count(0)
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    check_sound(tab)


def test_a_recorded_program_is_shown_as_a_live_one(open_tab: OpenTab, programs: Dashboard) -> None:
    tab = open_tab("route", url=programs.url)
    check_drawn(tab, "Route")
    unfold(tab)
    expect(tab.get_by_test_id("stCode").filter(has_text=re.compile(r"^print\('(yes|no)'\)")).first).to_be_visible()
    expect(tab.get_by_text(re.compile("^printed: (yes|no)$")).first).to_be_visible()
    check_sound(tab)
