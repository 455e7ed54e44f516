"""Tables drawn at random, for tests that compare with a slow definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fakes import make_questions, make_table

from der_core.config import CostMode
from der_core.recording.table import Table
from der_core.records import N_LABELS, Label
from der_core.routing.cost import fit_prices
from der_core.routing.sources import TableSource


def random_table(rng: np.random.Generator, n_questions: int, n_experts: int, invalid: float = 0.1, skill: float = 0.65) -> Table:
    """A complete table: right with probability `skill`, else invalid or wrong; tokens and confidence vary."""
    shape = (n_questions, n_experts, N_LABELS)
    gold = rng.integers(1, 3, size=n_questions)
    right, broken = rng.random(shape) < skill, rng.random(shape) < invalid
    labels = np.where(right, gold[:, None, None], 3 - gold[:, None, None])
    labels = np.where(broken, Label.INVALID, labels)
    sure = rng.uniform(0.5, 1.0, size=shape)
    table = make_table(
        labels,
        p_yes=np.where(labels == Label.YES, sure, 1 - sure),
        questions=make_questions(n_questions, gold=[Label(int(code)) for code in gold]),
    )
    return replace(
        table,
        prompt_tokens=rng.integers(10, 60, size=shape).astype(np.float32),
        generated_tokens=rng.integers(1, 9, size=shape).astype(np.float32),
    )


def random_source(rng: np.random.Generator, n_questions: int, n_experts: int, mode: CostMode = "compute", **options: float) -> TableSource:
    table = random_table(rng, n_questions, n_experts, **options)
    return TableSource(table, fit_prices(table, mode))


def source_of(table: Table, mode: CostMode = "compute", **prices: object) -> TableSource:
    """The source of a table, with fields of its price list replaced."""
    return TableSource(table, replace(fit_prices(table, mode), **prices))
