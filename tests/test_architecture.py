"""Who may import whom (docs/architecture.md); reads the imports, runs nothing but one fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    ["records", "config", "errors", "foreign", "shipped", "bounds", "files"],
    ["experts"],
    ["recording"],
    ["routing"],
    ["evaluation"],
    ["jobs", "training_process", "work"],
    ["cli", "public", "__main__"],
)
ONLY = {
    "torch": {"der_core/routing/agent"},
    "stable_baselines3": {"der_core/routing/agent"},
    "sentence_transformers": {"der_core/routing/encoding.py"},
    "sqlite3": {"der_core/recording"},
    "datasets": {"der_core/recording/hub.py", "der_core/recording/question_files.py"},
    "pyarrow": {"der_core/recording/opening.py", "der_core/recording/question_files.py"},
    "streamlit": {"ui", "pages", "app.py"},
    "plotly": {"ui"},
    "xllamacpp": {"der_core/experts/embedded.py", "der_core/experts/llama_process.py"},
    "ollama": {"der_core/experts/ollama.py"},
    "pydantic_monty": {"der_core/experts/sandbox.py"},
    "httpx2": {"der_core/recording/hub.py"},
}
HEAVY = ("torch", "stable_baselines3", "sentence_transformers", "transformers", "datasets", "xllamacpp", "ollama", "pydantic_monty")
SOURCES = [
    *sorted((ROOT / "der_core").rglob("*.py")),
    *sorted((ROOT / "ui").rglob("*.py")),
    *sorted((ROOT / "pages").glob("*.py")),
    ROOT / "app.py",
]


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return names | {node.module or "" for node in modules} | {f"{node.module}.{alias.name}" for node in modules for alias in node.names}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def layer(module: str) -> int | None:
    room = module.removeprefix("der_core").lstrip(".").split(".")[0]
    return next((number for number, rooms in enumerate(LAYERS) if room in rooms), None)


@pytest.mark.parametrize("library", ONLY)
def test_a_library_is_imported_in_its_one_place_only(library: str) -> None:
    users = {place(path) for path in SOURCES if any(name == library or name.startswith(f"{library}.") for name in imported(path))}
    outside = {user for user in users if not any(user == home or user.startswith(f"{home}/") for home in ONLY[library])}
    assert not outside


@pytest.mark.parametrize("path", [path for path in SOURCES if "der_core" in path.parts], ids=place)
def test_imports_inside_der_core_point_downwards(path: Path) -> None:
    own = layer(".".join(path.relative_to(ROOT).with_suffix("").parts))
    upward = {
        name for name in imported(path) if name.startswith("der_core.") and (of := layer(name)) is not None and own is not None and of > own
    }
    assert not upward


@pytest.mark.parametrize("path", [path for path in SOURCES if "der_core" in path.parts], ids=place)
def test_der_core_knows_nothing_of_the_dashboard(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] in {"ui", "pages", "app", "streamlit", "plotly"}}


def test_charts_are_pure() -> None:
    charts = [*sorted((ROOT / "ui").glob("*/charts.py")), ROOT / "ui" / "compare" / "frontier.py"]
    assert len(charts) > 6
    impure = {
        place(path) for path in charts for name in imported(path) if name.split(".")[0] == "streamlit" or name.endswith("recording.store")
    }
    assert not impure


def test_the_layer_test_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from der_core.routing import env\n")
    assert any((layer(name) or 0) > (layer("der_core.recording.table") or 0) for name in imported(wrong))


def test_opening_the_dashboard_loads_nothing_heavy() -> None:
    code = f"import sys, ui.shared.frame, ui.shared.loaders, ui.shared.parts, ui.shared.work\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_no_two_files_of_tests_share_a_name() -> None:
    """Pytest imports them by their file names."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
