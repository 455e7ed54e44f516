"""What being shown another expert's answer does (Knowledge Transfer Prompt): exact expectations from a recording, nothing is drawn.

Each expert answers alone, after the answer that one of the others gave to the same question, and after a random answer: yes or no
as often as the others say it, but of no question in particular. Shown less alone is what a second call gains; shown less random is
what of that comes from the answer itself, and not from being shown any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.evaluation.statistics import NO_DATA, UNKNOWN_DIFFERENCE, Difference, paired_bootstrap
from der_core.recording.table import Table
from der_core.records import Label

ALL_KINDS = "all"
NO_KIND = "without a kind"
N_RESAMPLES = 1_000
_ANSWERS = (Label.YES, Label.NO)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TransferEffect:
    """How often one expert is right on the `n` questions of a kind that some other expert answered with yes or no.

    `alone`: its first reply; `shown`: its reply after the answer of another expert, each of those that answered equally likely;
    `random`: after yes or no in the shares in which the others say them over all questions. Shares, nan without questions.
    """

    expert: str
    kind: str
    n: int
    alone: float
    shown: float
    random: float
    gain: Difference
    information: Difference


def transfer_effects(table: Table, rng: np.random.Generator) -> tuple[TransferEffect, ...]:
    """Return the effect on every expert, over all questions with a gold answer first and then by kind; empty for one expert alone."""
    table = table.with_gold()
    if table.n_experts < 2:
        return ()
    kinds = np.array([question.kind or NO_KIND for question in table.questions])
    groups = np.array([question.group for question in table.questions])
    named = sorted(set(kinds.tolist()), key=lambda kind: (kind == NO_KIND, kind))
    chosen = [(ALL_KINDS, np.ones(len(kinds), dtype=bool))] + [(kind, kinds == kind) for kind in named if len(named) > 1]
    found = []
    for expert, spec in enumerate(table.experts):
        known, alone, shown, random = _right(table, expert)
        for kind, of_kind in chosen:
            at = known & of_kind
            found.append(_effect(spec.name, kind, alone[at], shown[at], random[at], groups[at].tolist(), rng))
    return tuple(sorted(found, key=lambda effect: [kind for kind, _ in chosen].index(effect.kind)))


def _right(table: Table, expert: int) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """Which questions count [Q], and how likely the expert is right on each: alone, shown another's answer, shown a random one."""
    right = table.labels[:, expert] == table.gold[:, None]
    first = np.delete(table.labels[:, :, Label.NONE], expert, axis=1)
    said = {label: np.sum(first == label, axis=1) for label in _ANSWERS}
    n_said = sum(said.values())
    known = (n_said > 0) & np.all(table.labels[:, expert][:, [Label.NONE, *_ANSWERS]] > 0, axis=1)
    shares = {label: said[label][known].sum() / max(n_said[known].sum(), 1) for label in _ANSWERS}
    shown = sum(said[label] * right[:, label] for label in _ANSWERS) / np.maximum(n_said, 1)
    random = sum(shares[label] * right[:, label] for label in _ANSWERS)
    return known, right[:, Label.NONE].astype(np.float64), np.asarray(shown), np.asarray(random)


def _effect(
    expert: str, kind: str, alone: Floats, shown: Floats, random: Floats, groups: Sequence[str], rng: np.random.Generator
) -> TransferEffect:
    if not len(alone):
        return TransferEffect(expert, kind, 0, math.nan, math.nan, math.nan, UNKNOWN_DIFFERENCE, UNKNOWN_DIFFERENCE)
    return TransferEffect(
        expert=expert,
        kind=kind,
        n=len(alone),
        alone=float(alone.mean()),
        shown=float(shown.mean()),
        random=float(random.mean()),
        gain=paired_bootstrap(shown, alone, groups, rng, N_RESAMPLES),
        information=paired_bootstrap(shown, random, groups, rng, N_RESAMPLES),
    )


HEAD = ("kind", "expert", "n", "alone %", "shown %", "random %", "shown - alone", "interval", "shown - random", "interval")


def transfer_rows(effects: Sequence[TransferEffect]) -> list[tuple[str, ...]]:
    """Return the effects as rows of text, the head first; a dash for no data."""
    return [HEAD, *(_row(effect) for effect in effects)]


def _row(effect: TransferEffect) -> tuple[str, ...]:
    if not effect.n:
        return (effect.kind, effect.expert, "0", *[NO_DATA] * (len(HEAD) - 3))
    shares = (f"{100 * share:.1f}" for share in (effect.alone, effect.shown, effect.random))
    return (effect.kind, effect.expert, str(effect.n), *shares, *effect.gain.in_percent("+"), *effect.information.in_percent("+"))
