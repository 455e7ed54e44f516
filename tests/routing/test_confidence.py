"""The confidence of programs: fitted on training questions, the same in a table and live, and it travels with the router."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, make_table
from random_tables import random_table
from table_experts import TableExpert
from test_asked_once import with_program
from test_live import assert_alike, live_route, replayed
from trained_routers import ENCODER, QUICK_DEPLOYABLE, changed, untrained_router

from der_core.errors import RouterFileError, StoreError
from der_core.experts.finishing import finish_reply
from der_core.experts.parsing import TokenChoice
from der_core.recording.recorder import record
from der_core.recording.store import Store
from der_core.recording.table import Table, load_table, mean_logprob
from der_core.records import Label, Question, Reply
from der_core.routing.agent.training import prepare, train_router
from der_core.routing.confidence import FEWEST_REPLIES, fit_program_confidence, with_program_confidence, with_reply_confidence
from der_core.routing.cost import fit_prices
from der_core.routing.saved.manifest import read_manifest, write_manifest
from der_core.routing.saved.router_file import load_router, save_router
from der_core.routing.sources import TableSource

NONE, YES, NO, INVALID = Label


def program_table(rng: np.random.Generator, n: int, intercept: float = 3.0, slope: float = 4.0) -> Table:
    """One expert that writes programs, right with the logistic chance of its mean log-probability, and one that reads."""
    table = with_program(random_table(rng, n, 2, invalid=0.0))
    logprobs = -rng.uniform(0.0, 1.5, size=n)
    right = rng.random(n) < 1 / (1 + np.exp(-(intercept + slope * logprobs)))
    labels = table.labels.copy()
    labels[:, 0] = np.where(right, table.gold, 3 - table.gold)[:, None]
    mean = np.full(labels.shape, np.nan, dtype=np.float32)
    mean[:, 0] = logprobs[:, None]
    p_yes = table.p_yes.copy()
    p_yes[:, 0] = np.nan
    return replace(table, labels=labels, mean_logprob=mean, p_yes=p_yes)


def test_the_fit_finds_the_chance_that_the_data_were_drawn_with() -> None:
    confidence = fit_program_confidence(program_table(np.random.default_rng(1), 20_000))
    assert confidence is not None and confidence.shape == (2, 2)
    np.testing.assert_allclose(confidence[0], (3.0, 4.0), rtol=0.05)
    assert np.isnan(confidence[1]).all()


def test_p_yes_is_the_confidence_after_yes_and_the_rest_after_no() -> None:
    table = program_table(np.random.default_rng(2), 200)
    known = with_program_confidence(table, np.array([[3.0, 4.0], [np.nan, np.nan]]))
    chance = 1 / (1 + np.exp(-(3.0 + 4.0 * table.mean_logprob[:, 0].astype(float))))
    np.testing.assert_allclose(known.p_yes[:, 0], np.where(table.labels[:, 0] == YES, chance, 1 - chance), rtol=1e-5)
    np.testing.assert_array_equal(known.p_yes[:, 1], table.p_yes[:, 1])
    assert np.isnan(table.p_yes[:, 0]).all(), "the table that was given stays as it is"


def test_a_failed_program_and_one_without_log_probabilities_are_unknown() -> None:
    table = program_table(np.random.default_rng(3), 30)
    labels, logprobs = table.labels.copy(), table.mean_logprob.copy()
    labels[0, 0], logprobs[1, 0] = INVALID, np.nan
    known = with_program_confidence(replace(table, labels=labels, mean_logprob=logprobs), np.array([[3.0, 4.0], [np.nan, np.nan]]))
    assert np.isnan(known.p_yes[:2, 0]).all() and np.isfinite(known.p_yes[2:, 0]).all()
    source = TableSource(known, fit_prices(known, "compute"))
    assert (source.p_yes[:2, 0] == 0.5).all() and (source.labels[0, 0] == INVALID).all()


def test_programs_that_were_always_right_are_never_certain() -> None:
    table = program_table(np.random.default_rng(4), 60, intercept=50.0)
    confidence = fit_program_confidence(table)
    known = with_program_confidence(table, confidence).p_yes[:, 0, NONE].astype(float)
    sure = np.maximum(known, 1 - known)
    assert np.isfinite(confidence[0]).all() and sure.min() > 0.9 and sure.max() < 0.9999


def test_programs_that_all_look_alike_get_their_rate() -> None:
    table = program_table(np.random.default_rng(5), 400)
    alike = replace(table, mean_logprob=np.where(np.isnan(table.mean_logprob), np.nan, np.float32(-0.25)))
    known = with_program_confidence(alike, fit_program_confidence(alike)).p_yes[:, 0, NONE]
    rate = (alike.labels[:, 0, NONE] == alike.gold).mean()
    np.testing.assert_allclose(np.maximum(known, 1 - known), rate, atol=0.01)


@pytest.mark.parametrize("kept", ["labels", "mean_logprob", "gold"])
def test_too_few_programs_give_no_confidence(kept: str) -> None:
    table = program_table(np.random.default_rng(6), 40).subset(np.arange(40))
    enough, few = np.arange(40) < FEWEST_REPLIES, np.arange(40) < FEWEST_REPLIES - 1
    for rows, is_known in ((enough, True), (few, False)):
        if kept == "labels":
            left = replace(table, labels=np.where(rows[:, None, None], table.labels, np.int8(INVALID)))
        elif kept == "mean_logprob":
            left = replace(table, mean_logprob=np.where(rows[:, None, None], table.mean_logprob, np.float32(np.nan)))
        else:
            known = [one if row else replace(one, gold=None) for one, row in zip(table.questions, rows, strict=True)]
            left = replace(table, questions=tuple(known))
        confidence = fit_program_confidence(left)
        assert confidence is not None and np.isfinite(confidence[0]).all() == is_known


def test_a_pool_without_programs_has_none() -> None:
    table = random_table(np.random.default_rng(7), 30, 2)
    assert fit_program_confidence(table) is None
    assert with_program_confidence(table, None) is table


def test_a_reply_has_the_same_p_yes_live_as_in_the_table() -> None:
    table = program_table(np.random.default_rng(8), 50)
    confidence = fit_program_confidence(table)
    known = with_program_confidence(table, confidence)
    for row in range(50):
        reply = Reply(
            "", Label(int(table.labels[row, 0, 0])), None, 0, 0, 0, 0, 1, 0, 1, "", token_logprobs=(float(table.mean_logprob[row, 0, 0]),)
        )
        assert with_reply_confidence(reply, confidence[0]).p_yes == known.p_yes[row, 0, 0]


def test_a_failed_reply_has_none_live() -> None:
    failed = Reply("", INVALID, None, 0, 0, 0, 0, 1, 0, 1, "", token_logprobs=(-0.1,))
    silent = replace(failed, label=YES, token_logprobs=())
    assert with_reply_confidence(failed, np.array([3.0, 4.0])).p_yes is None
    assert with_reply_confidence(silent, np.array([3.0, 4.0])).p_yes is None


class WritingExpert(TableExpert):
    """A table's expert whose replies carry log-probabilities in place of P(yes)."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        row = int(self._table.rows_of([question.id])[0])
        return replace(reply, p_yes=None, token_logprobs=(float(self._table.mean_logprob[row, self._expert, 0]),))


@pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, changed(QUICK_DEPLOYABLE, end="confidence", confidence=0.8, t_max=4)])
def test_live_and_replay_choose_alike(config) -> None:
    table = program_table(np.random.default_rng(9), 40)
    labels = table.labels.copy()
    labels[3:6, 0] = INVALID
    table = replace(table, labels=labels)
    thresholds = np.array([0.7, 0.4])
    trained = untrained_router(table, config, 2, program_confidence=fit_program_confidence(table), thresholds=thresholds)
    run, experts = replayed(trained, table), [WritingExpert(table, 0), TableExpert(table, 1)]
    for row, question in enumerate(table.questions):
        assert_alike(live_route(trained, experts, question), run, row, trained.prices.experts)
    assert len(set(run.experts[:, 0].tolist())) > 1


def test_a_threshold_on_the_confidence_moves_the_label_and_spares_failures() -> None:
    table = program_table(np.random.default_rng(10), 60)
    labels = table.labels.copy()
    labels[0, 0] = INVALID
    table = replace(table, labels=labels)
    confidence = fit_program_confidence(table)
    source = TableSource(table, fit_prices(table, "compute"), np.array([0.7, np.nan]), confidence)
    p_yes = with_program_confidence(table, confidence).p_yes[:, 0, NONE]
    moved = source.labels[:, 0, NONE]
    assert moved[0] == INVALID
    np.testing.assert_array_equal(moved[1:] == YES, p_yes[1:] >= 0.7)
    assert (moved != table.labels[:, 0, NONE]).any()
    # A source made of what a source holds is the same source.
    again = TableSource(source.table, source.prices, source.thresholds)
    np.testing.assert_array_equal(again.labels, source.labels)
    np.testing.assert_array_equal(again.p_yes, source.p_yes)


