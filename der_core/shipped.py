"""Where the files lie that come with the product and are no Python packages: the dashboard's pages, the demo, the bundled questions."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "dashboard"

SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _HERE.parent
"""The folder of app.py, pages, ui and assets: the checkout, or where an installation puts them (see pyproject.toml)."""
