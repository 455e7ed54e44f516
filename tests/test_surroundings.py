"""Environments as people have them: odd proxies, certificates and encodings, output that nobody reads to its end.

Each command runs in a process of its own, because libraries read the environment while they are imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import HashEncoder, ScriptedExpert, make_spec
from ollama_server import OllamaServer
from raw_server import RawServer, http

from der_core.config import DEFAULT_ENCODER
from der_core.evaluation.report import validate_report
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.records import Label, Question
from der_core.routing.encoding import CachedEncoder
from der_core.routing.state import state_texts

ROOT = Path(__file__).resolve().parent.parent
SOCKS = {"ALL_PROXY": "socks5://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9"}
ODD = [
    {"NO_PROXY": "localhost,127.0.0.1,::1,[::1]"},
    SOCKS,
    {"HTTP_PROXY": "http://[::1"},
    {"SSL_CERT_FILE": "/nonexistent"},
    {"OLLAMA_HOST": "http://[::1"},
]


def der_core(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "der_core", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer(lambda messages: "yes", ["m:latest"]) as running:
        yield running


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
def test_a_server_on_this_computer_is_reached_whatever_the_environment_says(ollama: OllamaServer, odd: dict[str, str]) -> None:
    done = der_core("experts", "--experts", "m", "--host", ollama.url, **odd)
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout.startswith(b"ready ")


@pytest.mark.parametrize("odd", [SOCKS, {"NO_PROXY": "[::1]", "SSL_CERT_FILE": "/nonexistent"}], ids=("socks", "certificates"))
def test_so_is_one_that_speaks_the_other_protocol(odd: dict[str, str]) -> None:
    with RawServer(http(200, b'{"data": [{"id": "m"}]}')) as server:
        done = der_core("experts", "--experts", "openai:m", "--host", server.url, **odd)
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout.startswith(b"ready ")


@pytest.mark.parametrize(
    "odd",
    [SOCKS, {"HTTPS_PROXY": "http://[::1"}, {"ALL_PROXY": "foo://bar"}, {"SSL_CERT_FILE": "/nonexistent"}, {"HF_ENDPOINT": "nonsense"}],
    ids=lambda odd: next(iter(odd)),
)
def test_questions_that_cannot_be_fetched_are_told_in_one_line(ollama: OllamaServer, odd: dict[str, str], tmp_path: Path) -> None:
    here = {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hub")}
    arguments = ("record", "--experts", "m", "--host", ollama.url, "--questions", "boolq", "--store", str(tmp_path / "r.sqlite"))
    done = der_core(*arguments, cwd=tmp_path, **here, **odd)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: google/boolq (validation) could not be loaded from the hub: ") and done.stderr.count(b"\n") == 1


def test_an_encoder_is_loaded_without_a_word_and_one_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    code = """
from der_core.errors import SettingsError
from der_core.routing.encoding import SentenceEncoder
print(SentenceEncoder().encode(["one text"]).shape)
try:
    SentenceEncoder("no/such-encoder").encode(["one text"])
except SettingsError as error:
    print(error)
"""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path), **SOCKS}
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, timeout=300, check=True)
    shape, refusal = done.stdout.decode().splitlines()
    assert (shape, done.stderr) == ("(1, 384)", b"")
    assert refusal.startswith("The encoder 'no/such-encoder' could not be loaded (")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of questions with letters that few encodings have, its vectors included, so that no encoder is loaded."""
    folder = tmp_path_factory.mktemp("recorded")
    texts = ["is Łódź in Poland", "does → point right", "is 東京 a city", "is “ż” a letter"]
    questions = [
        Question(f"q{index}", f"{texts[index % 4]} number {index}", None, Label.YES if index % 3 else Label.NO, "names")
        for index in range(40)
    ]
    experts = [
        ScriptedExpert(make_spec(name), lambda question, previous, odd=odd: (Label.YES if int(question.id[1:]) % odd else Label.NO, 0.7))
        for odd, name in ((3, "Żubr"), (5, "plain"))
    ]
    with Store.open(folder / "r.sqlite") as store:
        assert record(store, "default", questions, {expert.spec.name: [expert] for expert in experts}).complete
        encoder = HashEncoder()
        encoder.id = DEFAULT_ENCODER
        CachedEncoder(encoder, store).encode(state_texts(questions))
    return folder


@pytest.mark.parametrize(("encoding", "city"), [("cp1252", "?ód?"), ("ascii", "??d?")])
def test_letters_that_the_output_lacks_cost_neither_table_nor_report(recorded: Path, encoding: str, city: str) -> None:
    arguments = ("evaluate", "--store", "r.sqlite", "--save-report", "names.json", "--show-der-qa", "4")
    done = der_core(*arguments, cwd=recorded, PYTHONIOENCODING=encoding)
    shown = done.stdout.decode(encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "?ubr" in shown and city in shown and "== results on held-out questions ==" in shown
    document = json.loads((recorded / "names.json").read_text(encoding="utf-8"))
    validate_report(document)
    assert any("Łódź" in trace["question"] for trace in document["traces"]["questions"])


def test_output_that_nobody_reads_to_its_end_costs_no_report(recorded: Path) -> None:
    command = [sys.executable, "-m", "der_core", "evaluate", "--store", "r.sqlite", "--save-report", "unread.json"]
    process = subprocess.Popen(
        command, cwd=recorded, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait(300)) == (b"", 0)
    assert (recorded / "unread.json").exists()


def test_a_report_that_cannot_be_written_is_told_before_the_work(recorded: Path) -> None:
    done = der_core("evaluate", "--store", "r.sqlite", "--save-report", "r.sqlite/no.json", cwd=recorded)
    assert done.returncode == 2 and done.stdout == b""
    assert b"cannot be written" in done.stderr and done.stderr.count(b"\n") == 1
