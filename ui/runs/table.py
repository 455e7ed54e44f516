"""What is shown of runs side by side: one row each, with settings and results; figures come from the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.report import Json
from der_core.evaluation.runs import Run, UnknownRun
from der_core.foreign import in_one_line
from ui.shared.home import run_store
from ui.shared.loaders import run_report
from ui.shared.result_rows import best_single_row, own_row

UNSHOWN = "Cannot be shown"
"""The column that says why a run has no figures."""
MOST_RUNS = 500
"""Rows with figures: each needs its report read once."""
_NOT_CHOSEN = ("confidence",)
"""Fields that a training fills in by itself: no setting of anybody's."""


def runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the table of runs, one row each; a run whose report cannot be read has its name only."""
    root = str(run_store().root)
    told = [_summary(root, run.id) for run in runs[:MOST_RUNS]]
    told += [{"id": run.id, UNSHOWN: f"only the first {MOST_RUNS} have figures here"} for run in runs[MOST_RUNS:]]
    return pd.DataFrame([{"★": "★" if run.starred else "", "Name": run.name, **summary} for run, summary in zip(runs, told, strict=True)])


def flat_settings(report: Json) -> dict[str, object]:
    """Return the settings of a run by field, with the experts and the data they were used on."""
    flat: dict[str, object] = {}
    for field, value in report["settings"].items():
        flat |= value if isinstance(value, Mapping) else {field: value}
    flat |= {"experts": ", ".join(expert["name"] for expert in report["experts"]), "data": report["data"]["hash"][:8]}
    return {field: value for field, value in flat.items() if field not in _NOT_CHOSEN}


@st.cache_data(max_entries=1_000, show_spinner=False)
def _summary(root: str, run_id: str) -> dict[str, Any]:  # Any: cells of several kinds
    try:
        report = run_report(run_id)
        return {**_results(report), **_settings(report), "trained (UTC)": str(report["created_utc"])[:16].replace("T", " "), "id": run_id}
    except UnknownRun:  # deleted just now
        return {"id": run_id}
    except DerError as error:  # the run can still be deleted
        return {"id": run_id, UNSHOWN: in_one_line(str(error))}


def _results(report: Json) -> dict[str, object]:
    results = report["results"]
    row, best = own_row(report), best_single_row(report)
    if row is None:
        return {}
    return {
        "Router": f"{row['name']} (deployable)",
        "Right %": _percent(row["accuracy"]),
        "95 % from": _percent(row["low"]),
        "95 % to": _percent(row["high"]),
        "Best single %": _percent(best["accuracy"]) if best else None,
        "Points vs best single": _percent(row["difference"]["value"]),
        "Points from": _percent(row["difference"]["low"]),
        "Points to": _percent(row["difference"]["high"]),
        "Calls": row["calls"],
        "Cost": row["costs"].get(results["cost_mode"]),
        "Questions": row["n"],
    }


def _settings(report: Json) -> dict[str, object]:
    settings = report["settings"]
    # What a report of an earlier version does not tell is left empty: today's default need not have been its own.
    reward, episode, ppo = (settings.get(part, {}) for part in ("reward", "episode", "ppo"))
    return {
        **{name: reward.get(name) for name in ("shaping", "alpha", "beta", "gamma", "p0")},
        "end": episode.get("end"),
        "state": episode.get("state"),
        "cost mode": episode.get("cost_mode"),
        "T_max": episode.get("t_max"),
        "PPO steps": ppo.get("total_steps"),
        "seed": settings.get("seed"),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
