"""Prices: every mode by hand, recorded and live alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import ScriptedExpert, make_questions, make_spec, make_table, says
from pydantic import TypeAdapter
from random_tables import random_table

from der_core.bounds import as_json
from der_core.config import CostMode
from der_core.errors import SettingsError
from der_core.recording.recorder import record
from der_core.recording.store import Calibration, Store
from der_core.recording.table import Table, load_table
from der_core.records import Label, Reply
from der_core.routing.cost import PriceChoice, Prices, can_price, choose_prices, fit_prices

MODES: tuple[CostMode, ...] = ("latency", "compute", "tokens", "params", "wall")


@pytest.fixture
def table() -> Table:
    """Two experts, 20 prompt and 2 generated tokens a call; the first takes 0.1 s, the second 0.3 s, half of it for the prompt."""
    return make_table([[1, 1], [2, 2], [1, 2]], seconds=[0.1, 0.3])


def cost_of_first_calls(table: Table, mode: CostMode) -> list[float]:
    return [float(cost) for cost in fit_prices(table, mode).table_costs(table)[0, :, Label.NONE]]


def read_back(prices: Prices) -> Prices:
    """The price list as a file holds it, read again."""
    return TypeAdapter(Prices).validate_json(json.dumps(as_json(prices), allow_nan=False))


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
    """Tokens found in the server's cache cost nothing, where the server tells of them."""

    def test_only_tokens_that_were_evaluated_are_charged(self, table: Table) -> None:
        """Of 40 prompt tokens 23 came from the cache: 17 are charged, and 2 generated ones; 22 is what a first call costs."""
        prices = fit_prices(table, "tokens")
        lucky = replace(table, prompt_tokens=table.prompt_tokens * 2, cached_tokens=np.full_like(table.cached_tokens, 23))
        assert prices.charged == ("evaluated", "evaluated")
        assert prices.table_costs(lucky)[0, 0, 0] == pytest.approx((17 + 2) / 22)
        assert fit_prices(table, "compute").table_seconds(lucky)[0, 0, 0] == pytest.approx(17 * 0.05 / 20 + 0.05)

    def test_the_whole_prompt_is_charged_where_the_cache_is_not_told_of_every_reply(self, table: Table) -> None:
        silent = replace(table, cached_tokens=table.cached_tokens.copy())
        silent.cached_tokens[2, 1, Label.YES] = np.nan
        prices = fit_prices(silent, "tokens")
        assert prices.charged == ("evaluated", "whole")
        assert "of expert1 the whole prompt" in prices.told
        silent.cached_tokens[:, 1] = 10
        assert prices.table_costs(silent)[0, 1, 0] == pytest.approx(1.0), "the cache of the second expert makes no difference"

    def test_what_was_not_asked_leaves_the_cache_known(self) -> None:
        labels = np.ones((2, 1, 4), dtype=int)
        labels[:, :, Label.INVALID] = 0
        assert fit_prices(make_table(labels), "tokens").charged == ("evaluated",)

    def test_rates_count_only_tokens_that_were_processed(self, table: Table) -> None:
        half = replace(table, cached_tokens=table.prompt_tokens // 2, prompt_s=table.prompt_s / 2)
        assert fit_prices(half, "compute").prompt_rate_s == pytest.approx(fit_prices(table, "compute").prompt_rate_s)

    def test_more_cached_tokens_than_the_prompt_has_are_no_price(self, table: Table) -> None:
        prices = fit_prices(table, "tokens")
        absurd = replace(table, cached_tokens=table.prompt_tokens + 1)
        assert np.isnan(prices.table_costs(absurd)).all()
        assert np.isnan(prices.reply_cost(0, replace(reply_of(table, 0, 0, 0), cached_tokens=21)))

    def test_one_slow_moment_does_not_move_the_rates(self, table: Table) -> None:
        slow = replace(table, prompt_s=table.prompt_s.copy())
        slow.prompt_s[0] = 9.0
        assert fit_prices(slow, "compute").prompt_rate_s == pytest.approx(fit_prices(table, "compute").prompt_rate_s)

    def test_price_lists_of_earlier_versions_charge_the_whole_prompt(self, table: Table) -> None:
        older = replace(fit_prices(table, "tokens"), charged=())
        lucky = replace(table, cached_tokens=np.full_like(table.cached_tokens, 19))
        assert older.table_costs(lucky)[0, 0, 0] == pytest.approx(1.0)
        assert older.reply_cost(0, reply_of(lucky, 0, 0, 0)) == pytest.approx(1.0)
        assert older.told == "The whole prompt is charged, whatever the server found in its cache."


class TestUnknown:
    """A figure that the server does not tell is unknown: never 0, and never free."""

    def without_counts(self, table: Table) -> Table:
        """Prompts that the server found in its cache come without their count, as some servers do from the second prompt on."""
        known = replace(table, prompt_tokens=table.prompt_tokens.copy(), cached_tokens=table.cached_tokens * np.nan)
        known.prompt_tokens[:, 0, Label.YES :] = np.nan
        return known

    def test_a_reply_without_its_count_has_no_cost(self, table: Table) -> None:
        prices = fit_prices(replace(table, cached_tokens=table.cached_tokens * np.nan), "compute")
        costs = prices.table_costs(self.without_counts(table))
        assert np.isnan(costs[:, 0, Label.YES]).all()
        assert np.isfinite(costs[:, 1]).all()
        assert np.isnan(prices.reply_cost(0, replace(reply_of(table, 0, 0, 0), prompt_tokens=None)))
        assert np.isnan(prices.reply_cost(0, replace(reply_of(table, 0, 0, 0), generated_tokens=None)))

    def test_a_mode_that_cannot_price_every_reply_is_refused_and_names_one_that_can(self, table: Table) -> None:
        with pytest.raises(
            SettingsError, match=r"Cost mode compute lacks token counts and seconds of expert0\. Choose cost mode params or wall\."
        ):
            fit_prices(self.without_counts(table), "compute")

    def test_another_mode_is_taken_and_said(self, table: Table) -> None:
        choice = choose_prices(self.without_counts(table), "compute")
        assert choice.prices.mode == "params"
        assert choice.note == (
            "Cost mode compute lacks token counts and seconds of expert0, so costs are in mode params, which has figures for all replies."
        )
        unsized = replace(self.without_counts(table), experts=(make_spec("expert0", params_billions=None), table.experts[1]))
        assert choose_prices(unsized, "compute").prices.mode == "wall"

    def test_three_calls_are_never_priced_as_one(self, table: Table) -> None:
        """Where only the first prompt tells its count, three calls cost about three times one, not one and a bit."""
        costs = choose_prices(self.without_counts(table), "compute").prices.table_costs(table)[0, 0]
        assert costs[: Label.INVALID].sum() == pytest.approx(3 * costs[0])

    def test_a_mode_with_figures_is_kept_without_a_word(self, table: Table) -> None:
        assert choose_prices(table, "tokens") == PriceChoice(fit_prices(table, "tokens"))

    def test_the_other_tables_count_as_well(self, table: Table) -> None:
        choice = choose_prices(table, "compute", others=[self.without_counts(table)])
        assert choice.prices.mode == "params"
        assert not can_price(fit_prices(table, "compute"), [self.without_counts(table)])

    def test_without_figures_of_any_mode_everything_lacking_is_named(self, table: Table) -> None:
        blank = replace(
            self.without_counts(table),
            wall_s=table.wall_s * np.nan,
            experts=(make_spec("expert0", params_billions=None), table.experts[1]),
        )
        with pytest.raises(
            SettingsError, match=r"Nothing can be priced\. .*mode params lacks sizes in parameters of expert0.*mode wall lacks seconds"
        ):
            choose_prices(blank, "compute")

    def test_where_the_seconds_of_the_prompt_are_not_told_apart_they_lie_in_those_of_the_reply(self, table: Table) -> None:
        """As of servers without timings: the whole wall time counts as generation, and no count of the prompt is needed."""
        untimed = replace(table, prompt_s=table.prompt_s * np.nan, prompt_tokens=table.prompt_tokens * np.nan)
        prices = fit_prices(untimed, "compute")
        assert prices.prompt_rate_s == (0.0, 0.0)
        assert prices.table_seconds(untimed)[0, :, 0] == pytest.approx([0.05, 0.15])
        assert prices.reply_seconds(0, replace(reply_of(table, 0, 0, 0), prompt_tokens=None)) == pytest.approx(0.05)

    def test_rates_that_nobody_knows_are_null_in_json(self, table: Table) -> None:
        timeless = replace(table, prompt_s=table.prompt_s * np.nan, generation_s=table.generation_s * np.nan)
        prices = fit_prices(timeless, "tokens")
        read = read_back(prices)
        assert np.isnan(read.generation_rate_s).all()
        assert np.isnan(read.table_seconds(table)).all()


class TestCalibration:
    def test_calibrated_rates_take_the_place_of_the_recordings(self, table: Table) -> None:
        calibrated = replace(table, calibrations=calibrations(expert0=(0.002, 0.03), expert1=(0.001, 0.02)))
        choice = choose_prices(calibrated, "compute")
        assert (choice.prices.prompt_rate_s, choice.prices.generation_rate_s) == ((0.002, 0.001), (0.03, 0.02))
        assert choice.prices.table_seconds(calibrated)[0, 1, 0] == pytest.approx(20 * 0.001 + 2 * 0.02)
        assert choice.left_aside == ""

    @pytest.mark.parametrize("mode", ["compute", "latency"])
    def test_where_some_expert_has_none_all_are_measured_on_the_recording_and_that_is_said(self, table: Table, mode: CostMode) -> None:
        partly = replace(table, calibrations=calibrations(expert1=(0.001, 0.02)))
        choice = choose_prices(partly, mode)
        assert choice.prices == fit_prices(table, mode) == fit_prices(partly, mode)
        assert choice.told.startswith(
            "Seconds per token are measured on the recording for all experts, since expert0 has no calibration; "
            "measure it with record --calibrate-only."
        )

    def test_modes_without_seconds_say_nothing_of_calibrations(self, table: Table) -> None:
        assert choose_prices(replace(table, calibrations=calibrations(expert1=(0.001, 0.02))), "tokens").left_aside == ""

    def test_an_expert_with_neither_source_takes_another_mode_for_all(self, table: Table) -> None:
        lost = replace(table, generation_s=table.generation_s * np.nan, calibrations=calibrations(expert1=(0.001, 0.02)))
        choice = choose_prices(lost, "compute")
        assert choice.prices.mode == "tokens" and "lacks token counts and seconds of expert0, expert1" in choice.note

    def test_a_recording_brings_its_calibrations_and_keeps_its_hash(self, tmp_path: Path) -> None:
        specs = [make_spec("small"), make_spec("large")]
        with Store.open(tmp_path / "r.sqlite") as store:
            record(store, "r", make_questions(4), {spec.name: [ScriptedExpert(spec, says(Label.YES, 0.8))] for spec in specs})
            before, state = load_table(store, "r").data_hash(), store.states()["r"]
            store.put_calibration("r", Calibration("large", 0.5, 0.25, 30, {"threads": 1}))
            table = load_table(store, "r", experts=["large"])
            assert load_table(store, "r").data_hash() == before
            assert store.states()["r"] != state, "what was read before is read again"
        assert fit_prices(table, "compute").prompt_rate_s == (0.5,)
        assert fit_prices(table.subset([0, 1]), "compute").generation_rate_s == (0.25,)


def calibrations(**rates: tuple[float, float]) -> dict[str, Calibration]:
    return {name: Calibration(name, prompt_s, generation_s, 30, {}) for name, (prompt_s, generation_s) in rates.items()}


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
        with pytest.raises(SettingsError, match="Choose cost mode tokens or params or wall"):
            fit_prices(timeless, "compute")

    def test_refusing_warns_of_nothing(self, table: Table, recwarn: pytest.WarningsRecorder) -> None:
        with pytest.raises(SettingsError):
            fit_prices(replace(table, wall_s=table.wall_s * np.nan), "wall")
        assert not recwarn


class TestJson:
    def test_round_trip(self, table: Table) -> None:
        prices = fit_prices(table, "compute")
        assert read_back(prices) == prices

    def test_unknown_parameter_counts_are_null(self, table: Table) -> None:
        nameless = replace(table, experts=(table.experts[0], make_spec("mystery", params_billions=None)))
        read = read_back(fit_prices(nameless, "compute"))
        assert read.params_billions[0] == 0.5
        assert np.isnan(read.params_billions[1])
