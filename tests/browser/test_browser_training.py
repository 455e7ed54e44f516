"""Training in front of an audience: moved sliders, curves that grow, Stop, a reload in the middle, a second tab."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import OpenTab
from browser.tab import check_drawn, check_sound, move_slider, open_tab_view, slider, widget

pytestmark = pytest.mark.browser

LONG = "train?train_total_steps=65536"
RESULT = "Result on held-out questions"
_DRAWN = "() => document.querySelector('.st-key-train_mean_reward canvas').toDataURL()"


@pytest.fixture(autouse=True)
def no_training_left(open_tab: OpenTab) -> Iterator[None]:
    """One server serves all tests: a training that a failed test left behind must not fail the next one."""
    yield
    tab = open_tab("train")
    check_drawn(tab, "Train")
    if widget(tab, "train_stop").count():
        stop(tab)


def test_a_training_with_moved_sliders_moves_the_curves_and_ends_with_a_result(open_tab: OpenTab) -> None:
    tab = open_tab("train")
    check_drawn(tab, "Train")
    alpha = move_slider(tab, "train_alpha", 4)
    open_tab_view(tab, "Learning")
    steps = move_slider(tab, "train_total_steps", 8)
    start(tab, f"deployable, alpha {alpha}, {int(steps):,} steps")
    wait_for_curves(tab)
    early, drawn_early = curve(tab).get_attribute("aria-label") or "", drawn(tab)
    expect(curve(tab)).not_to_have_attribute("aria-label", early)
    tab.wait_for_function("([draw, before]) => eval(draw)() !== before", arg=[_DRAWN, drawn_early])
    expect(tab.get_by_text("finished").first).to_be_visible()
    expect(tab.get_by_text(RESULT)).to_be_visible()
    expect(curve(tab)).to_have_attribute("aria-label", re.compile(r"after [\d,]+ steps"))  # fewer than planned where it converges
    open_tab_view(tab, "Reward")
    expect(slider(tab, "train_alpha")).to_have_value(alpha)
    check_sound(tab)


def test_a_stopped_training_keeps_what_it_learned(open_tab: OpenTab) -> None:
    tab = open_tab(LONG)
    check_drawn(tab, "Train")
    start(tab, "deployable, 65,536 steps")
    wait_for_curves(tab)
    stop(tab)
    expect(tab.get_by_text("stopped early").first).to_be_visible()
    expect(tab.get_by_text(RESULT)).to_be_visible()
    expect(widget(tab, "train_start").get_by_role("button")).to_be_enabled()
    check_sound(tab)


def test_a_training_goes_on_through_a_reload_and_another_page(open_tab: OpenTab) -> None:
    tab = open_tab(LONG)
    check_drawn(tab, "Train")
    start(tab, "deployable, 65,536 steps")
    wait_for_curves(tab)
    tab.reload()
    wait_for_curves(tab)
    check_sound(tab)
    expect(tab.get_by_text("started in another tab")).to_be_visible()
    open_tab_view(tab, "Learning")
    expect(slider(tab, "train_total_steps")).to_have_value("65536")
    tab.get_by_test_id("stSidebar").get_by_role("link", name="Runs").click()
    check_drawn(tab, "Runs")
    tab.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    wait_for_curves(tab)
    open_tab_view(tab, "Learning")
    expect(slider(tab, "train_total_steps")).to_have_value("65536")
    stop(tab)
    check_sound(tab)


def test_a_second_tab_watches_and_stops_and_keeps_its_own_settings(open_tab: OpenTab) -> None:
    first, second = open_tab(LONG), open_tab("train")
    for tab in (first, second):
        check_drawn(tab, "Train")
    start(first, "deployable, 65,536 steps")
    wait_for_curves(first)
    second.reload()  # it would find the training by itself, some seconds later
    wait_for_curves(second)
    expect(second.get_by_text("started in another tab")).to_be_visible()
    expect(widget(second, "train_start").get_by_role("button")).to_be_disabled()
    stop(second)
    alpha = move_slider(second, "train_alpha", 4)
    for tab in (first, second):
        expect(tab.get_by_text("stopped early").first).to_be_visible()
        expect(tab.get_by_text(RESULT)).to_be_visible()
        check_sound(tab)
    expect(slider(second, "train_alpha")).to_have_value(alpha)
    expect(slider(first, "train_alpha")).not_to_have_value(alpha)


def start(tab: Page, name: str) -> None:
    """Press Train, once the page calls the run `name`: then the server has the settings."""
    expect(widget(tab, "train_name").get_by_role("textbox")).to_have_attribute("placeholder", name)
    widget(tab, "train_start").get_by_role("button").click()
    expect(tab.get_by_text(f"Training “{name}”")).to_be_visible()


def stop(tab: Page) -> None:
    """Press Stop and wait until Train is free again."""
    widget(tab, "train_stop").get_by_role("button", name="Stop").click()
    expect(widget(tab, "train_stop")).to_have_count(0)


def curve(tab: Page) -> Locator:
    return widget(tab, "train_mean_reward").get_by_test_id("stEChartsChart")


def wait_for_curves(tab: Page) -> None:
    """A training is going on and something is drawn of it."""
    expect(widget(tab, "train_stop")).to_be_visible()
    expect(curve(tab)).to_have_attribute("aria-label", re.compile("steps"))


def drawn(tab: Page) -> str:
    """The pixels of the curve of the reward."""
    pixels: str = tab.evaluate(_DRAWN)
    return pixels
