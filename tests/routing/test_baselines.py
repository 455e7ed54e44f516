"""Baselines: what each does, fitted ones against slow definitions, oracles against all routes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_questions, make_table
from random_tables import random_source, source_of

from der_core.config import PAPER, End, EpisodeConfig, RewardConfig, TrainConfig
from der_core.evaluation.rollout import Rollout, rollout
from der_core.records import Label
from der_core.routing.baselines import Baseline, FixedOrder, Part, build_baselines, fit_reference
from der_core.routing.baselines.cascade import Cascade, fit_cascade
from der_core.routing.baselines.oracles import oracle_multi_step, oracle_one_step
from der_core.routing.baselines.orders import MAX_ORDERS, best_static_order, majority_vote, refining, round_robin, single
from der_core.routing.baselines.pickers import (
    GUARDS,
    L2_WEIGHTS,
    Logistic,
    Neighbours,
    _LogisticFit,
    first_call_right,
    fit_logistic,
    fit_neighbours,
    guarded,
    neighbour_worth,
)
from der_core.routing.logistic import log_loss
from der_core.routing.process import Situation, StopReason
from der_core.routing.router import RouteRules
from der_core.routing.sources import TableSource

YES, NO, BAD = int(Label.YES), int(Label.NO), int(Label.INVALID)
REWARD = RewardConfig()
EPISODE = EpisodeConfig(t_max=3, end="stop_action")


def run(router: Baseline, source: TableSource) -> Rollout:
    return rollout(router, source, REWARD)


def utility(router: Baseline, source: TableSource, cost_weight: float) -> float:
    route = run(router, source)
    return float(route.correct.mean() - cost_weight * route.costs.sum(axis=1).mean())


def part(source: TableSource, seed: int = 0, dimension: int = 6) -> Part:
    vectors = np.random.default_rng(seed).normal(size=(source.table.n_questions, dimension)).astype(np.float32)
    return Part(source, vectors)


class TestFixedOrders:
    SOURCE = source_of(make_table([[YES, NO], [YES, NO]]))
    NAMES = ("small", "large")

    def test_single_asks_once(self) -> None:
        route = run(single(self.NAMES, 1, EPISODE), self.SOURCE)
        assert route.experts.tolist() == [[1], [1]]
        assert set(route.reasons) == {StopReason.T_MAX}

    def test_refinement_asks_again_after_its_own_answer(self) -> None:
        route = run(refining(self.NAMES, 0, EPISODE, gold_stop=False), self.SOURCE)
        assert route.experts.tolist() == [[0, 0, 0], [0, 0, 0]]
        assert route.shown.tolist() == [[0, YES, YES], [0, YES, YES]]

    def test_gold_stop_ends_refinement_at_a_right_answer_and_is_an_oracle(self) -> None:
        router = refining(self.NAMES, 0, EPISODE, gold_stop=True)
        assert run(router, self.SOURCE).calls.tolist() == [1, 3]
        assert router.oracle

    def test_round_robin_ends_when_two_agree(self) -> None:
        source = source_of(make_table([[YES, YES], [YES, NO]]))
        route = run(round_robin(self.NAMES, EPISODE, gold_stop=False), source)
        assert route.experts.tolist() == [[0, 1, -1], [0, 1, 0]]
        assert route.reasons.tolist() == [StopReason.AGREEMENT, StopReason.T_MAX]

    def test_round_robin_names_the_experts_it_asks(self) -> None:
        names = ("small", "large", "huge")
        assert round_robin(names, replace(EPISODE, t_max=2), gold_stop=False).detail == "small > large"
        assert round_robin(names[:2], EPISODE, gold_stop=False).detail == "small > large > small"

    def test_round_robin_with_gold_stop_is_an_oracle(self) -> None:
        router = round_robin(self.NAMES, EPISODE, gold_stop=True)
        assert run(router, self.SOURCE).calls.tolist() == [1, 2]
        assert router.oracle
        assert not round_robin(self.NAMES, EPISODE, gold_stop=False).oracle

    def test_majority_vote_asks_everybody_apart(self) -> None:
        labels = np.full((1, 3, 4), NO)
        labels[0, :2, 0] = YES  # seen nothing, two say yes; seen anything, all would say no
        route = run(majority_vote(("a", "b", "c"), replace(EPISODE, t_max=1)), source_of(make_table(labels)))
        assert route.calls.tolist() == [3], "T_max does not limit the voters"
        assert route.shown.tolist() == [[0, 0, 0]]
        assert route.answers.tolist() == [YES]


class TestBestStaticOrder:
    @pytest.mark.parametrize("cost_weight", [0.0, 0.02, 0.2])
    @pytest.mark.parametrize("seed", range(3))
    def test_no_order_does_better(self, seed: int, cost_weight: float) -> None:
        source = random_source(np.random.default_rng(seed), 25, 3, skill=0.55)
        orders = [order for n in (1, 2, 3) for order in itertools.product(range(3), repeat=n)]
        found = best_static_order(source, EPISODE, cost_weight)
        best = max(utility(replace(found, order=order, rules=never(len(order))), source, cost_weight) for order in orders)
        assert utility(found, source, cost_weight) == pytest.approx(best)

    def test_equals_go_to_the_shorter(self) -> None:
        assert best_static_order(source_of(make_table([[YES, YES], [NO, NO]])), EPISODE, 0.0).order == (0,)

    def test_names_its_order(self) -> None:
        source = source_of(make_table([[NO, YES], [YES, NO]]))
        assert best_static_order(source, EPISODE, 0.0).detail == "expert1"

    def test_gives_up_the_longest_orders_when_there_are_too_many(self) -> None:
        source = random_source(np.random.default_rng(0), 5, 4)
        order = best_static_order(source, replace(EPISODE, t_max=10), 0.0).order
        assert len(order) <= 5, f"4 + 16 + 64 + 256 + 1024 orders fit into {MAX_ORDERS}, 4096 more do not"


def never(t_max: int) -> RouteRules:
    return RouteRules(EpisodeConfig(t_max=t_max, end="never", no_repeat=False))


class TestCascade:
    def test_asks_cheapest_first_where_all_are_alike(self) -> None:
        source = source_of(make_table([[YES, YES, YES]], seconds=[0.3, 0.1, 0.2]))
        assert fit_cascade(source, EPISODE, 0.0).order == (1, 2, 0)

    def test_may_begin_with_a_dearer_expert_and_leave_the_cheapest_out(self) -> None:
        """Expert 0 is the cheapest and never right; 1 is right when sure; 2 is right where 1 is not sure."""
        labels = [[NO, YES, NO], [YES, YES, NO], [NO, NO, YES], [YES, NO, NO]]
        p_yes = [[0.01, 0.99, 0.3], [0.99, 0.6, 0.01], [0.01, 0.4, 0.99], [0.99, 0.01, 0.3]]
        source = source_of(make_table(labels, p_yes, gold=[Label.YES, Label.NO, Label.YES, Label.NO], seconds=[0.1, 0.15, 0.3]))
        cascade = fit_cascade(source, replace(EPISODE, t_max=2), 0.01)
        assert cascade.order == (1, 2)
        assert run(cascade, source).correct.all()

    @pytest.mark.parametrize("t_max", [2, 3])
    def test_no_order_with_the_same_border_everywhere_does_better(self, t_max: int) -> None:
        source = random_source(np.random.default_rng(5), 40, 3)
        found = utility(fit_cascade(source, replace(EPISODE, t_max=t_max), 0.02), source, 0.02)
        for order, border in itertools.product(itertools.permutations(range(3), t_max), np.linspace(0.5, 1.0, 6)):
            rules, borders = never(t_max), np.full(t_max - 1, border)
            rival = Cascade(name="rival", family="cascade", rules=rules, order=order, thresholds=borders)
            assert found >= utility(rival, source, 0.02) - 1e-9

    def test_names_the_experts_that_it_can_reach(self) -> None:
        source = source_of(make_table([[NO, YES, YES]], seconds=[0.1, 0.2, 0.3]))
        assert fit_cascade(source, EPISODE, 0.1).detail == "expert1"

    def test_takes_no_more_experts_than_calls_are_allowed(self) -> None:
        source = source_of(make_table([[YES, YES, YES]], seconds=[0.3, 0.1, 0.2]))
        assert fit_cascade(source, replace(EPISODE, t_max=2), 0.0).order == (1, 2)

    def test_learns_to_trust_only_sure_replies(self) -> None:
        """The cheap expert is right when sure; the dear one is always right and ten times as dear."""
        labels = [[YES, YES], [YES, NO], [NO, YES], [NO, NO]]
        p_yes = [[0.99, 0.9], [0.6, 0.1], [0.4, 0.9], [0.01, 0.1]]
        source = source_of(make_table(labels, p_yes, seconds=[0.1, 1.0]))
        cascade = fit_cascade(source, EPISODE, 0.01)
        route = run(cascade, source)
        assert 0.6 < cascade.thresholds[0] < 0.99
        assert route.calls.tolist() == [1, 2, 2, 1]
        assert route.correct.all()
        assert route.reasons.tolist() == [StopReason.STOP_ACTION, StopReason.T_MAX, StopReason.T_MAX, StopReason.STOP_ACTION]

    def test_dear_experts_are_not_worth_it_at_a_high_price_of_cost(self) -> None:
        source = random_source(np.random.default_rng(1), 40, 3)
        assert run(fit_cascade(source, EPISODE, 10.0), source).calls.tolist() == [1] * 40

    def test_leaves_out_transfer_where_it_harms(self) -> None:
        """The first expert is right when sure; the second is always sure, and parrots what it is shown."""
        labels = np.array([[[YES] * 4, [NO, YES, NO, NO]], [[YES] * 4, [NO, YES, NO, NO]]])
        p_yes = np.array([[[0.99] * 4, [0.1, 0.9, 0.1, 0.1]], [[0.6] * 4, [0.1, 0.9, 0.1, 0.1]]])
        source = source_of(make_table(labels, p_yes, gold=[Label.YES, Label.NO]))
        cascade = fit_cascade(source, EPISODE, 0.0)
        assert not cascade.rules.transfer
        assert run(cascade, source).correct.all()

    @pytest.mark.parametrize("seed", range(4))
    def test_is_worth_at_least_any_single_threshold(self, seed: int) -> None:
        source = random_source(np.random.default_rng(seed), 40, 3)
        found = fit_cascade(source, EPISODE, 0.05)
        for border in np.linspace(0.5, 1.0, 11):
            rival: Cascade = replace(found, thresholds=np.full(len(found.thresholds), border))
            assert utility(found, source, 0.05) >= utility(rival, source, 0.05) - 1e-9


class TestNeighbours:
    def test_worth_is_the_mean_over_the_most_similar(self) -> None:
        similarity = np.array([[0.9, 0.1, 0.8], [0.0, 1.0, 0.2]], dtype=np.float32)
        worth = neighbour_worth(similarity, np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), 2)
        np.testing.assert_allclose(worth, [[0.5, 0.0], [0.0, 0.5]])

    def test_guard_keeps_the_fallback_unless_the_advantage_exceeds_it(self) -> None:
        worth = np.array([[0.6, 0.7], [0.6, 0.9]])
        assert guarded(worth, 0.2, 0).tolist() == [0, 1]

    def test_infinite_guard_never_leaves_the_best_single_expert(self) -> None:
        assert guarded(np.array([[0.0, 1.0]]), np.inf, 0).tolist() == [0]

    def test_finds_who_is_good_at_what(self) -> None:
        """Questions point left or right; expert 0 knows the left ones, expert 1 the right ones."""
        training, validation, test = (self.two_kinds(n) for n in (40, 20, 12))
        picker = fit_neighbours(training, validation, 0.0)
        assert picker.guard < np.inf
        assert picker.pick(test.vectors).tolist() == [q % 2 for q in range(12)]

    def test_falls_back_where_neighbours_tell_nothing(self) -> None:
        rng = np.random.default_rng(3)
        training, validation = (part(random_source(rng, n, 3, skill=0.7), n) for n in (60, 200))
        picker = fit_neighbours(training, validation, 0.0)
        best = training.source.quality[:, :, 0].mean(axis=0).argmax()
        fitted = self.validation_accuracy(picker, validation)
        assert picker.fallback == best
        assert fitted >= validation.source.quality[:, best, 0].mean(), "the guard may always close"

    def test_setting_is_the_best_on_validation(self) -> None:
        rng = np.random.default_rng(4)
        training, validation = (part(random_source(rng, n, 3), n) for n in (50, 30))
        picker = fit_neighbours(training, validation, 0.0)
        rivals = [replace(picker, k=k, guard=guard) for k in (5, 10, 20, 40) for guard in GUARDS]
        assert self.validation_accuracy(picker, validation) == max(self.validation_accuracy(rival, validation) for rival in rivals)

    def test_few_training_questions_are_enough(self) -> None:
        training = part(random_source(np.random.default_rng(5), 3, 2))
        assert fit_neighbours(training, training, 0.0).k == 3

    @staticmethod
    def validation_accuracy(picker: Neighbours, validation: Part) -> float:
        picks = picker.pick(validation.vectors)
        return float(validation.source.quality[np.arange(len(picks)), picks, 0].mean())

    @staticmethod
    def two_kinds(n: int) -> Part:
        gold = [Label.YES] * n
        labels = [[YES, NO] if q % 2 == 0 else [NO, YES] for q in range(n)]
        vectors = np.array([[1.0, 0.1 * (q % 3)] if q % 2 == 0 else [-1.0, 0.1 * (q % 3)] for q in range(n)], dtype=np.float32)
        return Part(source_of(make_table(labels, gold=gold)), vectors)


class TestLogistic:
    def test_finds_who_is_good_at_what(self) -> None:
        training, validation, test = (TestNeighbours.two_kinds(n) for n in (40, 20, 12))
        assert fit_logistic(training, validation, 0.0).pick(test.vectors).tolist() == [q % 2 for q in range(12)]

    def test_price_tips_the_balance(self) -> None:
        source = source_of(make_table([[YES, YES], [NO, NO]] * 10, seconds=[0.3, 0.1]))
        assert set(fit_logistic(part(source), part(source, 1), 0.1).pick(part(source, 2).vectors)) == {1}

    def test_without_information_predicts_the_share_of_right_replies(self) -> None:
        source = random_source(np.random.default_rng(6), 200, 2, skill=0.75)
        blind = Part(source, np.ones((200, 3), dtype=np.float32))
        logits = fit_logistic(blind, blind, 0.0).logits(blind.vectors)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[0])), source.quality[:, :, 0].mean(axis=0), atol=1e-3)

    def test_agrees_with_newtons_method(self) -> None:
        """The stationary point of the penalised loss, found another way."""
        source = random_source(np.random.default_rng(7), 80, 1, skill=0.6)
        training = part(source, 8, dimension=3)
        model = fit_logistic(training, training, 0.0)
        np.testing.assert_allclose(model.logits(training.vectors)[:, 0], self.newton(training, model.l2), atol=2e-3)

    @staticmethod
    def newton(training: Part, l2: float) -> np.ndarray:
        x = training.vectors.astype(float)
        x = np.column_stack([(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))])
        y = training.source.quality[:, 0, 0]
        theta, penalty = np.zeros(4), np.diag([l2, l2, l2, 0.0])
        for _ in range(50):
            p = 1 / (1 + np.exp(-x @ theta))
            hessian = x.T @ (x * (p * (1 - p))[:, None]) / len(x) + penalty
            theta -= np.linalg.solve(hessian, x.T @ (p - y) / len(x) + penalty @ theta)
        return x @ theta

    def test_log_loss_by_hand(self) -> None:
        assert log_loss(np.log([[4.0, 0.25]]), np.array([[True, True]])) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)

    def test_l2_is_the_best_on_validation(self) -> None:
        rng = np.random.default_rng(9)
        noise = part(random_source(rng, 30, 2), 1, dimension=20), part(random_source(rng, 60, 2), 2, dimension=20)
        assert fit_logistic(*noise, 0.0).l2 == max(L2_WEIGHTS) == 100.0, "pure noise is best ignored"
        model: Logistic = fit_logistic(TestNeighbours.two_kinds(40), TestNeighbours.two_kinds(20), 0.0)
        assert model.l2 < 1.0, "a clear signal is not"

    @pytest.mark.parametrize("seed", range(8))
    def test_the_search_that_stops_early_chooses_as_the_whole_grid(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every penalty fitted by itself, from nothing: the same choice, and the same predictions to the tolerance of the fit."""
        training, validation = self.signal_in_noise(seed, 120), self.signal_in_noise(seed + 100, 60)
        right = first_call_right(validation.source)
        alone = [_LogisticFit(training, np.zeros(2)).model(l2) for l2 in L2_WEIGHTS]
        best = min(alone, key=lambda model: log_loss(model.logits(validation.vectors), right))
        fitted: list[float] = []
        whole = _LogisticFit.model
        monkeypatch.setattr(_LogisticFit, "model", lambda fit, l2: fitted.append(l2) or whole(fit, l2))
        chosen = fit_logistic(training, validation, 0.0)
        assert chosen.l2 == best.l2
        np.testing.assert_allclose(chosen.logits(validation.vectors), best.logits(validation.vectors), atol=5e-3)
        assert fitted == list(L2_WEIGHTS[: len(fitted)])
        assert len(fitted) <= L2_WEIGHTS.index(chosen.l2) + 3
        again = fit_logistic(training, validation, 0.0)
        assert np.array_equal(again.weights, chosen.weights) and np.array_equal(again.bias, chosen.bias)

    @staticmethod
    def signal_in_noise(seed: int, n: int) -> Part:
        """Vectors of which some numbers say, more or less clearly by seed, who is right."""
        rng = np.random.default_rng(seed)
        source = random_source(rng, n, 2, skill=0.6)
        vectors = rng.normal(size=(n, 40))
        vectors[:, :2] += (seed % 4) * first_call_right(source)
        return Part(source, vectors.astype(np.float32))


