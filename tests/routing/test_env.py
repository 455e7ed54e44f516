"""The two environments: what the checkers ask for, and that both move as the decision process does."""

from __future__ import annotations

import re
import warnings

import gymnasium
import numpy as np
import pytest
import torch
from fakes import ScriptedExpert, make_table
from gymnasium.utils.env_checker import check_env as check_for_gymnasium
from random_tables import random_table
from stable_baselines3.common.env_checker import check_env as check_for_stable_baselines
from trained_routers import ENCODER, QUICK_DEPLOYABLE, QUICK_PAPER, changed, fitted_state, process_of

from der_core.config import TrainConfig
from der_core.errors import SettingsError
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.agent.training import build_model
from der_core.routing.agent.vec_env import TableVecEnv
from der_core.routing.env import ENV_ID, DerEnv
from der_core.routing.live import LiveSource
from der_core.routing.process import DecisionProcess

YES, NO = int(Label.YES), int(Label.NO)
CONFIGS = {
    "paper": QUICK_PAPER,
    "deployable": QUICK_DEPLOYABLE,
    "confidence": changed(QUICK_DEPLOYABLE, end="confidence", confidence=0.8),
    "agreement": changed(QUICK_PAPER, end="agreement", state="features"),
    "never, repeats allowed": changed(QUICK_PAPER, end="never", no_repeat=False, t_max=4),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())


def parts_of(config: TrainConfig, table: Table) -> dict[str, object]:
    state = fitted_state(table, config.episode)
    return {"process": process_of(table, config), "state": state, "vectors": state.question_vectors(table.questions, ENCODER)}


def env_of(config: TrainConfig, table: Table) -> DerEnv:
    return DerEnv(**parts_of(config, table))


def vec_env_of(config: TrainConfig, table: Table, n_envs: int = 8, seed: int = 0) -> TableVecEnv:
    return TableVecEnv(**parts_of(config, table), n_envs=n_envs, seed=seed)


@pytest.fixture
def table() -> Table:
    return random_table(np.random.default_rng(3), n_questions=30, n_experts=3)


class TestCheckers:
    @each_config
    @pytest.mark.parametrize("check", [check_for_gymnasium, check_for_stable_baselines])
    def test_pass_without_unexpected_warnings(self, config: TrainConfig, table: Table, check: object) -> None:
        env = gymnasium.make(ENV_ID, **parts_of(config, table))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check(env.unwrapped)
        unbounded = re.compile("Box observation space (minimum|maximum) value is -?infinity")  # projections have no bounds
        assert [str(warning.message) for warning in caught if not unbounded.search(str(warning.message))] == []

    @each_config
    def test_watch_a_made_environment_without_a_warning(self, config: TrainConfig, table: Table) -> None:
        env = gymnasium.make(ENV_ID, **parts_of(config, table))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            env.reset(seed=1)
            for _ in range(20):
                *_, terminated, _, _ = env.step(env.action_space.sample())
                if terminated:
                    env.reset()


