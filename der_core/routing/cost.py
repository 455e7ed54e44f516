"""What a call costs: one price list per cost mode, the same for recorded and for live replies.

A price list is fixed once, from training replies, and travels with the router. Modes:

    latency   seconds of the call divided by that expert's own median (the seed's mode: every expert
              costs about 1, so prices between experts are erased)
    compute   seconds of the call divided by one common number, the cheapest expert's median
    tokens    prompt and generated tokens divided by the smallest median among the experts
    params    billions of parameters divided by those of the smallest expert
    wall      seconds as they passed, loading and cache luck included, over the smallest median

The seconds of a call (`latency`, `compute`) are standardised: tokens times the expert's own seconds per
prompt token and per generated token, by calibration or else measured on the recording: one source for all
experts, since seconds of lone calls and of a busy machine cannot be compared. So the cost of a reply does not
depend on what else the machine did at that moment.

Prompt tokens are charged where they were evaluated: what the server found in its cache costs nothing. Where an
expert's server does not tell that of every reply, the whole prompt is charged. A figure that is not known is
nan, and so is every cost that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from der_core.bounds import Rate, Scale, Word
from der_core.config import CostMode
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.records import Label, Reply

Floats = NDArray[np.float64]

Charge = Literal["evaluated", "whole"]
"""Which prompt tokens an expert is charged for: those that were evaluated, or all of them."""

BY_PREFERENCE: tuple[CostMode, ...] = ("compute", "tokens", "params", "wall", "latency")
"""Where a mode has no figures, the first of these that has is taken; `latency` comes last because it erases prices."""

BY_SECONDS: frozenset[CostMode] = frozenset({"latency", "compute"})
"""Modes whose costs need every expert's seconds per token."""

_NEEDS: dict[CostMode, str] = {
    "latency": "token counts and seconds",
    "compute": "token counts and seconds",
    "tokens": "token counts",
    "params": "sizes in parameters",
    "wall": "seconds",
}


@dataclass(frozen=True)
class Prices:
    """A price list: how one call of each expert is priced in one cost mode.

    Tuples run over experts. Rates are seconds per token, nan where unknown; a prompt rate of 0 says that the
    server does not tell the seconds of the prompt apart, so that they lie in those of the reply. `scale` divides the
    raw figure, one number per expert (all equal except in mode `latency`). `charged` says which prompt tokens count;
    empty, as in price lists of earlier versions, it is the whole prompt for all experts.
    """

    mode: CostMode
    experts: tuple[Word, ...]
    prompt_rate_s: tuple[Rate, ...]
    generation_rate_s: tuple[Rate, ...]
    params_billions: tuple[Rate, ...]
    scale: tuple[Scale, ...]
    charged: tuple[Charge, ...] = ()

    def check(self, experts: Sequence[str]) -> None:
        """Raise SettingsError unless this is a price list of these experts, in their order."""
        if self.experts != tuple(experts):
            raise SettingsError("prices.experts are not the experts of the router")
        for name in ("prompt_rate_s", "generation_rate_s", "params_billions", "scale", "charged"):
            if len(getattr(self, name)) != len(experts) and not (name == "charged" and not self.charged):
                raise SettingsError(f"prices.{name} has not one entry an expert")
        if self.mode in BY_SECONDS and not np.isfinite([*self.prompt_rate_s, *self.generation_rate_s]).all():
            raise SettingsError("prices.prompt_rate_s or prices.generation_rate_s lacks a figure that its mode needs")

    @property
    def told(self) -> str:
        """Which prompt tokens are charged, in one sentence; "" where the mode charges no tokens."""
        if self.mode not in (*BY_SECONDS, "tokens"):
            return ""
        whole = [
            name for name, charge in zip(self.experts, self.charged or ("whole",) * len(self.experts), strict=True) if charge == "whole"
        ]
        if not whole:
            return "Prompt tokens are charged where they were evaluated, not where the server found them in its cache."
        if len(whole) == len(self.experts):
            return "The whole prompt is charged, whatever the server found in its cache."
        return (
            f"Prompt tokens are charged where they were evaluated; of {', '.join(whole)} the whole prompt, since the server does not tell "
            "what it found in its cache."
        )

    def table_seconds(self, table: Table) -> Floats:
        """Return the standardised seconds of every reply, shape [Q, N, 4], nan where not recorded or unknown."""
        seconds = _timed(self._charged_tokens(table), self.prompt_rate_s) + _timed(table.generated_tokens, self.generation_rate_s)
        return np.where(table.labels > 0, seconds, np.nan)

    def table_costs(self, table: Table) -> Floats:
        """Return the cost of every reply, shape [Q, N, 4], nan where not recorded or unknown."""
        raw = self._raw(table)
        return np.where(table.labels > 0, raw / np.asarray(self.scale)[None, :, None], np.nan)

    def reply_seconds(self, expert: int, reply: Reply) -> float:
        """Return the standardised seconds of one live reply, nan where unknown."""
        prompt_rate = self.prompt_rate_s[expert]
        prompt_s = prompt_rate * self._charged_of(expert, reply) if prompt_rate else 0.0
        return prompt_s + _known(reply.generated_tokens) * self.generation_rate_s[expert]

    def reply_cost(self, expert: int, reply: Reply) -> float:
        """Return the cost of one live reply, by the same price list as `table_costs`; nan where unknown."""
        raw = {
            "tokens": self._charged_of(expert, reply) + _known(reply.generated_tokens),
            "params": self.params_billions[expert],
            "wall": reply.wall_s,
        }.get(self.mode, self.reply_seconds(expert, reply))
        return raw / self.scale[expert]

    def _raw(self, table: Table) -> Floats:
        if self.mode == "tokens":
            return self._charged_tokens(table) + table.generated_tokens
        if self.mode == "params":
            return np.broadcast_to(np.asarray(self.params_billions)[None, :, None], table.labels.shape)
        if self.mode == "wall":
            return table.wall_s.astype(np.float64)
        return self.table_seconds(table)

    def _charged_tokens(self, table: Table) -> Floats:
        whole = table.prompt_tokens.astype(np.float64)
        evaluated = whole - table.cached_tokens
        by_evaluation = np.array(self.charged or ("whole",) * len(self.experts)) == "evaluated"
        # More tokens in the cache than in the prompt: one of the two counts is wrong, and nobody knows which.
        return np.where(by_evaluation[None, :, None], np.where(evaluated >= 0, evaluated, np.nan), whole)

    def _charged_of(self, expert: int, reply: Reply) -> float:
        whole = _known(reply.prompt_tokens)
        if not self.charged or self.charged[expert] == "whole":
            return whole
        evaluated = whole - _known(reply.cached_tokens)
        return evaluated if evaluated >= 0 else np.nan


