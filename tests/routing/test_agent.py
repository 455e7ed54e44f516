"""Training: what it reports, how it stops, that it repeats itself; and the trained agent as a router."""

from __future__ import annotations

import itertools
import random
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import make_questions, make_spec, make_table
from random_tables import random_table
from trained_routers import (
    ENCODER,
    QUICK,
    QUICK_DEPLOYABLE,
    QUICK_PAPER,
    agent_routes,
    changed,
    untrained_router,
)

from der_core.config import ExpertSpec, TrainConfig
from der_core.errors import RouterMismatch, SettingsError
from der_core.evaluation.rollout import rollout
from der_core.recording.table import Table
from der_core.records import Label
from der_core.routing.agent.training import prepare, train_router
from der_core.routing.policy import PolicyNetwork
from der_core.routing.process import Situation
from der_core.routing.saved.trained import AgentRouter, TrainedRouter, TrainingProgress, check_encoder_matches, check_experts_match
from der_core.routing.thresholds import fit_thresholds

YES, NO = int(Label.YES), int(Label.NO)
PER_ROLLOUT = QUICK.n_envs * QUICK.n_steps


@pytest.fixture(scope="module")
def table() -> Table:
    return random_table(np.random.default_rng(3), n_questions=30, n_experts=3)


@pytest.fixture(scope="module")
def trained(table: Table) -> TrainedRouter:
    return train_router(table, QUICK_DEPLOYABLE, ENCODER)


@pytest.fixture(scope="module")
def validation() -> Table:
    return random_table(np.random.default_rng(4), n_questions=20, n_experts=3)


@pytest.fixture(scope="module")
def stops(table: Table) -> TrainedRouter:
    return untrained_router(table, QUICK_DEPLOYABLE)


@pytest.fixture(scope="module")
def paper(table: Table) -> TrainedRouter:
    return untrained_router(table, QUICK_PAPER)


def curves_but_seconds(router: TrainedRouter) -> list[str]:
    return [repr(replace(point, seconds=0.0)) for point in router.curves]


