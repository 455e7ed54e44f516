"""Outputs are refused before the work, written whole or not at all, and commands say so in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from der_core import files
from der_core.cli import main
from der_core.config import AskOptions, PPOConfig, RewardConfig, TrainConfig
from der_core.errors import SettingsError
from der_core.files import SCRATCH, check_output, check_output_folder, write_whole


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").write_text("whole")
    os.mkfifo("fifo")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nowhere/router.zip", "mkdir -p nowhere"),
        ("folder", "folder is a folder"),
        ("file/router.zip", "file is a file, not a folder"),
        ("fifo", "no plain file"),
        ("x" * 300, "no name of a file"),
        ("folder/" + "é" * 200, "no name of a file"),
        ("a\0b", "no name of a file"),
        ("", "no name of a file"),
        ("/proc/router.zip", "cannot be written"),
        ("/dev/null", "no plain file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_with_what_makes_it_right(place: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        check_output(Path(place), "--save-router")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_found_out_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left on device"):
        check_output(Path("router.zip"), "--save-router")
    with pytest.raises(OSError, match="No space left"):
        write_whole(Path("file"), b"new")
    assert Path("file").read_text() == "whole" and not list(Path().glob(f"{SCRATCH}*"))


def test_a_good_place_is_left_as_it_is() -> None:
    check_output(Path("file"), "--save-router")
    check_output(Path("folder/new"), "--save-router")
    check_output_folder(Path("folder/deeper"), "--save-runs")
    assert Path("file").read_text() == "whole" and os.listdir("folder") == ["deeper"]
    with pytest.raises(SettingsError, match="--save-runs"):
        check_output_folder(Path("file/runs"), "--save-runs")


def test_what_is_written_has_the_usual_permissions() -> None:
    write_whole(Path("new"), b"x")
    assert Path("new").stat().st_mode & 0o777 == Path("file").stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["train", "--save-router", "nowhere/router.zip"], "mkdir -p nowhere"),
        (["run", "--save-router", "folder"], "is a folder"),
        (["run", "--save-report", "nowhere/report.json"], "mkdir -p nowhere"),
        (["evaluate", "--save-report", "folder"], "is a folder"),
        (["evaluate", "--save-runs", "file"], "--save-runs"),
        (["train", "--alpha", "nan"], "alpha must lie"),
        (["train", "--beta", "inf"], "beta must lie"),
        (["train", "--gamma", "1e300"], "gamma must lie"),
        (["train", "--encoder", ""], "names no encoder"),
        (["train", "--ppo-steps", "1000000000000"], "total_steps"),
        (["train", "--store", "x" * 300 + ".sqlite"], "x"),
    ],
)
def test_a_command_refuses_it_before_the_work(command: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    said = capsys.readouterr().err
    assert told in said and said.startswith("error: ") and said.count("\n") == 1


@pytest.mark.parametrize("option", ["--seed=-1", "--seed=1e3", "--seed=99999999999", "--split-seed=-1", "--train-samples=-5"])
def test_a_number_that_nobody_can_mean_is_no_option(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", option])
    assert "a whole number from 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        TrainConfig(seed=-1),
        TrainConfig(encoder=""),
        TrainConfig(calibration_samples=10**9),
        TrainConfig(reward=RewardConfig(alpha=float("nan"))),
        TrainConfig(reward=RewardConfig(repeat_penalty=float("inf"))),
        TrainConfig(ppo=PPOConfig(n_envs=10**6)),
        TrainConfig(ppo=PPOConfig(entropy_weight=float("nan"))),
        TrainConfig(ppo=PPOConfig(device="cpu; rm")),
        AskOptions(read_timeout_s=1e300),
        AskOptions(context_tokens=-5),
        AskOptions(retries=10**9),
    ],
    ids=repr,
)
def test_settings_out_of_bounds_are_refused(settings: TrainConfig | AskOptions) -> None:
    with pytest.raises(SettingsError):
        settings.check()
