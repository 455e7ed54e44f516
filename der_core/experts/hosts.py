"""Which addresses we agree to call: http or https, loopback unless remote hosts are allowed."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from der_core.errors import HostRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_host(url: str, allow_remote: bool) -> str:
    """Return the address as "scheme://host[:port]"; raise HostRefused where we do not agree to call it.

    Numeric addresses in any spelling are judged by what they mean; a name other than localhost counts as
    remote. Link-local (cloud metadata services), multicast and unspecified addresses are never called.
    """
    parts = _split(url.strip())
    name = (parts.hostname or "").rstrip(".").lower()
    address = _numeric(name)
    if address is not None:
        _check_address(address, allow_remote)
    elif not _is_localhost(name) and not allow_remote:
        raise HostRefused(f"Host {name} is not on this computer; use http://127.0.0.1 or allow remote hosts in the configuration.")
    return f"{parts.scheme}://{_written(address, name)}{_port(parts)}"


def _split(url: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() for character in url):
        raise HostRefused("A host has no spaces or control characters; write it like http://127.0.0.1:11434.")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port
    except ValueError as error:
        raise HostRefused(f"{url[:80]} is not an address ({error}); write it like http://127.0.0.1:11434.") from error
    if parts.scheme not in ("http", "https"):
        raise HostRefused(f"Only http and https hosts are called, not {parts.scheme}://.")
    if "@" in parts.netloc:
        raise HostRefused("A host with a user name or password in it is not called; leave them out.")
    if parts.path.strip("/") or "?" in url or "#" in url or "\\" in url:
        raise HostRefused("A host has no path, query or fragment; write it like http://127.0.0.1:11434.")
    if not parts.hostname or port == 0:
        raise HostRefused(f"{url[:80]} names no host and port; write it like http://127.0.0.1:11434.")
    return parts


def _numeric(name: str) -> Address | None:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return _numeric_oddly_written(name)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _numeric_oddly_written(name: str) -> Address | None:
    # The operating system also resolves 2130706433, 0x7f.1 and 0177.0.0.1; refusing them beats imitating it.
    if name and all(part.isdigit() or part.startswith("0x") for part in name.split(".")):
        raise HostRefused(f"{name[:80]} is an unusual spelling of an address; write four decimal numbers, like 127.0.0.1.")
    return None


def _check_address(address: Address, allow_remote: bool) -> None:
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        raise HostRefused(f"{address} is an unspecified, multicast or link-local address; such hosts are never called.")
    if not address.is_loopback and not allow_remote:
        raise HostRefused(f"Host {address} is not on this computer; use http://127.0.0.1 or allow remote hosts in the configuration.")


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _written(address: Address | None, name: str) -> str:
    if address is None:
        return name
    return f"[{address}]" if address.version == 6 else str(address)


def _port(parts: SplitResult) -> str:
    return "" if parts.port is None else f":{parts.port}"
