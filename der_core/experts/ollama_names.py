"""How Ollama reads the names of its models and the address of its server, read here the same way."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from der_core.errors import HostRefused, SettingsError
from der_core.experts.hosts import check_host

DEFAULT_HOST = "http://127.0.0.1:11434"
"""Where Ollama listens unless told otherwise."""

HOST_VARIABLE = "OLLAMA_HOST"

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_NAME = re.compile(rf"([A-Za-z0-9_][A-Za-z0-9_.:-]{{0,349}}/)?({_PART}/)?{_PART}(:{_PART})?")
_DEFAULT_PARTS = ("registry.ollama.ai", "library")
_PORTS = {"http": 80, "https": 443}


def is_ollama_name(text: str) -> bool:
    """Whether Ollama could have a model of this name: [HOST/][NAMESPACE/]MODEL[:TAG]."""
    return _NAME.fullmatch(text) is not None


def canonical_ollama_name(name: str) -> str:
    """Return the name in full, as Ollama tells models apart: registry, namespace and tag filled in, capital letters lowered."""
    *places, last = name.strip().lower().split("/")
    model, _, tag = last.partition(":")
    missing = max(0, len(_DEFAULT_PARTS) - len(places))
    return "/".join((*_DEFAULT_PARTS[:missing], *places, f"{model}:{tag or 'latest'}"))


def short_ollama_name(name: str) -> str:
    """Return the name as people write it: less what Ollama fills in by itself, capital letters as they are."""
    *places, last = name.split("/")
    usual = canonical_ollama_name(name).split("/")[:-1] == list(_DEFAULT_PARTS)
    short = last if usual else "/".join((*places, last))
    return short[: -len(":latest")] if short.lower().endswith(":latest") else short


def same_ollama_model(first: str, second: str) -> bool:
    """Whether two names mean one model of a server of Ollama's."""
    return canonical_ollama_name(first) == canonical_ollama_name(second)


def default_ollama_host(allow_remote: bool, environment: Mapping[str, str] = os.environ) -> str:
    """Return the address of Ollama where none is told: that of OLLAMA_HOST, else DEFAULT_HOST.

    Raises SettingsError for a value that names no address and HostRefused for one that we do not agree to call.
    """
    address = read_ollama_host(environment.get(HOST_VARIABLE, ""))
    try:
        return check_host(address, allow_remote)
    except HostRefused as error:
        raise HostRefused(f"The address in {HOST_VARIABLE} is not called: {error}") from error


def read_ollama_host(value: str) -> str:
    """Return the address that OLLAMA_HOST means, as Ollama's client reads it; raises SettingsError where it means none.

    The port is 11434 where no scheme is written, else that of the scheme; a server told to listen everywhere
    (0.0.0.0, [::]) is called on this computer.
    """
    text = value.strip().strip("\"'").strip()
    scheme, written, place = text.rpartition("://")
    scheme = scheme.lower() if written else "https" if text == "ollama.com" else "http"
    network, slash, path = place.partition("/")
    try:
        parts = urlsplit(f"//{_bracketed(network)}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit("//"), 0
    usual = _PORTS.get(scheme, 0) if written or scheme == "https" else 11434
    port = usual if port is None else port
    if not port or "@" in network or any(letter.isspace() or not letter.isprintable() for letter in text):
        raise SettingsError(f"{HOST_VARIABLE} is set to something that is no address; set it like {DEFAULT_HOST}, or unset it.")
    return f"{scheme}://{_connectable(parts.hostname or '127.0.0.1')}:{port}{slash}{path}".rstrip("/")


def _bracketed(network: str) -> str:
    """A bare address of IPv6 in its brackets."""
    try:
        return f"[{ipaddress.IPv6Address(network)}]"
    except ValueError:
        return network


def _connectable(name: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return f"[{address}]" if address.version == 6 else str(address)
