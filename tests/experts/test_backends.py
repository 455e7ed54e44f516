"""The registry of backends, and that one more needs nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import echo_backend
import pytest
from fakes import make_questions, make_spec

from der_core.cli import main
from der_core.config import AskOptions, ExpertSpec
from der_core.errors import HostRefused, SettingsError
from der_core.experts.backends import BACKENDS, backend_of, portable_model, with_address, without_machine
from der_core.experts.grammar import parse_expert
from der_core.experts.opening import check_experts, open_experts
from der_core.recording.store import Store
from der_core.records import Label


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line: the backend is in the registry."""
    monkeypatch.setitem(BACKENDS, "echo", echo_backend.BACKEND)


def test_an_added_backend_is_read_opened_and_asked(echo: None) -> None:
    spec = parse_expert("polly=echo:parrot@reason")
    assert spec == ExpertSpec("polly", "echo", "parrot", "reason")
    assert parse_expert("echo:parrot", host="http://127.0.0.1:9").host is None
    (question,) = make_questions(1)
    with open_experts([spec], AskOptions()) as (expert,):
        assert expert.ask(question, Label.NONE).label is Label.YES
    (health,) = check_experts([spec], AskOptions())
    assert health.ready and health.message == "Always ready."


def test_an_added_backend_is_recorded_trained_and_compared_from_the_command_line(
    echo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"is statement {i} true", "answer": i % 2 == 0} for i in range(8)]
    Path("q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["experts", "--experts", "echo:parrot"]) == 0
    assert "Always ready." in capsys.readouterr().out
    assert main(["record", "--experts", "echo:parrot", "--questions", "q.jsonl", "--store", "r.sqlite"]) == 0
    with Store.open(tmp_path / "r.sqlite", read_only=True) as store:
        assert store.recordings()[0].n_entries == 8 * 3
        assert store.experts("default")[0].backend == "echo"


def test_a_backend_that_is_not_here_is_told_with_those_that_are() -> None:
    unknown = make_spec(backend="telepathy")
    with pytest.raises(SettingsError, match=r"unknown backend 'telepathy'; there are ollama, openai, embedded"):
        backend_of(unknown)
    (health,) = check_experts([unknown], AskOptions())
    assert not health.ready and "unknown backend" in health.message


def test_an_expert_without_an_address_is_called_at_the_usual_one_of_its_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:5000")
    options = AskOptions()
    assert with_address(make_spec(backend="ollama"), options).host == "http://127.0.0.1:5000"
    assert with_address(make_spec(backend="ollama", host="http://127.0.0.1:9"), options).host == "http://127.0.0.1:9"
    assert with_address(make_spec(backend="openai"), options).host == "http://127.0.0.1:8080"
    assert with_address(make_spec(backend="embedded"), options).host is None
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box")
    with pytest.raises(HostRefused, match="OLLAMA_HOST"):
        with_address(make_spec(backend="ollama"), options)


@pytest.mark.parametrize(
    ("backend", "model", "shared"),
    [
        ("embedded", "/home/jane/models/tiny.gguf", "tiny.gguf"),
        ("embedded", r"C:\Users\jane\tiny.gguf", "tiny.gguf"),
        ("openai", "org/model", "org/model"),
        ("ollama", "hf.co/org/model:q4", "hf.co/org/model:q4"),
        ("gone", "/home/jane/tiny.bin", "tiny.bin"),
        ("gone", r"C:\Users\jane\tiny.bin", "tiny.bin"),
        ("gone", "org/model", "org/model"),
    ],
)
def test_what_is_shared_names_no_folder(backend: str, model: str, shared: str) -> None:
    assert portable_model(backend, model) == shared
    spec = make_spec(backend=backend, model=model, host="http://127.0.0.1:9", key_env="MY_KEY")
    assert without_machine(spec) == replace(spec, model=shared, host=None, key_env=None)
