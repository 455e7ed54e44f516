"""The stage in a real browser: it plays by keys and buttons, keeps still where asked to, fits one screen, and can be shared."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from ollama_server import OllamaServer
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.dashboard import TIMEOUT_MS, Dashboard
from browser.conftest import OpenTab, Size
from browser.tab import check_drawn, check_sound, in_address, widget
from der_core.evaluation.report import Json

pytestmark = pytest.mark.browser

OWN = "route?route_source=Your+own+question"
SCREENS: list[Size] = [(1440, 900), (1920, 1080)]
_BELOW = """() => {
    const all = [...document.querySelectorAll("*")].map(one => one.shadowRoot).filter(Boolean);
    const stage = all.map(root => root.querySelector(".stage")).find(Boolean);
    const parts = [stage, ...stage.querySelectorAll("h2, .node, .band, .controls button, .share button")];
    return Math.max(...parts.map(part => part.getBoundingClientRect().bottom)) - window.innerHeight;
}"""


@pytest.fixture
def moving(chromium: Browser, dashboard: Dashboard) -> Iterator[Page]:
    """A tab of somebody who likes motion."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, base_url=dashboard.url, reduced_motion="no-preference")
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def shown(tab: Page, address: str = "route") -> Page:
    if address:
        tab.goto(f"/{address}")
    check_drawn(tab, "Route")
    expect(tab.locator(".stage h2")).to_be_visible()
    return tab


def band(tab: Page) -> Locator:
    return tab.locator(".stage .band")


def chips(tab: Page) -> list[str]:
    return [words for words in tab.locator(".stage .chip").all_inner_texts() if words]


def length(tab: Page) -> int:
    return tab.locator(".stage .dot").count() - 1


def play_to_the_end(tab: Page) -> None:
    for _ in range(length(tab)):
        tab.keyboard.press("ArrowRight")
    expect(band(tab)).to_have_class(re.compile("right|wrong|unknown"))


def test_the_keys_step_forward_and_back(open_tab: OpenTab, report: Json) -> None:
    recorded = report["traces"]["questions"][1]
    tab = shown(open_tab(f"route?question={recorded['id']}&router={report['traces']['router']}"), "")
    expect(tab.locator(".stage h2")).to_have_text(recorded["question"])
    expect(band(tab)).to_have_text("Nobody has been asked yet")
    tab.keyboard.press("ArrowRight")
    expect(band(tab)).to_have_text(re.compile("^1 call, cost "))
    first = chips(tab)
    assert len(first) == 1 and first[0].startswith(("yes", "no"))
    play_to_the_end(tab)
    right = recorded["answer"] == recorded["gold"]
    expect(band(tab)).to_have_text(
        re.compile(f"{'✓ Right' if right else '✕ Wrong'}: {recorded['answer']}.*One call of .*: (right|wrong), cost")
    )
    for _ in range(length(tab)):
        tab.keyboard.press("ArrowLeft")
    expect(band(tab)).to_have_text("Nobody has been asked yet")
    assert chips(tab) == []
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".stage .dot").first).to_have_attribute("aria-current", "step")
    check_sound(tab)


def test_space_plays_to_the_end_and_keys_in_a_field_play_nothing(open_tab: OpenTab) -> None:
    tab = shown(open_tab("route"), "")
    widget(tab, "question").get_by_role("combobox").focus()
    tab.keyboard.press("ArrowRight")
    expect(band(tab)).to_have_text("Nobody has been asked yet")
    tab.locator(".stage h2").click()
    tab.keyboard.press("Space")
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    expect(band(tab)).to_have_class(re.compile("right|wrong"))
    expect(tab.get_by_role("button", name="Play again")).to_be_visible()
    tab.get_by_role("button", name="Step back").click()
    expect(band(tab)).to_have_text(re.compile("^1 call|^[2-9] calls"))
    check_sound(tab)


def test_nothing_travels_where_less_motion_is_asked_for(open_tab: OpenTab, moving: Page) -> None:
    still = shown(open_tab("route"), "")
    still.keyboard.press("ArrowRight")
    expect(band(still)).to_have_text(re.compile("^1 call"))
    count = "token => token.getAnimations().length"
    assert still.locator(".stage .token").evaluate(count) == 0
    shown(moving)
    moving.keyboard.press("ArrowRight")
    assert moving.locator(".stage .token").evaluate(count) == 1
    assert chips(moving) == [], "the reply comes when the token has arrived"
    expect(moving.locator(".stage .chip").filter(has_text=re.compile("yes|no"))).to_have_count(1)
    expect(moving.locator(".stage .dot.done")).to_have_count(1)
    moving.keyboard.press("ArrowRight")
    moving.keyboard.press("ArrowLeft")  # while it travels: the move is taken back
    expect(band(moving)).to_have_text(re.compile("^1 call"))
    assert moving.locator(".stage .dot.done").count() == 1
    moving.keyboard.press("ArrowRight")
    moving.keyboard.press("ArrowRight")  # while it travels: the move is over at once
    assert moving.locator(".stage .dot.done").count() == 2
    check_sound(moving)


