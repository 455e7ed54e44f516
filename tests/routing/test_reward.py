"""The reward, term by term, and what each shipped setting prefers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_core.config import DEPLOYABLE, PAPER, PRESETS, End, EpisodeConfig, RewardConfig
from der_core.routing.reward import describe_preference, end_reward, order_return, order_returns, prefers_right_at_once, step_reward

GOLD = EpisodeConfig(end="gold")
FREE = RewardConfig(alpha=0.0)


def earn(quality: float, before: float, cost: float, first: bool, **weights: object) -> float:
    return float(step_reward(quality, before, cost, first, RewardConfig(**weights)))


class TestPaperShaping:
    def test_first_step_earns_quality_less_cost(self) -> None:
        assert earn(1.0, 0.0, 2.0, True, alpha=0.05, beta=1.2) == pytest.approx(1.0 - 0.1)

    def test_first_step_earns_no_progress(self) -> None:
        assert earn(0.8, 0.0, 0.0, True, beta=5.0) == pytest.approx(0.8)

    def test_later_steps_add_progress(self) -> None:
        assert earn(1.0, 0.0, 3.0, False, alpha=0.1, beta=1.2) == pytest.approx(1.0 + 1.2 - 0.3)

    def test_losing_a_right_answer_costs_as_much_as_finding_it_earned(self) -> None:
        assert earn(0.0, 1.0, 0.0, False, beta=1.2) == pytest.approx(-1.2)

    def test_graded_quality_as_in_the_released_code(self) -> None:
        # beta 5, alpha C = .013: .65 -> .75 earns .75 + 5 * .1 - .013
        assert earn(0.75, 0.65, 13.0, False, alpha=0.001, beta=5.0) == pytest.approx(1.237)


class TestPotentialShaping:
    def test_first_step_earns_progress_from_nothing(self) -> None:
        assert earn(1.0, 0.0, 1.0, True, alpha=0.005, beta=1.2, shaping="potential") == pytest.approx(2.2 - 0.005)

    def test_keeping_an_answer_earns_nothing_but_its_cost(self) -> None:
        assert earn(1.0, 1.0, 2.0, False, alpha=0.05, shaping="potential") == pytest.approx(-0.1)

    @given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6))
    def test_undiscounted_sum_hangs_on_the_last_answer_alone(self, qualities: list[float]) -> None:
        config = RewardConfig(alpha=0.0, beta=1.2, shaping="potential")
        before = [0.0, *qualities[:-1]]
        total = step_reward(qualities, before, 0.0, np.arange(len(qualities)) == 0, config).sum()
        assert total == pytest.approx(2.2 * qualities[-1])


class TestEnd:
    def test_bonus_from_p0_on_and_penalty_below(self) -> None:
        assert list(end_reward([0.72, 0.73, 1.0], RewardConfig(gamma=2.0, p0=0.73))) == [-2.0, 2.0, 2.0]

    def test_any_p0_is_the_same_for_yes_and_no(self) -> None:
        for p0 in (0.01, 0.5, 1.0):
            assert list(end_reward([0.0, 1.0], RewardConfig(p0=p0))) == [-1.0, 1.0]


class TestOrders:
    """The figures of the design: beta 1.2, gamma 1, alpha .005, discount .95, gold end."""

    @pytest.mark.parametrize(("order", "value"), [("R", 1.995), ("WR", 3.030), ("WWR", 2.874)])
    def test_paper_shaping_pays_for_being_wrong_first(self, order: str, value: float) -> None:
        assert order_return(order, RewardConfig(), GOLD, 0.95) == pytest.approx(value, abs=5e-4)

    @pytest.mark.parametrize(("order", "value"), [("R", 3.195), ("WR", 3.030), ("WWR", 2.874)])
    def test_potential_shaping_pays_best_for_right_at_once(self, order: str, value: float) -> None:
        assert order_return(order, RewardConfig(shaping="potential"), GOLD, 0.95) == pytest.approx(value, abs=5e-4)

    def test_wrong_to_the_end_by_hand(self) -> None:
        # -c - .95 c - .9025 (c + gamma), c = .005
        assert order_return("WWW", RewardConfig(), GOLD, 0.95) == pytest.approx(-0.005 * (1 + 0.95 + 0.9025) - 0.9025)

    def test_stop_earns_the_end_term_one_step_later(self) -> None:
        episode = EpisodeConfig(end="stop_action")
        assert order_return("R", FREE, episode, 0.9) == pytest.approx(1.0 + 0.9)
        assert order_return("RRR", FREE, episode, 0.9) == pytest.approx(1.0 + 0.9 + 0.81 + 0.81), "at T_max no STOP is needed"

    def test_gold_end_leaves_only_routes_that_end_right_or_at_t_max(self) -> None:
        assert {r.order for r in order_returns(RewardConfig(), GOLD, 0.95)} == {"R", "WR", "WWR", "WWW"}

    def test_never_ends_before_t_max(self) -> None:
        assert {len(r.order) for r in order_returns(RewardConfig(), EpisodeConfig(end="never"), 0.95)} == {3}

    def test_best_comes_first_and_equals_shortest_first(self) -> None:
        returns = order_returns(RewardConfig(alpha=0, beta=0, gamma=0, shaping="potential"), EpisodeConfig(end="stop_action"), 1.0)
        assert [r.value for r in returns] == sorted((r.value for r in returns), reverse=True)
        assert returns[0].order == "R"


class TestPreference:
    @given(gamma=st.floats(0, 3), discount=st.floats(0.5, 0.99), share=st.floats(0, 2).filter(lambda share: abs(share - 1) > 1e-3))
    def test_paper_shaping_is_in_order_up_to_the_bound_on_beta(self, gamma: float, discount: float, share: float) -> None:
        bound = (1 + gamma) * (1 / discount - 1)
        reward = RewardConfig(alpha=0.0, beta=share * bound, gamma=gamma)
        assert prefers_right_at_once(reward, GOLD, discount) is (share < 1)

    @pytest.mark.parametrize(("gamma", "bound"), [(1.0, 0.105), (0.6, 0.084)])
    def test_bound_by_hand(self, gamma: float, bound: float) -> None:
        assert prefers_right_at_once(RewardConfig(alpha=0, beta=bound, gamma=gamma), GOLD, 0.95)
        assert not prefers_right_at_once(RewardConfig(alpha=0, beta=bound + 0.001, gamma=gamma), GOLD, 0.95)

    @pytest.mark.parametrize("end", ["gold", "stop_action", "confidence", "agreement"])
    @given(alpha=st.floats(0.001, 1), beta=st.floats(0, 5), gamma=st.floats(0, 3), discount=st.floats(0.5, 1), t_max=st.integers(1, 4))
    def test_potential_shaping_is_in_order_wherever_calls_cost(
        self, end: End, alpha: float, beta: float, gamma: float, discount: float, t_max: int
    ) -> None:
        reward = RewardConfig(alpha=alpha, beta=beta, gamma=gamma, shaping="potential")
        assert prefers_right_at_once(reward, EpisodeConfig(end=end, t_max=t_max), discount)

    def test_every_preset_prefers_what_it_is_said_to(self) -> None:
        """A new preset has to be entered here, with what it prefers."""
        preferred = {name: order_returns(p.reward, p.episode, p.ppo.discount)[0].order for name, p in PRESETS.items()}
        assert preferred == {"paper": "WR", "deployable": "R"}

    def test_with_stop_the_paper_shaping_also_pays_for_lingering(self) -> None:
        no_progress = replace(PAPER.reward, beta=0.0)
        assert order_returns(no_progress, DEPLOYABLE.episode, 0.95)[0].order == "RRR"

    def test_sentence_names_the_fault(self) -> None:
        assert describe_preference(PAPER.reward, PAPER.episode, 0.95) == (
            "A right answer at once earns 1.995, wrong then right 3.030: this reward pays for being wrong first."
        )
        lingering = describe_preference(replace(PAPER.reward, beta=0.0), DEPLOYABLE.episode, 0.95)
        assert lingering.endswith("pays for lingering on a right answer.")

    def test_sentence_of_a_sound_reward_names_the_runner_up(self) -> None:
        assert describe_preference(RewardConfig(shaping="potential"), GOLD, 0.95) == (
            "Right at once earns 3.195, wrong then right 3.030: this reward pays best for right at once."
        )
