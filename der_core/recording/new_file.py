"""A file that is there once it is whole: refused before the work where it cannot be made, written beside its place, then moved."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from der_core.errors import StoreError


def check_new(place: Path) -> None:
    """Raise StoreError, with what makes it right, unless a new file can be made at `place`."""
    folder = place.parent
    if place.is_dir():
        raise StoreError(f"{place} is a folder; name a file in it.")
    if place.exists() or place.is_symlink():
        raise StoreError(f"{place} exists already; choose another file, or move that one away.")
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist; make it first"
        raise StoreError(f"{place} cannot be written: {folder} {what}, or choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"{place} cannot be written: nothing may be written in {folder}; choose another place.")


@contextmanager
def scratch_beside(place: Path) -> Iterator[Path]:
    """Yield a path on the same disk as `place` to write to; what is left there at the end is removed, as is what a killed attempt left."""
    mark = f".{place.name}.new-"
    try:
        for leftover in place.parent.glob(f"{mark}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=mark, dir=place.parent))
    except OSError as error:
        raise StoreError(f"{place} cannot be written: {error.strerror or error}; choose another place.") from error
    try:
        yield folder / place.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
