"""One command, experts on several servers: an experts file for record, run and ask, against servers that listen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from ollama_server import OllamaServer
from openai_listener import OpenAIListener
from test_cli import HashEncoder

from der_core.cli import main
from der_core.experts.experts_file import read_experts_file
from der_core.recording.store import Store

Chat = Sequence[dict[str, str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with forty questions, and a fast encoder."""
    monkeypatch.chdir(tmp_path)
    for module in ("run", "train", "evaluate", "ask"):
        monkeypatch.setattr(f"der_core.cli.{module}.SentenceEncoder", HashEncoder)
    rows = [{"question": f"is statement {i} true", "answer": i % 2 == 0} for i in range(40)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def thinks(messages: Chat) -> str:
    return "<think> Let me see. </think> yes"


@pytest.fixture
def servers(place: Path, monkeypatch: pytest.MonkeyPatch):
    """vLLM twice (the second with a path and a key), and an Ollama; the experts file that names them."""
    with (
        OpenAIListener(["alpha"]) as one,
        OpenAIListener(["beta", "embedder"], thinks, path="/team", key="s3cret") as two,
        OllamaServer(lambda messages: "no", ["gamma:1b"]) as ollama,
    ):
        (place / "pool.toml").write_text(
            f"""
[[experts]]
name = "first"
model = "openai:alpha"
host = "{one.url}"
[[experts]]
name = "thinker"
model = "openai:beta"
host = "{two.url}/v1"
key_env = "TEAM_KEY"
max_tokens = 2000
context_tokens = 8192
[[experts]]
model = "gamma:1b"
host = "{ollama.url}"
""",
            encoding="utf-8",
        )
        monkeypatch.setenv("TEAM_KEY", "s3cret")
        monkeypatch.setenv("OLLAMA_API_KEY", "not-for-these")
        monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
        yield one, two, ollama


RUN = [
    "run",
    "--experts",
    "pool.toml",
    "--questions",
    "q.jsonl",
    "--ppo-steps",
    "2048",
    "--store",
    "r.sqlite",
    "--save-router",
    "router.zip",
]
SMALL = ["--train-samples", "24", "--eval-samples", "12", "--save-report", "report.json"]


def test_one_command_records_experts_of_three_servers(servers, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, ollama = servers
    assert main(["experts", "--experts", "pool.toml"]) == 0
    assert capsys.readouterr().out.count("ready") >= 3
    assert main(["record", "--experts", "pool.toml", "--questions", "q.jsonl", "--samples", "6", "--store", "r.sqlite"]) == 0
    with Store.open(place / "r.sqlite", read_only=True) as store:
        assert [spec.name for spec in store.experts("default")] == ["first", "thinker", "gamma-1b"]
        assert store.recordings()[0].n_entries == 6 * 3 * 3
    assert {call.body["max_tokens"] for call in two.chats} == {2000}
    assert {call.path for call in two.chats} == {"/team/v1/chat/completions"}
    assert {call.authorization for call in two.calls} == {"Bearer s3cret"}
    assert {call.authorization for call in one.calls} == {None}
    assert ollama.count("/api/chat") >= 18


def test_a_router_and_a_shared_recording_carry_no_addresses_keys_or_folders(servers, place: Path) -> None:
    one, two, ollama = servers
    assert main([*RUN, *SMALL]) == 0
    assert main(["store", "export", "--store", "r.sqlite", "--to", "shared.sqlite"]) == 0
    import zipfile

    shared = (place / "shared.sqlite").read_bytes()
    manifest = zipfile.ZipFile(place / "router.zip").read("manifest.json")
    report = (place / "report.json").read_bytes()
    local = (place / "r.sqlite").read_bytes() + b"".join(path.read_bytes() for path in place.glob("r.sqlite-*"))
    for word in (one.url, two.url, ollama.url, "127.0.0.1", "TEAM_KEY"):
        for what in (shared, manifest, report):
            assert word.encode() not in what, word
    for what in (shared, manifest, report, local):
        assert b"s3cret" not in what


def test_ask_reaches_the_experts_where_the_file_or_the_host_says(servers, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, ollama = servers
    assert main([*RUN, *SMALL]) == 0
    ask = ["ask", "--load-router", "router.zip", "--question", "is statement 99 true", "--ollama-retries", "0"]
    assert main([*ask, "--experts", "pool.toml"]) == 0
    capsys.readouterr()
    assert main(ask) == 2
    assert "Nothing answers at http://127.0.0.1:8080" in capsys.readouterr().err
    with OpenAIListener(["alpha", "beta"]) as elsewhere:
        before = len(one.calls), len(two.calls)
        assert main([*ask, "--host", elsewhere.url, ollama.url]) in (0, 2)
        assert elsewhere.calls
        assert (len(one.calls), len(two.calls)) == before


def test_the_host_is_not_ignored_for_any_kind_of_server(servers, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, ollama = servers
    with OpenAIListener(["alpha"]) as first, OpenAIListener(["alpha"]) as second:
        train = [*RUN, *SMALL, "--host", first.url]
        train[2:3] = ["openai:alpha", "again=openai:alpha"]
        assert main(train) == 0
        n_first = len(first.calls)
        ask = ["ask", "--load-router", "router.zip", "--question", "is statement 99 true", "--host", second.url]
        assert main(ask) == 0
        assert second.chats and len(first.calls) == n_first


def test_experts_at_two_hosts_are_each_asked_where_they_are(servers, place: Path) -> None:
    with OpenAIListener(["alpha"]) as first, OpenAIListener(["beta"]) as second:
        Path("two.toml").write_text(
            f'[[experts]]\nmodel = "openai:alpha"\nhost = "{first.url}"\n[[experts]]\nmodel = "openai:beta"\nhost = "{second.url}"\n'
        )
        train = [*RUN, *SMALL]
        train[2] = "two.toml"
        assert main(train) == 0
        ask = ["ask", "--load-router", "router.zip", "--question", "is statement 99 true", "--host", first.url, second.url]
        assert main(ask) == 0


def test_several_hosts_share_the_calls_of_experts_without_an_address(servers, place: Path) -> None:
    one, _, _ = servers
    with OpenAIListener(["delta"]) as first, OpenAIListener(["delta"]) as second:
        record = ["record", "--questions", "q.jsonl", "--samples", "8", "--store", "r.sqlite", "--host", first.url, second.url]
        file = Path("one.toml")
        file.write_text(f'[[experts]]\nmodel = "openai:alpha"\nhost = "{one.url}"\n')
        assert main([*record, "--experts", "one.toml", "openai:delta"]) == 0
        assert len(first.chats) + len(second.chats) >= 24
        assert first.chats and second.chats
        assert len(one.chats) >= 24


def test_a_key_that_is_not_there_is_told_before_anything_is_asked(servers, place: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, ollama = servers
    monkeypatch.delenv("TEAM_KEY")
    assert main([*RUN, *SMALL]) == 2
    assert "TEAM_KEY does not hold the key of thinker" in capsys.readouterr().err
    assert not one.chats and not two.chats
    monkeypatch.setenv("TEAM_KEY", "wrong")
    assert main([*RUN, *SMALL]) == 2
    told = capsys.readouterr()
    assert "wants another key" in told.err and "wrong" not in told.err.replace("wrongly", "")


def test_a_file_of_what_servers_have_is_written_and_read(servers, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        OpenAIListener(["alpha", "text-embedder"]) as one,
        OllamaServer(lambda messages: "no", ["gamma:1b"]) as ollama,
        OpenAIListener(["alpha"]) as two,
    ):
        assert main(["experts", "--write", "found.toml", "--host", one.url, ollama.url, two.url]) == 0
        told = capsys.readouterr()
        assert told.out == "Wrote found.toml: 3 experts (alpha, gamma-1b, alpha-2). Take out those that you do not want.\n"
        assert "text-embedder is left out. An embedding model" in told.err
        specs = read_experts_file(place / "found.toml")
        assert [(spec.name, spec.backend, spec.model, spec.host) for spec in specs] == [
            ("alpha", "openai", "alpha", one.url),
            ("gamma-1b", "ollama", "gamma:1b", ollama.url),
            ("alpha-2", "openai", "alpha", two.url),
        ]
        assert main(["experts", "--experts", "found.toml"]) == 0


def test_nothing_is_written_over_or_out_of_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "pool.toml").write_text("# mine", encoding="utf-8")
    assert main(["experts", "--write", "pool.toml"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["experts", "--write", "new.toml", "--host", "http://127.0.0.1:9", "--ollama-retries", "0"]) == 2
    assert "No server with a model that answers questions was found" in capsys.readouterr().err
    assert main(["experts", "--write", "new.toml", "--experts", "m"]) == 2
    assert not (place / "new.toml").exists() and (place / "pool.toml").read_text(encoding="utf-8") == "# mine"
