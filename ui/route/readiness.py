"""Can the experts of a router be asked here now? Who answers, who cannot, and what to do then: another run, or a training of seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import streamlit as st

from der_core.config import ExpertSpec
from der_core.errors import DerError, ModelMissing
from der_core.evaluation.runs import Run
from der_core.experts.backends import backend_of
from der_core.experts.opening import ExpertHealth
from ui.route.live import located
from ui.shared.expert_health import health_of, not_ready, pull_lines
from ui.shared.home import RecordingRef
from ui.shared.loaders import recorded_experts, run_recording, run_router, runs
from ui.shared.parts import plain, plain_sentence
from ui.shared.recording_choice import carry_part
from ui.shared.run_choice import run_names

SMALL_BILLIONS = 1.0
"""Parameters below which an expert's answers are told to be no more than a demonstration."""
_MOST_RUNS = 30


def draw_readiness(run: Run, experts: Sequence[ExpertSpec], told: str) -> None:
    """Say who answers or, where not all of a router's experts can be asked, who is missing and how to go on.

    `told` is what the page says already, as the end of the last route.
    """
    healths = healths_here(experts)
    missing = [health.spec.name for health in healths if not health.ready]
    if not missing:
        st.caption(plain(who_answers(experts)))
        return
    st.warning(plain(f"{listed(missing)} cannot be asked here now, and this router needs all of its experts."), icon=":material/power_off:")
    _draw_ways_on(run)
    for sentence in [sentence for sentence in not_ready(healths) if sentence != told]:
        st.caption(plain_sentence(sentence))
    if pulls := pull_lines(healths):
        st.code("\n".join(pulls), language="bash")


def healths_here(experts: Sequence[ExpertSpec]) -> list[ExpertHealth]:
    """Return the health of each expert where this machine has it, in order; one with other weights than were recorded is not ready."""
    found: dict[ExpertSpec, ExpertSpec] = {}
    absent: dict[ExpertSpec, ExpertHealth] = {}
    for spec in experts:
        try:
            (found[spec],) = located([spec])
        except ModelMissing as error:
            absent[spec] = ExpertHealth(spec, False, spec.digest, None, str(error))
    known = dict(zip(found, health_of(tuple(found.values())), strict=True))
    return [absent[spec] if spec in absent else _as_recorded(spec, known[spec]) for spec in experts]


def run_to_use() -> Run | None:
    """Return the first run all of whose experts can be asked now, None where there is none."""
    pools = {run: experts for run in runs()[:_MOST_RUNS] if (experts := _experts_of(run.id))}
    wanted = list(dict.fromkeys(spec for experts in pools.values() for spec in experts))
    ready = {spec for spec, health in zip(wanted, healths_here(wanted), strict=True) if health.ready}
    return next((run for run, experts in pools.items() if ready.issuperset(experts)), None)


def part_to_train(run_id: str) -> tuple[RecordingRef, tuple[str, ...]] | None:
    """Return the recording of a run and those of its experts that can be asked now; None where there is none of either."""
    try:
        ref = run_recording(run_id)
        experts = recorded_experts(ref) if ref else ()
    except DerError:  # a report or a store that cannot be read: other pages tell that
        return None
    ready = tuple(spec.name for spec, health in zip(experts, healths_here(experts), strict=True) if health.ready)
    return (ref, ready) if ref and ready else None


def who_answers(experts: Sequence[ExpertSpec]) -> str:
    """Return in words who answers and where, and what to expect of small experts."""
    by_place: dict[str, list[str]] = {}
    for spec in experts:
        by_place.setdefault(backend_of(spec).place, []).append(spec.name)
    told = "; ".join(f"{listed(names)} {'answers' if len(names) == 1 else 'answer'}, {place}" for place, names in by_place.items())
    small = [spec.name for spec in experts if spec.params_billions is not None and spec.params_billions < SMALL_BILLIONS]
    if not small:
        return f"{told}."
    whom = listed(small) if len(small) < len(experts) else "it" if len(small) == 1 else "they"
    whose = f"{whom} {'has' if len(small) == 1 else 'have'}"
    return f"{told}. Small models err: {whose} less than a billion parameters, so follow the route rather than trust the answer."


def listed(names: Iterable[str]) -> str:
    """Return names as people list them: "a", "a and b", "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _draw_ways_on(run: Run) -> None:
    other = run_to_use()
    if other is not None:
        name = run_names(runs())[other.id]
        label = plain(f"Use ‘{name}’, whose experts can answer here")
        st.button(label, icon=":material/swap_horiz:", key="route_use", type="primary", on_click=_use, args=(other.id,))
        return
    part = part_to_train(run.id)
    if part is not None:
        _draw_training(*part)


def _draw_training(ref: RecordingRef, names: tuple[str, ...]) -> None:
    label = "Train a router for the experts that can answer here: it takes seconds"
    if st.button(label, icon=":material/model_training:", key="route_train", type="primary", help=plain(listed(names))):
        carry_part("train_recording", "train_experts", ref, names)
        st.switch_page("pages/train.py", query_params={"train_recording": ref.title, "train_experts": list(names)})


def _use(run_id: str) -> None:
    st.session_state["run"] = run_id


def _as_recorded(spec: ExpertSpec, health: ExpertHealth) -> ExpertHealth:
    if not health.ready or not spec.digest or not health.digest or spec.digest == health.digest:
        return health
    return replace(
        health, ready=False, message=f"Expert {spec.name} has other weights here than it was recorded with; install those again."
    )


def _experts_of(run_id: str) -> tuple[ExpertSpec, ...]:
    try:
        return run_router(run_id).experts
    except DerError:  # a router that cannot be read is no offer
        return ()
