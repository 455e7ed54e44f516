"""The dashboard as a browser sees it: first paint, a slider moved (at rest and during a training), page switches, sizes of charts.

    python -m benchmarks.bench_dashboard

A real server and a headless Chromium on the same machine. Times are taken inside the page, by an observer of its
elements: from the key or the click (or the beginning of the navigation) until the awaited element is there and the
script has ended. Sizes are those of the chart elements in the websocket's messages to a new tab, as they are sent.
The demo recording is what the pages show.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

from benchmarks.dashboard import TIMEOUT_MS, Dashboard, open_chromium, wait_until_drawn
from benchmarks.measure import percentile, report
from ui.shared.frame import PAGES

STARTS, MOVES, ROUNDS = 5, 40, 4
PAUSE_S = 0.3
"""Between two moves of a slider, so that one is over before the next."""
LONG = "train?train_total_steps=65536&train_alpha=0.1"  # room for the slider on both sides
CHARTS = ("plotly_chart", "echarts_chart", "arrow_vega_lite_chart")
_NAMES = {label: Path(path).stem if path.startswith("pages/") else "" for path, label, _ in PAGES}
"""Address of each page by its title."""
_STATE = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
_AT_REST = f"{_STATE} === 'notRunning' && !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')"
_TITLE = "document.querySelector('h1')?.innerText"
_NAME = "document.querySelector('.st-key-train_name input').placeholder"
_CLOCK = """() => {
    window.clock = {start: null, seen: {}, awaited: {}};
    const look = () => {
        if (clock.start === null) return;
        for (const [name, holds] of Object.entries(clock.awaited)) if (!(name in clock.seen) && holds()) clock.seen[name] = performance.now();
    };
    new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    for (const kind of ['keydown', 'pointerdown']) document.addEventListener(kind, () => clock.start ??= performance.now(), true);
    window.awaitOn = (awaited, start) => {
        const holds = Object.entries(awaited).map(([name, words]) => [name, new Function('return ' + words)]);
        window.clock = {start, seen: {}, awaited: Object.fromEntries(holds)};
    };
}"""


def main() -> None:
    """Measure everything, print the figures and write the result file."""
    with tempfile.TemporaryDirectory() as name, open_chromium() as browser:
        home, log = Path(name) / "home", Path(name) / "server.log"
        figures: dict[str, float | str] = dict(first_paint(browser, home, log))
        with Dashboard(home, log) as dashboard:
            figures |= sliders(browser, dashboard.url)
            figures |= page_switches(browser, dashboard.url)
            figures |= chart_sizes(browser, dashboard.url)
    report("dashboard", figures)


def first_paint(browser: Browser, home: Path, log: Path) -> dict[str, float]:
    """Open the first page of a fresh server in a fresh browser profile, several times; medians in milliseconds."""
    starts, titles, drawn = [], [], []
    for _ in range(STARTS):
        began = time.perf_counter()
        with Dashboard(home, log) as dashboard:
            starts.append(1e3 * (time.perf_counter() - began))
            with open_tab(browser, dashboard.url) as tab:
                awaited = {"title": f"{_TITLE} === 'Overview'", "drawn": _drawn("Overview")}
                tab.add_init_script(f"({_CLOCK})(); awaitOn({json.dumps(awaited)}, 0)")
                tab.goto("/")
                seen = seen_ms(tab, "drawn")
        titles.append(seen["title"])
        drawn.append(seen["drawn"])
    return {
        "server_start_ms": percentile(starts, 50),
        "first_paint_title_ms": percentile(titles, 50),
        "first_paint_drawn_ms": percentile(drawn, 50),
        "first_paint_drawn_worst_ms": max(drawn),
        "start_and_paint_title_ms": percentile([sum(pair) for pair in zip(starts, titles, strict=True)], 50),
        "start_and_paint_drawn_ms": percentile([sum(pair) for pair in zip(starts, drawn, strict=True)], 50),
    }


def sliders(browser: Browser, url: str) -> dict[str, float]:
    """Move a slider of the Train page by its keys, at rest and while a training runs."""
    with open_tab(browser, url, LONG) as tab:
        wait_until_drawn(tab, "Train")
        tab.evaluate(_CLOCK)
        at_rest = [move_ms(tab, place) for place in range(MOVES)]
        train(tab, until_end=True)  # the first one also loads torch and, without cached vectors, the encoder
        training = list(moves_during_training(tab))
    return {
        "slider_p50_ms": percentile(at_rest, 50),
        "slider_p95_ms": percentile(at_rest, 95),
        "slider_training_p50_ms": percentile(training, 50),
        "slider_training_p95_ms": percentile(training, 95),
    }


def move_ms(tab: Page, place: int) -> float:
    """Press an arrow key on a slider; returns the time until the page has the settings and its script has ended."""
    before = tab.evaluate(_NAME)
    await_on(tab, moved=f"{_NAME} !== {json.dumps(before)} && {_AT_REST}")
    slider = tab.locator(".st-key-train_alpha").get_by_role("slider")
    slider.press("ArrowRight" if place % 2 == 0 else "ArrowLeft")
    elapsed = seen_ms(tab, "moved")["moved"]
    time.sleep(PAUSE_S)
    return elapsed


def moves_during_training(tab: Page) -> Iterator[float]:
    """Yield MOVES times of a moved slider, all begun and ended while a training runs."""
    measured = 0
    while measured < MOVES:
        train(tab, until_end=False)
        while measured < MOVES and is_training(tab):
            elapsed = move_ms(tab, measured)
            if is_training(tab):
                measured += 1
                yield elapsed
    expect(_stop(tab)).to_have_count(0)


def train(tab: Page, *, until_end: bool) -> None:
    """Begin a training, unless one runs, and wait until it learns, or ends."""
    if not is_training(tab):
        tab.locator(".st-key-train_start").get_by_role("button").click()
        expect(_stop(tab)).to_be_visible()
    # The time is generous: a first training may have to encode every question.
    expect(tab.get_by_text(re.compile(r"[\d,]+ of [\d,]+ steps")).first).to_be_visible(timeout=10 * TIMEOUT_MS)
    if until_end:
        expect(_stop(tab)).to_have_count(0)
        wait_until_drawn(tab, "Train")


def is_training(tab: Page) -> bool:
    """Tell whether the page shows a training going on."""
    return _stop(tab).count() > 0


def page_switches(browser: Browser, url: str) -> dict[str, float]:
    """Go through all pages by the navigation, once to warm them, then ROUNDS times; medians in milliseconds by page."""
    times: dict[str, list[float]] = {label: [] for label in _NAMES}
    with open_tab(browser, url, "") as tab:
        wait_until_drawn(tab, "Overview")
        tab.evaluate(_CLOCK)
        for number in range(ROUNDS + 1):
            for label in [*list(_NAMES)[1:], "Overview"]:
                elapsed = switch_ms(tab, label)
                if number:
                    times[label].append(elapsed)
    everything = [elapsed for one in times.values() for elapsed in one]
    by_page = {f"switch_{_key(label)}_ms": percentile(one, 50) for label, one in times.items()}
    return {"switch_p50_ms": percentile(everything, 50), "switch_p95_ms": percentile(everything, 95), **by_page}


def switch_ms(tab: Page, label: str) -> float:
    """Click a page of the navigation; returns the time until it is drawn to its end."""
    await_on(tab, drawn=_drawn(label))
    tab.get_by_test_id("stSidebar").get_by_role("link", name=label, exact=True).click()
    elapsed = seen_ms(tab, "drawn")["drawn"]
    time.sleep(PAUSE_S)
    return elapsed


def chart_sizes(browser: Browser, url: str) -> dict[str, float]:
    """Open each page in a new tab; bytes of its charts and of all that is sent for it."""
    sizes: dict[str, float] = {}
    for label, address in _NAMES.items():
        frames: list[bytes] = []
        with open_tab(browser, url) as tab:
            tab.on("websocket", partial(_keep_frames, frames))
            tab.goto(f"/{address}")
            wait_until_drawn(tab, label)
        sizes[f"charts_{_key(label)}_bytes"] = sum(map(_chart_bytes, frames))
        sizes[f"page_{_key(label)}_bytes"] = sum(map(len, frames))
    return sizes


@contextmanager
def open_tab(browser: Browser, url: str, address: str | None = None) -> Iterator[Page]:
    """Hold a tab of a browser profile of its own open, at an address where one is given."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce", base_url=url)
    context.set_default_timeout(TIMEOUT_MS)
    try:
        tab = context.new_page()
        if address is not None:
            tab.goto(f"/{address}")
        yield tab
    finally:
        context.close()


