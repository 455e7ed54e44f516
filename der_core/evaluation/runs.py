"""Finished trainings on disk: one folder a run, readable without the program.

    runs/<id>/run.json      name, star, times; small, rewritten as a whole
    runs/<id>/report.json   the report (see `der_core.evaluation.report`)
    runs/<id>/router.zip    the router (see `der_core.routing.saved.router_file`)
    runs/.deleted/<id>/     deleted runs, until they are deleted for good
    runs/.adopted.json      ids of runs that came with the product and were copied in, each once

Every write goes to a temporary file first and is moved into place, so two processes never see half a run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from der_core.errors import DerError, ReportError
from der_core.evaluation.report import SCHEMA_VERSION
from der_core.routing.saved.router_file import load_router, save_router
from der_core.routing.saved.trained import TrainedRouter

Report = dict[str, Any]  # Any: a JSON object, see report_schema.json
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_DELETED = ".deleted"
_ADOPTED = ".adopted.json"


class UnknownRun(DerError):
    """There is no run of that id."""


@dataclass(frozen=True)
class Run:
    """What is known of a run without opening its report. `created_utc` is an ISO time."""

    id: str
    name: str
    created_utc: str
    starred: bool = False


class RunStore:
    """The runs of one folder."""

    def __init__(self, root: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root = root
        self._now = now

    def list(self) -> tuple[Run, ...]:
        """Return all runs, starred first, then newest first."""
        return _in_order(self._folders(self.root))

    def deleted(self) -> tuple[Run, ...]:
        """Return the runs that were put aside and can be brought back, in the same order."""
        return _in_order(self._folders(self.root / _DELETED))

    def save(self, router: TrainedRouter, report: Report, name: str) -> Run:
        """Keep a finished training and return its run; the id is readable and never used twice."""
        created = self._now()
        run = Run(self._free_id(name, created), name, created.isoformat(timespec="seconds"))
        self.root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            save_router(router, scratch / "router.zip")
            _write_json(scratch / "report.json", report)
            _write_json(scratch / "run.json", asdict(run))
            os.replace(scratch, self.root / run.id)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)  # nothing is there any more if all went well
        return run

    def adopt(self, shipped: Path) -> None:
        """Copy in the runs of the folder `shipped`, each once ever: one that was renamed or deleted since stays as it is."""
        known = _read_adopted(self.root / _ADOPTED)
        new = [folder for folder in self._folders(shipped) if folder.name not in known and _read_run(folder) is not None]
        if not new:
            return
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in new:
            self._copy_in(folder)
        _write_json(self.root / _ADOPTED, sorted(known | {folder.name for folder in new}))

    def get(self, run_id: str) -> Run:
        """Return one run; UnknownRun if there is none of that id."""
        run = _read_run(self._folder(run_id))
        if run is None:
            raise UnknownRun(f"There is no run {run_id!r} here; it may have been deleted. Choose another on the Runs page.")
        return run

    def load_report(self, run_id: str) -> Report:
        """Return the report of a run; ReportError where its file holds none of this version."""
        self.get(run_id)
        try:
            report = json.loads((self._folder(run_id) / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(
                f"The report of run {run_id!r} cannot be read ({type(error).__name__}); delete the run and train again."
            ) from error
        if not isinstance(report, dict) or report.get("schema_version") != SCHEMA_VERSION:
            raise ReportError(f"The report of run {run_id!r} is none of this version; delete the run and train again.")
        return report

    def load_router(self, run_id: str) -> TrainedRouter:
        """Return the router of a run."""
        return load_router(self.router_path(run_id))

    def router_path(self, run_id: str) -> Path:
        """Return where the router's zip lies."""
        self.get(run_id)
        return self._folder(run_id) / "router.zip"

    def rename(self, run_id: str, name: str) -> Run:
        """Give a run another name; its id stays."""
        return self._update(run_id, name=name.strip() or run_id)

    def star(self, run_id: str, starred: bool) -> Run:
        """Mark a run, or take the mark away."""
        return self._update(run_id, starred=starred)

    def delete(self, run_id: str) -> None:
        """Put a run aside; `restore` brings it back."""
        self.get(run_id)
        aside = self.root / _DELETED / run_id
        aside.parent.mkdir(exist_ok=True)
        os.replace(self._folder(run_id), aside)

    def restore(self, run_id: str) -> Run:
        """Bring back a run that was deleted."""
        aside = self.root / _DELETED / run_id
        if _read_run(aside) is None:
            raise UnknownRun(f"There is no deleted run {run_id!r} to bring back.")
        os.replace(aside, self._folder(run_id))
        return self.get(run_id)

    def purge(self) -> None:
        """Delete for good what was put aside."""
        shutil.rmtree(self.root / _DELETED, ignore_errors=True)

    def _copy_in(self, folder: Path) -> None:
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            shutil.copytree(folder, scratch, dirs_exist_ok=True, copy_function=shutil.copyfile)
            if not (self.root / folder.name).exists():
                os.replace(scratch, self.root / folder.name)
        except OSError:
            if not (self.root / folder.name).exists():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _update(self, run_id: str, **changes: Any) -> Run:  # Any: values of Run's fields
        run = replace(self.get(run_id), **changes)
        _write_json(self._folder(run_id) / "run.json", asdict(run))
        return run

    def _folder(self, run_id: str) -> Path:
        if not _ID.fullmatch(run_id):  # ids come from addresses too: nothing may point outside the folder
            raise UnknownRun(f"{run_id!r} is not the id of a run.")
        return self.root / run_id

    def _folders(self, root: Path) -> tuple[Path, ...]:
        return tuple(folder for folder in root.iterdir() if _ID.fullmatch(folder.name)) if root.is_dir() else ()

    def _free_id(self, name: str, created: datetime) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
        stem = f"{slug}-{created:%Y%m%d-%H%M%S}"
        taken = {folder.name for root in (self.root, self.root / _DELETED) for folder in self._folders(root)}
        return next(candidate for candidate in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if candidate not in taken)


def _in_order(folders: Iterable[Path]) -> tuple[Run, ...]:
    runs = [run for folder in folders if (run := _read_run(folder)) is not None]
    newest_first = sorted(runs, key=lambda run: run.created_utc, reverse=True)
    return tuple(sorted(newest_first, key=lambda run: not run.starred))


def _read_adopted(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # never written, or damaged: then a deleted run comes back, and nothing is lost
        return set()


def _read_run(folder: Path) -> Run | None:
    try:
        run = Run(**json.loads((folder / "run.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # not a run, or one that another process is just removing
        return None
    is_whole = run.id == folder.name and isinstance(run.name, str) and isinstance(run.created_utc, str) and isinstance(run.starred, bool)
    return run if is_whole else None


def _write_json(path: Path, data: object) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    os.replace(partial, path)
