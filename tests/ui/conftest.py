"""Homes that the page tests open: nothing yet, a recording, a recording and a run. Each test has its own copy."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout, for ui
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests, for fakes

from homes import NOBODY, PART, RECORDING, TRAINED_AT, Home, fast_encoder, write_recording, write_run
from weight_packages import install

import ui.shared.home
import ui.shared.loaders
from der_core.experts import weights
from ui.shared.home import HOME_VARIABLE


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with nothing in it, no shipped recording, no expert unless a test brings one, a fast encoder, and no memory of other tests."""
    folder = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    monkeypatch.setattr(ui.shared.loaders, "DEMO_STORE", tmp_path / "nothing-shipped.sqlite")
    monkeypatch.setattr(ui.shared.home, "DEMO_RUNS", tmp_path / "no-shipped-runs")
    monkeypatch.setattr(ui.shared.loaders, "_sentence_encoder", fast_encoder)
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    monkeypatch.setattr(weights, "WEIGHTS", ())
    monkeypatch.delenv("DER_GGUF", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    return Home(folder)


@pytest.fixture
def installed(empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up weights that came with the installation: one whole file, one in pieces. The folder of their packages."""
    install(tmp_path / "site", monkeypatch)
    return tmp_path / "site"


@pytest.fixture
def recorded_home(empty_home: Home, _recorded: Path) -> Home:
    """A home with one complete recording."""
    shutil.copytree(_recorded, empty_home.folder)
    return Home(empty_home.folder, RECORDING)


@pytest.fixture
def trained_home(empty_home: Home, _trained: Home) -> Home:
    """A home with one complete recording and one run trained on it."""
    shutil.copytree(_trained.folder, empty_home.folder)
    return Home(empty_home.folder, RECORDING, _trained.run_id)


@pytest.fixture
def part_home(trained_home: Home) -> Home:
    """A home with a run trained on two of the three experts, besides the one trained on all; the part is the home's run."""
    part = write_run(trained_home, "two of three", when=TRAINED_AT + timedelta(days=-1), experts=PART)
    return replace(trained_home, run_id=part.id)


@pytest.fixture
def demo_home(empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with nothing in it, beside a recording that came with the product."""
    shipped = tmp_path / "demo.sqlite"
    write_recording(shipped, "demo")
    monkeypatch.setattr(ui.shared.loaders, "DEMO_STORE", shipped)
    return empty_home


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "home"
    write_recording(Home(folder).store)
    return folder


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory, _recorded: Path) -> Home:
    folder = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(_recorded, folder)
    return Home(folder, RECORDING, write_run(Home(folder, RECORDING)).id)