def await_on(tab: Page, **awaited: str) -> None:
    """Wait, from the next key or click on, for each of these JavaScript conditions."""
    tab.evaluate("awaited => awaitOn(awaited, null)", awaited)


def seen_ms(tab: Page, last: str) -> dict[str, float]:
    """Return the milliseconds after which each awaited thing was seen, once `last` is."""
    tab.wait_for_function("name => name in clock.seen", arg=last)
    seen: dict[str, float] = tab.evaluate(
        "() => Object.fromEntries(Object.entries(clock.seen).map(([name, t]) => [name, t - clock.start]))"
    )
    return seen


def _drawn(title: str) -> str:
    return f"{_TITLE} === {json.dumps(title)} && {_AT_REST}"


def _stop(tab: Page) -> Locator:
    return tab.locator(".st-key-train_stop")


def _key(label: str) -> str:
    return label.lower().replace(" ", "_")


def _keep_frames(kept: list[bytes], socket: WebSocket) -> None:
    socket.on("framereceived", lambda payload: kept.append(payload if isinstance(payload, bytes) else payload.encode()))


def _chart_bytes(frame: bytes) -> int:
    """Bytes of the chart that a message brings, 0 where it brings none."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    element = ForwardMsg.FromString(frame).delta.new_element
    kind = element.WhichOneof("type")
    return int(getattr(element, kind).ByteSize()) if kind in CHARTS else 0


if __name__ == "__main__":
    main()
