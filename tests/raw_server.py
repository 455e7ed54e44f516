"""A server on 127.0.0.1 that sends scripted bytes, as badly as the script likes; for tests only.

with RawServer(http(200, b"{}"), dribble(b"HTTP/1.1 200 OK", pause_s=1)) as server:
    ... server.url, server.received ...

Each connection serves one request; the last part of the script is repeated.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

Script = Callable[[socket.socket, threading.Event], None]


def http(status: int, body: bytes = b"{}", **headers: str) -> Script:
    """A whole response; underscores in header names stand for hyphens."""
    named = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = {**named, **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value) + "\r\n"
    return lambda connection, closing: connection.sendall(head.encode() + body)


def dribble(data: bytes, pause_s: float) -> Script:
    """The data, a byte at a time."""

    def play(connection: socket.socket, closing: threading.Event) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if closing.wait(pause_s):
                return

    return play


def endless(head: bytes, block: bytes) -> Script:
    """The head, then the block again and again until the other side has had enough."""

    def play(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        while not closing.is_set():
            connection.sendall(block)

    return play


class RawServer:
    """The server, on a free port of 127.0.0.1 while the context is open."""

    def __init__(self, *scripts: Script) -> None:
        self.received: list[bytes] = []
        self.at: list[float] = []
        self._scripts = scripts
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            request = _request(connection)
            self.received.append(request)
            self.at.append(time.monotonic())
            self._scripts[min(len(self.received), len(self._scripts)) - 1](connection, self._closing)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
