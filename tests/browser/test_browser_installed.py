"""`pip install .` into an empty environment: `der dashboard` opens the demo, away from any checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.dashboard import START_S, free_port, is_healthy, wait_until_drawn
from browser.conftest import ROOT, OpenTab
from browser.tab import check_sound

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that holds the product, and sees what it depends on where the tests find it."""
    folder = tmp_path_factory.mktemp("installed")
    source, environment = folder / "source", folder / "environment"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "ci-output", "build", "*.egg-info")
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps", str(source)]
    subprocess.run([str(environment / "bin" / "python"), *install], check=True)
    shutil.rmtree(source)
    return environment / "bin"


@pytest.fixture
def url(installed: Path, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    log = (tmp_path / "server.log").open("wb")
    server = subprocess.Popen(
        [str(installed / "der"), "dashboard", "--port", str(port)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DER_HOME")},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + START_S
        while not is_healthy(f"http://127.0.0.1:{port}"):
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def test_the_pages_open_on_the_demo_with_their_theme(url: str, open_tab: OpenTab, tmp_path: Path) -> None:
    tab = open_tab("compare", url=url)
    wait_until_drawn(tab, "Compare")
    check_sound(tab)
    expect(tab.get_by_role("heading", name=re.compile(r"best single expert \d+ %"))).to_be_visible()
    assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "17px"
    assert {place.name for place in tmp_path.iterdir()} == {"der_home", "server.log"}
