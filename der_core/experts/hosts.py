"""Which addresses we agree to call: http or https, loopback unless remote hosts are allowed.

An address is judged twice: as it is written (`check_host`), and as what its name leads to at the moment of connecting
(`resolve`), so that a name cannot lead elsewhere after the check.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from der_core.errors import HostRefused, HostUnreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOPBACK: tuple[Address, ...] = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))

# What clouds tell their machines, keys included, is told at these places.
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"})
_METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")))

# IPv6 addresses that stand for one of IPv4 in their last four bytes: NAT64 (RFC 6052), and compatible ones (RFC 4291).
_CARRYING_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))

_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*")


def check_host(url: str, allow_remote: bool) -> str:
    """Return the address as "scheme://host[:port][/path]"; raise HostRefused where we do not agree to call it.

    Numeric addresses in any spelling are judged by what they mean; a name other than localhost counts as
    remote. Link-local addresses, cloud metadata services, multicast and unspecified addresses are never called.
    """
    parts = _split(url.strip())
    name = (parts.hostname or "").rstrip(".").lower()
    address = _numeric(name)
    if address is not None:
        _check_address(address, allow_remote)
    elif name in _METADATA_NAMES:
        raise HostRefused(f"{name} is a metadata service of a cloud; such hosts are never called.")
    elif not _is_localhost(name) and not allow_remote:
        raise HostRefused(f"Host {name} is not on this computer; use http://127.0.0.1 or allow remote hosts in the configuration.")
    return f"{parts.scheme}://{_written(address, name)}{_port(parts)}{parts.path.rstrip('/')}"


def resolve(name: str, port: int, allow_remote: bool) -> tuple[Address, ...]:
    """The addresses of a host name, at least one, each of which we agree to call.

    Names under localhost are this computer's loopback, whatever a name server says (RFC 6761). Raises HostRefused
    where one of the addresses is not to be called and HostUnreachable where there is none.
    """
    if _is_localhost(name.rstrip(".").lower()):
        return _LOOPBACK
    address = _numeric(name)
    found = (address,) if address is not None else _looked_up(name, port)
    for one in found:
        _check_address(one, allow_remote)
    return found


def _looked_up(name: str, port: int) -> tuple[Address, ...]:
    try:
        entries = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnreachable(f"No address is known for {name}; correct the expert's host.") from error
    texts = dict.fromkeys(str(place[0]).partition("%")[0] for *_, place in entries)
    return tuple(_plain(ipaddress.ip_address(text)) for text in texts)


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
    if "?" in url or "#" in url or "\\" in url:
        raise HostRefused("A host has no query, fragment or backslash; write it like http://127.0.0.1:11434.")
    if not _PATH.fullmatch(parts.path.rstrip("/")) or {".", ".."} & set(parts.path.split("/")):
        raise HostRefused("The path of a host has plain letters, digits and single slashes only; write it like http://127.0.0.1:4000/team.")
    if not parts.hostname or port == 0:
        raise HostRefused(f"{url[:80]} names no host and port; write it like http://127.0.0.1:11434.")
    return parts


def _numeric(name: str) -> Address | None:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return _numeric_oddly_written(name)
    return _plain(address)


def _plain(address: Address) -> Address:
    """The IPv4 address that is merely written as one of IPv6, or the address itself."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _carried(address: Address) -> Address | None:
    """The IPv4 address to which a gateway would pass on what is sent to this address of IPv6, if any."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    translated = any(address in network for network in _CARRYING_IPV4) and not address.is_loopback
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if translated else address.sixtofour


def _numeric_oddly_written(name: str) -> Address | None:
    # The operating system also resolves 2130706433, 0x7f.1 and 0177.0.0.1; refusing them beats imitating it.
    if name and all(part.isdigit() or part.startswith("0x") for part in name.split(".")):
        raise HostRefused(f"{name[:80]} is an unusual spelling of an address; write four decimal numbers, like 127.0.0.1.")
    return None


def _check_address(address: Address, allow_remote: bool) -> None:
    if _is_out_of_bounds(address) or ((carried := _carried(address)) is not None and _is_out_of_bounds(carried)):
        raise HostRefused(f"{address} is an unspecified, multicast, link-local or metadata address; such hosts are never called.")
    if not address.is_loopback and not allow_remote:
        raise HostRefused(f"Host {address} is not on this computer; use http://127.0.0.1 or allow remote hosts in the configuration.")


def _is_out_of_bounds(address: Address) -> bool:
    return address.is_unspecified or address.is_multicast or address.is_link_local or address in _METADATA_ADDRESSES


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _written(address: Address | None, name: str) -> str:
    if address is None:
        return name
    return f"[{address}]" if address.version == 6 else str(address)


def _port(parts: SplitResult) -> str:
    return "" if parts.port is None else f":{parts.port}"
