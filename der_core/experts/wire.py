"""The wire to one server: what comes back is a whole JSON object of bearable size and in time, or one of our errors.

Both protocols stand on it, Ollama's and OpenAI's. What a server does wrong is that expert's fault, said in one line:

    no connection, a broken one      HostUnreachable     waited for by `patience.with_patience`
    no whole reply in time           ExpertTimeout
    HTTP 429, 502, 503, 504          ServerBusy          waited for likewise
    another status                   StatusFault         each backend says what it means there
    not JSON, too large, redirected  BadReply
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Protocol

import httpx

from der_core.config import AskOptions
from der_core.errors import BadReply, ExpertError, ExpertTimeout, HostRefused, HostUnreachable, ServerBusy, ServerFault
from der_core.experts.network import Network
from der_core.foreign import in_one_line

LARGEST_REPLY_BYTES = 32 << 20
"""Largest reply that is read, decompressed; real ones stay below a megabyte."""

BUSY_STATUSES = frozenset({429, 502, 503, 504})
"""What a server answers while it loads a model, restarts, or has too much to do."""

_SECONDS = re.compile(r"\d{1,9}(\.\d*)?")


class StatusFault(ServerFault):
    """The server answered with a status that means failure; `said` is its reason in one line."""

    def __init__(self, host: str, status: int, said: str) -> None:
        """Say it in general words; backends that know better raise their own error."""
        super().__init__(f"{host} refused the call with HTTP {status}: {said}.")
        self.status = status
        self.said = said


def open_client(
    host: str, options: AskOptions, *, api_key: str | None = None, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """A client for one server, `host` as `check_host` returned it; nothing is sent yet.

    Its calls raise httpx's transport errors (see `wire_error`) and the errors of this module.
    """
    return httpx.Client(
        base_url=host,
        timeout=timeouts(options),
        follow_redirects=False,
        trust_env=False,
        transport=Wire(host, options, api_key=api_key, transport=transport),
    )


def timeouts(options: AskOptions) -> httpx.Timeout:
    """The timeouts of every client of ours: connecting is quick or fails, a whole call may take long."""
    return httpx.Timeout(options.read_timeout_s, connect=options.connect_timeout_s)


class Wire(httpx.BaseTransport):
    """The transport between a client and one server; `transport` stands below it and is replaced in tests."""

    def __init__(self, host: str, options: AskOptions, *, api_key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        """Send `api_key` with every call to `host`, and with none elsewhere; raises HostRefused for a key that no header can hold."""
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise HostRefused(f"The key for {host} holds spaces, line ends or letters that no HTTP header can carry; correct it.")
        self._host = host
        self._origin = _origin(_url(host))
        self._key = api_key
        self._below = transport or Network(options.allow_remote)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return a success with its whole body, a JSON object."""
        if _origin(request.url) != self._origin:
            raise HostRefused(f"A call meant for {self._host} would have gone to {request.url.host}; it was not made.")
        # Clients add keys of their own accord from the environment, meant for other hosts.
        request.headers.pop("Authorization", None)
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        request.headers["Accept-Encoding"] = "identity"
        response = self._below.handle_request(request)
        try:
            body = _whole_body(response, self._host)
        finally:
            response.close()
        if not response.is_success:
            self._raise_status(response, body)
        parse_json(body, self._host)
        return httpx.Response(response.status_code, headers={"Content-Type": "application/json"}, content=body)

    def close(self) -> None:
        """Close the connections."""
        self._below.close()

    def _raise_status(self, response: httpx.Response, body: bytes) -> NoReturn:
        status = response.status_code
        if response.is_redirect:
            place = in_one_line(response.headers.get("location", "")) or "another address"
            raise BadReply(f"{self._host} redirects to {place}; redirects are not followed, correct the host.")
        said = in_one_line(_said(body).replace(self._key, "...") if self._key else _said(body)) or "no reason given"
        if status in BUSY_STATUSES:
            message = f"{self._host} is busy or still loading (HTTP {status}: {said}); try again later, or wait longer with --patience."
            raise ServerBusy(message, retry_after_s(response.headers.get("retry-after", "")))
        raise StatusFault(self._host, status, said)