class TestOracles:
    @pytest.mark.parametrize("seed", range(4))
    def test_one_step_asks_the_cheapest_right_expert(self, seed: int) -> None:
        source = random_source(np.random.default_rng(seed), 30, 3, skill=0.4)
        route = run(oracle_one_step(source, EPISODE), source)
        for q in range(30):
            costs, right = source.costs[q, :, 0], source.quality[q, :, 0] == 1
            expected = min(costs[right]) if right.any() else min(costs)
            assert route.costs[q].sum() == pytest.approx(expected)
            assert route.correct[q] == right.any()

    @pytest.mark.parametrize("seed", range(4))
    def test_multi_step_takes_a_cheapest_route_that_ends_right(self, seed: int) -> None:
        source = random_source(np.random.default_rng(seed), 25, 2, skill=0.3, invalid=0.2)
        route = run(oracle_multi_step(source, EPISODE), source)
        for q in range(25):
            ends = [self.follow(source, q, order) for n in (1, 2, 3) for order in itertools.product(range(2), repeat=n)]
            right = [cost for cost, is_right in ends if is_right]
            assert route.correct[q] == bool(right)
            assert route.costs[q].sum() == pytest.approx(min(right) if right else source.costs[q, :, 0].min())

    def test_multi_step_with_one_call_is_one_step(self) -> None:
        source = random_source(np.random.default_rng(5), 40, 3)
        one, multi = (run(make(source, replace(EPISODE, t_max=1)), source) for make in (oracle_one_step, oracle_multi_step))
        np.testing.assert_array_equal(one.experts, multi.experts)

    def test_hopeless_questions_cost_one_cheap_call(self) -> None:
        source = source_of(make_table([[NO, NO]], gold=[Label.YES], seconds=[0.3, 0.1]))
        route = run(oracle_multi_step(source, EPISODE), source)
        assert route.experts.tolist() == [[1, -1, -1]]

    @staticmethod
    def follow(source: TableSource, q: int, order: tuple[int, ...]) -> tuple[float, bool]:
        label, cost = 0, 0.0
        for expert in order:
            cost += source.costs[q, expert, label]
            label = int(source.labels[q, expert, label])
        return cost, label == source.table.gold[q]


