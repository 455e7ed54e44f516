"""The README's pictures, taken from the real dashboard on the demo recording.

    python -m benchmarks.screenshots

Starts a server on a home of its own that is thrown away afterwards, trains a router through the Train page, and writes
one PNG a view into assets/screens/. Not part of CI: pictures are taken anew where a page has changed.
"""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from benchmarks.dashboard import TIMEOUT_MS, Dashboard, open_chromium, wait_until_at_rest, wait_until_drawn
from benchmarks.measure import ROOT
from ui.shared.home import DEMO_STORE

FOLDER = ROOT / "assets" / "screens"
WIDTH, HEIGHT = 1280, 800
MAX_BYTES = 300_000
TRAINING_MS = 10 * TIMEOUT_MS
"""How long a training may take: where vectors are not kept with the demo, every question is encoded first."""


@dataclass(frozen=True)
class View:
    """A picture: the name of its file, the address and title of its page, what is scrolled into it, light or dark."""

    name: str
    address: str
    title: str
    shown: str = ""
    scheme: str = "light"


VIEWS = (
    View("overview", "", "Overview"),
    View("train", "train", "Train"),
    View("route", "route", "Route", shown=".stage h2"),
    View("compare", "compare", "Compare", shown=".st-key-compare_chart"),
    View("reward-lab", "reward_lab", "Reward lab"),
    View("train-dark", "train", "Train", shown=".st-key-train_mean_reward", scheme="dark"),
)


def main() -> int:
    """Take all pictures; returns the exit code, 1 with the reason where there is no demo recording."""
    if not DEMO_STORE.exists():
        print(
            f"There is no demo recording at {DEMO_STORE.relative_to(ROOT)}, so there is nothing to take pictures of; record it first.",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory() as name:
        take_pictures(Path(name), FOLDER)
    return 0


def take_pictures(workplace: Path, folder: Path) -> None:
    """Train a router in the home below `workplace` and write the picture of every view into `folder`; tells each with its size."""
    folder.mkdir(parents=True, exist_ok=True)
    with Dashboard(workplace / "home", workplace / "server.log") as dashboard, open_chromium() as browser:
        train(browser, dashboard.url)
        for view in VIEWS:
            picture = compressed(take(browser, dashboard.url, view))
            (folder / f"{view.name}.png").write_bytes(picture)
            print(f"{view.name + '.png':<20} {len(picture) / 1000:,.0f} KB")


def train(browser: Browser, url: str) -> None:
    """Train a router as the Train page suggests, to its end."""
    page = _open(browser, url, "light")
    page.goto("/train")
    wait_until_drawn(page, "Train")
    page.locator(".st-key-train_start").get_by_role("button").click()
    expect(page.get_by_text("Result on held-out questions")).to_be_visible(timeout=TRAINING_MS)
    page.context.close()


def take(browser: Browser, url: str, view: View) -> bytes:
    """Return the picture of a view as the browser takes it, once nothing on the page moves."""
    page = _open(browser, url, view.scheme)
    page.goto(f"/{view.address}")
    wait_until_drawn(page, view.title)
    if view.shown:
        page.locator(view.shown).scroll_into_view_if_needed()
    wait_until_at_rest(page)
    picture = page.screenshot()
    page.context.close()
    return picture


def compressed(picture: bytes) -> bytes:
    """Return a PNG without transparency, packed as tightly as PNG can; RuntimeError where it is still larger than MAX_BYTES.

    No palette: it merges the colours of experts, which tell them apart.
    """
    from PIL import Image  # late, as it comes with Streamlit and nothing else of ours needs it

    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(small, "PNG", optimize=True)
    if small.tell() > MAX_BYTES:
        raise RuntimeError(f"A picture takes {small.tell():,} bytes, more than {MAX_BYTES:,}: take a smaller part of the page.")
    return small.getvalue()


def _open(browser: Browser, url: str, scheme: str) -> Page:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        base_url=url,
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context.new_page()


if __name__ == "__main__":
    sys.exit(main())
