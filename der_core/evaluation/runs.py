"""Finished trainings on disk: one folder a run, readable without the program.

    runs/<id>/run.json      name, star, times; small, rewritten as a whole
    runs/<id>/report.json   the report (see `der_core.evaluation.report`)
    runs/<id>/router.zip    the router (see `der_core.routing.saved.router_file`)
    runs/.deleted/<id>/     deleted runs, until they are deleted for good
    runs/.adopted.json      ids of runs that came with the product and were copied in, each once

Every write goes to a temporary file first and is moved into place, so two processes never see half a run. What is read may
come from anywhere: a folder that holds no run is told apart with the reason, and can be put aside like a run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from der_core.bounds import CLOSED, amiss
from der_core.errors import DerError, ReportError
from der_core.evaluation.report_model import Time, read_report
from der_core.files import SCRATCH, clean_up, read_bounded, write_whole
from der_core.routing.saved.router_file import load_router, save_router
from der_core.routing.saved.trained import TrainedRouter

Report = dict[str, Any]  # Any: a JSON object, see report_schema.json
LARGEST_RECORD_BYTES, LARGEST_REPORT_BYTES = 1 << 16, 1 << 27
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_DELETED = ".deleted"
_ADOPTED = ".adopted.json"
_LONGEST_NAME = 1_000


class UnknownRun(DerError):
    """There is no run of that id."""


@dataclass(frozen=True)
class Run:
    """What is known of a run without opening its report. `created_utc` is an ISO time."""

    __pydantic_config__ = CLOSED

    id: str
    name: Annotated[str, Len(0, 1_000)]
    created_utc: Time
    starred: bool = False


@dataclass(frozen=True)
class UnreadableRun:
    """A folder among the runs that cannot be shown, and why."""

    id: str
    reason: str


class RunStore:
    """The runs of one folder."""

    def __init__(self, root: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root = root
        self._now = now

    def list(self) -> tuple[Run, ...]:
        """Return all runs, starred first, then newest first."""
        return _in_order(_read_folders(self.root))

    def unreadable(self) -> tuple[UnreadableRun, ...]:
        """Return the folders that cannot be shown as runs, by name, each with the reason; they can be deleted like runs."""
        return tuple(found for found in _read_folders(self.root) if isinstance(found, UnreadableRun))

    def deleted(self) -> tuple[Run, ...]:
        """Return the runs that were put aside and can be brought back, in the same order."""
        return _in_order(_read_folders(self.root / _DELETED))

    def save(self, router: TrainedRouter, report: Report, name: str) -> Run:
        """Keep a finished training and return its run; the id is readable and never used twice."""
        created = self._now()
        run = Run(self._free_id(name, created), name[:_LONGEST_NAME], created.isoformat(timespec="seconds"))
        with _written(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            clean_up(self.root)
            scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=self.root))
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
        new = [folder for folder in _folders(shipped) if folder.name not in known and isinstance(_read_run(folder), Run)]
        if not new:
            return
        with _written(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in new:
                self._copy_in(folder)
            _write_json(self.root / _ADOPTED, sorted(known | {folder.name for folder in new}))

    def clean_up(self) -> None:
        """Remove what killed processes left unfinished here."""
        clean_up(self.root)

    def get(self, run_id: str) -> Run:
        """Return one run; UnknownRun if there is none of that id."""
        found = _read_run(self._folder(run_id))
        if isinstance(found, UnreadableRun):
            raise UnknownRun(f"The run {run_id!r} cannot be shown: {found.reason}. Delete it on the Runs page.")
        if found is None:
            raise UnknownRun(f"There is no run {run_id!r} here; it may have been deleted. Choose another on the Runs page.")
        return found

    def load_report(self, run_id: str) -> Report:
        """Return the report of a run; ReportError, with what is wrong, where its file holds none that can be shown."""
        self.get(run_id)
        try:
            report = json.loads(read_bounded(self._folder(run_id) / "report.json", LARGEST_REPORT_BYTES))
            read_report(report)
        except (OSError, ValueError, RecursionError, ReportError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error) if isinstance(error, ReportError) else "it is not JSON"
            raise ReportError(f"The report of run {run_id!r} cannot be shown: {str(why).rstrip('.')}. Delete the run.") from error
        return Report(report)

    def load_router(self, run_id: str) -> TrainedRouter:
        """Return the router of a run."""
        return load_router(self.router_path(run_id))

    def router_path(self, run_id: str) -> Path:
        """Return where the router's zip lies."""
        self.get(run_id)
        return self._folder(run_id) / "router.zip"

    def rename(self, run_id: str, name: str) -> Run:
        """Give a run another name; its id stays."""
        return self._update(run_id, name=name.strip()[:_LONGEST_NAME] or run_id)

    def star(self, run_id: str, starred: bool) -> Run:
        """Mark a run, or take the mark away."""
        return self._update(run_id, starred=starred)

    def delete(self, run_id: str) -> None:
        """Put a run aside, one that cannot be shown too; `restore` brings it back."""
        if _read_run(self._folder(run_id)) is None:
            raise UnknownRun(f"There is no run {run_id!r} here; it may have been deleted. Choose another on the Runs page.")
        aside = self.root / _DELETED / run_id
        with _written(self.root):
            aside.parent.mkdir(exist_ok=True)
            if aside.exists():
                raise ReportError(f"A run {run_id!r} is among the deleted ones already; delete these for good first.")
            os.replace(self._folder(run_id), aside)

    def restore(self, run_id: str) -> Run:
        """Bring back a run that was deleted."""
        aside = self.root / _DELETED / run_id
        if not isinstance(_read_run(aside), Run):
            raise UnknownRun(f"There is no deleted run {run_id!r} to bring back.")
        with _written(self.root):
            os.replace(aside, self._folder(run_id))
        return self.get(run_id)

    def purge(self) -> None:
        """Delete for good what was put aside."""
        shutil.rmtree(self.root / _DELETED, ignore_errors=True)

    def _copy_in(self, folder: Path) -> None:
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=self.root))
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
        with _written(self.root):
            _write_json(self._folder(run_id) / "run.json", asdict(run))
        return run

    def _folder(self, run_id: str) -> Path:
        if not _ID.fullmatch(run_id):  # ids come from addresses too: nothing may point outside the folder
            raise UnknownRun(f"{run_id!r} is not the id of a run.")
        return self.root / run_id

    def _free_id(self, name: str, created: datetime) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
        stem = f"{slug}-{created:%Y%m%d-%H%M%S}"
        taken = {folder.name for root in (self.root, self.root / _DELETED) for folder in _folders(root)}
        return next(candidate for candidate in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if candidate not in taken)


