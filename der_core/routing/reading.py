"""How a router reads recorded replies: the confidence of programs, thresholds and prices, fitted on its training questions."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from der_core.config import TrainConfig
from der_core.errors import SettingsError
from der_core.experts.prompts import PROMPT_VERSION
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

    def facts(self, table: Table, config: TrainConfig, libraries: Sequence[str]) -> dict[str, Any]:  # Any: fields of RouterFacts
        """Return what is known of a router trained on `table`, by whatever algorithm, with the versions of the `libraries` it used."""
        return {
            "config": config,
            "experts": table.experts,
            "prices": self.prices,
            "thresholds": self.thresholds,
            "program_confidence": self.program_confidence,
            "data_hash": table.data_hash(),
            "training_question_ids": tuple(question.id for question in table.questions),
            "prompt_version": str(PROMPT_VERSION),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
            "results": {},
        }

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
