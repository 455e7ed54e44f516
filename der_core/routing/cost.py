"""What a call costs: one price list per cost mode, the same for recorded and for live replies.

A price list is fixed once, from training replies, and travels with the router. Modes:

    latency   seconds of the call divided by that expert's own median (the seed's mode: every expert
              costs about 1, so prices between experts are erased)
    compute   seconds of the call divided by one common number, the cheapest expert's median
    tokens    prompt and generated tokens divided by the smallest median among the experts
    params    billions of parameters divided by those of the smallest expert
    wall      seconds as they passed, loading and cache luck included, over the smallest median

The seconds of a call (`latency`, `compute`) are standardised: tokens times the expert's own seconds per
prompt token and per generated token, both measured on the recording. So the cost of a reply depends
neither on what a server's prefix cache held nor on what else the machine did at that moment.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_core.config import CostMode
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.records import Label, Reply

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """A price list: how one call of each expert is priced in one cost mode.

    Tuples run over experts. Rates are seconds per token; `scale` divides the raw figure, one number per
    expert (all equal except in mode `latency`).
    """

    mode: CostMode
    experts: tuple[str, ...]
    prompt_rate_s: tuple[float, ...]
    generation_rate_s: tuple[float, ...]
    params_billions: tuple[float, ...]
    scale: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:  # Any: a JSON object
        """The price list as a JSON object; parameter counts that nobody knows are null."""
        return {**asdict(self), "params_billions": [None if np.isnan(count) else count for count in self.params_billions]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Prices:  # Any: a JSON object
        """Read what `to_json` wrote."""
        read: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        read["params_billions"] = tuple(np.nan if count is None else count for count in read["params_billions"])
        return cls(**read)

    def table_seconds(self, table: Table) -> Floats:
        """Return the standardised seconds of every reply, shape [Q, N, 4], nan where not recorded."""
        prompt, generation = (np.asarray(rates)[None, :, None] for rates in (self.prompt_rate_s, self.generation_rate_s))
        seconds = table.prompt_tokens * prompt + table.generated_tokens * generation
        return np.where(table.labels > 0, seconds, np.nan)

    def table_costs(self, table: Table) -> Floats:
        """Return the cost of every reply, shape [Q, N, 4], nan where not recorded."""
        raw = self._raw(table)
        return np.where(table.labels > 0, raw / np.asarray(self.scale)[None, :, None], np.nan)

    def reply_seconds(self, expert: int, reply: Reply) -> float:
        """Return the standardised seconds of one live reply."""
        prompt, generated = _known(reply.prompt_tokens), _known(reply.generated_tokens)
        return prompt * self.prompt_rate_s[expert] + generated * self.generation_rate_s[expert]

    def reply_cost(self, expert: int, reply: Reply) -> float:
        """Return the cost of one live reply, by the same price list as `table_costs`."""
        raw = {
            "tokens": _known(reply.prompt_tokens) + _known(reply.generated_tokens),
            "params": self.params_billions[expert],
            "wall": reply.wall_s,
        }.get(self.mode, self.reply_seconds(expert, reply))
        return raw / self.scale[expert]

    def _raw(self, table: Table) -> Floats:
        if self.mode == "tokens":
            return np.asarray(table.prompt_tokens + table.generated_tokens, dtype=np.float64)
        if self.mode == "params":
            return np.broadcast_to(np.asarray(self.params_billions)[None, :, None], table.labels.shape)
        if self.mode == "wall":
            return table.wall_s.astype(np.float64)
        return self.table_seconds(table)


def _known(count: int | None) -> float:
    """A count of tokens as a number, nan where nobody knows it."""
    return np.nan if count is None else float(count)


def fit_prices(table: Table, mode: CostMode, calibration_samples: int | None = None) -> Prices:
    """Return the price list of `mode`, measured on the first prompts of `table`.

    `calibration_samples` limits the questions that give the medians (None: all of them). Raises
    SettingsError where a mode needs what the recording lacks (parameter counts, token counts).
    """
    rates = [_rates(table, expert) for expert in range(table.n_experts)]
    prices = Prices(
        mode=mode,
        experts=tuple(spec.name for spec in table.experts),
        prompt_rate_s=tuple(prompt for prompt, _ in rates),
        generation_rate_s=tuple(generation for _, generation in rates),
        params_billions=tuple(spec.params_billions or np.nan for spec in table.experts),
        scale=(1.0,) * table.n_experts,
    )
    sample = table.subset(np.arange(min(table.n_questions, calibration_samples or table.n_questions)))
    medians = np.array([_median(costs) for costs in prices.table_costs(sample)[:, :, Label.NONE].T])
    if not np.all(np.isfinite(medians)) or np.any(medians <= 0):
        lacking = [spec.name for spec, median in zip(table.experts, medians, strict=True) if not (np.isfinite(median) and median > 0)]
        raise SettingsError(
            f"Cost mode {mode!r} needs figures that the recording lacks for: {', '.join(lacking)}. Choose another cost mode."
        )
    scale = medians if mode == "latency" else np.full(table.n_experts, medians.min())
    return Prices(**{**asdict(prices), "scale": tuple(float(value) for value in scale)})


def _median(costs: Floats) -> float:
    known = costs[np.isfinite(costs)]
    return float(np.median(known)) if len(known) else np.nan


def _rates(table: Table, expert: int) -> tuple[float, float]:
    """Seconds per prompt token processed and per generated token of one expert: medians over its first prompts.

    First prompts find little in the prefix cache; the median leaves out moments when the machine was busy.
    """
    prompt_s, generation_s = table.prompt_s[:, expert, Label.NONE], table.generation_s[:, expert, Label.NONE]
    processed = table.prompt_tokens[:, expert, Label.NONE] - table.cached_tokens[:, expert, Label.NONE]
    generated = table.generated_tokens[:, expert, Label.NONE]
    return _median_rate(prompt_s, processed), _median_rate(generation_s, generated)


def _median_rate(seconds: NDArray[np.float32], tokens: NDArray[np.float32]) -> float:
    known = np.isfinite(seconds) & (tokens > 0)
    return float(np.median(seconds[known] / tokens[known])) if known.any() else 0.0
