"""The table holds what was recorded, where it was recorded, and nothing else."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, make_table, says

from der_core.errors import IncompleteRecording, SettingsError, StoreError
from der_core.experts.parsing import apply_thresholds
from der_core.recording.recorder import record
from der_core.recording.store import Call, Store
from der_core.recording.table import Table, in_recorded_order, load_table
from der_core.records import N_LABELS, Label, Question

NONE, YES, NO, INVALID = Label
QUESTIONS = make_questions(4)
ARRAYS = ("labels", "p_yes", "load_s", "prompt_s", "generation_s", "wall_s", "prompt_tokens", "cached_tokens", "generated_tokens")


def follows(question: Question, label: Label) -> tuple[Label, float | None]:
    """An expert that copies the previous answer, and is invalid when it is the first to be asked about q1."""
    first = (INVALID, None) if question.id == "q1" else (NO, 0.25)
    return {NONE: first, YES: (YES, 0.75), NO: (NO, 0.125), INVALID: (NO, 0.5)}[label]


A, B = ScriptedExpert(make_spec("a"), follows), ScriptedExpert(make_spec("b"), says(YES))


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "store.db") as opened:
        record(opened, "demo", QUESTIONS, {"a": [A], "b": [B]})
        yield opened


def put(store: Store, question: Question, expert: ScriptedExpert, label: Label) -> None:
    store.put_reply("demo", Call(question.id, expert.spec.name, label), expert.request(question, label), expert.ask(question, label))


def add_partly(store: Store, labels: tuple[Label, ...]) -> Question:
    """Add a fifth question and only some of its replies."""
    extra = make_questions(5)[4]
    store.add_questions("demo", [extra])
    for label in labels:
        put(store, extra, A, label)
        put(store, extra, B, label)
    return extra


def test_every_reply_stands_in_its_place(store: Store):
    table = load_table(store, "demo")
    assert (table.n_questions, table.n_experts) == (4, 2) and table.labels.shape == (4, 2, N_LABELS)
    for q, question in enumerate(QUESTIONS):
        for n, expert in enumerate((A, B)):
            for label in (NONE, YES, NO):
                reply = expert.ask(question, label)
                at = (q, n, label)
                assert table.labels[at] == reply.label
                assert table.wall_s[at] == pytest.approx(reply.wall_s) and table.prompt_s[at] == pytest.approx(reply.prompt_s)
                counts = (table.prompt_tokens[at], table.cached_tokens[at], table.generated_tokens[at])
                assert counts == (reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens)
                assert table.p_yes[at] == reply.p_yes if reply.p_yes is not None else math.isnan(table.p_yes[at])


def test_arrays_have_the_kinds_that_are_promised(store: Store):
    table = load_table(store, "demo")
    assert table.labels.dtype == table.gold.dtype == np.int8
    assert table.prompt_tokens.dtype == table.p_yes.dtype == table.load_s.dtype == table.quality.dtype == np.float32


def test_what_was_not_recorded_is_unknown(store: Store):
    table = load_table(store, "demo")
    not_asked = np.ones((4, 2), dtype=bool)
    not_asked[1] = False  # label invalid was recorded for q1 only
    assert np.array_equal(table.labels[:, :, INVALID] == 0, not_asked)
    for name in ("p_yes", "load_s", "prompt_s", "generation_s", "wall_s", "quality"):
        assert np.isnan(getattr(table, name)[0, 0, INVALID])
    assert np.isnan(table.prompt_tokens[0, 0, INVALID])


def test_quality_is_one_for_the_gold_answer_only():
    table = make_table([[YES, NO, INVALID], [YES, NO, 0], [YES, NO, NO]], gold=[YES, NO, NONE])
    np.testing.assert_array_equal(table.gold, [1, 2, 0])
    np.testing.assert_array_equal(table.quality[:, :, 0], [[1, 0, 0], [0, 1, np.nan], [np.nan] * 3])


def test_a_subset_takes_questions_in_the_given_order(store: Store):
    table = load_table(store, "demo")
    part = table.subset([2, 0])
    assert [question.id for question in part.questions] == ["q2", "q0"] and part.experts == table.experts
    for name in (*ARRAYS, "quality", "gold"):
        np.testing.assert_array_equal(getattr(part, name), getattr(table, name)[[2, 0]])


def test_a_subset_may_be_empty(store: Store):
    assert load_table(store, "demo").subset([]).labels.shape == (0, 2, N_LABELS)


def test_experts_are_selected_by_name_in_the_given_order(store: Store):
    table = load_table(store, "demo")
    part = table.select_experts(["b", "a"])
    assert [spec.name for spec in part.experts] == ["b", "a"]
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(part, name), getattr(table, name)[:, [1, 0]])


@pytest.mark.parametrize("names", [["a", "z"], []])
def test_a_wrong_choice_of_experts_names_the_right_ones(store: Store, names: list[str]):
    with pytest.raises(SettingsError, match="choose from a, b"):
        load_table(store, "demo").select_experts(names)


def test_a_part_of_the_pool_is_the_data_that_a_recording_of_it_alone_gives(store: Store):
    wild = ScriptedExpert(make_spec("wild"), says(INVALID))
    record(store, "all three", QUESTIONS, {"a": [A], "wild": [wild], "b": [B]})
    part = load_table(store, "all three", experts=["a", "b"])
    assert [spec.name for spec in part.experts] == ["a", "b"]
    assert part.data_hash() == load_table(store, "demo").data_hash()
    unreachable = [0, 2, 3]  # wild was invalid about every question, of these two only a, about q1
    assert part.labels[unreachable, :, INVALID].max() == 0 and np.isnan(part.p_yes[unreachable][:, :, INVALID]).all()
    assert np.isnan(part.prompt_tokens[unreachable, :, INVALID]).all() and part.labels[1, 0, INVALID] == NO
    whole = load_table(store, "all three")
    assert whole.labels[unreachable, :, INVALID].min() > 0


def test_all_experts_by_name_are_the_whole_recording(store: Store):
    assert load_table(store, "demo", experts=["a", "b"]).data_hash() == load_table(store, "demo").data_hash()


def test_an_expert_that_is_recorded_later_leaves_a_part_of_the_pool_as_it_was(store: Store):
    before = load_table(store, "demo", experts=["b"]).data_hash()
    record(store, "demo", QUESTIONS[:2], {"wild": [ScriptedExpert(make_spec("wild"), says(INVALID))]})
    record(store, "demo", QUESTIONS[:2], {"a": [A], "b": [B]})
    assert load_table(store, "demo").n_left_out == 2  # wild was never asked the other two
    part = load_table(store, "demo", experts=["b"])
    assert (part.n_questions, part.n_left_out, part.data_hash()) == (4, 0, before)


def test_a_question_that_only_another_expert_lacks_is_complete(store: Store):
    extra = make_questions(5)[4]
    store.add_questions("demo", [extra])
    for label in (NONE, YES, NO):
        put(store, extra, B, label)
    put(store, extra, A, NONE)
    assert load_table(store, "demo").n_left_out == 1
    assert [question.id for question in load_table(store, "demo", experts=["b"]).questions] == ["q0", "q1", "q2", "q3", extra.id]
    assert load_table(store, "demo", experts=["a"]).n_left_out == 1


def test_a_part_of_the_pool_names_only_experts_that_are_there(store: Store):
    with pytest.raises(SettingsError, match="No expert is named z; choose from a, b"):
        load_table(store, "demo", experts=["a", "z"])


def test_names_are_put_into_recorded_order_once_each_and_unknown_ones_last():
    specs = [make_spec("a"), make_spec("b"), make_spec("c")]
    assert in_recorded_order(specs, ["z", "c", "a", "c"]) == ("a", "c", "z")


def test_rows_are_found_by_question_id(store: Store):
    table = load_table(store, "demo")
    np.testing.assert_array_equal(table.rows_of(["q3", "q0"]), [3, 0])
    with pytest.raises(IncompleteRecording, match="1 of 2 questions are not in the table, x first"):
        table.rows_of(["q3", "x"])


def test_thresholds_relabel_each_expert_by_its_own():
    p_yes = np.array([[0.2, 0.2], [0.6, 0.6], [np.nan, 0.9]])
    table = make_table([[NO, NO], [YES, YES], [INVALID, INVALID]], p_yes)
    moved = table.with_thresholds([0.7, np.nan])
    np.testing.assert_array_equal(moved.labels[:, :, 0], [[NO, NO], [NO, YES], [INVALID, INVALID]])
    np.testing.assert_array_equal(table.with_thresholds([0.1, 0.95]).labels[:, :, 0], [[YES, NO], [YES, NO], [INVALID, INVALID]])


def test_thresholds_move_quality_with_the_label():
    table = make_table([[NO]], [[0.3]], gold=[YES])
    assert table.quality[0, 0, 0] == 0 and table.with_thresholds([0.25]).quality[0, 0, 0] == 1


def test_a_threshold_decides_as_it_does_live():
    rng = np.random.default_rng(0)
    p_yes = rng.random((50, 2)).astype(np.float32).astype(np.float64)
    thresholds = [0.3, p_yes[7, 1]]
    table = make_table(rng.integers(1, 4, (50, 2)), p_yes)
    moved = table.with_thresholds(thresholds)
    for q, n in np.ndindex(50, 2):
        assert moved.labels[q, n, 0] == apply_thresholds(table.labels[q, n, 0], p_yes[q, n], thresholds[n])


def test_thresholds_make_nothing_of_what_was_not_recorded():
    table = make_table([[0]], [[0.9]])
    assert table.with_thresholds([0.5]).labels.max() == 0


def test_invalid_stays_invalid_and_nothing_becomes_it(store: Store):
    table = load_table(store, "demo")
    moved = table.with_thresholds([0.01, 0.99])
    assert np.any(table.labels == INVALID) and np.array_equal(moved.labels == INVALID, table.labels == INVALID)


def test_the_hash_depends_on_every_reply():
    table = make_table([[YES, NO], [NO, NO]])
    hashes = {table.data_hash()}
    for name, value in (("labels", INVALID), ("p_yes", 0.31), ("prompt_tokens", 9), ("cached_tokens", 9), ("generated_tokens", 9)):
        array = getattr(table, name).copy()
        array[1, 1, 2] = value
        hashes.add(replace(table, **{name: array}).data_hash())
    hashes.add(table.subset([1, 0]).data_hash())
    hashes.add(replace(table, questions=make_questions(2, gold=[YES, YES])).data_hash())
    hashes.add(replace(table, experts=(table.experts[0], replace(table.experts[1], digest="other"))).data_hash())
    hashes.add(replace(table, experts=(table.experts[0], replace(table.experts[1], style="reason"))).data_hash())
    assert len(hashes) == 10


def test_the_hash_does_not_depend_on_the_machine():
    table = make_table([[YES, NO], [NO, 0]])
    moved = replace(table.experts[0], host="http://127.0.0.1:7", model="/elsewhere/model")
    elsewhere = replace(table, wall_s=table.wall_s * 2, experts=(moved, table.experts[1]), n_left_out=3)
    assert elsewhere.data_hash() == table.data_hash()


def test_the_hash_of_known_data_stays():
    assert make_table([[YES, NO], [NO, INVALID]]).data_hash() == "de6759ebf89a825935879365d5372b21bb1b464b0cd2bc0c7efbd36f206da5c2"


def test_an_exported_recording_is_the_same_data(store: Store, tmp_path: Path):
    store.export(tmp_path / "copy.db", "demo")
    with Store.open(tmp_path / "copy.db", read_only=True) as copy:
        assert load_table(copy, "demo").data_hash() == load_table(store, "demo").data_hash()


def test_a_complete_recording_leaves_nothing_out(store: Store):
    assert load_table(store, "demo").n_left_out == 0


def test_questions_with_missing_replies_are_left_out_and_counted(store: Store):
    add_partly(store, (NONE, YES))
    table = load_table(store, "demo")
    assert [question.id for question in table.questions] == ["q0", "q1", "q2", "q3"] and table.n_left_out == 1


def test_a_reply_that_only_a_threshold_makes_reachable_is_missed(store: Store):
    extra = make_questions(6)[5]
    yes = ScriptedExpert(A.spec, says(YES))
    store.add_questions("demo", [extra])
    for label in (NONE, YES):
        put(store, extra, yes, label)
        put(store, extra, B, label)
    assert load_table(store, "demo").n_left_out == 1
    put(store, extra, yes, NO)
    put(store, extra, B, NO)
    assert load_table(store, "demo").n_left_out == 0


def test_label_invalid_is_missed_where_a_reply_was_invalid(store: Store):
    extra = replace(make_questions(5)[4], id="extra")
    store.add_questions("demo", [extra])
    wild = ScriptedExpert(B.spec, says(INVALID))
    for label in (NONE, YES, NO):
        put(store, extra, A, label)
        put(store, extra, wild, label)
    assert load_table(store, "demo").n_left_out == 1
    put(store, extra, A, INVALID)
    put(store, extra, wild, INVALID)
    assert load_table(store, "demo").n_left_out == 0


def test_incomplete_questions_can_be_kept(store: Store):
    extra = add_partly(store, (NONE,))
    table = load_table(store, "demo", require_complete=False)
    assert table.questions[-1] == extra and table.labels[-1, 0, YES] == 0 and table.n_left_out == 0


def test_an_incomplete_recording_says_how_much_is_missing_and_what_to_do(store: Store):
    extra = add_partly(store, (NONE,))
    store.start_recording("demo", {"command": "make recording"})
    with pytest.raises(IncompleteRecording, match="4 replies of 1 questions are missing.*: make recording") as caught:
        load_table(store, "demo", [extra.id])
    assert "\n" not in str(caught.value)


def test_a_recording_without_questions_is_incomplete(store: Store):
    store.start_recording("empty")
    with pytest.raises(IncompleteRecording, match="no questions yet.*python -m der_core record"):
        load_table(store, "empty")


def test_only_the_questions_asked_for_are_loaded(store: Store):
    table = load_table(store, "demo", ["q3", "q1"])
    assert [question.id for question in table.questions] == ["q3", "q1"] and table.labels[1, 0, NONE] == INVALID


@pytest.mark.parametrize("change", ["label = 9", "label = 'yes'", "p_yes = 'much'", "prompt_tokens = 1e30"])
def test_a_recording_with_damaged_replies_is_not_loaded(store: Store, change: str):
    with sqlite3.connect(store.path) as other:
        other.execute(f"UPDATE replies SET {change} WHERE id = 1")
    other.close()
    with pytest.raises(StoreError, match="store verify"):
        load_table(store, "demo")


def test_tables_are_compared_by_identity_and_frozen():
    table = make_table([[YES]])
    assert table == table and table != make_table([[YES]])
    with pytest.raises(AttributeError):
        table.n_left_out = 1  # type: ignore[misc]  # the claim


def test_make_table_gives_every_array_the_shape_of_the_labels():
    table = make_table(np.ones((3, 2, N_LABELS)), seconds=[0.5, 2.0])
    assert isinstance(table, Table) and {getattr(table, name).shape for name in ARRAYS} == {(3, 2, N_LABELS)}
    np.testing.assert_allclose((table.prompt_s + table.generation_s)[0, :, 0], [0.5, 2.0])
