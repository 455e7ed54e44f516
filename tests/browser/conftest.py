"""One server and one Chromium for all browser tests; each test opens tabs of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ollama_server import OllamaServer
from playwright.sync_api import Browser, Page

from benchmarks.dashboard import TIMEOUT_MS, Dashboard, open_chromium
from browser.home import make_questions, serve_models, specs_of, write_home
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run, RunStore

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "ci-output"
"""Kept as output of CI, never committed."""
Size = tuple[int, int]
OpenTab = Callable[..., Page]
LAPTOP: Size = (1280, 720)

# A running Playwright holds the event loop of the thread, so all of this ends with the package.


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def models() -> Iterator[list[OllamaServer]]:
    """The servers of the experts."""
    with serve_models(make_questions()) as servers:
        yield servers


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory, models: list[OllamaServer]) -> Iterator[tuple[Dashboard, Run]]:
    """A server on a home with a recording and a run, whose experts answer as long as it runs."""
    folder = tmp_path_factory.mktemp("browser")
    run = write_home(folder / "home", make_questions(), specs_of(models))
    with Dashboard(folder / "home", folder / "server.log") as dashboard:
        yield dashboard, run


@pytest.fixture(scope="package")
def dashboard(trained: tuple[Dashboard, Run]) -> Dashboard:
    return trained[0]


@pytest.fixture(scope="package")
def run(trained: tuple[Dashboard, Run]) -> Run:
    return trained[1]


@pytest.fixture(scope="package")
def report(dashboard: Dashboard, run: Run) -> Json:
    """The report of the run."""
    return RunStore(dashboard.home / "runs").load_report(run.id)


@pytest.fixture
def open_tab(chromium: Browser, dashboard: Dashboard, request: pytest.FixtureRequest) -> Iterator[OpenTab]:
    """Open a tab of a browser of its own at an address of the server; each tab's picture is kept when the test ends."""
    tabs: list[Page] = []

    def open_at(address: str = "", size: Size = LAPTOP, scheme: str = "light", url: str = dashboard.url) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", base_url=url
        )
        context.set_default_timeout(TIMEOUT_MS)
        tabs.append(context.new_page())
        tabs[-1].goto(f"/{address}")
        return tabs[-1]

    PICTURES.mkdir(exist_ok=True)
    yield open_at
    for number, tab in enumerate(tabs, start=1):
        tab.screenshot(path=PICTURES / f"{request.node.name}-{number}.png")
        tab.context.close()
