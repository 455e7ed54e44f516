"""What the tests do in a tab: go somewhere, look at it, move a slider."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

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
_ROW_HEIGHT = 35


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
        before = thumb.input_value()
        thumb.press("ArrowRight" if steps > 0 else "ArrowLeft")
        expect(thumb).not_to_have_value(before)  # a page that draws curves meanwhile moves it a moment later
    value = thumb.input_value()
    expect(tab).to_have_url(re.compile(rf"[?&]{key}={re.escape(value)}(&|$)"))
    return value


def preset(tab: Page, page: str, name: str) -> Locator:
    """The button of a preset; the one that the settings equal carries a check."""
    return widget(tab, f"{page}_preset_{name}").get_by_role("button")


def open_tab_view(tab: Page, name: str) -> None:
    """Open one of the tabs within a page."""
    tab.get_by_role("tab", name=name, exact=True).click()


def follow(tab: Page, title: str) -> None:
    """Go to the page called `title` as people do, by the navigation, and wait until it is drawn."""
    tab.get_by_test_id("stSidebar").get_by_role("link", name=title).click()
    check_drawn(tab, title)


def choose_segment(tab: Page, key: str, name: str) -> None:
    """Choose one of the buttons of a segmented control and wait until it is the chosen one."""
    button = widget(tab, key).get_by_role("radio", name=name, exact=True)
    button.click()
    expect(button).to_be_checked()


def chosen(tab: Page, key: str) -> str:
    """Return what a select box or text field shows."""
    return widget(tab, key).get_by_role("combobox").input_value()


def in_address(tab: Page) -> dict[str, str]:
    """Return the parameters of the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def unfold(tab: Page) -> None:
    """Open the route in words below the stage."""
    tab.locator(".st-key-route_words summary").first.click()


def metric(tab: Page, label: str) -> Locator:
    """The value of the figure called `label`."""
    return tab.get_by_test_id("stMetric").filter(has=tab.get_by_text(label, exact=True)).get_by_test_id("stMetricValue")


def tables(tab: Page) -> Locator:
    """The tables that can be seen."""
    return tab.get_by_test_id("stDataFrame").filter(visible=True)


def cells(table: Locator, column: int | None = None) -> Locator:
    """The cells of a table, which is painted: what it tells to screen readers; `column` counts from 1."""
    return table.locator("[role=gridcell]" + ("" if column is None else f"[aria-colindex='{column}']"))


def badge(tab: Page, words: str) -> Locator:
    """The badges that say `words`, whatever their icon."""
    return tab.locator(".stMarkdownBadge").filter(has_text=re.compile(rf"(^| ){words}$"))


def choose_row(table: Locator, row: int) -> None:
    """Choose a row of a table, counted from 0, by the box at its left."""
    table.click(position={"x": 20, "y": _ROW_HEIGHT * (row + 1.5)})
