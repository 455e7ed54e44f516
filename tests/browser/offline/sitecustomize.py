"""Loaded by every Python process of the offline test: no socket but loopback is opened or looked up; each attempt is written down."""

import ipaddress
import os
import socket

_REFUSED = os.environ["DER_TEST_REFUSED"]
_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _is_local(host):
    if not host or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _check(host):
    name = host.decode() if isinstance(host, bytes) else host
    if not _is_local(name):
        with open(_REFUSED, "a", encoding="utf-8") as log:
            log.write(f"{name}\n")
        raise OSError(f"no network in this test: {name}")


def _checked(method):
    def call(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(address[0])
        return method(self, address)

    return call


def _look_up(host, *args, **kwargs):
    _check(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _checked(_connect)
socket.socket.connect_ex = _checked(_connect_ex)
socket.getaddrinfo = _look_up
