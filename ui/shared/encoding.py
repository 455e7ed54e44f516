"""Encoding as part of a background job: it tells how far it is, and gives up at once when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from der_core.config import StateKind
from der_core.errors import DerError
from der_core.routing.encoding import TextEncoder, Vectors
from ui.shared.home import RecordingRef

BATCH = 32
"""Texts encoded between two reports."""
POLL_S = 0.1

OnProgress = Callable[[int, int, float], None]
"""Takes texts done, texts in all, and seconds left."""


class EncodingStopped(Exception):
    """The job was asked to stop while texts were being encoded."""


@dataclass(frozen=True)
class Unencoded:
    """The questions of a recording, the encoder whose vectors they lack, and for which kind of state."""

    ref: RecordingRef
    encoder: str
    state: StateKind


class NotEncoded(DerError):
    """Questions have to be encoded first, which takes too long for a page: it is work for a job (see ui.shared.encoding_panel)."""

    def __init__(self, what: Unencoded, n_texts: int) -> None:
        super().__init__(f"{n_texts:,} texts of {what.ref.title} have to be encoded before its routers can be compared.")
        self.what = what


class WatchedEncoder:
    """An encoder that reports after every batch, where there are several, and raises EncodingStopped soon after `gives_up` says so.

    Loading the model cannot be interrupted: it is left to end in its own thread, and is there the next time.
    """

    def __init__(
        self, encoder: TextEncoder, gives_up: Callable[[], bool], on_progress: OnProgress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._encoder = encoder
        self._gives_up = gives_up
        self._on_progress = on_progress
        self._clock = clock

    @property
    def id(self) -> str:
        """Identity of the encoder behind it."""
        return self._encoder.id

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, shape [len(texts), dimension]."""
        start, parts = self._clock(), []
        worker = ThreadPoolExecutor(1, thread_name_prefix="encoding")
        try:
            for place in range(0, max(len(texts), 1), BATCH):
                parts.append(self._wait_for(worker.submit(self._encoder.encode, texts[place : place + BATCH])))
                if len(texts) > BATCH:
                    done = min(place + BATCH, len(texts))
                    self._on_progress(done, len(texts), (self._clock() - start) / done * (len(texts) - done))
        finally:
            worker.shutdown(wait=False, cancel_futures=True)
        return np.concatenate(parts)

    def _wait_for(self, vectors: Future[Vectors]) -> Vectors:
        while not self._gives_up():
            if wait([vectors], timeout=POLL_S).done:
                return vectors.result()
        raise EncodingStopped
