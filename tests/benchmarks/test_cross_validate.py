"""Folds of the cross-validation: whole groups of questions, each left out once."""

from __future__ import annotations

import re

import numpy as np
from random_tables import random_table
from trained_routers import ENCODER

from benchmarks.cross_validate import FOLDS, config_of, cross_validated, folds_of, singles_told
from der_core.config import DEPLOYABLE
from der_core.recording.splits import passage_groups
from der_core.records import Question

PASSAGE = "The old bridge over the river was built in {year} by a guild of masons who had come from the north to look for work."


def questions() -> list[Question]:
    """Thirty about fifteen passages; the last pair's passages differ in a full stop alone."""
    texts = [PASSAGE.format(year=1000 + 37 * number) + " " + " ".join(f"word{number}x{i}" for i in range(9)) for number in range(15)]
    asked = [Question(f"q{n}", f"Is it so {n}?", texts[n // 2]) for n in range(28)]
    return [*asked, Question("q28", "Is it so 28?", texts[14]), Question("q29", "Is it so 29?", texts[14].rstrip(".") + "..")]


def test_every_question_is_left_out_once_and_no_passage_stands_on_two_sides() -> None:
    asked = questions()
    groups = np.array(passage_groups(asked))
    folds = list(folds_of(asked))
    assert len(folds) == FOLDS and groups[28] == groups[29]
    assert sorted(np.concatenate([fold.left_out for fold in folds])) == list(range(30))
    for fold in folds:
        sides = [set(groups[rows]) for rows in (fold.training, fold.validation, fold.left_out)]
        assert sum(map(len, sides)) == len(set(groups)) == len(set.union(*sides))
        assert len(fold.left_out) == len(fold.validation) == 6


def test_settings_stand_in_their_places() -> None:
    config = config_of({"alpha": 0.3, "tmax": 2, "ppo_steps": 64, "ppo_rollout": 4, "entropy": 0.5, "patience": 3}, seed=9)
    ppo = config.ppo
    assert (config.reward.alpha, config.episode.t_max, config.seed) == (0.3, 2, 9)
    assert (ppo.total_steps, ppo.n_steps, ppo.entropy_weight, ppo.patience) == (64, 4, 0.5, 3)
    assert config_of({}, DEPLOYABLE.seed) == DEPLOYABLE


def test_one_expert_that_is_always_right_is_found_by_both() -> None:
    table = random_table(np.random.default_rng(0), 30, 1, invalid=0.0, skill=1.0)
    assert singles_told(table).startswith("right 100.0% left out, standard error 0.0%")
    told = cross_validated(table, {"ppo_steps": 256, "ppo_rollout": 4, "tmax": 1}, [1, 2], ENCODER)
    assert re.match(r"right 100\.0% \(100\.0% 100\.0%\) left out, standard error 0\.0%; 100\.0% in training; cost .*, calls 1\.00; ", told)