@contextmanager
def wire_errors(host: str, start_hint: str) -> Iterator[None]:
    """Raise our error for a fault of the connection to `host`; `start_hint` tells how to start its server."""
    try:
        yield
    except (httpx.TransportError, ConnectionError) as error:
        raise wire_error(error, host, start_hint) from error


def wire_error(error: httpx.TransportError | ConnectionError, host: str, start_hint: str) -> ExpertError:
    """Our error for a fault of the connection; `start_hint` tells how to start the server."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return ExpertTimeout(f"No complete reply from {host} in time; raise the read timeout or choose a smaller model.")
    if "CERTIFICATE" in str(error):
        return HostUnreachable(
            f"The certificate of {host} cannot be verified ({in_one_line(str(error))}); correct the host or its certificate."
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | ConnectionError):
        return HostUnreachable(f"Nothing answers at {host}; {start_hint}.")
    return HostUnreachable(f"The connection to {host} broke before a reply was complete ({type(error).__name__}); {start_hint}.")


def parse_json(body: bytes, host: str) -> dict[str, Any]:  # Any: JSON
    """Read a reply that must be one JSON object; raises BadReply for anything else, NaN and bottomless nesting included."""
    try:
        told = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadReply(f"The reply from {host} is nested too deeply to be read; is the host right?") from error
    except ValueError as error:
        raise BadReply(f"The reply from {host} is not JSON; is another program listening there?") from error
    if not isinstance(told, dict):
        raise BadReply(f"The reply from {host} is not a JSON object; is another program listening there?")
    return told


def retry_after_s(header: str, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait, given in seconds or as a date; None where it says nothing usable."""
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text) or None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = (date.replace(tzinfo=date.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    return seconds if seconds > 0 else None


class _Decoder(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


class _Plain:
    eof = True

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return data


def _whole_body(response: httpx.Response, host: str) -> bytes:
    decoder = _decoder(response.headers.get("content-encoding", ""), host)
    body, n_sent = bytearray(), 0
    assert isinstance(response.stream, httpx.SyncByteStream)
    for chunk in response.stream:
        n_sent += len(chunk)
        try:
            body += decoder.decompress(chunk, LARGEST_REPLY_BYTES + 1 - len(body))
        except zlib.error as error:
            raise BadReply(f"The reply from {host} is compressed and broken; is the host right?") from error
        if max(len(body), n_sent) > LARGEST_REPLY_BYTES:
            raise BadReply(f"The reply from {host} is larger than {LARGEST_REPLY_BYTES >> 20} MB and was not read; is the host right?")
    if n_sent and not decoder.eof:
        raise BadReply(f"The compressed reply from {host} ends in the middle; is the host right?")
    return bytes(body)


def _decoder(encoding: str, host: str) -> _Decoder:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain()
    if name in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip and zlib, told apart by their heads
    raise BadReply(f"The reply from {host} is compressed in a way that was not asked for ({in_one_line(encoding)}); is the host right?")


def _said(body: bytes) -> str:
    """What the server gives as the reason of a failure."""
    text = body.decode(errors="replace").strip()
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return "a web page" if text.startswith("<") else text
    for _ in range(2):  # {"error": {"message": "..."}} and every shorter form of it
        if isinstance(told, dict):
            told = next((told[key] for key in ("error", "message", "detail") if told.get(key)), text)
    return told if isinstance(told, str) else text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _url(host: str) -> httpx.URL:
    try:
        return httpx.URL(host)
    except httpx.InvalidURL as error:
        raise HostRefused(f"{in_one_line(host)} is not an address ({error}); write it like http://127.0.0.1:11434.") from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
