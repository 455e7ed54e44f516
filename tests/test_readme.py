"""What the README shows works as it stands there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HashEncoder
from ollama_server import Chat, OllamaServer

import der_core.public
from der_core.recording.store import Store

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
MODELS = ("qwen2.5:0.5b", "llama3.2:3b")


def says_yes(messages: Chat) -> str:
    return "Yes"


def test_the_python_example_records_trains_evaluates_and_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    rows = [{"question": f"Is statement {i} true?", "passage": f"This is passage {i}.", "answer": i % 2 == 0} for i in range(24)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    short = replace(der_core.public.DEPLOYABLE, ppo=replace(der_core.public.DEPLOYABLE.ppo, total_steps=2_048))
    monkeypatch.setattr(der_core.public, "DEPLOYABLE", short)
    monkeypatch.setattr(der_core.public, "SentenceEncoder", HashEncoder)
    monkeypatch.chdir(tmp_path)
    with OllamaServer(says_yes, MODELS) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        exec(compile(example, "README.md", "exec"), {})
    headline, answer = capsys.readouterr().out.splitlines()
    assert "DER" in headline and "calls" in headline
    assert answer == "yes"
    with Store.open(tmp_path / "recordings.sqlite") as store:
        assert store.recordings()[0].n_entries == 24 * len(MODELS) * 3