class TestTraining:
    def test_gives_one_point_per_rollout(self, trained: TrainedRouter) -> None:
        assert [point.steps for point in trained.curves] == [PER_ROLLOUT * i for i in range(1, 5)]

    def test_points_lie_where_they_can(self, trained: TrainedRouter) -> None:
        for point in trained.curves:
            assert 0 <= point.accuracy <= 1 and 0 <= point.stop_share <= 1
            assert 1 <= point.calls <= 3 and point.cost > 0
            assert sum(point.expert_shares) == pytest.approx(1)
            assert 0 < point.entropy <= np.log(4) + 1e-6 and point.value_loss > 0

    def test_names_what_it_learned_from(self, trained: TrainedRouter, table: Table) -> None:
        assert trained.data_hash == table.data_hash()
        assert trained.training_question_ids == tuple(question.id for question in table.questions)
        assert (trained.experts, trained.state.encoder_id) == (table.experts, ENCODER.id)
        assert {"python", "torch", "stable_baselines3"} <= set(trained.versions)

    def test_reports_progress_in_seconds_of_the_given_clock(self, table: Table) -> None:
        seen: list[TrainingProgress] = []
        ticks = itertools.count(start=100, step=10)
        router = train_router(table, QUICK_PAPER, ENCODER, on_progress=seen.append, clock=lambda: float(next(ticks)))
        assert [(p.steps, p.total_steps, p.seconds, p.eta_s) for p in seen] == [
            (128, 512, 10.0, 30.0),
            (256, 512, 20.0, 20.0),
            (384, 512, 30.0, 10.0),
            (512, 512, 40.0, 0.0),
        ]
        assert tuple(p.point for p in seen) == router.curves

    def test_rounds_up_to_whole_rollouts(self, table: Table) -> None:
        seen: list[TrainingProgress] = []
        train_router(table, replace(QUICK_PAPER, ppo=replace(QUICK, total_steps=130)), ENCODER, on_progress=seen.append)
        assert [(p.steps, p.total_steps) for p in seen] == [(128, 256), (256, 256)]

    def test_equal_seeds_give_equal_routes(self, table: Table, trained: TrainedRouter) -> None:
        again = train_router(table, QUICK_DEPLOYABLE, ENCODER)
        assert agent_routes(again, table) == agent_routes(trained, table)
        assert curves_but_seconds(again) == curves_but_seconds(trained)

    def test_other_seeds_give_other_curves(self, table: Table, trained: TrainedRouter) -> None:
        other = train_router(table, replace(QUICK_DEPLOYABLE, seed=8), ENCODER)
        assert curves_but_seconds(other) != curves_but_seconds(trained)

    def test_trainings_in_two_threads_do_not_disturb_one_another(self, table: Table, trained: TrainedRouter) -> None:
        results: dict[int, TrainedRouter] = {}

        def train(seed: int) -> None:
            results[seed] = train_router(table, replace(QUICK_DEPLOYABLE, seed=seed), ENCODER)

        threads = [threading.Thread(target=train, args=(seed,)) for seed in (7, 8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert curves_but_seconds(results[7]) == curves_but_seconds(trained)

    def test_leaves_the_state_of_the_process_as_it_was(self, table: Table) -> None:
        torch.set_num_threads(2)
        before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads())
        train_router(table, QUICK_PAPER, ENCODER)
        assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), torch.get_num_threads()) == before

    def test_fits_thresholds_where_asked(self) -> None:
        """Expert 0 always says yes, but is surer of it where that is right."""
        sure = [0.9, 0.7] * 10
        biased = make_table([[YES, NO]] * 20, [[p, 0.4] for p in sure])
        router = train_router(biased, QUICK_DEPLOYABLE, ENCODER)
        assert router.thresholds == pytest.approx(fit_thresholds(biased), nan_ok=True)
        assert 0.7 < router.thresholds[0, 0] < 0.9
        assert np.isnan(train_router(biased, replace(QUICK_DEPLOYABLE, fit_thresholds=False), ENCODER).thresholds).all()

    @pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, QUICK_PAPER], ids=["deployable", "paper"])
    def test_what_it_sees_has_comparable_spread(self, table: Table, config: TrainConfig) -> None:
        prepared = prepare(table, config, ENCODER)
        now = prepared.process.start(np.arange(table.n_questions))
        seen = [prepared.state.observe(prepared.vectors, now)]
        for expert in range(table.n_experts):
            now = prepared.process.advance(prepared.process.start(now.rows), np.full(table.n_questions, expert)).situation
            seen.append(prepared.state.observe(prepared.vectors, now))
        spread = np.concatenate(seen).std(axis=0)
        assert spread[spread > 1e-3].min() > 0.3 and spread.max() < 2.0

    def test_takes_a_batch_larger_than_the_rollout(self, table: Table) -> None:
        small = replace(QUICK, n_envs=2, n_steps=4, batch_size=64, total_steps=8)
        assert train_router(table, replace(QUICK_PAPER, ppo=small), ENCODER).curves[0].steps == 8

    def test_a_rollout_without_an_end_has_no_means(self, table: Table) -> None:
        short = replace(changed(QUICK_PAPER, end="never"), ppo=replace(QUICK, n_steps=1, n_envs=4, batch_size=4, total_steps=4))
        point = train_router(table, short, ENCODER).curves[0]
        assert np.isnan([point.mean_reward, point.accuracy, point.cost, point.calls, point.stop_share]).all()


