from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fakes import make_table
from trained_routers import QUICK_DEPLOYABLE, untrained_router

from der_core.errors import ReportError, RouterFileError
from der_core.evaluation.runs import Run, RunStore, UnknownRun
from der_core.routing.saved.router_file import pack_router
from der_core.routing.saved.trained import TrainedRouter

NOON = datetime(2025, 3, 4, 12, 0, 0, tzinfo=UTC)
SHIPPED_RUNS = Path(__file__).resolve().parents[2] / "assets" / "runs"
REPORT = json.loads((SHIPPED_RUNS / "paper-seed-1-20261124-203252" / "report.json").read_text(encoding="utf-8"))
REPORT["results"]["headline"] = "Ünïcode “quotes”"


@pytest.fixture(scope="module")
def router() -> TrainedRouter:
    return untrained_router(make_table(np.ones((8, 2), dtype=int)), QUICK_DEPLOYABLE)


class Clock:
    """A clock that moves by a minute at each look."""

    def __init__(self, step: timedelta = timedelta(minutes=1)) -> None:
        self.now, self.step = NOON - step, step

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs", Clock())


def names(runs: tuple[Run, ...]) -> list[str]:
    return [run.name for run in runs]


def test_a_folder_that_is_not_there_holds_no_runs(store: RunStore) -> None:
    assert store.list() == ()
    assert store.deleted() == ()
    assert not store.root.exists()


def test_a_saved_run_comes_back_whole(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "My run")
    assert run == Run("my-run-20250304-120000", "My run", "2025-03-04T12:00:00+00:00")
    again = RunStore(store.root)
    assert again.list() == (run,)
    assert again.get(run.id) == run
    assert again.load_report(run.id) == REPORT
    assert pack_router(again.load_router(run.id)) == pack_router(router)


def test_nothing_else_is_left_in_the_folder(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "x")
    assert [path.name for path in store.root.iterdir()] == [run.id]
    assert sorted(path.name for path in (store.root / run.id).iterdir()) == ["report.json", "router.zip", "run.json"]


@pytest.mark.parametrize(
    ("name", "start"),
    [("α β γ", "run-2025"), ("", "run-2025"), ("../../etc", "etc-2025"), ("A  B--c!", "a-b-c-2025"), ("x" * 200, "x" * 40 + "-2025")],
)
def test_any_name_gives_an_id_that_is_safe_in_paths_and_addresses(store: RunStore, router: TrainedRouter, name: str, start: str) -> None:
    run = store.save(router, REPORT, name)
    assert run.id.startswith(start)
    assert store.get(run.id).name == name
    assert (store.root / run.id).parent == store.root


def test_two_runs_of_one_name_and_second_have_ids_of_their_own(tmp_path: Path, router: TrainedRouter) -> None:
    store = RunStore(tmp_path, Clock(timedelta(0)))
    first, second = store.save(router, REPORT, "x"), store.save(router, REPORT, "x")
    store.delete(second.id)
    third = store.save(router, REPORT, "x")
    assert [run.id.removeprefix(first.id) for run in (first, second, third)] == ["", "-2", "-3"]


def test_starred_runs_come_first_then_the_newest(store: RunStore, router: TrainedRouter) -> None:
    old, middle, new = (store.save(router, REPORT, name) for name in ("old", "middle", "new"))
    assert names(store.list()) == ["new", "middle", "old"]
    assert store.star(old.id, True).starred
    assert names(store.list()) == ["old", "new", "middle"]
    store.star(old.id, False)
    assert names(store.list()) == ["new", "middle", "old"]


def test_another_name_keeps_id_star_and_time(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "before")
    store.star(run.id, True)
    assert store.rename(run.id, "  after  ") == Run(run.id, "after", run.created_utc, starred=True)
    assert store.rename(run.id, "   ").name == run.id


def test_a_deleted_run_is_gone_until_it_is_brought_back(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "x")
    store.delete(run.id)
    assert store.list() == () and store.deleted() == (run,)
    for attempt in (store.get, store.load_report, store.load_router, store.delete):
        with pytest.raises(UnknownRun, match="may have been deleted"):
            attempt(run.id)
    assert store.restore(run.id) == run
    assert store.list() == (run,) and store.deleted() == ()
    assert store.load_report(run.id) == REPORT


