"""Claims of requests: what one recorder is asking now, others leave alone, in the same process or another."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from der_core.recording.store import Store

CLAIM_S = 30.0
"""How long a claim holds without being renewed: so long can a recorder that was killed keep others from a request."""


class Claims:
    """The claims of one run of the recorder; `clock` gives seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._owner = uuid.uuid4().hex
        self._renewed: dict[str, float] = {}

    def take(self, key: str) -> bool:
        """Whether the request is ours to make: nobody, this run included, is making it."""
        if key in self._renewed or not self._store.claim(key, self._owner, CLAIM_S):
            return False
        self._renewed[key] = self._clock()
        return True

    def end(self, key: str) -> None:
        """Let others make the request; nothing to do where it is not ours."""
        if self._renewed.pop(key, None) is not None:
            self._store.release(self._owner, key)

    def forget(self, key: str) -> None:
        """Take note that the reply is kept, which has ended the claim."""
        self._renewed.pop(key, None)

    def renew(self) -> None:
        """Hold what is being asked for longer; cheap, to be called often."""
        now = self._clock()
        for key, at in self._renewed.items():
            if now - at >= CLAIM_S / 3:
                self._store.claim(key, self._owner, CLAIM_S)
                self._renewed[key] = now

    def close(self) -> None:
        """Let go of everything."""
        self._renewed.clear()
        self._store.release(self._owner)