class TestValidation:
    """Each update is tried on questions that it does not learn from; the best is kept."""

    @pytest.mark.parametrize("config", [QUICK_DEPLOYABLE, QUICK_PAPER], ids=["deployable", "paper"])
    def test_keeps_the_update_that_earns_most(self, table: Table, validation: Table, config: TrainConfig) -> None:
        router = train_router(table, config, ENCODER, validation=validation)
        earned = [point.validation_reward for point in router.curves]
        assert router.best_update == 1 + int(np.argmax(earned)) and len(set(earned)) > 1
        run = rollout(agent_of(router, validation), router.table_source(validation), config.reward)
        best = router.curves[router.best_update - 1]
        assert run.rewards.sum(axis=1).mean() == pytest.approx(best.validation_reward)
        assert (run.correct.mean(), run.costs.sum(axis=1).mean()) == pytest.approx((best.validation_accuracy, best.validation_cost))

    def test_is_the_router_that_a_training_up_to_there_leaves(self, table: Table, validation: Table) -> None:
        router = train_router(table, QUICK_PAPER, ENCODER, validation=validation)
        shorter = replace(QUICK_PAPER, ppo=replace(QUICK, total_steps=router.best_update * PER_ROLLOUT))
        for name, weights in train_router(table, shorter, ENCODER).network.weights.items():
            assert np.array_equal(weights, router.network.weights[name])

    def test_ends_when_nothing_is_better_for_as_long_as_patience_lasts(self) -> None:
        """Both experts are always right and cost the same, so that no update can be better than the first."""
        alike = make_table([[YES, YES], [NO, NO]] * 10, seconds=[0.1, 0.1])
        config = replace(changed(QUICK_DEPLOYABLE, t_max=1), ppo=replace(QUICK, total_steps=20 * PER_ROLLOUT, patience=3))
        router = train_router(alike, config, ENCODER, validation=alike)
        assert (router.best_update, len(router.curves), router.converged, router.stopped) == (1, 4, True, False)
        assert router.ending == "converged: no better on validation questions for 3 updates; kept is update 1 of 4, the best on them"
        patient = replace(config, ppo=replace(QUICK, total_steps=5 * PER_ROLLOUT, patience=0))
        whole = train_router(alike, patient, ENCODER, validation=alike)
        assert (whole.best_update, len(whole.curves), whole.converged) == (1, 5, False)
        assert whole.ending == "all planned steps were taken, without converging; kept is update 1 of 5, the best on them"

    def test_without_validation_questions_the_last_update_is_kept(self, trained: TrainedRouter) -> None:
        assert (trained.best_update, trained.converged) == (None, None)
        assert np.isnan([point.validation_reward for point in trained.curves]).all()
        assert trained.ending == "all planned steps were taken; kept is the last of 4 updates"

    def test_equal_seeds_give_equal_routers(self, table: Table, validation: Table) -> None:
        one, other = (train_router(table, QUICK_DEPLOYABLE, ENCODER, validation=validation) for _ in range(2))
        assert curves_but_seconds(one) == curves_but_seconds(other) and one.best_update == other.best_update
        assert all(np.array_equal(weights, other.network.weights[name]) for name, weights in one.network.weights.items())

    def test_trying_updates_changes_nothing_of_what_is_learned(self, table: Table, validation: Table, trained: TrainedRouter) -> None:
        tried = train_router(table, QUICK_DEPLOYABLE, ENCODER, validation=validation)
        assert [point.mean_reward for point in tried.curves] == [point.mean_reward for point in trained.curves]

    def test_a_stop_by_hand_keeps_the_best_so_far(self, table: Table, validation: Table) -> None:
        stop = threading.Event()
        watched: list[TrainingProgress] = []

        def watch(progress: TrainingProgress) -> None:
            watched.append(progress)
            if len(watched) == 3:
                stop.set()

        router = train_router(table, QUICK_DEPLOYABLE, ENCODER, validation=validation, on_progress=watch, stop=stop)
        assert router.stopped and router.converged is False and len(router.curves) == 3
        assert router.best_update == 1 + int(np.argmax([point.validation_reward for point in router.curves]))
        assert router.ending.startswith("stopped by hand; kept is update")