def _timed(tokens: NDArray[Any], rates: Sequence[float]) -> Floats:
    """Seconds of tokens [Q, N, 4] at rates [N]; a rate of 0 asks for no count."""
    by_expert = np.asarray(rates, dtype=np.float64)[None, :, None]
    return np.where(by_expert == 0, 0.0, tokens * by_expert)


def _known(count: int | None) -> float:
    """A count of tokens as a number, nan where nobody knows it."""
    return np.nan if count is None else float(count)


def fit_prices(table: Table, mode: CostMode, calibration_samples: int | None = None) -> Prices:
    """Return the price list of `mode`, by calibration where `table` has one of every expert, else measured on its first prompts.

    `calibration_samples` limits the questions that give the medians (None: all of them). Raises SettingsError, naming
    the modes that would do, where a reply of `table` cannot be priced for want of figures (parameter counts, token counts).
    """
    prices, lacking = _fit(table, mode, calibration_samples)
    if lacking:
        others = [other for other in BY_PREFERENCE if other != mode and not _fit(table, other, calibration_samples)[1]]
        ways = f"Choose cost mode {' or '.join(others)}." if others else "No cost mode has figures for all replies; record again."
        raise SettingsError(f"Cost mode {mode} lacks {_NEEDS[mode]} of {', '.join(lacking)}. {ways}")
    return prices


@dataclass(frozen=True)
class PriceChoice:
    """A price list that has figures for every reply, and in one sentence each what was taken instead ("" if nothing was).

    `note` tells of another mode than the one asked for, `left_aside` of calibrations that only some experts have.
    """

    prices: Prices
    note: str = ""
    left_aside: str = ""

    @property
    def told(self) -> str:
        """All that is to be said of the prices."""
        return " ".join(filter(None, (self.note, self.left_aside, self.prices.told)))


def choose_prices(training: Table, mode: CostMode, calibration_samples: int | None = None, others: Sequence[Table] = ()) -> PriceChoice:
    """Return prices in `mode`, or where some reply of `training` or `others` lacks its figures, in the first of BY_PREFERENCE that has them.

    Fitted on `training`. Raises SettingsError where no mode has figures for all replies.
    """
    faults: list[str] = []
    for wanted in dict.fromkeys((mode, *BY_PREFERENCE)):
        prices, lacking = _fit(training, wanted, calibration_samples)
        lacking = lacking or tuple(dict.fromkeys(name for table in others for name in _unpriced(prices, table)))
        if not lacking:
            note = f"{faults[0]}, so costs are in mode {wanted}, which has figures for all replies." if faults else ""
            return PriceChoice(prices, note, _left_aside(training) if wanted in BY_SECONDS else "")
        faults.append(f"Cost mode {wanted} lacks {_NEEDS[wanted]} of {', '.join(lacking)}")
    raise SettingsError(f"Nothing can be priced. {'. '.join(faults)}. Record these experts again.")


