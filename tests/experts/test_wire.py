import gzip
import json
import logging
import socket
import time
import zlib
from datetime import UTC, datetime

import httpx
import pytest
from names import name_server
from raw_server import RawServer, Script, dribble, endless, http

from der_core.config import AskOptions
from der_core.errors import BadReply, DerError, ExpertTimeout, HostRefused, HostUnreachable, ServerBusy
from der_core.experts.wire import LARGEST_REPLY_BYTES, StatusFault, open_client, retry_after_s, wire_errors

QUICK = AskOptions(connect_timeout_s=2.0, read_timeout_s=5.0)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def call(host: str, options: AskOptions = QUICK, api_key: str | None = None) -> dict:
    with open_client(host, options, api_key=api_key) as client, wire_errors(host, "start it"):
        return client.post("/v1/chat/completions", json={"a": 1}).json()


def answer_of(*scripts: Script, **options: float) -> dict:
    with RawServer(*scripts) as server:
        return call(server.url, AskOptions(**{"connect_timeout_s": 2.0, "read_timeout_s": 5.0, **options}))


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b'{"x": 1}', ""),
        (b'\xef\xbb\xbf{"x": 1}', ""),
        (gzip.compress(b'{"x": 1}', mtime=0), "gzip"),
        (zlib.compress(b'{"x": 1}'), "deflate"),
    ],
)
def test_a_json_object_is_handed_on_however_it_is_packed(body, encoding):
    assert answer_of(http(200, body, Content_Encoding=encoding)) == {"x": 1}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (http(200, b"<html>"), "is not JSON"),
        (http(200, b""), "is not JSON"),
        (http(200, b'{"x": 1'), "is not JSON"),
        (http(200, b'{"x": NaN}'), "is not JSON"),
        (http(200, b'{"x": -Infinity}'), "is not JSON"),
        (http(200, b'{"x": ' + b"9" * 5000 + b"}"), "is not JSON"),
        (http(200, b'{"x": "\xff"}'), "is not JSON"),
        (http(200, b"[1]"), "is not a JSON object"),
        (http(200, b"null"), "is not a JSON object"),
        (http(200, b'"yes"'), "is not a JSON object"),
        (http(200, b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "nested too deeply"),
        (http(200, b"[" * 100_000), "nested too deeply"),
        (http(200, gzip.compress(bytes(LARGEST_REPLY_BYTES + 1), mtime=0), Content_Encoding="gzip"), "larger than 32 MB"),
        (http(200, gzip.compress(b'{"x": 1}', mtime=0)[:-9], Content_Encoding="gzip"), "ends in the middle"),
        (http(200, b"\x1f\x8b\x08\x00broken" * 10, Content_Encoding="gzip"), "compressed and broken"),
        (http(200, b'{"x": 1}', Content_Encoding="gzip"), "compressed and broken"),
        (http(200, b'{"x": 1}', Content_Encoding="br"), r"not asked for \(br\)"),
        (http(200, b'{"x": 1}', Content_Encoding="gzip, gzip"), "not asked for"),
        (endless(CHUNKED, b"100000\r\n" + bytes(0x100000) + b"\r\n"), "larger than 32 MB"),
        (http(302, Location="http://elsewhere/\x1b[2J"), r"redirects to http://elsewhere/\\x1b\[2J"),
        (http(308), "redirects to another address"),
    ],
)
def test_what_is_no_reply_is_refused_in_one_line(script, message):
    with pytest.raises(BadReply, match=message) as caught:
        answer_of(script)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no such\\nmodel"}}', "no such model"),
        (b'{"error": "plain"}', "plain"),
        (b'{"object": "error", "message": "System role not supported"}', "System role not supported"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"msg": "field required"}]}', "field required"),
        (b'{"error": ' + b"[" * 100_000, r"\[\[\["),
        (b"[1, 2]", r"\[1, 2\]"),
        (b"", "no reason given"),
        (b"<html><title>Bad</title></html>", "a web page"),
        (b"\x1b[31mred\xff", "\\\\x1b.31mred\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_status_that_means_failure_is_told_with_what_the_server_says(body, said):
    with pytest.raises(StatusFault, match=f"HTTP 400: .*{said}") as caught:
        answer_of(http(400, body))
    assert caught.value.status == 400
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_says_how_long_to_wait(status):
    with pytest.raises(ServerBusy, match=f"HTTP {status}: Loading model") as caught:
        answer_of(http(status, b'{"error": {"message": "Loading model"}}', Retry_After="7"))
    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        ("1.5", 1.5),
        (" 30 ", 30.0),
        ("Thu, 01 Jan 2026 00:00:10 GMT", 10.0),
        ("Thu, 01 Jan 2026 00:00:10 -0000", 10.0),
        ("Thu, 01 Jan 2026 01:00:10 +0100", 10.0),
        ("0", None),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 5000, None),
        ("Wed, 31 Dec 2025 00:00:00 GMT", None),
        ("Thu, 99 Jan 2026 00:00:10 GMT", None),
        ("Thu, 01 Jan 999999999999 00:00:10 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header, seconds):
    assert retry_after_s(header, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    "script",
    [
        dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b" " * 99, 0.05),
        dribble(CHUNKED + b"1\r\n \r\n" * 99, 0.05),
        dribble(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 99, 0.05),
        lambda connection, closing: closing.wait(),
    ],
)
def test_a_whole_call_has_a_deadline_however_busily_the_server_drips(script):
    began = time.monotonic()
    with pytest.raises(ExpertTimeout, match="No complete reply"):
        answer_of(script, read_timeout_s=0.5)
    assert time.monotonic() - began < 1.5


