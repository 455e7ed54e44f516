"""Replies from a recording: the source behind training, evaluation and replayed routes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from der_core.recording.table import Table, by_previous_label, check_has_gold
from der_core.records import N_LABELS
from der_core.routing.confidence import with_program_confidence
from der_core.routing.cost import Prices
from der_core.routing.process import Codes, Flags, Floats, Ints, Replies
from der_core.routing.thresholds import centre


class TableSource:
    """Replays a table: every reply is an array look-up.

    `confidence` (see `der_core.routing.confidence`) gives programs their P(yes); then `thresholds` (by expert and previous label
    [N, 4], or by expert [N]; nan: none) relabel the replies; quality is that of the relabelled reply. `table` of the source has
    both done.
    """

    def __init__(
        self, table: Table, prices: Prices, thresholds: NDArray[np.float64] | None = None, confidence: Floats | None = None
    ) -> None:
        table = with_program_confidence(table, confidence)
        borders = by_previous_label(np.full(table.n_experts, np.nan) if thresholds is None else thresholds)
        self.table = table if thresholds is None else table.with_thresholds(borders)
        self.prices = prices
        self.thresholds = borders
        self.n_experts = table.n_experts
        self.labels: Codes = np.ascontiguousarray(self.table.labels)
        self.quality: Floats = np.ascontiguousarray(self.table.quality, dtype=np.float64)
        self.p_yes: Floats = np.ascontiguousarray(centre(table.p_yes, borders))
        self.costs: Floats = np.ascontiguousarray(prices.table_costs(table))
        self.seconds: Floats = np.ascontiguousarray(prices.table_seconds(table))

    def with_gold(self) -> TableSource:
        """Return the source of the questions whose gold answer is known; SettingsError where there is none."""
        check_has_gold(self.table.questions)
        table = self.table.with_gold()
        # What thresholds made of the replies stays so when it is done again.
        return self if table is self.table else TableSource(table, self.prices, self.thresholds)

    def ask(self, rows: Ints, experts: Ints, previous: Codes, asked: Flags) -> Replies:
        """Return the recorded replies, shape [B] each; `asked` makes no difference here."""
        # One flat index into contiguous arrays: several times faster than three indices for each.
        at = (rows * self.n_experts + experts) * N_LABELS + previous
        return Replies(
            labels=self.labels.ravel()[at],
            p_yes=self.p_yes.ravel()[at],
            costs=self.costs.ravel()[at],
            seconds=self.seconds.ravel()[at],
            quality=self.quality.ravel()[at],
        )


@dataclass(frozen=True)
class Part:
    """One part of a split (training, validation, test): its replies, and a vector per question, shape [Q, D]."""

    source: TableSource
    vectors: NDArray[np.float32]

    def with_gold(self) -> Part:
        """Return what there is of questions whose gold answer is known."""
        return Part(self.source.with_gold(), self.vectors[self.source.table.gold > 0])
