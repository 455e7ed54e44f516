import pytest

from der_core.errors import HostRefused
from der_core.experts.hosts import check_host


@pytest.mark.parametrize(
    ("url", "normalised"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434"),
        (" http://127.0.0.1:11434/ ", "http://127.0.0.1:11434"),
        ("https://localhost", "https://localhost"),
        ("HTTP://LocalHost.:8080", "http://localhost:8080"),
        ("localhost:11434", "http://localhost:11434"),
        ("127.3.4.5", "http://127.3.4.5"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080"),
        ("http://ollama.localhost", "http://ollama.localhost"),
    ],
)
def test_loopback_hosts_are_called_and_written_one_way(url, normalised):
    assert check_host(url, allow_remote=False) == normalised


@pytest.mark.parametrize("url", ["http://example.org", "http://10.0.0.7:11434", "https://[2001:db8::1]:8443", "http://8.8.8.8"])
def test_remote_hosts_need_permission(url):
    with pytest.raises(HostRefused, match="not on this computer"):
        check_host(url, allow_remote=False)
    assert check_host(url, allow_remote=True) == url


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:11434",
        "http://[::]:11434",
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://[fe80::1%25eth0]",
        "http://224.0.0.1",
        "http://[ff02::1]",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:0.0.0.0]",
    ],
)
def test_unspecified_multicast_and_link_local_are_never_called(url, remote):
    with pytest.raises(HostRefused, match="never called"):
        check_host(url, allow_remote=remote)


@pytest.mark.parametrize("url", ["http://2130706433", "http://0x7f000001", "http://0177.0.0.1", "http://0x7f.1", "http://127.1"])
def test_unusual_spellings_of_addresses_are_refused(url):
    with pytest.raises(HostRefused, match="unusual spelling"):
        check_host(url, allow_remote=True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://127.0.0.1", "Only http and https"),
        ("file:///etc/passwd", "Only http and https"),
        ("http://user:secret@127.0.0.1", "user name or password"),
        ("http://127.0.0.1@example.org", "user name or password"),
        ("http://127.0.0.1/api", "no path"),
        ("http://127.0.0.1?x=1", "no path"),
        ("http://127.0.0.1/#top", "no path"),
        ("http://127.0.0.1\\@example.org", "user name or password"),
        ("http://127.0.0.1\\", "no path"),
        ("http://127.0.0.1:99999", "not an address"),
        ("http://127.0.0.1:port", "not an address"),
        ("http://[::1", "not an address"),
        ("http://", "names no host"),
        ("", "names no host"),
        ("http://127.0.0.1:0", "names no host and port"),
        ("http://127.0.0.1 .example.org", "no spaces"),
        ("http://127.0.0.1\n.example.org", "no spaces"),
    ],
)
def test_anything_but_a_plain_host_is_refused_with_its_reason(url, reason):
    with pytest.raises(HostRefused, match=reason) as caught:
        check_host(url, allow_remote=True)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