def _in_order(found: tuple[Run | UnreadableRun, ...]) -> tuple[Run, ...]:
    newest_first = sorted((run for run in found if isinstance(run, Run)), key=lambda run: run.created_utc, reverse=True)
    return tuple(sorted(newest_first, key=lambda run: not run.starred))


def _folders(root: Path) -> tuple[Path, ...]:
    try:
        return tuple(sorted(folder for folder in root.iterdir() if _ID.fullmatch(folder.name) and folder.is_dir()))
    except OSError:  # not there, or no folder
        return ()


def _read_folders(root: Path) -> tuple[Run | UnreadableRun, ...]:
    return tuple(found for folder in _folders(root) if (found := _read_run(folder)) is not None)


def _read_adopted(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # never written, or damaged: then a deleted run comes back, and nothing is lost
        return set()


def _read_run(folder: Path) -> Run | UnreadableRun | None:
    """The run of a folder, why it cannot be shown, or None where there is none, or another process has just removed it."""
    if not folder.is_dir():
        return None
    try:
        run = _runs().validate_json(read_bounded(folder / "run.json", LARGEST_RECORD_BYTES))
    except OSError as error:
        return UnreadableRun(folder.name, f"run.json cannot be read: {error.strerror}")
    except ValidationError as error:
        return UnreadableRun(folder.name, f"run.json at {amiss(error)}")
    return run if run.id == folder.name else UnreadableRun(folder.name, f"run.json is that of {run.id[:80]!r}")


@cache
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)


@contextmanager
def _written(root: Path) -> Iterator[None]:
    """What cannot be written is told in one line."""
    try:
        yield
    except OSError as error:
        raise ReportError(f"Nothing can be changed among the runs in {root} ({error.strerror}); see that it can be written to.") from error


def _write_json(path: Path, data: object) -> None:
    write_whole(path, json.dumps(data, ensure_ascii=False, allow_nan=False).encode())
