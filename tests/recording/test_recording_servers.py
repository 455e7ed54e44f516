"""The recorder before servers that change, that several recorders use, or that answer oddly: what is recorded stays right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from fakes import make_questions
from ollama_server import OllamaServer

from der_core.cli import main
from der_core.config import AskOptions, ExpertSpec
from der_core.errors import StoreError
from der_core.experts.ollama import OllamaExpert
from der_core.recording.crew import WARM_UP
from der_core.recording.recorder import FAULTS_IN_A_ROW, Progress, Summary, record
from der_core.recording.store import Store

MODEL = "tiny:latest"
ROOT = Path(__file__).resolve().parents[2]


def record_from(server: OllamaServer, place: Path, n_questions: int, name: str = "tiny") -> Summary:
    expert = OllamaExpert(ExpertSpec(name, "ollama", "tiny", host=server.url), AskOptions(read_timeout_s=5.0))
    with Store.open(place) as store:
        summary = record(store, "demo", make_questions(n_questions), {name: [expert]})
    expert.close()
    return summary


def asked(server: OllamaServer) -> Counter[str]:
    """How often each prompt was asked, warm-ups left out."""
    prompts = (json.dumps(chat["messages"]) for chat in server.chats)
    return Counter(prompt for prompt in prompts if WARM_UP.text not in prompt)


def test_a_model_that_is_made_anew_midway_is_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = tmp_path / "s.db"
    with OllamaServer(lambda messages: "yes") as server:
        old = server.digest(MODEL)
        server.answer = lambda messages: (server.remake(MODEL) if sum(asked(server).values()) == 30 else None) or "yes"
        summary = record_from(server, place, 20)
        new = server.digest(MODEL)
        assert summary.done == 25 and not summary.complete  # confirmed after 25 replies; the 31st had to load
        assert f"sha256:{old}" in summary.message and f"sha256:{new}" in summary.message and "NAME=tiny" in summary.message
        with pytest.raises(StoreError, match=f"sha256:{old}.*sha256:{new}.*NAME=MODEL"):
            record_from(server, place, 20)
        server.answer = lambda messages: "no"
        assert record_from(server, place, 20, name="tiny-new").complete
    with Store.open(place) as store:
        assert store.verify() == []
        (change,) = store.recordings()[0].meta["digest_changes"]
        assert (change["old"], change["new"]) == (f"sha256:{old}", f"sha256:{new}")
        assert (change["first_question"], change["n_replies"]) == ("q8", 6)
        assert [change.n_replies for change in store.digest_changes("demo")] == [6]
        labels = Counter((entry.call.expert, entry.label.word) for entry in store.entries("demo"))
        assert labels == {("tiny", "yes"): 25, ("tiny-new", "no"): 60}
    assert main(["store", "list", "--store", str(place)]) == 0
    told = f"  tiny: its server named sha256:{new} instead of sha256:{old} from question q8 on; 6 replies set aside"
    assert told in capsys.readouterr().out


RECORDER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_recording_servers import OllamaExpert, AskOptions, ExpertSpec, Store, record, make_questions
expert = OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host={url!r}), AskOptions())
with Store.open(Path({place!r})) as store:
    sys.exit(0 if record(store, "demo", make_questions({n}), {{"tiny": [expert]}}).complete else 1)
"""


def test_three_processes_at_once_ask_a_server_each_request_once(tmp_path: Path):
    place, n = tmp_path / "s.db", 32
    with OllamaServer(lambda messages: "yes") as server:
        code = RECORDER.format(paths=[str(ROOT / "tests"), str(Path(__file__).parent), str(ROOT)], url=server.url, place=str(place), n=n)
        recorders = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
        assert [recorder.wait(120) for recorder in recorders] == [0, 0, 0]
        assert sorted(asked(server).values()) == [1] * (3 * n)
    with Store.open(place) as store:
        assert len(store.entries("demo")) == 3 * n and store.verify() == []


def test_a_server_that_is_busy_for_good_is_waited_for_once(tmp_path: Path):
    with OllamaServer(lambda messages: "yes") as server, Store.open(tmp_path / "s.db") as store:
        expert = OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host=server.url), AskOptions(patience_s=0.2))
        server.fail("loading")
        summary = record(store, "demo", make_questions(8), {"tiny": [expert]})
        assert server.count("/api/chat") == 2 + FAULTS_IN_A_ROW  # once more at the end of the patience, then each request once
        assert "given up: 10 calls in a row gave no reply, the last one:" in summary.message and "--patience" in summary.message
        server.fail("loading", times=1)
        assert record(store, "demo", make_questions(8), {"tiny": [expert]}).complete


def test_after_a_reply_a_busy_server_is_waited_for_again(tmp_path: Path):
    n_busy = iter([2, 0, 0, 1])  # warm-up in vain, a reply, another, and one that is waited for

    def answer(messages: object) -> str:
        server.fail("loading", times=next(n_busy, 0))
        return "yes"

    with OllamaServer(answer) as server, Store.open(tmp_path / "s.db") as store:
        expert = OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host=server.url), AskOptions(patience_s=0.2))
        server.fail("loading", times=next(n_busy))
        assert record(store, "demo", make_questions(2), {"tiny": [expert]}).complete


def test_a_server_that_is_loading_is_waited_for_and_the_wait_is_shown_and_can_be_stopped(tmp_path: Path):
    stop, seen = threading.Event(), []

    def on_progress(progress: Progress) -> None:
        seen.append(progress.waiting)
        if len(set(filter(None, seen))) == 2:
            stop.set()

    with OllamaServer(lambda messages: "yes") as server, Store.open(tmp_path / "s.db") as store:
        expert = OllamaExpert(ExpertSpec("tiny", "ollama", "tiny", host=server.url), AskOptions())
        server.fail("loading")
        began = time.monotonic()
        summary = record(store, "demo", make_questions(2), {"tiny": [expert]}, on_progress=on_progress, stop=stop)
        assert time.monotonic() - began < 8
        assert any(re.match(r"waiting for tiny, \d s: .*loading", waiting) for waiting in seen)
        assert summary.stopped and summary.faults == {} and "stopped on request" in summary.message