class TestStopping:
    def test_keeps_what_was_learned_so_far(self, table: Table) -> None:
        stop = threading.Event()
        stopped = train_router(table, QUICK_PAPER, ENCODER, stop=stop, on_progress=lambda progress: stop.set())
        whole = train_router(table, replace(QUICK_PAPER, ppo=replace(QUICK, total_steps=PER_ROLLOUT)), ENCODER)
        assert stopped.stopped and not whole.stopped
        assert len(stopped.curves) == 1
        for name, weights in whole.network.weights.items():
            assert np.array_equal(weights, stopped.network.weights[name])

    def test_acts_at_the_next_step(self, table: Table) -> None:
        class Counting(threading.Event):
            asked = 0

            def is_set(self) -> bool:
                self.asked += 1
                return self.asked > 3

        stop = Counting()
        router = train_router(table, QUICK_PAPER, ENCODER, stop=stop)
        assert router.stopped and stop.asked == 4

    def test_before_the_first_step_leaves_a_router_that_runs(self, table: Table) -> None:
        stop = threading.Event()
        stop.set()
        router = train_router(table, QUICK_DEPLOYABLE, ENCODER, stop=stop)
        assert router.stopped and router.curves == ()
        assert all(route[0] >= 0 for route in agent_routes(router, table))

    def test_an_error_in_the_watcher_ends_training_and_restores_threads(self, table: Table) -> None:
        def fail(progress: TrainingProgress) -> None:
            raise ConnectionError("the watcher is gone")

        torch.set_num_threads(2)
        with pytest.raises(ConnectionError):
            train_router(table, QUICK_PAPER, ENCODER, on_progress=fail)
        assert torch.get_num_threads() == 2


class TestRefusals:
    def refuse(self, table: Table, config: TrainConfig, message: str) -> None:
        with pytest.raises(SettingsError, match=message):
            train_router(table, config, ENCODER)

    def test_no_questions(self, table: Table) -> None:
        self.refuse(table.subset([]), QUICK_PAPER, "no training questions")

    def test_questions_without_gold_answers(self) -> None:
        questions = make_questions(3, gold=[Label.YES, Label.NONE, Label.NO])
        self.refuse(make_table([[YES]] * 3, questions=questions), QUICK_PAPER, "1 training questions have no gold answer")

    def test_a_rollout_of_one_transition(self, table: Table) -> None:
        self.refuse(table, replace(QUICK_PAPER, ppo=replace(QUICK, n_envs=1, n_steps=1)), "at least two transitions")

    def test_an_unknown_device(self, table: Table) -> None:
        self.refuse(table, replace(QUICK_PAPER, ppo=replace(QUICK, device="abacus")), "Unknown device 'abacus'")

    def test_settings_out_of_range(self, table: Table) -> None:
        self.refuse(table, changed(QUICK_PAPER, t_max=0), "t_max")


def with_head(router: TrainedRouter, bias: list[float]) -> TrainedRouter:
    """The router with a network that always has these logits."""
    weights = {name: np.zeros_like(array) for name, array in router.network.weights.items()}
    weights["head.bias"] = np.array(bias, dtype=np.float32)
    return replace(router, network=PolicyNetwork(weights, masks_stop=router.network.masks_stop))


def agent_of(router: TrainedRouter, table: Table, **options: object) -> AgentRouter:
    return AgentRouter(router, router.state.question_vectors(table.questions, ENCODER), **options)