def test_training_fits_it_before_the_thresholds() -> None:
    table = program_table(np.random.default_rng(11), 80)
    prepared = prepare(table, QUICK_DEPLOYABLE, ENCODER)
    np.testing.assert_array_equal(prepared.reading.program_confidence, fit_program_confidence(table))
    known = with_program_confidence(table, prepared.reading.program_confidence)
    source = prepared.process.source
    assert isinstance(source, TableSource)
    np.testing.assert_array_equal(source.table.p_yes, known.p_yes)


def test_it_travels_with_the_router(tmp_path: Path) -> None:
    table = program_table(np.random.default_rng(12), 40)
    trained = train_router(table, QUICK_DEPLOYABLE, ENCODER)
    save_router(trained, tmp_path / "router.zip")
    loaded = load_router(tmp_path / "router.zip")
    np.testing.assert_array_equal(loaded.program_confidence, trained.program_confidence)
    assert trained.data_hash == table.data_hash()


def test_routers_without_programs_keep_none_and_older_ones_load() -> None:
    trained = untrained_router(random_table(np.random.default_rng(13), 10, 2), QUICK_DEPLOYABLE)
    body = write_manifest(trained)
    assert json.loads(body)["program_confidence"] is None
    older = {name: value for name, value in json.loads(body).items() if name != "program_confidence"} | {"schema": "der-router-2"}
    for told in (body, json.dumps(older).encode()):
        manifest, left_out = read_manifest(told)
        assert manifest.program_confidence is None and left_out == ()


@pytest.mark.parametrize("forged", [[[1.0, 2.0]], [[1.0], [None, None]], [["a", 1.0], [None, None]], "none", [[1e301, 0.0], [None, None]]])
def test_a_forged_confidence_is_refused(forged: object) -> None:
    trained = untrained_router(program_table(np.random.default_rng(14), 20), QUICK_DEPLOYABLE)
    data = json.loads(write_manifest(trained)) | {"program_confidence": forged}
    with pytest.raises(RouterFileError, match="program_confidence"):
        read_manifest(json.dumps(data).encode())


class Writer(ScriptedExpert):
    """Writes programs whose tokens it is more or less sure of."""

    def ask(self, question: Question, previous_label: Label) -> Reply:
        reply = super().ask(question, previous_label)
        logprob = -0.1 * (1 + len(question.id))
        pieces = ("```python\n", "print('yes')", "\n```")
        tokens = [TokenChoice(piece, ((piece, logprob * n),), logprob * n) for n, piece in enumerate(pieces)]
        return finish_reply(replace(reply, text="".join(pieces)), "program", tokens)


def test_a_recording_keeps_the_mean_of_the_log_probabilities(tmp_path: Path) -> None:
    questions = make_questions(3)
    writer = Writer(make_spec("writer", style="program"), lambda question, previous: (YES, None))
    with Store.open(tmp_path / "store.db") as store:
        record(store, "demo", questions, {"writer": [writer]})
        table = load_table(store, "demo")
        np.testing.assert_allclose(table.mean_logprob, np.full((3, 1, 4), -0.3), rtol=1e-6)
        assert table.mean_logprob[0, 0, 0] == np.float32(mean_logprob(writer.ask(questions[0], NONE).token_logprobs))


def test_log_probabilities_that_are_none_are_refused(tmp_path: Path) -> None:
    writer = Writer(make_spec("writer", style="program"), lambda question, previous: (YES, None))
    with Store.open(tmp_path / "store.db") as store:
        record(store, "demo", make_questions(3), {"writer": [writer]})
        for damage in (b"\x00\x00\x80\x7f", b"\x00\x00\xc0", "-0.1"):
            with store._transaction() as db:
                db.execute("UPDATE replies SET token_logprobs = ?", (damage,))
            with pytest.raises(StoreError):
                load_table(store, "demo")


def test_the_hash_of_data_counts_them_where_they_are_known() -> None:
    table = make_table([[YES], [NO]])
    sure = replace(table, mean_logprob=np.full(table.labels.shape, -0.5, dtype=np.float32))
    surer = replace(table, mean_logprob=np.full(table.labels.shape, -0.25, dtype=np.float32))
    assert len({one.data_hash() for one in (table, sure, surer)}) == 3