class TestReference:
    def test_best_single_is_right_most_often_in_training(self) -> None:
        assert fit_reference(source_of(make_table([[YES, YES], [YES, NO]]))).best_single == "expert1 once"

    def test_the_cheaper_of_equals(self) -> None:
        table = make_table([[YES, YES], [NO, NO]], seconds=[0.3, 0.1])
        assert fit_reference(source_of(table)).best_single == "expert1 once"

    def test_majority_is_that_of_the_training_answers(self) -> None:
        gold = [Label.NO, Label.NO, Label.YES]
        assert fit_reference(source_of(make_table([[YES]] * 3, gold=gold))).majority is Label.NO


@pytest.fixture(scope="module")
def parts() -> tuple[Part, Part, Part]:
    rng = np.random.default_rng(11)
    return tuple(part(random_source(rng, n, 3), n) for n in (60, 30, 40))  # type: ignore[return-value]


def all_baselines(parts: tuple[Part, Part, Part], config: TrainConfig = PAPER, seed: int = 1) -> tuple[Baseline, ...]:
    return build_baselines(*parts, config, 0.02, np.random.default_rng(seed))


class TestAll:
    def test_every_baseline_of_the_design_is_there(self, parts: tuple[Part, Part, Part]) -> None:
        families = [router.family for router in all_baselines(parts)]
        assert {family: families.count(family) for family in families} == {
            "single": 3,
            "refine": 6,
            "cycle": 2,
            "vote": 1,
            "random": 3,
            "static": 1,
            "cascade": 1,
            "planner": 1,
            "neighbours": 1,
            "logistic": 1,
            "oracle": 2,
            "optimum": 1,
        }

    def test_names_are_unique(self, parts: tuple[Part, Part, Part]) -> None:
        names = [router.name for router in all_baselines(parts)]
        assert len(set(names)) == len(names)

    def test_the_best_single_expert_is_among_them(self, parts: tuple[Part, Part, Part]) -> None:
        assert fit_reference(parts[0].source).best_single in {router.name for router in all_baselines(parts)}

    def test_a_single_call_leaves_out_what_would_be_the_same(self, parts: tuple[Part, Part, Part]) -> None:
        config = replace(PAPER, episode=replace(PAPER.episode, t_max=1))
        assert not {"refine", "cycle"} & {router.family for router in all_baselines(parts, config)}

    def test_whoever_uses_the_gold_answer_says_so(self, parts: tuple[Part, Part, Part]) -> None:
        for router in all_baselines(parts):
            assert router.oracle == (router.rules.episode.end == "gold" or router.family in ("oracle", "optimum"))

    @pytest.mark.parametrize("end", ["gold", "stop_action", "confidence", "agreement", "never"])
    def test_deployable_ones_go_the_same_way_whatever_the_gold_answers(self, parts: tuple[Part, Part, Part], end: End) -> None:
        config = replace(PAPER, episode=replace(PAPER.episode, end=end))
        training, validation, test = parts
        flipped = self.with_flipped_gold(test)
        pairs = zip(all_baselines(parts, config), all_baselines((training, validation, flipped), config), strict=True)
        for known, blind in ((known, blind) for known, blind in pairs if not known.oracle):
            seen, unseen = run(known, test.source), run(blind, flipped.source)
            np.testing.assert_array_equal(seen.experts, unseen.experts, err_msg=known.name)
            np.testing.assert_array_equal(seen.answers, unseen.answers, err_msg=known.name)

    @staticmethod
    def with_flipped_gold(test: Part) -> Part:
        table = test.source.table
        gold = [Label(3 - int(code)) for code in table.gold]
        return Part(TableSource(replace(table, questions=make_questions(len(gold), gold=gold)), test.source.prices), test.vectors)

    def test_same_generator_same_random_routes(self, parts: tuple[Part, Part, Part]) -> None:
        routes = [[run(r, parts[2].source).experts for r in all_baselines(parts, seed=seed) if r.family == "random"] for seed in (1, 1, 2)]
        np.testing.assert_array_equal(routes[0][1], routes[1][1])
        assert not np.array_equal(routes[0][1], routes[2][1])

    def test_random_expert_asks_all_alike(self) -> None:
        rng = np.random.default_rng(12)
        many = part(random_source(rng, 900, 3))
        router = next(r for r in all_baselines((many, many, many)) if r.name == "random expert")
        counts = np.bincount(run(router, many.source).experts.ravel())
        np.testing.assert_allclose(counts / 900, 1 / 3, atol=0.05)

    def test_one_expert_alone_works(self) -> None:
        rng = np.random.default_rng(13)
        alone = tuple(part(random_source(rng, n, 1), n) for n in (20, 10, 15))
        for router in all_baselines(alone):  # type: ignore[arg-type]
            assert (run(router, alone[2].source).calls >= 1).all()

    def test_choosing_leaves_the_situation_as_it_was(self, parts: tuple[Part, Part, Part]) -> None:
        now = Situation.start(np.arange(40), 3)
        for router in all_baselines(parts):
            router.choose(now)
        assert not now.tried.any()
        assert not now.step.any()


def test_a_fixed_order_is_a_router_of_its_own() -> None:
    router = FixedOrder(name="mine", family="static", rules=never(2), order=(1, 0))
    assert run(router, source_of(make_table([[YES, NO]]))).experts.tolist() == [[1, 0]]
