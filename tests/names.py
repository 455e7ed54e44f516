"""A name server that says what a test wants; for tests only."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest


def name_server(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> list[str]:
    """Let every name lead to the first answer's addresses, at its next look-up to the second's...; the names looked up.

    An empty answer means that nobody knows the name. Numbers are what they are: no name server is asked about them.
    """
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: int, **options: int) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        if host.replace(".", "").isdigit() or ":" in host:
            return real(host, port, *args, **options)
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1] if answers else ()
        if not addresses:
            raise socket.gaierror("unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked
