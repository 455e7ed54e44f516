"""The default encoder: its weights come with a package, and what it says is the same fresh or from a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from der_core.errors import SettingsError
from der_core.recording.store import Store
from der_core.routing.encoding import CachedEncoder, SentenceEncoder

TEXTS = ["Is the ferry late?", "Q: is the ferry late / A: yes"]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


def test_vectors_have_unit_length_and_tell_texts_apart(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode([*TEXTS, "Copper conducts electricity."])
    assert vectors.shape == (3, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > far + 0.3


def test_a_stored_vector_is_the_one_that_would_be_computed_anew_and_takes_two_bytes_a_number(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "vectors.sqlite") as store:
        cached = CachedEncoder(encoder, store)
        cached.encode(TEXTS)
        stored = store.get_vectors(encoder.id, TEXTS)
        assert {len(body) for (body,) in store._rows("SELECT vector FROM vectors")} == {2 * 384}
    np.testing.assert_array_equal(np.stack([stored[text] for text in TEXTS]), encoder.encode(TEXTS))


def test_an_encoder_that_is_not_here_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="local sentence-transformers folder"):
        SentenceEncoder(str(tmp_path / "nowhere")).encode(["text"])
