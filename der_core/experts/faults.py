"""From what goes wrong on the wire to our errors, and patience with connection faults."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import httpx

from der_core.config import AskOptions
from der_core.errors import ExpertError, ExpertTimeout, HostUnreachable

T = TypeVar("T")
Sleep = Callable[[float], None]

_log = logging.getLogger(__name__)


def timeouts(options: AskOptions) -> httpx.Timeout:
    """The timeouts of every client of ours: connecting is quick or fails, replies may take long."""
    return httpx.Timeout(options.read_timeout_s, connect=options.connect_timeout_s)


def wire_error(error: httpx.TransportError | ConnectionError, host: str, start_hint: str) -> ExpertError:
    """Our error for a fault of the connection; `start_hint` tells how to start the server."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return ExpertTimeout(f"No complete reply from {host} in time; raise the read timeout or choose a smaller model.")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | ConnectionError):
        return HostUnreachable(f"Nothing answers at {host}; {start_hint}.")
    return HostUnreachable(f"The connection to {host} broke before a reply was complete ({type(error).__name__}); {start_hint}.")


def with_retries(call: Callable[[], T], options: AskOptions, sleep: Sleep) -> T:
    """Return what `call` returns, calling again after a connection fault, with doubled pauses.

    Only HostUnreachable is worth another attempt: a timeout, a server's own error or a missing model would
    cost the same time again and end alike. The last error is raised as it is.
    """
    pause_s = options.backoff_s
    for attempt in range(options.retries):
        try:
            return call()
        except HostUnreachable as error:
            _log.warning("attempt %d of %d: %s", attempt + 1, options.retries + 1, error)
            sleep(pause_s)
            pause_s *= 2
    return call()
