"""Every page in light and dark, on a laptop, a projector and a phone: drawn to its end, within the width, pictures kept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from benchmarks.dashboard import wait_until_at_rest
from browser.conftest import PICTURES, OpenTab, Size
from browser.tab import PAGES, check_drawn

pytestmark = pytest.mark.browser

SIZES: dict[str, Size] = {"laptop": (1280, 720), "projector": (1920, 1080), "phone": (390, 844)}
TALLEST = 6_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SIZES)
def test_every_page_fits_the_screen(open_tab: OpenTab, screen: str, scheme: str) -> None:
    tab = open_tab(size=SIZES[screen], scheme=scheme)
    for address, title in PAGES.items():
        tab.goto(f"/{address}")
        check_drawn(tab, title)
        wider = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{title} is {wider} pixels wider than a {screen}"
        keep_whole_page(tab, SIZES[screen], f"{address or 'overview'}-{screen}-{scheme}")


def keep_whole_page(tab: Page, size: Size, name: str) -> None:
    """Pages scroll inside the window, so the window is made as high as the page for its picture."""
    height = tab.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    tab.set_viewport_size({"width": size[0], "height": min(max(height, size[1]), TALLEST)})
    wait_until_at_rest(tab)
    tab.screenshot(path=PICTURES / f"{name}.png")
    tab.set_viewport_size({"width": size[0], "height": size[1]})
