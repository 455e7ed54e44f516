"""What being shown another's answer does: by hand, and against the slow definition."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import make_table
from random_tables import random_table

from der_core.evaluation.transfer import transfer_effects, transfer_rows
from der_core.recording.table import Table
from der_core.records import Label

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)


def table_of(replies: list[list[list[int]]], gold: list[int]) -> Table:
    """Replies by question and expert: after nothing, yes, no, invalid."""
    return make_table(np.array(replies), gold=gold)


def test_by_hand_of_an_expert_that_repeats_what_it_is_shown() -> None:
    """The parrot alone says yes; its adviser is right on three of four, and says yes on three of four."""
    parrot = [YES, YES, NO, BAD]
    adviser = [[YES] * 4, [YES] * 4, [NO] * 4, [YES] * 4]
    gold = [YES, YES, NO, NO]
    effect = transfer_effects(table_of([[parrot, one] for one in adviser], gold), np.random.default_rng(0))[0]
    assert (effect.n, effect.alone, effect.shown) == (4, 0.5, 0.75)
    assert effect.random == pytest.approx(0.5 * 0.75 + 0.5 * 0.25), "yes three times in four: right on yes-questions so often"
    assert effect.gain.value == pytest.approx(0.25) and effect.information.value == pytest.approx(0.25)


def test_who_is_not_moved_gains_and_loses_nothing() -> None:
    firm = [YES] * 4
    effects = transfer_effects(table_of([[firm, [NO] * 4], [firm, [YES] * 4]], [YES, NO]), np.random.default_rng(0))
    assert effects[0].alone == effects[0].shown == effects[0].random == 0.5
    assert (effects[0].gain.low, effects[0].gain.high) == (0.0, 0.0)


def test_advisers_who_gave_no_answer_advise_nobody() -> None:
    """The only other expert failed on the first question, so that only the second counts."""
    firm = [YES] * 4
    effect = transfer_effects(table_of([[firm, [BAD] * 4], [firm, [NO] * 4]], [NO, YES]), np.random.default_rng(0))[0]
    assert (effect.n, effect.alone) == (1, 1.0)


def test_against_the_slow_definition() -> None:
    table = random_table(np.random.default_rng(4), n_questions=40, n_experts=3)
    for expert, effect in enumerate(transfer_effects(table, np.random.default_rng(1))[:3]):
        pairs = [
            (q, int(table.labels[q, other, 0]))
            for q in range(40)
            for other in range(3)
            if other != expert and table.labels[q, other, 0] in (YES, NO)
        ]
        counted = sorted({q for q, _ in pairs})
        right = table.labels[:, expert] == table.gold[:, None]
        shown = np.mean([np.mean([right[q, label] for at, label in pairs if at == q]) for q in counted])
        random = np.mean([np.mean([right[q, label] for _, label in pairs]) for q in counted])
        assert (effect.n, effect.shown, effect.random) == (len(counted), pytest.approx(shown), pytest.approx(random))


def test_one_expert_alone_is_shown_nothing_and_kinds_stand_apart() -> None:
    alone = table_of([[[YES] * 4]], [YES])
    assert transfer_effects(alone, np.random.default_rng(0)) == ()
    table = random_table(np.random.default_rng(2), n_questions=20, n_experts=2)
    effects = transfer_effects(table, np.random.default_rng(0))
    assert len({len(row) for row in transfer_rows(effects)}) == 1
    assert {effect.kind for effect in effects} >= {"all"}
