"""The demo that is shipped: a whole, verified recording of real LLMs, and the routers that were trained on it."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from der_core.config import DEFAULT_ENCODER, DEPLOYABLE, PAPER, SPLIT_SEED
from der_core.evaluation.experiment import choose_splits
from der_core.evaluation.report import validate_report
from der_core.evaluation.runs import RunStore
from der_core.recording.questions import load_questions
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table
from der_core.records import Label
from der_core.routing.state import state_texts

ASSETS = Path(__file__).resolve().parent.parent / "assets"
DEMO, RUNS = ASSETS / "demo.sqlite", RunStore(ASSETS / "runs")
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open(DEMO, create=False, read_only=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def table(store: Store) -> Table:
    return load_table(store, "demo")


def test_every_hard_question_was_asked_of_every_expert_after_every_label_that_occurs(table: Table) -> None:
    assert table.n_left_out == 0
    of_demo = {question.id: question for question in table.questions}
    assert all(of_demo[question.id] == question for question in load_questions("hard"))
    invalid = (table.labels == Label.INVALID).any(axis=(1, 2))
    assert (table.labels[:, :, :3] > 0).all() and (table.labels[invalid, :, Label.INVALID] > 0).all()
    assert len({spec.digest for spec in table.experts}) == 4 and table.n_experts >= 5
    assert {spec.style for spec in table.experts} == {"direct", "examples"}


def test_every_reply_is_what_its_key_says(store: Store) -> None:
    assert store.verify() == []


def test_the_recording_says_how_it_was_made_and_nothing_of_a_machine_s_folders(store: Store, table: Table) -> None:
    (info,) = store.recordings()
    assert all(command.startswith("python -m der_core record ") and "/" not in command for command in info.meta["commands"])
    assert {"versions", "machine"} <= set(info.meta)
    assert all(spec.host is None and "/" not in spec.model for spec in table.experts)


def test_the_files_are_small_and_can_be_read_where_nothing_may_be_written() -> None:
    assert DEMO.stat().st_size < 10 * MEGABYTE
    assert sum(file.stat().st_size for file in RUNS.root.rglob("*") if file.is_file()) < 5 * MEGABYTE
    assert DEMO.read_bytes()[18:20] == b"\x01\x01", "the file is in write-ahead mode: export it anew"


def test_no_text_has_to_be_encoded_to_train_or_compare(store: Store, table: Table) -> None:
    texts = state_texts(table.questions)
    assert len(store.get_vectors(DEFAULT_ENCODER, texts)) == len(texts)


def test_shipped_routers_see_what_they_were_trained_on(table: Table) -> None:
    """A router saved before there was scaling sees the columns as they are, any other scaled ones."""
    for run in RUNS.list():
        router = RUNS.load_router(run.id)
        earlier = json.loads(zipfile.ZipFile(RUNS.root / run.id / "router.zip").read("manifest.json"))["schema"] == "der-router-1"
        assert (router.state.scaling is None) == earlier


def test_five_seeds_of_both_settings_were_evaluated_on_half_of_the_questions(store: Store, table: Table) -> None:
    splits = choose_splits(table.questions, SPLIT_SEED, None, None)
    seeds: Counter[str] = Counter()
    for run in RUNS.list():
        report, router = RUNS.load_report(run.id), RUNS.load_router(run.id)
        validate_report(report)
        assert report["splits"]["test"] == list(splits.test) and len(splits.test) >= 500
        assert report["data"]["hash"] == load_table(store, "demo", experts=[spec.name for spec in router.experts]).data_hash()
        assert router.config.reward in (DEPLOYABLE.reward, PAPER.reward)
        seeds[run.name.rpartition(" seed ")[0]] += 1
    assert seeds == {"paper": 5, "deployable": 5, "installed experts": 1}