def test_purging_deletes_for_good_and_only_what_was_put_aside(store: RunStore, router: TrainedRouter) -> None:
    kept, gone = store.save(router, REPORT, "kept"), store.save(router, REPORT, "gone")
    store.delete(gone.id)
    store.purge()
    assert store.list() == (kept,) and store.deleted() == ()
    with pytest.raises(UnknownRun, match="no deleted run"):
        store.restore(gone.id)
    store.purge()


@pytest.mark.parametrize("run_id", ["../outside", "/etc", "", ".deleted", "UPPER", "a/b", "a" * 81, "a\nb", "a\n"])
def test_an_id_that_could_point_elsewhere_is_no_id(store: RunStore, router: TrainedRouter, run_id: str) -> None:
    store.save(router, REPORT, "x")
    for attempt in (store.get, store.load_report, store.load_router, store.delete, store.restore):
        with pytest.raises(UnknownRun):
            attempt(run_id)


def test_what_is_not_a_run_is_passed_over(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "x")
    for folder, text in (
        ("empty", None),
        ("broken", "{"),
        ("other", '{"a": 1}'),
        ("list", "[1]"),
        ("typed", '{"id": 1, "name": 2, "created_utc": 3}'),
    ):
        (store.root / folder).mkdir()
        if text is not None:
            (store.root / folder / "run.json").write_text(text)
    assert store.list() == (run,)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema_version": 99}', "\x00"])
def test_a_report_that_was_damaged_is_told_in_one_line(store: RunStore, router: TrainedRouter, text: str | None) -> None:
    run = store.save(router, REPORT, "x")
    path = store.root / run.id / "report.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ReportError, match=f"The report of run '{run.id}'"):
        store.load_report(run.id)


def test_a_router_that_was_damaged_is_told_in_one_line(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "x")
    (store.root / run.id / "router.zip").write_bytes(b"PK")
    with pytest.raises(RouterFileError):
        store.load_router(run.id)


def test_figures_that_json_lacks_are_refused_and_leave_no_run(store: RunStore, router: TrainedRouter) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.save(router, {**REPORT, "figure": float("nan")}, "x")
    assert store.list() == ()
    assert not any(store.root.iterdir())


def test_a_run_is_readable_without_the_program(store: RunStore, router: TrainedRouter) -> None:
    run = store.save(router, REPORT, "x")
    text = (store.root / run.id / "run.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"id": run.id, "name": "x", "created_utc": run.created_utc, "starred": False}


@pytest.fixture
def shipped(tmp_path: Path, router: TrainedRouter) -> RunStore:
    """Two runs as they lie in the product."""
    store = RunStore(tmp_path / "shipped", Clock())
    store.save(router, REPORT, "Paper")
    store.save(router, REPORT, "Deployable")
    return store


def test_shipped_runs_are_copied_into_a_new_folder(store: RunStore, shipped: RunStore, router: TrainedRouter) -> None:
    store.adopt(shipped.root)
    assert store.list() == shipped.list()
    run = store.list()[0]
    assert store.load_report(run.id) == REPORT
    assert pack_router(store.load_router(run.id)) == pack_router(router)


def test_a_shipped_run_is_copied_once_whatever_became_of_it(store: RunStore, shipped: RunStore) -> None:
    store.adopt(shipped.root)
    newer, older = store.list()
    store.delete(newer.id)
    store.purge()
    store.rename(older.id, "Mine")
    store.adopt(shipped.root)
    assert names(store.list()) == ["Mine"]


def test_runs_shipped_later_join_those_copied_before(store: RunStore, shipped: RunStore, router: TrainedRouter) -> None:
    store.adopt(shipped.root)
    shipped.save(router, REPORT, "Third")
    store.adopt(shipped.root)
    assert names(store.list()) == ["Third", "Deployable", "Paper"]


def test_nothing_is_written_where_no_run_is_shipped(store: RunStore, tmp_path: Path) -> None:
    store.adopt(tmp_path / "nowhere")
    assert not store.root.exists()


def test_a_damaged_list_of_copied_runs_loses_none(store: RunStore, shipped: RunStore) -> None:
    store.adopt(shipped.root)
    store.rename(store.list()[0].id, "Mine")
    (store.root / ".adopted.json").write_text("{", encoding="utf-8")
    store.adopt(shipped.root)
    assert sorted(names(store.list())) == ["Mine", "Paper"]