class TestAgentRouter:
    def test_takes_the_likeliest_action(self, stops: TrainedRouter, table: Table) -> None:
        choice = agent_of(stops, table).choose(Situation.start(np.arange(30), 3))
        assert choice.probabilities.shape == (30, 4)
        assert choice.probabilities.sum(axis=1) == pytest.approx(1)
        assert choice.actions.tolist() == choice.probabilities.argmax(axis=1).tolist()
        assert len(set(choice.actions)) > 1

    def test_takes_the_first_of_equally_likely_actions(self, paper: TrainedRouter, table: Table) -> None:
        assert set(agent_routes(with_head(paper, [0.0, 1.0, 1.0]), table, end="never")) == {(1, 2, 1)}

    def test_never_stops_first(self, stops: TrainedRouter, table: Table) -> None:
        assert set(agent_routes(with_head(stops, [0.0, 1.0, 0.0, 9.0]), table)) == {(1, -1)}

    def test_another_end_takes_the_stop_action_away(self, stops: TrainedRouter, table: Table) -> None:
        eager = with_head(stops, np.log([0.1, 0.2, 0.1, 0.6]).tolist())
        choice = agent_of(eager, table, end="never").choose(replace(Situation.start(np.arange(30), 3), step=np.ones(30, dtype=int)))
        assert choice.probabilities[0] == pytest.approx([0.25, 0.5, 0.25])
        assert set(agent_routes(eager, table, end="never")) == {(1, 2, 1)}

    def test_a_certain_stop_leaves_the_experts_equal(self, stops: TrainedRouter, table: Table) -> None:
        certain = with_head(stops, [0.0, 0.0, 0.0, 3e4])
        now = replace(Situation.start(np.arange(2), 3), step=np.ones(2, dtype=int))
        assert agent_of(certain, table, end="agreement").choose(now).probabilities == pytest.approx(np.full((2, 3), 1 / 3))

    def test_is_an_oracle_only_where_gold_ends_its_routes(self, paper: TrainedRouter, stops: TrainedRouter, table: Table) -> None:
        assert agent_of(paper, table).oracle
        assert not agent_of(paper, table, end="agreement").oracle
        assert not agent_of(stops, table).oracle

    def test_is_named_after_its_reward_and_end(self, paper: TrainedRouter, stops: TrainedRouter, table: Table) -> None:
        names = [agent_of(paper, table).name, agent_of(paper, table, end="agreement").name, agent_of(stops, table).name]
        assert names == ["DER paper", "DER paper, agreement", "DER potential"]
        assert agent_of(paper, table, name="seed 8").name == "seed 8"

    def test_keeps_the_other_rules_of_its_training(self, paper: TrainedRouter, table: Table) -> None:
        rules = agent_of(paper, table, end="confidence").rules
        assert rules.episode == replace(paper.config.episode, end="confidence")
        assert rules.transfer and rules.answer == "last"

    def test_cannot_stop_if_it_never_learned_to(self, paper: TrainedRouter, table: Table) -> None:
        with pytest.raises(SettingsError, match="not to stop by itself"):
            agent_of(paper, table, end="stop_action")


def changed_last(router: TrainedRouter, **changes: object) -> list[ExpertSpec]:
    """The router's experts, the last one changed."""
    *others, last = router.experts
    return [*others, replace(last, **changes)]


class TestMatching:
    def test_the_same_experts_elsewhere_match(self, paper: TrainedRouter) -> None:
        check_experts_match(paper, changed_last(paper, host="http://127.0.0.1:9", backend="embedded", model="/models/x.gguf"))

    def test_an_unknown_digest_matches(self, paper: TrainedRouter) -> None:
        check_experts_match(paper, changed_last(paper, digest=""))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": "giant"}, "expert0, expert1, expert2, not expert0, expert1, giant"),
            ({"style": "reason"}, "style direct, not reason"),
            ({"digest": "sha256:" + "f" * 64}, "weights sha256:ffffffffffff…, the router was trained with sha256:expert2"),
        ],
    )
    def test_other_experts_are_refused(self, paper: TrainedRouter, changes: dict[str, str], message: str) -> None:
        if "name" not in changes:
            paper = replace(paper, experts=tuple(replace(spec, digest="sha256:expert2") for spec in paper.experts))
        with pytest.raises(RouterMismatch, match=message):
            check_experts_match(paper, changed_last(paper, **changes))

    def test_another_order_is_refused(self, paper: TrainedRouter) -> None:
        with pytest.raises(RouterMismatch, match="in its order"):
            check_experts_match(paper, paper.experts[::-1])

    def test_fewer_experts_are_refused(self, paper: TrainedRouter) -> None:
        with pytest.raises(RouterMismatch):
            check_experts_match(paper, [*paper.experts, make_spec("one more")])

    def test_another_encoder_is_refused(self, paper: TrainedRouter) -> None:
        check_encoder_matches(paper, "hash-encoder")
        with pytest.raises(RouterMismatch, match="'hash-encoder', not 'other'"):
            check_encoder_matches(paper, "other")
