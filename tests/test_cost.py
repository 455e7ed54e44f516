"""Prices: every mode by hand, recorded and live alike."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_spec, make_table
from random_tables import random_table

from der_core.config import CostMode
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.records import Label, Reply
from der_core.routing.cost import Prices, fit_prices

MODES: tuple[CostMode, ...] = ("latency", "compute", "tokens", "params", "wall")


@pytest.fixture
def table() -> Table:
    """Two experts, 20 prompt and 2 generated tokens a call; the first takes 0.1 s, the second 0.3 s, half of it for the prompt."""
    return make_table([[1, 1], [2, 2], [1, 2]], seconds=[0.1, 0.3])


def cost_of_first_calls(table: Table, mode: CostMode) -> list[float]:
    return [float(cost) for cost in fit_prices(table, mode).table_costs(table)[0, :, Label.NONE]]


class TestModes:
    def test_compute_divides_by_the_cheapest_experts_median(self, table: Table) -> None:
        assert cost_of_first_calls(table, "compute") == pytest.approx([1.0, 3.0])

    def test_latency_divides_by_each_own_median_and_erases_prices(self, table: Table) -> None:
        assert cost_of_first_calls(table, "latency") == pytest.approx([1.0, 1.0])

    def test_params_divides_by_the_smallest_expert(self, table: Table) -> None:
        assert cost_of_first_calls(table, "params") == pytest.approx([1.0, 2.0])

    def test_tokens_counts_prompt_and_reply_alike(self, table: Table) -> None:
        longer = replace(table, generated_tokens=table.generated_tokens + np.array([0, 22], dtype=np.int32)[None, :, None])
        assert cost_of_first_calls(longer, "tokens") == pytest.approx([1.0, 2.0])

    def test_wall_divides_seconds_as_they_passed(self, table: Table) -> None:
        loaded = replace(table, wall_s=table.wall_s + np.float32(0.22))
        assert cost_of_first_calls(loaded, "wall") == pytest.approx([1.0, 0.55 / 0.33])

    def test_rates_are_seconds_per_token(self, table: Table) -> None:
        prices = fit_prices(table, "compute")
        assert prices.prompt_rate_s == pytest.approx([0.05 / 20, 0.15 / 20])
        assert prices.generation_rate_s == pytest.approx([0.05 / 2, 0.15 / 2])

    def test_a_longer_prompt_costs_more(self, table: Table) -> None:
        prices = fit_prices(table, "compute")
        longer = replace(table, prompt_tokens=table.prompt_tokens * 2)
        assert prices.table_costs(longer)[0, 0, 0] == pytest.approx(1.5), "half of the seconds are the prompt's"

    def test_medians_come_from_the_calibration_samples(self) -> None:
        table = make_table([[1], [1], [1]])
        grown = replace(table, prompt_tokens=table.prompt_tokens * np.array([1, 3, 3], dtype=np.int32)[:, None, None])
        assert fit_prices(grown, "tokens", 1).scale == (22.0,)
        assert fit_prices(grown, "tokens").scale == (62.0,)

    def test_what_was_not_recorded_has_no_cost(self) -> None:
        labels = np.ones((2, 1, 4), dtype=int)
        labels[:, :, Label.INVALID] = 0
        table = make_table(labels)
        for mode in MODES:
            assert np.isnan(fit_prices(table, mode).table_costs(table)[:, :, Label.INVALID]).all()


class TestPrefixCache:
    """Cached tokens save seconds on the server; what a reply costs must not hang on that luck."""

    def test_recorded_cost_does_not_hang_on_cache_hits(self, table: Table) -> None:
        lucky = replace(table, cached_tokens=table.cached_tokens.copy(), prompt_s=table.prompt_s.copy())
        lucky.cached_tokens[:, :, Label.YES] = 19
        lucky.prompt_s[:, :, Label.YES] = 0.001
        for mode in ("compute", "latency", "tokens"):
            np.testing.assert_allclose(fit_prices(lucky, mode).table_costs(lucky), fit_prices(table, mode).table_costs(table))

    def test_rates_count_only_tokens_that_were_processed(self, table: Table) -> None:
        half = replace(table, cached_tokens=table.prompt_tokens // 2, prompt_s=table.prompt_s / 2)
        assert fit_prices(half, "compute").prompt_rate_s == pytest.approx(fit_prices(table, "compute").prompt_rate_s)

    def test_one_slow_moment_does_not_move_the_rates(self, table: Table) -> None:
        slow = replace(table, prompt_s=table.prompt_s.copy())
        slow.prompt_s[0] = 9.0
        assert fit_prices(slow, "compute").prompt_rate_s == pytest.approx(fit_prices(table, "compute").prompt_rate_s)


def reply_of(table: Table, q: int, n: int, b: int) -> Reply:
    at = (q, n, b)
    return Reply(
        text="",
        label=Label(int(table.labels[at])),
        p_yes=None,
        load_s=0.0,
        prompt_s=float(table.prompt_s[at]),
        generation_s=float(table.generation_s[at]),
        wall_s=float(table.wall_s[at]),
        prompt_tokens=int(table.prompt_tokens[at]),
        cached_tokens=int(table.cached_tokens[at]),
        generated_tokens=int(table.generated_tokens[at]),
        model_digest="",
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_live_reply_costs_what_the_recorded_one_does(mode: CostMode) -> None:
    table = random_table(np.random.default_rng(3), 4, 2)
    prices = fit_prices(table, mode)
    costs, seconds = prices.table_costs(table), prices.table_seconds(table)
    for at in np.ndindex(table.labels.shape):
        reply = reply_of(table, *at)
        assert prices.reply_cost(at[1], reply) == pytest.approx(costs[at], rel=1e-12)
        assert prices.reply_seconds(at[1], reply) == pytest.approx(seconds[at], rel=1e-12)


class TestRefusals:
    def test_params_needs_every_parameter_count(self, table: Table) -> None:
        nameless = replace(table, experts=(table.experts[0], make_spec("mystery", params_billions=None)))
        with pytest.raises(SettingsError, match="mystery"):
            fit_prices(nameless, "params")

    def test_compute_needs_times(self, table: Table) -> None:
        timeless = replace(table, prompt_s=table.prompt_s * np.nan, generation_s=table.generation_s * np.nan)
        with pytest.raises(SettingsError, match="Choose another cost mode"):
            fit_prices(timeless, "compute")

    def test_refusing_warns_of_nothing(self, table: Table, recwarn: pytest.WarningsRecorder) -> None:
        with pytest.raises(SettingsError):
            fit_prices(replace(table, wall_s=table.wall_s * np.nan), "wall")
        assert not recwarn


class TestJson:
    def test_round_trip(self, table: Table) -> None:
        prices = fit_prices(table, "compute")
        assert Prices.from_json(json.loads(json.dumps(prices.to_json()))) == prices

    def test_unknown_parameter_counts_are_null(self, table: Table) -> None:
        nameless = replace(table, experts=(table.experts[0], make_spec("mystery", params_billions=None)))
        text = json.dumps(fit_prices(nameless, "compute").to_json(), allow_nan=False)
        read = Prices.from_json(json.loads(text))
        assert read.params_billions[0] == 0.5
        assert np.isnan(read.params_billions[1])
