"""The recording for the shipped routers comes out again: twenty of its replies are asked anew of the installed experts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from der_core.config import AskOptions, ExpertSpec
from der_core.evaluation.report import machine
from der_core.experts.opening import open_expert
from der_core.experts.protocol import Expert
from der_core.experts.weights import WEIGHTS, installed_weights, weights_place
from der_core.recording.store import Entry, Store

RECORDED = Path(__file__).resolve().parents[2] / "benchmarks" / "recording" / "demo.sqlite"
N_ASKED, DRAW = 20, 1

pytestmark = [
    pytest.mark.llm,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not {weights.name for weights in installed_weights()} >= {"qwen2.5-coder-1.5b"}, reason="its weights are not installed"
    ),
]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open(RECORDED, create=False, read_only=True) as opened:
        yield opened


def drawn(store: Store) -> list[Entry]:
    """Twenty calls in an order of their own, so that each comes after others than it was recorded after."""
    entries = sorted(store.entries("demo"), key=lambda entry: entry.key)
    return [entries[place] for place in np.random.default_rng(DRAW).permutation(len(entries))[:N_ASKED]]


def opened(spec: ExpertSpec, models: Path) -> Expert:
    """The expert as it was recorded, its weights joined where the test may write."""
    weights = next(known for known in WEIGHTS if spec.digest == f"sha256:{known.sha256}")
    return open_expert(replace(spec, model=str(weights_place(weights, models))), AskOptions())


def test_twenty_recorded_replies_come_out_again(store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    models = tmp_path_factory.mktemp("models")
    questions = {question.id: question for question in store.questions("demo")}
    (recorded_on,) = {str(info.meta["machine"]["cpu"]) for info in store.recordings() if info.name == "demo"}
    entries = drawn(store)
    for spec in store.experts("demo"):
        own = [entry for entry in entries if entry.call.expert == spec.name]
        expert = opened(spec, models)
        try:
            for entry in own:
                question, previous = questions[entry.call.question_id], entry.call.previous_label
                assert expert.request(question, previous).key == entry.key
                if machine()["cpu"] == recorded_on:  # another kind of processor adds in another order
                    recorded, again = store.find_reply(entry.key), expert.ask(question, previous)
                    assert recorded is not None
                    assert (again.text, again.label, again.p_yes) == (recorded.text, recorded.label, recorded.p_yes), entry.call
                    assert again.token_logprobs == recorded.token_logprobs
        finally:
            expert.close()
    assert len(entries) == N_ASKED
