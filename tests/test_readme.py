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

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
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


def figures_of(bench: str) -> dict[str, float]:
    figures: dict[str, float] = json.loads((ROOT / "benchmarks" / "results" / f"{bench}.json").read_text(encoding="utf-8"))["figures"]
    return figures


def test_the_speed_it_tells_is_that_of_one_run_both_ways() -> None:
    ppo = figures_of("ppo")
    told = " ".join(README.partition("Training takes seconds")[2].partition("## Read on")[0].split())
    whole = ppo["table_s"] + ppo["table_encoding_once_s"]
    assert f"took {ppo['table_s']:.1f} s where the vectors" in told and f"{whole:.1f} s where they were encoded first" in told
    assert f"would take {ppo['naive_scaled_by_steps_s']:.0f} s (estimated from {ppo['naive_steps_measured']} steps)" in told
    faster, with_encoding = ppo["times_faster"], ppo["times_faster_first_time_with_encoding"]
    assert f"{faster:.0f} times as fast with the vectors known and {with_encoding:.0f} times with encoding counted" in told


def test_a_step_of_routing_that_takes_too_long_is_told() -> None:
    told, routing = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"), figures_of("routing")
    (line,) = (line for line in told.splitlines() if line.startswith("| `routing` |"))
    for state in ("text", "features"):
        assert f"{routing[f'{state}_first_step_p95_ms']:.1f} ms" in line
    assert ("missed" in line) == (max(routing["text_first_step_p95_ms"], routing["features_first_step_p95_ms"]) > 25)
