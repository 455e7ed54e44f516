"""Runs and routers bent in every way: shown, or refused in one line, and the list of runs goes on."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bending import bent
from fuzzing import examples
from hypothesis import HealthCheck, given, settings
from random_tables import random_table
from trained_routers import QUICK_DEPLOYABLE, agent_routes, untrained_router

from der_core.errors import DerError, ReportError, RouterFileError
from der_core.evaluation.html_report import html_report
from der_core.evaluation.reported import reported_claims, reported_comparison, reported_flips, reported_intervals
from der_core.evaluation.runs import RunStore, UnknownRun
from der_core.files import LEFT_OVER_S
from der_core.routing.saved.manifest import SCHEMA
from der_core.routing.saved.router_file import MANIFEST, load_router, pack_router
from ui.runs.charts import RunCurves, settings_frame
from ui.runs.table import _results, _settings, flat_settings
from ui.runs.traces import traces_frame

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "runs" / "deployable-seed-1-20261124-203253"
REPORT: dict[str, Any] = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))
RECORD: dict[str, Any] = json.loads((SHIPPED / "run.json").read_text(encoding="utf-8"))
REPORT["traces"]["questions"] = REPORT["traces"]["questions"][:2]
TABLE = random_table(np.random.default_rng(3), n_questions=6, n_experts=3)
WHOLE = pack_router(untrained_router(TABLE, QUICK_DEPLOYABLE))
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(SHIPPED, root / SHIPPED.name)
    return RunStore(root)


@pytest.fixture
def bent_run(runs: RunStore) -> Iterator[Path]:
    """The folder of a run to write into; whole again afterwards."""
    yield runs.root / SHIPPED.name
    shutil.rmtree(runs.root / SHIPPED.name)
    shutil.copytree(SHIPPED, runs.root / SHIPPED.name)


def show(report: dict[str, Any]) -> None:
    """All that pages do with a report, without the pages."""
    html_report(report, "x")
    reported_comparison(report)
    reported_flips(report)
    reported_claims(report)
    reported_intervals(report)
    _results(report), _settings(report)
    settings_frame({"a": flat_settings(report), "b": flat_settings(REPORT)})
    assert RunCurves.of_report("x", report).frame is not None
    traces_frame(report["traces"])


@settings(max_examples=examples(80), **PATIENT)
@given(report=bent(REPORT))
def test_a_hostile_report_is_shown_or_refused_in_one_line(runs: RunStore, bent_run: Path, report: dict[str, Any]) -> None:
    (bent_run / "report.json").write_text(json.dumps(report), encoding="utf-8")
    try:
        read = runs.load_report(bent_run.name)
    except ReportError as error:
        assert "\n" not in str(error) and len(str(error)) < 1_000
        return
    show(read)


@settings(max_examples=examples(60), **PATIENT)
@given(record=bent({"run": RECORD}))
def test_a_hostile_record_of_a_run_is_listed_or_told_with_the_reason(runs: RunStore, bent_run: Path, record: dict[str, Any]) -> None:
    (bent_run / "run.json").write_text(json.dumps(record.get("run")), encoding="utf-8")
    listed, refused = runs.list(), runs.unreadable()
    assert len(listed) + len(refused) == 1
    for found in refused:
        assert "\n" not in found.reason and len(found.reason) < 500
        with pytest.raises(UnknownRun, match="cannot be shown"):
            runs.load_report(found.id)
        runs.delete(found.id)
        assert not runs.unreadable()
        os.replace(runs.root / ".deleted" / found.id, runs.root / found.id)


@settings(max_examples=examples(60), **PATIENT)
@given(manifest=bent(json.loads(zipfile.ZipFile(io.BytesIO(WHOLE)).read(MANIFEST))))
def test_a_hostile_manifest_is_refused_or_routes_all_the_same(manifest: dict[str, Any]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as whole, zipfile.ZipFile(packed, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, json.dumps(manifest) if name == MANIFEST else whole.read(name))
    try:
        router = load_router(packed.getvalue())
    except RouterFileError as error:
        assert "\n" not in str(error) and len(str(error)) < 1_000
        return
    assert manifest["schema"] == SCHEMA or str(manifest["schema"]).startswith("der-router-")
    pack_router(router)
    try:
        assert len(agent_routes(router, TABLE)) == TABLE.n_questions
    except DerError as error:  # for instance other experts than the recording has
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["run.json", "report.json"])
@pytest.mark.parametrize("body", [b"", b"{", b"[" * 200_000, b"\xff\xfe", b"\x00", b"NaN", b'{"a": "\\ud800"}', b"1" * 5_000])
def test_bytes_that_are_no_record_and_no_report(runs: RunStore, bent_run: Path, name: str, body: bytes) -> None:
    (bent_run / name).write_bytes(body)
    if name == "run.json":
        assert [found.id for found in runs.unreadable()] == [SHIPPED.name] and not runs.list()
    with pytest.raises(DerError) as caught:
        runs.load_report(SHIPPED.name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["run.json", "report.json", "router.zip"])
@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "endless", "loop"])
def test_what_is_no_plain_file_is_not_waited_for(runs: RunStore, bent_run: Path, name: str, kind: str) -> None:
    place = bent_run / name
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "endless":
        place.symlink_to("/dev/zero")
    elif kind == "loop":
        place.symlink_to(place)
    with pytest.raises(DerError):
        runs.load_router(SHIPPED.name) if name == "router.zip" else runs.load_report(SHIPPED.name)
    assert len(runs.list()) + len(runs.unreadable()) == 1


def test_five_thousand_rows_are_refused_at_once_and_can_be_deleted(runs: RunStore, bent_run: Path) -> None:
    row = REPORT["results"]["oracle"][0]
    rows = [{**row, "name": f"router {number}"} for number in range(5_000)]
    (bent_run / "report.json").write_text(json.dumps({**REPORT, "results": {**REPORT["results"], "oracle": rows}}))
    with pytest.raises(ReportError, match="at most 1000"):
        runs.load_report(SHIPPED.name)


def test_as_many_rows_as_there_may_be_are_shown(runs: RunStore, bent_run: Path) -> None:
    row = REPORT["results"]["oracle"][0]
    rows = [{**row, "name": f"router {number}"} for number in range(1_000)]
    (bent_run / "report.json").write_text(json.dumps({**REPORT, "results": {**REPORT["results"], "oracle": rows}}))
    read = runs.load_report(SHIPPED.name)
    assert len(reported_comparison(read).oracle) == 1_000
    html_report(read, "x")


def test_leftovers_of_a_killed_save_go_at_the_next_start_and_what_is_being_made_stays(runs: RunStore) -> None:
    old, new = runs.root / ".new-old", runs.root / ".new-new"
    for folder in (old, new):
        folder.mkdir(exist_ok=True)
        (folder / "router.zip").write_bytes(b"half")
    long_ago = time.time() - LEFT_OVER_S - 1
    os.utime(old, (long_ago, long_ago))
    runs.clean_up()
    assert not old.exists() and new.exists()
    shutil.rmtree(new)