def test_a_deadline_is_that_of_its_own_call_only():
    slow = dribble(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 0.01)
    with RawServer(slow) as server, open_client(server.url, AskOptions(read_timeout_s=1.0)) as client:
        for _ in range(4):
            assert client.get("/").json() == {}


def test_connections_are_kept_for_the_next_call():
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    n_connections = 0

    def serve(connection: socket.socket, closing) -> None:
        nonlocal n_connections
        n_connections += 1
        connection.sendall(body)
        while connection.recv(65536):
            connection.sendall(body)

    with RawServer(serve) as server, open_client(server.url, QUICK) as client:
        for _ in range(3):
            assert client.get("/").json() == {}
        assert n_connections == 1


def test_a_reply_that_breaks_off_and_a_server_that_is_not_there_are_unreachable():
    with pytest.raises(HostUnreachable, match=r"broke before a reply was complete .*start it"):
        answer_of(lambda connection, closing: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(HostUnreachable, match="Nothing answers at .*start it"):
        call(f"http://127.0.0.1:{port}")


def test_a_name_under_localhost_reaches_this_computer_and_is_sent_as_it_is(monkeypatch):
    asked = name_server(monkeypatch, ["93.184.216.34"])
    with RawServer(http(200)) as server:
        assert call(f"http://evil.localhost:{server.port}") == {}
        assert f"host: evil.localhost:{server.port}".encode() in server.received[0].lower()
    assert not asked


def test_the_address_that_is_connected_to_is_the_one_that_was_checked(monkeypatch):
    """A name server that changes its mind between check and connection leads nowhere else."""
    asked = name_server(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with RawServer(http(200)) as server:
        remote = AskOptions(allow_remote=True, read_timeout_s=5.0)
        assert call(f"http://rebinding.example:{server.port}", remote) == {}
        assert len(server.received) == len(asked) == 1
        with pytest.raises(HostRefused, match="never called"):
            call(f"http://rebinding.example:{server.port}", remote)
        assert len(server.received) == 1


def test_without_permission_a_name_may_only_lead_to_this_computer(monkeypatch):
    name_server(monkeypatch, ["93.184.216.34"])
    with pytest.raises(HostRefused, match="not on this computer"):
        call("http://somewhere.example:80")


def test_a_host_may_have_a_path():
    with RawServer(http(200)) as server:
        call(f"{server.url}/team-a")
        assert server.received[0].startswith(b"POST /team-a/v1/chat/completions ")


def test_a_key_goes_to_its_host_and_nowhere_else(caplog):
    caplog.set_level(logging.INFO)
    with RawServer(http(200)) as server:
        call(server.url, api_key="sk-secret")
        assert b"authorization: bearer sk-secret" in server.received[0].lower()
        with open_client(server.url, QUICK, api_key="sk-secret") as client, pytest.raises(HostRefused):
            client.get(f"http://127.0.0.1:{server.port + 1}/")
    assert "sk-secret" not in caplog.text


def test_a_key_that_a_client_adds_of_its_own_accord_is_not_sent():
    with RawServer(http(200)) as server, open_client(server.url, QUICK) as client:
        client.get("/", headers={"Authorization": "Bearer of-another-host"})
        assert b"of-another-host" not in server.received[0]


def test_a_key_that_the_server_repeats_is_not_told():
    with (
        RawServer(http(401, b'{"error": "wrong key sk-secret"}')) as server,
        pytest.raises(StatusFault, match=r"wrong key \.\.\.") as caught,
    ):
        call(server.url, api_key="sk-secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-secret\n", "sk secret", "sk-\u0142", "sk-\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_telling_it(key):
    with pytest.raises(HostRefused, match="correct it") as caught:
        open_client("http://127.0.0.1:1", QUICK, api_key=key)
    assert key not in str(caught.value)


def test_surroundings_of_the_process_change_nothing(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    assert answer_of(http(200)) == {}
    with pytest.raises(HostUnreachable):
        call("https://127.0.0.1:9")


def test_whatever_bytes_come_back_end_in_an_error_of_ours():
    heads = [b"", b"\x00\xff", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 999 X\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"]
    for head in heads:
        with pytest.raises(DerError) as caught:
            answer_of(lambda connection, closing, head=head: connection.sendall(head))
        assert str(caught.value).isprintable()


def test_a_transport_below_is_asked_as_the_network_would_be():
    calls: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, json={"x": 1})

    with open_client("http://127.0.0.1:1", QUICK, transport=httpx.MockTransport(handle)) as client:
        assert client.post("/", json={"a": 1}).json() == {"x": 1}
    assert json.loads(calls[0].content) == {"a": 1}
