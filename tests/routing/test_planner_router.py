"""A trained planner: the same choices trained, saved and loaded, replayed and live; nothing heavy is loaded for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_tables import random_table
from table_experts import table_experts
from test_router_file import refuse, with_arrays, with_manifest
from trained_routers import ENCODER, agent_routes, changed

from der_core.config import DEPLOYABLE, PAPER
from der_core.errors import SettingsError
from der_core.evaluation.experiment import Parts, evaluate, train
from der_core.evaluation.rollout import rollout
from der_core.recording.splits import Splits
from der_core.recording.table import Table
from der_core.routing.live import route_question
from der_core.routing.saved.router_file import load_router, pack_router
from der_core.routing.saved.trained import AgentRouter

ROOT = Path(__file__).resolve().parents[2]
PLANNER = replace(DEPLOYABLE, algorithm="planner", reward=replace(DEPLOYABLE.reward, alpha=0.05))
TABLE = random_table(np.random.default_rng(8), n_questions=90, n_experts=3, skill=0.7)


def parts_of(table: Table) -> Parts:
    names = [question.id for question in table.questions]
    third = len(names) // 3
    tables = [table.subset(range(place * third, (place + 1) * third)) for place in range(3)]
    return Parts(Splits(*(tuple(names[place * third : (place + 1) * third]) for place in range(3))), *tables, table.questions)


PARTS = parts_of(TABLE)
ROUTER = train(PARTS, PLANNER, ENCODER)
WHOLE = pack_router(ROUTER)


def test_the_loaded_planner_is_the_trained_one() -> None:
    body = pack_router(ROUTER)
    loaded = load_router(body, expected_experts=TABLE.experts, expected_encoder=ENCODER.id)
    assert pack_router(loaded) == body
    assert loaded.config == ROUTER.config and loaded.curves == () and loaded.best_update is None
    assert agent_routes(loaded, PARTS.test) == agent_routes(ROUTER, PARTS.test)


def test_all_seeds_give_the_same_planner() -> None:
    other = train(PARTS, replace(PLANNER, seed=99), ENCODER)
    assert all(np.array_equal(array, other.network.weights[name]) for name, array in ROUTER.network.weights.items())


def test_its_routes_are_those_of_the_row_that_every_comparison_has() -> None:
    """Without the rule against repeats, which baselines do not have."""
    plain = train(PARTS, changed(PLANNER, no_repeat=False), ENCODER)
    compared = evaluate(PARTS, plain, plain.config, ENCODER).comparison
    assert compared.learned is not None and compared.learned.name == "DER"
    assert np.array_equal(compared.rollouts["DER"].experts, compared.rollouts["planner"].experts)


@pytest.mark.parametrize("end", [None, "agreement", "never"])
def test_live_routes_are_the_replayed_ones(end: str | None) -> None:
    source = ROUTER.table_source(PARTS.test)
    vectors = ROUTER.state.question_vectors(PARTS.test.questions, ENCODER)
    run = rollout(AgentRouter(ROUTER, vectors, end=end), source, ROUTER.config.reward)
    assert end is None or (run.calls >= 2).all()
    for row, question in enumerate(PARTS.test.questions[:8]):
        router = AgentRouter(ROUTER, ROUTER.state.question_vectors([question], ENCODER), end=end)
        route = route_question(question, router, ROUTER.live_source([question], table_experts(PARTS.test)), ROUTER.config.reward)
        names = [spec.name for spec in TABLE.experts]
        assert [step.expert for step in route.steps] == [names[expert] for expert in run.experts[row, : run.calls[row]]]
        assert int(route.answer) == run.answers[row]


def test_its_end_is_its_own() -> None:
    with pytest.raises(SettingsError, match="stop_action"):
        replace(PAPER, algorithm="planner").check()
    with pytest.raises(SettingsError, match="Unknown algorithm"):
        replace(PAPER, algorithm="magic").check()


def test_routes_too_long_to_plan_are_refused_before_anything_is_fitted() -> None:
    many = random_table(np.random.default_rng(1), n_questions=9, n_experts=12)
    with pytest.raises(SettingsError, match="--use-experts"):
        train(parts_of(many), changed(PLANNER, t_max=8), ENCODER)


class TestForged:
    def test_arrays_of_another_shape(self) -> None:
        refuse(with_arrays(lambda arrays: arrays.update({"planner.yes": arrays["planner.yes"][:2]}), WHOLE), "planner.yes")

    def test_numbers_that_are_none(self) -> None:
        refuse(with_arrays(lambda arrays: arrays["planner.costs"].fill(np.nan), WHOLE), "not finite")

    def test_an_agent_that_says_it_is_a_planner(self) -> None:
        def claim(data: dict[str, object]) -> None:
            data["config"]["algorithm"] = "planner"

        refuse(with_manifest(claim), "text fields")

    def test_a_planner_that_says_it_is_an_agent(self) -> None:
        def claim(data: dict[str, object]) -> None:
            data["config"]["algorithm"] = "ppo"

        refuse(with_manifest(claim, WHOLE), "text fields")

    def test_more_arrays_than_it_has(self) -> None:
        refuse(with_arrays(lambda arrays: arrays.update(more=np.zeros(1, np.float32)), WHOLE), "no router with these settings")


def test_training_one_loads_neither_torch_nor_scikit_learn(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom der_core.cli import main\n"
        f"main(['train', '--algorithm', 'planner', '--store', {str(ROOT / 'assets' / 'demo.sqlite')!r}, '--recording', 'demo', "
        f"'--save-router', {str(tmp_path / 'planner.zip')!r}])\n"
        "print([name for name in ('torch', 'sklearn', 'stable_baselines3', 'sentence_transformers') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]", shown.stdout
    assert load_router(tmp_path / "planner.zip").config.algorithm == "planner"
