"""The state: what the router sees, column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from fakes import make_questions, make_table
from numpy.typing import NDArray
from random_tables import source_of

from der_core.config import EpisodeConfig, RewardConfig
from der_core.records import Label, Question
from der_core.routing.process import DecisionProcess, Situation
from der_core.routing.state import COMPONENTS, FARTHEST, Projection, Scaling, StateEncoder, state_text

DIMENSION = 12


class HashEncoder:
    """A vector for each text, the same every time; different texts get different ones."""

    id = "hash"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        return np.array([np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds], dtype=np.float32)


def fitted(kind: str, end: str = "gold", n: int = 40, n_experts: int = 2) -> tuple[StateEncoder, HashEncoder]:
    encoder = HashEncoder()
    return StateEncoder.fit(make_questions(n), EpisodeConfig(state=kind, end=end), n_experts, encoder), encoder


class TestText:
    def test_is_question_and_previous_label_without_the_passage(self) -> None:
        question = Question("q", "is water wet", "A long passage.")
        assert state_text(question, Label.NONE) == "Q: is water wet\nA:"
        assert state_text(question, Label.YES) == "Q: is water wet\nA: yes"
        assert state_text(question, Label.INVALID) == "Q: is water wet\nA: invalid"

    def test_observation_is_the_vector_of_the_state_text(self) -> None:
        state, encoder = fitted("text")
        questions = make_questions(3)
        vectors = state.question_vectors(questions, encoder)
        now = Situation.start(np.array([2, 0]), 2)
        now.label[:] = [Label.NONE, Label.NO]
        expected = encoder.encode([state_text(questions[2], Label.NONE), state_text(questions[0], Label.NO)])
        np.testing.assert_array_equal(state.observe(vectors, now), expected)

    def test_never_shows_the_passage_to_the_encoder(self) -> None:
        state, encoder = fitted("text")
        state.question_vectors(make_questions(3), encoder)
        assert not any("passage" in text for text in encoder.seen)

    def test_nothing_else_changes_it(self) -> None:
        state, encoder = fitted("text")
        vectors = state.question_vectors(make_questions(1), encoder)
        before, after = Situation.start(np.array([0]), 2), Situation.start(np.array([0]), 2)
        after.step[:], after.tried[:], after.p_yes[:], after.quality[:] = 2, True, 0.9, 1.0
        np.testing.assert_array_equal(state.observe(vectors, before), state.observe(vectors, after))


class TestFeatures:
    def test_columns_after_the_text_fields_in_the_documented_order(self) -> None:
        state, encoder = fitted("features", n_experts=2)
        process = DecisionProcess(source_of(make_table([[1, 2]], [[0.9, 0.2]])), EpisodeConfig(), RewardConfig())
        now = process.advance(process.advance(process.start(np.array([0])), np.array([1])).situation, np.array([0])).situation
        seen = state.observe(state.question_vectors(make_questions(1), encoder), now)[0]
        step, tried, p_yes, confidence, agreement = [0, 0, 1], [1, 1], 0.9, 0.9, 0.5
        assert list(seen[-12:]) == pytest.approx([0, 1, 0, 0, *step, *tried, p_yes, confidence, agreement], abs=1e-6)

    def test_each_expert_tried_has_its_own_column(self) -> None:
        state, encoder = fitted("features", n_experts=3)
        vectors = state.question_vectors(make_questions(1), encoder)
        now = Situation.start(np.array([0]), 3)
        now.tried[0, 1] = True
        assert list(state.observe(vectors, now)[0, -6:-3]) == [0.0, 1.0, 0.0]

    def test_size_is_that_of_an_observation(self) -> None:
        for kind in ("text", "features"):
            for end in ("gold", "stop_action"):
                state, encoder = fitted(kind, end)
                vectors = state.question_vectors(make_questions(2), encoder)
                assert state.observe(vectors, Situation.start(np.arange(2), 2)).shape == (2, state.size)

    def test_gold_answer_cannot_be_seen(self) -> None:
        state, encoder = fitted("features", "stop_action")
        vectors = state.question_vectors(make_questions(1), encoder)
        right, wrong = Situation.start(np.array([0]), 2), Situation.start(np.array([0]), 2)
        right.quality[:] = 1.0
        np.testing.assert_array_equal(state.observe(vectors, right), state.observe(vectors, wrong))

    def test_question_passage_and_answer_are_encoded_apart(self) -> None:
        state, encoder = fitted("features")
        encoder.seen.clear()
        state.question_vectors([Question("q", "is it so?", "It is so.")], encoder)
        assert encoder.seen == ["", "yes", "no", "invalid", "is it so?", "It is so."]

    def test_a_route_that_has_just_ended_at_t_max_can_be_observed(self) -> None:
        state, encoder = fitted("features")
        now = Situation.start(np.array([0]), 2)
        now.step[:] = 3
        assert np.isfinite(state.observe(state.question_vectors(make_questions(1), encoder), now)).all()


@pytest.mark.parametrize("kind", ["text", "features"])
def test_last_column_tells_whether_stop_is_allowed(kind: str) -> None:
    state, encoder = fitted(kind, "stop_action")
    vectors = state.question_vectors(make_questions(2), encoder)
    now = Situation.start(np.arange(2), 2)
    now.step[:] = [0, 1]
    assert list(state.observe(vectors, now)[:, -1]) == [0.0, 1.0]


class TestProjection:
    def test_training_vectors_come_out_centred_with_unit_variance(self) -> None:
        vectors = np.random.default_rng(0).normal(3.0, 2.0, size=(200, 5)).astype(np.float32)
        projected = Projection.fit(vectors, 3)(vectors)
        np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(projected.var(axis=0), 1, rtol=1e-4)

    def test_components_are_uncorrelated_and_strongest_first(self) -> None:
        rng = np.random.default_rng(1)
        strong, weak = rng.normal(size=(300, 1)) * 9, rng.normal(size=(300, 1))
        vectors = np.concatenate([weak, strong], axis=1).astype(np.float32)
        first = Projection.fit(vectors, 1)(vectors)[:, 0]
        assert abs(np.corrcoef(first, strong[:, 0])[0, 1]) > 0.999

    def test_directions_without_variance_are_dropped(self) -> None:
        line = np.outer(np.arange(10), np.ones(4)).astype(np.float32)
        assert Projection.fit(line, 4).basis.shape == (4, 1)

    def test_constant_vectors_leave_nothing(self) -> None:
        constant = np.ones((5, 4), dtype=np.float32)
        assert Projection.fit(constant, 4)(constant).shape == (5, 0)

    def test_questions_without_passages_lose_that_field(self) -> None:
        state = StateEncoder.fit(make_questions(40, passage=False), EpisodeConfig(state="features"), 2, HashEncoder())
        assert state.projections["passage"].basis.shape[1] == 0
        assert state.projections["question"].basis.shape[1] == min(DIMENSION, COMPONENTS)


class TestScaling:
    def test_known_numbers(self) -> None:
        scaling = Scaling.fit([np.array([[1.0, 7.0]], dtype=np.float32), np.array([[3.0, 7.0], [5.0, 7.0]], dtype=np.float32)])
        assert scaling.mean == pytest.approx([3, 7]) and scaling.spread == pytest.approx([np.sqrt(8 / 3), 1])
        assert scaling(np.array([[5.0, 8.0]], dtype=np.float32))[0] == pytest.approx([2 / np.sqrt(8 / 3), 1])

    def test_columns_have_mean_0_and_spread_1_where_they_change(self) -> None:
        raw = np.random.default_rng(0).normal([3, -2, 0], [0.05, 10, 1], size=(500, 3)).astype(np.float32)
        seen = Scaling.fit(np.array_split(raw, 7))(raw)
        assert seen.mean(axis=0) == pytest.approx([0] * 3, abs=1e-4) and seen.std(axis=0) == pytest.approx([1] * 3, abs=0.01)

    def test_a_vector_keeps_its_directions(self) -> None:
        raw = np.random.default_rng(1).normal(0, [0.06, 0.02, 9], size=(500, 3)).astype(np.float32)
        spread = Scaling.fit([raw], together=2).spread
        assert spread[0] == spread[1] == pytest.approx(np.sqrt(raw[:, :2].var(axis=0).mean()), rel=1e-4)
        assert spread[2] == pytest.approx(raw[:, 2].std(), rel=1e-4)

    def test_what_hardly_ever_happens_does_not_outweigh_the_rest(self) -> None:
        rare = np.zeros((10_000, 1), dtype=np.float32)
        rare[0] = 1
        assert Scaling.fit([rare])(rare).max() == FARTHEST

    def test_whether_stop_is_allowed_can_still_be_read(self) -> None:
        state, encoder = fitted("features", "stop_action")
        vectors = state.question_vectors(make_questions(2), encoder)
        now = Situation.start(np.arange(2), 2)
        now.step[:] = [0, 1]
        scaled = state.with_scaling([state.observe(vectors, now)])
        assert list(scaled.observe(vectors, now)[:, -1]) == [0.0, 1.0]
        assert state.scaling is None and scaled.size == state.size