class TestDerEnv:
    def test_info_keys_are_the_documented_ones(self, table: Table) -> None:
        section = re.search(r"Information:(.*?)Arguments:", DerEnv.__doc__ or "", re.DOTALL)
        documented = set(re.findall(r'"(\w+)"', section.group(1)))
        env = env_of(QUICK_PAPER, table)
        assert set(env.reset(seed=1)[1]) == {"row"}
        assert set(env.step(np.int64(0))[4]) == documented

    def test_equal_seeds_roll_out_equally(self, table: Table) -> None:
        first, second = env_of(QUICK_DEPLOYABLE, table), env_of(QUICK_DEPLOYABLE, table)
        rng = np.random.default_rng(5)
        assert np.array_equal(first.reset(seed=7)[0], second.reset(seed=7)[0])
        for action in rng.integers(0, 4, size=100):
            ours, theirs = first.step(action), second.step(action)
            assert np.array_equal(ours[0], theirs[0]) and ours[1:4] == theirs[1:4]
            assert ours[4] == pytest.approx(theirs[4], nan_ok=True)
            if ours[2]:
                assert first.reset()[1] == second.reset()[1]

    def test_questions_come_once_before_any_comes_again(self, table: Table) -> None:
        env = env_of(QUICK_PAPER, table)
        rows = [env.reset(seed=7)[1]["row"], *(env.reset()[1]["row"] for _ in range(59))]
        assert sorted(rows[:30]) == sorted(rows[30:]) == list(range(30))
        assert rows[:30] != rows[30:]

    def test_a_question_can_be_chosen(self, table: Table) -> None:
        observation, info = env_of(QUICK_PAPER, table).reset(options={"row": 11})
        assert info == {"row": 11}
        assert np.allclose(observation, ENCODER.encode([f"Q: {table.questions[11].text}\nA:"])[0])

    def test_stop_is_refused_before_the_first_reply(self, table: Table) -> None:
        env = env_of(QUICK_DEPLOYABLE, table)
        env.reset(options={"row": 0})
        _, _, terminated, _, info = env.step(np.int64(3))
        assert (terminated, info["expert"], info["stop_reason"]) == (False, 0, "going_on")
        _, _, terminated, _, info = env.step(np.int64(3))
        assert (terminated, info["expert"], info["cost"], info["stop_reason"]) == (True, -1, 0.0, "stop_action")

    def test_t_max_is_a_true_end(self, table: Table) -> None:
        env = env_of(changed(QUICK_PAPER, end="never", t_max=2), table)
        env.reset(seed=1)
        assert env.step(np.int64(0))[2:4] == (False, False)
        *_, terminated, truncated, info = env.step(np.int64(1))
        assert (terminated, truncated, info["stop_reason"]) == (True, False, "t_max")

    def test_wrong_then_right_earns_what_the_design_says(self) -> None:
        env = env_of(QUICK_PAPER, make_table([[NO, YES]]))  # the gold answer is yes, latency cost is 1 a call
        env.reset(options={"row": 0})
        rewards = [env.step(np.int64(0))[1], env.step(np.int64(1))[1]]
        assert rewards == pytest.approx([0 - 0.005, 1 + 1.2 * (1 - 0) - 0.005 + 1])
        assert rewards[0] + 0.95 * rewards[1] == pytest.approx(3.030, abs=5e-4)

    def test_right_at_once_earns_what_the_design_says(self) -> None:
        env = env_of(QUICK_PAPER, make_table([[NO, YES]]))
        env.reset(options={"row": 0})
        _, reward, terminated, _, info = env.step(np.int64(1))
        assert (reward, terminated, info["stop_reason"]) == (pytest.approx(1.995), True, "gold")

    def test_a_step_before_reset_is_refused(self, table: Table) -> None:
        with pytest.raises(SettingsError, match="reset"):
            env_of(QUICK_PAPER, table).step(np.int64(0))

    @pytest.mark.parametrize("kind", [DerEnv, lambda **parts: TableVecEnv(**parts, n_envs=2)])
    def test_a_state_for_other_experts_is_refused(self, table: Table, kind: object) -> None:
        parts = parts_of(QUICK_PAPER, table)
        with pytest.raises(SettingsError, match="for 3 experts, the process has 2"):
            kind(**{**parts, "process": process_of(table.select_experts(["expert0", "expert1"]), QUICK_PAPER)})

    def test_steps_on_live_experts_as_on_their_recording(self) -> None:
        config = changed(QUICK_DEPLOYABLE, cost_mode="params")
        table = make_table([[YES, NO], [NO, NO], [YES, YES]], np.full((3, 2), 0.75))
        codes = {question.id: row for question, row in zip(table.questions, table.labels[:, :, 0], strict=True)}

        def script(expert: int) -> object:
            return lambda question, previous: (Label(int(codes[question.id][expert])), 0.75)

        experts = [ScriptedExpert(spec, script(i)) for i, spec in enumerate(table.experts)]
        recorded = parts_of(config, table)
        source = LiveSource(table.questions, experts, recorded["process"].source.prices, np.full(2, np.nan))
        live = {**recorded, "process": DecisionProcess(source, config.episode, config.reward)}
        replayed, asked = DerEnv(**recorded), DerEnv(**live)
        for row in range(3):
            assert np.array_equal(replayed.reset(options={"row": row})[0], asked.reset(options={"row": row})[0])
            for action in (1, 0, 2):
                ours, theirs = replayed.step(np.int64(action)), asked.step(np.int64(action))
                assert np.array_equal(ours[0], theirs[0]) and ours[1:4] == theirs[1:4]
        assert [len(expert.asked) for expert in experts] == [3, 3]


