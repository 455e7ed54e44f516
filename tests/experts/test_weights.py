"""Weights that came with the installation: found without importing anything, joined once, all of them or none."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from weight_packages import JOINED, JOINED_BYTES, WHOLE, WHOLE_BYTES, install

from der_core.config import AskOptions, ExpertSpec
from der_core.errors import ModelMissing
from der_core.experts import weights
from der_core.experts.embedded import EmbeddedExpert, ServerPool, check_embedded
from der_core.experts.weights import WEIGHTS, GgufFiles, installed_weights, weights_file, whole_file


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "site", monkeypatch)
    return tmp_path / "site"


def test_the_names_of_the_known_weights_are_those_recordings_use() -> None:
    assert [(known.name, known.file_name, len(known.packages)) for known in WEIGHTS] == [
        ("smollm2-135m", "smollm2-135m.gguf", 1),
        ("gemma3-270m", "gemma3-270m.gguf", 4),
        ("qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b.gguf", 22),
        ("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b.gguf", 6),
    ]
    assert WEIGHTS[1].sha256 == "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def test_a_whole_file_is_used_where_it_is(site: Path, tmp_path: Path) -> None:
    place = weights_file(WHOLE, tmp_path / "models")
    assert place == whole_file(WHOLE) == site / "made_up_whole" / "Whole.Q4_1.gguf"
    assert place.read_bytes() == WHOLE_BYTES
    assert not (tmp_path / "models").exists()


def test_pieces_are_joined_in_order_and_nothing_else_is_left(site: Path, tmp_path: Path) -> None:
    place = weights_file(JOINED, tmp_path / "models")
    assert place == tmp_path / "models" / "gemma3-270m.gguf"
    assert place.read_bytes() == JOINED_BYTES
    assert os.listdir(tmp_path / "models") == ["gemma3-270m.gguf"]


def test_pieces_are_joined_once(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joins: list[Path] = []
    join = weights._join
    monkeypatch.setattr(weights, "_join", lambda known, place: joins.append(place) or join(known, place))
    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(lambda _: weights_file(JOINED, tmp_path), range(4)))
    assert places == {tmp_path / "gemma3-270m.gguf"} == set(joins)
    assert len(joins) == 1


def test_no_package_is_imported(site: Path, tmp_path: Path) -> None:
    for known in installed_weights():
        weights_file(known, tmp_path)
    assert not {*WHOLE.packages, *JOINED.packages} & set(sys.modules)


def test_a_wrong_checksum_is_an_error_and_leaves_nothing(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="gemma3-270m do not make the file they should; install its packages again"):
        weights_file(replace(JOINED, sha256="0" * 64), tmp_path / "models")
    assert os.listdir(tmp_path / "models") == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "full disk"])
def test_an_interrupted_join_leaves_nothing_and_the_next_one_succeeds(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    def half(pieces: list[Path], target: Path) -> str:
        target.write_bytes(JOINED_BYTES[:100])
        raise interrupt

    models = tmp_path / "models"
    with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, ModelMissing)) as raised:
        patch.setattr(weights, "_write", half)
        weights_file(JOINED, models)
    assert isinstance(raised.value, KeyboardInterrupt) or f"cannot be put together in {models} (No space left" in str(raised.value)
    assert os.listdir(models) == []
    assert weights_file(JOINED, models).read_bytes() == JOINED_BYTES


def test_what_a_killed_join_left_is_cleared_by_the_next_but_not_what_may_be_going_on(site: Path, tmp_path: Path) -> None:
    killed, going_on = tmp_path / ".joining-old", tmp_path / ".joining-new"
    for folder in (killed, going_on):
        folder.mkdir()
        (folder / JOINED.file_name).write_bytes(b"half")
    os.utime(killed, (1.0, 1.0))
    weights_file(JOINED, tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".joining-new", JOINED.file_name, "site"]


def test_a_whole_file_with_another_checksum_is_refused(site: Path, tmp_path: Path) -> None:
    (site / "made_up_whole" / "Whole.Q4_1.gguf").write_bytes(WHOLE_BYTES + b"!")
    with pytest.raises(ModelMissing, match="not the file that smollm2-135m is known by; install made_up_whole"):
        weights_file(WHOLE, tmp_path / "models")


def test_a_missing_piece_is_named_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch, without="made_up_part2")
    assert installed_weights() == (WHOLE, JOINED)
    with pytest.raises(ModelMissing, match="gemma3-270m is installed in part only: install made-up-part2 with pip"):
        weights_file(JOINED, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_weights_without_any_package_are_not_installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "WEIGHTS", (replace(JOINED, packages=("made_up_absent1", "made_up_absent2")), WHOLE))
    assert installed_weights() == (WHOLE,)


def test_a_file_in_pieces_is_listed_and_looked_up_unjoined_and_joined_when_an_expert_is_opened(site: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    files = GgufFiles(installed_weights(), (), models)
    assert list(files) == ["smollm2-135m.gguf", "gemma3-270m.gguf"]
    assert "gemma3-270m.gguf" in files and not models.exists()
    place = files["gemma3-270m.gguf"]
    spec = ExpertSpec("gemma", "embedded", str(place))
    health = check_embedded(spec)
    assert health.ready and health.digest == f"sha256:{JOINED.sha256}" and health.size_bytes == len(JOINED_BYTES) and not models.exists()
    expert = EmbeddedExpert(spec, AskOptions(threads=1), pool=ServerPool())
    assert place.read_bytes() == JOINED_BYTES and expert.spec.digest == health.digest
    expert.close()
    assert files.get("elsewhere.gguf") is None


def test_a_file_is_also_found_under_the_name_in_its_package(site: Path, tmp_path: Path) -> None:
    files = GgufFiles(installed_weights(), (), tmp_path)
    assert files["Whole.Q4_1.gguf"] == files["smollm2-135m.gguf"]
    assert "Whole.Q4_1.gguf" not in list(files)


def test_files_of_ones_own_win(site: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    files = GgufFiles(installed_weights(), (own / "gemma3-270m.gguf", own / "qwen2.5-coder-0.5b.gguf"), tmp_path / "models")
    assert list(files) == ["smollm2-135m.gguf", "gemma3-270m.gguf", "qwen2.5-coder-0.5b.gguf"]
    assert len(files) == 3
    assert files["gemma3-270m.gguf"] == own / "gemma3-270m.gguf"
    assert not (tmp_path / "models").exists()
