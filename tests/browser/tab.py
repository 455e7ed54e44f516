"""What the tests do in a tab: go somewhere, look at it, move a slider."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from benchmarks.dashboard import wait_until_drawn

PAGES = {
    "": "Overview",
    "experts": "Experts",
    "record": "Record",
    "train": "Train",
    "route": "Route",
    "compare": "Compare",
    "reward_lab": "Reward lab",
    "runs": "Runs",
}
"""The title of each page, by its address."""


def check_drawn(tab: Page, title: str) -> None:
    """The page called `title` is drawn to its end, and nothing went wrong on it."""
    wait_until_drawn(tab, title)
    check_sound(tab)


def check_sound(tab: Page) -> None:
    """No page ever shows an exception or a traceback."""
    expect(tab.get_by_test_id("stException")).to_have_count(0)
    expect(tab.get_by_text("Traceback")).to_have_count(0)


def widget(tab: Page, key: str) -> Locator:
    return tab.locator(f".st-key-{key}")


def slider(tab: Page, key: str) -> Locator:
    return widget(tab, key).get_by_role("slider")


def move_slider(tab: Page, key: str, steps: int) -> str:
    """Move a slider by the keyboard, and return its value once the address has it."""
    thumb = slider(tab, key)
    thumb.focus()
    for _ in range(abs(steps)):
        thumb.press("ArrowRight" if steps > 0 else "ArrowLeft")
    value = thumb.input_value()
    expect(tab).to_have_url(re.compile(rf"[?&]{key}={re.escape(value)}(&|$)"))
    return value


def open_tab_view(tab: Page, name: str) -> None:
    """Open one of the tabs within a page."""
    tab.get_by_role("tab", name=name, exact=True).click()
