"""The routes of a run as a table: all held-out questions where the recording is here, else those of the report."""

from __future__ import annotations

import pandas as pd

from der_core.errors import DerError
from der_core.evaluation.experiment import report
from der_core.evaluation.report import Json
from ui.shared.loaders import load, run_evaluation, run_experts, run_recording, run_report


def traces_csv(run_id: str) -> bytes:
    """Return the routes of a run's router as CSV, one row a step."""
    text: str = traces_frame(_traces(run_id)).to_csv(index=False)
    return text.encode()


def traces_frame(traces: Json) -> pd.DataFrame:
    """Return the routes that a report writes out, one row a step; a choice to stop is a step without an expert."""
    return pd.DataFrame([row for trace in traces["questions"] for row in _rows(trace, traces["router"], traces["actions"])])


def _traces(run_id: str) -> Json:
    try:
        ref, evaluation = run_recording(run_id), run_evaluation(run_id)
    except DerError:  # for instance an encoder that is not installed: the report's own routes need none
        ref, evaluation = None, None
    if ref is None or evaluation is None or evaluation.router is None:
        traces: Json = run_report(run_id)["traces"]
        return traces
    all_of_them = evaluation.parts.test.n_questions
    return Json(report(evaluation, load(ref, run_experts(run_id)), evaluation.router.config, [], "", n_traces=all_of_them)["traces"])


def _rows(trace: Json, router: str, actions: list[str]) -> list[Json]:
    question = {
        "router": router,
        "question id": trace["id"],
        "question": trace["question"],
        "gold": trace["gold"],
        "answer": trace["answer"],
        "right": trace["correct"],
        "ended because": trace["stop_reason"],
    }
    rows = [
        {
            **question,
            "step": number,
            "expert": step["expert"],
            "was shown": step["previous_label"],
            "replied": step["label"],
            **{field: step[field] for field in ("p_yes", "seconds", "cost", "reward")},
            **_probabilities(actions, step["probabilities"]),
        }
        for number, step in enumerate(trace["steps"], start=1)
    ]
    if trace["stop_probabilities"]:
        rows.append({**question, "step": len(rows) + 1, "expert": "STOP", **_probabilities(actions, trace["stop_probabilities"])})
    return rows


def _probabilities(actions: list[str], probabilities: list[float]) -> Json:
    return {f"P({action})": value for action, value in zip(actions, probabilities, strict=False)}
