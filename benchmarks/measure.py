"""What every benchmark needs: repeated timing, the machine it ran on, and a result file.

A result names the commit and the machine, so that a figure in the documentation can be traced to a run.
Host names are left out on purpose.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
Figure = float | int | str | bool


def seconds_of(work: Callable[[], object], repeats: int = 5) -> list[float]:
    """Return the wall seconds of each of `repeats` calls of `work`, in order."""
    return [_timed(work) for _ in range(repeats)]


def percentile(values: list[float], percent: int) -> float:
    """Return a percentile of `values`, interpolated between neighbours; `percent` lies between 1 and 99."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def save_result(name: str, figures: Mapping[str, Figure], *, folder: Path = RESULTS) -> Path:
    """Write `<name>.json` with the figures, commit, machine and date, and return its path."""
    result = {
        "name": name,
        "command": f"python -m benchmarks.bench_{name}",
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "figures": dict(figures),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def commit() -> str:
    """Return the short commit of the working tree, with "+changes" where files differ from it; "unknown" outside git."""
    try:
        short = _git("rev-parse", "--short", "HEAD")
        return short + ("+changes" if _git("status", "--porcelain", "--", "der_core", "benchmarks") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Figure]:
    """Return processor, cores this process may use, how many were busy in the last minute, operating system and Python."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "busy_cores": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def report(name: str, figures: Mapping[str, Figure]) -> None:
    """Print the figures, one a line, and write them to the result file."""
    for key, value in figures.items():
        print(f"{key:<44} {value:,.4g}" if isinstance(value, float) else f"{key:<44} {value}")
    print(f"written to {save_result(name, figures).relative_to(ROOT)}", file=sys.stderr)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
