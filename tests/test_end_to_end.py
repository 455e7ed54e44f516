"""The main job with a real LLM: SmolLM2-135M, embedded, answers our own questions; record, train, evaluate, ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from der_core.cli import main
from der_core.evaluation.report import validate_report
from der_core.experts.weights import WEIGHTS, whole_file
from der_core.recording.store import Store
from der_core.recording.table import load_table

pytestmark = pytest.mark.llm


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished recording of two experts on 16 of our questions."""
    folder = tmp_path_factory.mktemp("end-to-end")
    gguf = whole_file(WEIGHTS[0])
    experts = [f"gguf:{gguf}", f"gguf:{gguf}@reason"]
    code = main(
        [
            "record",
            "--store",
            str(folder / "r.sqlite"),
            "--questions",
            "bundled",
            "--samples",
            "16",
            "--threads",
            "1",
            "--experts",
            *experts,
        ]
    )
    assert code == 0
    return folder


def test_the_recording_verifies_and_holds_probabilities(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "verify", "--store", str(place / "r.sqlite")]) == 0
    with Store.open(place / "r.sqlite", create=False) as store:
        table = load_table(store, "default")
    assert table.labels.shape == (16, 2, 4)
    assert (table.labels[:, :, :3] > 0).all()
    assert 0.0 <= table.p_yes[:, 0, 0].min() <= table.p_yes[:, 0, 0].max() <= 1.0


def test_train_evaluate_and_ask_go_through(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, router, report = (str(place / name) for name in ("r.sqlite", "router.zip", "report.json"))
    assert main(["train", "--store", store, "--ppo_steps", "4096", "--save_router", router]) == 0
    assert main(["evaluate", "--store", store, "--load-router", router, "--save-report", report, "--show-der-qa", "2"]) == 0
    document = json.loads(Path(report).read_text(encoding="utf-8"))
    validate_report(document)
    assert {row["name"] for row in document["results"]["deployable"]} >= {"DER", "majority vote"}
    capsys.readouterr()
    assert main(["ask", "--load-router", router, "--question", "Is ice frozen water?"]) == 0
    shown = capsys.readouterr().out
    assert "step 1: the router chooses" in shown
    assert "Is ice frozen water?" in shown
    assert "answer: " in shown
    assert "gold" not in shown


def test_a_second_recording_of_the_same_asks_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gguf = whole_file(WEIGHTS[0])
    experts = [f"gguf:{gguf}", f"gguf:{gguf}@reason"]
    with Store.open(place / "r.sqlite", create=False) as store:
        before = store.recordings()[0].n_entries
    assert (
        main(
            [
                "record",
                "--store",
                str(place / "r.sqlite"),
                "--questions",
                "bundled",
                "--samples",
                "16",
                "--threads",
                "1",
                "--experts",
                *experts,
            ]
        )
        == 0
    )
    with Store.open(place / "r.sqlite", create=False) as store:
        assert store.recordings()[0].n_entries == before
    assert "0 asked now" in capsys.readouterr().out
