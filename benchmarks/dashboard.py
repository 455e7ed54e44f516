"""The dashboard as people meet it: the real server in a process of its own, and Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.measure import ROOT
from ui.shared.home import HOME_VARIABLE

TIMEOUT_MS = 60_000
"""How long to wait for anything on a page; generous, because a busy machine is no fault of the page."""
START_S, STOP_S = 90.0, 10.0
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)
_AT_REST = """() => {
    const seen = [...document.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()).join();
    const before = window.seenBefore;
    window.seenBefore = seen;
    return seen === before;
}"""


class Dashboard:
    """A server on a free port of 127.0.0.1 while the context is open; what it prints goes to `log`."""

    def __init__(self, home: Path, log: Path) -> None:
        self.home = home
        self.log = log
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dashboard:
        """Start it; returns once it answers, RuntimeError where it does not."""
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", self.url.rpartition(":")[2]]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, HOME_VARIABLE: str(self.home)}, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def printed(self) -> str:
        """Return what the server has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if is_healthy(self.url):
                return
            time.sleep(0.02)
        raise RuntimeError(f"The dashboard did not start within {START_S:.0f} s. It printed: {self.printed()}")

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Hold a headless Chromium open; RuntimeError where there is none on this machine."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None:
        raise RuntimeError("No Chromium on this machine: install it with `make browser`.")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, headless=True, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def wait_until_drawn(page: Page, title: str) -> None:
    """Return once the page called `title` is drawn to its end, without spinner or skeleton."""
    expect(page.get_by_role("heading", name=title, exact=True, level=1)).to_be_visible()
    expect(page.locator("[data-testid='stApp'][data-test-script-state='notRunning']")).to_be_attached()
    for waiting in ("stSkeleton", "stSpinner"):
        expect(page.get_by_test_id(waiting)).to_have_count(0)


def wait_until_at_rest(page: Page) -> None:
    """Return once no chart of the page moves any more."""
    page.wait_for_function(_AT_REST, polling=300)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_healthy(url: str) -> bool:
    """Tell whether a dashboard answers there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, OSError):
        return False
