"""A clean clone without any network: `make demo` opens on the shipped demo, trains a router, and answers a typed question."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from benchmarks.dashboard import START_S, free_port, is_healthy
from browser.conftest import ROOT, OpenTab
from browser.tab import check_drawn, check_sound, unfold, widget
from der_core.evaluation.runs import RunStore

pytestmark = pytest.mark.browser

OFFLINE = Path(__file__).parent / "offline"
HUB_OFF = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


class Demo:
    """`make demo` in a clean clone, with sockets other than loopback refused; `refused()` tells which were tried."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.home, self._log, self._refused = (folder / name for name in ("clone", "home", "server.log", "refused.txt"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.clone)], check=True)
        (self.clone / ".venv").symlink_to(Path(sys.prefix))  # what `make demo` would install stands there already
        added = {
            "PYTHONPATH": str(OFFLINE),
            "DER_TEST_REFUSED": str(self._refused),
            "DER_HOME": str(self.home),
            "STREAMLIT_SERVER_PORT": str(self.port),
            "PIP_NO_INDEX": "1",
            **HUB_OFF,
        }
        environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")} | added
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["make", "demo"], cwd=self.clone, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + 2 * START_S
        while not is_healthy(self.url):
            assert self._process.poll() is None and time.monotonic() < deadline, self.printed()
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)  # make and the server that it started
            self._process.wait(30)

    def printed(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def refused(self) -> list[str]:
        return self._refused.read_text(encoding="utf-8").split() if self._refused.exists() else []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if not (ROOT / ".git").exists():
        pytest.fail("This test clones the checkout: run it in one.")
    running = Demo(tmp_path_factory.mktemp("offline"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def tab(open_tab: OpenTab, demo: Demo) -> Iterator[Page]:
    """A tab that looks at the demo; neither program nor browser asked anything of the network when the test is over."""
    page = open_tab(url=demo.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    yield page
    assert demo.refused() == []
    asked += page.locator("link[rel*=icon]").evaluate_all("links => links.map(link => link.href)")  # a headless browser fetches no icon
    assert asked and [url for url in asked if not url.startswith((demo.url, demo.url.replace("http", "ws"), "data:", "blob:"))] == []
    assert "Traceback" not in demo.printed()


def test_the_demo_opens_with_its_recording_and_its_result(tab: Page) -> None:
    check_drawn(tab, "Overview")
    expect(tab.get_by_text(re.compile(r"replies of \d experts to 1,\d+ questions"))).to_be_visible()
    expect(tab.get_by_text(re.compile(r"best single expert \d+ %")).first).to_be_visible()
    check_sound(tab)


def test_a_router_is_trained_from_the_demo_in_the_page(tab: Page, demo: Demo) -> None:
    before = {run.id for run in RunStore(demo.home / "runs").list()}
    tab.goto("/train")
    check_drawn(tab, "Train")
    widget(tab, "train_start").get_by_role("button").click()
    expect(tab.get_by_text("Result on held-out questions")).to_be_visible(timeout=180_000)  # torch is loaded first
    check_sound(tab)
    assert len({run.id for run in RunStore(demo.home / "runs").list()} - before) == 1


def test_a_typed_question_is_answered_by_the_installed_experts(tab: Page, demo: Demo) -> None:
    run = next(run for run in RunStore(demo.home / "runs").list() if run.name.startswith("installed"))
    tab.goto(f"/route?run={run.id}&route_source={quote('Your own question')}&route_text={quote('Is ice frozen water?')}")
    check_drawn(tab, "Route")
    tab.get_by_role("button", name="Route it").click()
    answer = tab.get_by_test_id("stMetric").filter(has_text="Answer").get_by_test_id("stMetricValue")
    expect(answer).to_have_text(re.compile("YES|NO|INVALID"), timeout=180_000)  # the encoder and the models are loaded first
    unfold(tab)
    expect(tab.get_by_text("The experts answer now")).to_be_visible()
    check_sound(tab)
