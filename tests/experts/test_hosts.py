import pytest
from names import name_server

from der_core.errors import HostRefused, HostUnreachable
from der_core.experts.hosts import check_host, resolve


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
        ("http://127.0.0.1:4000/team-a/", "http://127.0.0.1:4000/team-a"),
        ("127.0.0.1:4000/team-a/v1", "http://127.0.0.1:4000/team-a/v1"),
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
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::1]",
        "http://[::169.254.169.254]",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
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
        ("http://127.0.0.1?x=1", "no query"),
        ("http://127.0.0.1/?x=1", "no query"),
        ("http://127.0.0.1/#top", "no query"),
        ("http://127.0.0.1/team/../admin", "path of a host"),
        ("http://127.0.0.1/team//a", "path of a host"),
        ("http://127.0.0.1/team%2f..", "path of a host"),
        ("http://metadata.google.internal", "metadata service"),
        ("http://METADATA.google.internal./computeMetadata", "metadata service"),
        ("http://127.0.0.1\\@example.org", "user name or password"),
        ("http://127.0.0.1\\", "no query"),
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


@pytest.mark.parametrize("name", ["localhost", "evil.localhost", "Ollama.LocalHost."])
def test_names_under_localhost_are_loopback_and_no_name_server_is_asked(monkeypatch, name):
    asked = name_server(monkeypatch, ["8.8.8.8"])
    assert [str(address) for address in resolve(name, 80, allow_remote=False)] == ["127.0.0.1", "::1"]
    assert not asked


@pytest.mark.parametrize("addresses", [["169.254.169.254"], ["93.184.216.34", "169.254.169.254"], ["0.0.0.0"], ["::ffff:169.254.169.254"]])
def test_a_name_that_leads_to_an_address_out_of_bounds_is_refused(monkeypatch, addresses):
    name_server(monkeypatch, addresses)
    with pytest.raises(HostRefused, match="never called"):
        resolve("innocent.example", 80, allow_remote=True)


def test_a_name_that_leads_to_another_computer_needs_permission(monkeypatch):
    name_server(monkeypatch, ["93.184.216.34"])
    assert [str(address) for address in resolve("innocent.example", 80, allow_remote=True)] == ["93.184.216.34"]
    with pytest.raises(HostRefused, match="not on this computer"):
        resolve("innocent.example", 80, allow_remote=False)


def test_a_name_that_nobody_knows_is_unreachable(monkeypatch):
    name_server(monkeypatch)
    with pytest.raises(HostUnreachable, match="No address is known for nowhere.example"):
        resolve("nowhere.example", 80, allow_remote=True)
