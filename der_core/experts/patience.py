"""Waiting for a server: while it is busy or loads a model, and after a connection fault.

Whoever makes calls may watch their waits, and end them, from the thread that makes them:

    with watched_waits(on_wait=show, is_stopped=stop.is_set):
        expert.ask(question, previous_label)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from der_core.config import AskOptions
from der_core.errors import ExpertError, HostUnreachable, ServerBusy, WaitStopped

T = TypeVar("T")
Sleep = Callable[[float], None]

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
"""Pauses before a busy server is asked again: doubled from the first to the longest, unless it says when."""
_LOOK_S = 0.1

_log = logging.getLogger(__name__)


@dataclass
class Waited:
    """What was waited for in vain, of one expert: calls that meet the same fault wait no more, until one succeeds.

    Else a server that is busy for good would cost the whole patience at every call.
    """

    in_vain: set[type[ExpertError]] = field(default_factory=set)


@dataclass(frozen=True)
class _Watch:
    on_wait: Callable[[float, str], None]
    is_stopped: Callable[[], bool] | None
    waited: Waited


_WATCH: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched_waits(
    on_wait: Callable[[float, str], None] = lambda seconds, why: None,
    is_stopped: Callable[[], bool] | None = None,
    waited: Waited | None = None,
) -> Iterator[None]:
    """Show the waits of calls made inside this block, and end them when stopped.

    `on_wait` gets the length of each pause in seconds and its reason in one line, before it begins. Once `is_stopped`
    is true, a pause ends within 0.2 s in WaitStopped. What one call waits for in vain, the next ones do not wait for; `waited`
    carries that from block to block. Holds for the thread that entered the block.
    """
    token = _WATCH.set(_Watch(on_wait, is_stopped, waited or Waited()))
    try:
        yield
    finally:
        _WATCH.reset(token)


def with_patience(call: Callable[[], T], options: AskOptions, sleep: Sleep = time.sleep) -> T:
    """Return what `call` returns, calling again while its server is busy and after connection faults.

    A busy server is waited for up to `patience_s`, calls included, as long as it says (Retry-After) or with doubled
    pauses. A connection fault is met `retries` times with pauses doubled from `backoff_s`. Other errors are raised at
    once: they would cost the same time again and end alike. The last error is raised as it is, WaitStopped after a stop.
    """
    watch = _WATCH.get()
    in_vain = watch.waited.in_vain if watch else set()
    waited_s, pause_s, n_faults = 0.0, FIRST_PAUSE_S, 0
    while True:
        began_s = time.monotonic()
        try:
            result = call()
        except ServerBusy as busy:
            waited_s += time.monotonic() - began_s
            left_s = options.patience_s - waited_s
            if left_s <= 0 or ServerBusy in in_vain:
                in_vain.add(ServerBusy)
                raise
            wait_s = min(busy.retry_after_s or pause_s, left_s)
            _pause(wait_s, str(busy), sleep)
            waited_s, pause_s = waited_s + wait_s, min(2 * pause_s, LONGEST_PAUSE_S)
        except HostUnreachable as error:
            if n_faults == options.retries or HostUnreachable in in_vain:
                in_vain.add(HostUnreachable)
                raise
            _pause(options.backoff_s * 2**n_faults, str(error), sleep)
            n_faults += 1
        else:
            in_vain.clear()
            return result


def _pause(seconds: float, why: str, sleep: Sleep) -> None:
    watch = _WATCH.get()
    _log.info("waiting %.1f s: %s", seconds, why)
    if watch:
        watch.on_wait(seconds, why)
    if watch is None or watch.is_stopped is None:
        sleep(seconds)
        return
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        if watch.is_stopped():
            raise WaitStopped(f"Stopped while waiting: {why}")
        sleep(min(_LOOK_S, left_s))
