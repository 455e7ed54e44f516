"""Learned routing over local LLM experts: record once, train in seconds, measure honestly (DER, arXiv 2412.07448).

`der_core.public` lists the names that other programs use. They are loaded when the first of them is asked for, so that
importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from der_core.public import *  # noqa: F403  # that module has an __all__, so nothing else comes with it

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # Any: whatever the name stands for; type checkers read the import above
    """Return a public name from its home."""
    if name == "__all__" or not name.startswith("_"):
        public = import_module("der_core.public")
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *import_module("der_core.public").__all__]