class TestTableVecEnv:
    @each_config
    def test_steps_as_single_environments_do(self, config: TrainConfig, table: Table) -> None:
        vec, singles = vec_env_of(config, table), [env_of(config, table) for _ in range(8)]
        vec.seed(7)
        seen = vec.reset()
        alone = [env.reset(options={"row": row})[0] for env, row in zip(singles, vec.rows, strict=True)]
        rng = np.random.default_rng(11)
        for _ in range(40):
            assert np.array_equal(seen, np.stack(alone))
            actions = rng.integers(0, vec.action_space.n, size=8)
            seen, rewards, ends, infos = vec.step(actions)
            for i, env in enumerate(singles):
                alone[i], reward, terminated, _, _ = env.step(actions[i])
                assert (rewards[i], ends[i]) == (np.float32(reward), terminated)
                if terminated:
                    assert np.array_equal(infos[i]["terminal_observation"], alone[i])
                    alone[i], _ = env.reset(options={"row": vec.rows[i]})
                else:
                    assert infos[i] == {}

    @each_config
    def test_no_end_is_a_truncation(self, config: TrainConfig, table: Table) -> None:
        vec = vec_env_of(config, table)
        vec.reset()
        n_ends = 0
        for _ in range(10):
            *_, ends, infos = vec.step(np.zeros(8, dtype=np.int64))
            n_ends += ends.sum()
            assert not any("TimeLimit.truncated" in info for info in infos)
        assert n_ends > 0

    def test_questions_come_once_before_any_comes_again(self, table: Table) -> None:
        vec = vec_env_of(changed(QUICK_PAPER, t_max=1), table, n_envs=10)
        vec.reset()
        rows = [vec.rows]
        for _ in range(5):
            vec.step(np.zeros(10, dtype=np.int64))
            rows.append(vec.rows)
        drawn = np.concatenate(rows)
        assert sorted(drawn[:30]) == sorted(drawn[30:]) == list(range(30))

    def test_more_copies_than_questions_share_them_out(self) -> None:
        vec = vec_env_of(QUICK_PAPER, make_table([[YES], [NO]]), n_envs=5)
        vec.reset()
        assert sorted(np.bincount(vec.rows)) == [2, 3]

    def test_seed_decides_the_order_of_questions(self, table: Table) -> None:
        vec = vec_env_of(QUICK_PAPER, table, n_envs=30)
        orders = []
        for seed in (1, 1, 2):
            vec.seed(seed)
            vec.reset()
            orders.append(vec.rows.tolist())
        assert orders[0] == orders[1] != orders[2]

    @each_config
    def test_statistics_are_those_of_the_routes(self, config: TrainConfig, table: Table) -> None:
        vec, rng = vec_env_of(config, table), np.random.default_rng(2)
        vec.reset()
        env, rows = env_of(config, table), vec.rows.tolist()
        taken: list[list[int]] = [[] for _ in range(8)]
        expected, calls = [], np.zeros(3, dtype=int)
        for _ in range(15):
            actions = rng.integers(0, vec.action_space.n, size=8)
            *_, ends, _ = vec.step(actions)
            for i in range(8):
                taken[i].append(int(actions[i]))
            for i in np.flatnonzero(ends):
                expected.append(replayed(env, rows[i], taken[i]))
                calls += np.bincount(expected[-1]["experts"], minlength=3)
                taken[i] = []
            rows = vec.rows.tolist()
        for i in range(8):
            calls += np.bincount(replayed(env, rows[i], taken[i])["experts"], minlength=3)
        found = vec.take_statistics()
        assert found.reward == pytest.approx([route["reward"] for route in expected])
        assert found.cost == pytest.approx([route["cost"] for route in expected])
        assert found.calls.tolist() == [len(route["experts"]) for route in expected]
        assert found.correct.tolist() == [route["quality"] == 1 for route in expected]
        assert found.stopped.tolist() == [route["stop_reason"] == "stop_action" for route in expected]
        assert found.expert_calls.tolist() == calls.tolist()

    def test_statistics_are_counted_anew_once_taken(self, table: Table) -> None:
        vec = vec_env_of(QUICK_PAPER, table)
        vec.reset()
        vec.step(np.zeros(8, dtype=np.int64))
        assert vec.take_statistics().expert_calls.tolist() == [8, 0, 0]
        again = vec.take_statistics()
        assert again.expert_calls.tolist() == [0, 0, 0] and len(again.reward) == 0

    def test_no_value_is_taken_from_beyond_t_max(self, table: Table) -> None:
        """With routes of one call every return is its reward, whatever the critic believes of the next state."""
        torch.set_num_threads(1)
        config = changed(QUICK_PAPER, t_max=1)
        model = build_model(vec_env_of(config, table, n_envs=config.ppo.n_envs), config)
        model.policy.value_net.bias.data.fill_(1000.0)
        model.learn(1, callback=lambda locals_, globals_: True)
        rewards = model.rollout_buffer.swap_and_flatten(model.rollout_buffer.rewards)
        assert rewards.max() < 3
        assert np.allclose(model.rollout_buffer.returns, rewards, atol=1e-3)

    def test_answers_what_stable_baselines_asks(self, table: Table) -> None:
        vec = vec_env_of(QUICK_PAPER, table, n_envs=2)
        vec.set_attr("render_mode", None)
        assert vec.get_attr("render_mode") == [None, None]
        assert vec.env_is_wrapped(gymnasium.Wrapper, indices=[0]) == [False]
        with pytest.raises(NotImplementedError, match="no reset of one of them"):
            vec.env_method("reset")
        vec.close()


def replayed(env: DerEnv, row: int, actions: list[int]) -> dict[str, object]:
    """What a route earned, step by step in the single environment."""
    env.reset(options={"row": row})
    reward, cost, experts, info = 0.0, 0.0, [], {}
    for action in actions:
        _, earned, _, _, info = env.step(np.int64(action))
        reward, cost = reward + earned, cost + info["cost"]
        experts += [info["expert"]] if info["expert"] >= 0 else []
    return {**info, "reward": reward, "cost": cost, "experts": experts}
