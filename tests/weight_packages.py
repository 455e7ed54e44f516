"""Made-up packages of weights on the import path: one carries a whole file, three carry a piece each of another.

Each package breaks when it is imported, because nothing may import it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from der_core.experts import weights
from der_core.experts.weights import Weights

WHOLE_BYTES = b"GGUF, the whole of it"
PIECES = (b"GGUF" + b"\1" * 70_000, b"\2" * 70_000, b"\3" * 500)
JOINED_BYTES = b"".join(PIECES)
WHOLE = Weights("smollm2-135m", ("made_up_whole",), hashlib.sha256(WHOLE_BYTES).hexdigest())
JOINED = Weights("gemma3-270m", tuple(f"made_up_part{number}" for number in (1, 2, 3)), hashlib.sha256(JOINED_BYTES).hexdigest())


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, known: Sequence[Weights] = (WHOLE, JOINED), without: str = "") -> None:
    """Install the packages of both, but for the one named in `without`, and let `known` be the weights that are looked for."""
    files = {"made_up_whole/Whole.Q4_1.gguf": WHOLE_BYTES}
    files |= {f"{package}/data/joined-q4.gguf.part0{place}": PIECES[place] for place, package in enumerate(JOINED.packages)}
    for name, content in files.items():
        package = name.partition("/")[0]
        if package != without:
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_bytes(content)
            (folder / package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(weights, "WEIGHTS", tuple(known))