@pytest.mark.parametrize("size", SCREENS)
@pytest.mark.parametrize("address", ["route", "route?present=true"])
def test_the_whole_stage_is_on_one_screen(open_tab: OpenTab, size: Size, address: str) -> None:
    tab = shown(open_tab(address, size=size), "")
    assert tab.evaluate(_BELOW) <= 0
    play_to_the_end(tab)
    assert tab.evaluate(_BELOW) <= 0
    assert tab.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    check_sound(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_upright_without_scrolling_sideways(open_tab: OpenTab, scheme: str) -> None:
    tab = shown(open_tab("route", size=(390, 844), scheme=scheme), "")
    play_to_the_end(tab)
    assert tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    inside = tab.locator(".stage").evaluate(
        "stage => [...stage.querySelectorAll('.node, .band')].every(one => one.getBoundingClientRect().right <= 390)"
    )
    assert inside
    check_sound(tab)


def test_two_routers_play_side_by_side(open_tab: OpenTab, report: Json) -> None:
    best = report["results"]["best_single"]
    tab = shown(open_tab(f"route?beside={best}", size=(1440, 900)), "")
    expect(tab.locator(".stage .router b")).to_have_text([report["traces"]["router"], best])
    assert tab.evaluate(_BELOW) <= 0
    for _ in range(length(tab)):
        tab.keyboard.press("ArrowRight")
    for place in range(2):
        expect(band(tab).nth(place)).to_have_class(re.compile("right|wrong"))
    assert tab.evaluate(_BELOW) <= 0
    check_sound(tab)


def test_the_audience_votes_before_the_token_moves(open_tab: OpenTab) -> None:
    tab = shown(open_tab("route"), "")
    percents = tab.locator(".stage .percent")
    expect(percents.first).to_have_text(re.compile(r"\d+ %"))
    tab.keyboard.press("1")  # the probabilities were in view: the first key hides them
    expect(percents.first).to_have_text("")
    expect(tab.get_by_text("Whom would you ask? Keys 1 to 4", exact=True)).to_be_visible()
    tab.keyboard.press("2")
    expect(tab.locator(".stage .key").nth(1)).to_have_attribute("aria-pressed", "true")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".stage .score")).to_have_text(
        re.compile(r"^You chose as DER did [01] of 1 times. Right after it: you [01], DER [01]$")
    )
    check_sound(tab)


def test_a_route_is_shared_as_a_link_and_as_a_picture(open_tab: OpenTab, tmp_path: Path) -> None:
    tab = shown(open_tab("route"), "")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy link").click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    link = tab.evaluate("navigator.clipboard.readText()")
    assert link == tab.url and in_address(tab)["question"] in link
    with tab.expect_download() as saving:
        tab.get_by_role("button", name="Picture").click()
    saving.value.save_as(tmp_path / "card.png")
    picture = (tmp_path / "card.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", picture[16:24]) == (2400, 1260)
    assert saving.value.suggested_filename.startswith("route-")
    check_sound(tab)


def test_the_overview_plays_a_route_and_its_link_leads_there(open_tab: OpenTab) -> None:
    tab = open_tab("")
    check_drawn(tab, "Overview")
    question = tab.locator(".stage h2").inner_text()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy link").click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    tab.goto(tab.evaluate("navigator.clipboard.readText()"))
    expect(shown(tab, "").locator(".stage h2")).to_have_text(question)


def test_a_live_route_moves_as_replies_arrive(open_tab: OpenTab, models: list[OllamaServer]) -> None:
    tab = open_tab(OWN, size=(1440, 900))
    check_drawn(tab, "Route")
    for server in models:
        server.fail("hung")
    try:
        widget(tab, "route_text").get_by_role("textbox").fill("Is it <i>live</i>?")
        tab.get_by_role("button", name="Route it").click()
        expect(tab.locator(".stage h2")).to_have_text("Is it <i>live</i>?")
        expect(tab.locator(".stage .chip.waiting")).to_have_text("is asked …")
        assert tab.evaluate(_BELOW) <= 0
        widget(tab, "route_stop").get_by_role("button").click()
        expect(tab.locator(".stage .note")).to_have_text("Stopped before its end")
    finally:
        for server in models:
            server.fail("hung", times=0)
    tab.get_by_role("button", name="Route it").click()
    expect(band(tab)).to_have_text(re.compile("^Answer: yes.*on average$"))
    expect(tab.locator(".stage .chip").filter(has_text="yes, 90 %").first).to_be_visible()
    assert tab.evaluate(_BELOW) <= 0
    check_sound(tab)