def can_price(prices: Prices, tables: Sequence[Table]) -> bool:
    """Whether every reply of `tables` has a cost in this price list."""
    return not any(_unpriced(prices, table) for table in tables)


def _unpriced(prices: Prices, table: Table) -> tuple[str, ...]:
    """Names of the experts of whom some reply has no cost."""
    unknown = (table.labels > 0) & ~np.isfinite(prices.table_costs(table))
    return tuple(prices.experts[expert] for expert in np.unique(np.nonzero(unknown)[1]))


def _fit(table: Table, mode: CostMode, calibration_samples: int | None) -> tuple[Prices, tuple[str, ...]]:
    """The price list of `mode`, and the experts that lack figures for it."""
    charged: tuple[Charge, ...] = tuple(_charge(table, expert) for expert in range(table.n_experts))
    rates = _calibrated(table) or [_measured(table, expert, charged[expert]) for expert in range(table.n_experts)]
    unscaled = Prices(
        mode=mode,
        experts=tuple(spec.name for spec in table.experts),
        prompt_rate_s=tuple(prompt for prompt, _ in rates),
        generation_rate_s=tuple(generation for _, generation in rates),
        params_billions=tuple(spec.params_billions or np.nan for spec in table.experts),
        scale=(1.0,) * table.n_experts,
        charged=charged,
    )
    sample = table.subset(np.arange(min(table.n_questions, calibration_samples or table.n_questions)))
    medians = np.array([_median(costs) for costs in unscaled.table_costs(sample)[:, :, Label.NONE].T])
    free = tuple(name for name, median in zip(unscaled.experts, medians, strict=True) if not median > 0)
    lacking = tuple(dict.fromkeys((*_unpriced(unscaled, table), *free)))
    scale = medians if mode == "latency" else np.full(table.n_experts, medians.min())
    return replace(unscaled, scale=tuple(float(value) for value in scale)), lacking


def _charge(table: Table, expert: int) -> Charge:
    """What prompt tokens of an expert are charged: those evaluated, where its server tells that of every reply."""
    asked = table.labels[:, expert] > 0
    return "evaluated" if np.isfinite(table.cached_tokens[:, expert][asked]).all() else "whole"


def _median(costs: Floats) -> float:
    known = costs[np.isfinite(costs)]
    return float(np.median(known)) if len(known) else np.nan


def _calibrated(table: Table) -> list[tuple[float, float]]:
    """Seconds per charged prompt token and per generated token of every expert by its calibration, none where one has none."""
    found = [table.calibrations.get(spec.name) for spec in table.experts]
    known = [(one.prompt_token_s, one.generated_token_s) for one in found if one is not None]
    return known if len(known) == len(found) else []


def _left_aside(table: Table) -> str:
    """What is said of calibrations that are not used, since some expert has none."""
    without = [spec.name for spec in table.experts if spec.name not in table.calibrations]
    if not without or len(without) == table.n_experts:
        return ""
    return (
        f"Seconds per token are measured on the recording for all experts, since {', '.join(without)} "
        f"{'has' if len(without) == 1 else 'have'} no calibration; measure it with record --calibrate-only."
    )


def _measured(table: Table, expert: int, charge: Charge) -> tuple[float, float]:
    """Seconds per charged prompt token and per generated token of one expert: medians over its first prompts.

    The median leaves out moments when the machine was busy.
    """
    prompt_tokens = table.prompt_tokens - table.cached_tokens if charge == "evaluated" else table.prompt_tokens
    prompt = _median_rate(table.prompt_s[:, expert], prompt_tokens[:, expert])
    generation = _median_rate(table.generation_s[:, expert], table.generated_tokens[:, expert])
    is_told_apart = np.isfinite(table.prompt_s[:, expert]).any()
    return (prompt if is_told_apart else 0.0), generation


def _median_rate(seconds: NDArray[np.float32], tokens: NDArray[np.float32]) -> float:
    """Median seconds per token of first prompts, of all prompts [Q, 4] where no first one tells, nan where none does."""
    for some in (np.s_[:, :1], np.s_[:, 1:]):
        known = np.isfinite(seconds[some]) & (tokens[some] > 0)
        if known.any():
            return float(np.median(seconds[some][known] / tokens[some][known]))
    return np.nan
