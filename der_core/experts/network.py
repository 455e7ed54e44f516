"""Connections to servers: made to the very address that was checked, and held no longer than the call may take."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from der_core.experts.hosts import resolve

SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None

# A server closes idle connections after 5 s (llama.cpp); one of ours that is older could be half dead.
_KEEPALIVE_S = 2.0
_CONNECTIONS = 100


class Network(httpx.BaseTransport):
    """A transport of httpx without proxies; the read timeout of a request is the time that the whole call may take."""

    def __init__(self, allow_remote: bool) -> None:
        """Make no connection yet; `allow_remote` says whether addresses of other computers may be connected to."""
        self._backend = _CheckedBackend(allow_remote)
        self._pool: httpcore.ConnectionPool | None = None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; raises httpx's errors, and HostRefused where its name leads to an address that we do not call."""
        seconds = request.extensions.get("timeout", {}).get("read")
        self._backend.limit.end_s = None if seconds is None else time.monotonic() + seconds
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(request.method, target, headers=request.headers.raw, content=request.read(), extensions=request.extensions)
        with _as_httpx_errors():
            got = self._connections(url.scheme).handle_request(sent)
        return httpx.Response(got.status, headers=got.headers, stream=_Stream(got), extensions=got.extensions)

    def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            self._pool.close()

    def _connections(self, scheme: str) -> httpcore.ConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = httpcore.ConnectionPool(
                    # Reading all certificates takes longer than a call of a small model.
                    ssl_context=httpx.create_ssl_context(trust_env=False) if scheme == "https" else None,
                    max_connections=_CONNECTIONS,
                    keepalive_expiry=_KEEPALIVE_S,
                    network_backend=self._backend,
                )
            return self._pool


class _Limit(threading.local):
    """When the call that this thread makes has to be over, on the monotonic clock; None: never."""

    end_s: float | None = None

    def within(self, timeout: float | None) -> float | None:
        """The timeout, or what is left of the call where that is less."""
        if self.end_s is None:
            return timeout
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("The whole call took too long.")
        return left_s if timeout is None else min(timeout, left_s)


class _CheckedBackend(httpcore.NetworkBackend):
    def __init__(self, allow_remote: bool) -> None:
        self.limit = _Limit()
        self._allow_remote = allow_remote
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None, socket_options: SocketOptions = None
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the name that answers."""
        *others, last = resolve(host, port, self._allow_remote)
        for address in others:
            try:
                return self._connect(str(address), port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return self._connect(str(last), port, timeout, local_address, socket_options)

    def _connect(
        self, address: str, port: int, timeout: float | None, local_address: str | None, socket_options: SocketOptions
    ) -> httpcore.NetworkStream:
        within = self.limit.within(timeout)
        return _LimitedStream(self._sockets.connect_tcp(address, port, within, local_address, socket_options), self.limit)


class _LimitedStream(httpcore.NetworkStream):
    """A connection whose every read and write ends with the call: a server that sends a byte a second cannot hold it up."""

    def __init__(self, stream: httpcore.NetworkStream, limit: _Limit) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._limit.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._limit.within(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> _LimitedStream:
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, self._limit.within(timeout)), self._limit)

    def get_extra_info(self, info: str) -> Any:  # Any: depends on what is asked for
        return self._stream.get_extra_info(info)


class _Stream(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    """Raise httpx's error of the same name for one of httpcore."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise kind(str(error)) from error
