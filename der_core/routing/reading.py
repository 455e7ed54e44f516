"""How a router reads recorded replies: the confidence of programs, thresholds and prices, fitted on its training questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from der_core.config import TrainConfig
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.records import N_LABELS
from der_core.routing.confidence import fit_program_confidence, with_program_confidence
from der_core.routing.cost import Prices, fit_prices
from der_core.routing.process import Floats
from der_core.routing.sources import TableSource
from der_core.routing.thresholds import fit_thresholds


@dataclass(frozen=True, eq=False)
class Reading:
    """What turns a table into a source; see `TrainedRouter` for its fields."""

    prices: Prices
    thresholds: Floats
    program_confidence: Floats | None

    @classmethod
    def fit(cls, table: Table, config: TrainConfig) -> Reading:
        """Fit the confidence of programs, thresholds and prices on the training questions of `table`."""
        confidence = fit_program_confidence(table)
        table = with_program_confidence(table, confidence)
        thresholds = fit_thresholds(table) if config.fit_thresholds else np.full((table.n_experts, N_LABELS), np.nan)
        return cls(fit_prices(table, config.episode.cost_mode, config.calibration_samples), thresholds, confidence)

    def source(self, table: Table) -> TableSource:
        """Return the replies of `table`, read and priced."""
        return TableSource(table, self.prices, self.thresholds, self.program_confidence)


def check_can_learn(table: Table, config: TrainConfig) -> None:
    """Raise SettingsError where the settings are not valid, or the table holds nothing to learn from."""
    config.check()
    if table.n_questions == 0:
        raise SettingsError("There are no training questions. Record some, or make the training share larger.")
    if np.any(table.gold == 0):
        raise SettingsError(
            f"{int(np.sum(table.gold == 0))} training questions have no gold answer, so there is nothing to learn from. Leave them out."
        )
