"""Kill writers at random moments and look at what is left: python -m benchmarks.kills [TIMES].

A child of this process saves runs, replaces one router and replaces one report, over and over, until it is killed (SIGKILL, after 1 to
100 ms); then every file is read as the program reads it. Nothing is written outside a temporary folder.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from der_core.errors import DerError
from der_core.evaluation.runs import RunStore
from der_core.files import SCRATCH, write_whole
from der_core.routing.saved.router_file import load_router, pack_router, save_router
from der_core.shipped import SHIPPED

RUN = next((SHIPPED / "assets" / "runs").iterdir())
TIMES = 60
SEED = 7


def main() -> None:
    """Print one line a fault: times tried, what was lost, unfinished files that were left and are removed at the next start."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    router, report = load_router(RUN / "router.zip"), json.loads((RUN / "report.json").read_text(encoding="utf-8"))
    body, chance = json.dumps(report).encode(), random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs, place, told = RunStore(folder / "runs"), folder / "router.zip", folder / "report.json"
        save_router(router, place)
        write_whole(told, body)
        whole = pack_router(router)
        faults: dict[str, tuple[Callable[[], object], Callable[[], int]]] = {
            "saving a run": (lambda: runs.save(router, report, "kept"), lambda: _unreadable(runs)),
            "replacing a router": (lambda: save_router(router, place), lambda: int(place.read_bytes() != whole)),
            "replacing a report": (lambda: write_whole(told, body), lambda: int(told.read_bytes() != body)),
        }
        print(f"{'killed while':20s} {'times':>6s} {'damaged':>8s} {'unfinished':>11s}")
        for what, (write, damaged) in faults.items():
            n_damaged, before = 0, _unfinished(folder)
            for _ in range(times):
                _kill_while(write, chance.uniform(0.001, 0.1))
                n_damaged += damaged()
            print(f"{what:20s} {times:6d} {n_damaged:8d} {_unfinished(folder) - before:11d}")


def _kill_while(write: Callable[[], object], seconds: float) -> None:
    child = os.fork()
    if child == 0:
        while True:
            write()
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _unfinished(folder: Path) -> int:
    return sum(1 for _ in (*folder.glob(f"{SCRATCH}*"), *folder.glob(f"runs/{SCRATCH}*")))


def _unreadable(runs: RunStore) -> int:
    """Runs that are listed and cannot be shown; the others are deleted, so that each kill is looked at once."""
    lost = len(runs.unreadable())
    for run in runs.list():
        try:
            runs.load_report(run.id), runs.load_router(run.id)
        except DerError:
            lost += 1
        runs.delete(run.id)
    runs.purge()
    return lost


if __name__ == "__main__":
    main()
