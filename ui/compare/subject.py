"""What the Compare page is about: the held-out comparison of a run, or of a recording's baselines where nothing is trained yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from der_core.config import DEPLOYABLE, CostMode
from der_core.errors import DerError
from der_core.evaluation.answers import Answer, answers, differing
from der_core.evaluation.comparison import Comparison, Pair, Row, compare_two
from der_core.evaluation.experiment import Evaluation
from der_core.evaluation.frontier import INTERVAL_SEED, Frontier, FrontierIntervals, frontier, frontier_intervals, unknown_intervals
from der_core.evaluation.metrics import Flips, flip_matrix
from der_core.evaluation.reported import reported_comparison, reported_flips, reported_intervals
from der_core.evaluation.rollout import Rollout
from ui.shared.address_choice import choose_by_id
from ui.shared.encoding import NotEncoded
from ui.shared.encoding_panel import draw_encoding
from ui.shared.headline import draw_headline
from ui.shared.home import RecordingRef
from ui.shared.loaders import baseline_evaluation, run_evaluation, run_experts, run_report, state_of
from ui.shared.parts import notice, stop_with
from ui.shared.recording_choice import choose_recording
from ui.shared.run_choice import choose_run

ALONE = "none"
BOOTSTRAP_SEED = INTERVAL_SEED


class RecordingGone(DerError):
    """The replies behind a run are not here any more."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A comparison, and the key under which figures derived from it are remembered; `run_id` is "" for baselines alone.

    `intervals` are by cost mode, empty where they are not known yet. `experts` are in the order of the recording, which decides their colours. `find_evaluation` gives the routes behind the rows:
    figures of a run are read from its report, so that chart and ranking wait for nothing and need no recording.
    """

    key: str
    run_id: str
    comparison: Comparison
    experts: tuple[str, ...]
    traced: str
    flips: tuple[Flips, ...]
    intervals: Mapping[CostMode, FrontierIntervals]
    find_evaluation: Callable[[], Evaluation]

    @cached_property
    def evaluation(self) -> Evaluation:
        """The comparison made again, routes included; see `open_routes`."""
        return self.find_evaluation()

    @property
    def rollouts(self) -> Mapping[str, Rollout]:
        """The routes behind the rows, by router."""
        return self.evaluation.comparison.rollouts

    @property
    def cost_modes(self) -> tuple[CostMode, ...]:
        """The cost modes that every row has."""
        return tuple(mode for mode in get_args(CostMode) if mode in self.comparison.rows[0].costs)


def choose_subject(choice: DeltaGenerator, headline: DeltaGenerator) -> Subject:
    """Draw the choice and the headline in their places; where nothing can be compared, the next step instead of the page."""
    with choice:
        run = choose_run("run")
        ref = choose_recording("compare_recording") if run is None else None
    with headline:
        try:
            subject = _of_baselines(ref) if run is None else of_run(run.id)
        except NotEncoded as needed:
            draw_encoding(needed)
            st.stop()
        except DerError as error:
            notice(error)
            page, label = ("pages/record.py", "Go on with this recording") if run is None else ("pages/runs.py", "Look at the runs")
            st.page_link(page, label=label, icon=":material/arrow_forward:")
            st.stop()
        draw_headline(subject.comparison)
        if run is None:
            st.page_link("pages/train.py", label="Train a router, to see whether learning beats these", icon=":material/arrow_forward:")
    return subject


def frontier_of(subject: Subject, mode: CostMode) -> Frontier:
    """Return where the routers stand in one cost mode."""
    return _frontier(subject.key, mode, subject.comparison)


def intervals_of(subject: Subject, mode: CostMode) -> FrontierIntervals:
    """Return how sure the figures of `frontier_of` are."""
    told = subject.intervals.get(mode)
    if told is not None:
        return told
    try:
        return _intervals(subject.key, mode, subject)
    except (NotEncoded, RecordingGone):  # the report of an earlier version, without the routes that could be resampled
        return unknown_intervals(subject.comparison)


def pair_of(subject: Subject, first: str, second: str) -> Pair:
    """Return how two routers differ on the same questions."""
    return _pair(subject.key, first, second, subject.evaluation.comparison)


def answers_of(subject: Subject, router: str) -> tuple[Answer, ...]:
    """Return what a router answered, question by question."""
    return _answers(subject.key, router, subject)


def chosen_answers(subject: Subject, router: str, second: str, outcome: str, kinds: list[str]) -> list[int]:
    """Return the places of the questions to list: by how the router did, by kind, and, beside a second router, where they differ."""
    given = answers_of(subject, router)
    runs = subject.rollouts
    places = range(len(given)) if second == ALONE else differing(runs[router], runs[second])
    wanted = {"All": (True, False), "Wrong": (False,), "Right": (True,)}[outcome]
    return [place for place in places if given[place].correct in wanted and (not kinds or given[place].kind in kinds)]


def shown_rows(subject: Subject, oracles: bool) -> tuple[Row, ...]:
    """Return the deployable rows, best first, and after them, where wanted, the oracles."""
    return (*subject.comparison.deployable, *(subject.comparison.oracle if oracles else ()))


def choose_router(subject: Subject, key: str, label: str, first: dict[str, str] | None = None) -> str:
    """Draw the choice of a router and return its name; `first` are further choices, by what they give. The learned router is chosen at first."""
    titles = {row.name: f"{row.name} ({row.kind})" for row in shown_rows(subject, oracles=True)}
    return choose_by_id(key, "router", label, {**(first or {}), **titles}, default=None if first else subject.traced)


def open_routes(subject: Subject) -> None:
    """Make sure that the routes are there; where they are not, what is done about it or why not, instead of the rest of the page."""
    try:
        subject.evaluation  # noqa: B018  # looked up for its errors; it is remembered
    except NotEncoded as needed:
        draw_encoding(needed)
        st.stop()
    except RecordingGone as error:
        stop_with(str(error), "pages/runs.py", "Look at the figures of this run")
    except DerError as error:
        notice(error)
        st.stop()


def of_run(run_id: str) -> Subject:
    """Return what the report of a run says; ReportError where it cannot be read."""
    report = run_report(run_id)
    return Subject(
        key=run_id,
        run_id=run_id,
        comparison=reported_comparison(report),
        experts=run_experts(run_id),
        traced=report["traces"]["router"],
        flips=reported_flips(report),
        intervals=reported_intervals(report),
        find_evaluation=lambda: _evaluation_of(run_id),
    )


def _evaluation_of(run_id: str) -> Evaluation:
    evaluation = run_evaluation(run_id)
    if evaluation is None:
        raise RecordingGone(
            "The recording that this run was trained on is not here any more, so its routes cannot be followed; chart and ranking are those of its report."
        )
    return evaluation


def _of_baselines(ref: RecordingRef | None) -> Subject:
    if ref is None:
        stop_with("There is nothing to compare yet: first, experts have to be recorded.", "pages/record.py", "Record some replies")
    evaluation = baseline_evaluation(ref, DEPLOYABLE)
    table = evaluation.source.table
    experts = tuple(spec.name for spec in table.experts)
    key = f"{ref.title} {state_of(ref)}"
    return Subject(key, "", evaluation.comparison, experts, evaluation.traced, flip_matrix(table), {}, lambda: evaluation)


@st.cache_resource(max_entries=32, show_spinner=False)
def _frontier(key: str, mode: CostMode, _comparison: Comparison) -> Frontier:
    return frontier(_comparison, mode)


@st.cache_resource(max_entries=32, show_spinner=False)
def _intervals(key: str, mode: CostMode, _subject: Subject) -> FrontierIntervals:
    return frontier_intervals(_subject.evaluation.comparison, mode, np.random.default_rng(BOOTSTRAP_SEED))


@st.cache_data(max_entries=256, show_spinner=False)
def _pair(key: str, first: str, second: str, _comparison: Comparison) -> Pair:
    return compare_two(_comparison, first, second, np.random.default_rng(BOOTSTRAP_SEED))


@st.cache_resource(max_entries=64, show_spinner=False)
def _answers(key: str, router: str, _subject: Subject) -> tuple[Answer, ...]:
    return answers(_subject.rollouts[router], _subject.evaluation.source.table)
