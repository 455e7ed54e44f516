"""A router is compared on questions that neither taught it nor chose anything about it, and about passages it never saw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import make_table
from trained_routers import ENCODER, QUICK_DEPLOYABLE, untrained_router

from der_core.errors import RouterMismatch
from der_core.evaluation.experiment import Parts, choose_splits, cut, evaluate, train
from der_core.recording.splits import Splits
from der_core.recording.table import Table
from der_core.routing.saved.trained import TrainedRouter


@pytest.fixture(scope="module")
def table() -> Table:
    return make_table([[1, 2]] * 40)


def names(*places: int) -> tuple[str, ...]:
    """Ids of questions; 0 and 1 have one passage, 2 and 3 the next, and so on."""
    return tuple(f"q{place}" for place in places)


def router_of(table: Table, taught: tuple[str, ...], chosen: tuple[str, ...]) -> TrainedRouter:
    return untrained_router(table, QUICK_DEPLOYABLE, training_question_ids=taught, validation_question_ids=chosen)


def parts_of(table: Table, test: tuple[str, ...]) -> Parts:
    return cut(table, Splits(train=names(*range(20, 36)), validation=names(36, 37, 38, 39), test=test))


@pytest.mark.parametrize(
    ("taught", "chosen", "told"),
    [
        (names(0, 1), names(30), "trained on 2 of the test"),
        (names(30), names(2, 3), "validated on 2 of the test"),
        (names(30), names(0, 3), "validated on 4 of the test"),
        (names(5), names(30), "trained on 1 of the test"),
    ],
)
def test_a_router_that_knows_a_test_passage_is_refused(table: Table, taught: tuple[str, ...], chosen: tuple[str, ...], told: str) -> None:
    """Question 5 is in no part, but its passage is that of question 4."""
    with pytest.raises(RouterMismatch, match=told):
        evaluate(parts_of(table, names(0, 1, 2, 3, 4)), router_of(table, taught, chosen), QUICK_DEPLOYABLE, ENCODER)


def test_a_passage_that_is_nearly_the_same_counts_as_seen(table: Table) -> None:
    passage = "The keeper of the light notes the wind, the tide and the lamp each hour of the night in a book that lies near the window."
    like = (replace(table.questions[0], passage=passage), replace(table.questions[1], passage=passage.replace("tide", "sea").upper()))
    near = replace(table, questions=(*like, *table.questions[2:]))
    with pytest.raises(RouterMismatch, match="trained on 1 of the test questions, or on others about their passages"):
        evaluate(parts_of(near, names(0, 2, 3)), router_of(near, names(1), names(30)), QUICK_DEPLOYABLE, ENCODER)


def test_a_router_that_saw_nothing_of_the_test_is_compared(table: Table) -> None:
    parts = parts_of(table, names(0, 1, 2, 3))
    evaluation = evaluate(parts, router_of(table, names(20, 21), names(36)), QUICK_DEPLOYABLE, ENCODER)
    assert evaluation.comparison.learned is not None


def test_training_notes_what_chose_the_end_rule(table: Table) -> None:
    """With other sizes than those of training, validation questions come to stand in the test part, and that is refused."""
    trained = train(cut(table, choose_splits(table.questions, 7, None, None)), QUICK_DEPLOYABLE, ENCODER)
    usual = choose_splits(table.questions, 7, None, None)
    assert (trained.training_question_ids, trained.validation_question_ids) == (usual.train, usual.validation)
    wider = choose_splits(table.questions, 7, 12, 24)
    assert set(wider.test) > set(usual.test) and not set(wider.test) & set(usual.train)
    with pytest.raises(RouterMismatch, match="validated on"):
        evaluate(cut(table, wider), trained, QUICK_DEPLOYABLE, ENCODER)
