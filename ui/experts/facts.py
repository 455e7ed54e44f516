"""Figures of the experts on a recording, cached, and their drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from der_core.errors import SettingsError
from der_core.evaluation.expert_figures import (
    ExpertFigures,
    KindFigures,
    Reliability,
    ThresholdEffect,
    expert_figures,
    kind_figures,
    reliability,
    threshold_effects,
)
from der_core.evaluation.metrics import majority_accuracy, yes_rate
from der_core.evaluation.transfer import TransferEffect, transfer_effects
from der_core.recording.outlook import Unusable, unusable_replies
from der_core.recording.store import LOAD_S, Store
from der_core.routing.cost import choose_prices
from ui.experts import charts
from ui.experts.kinds import draw_kinds, draw_transfers
from ui.shared.home import RecordingRef
from ui.shared.loaders import State, load, load_parts, recording_info, state_of
from ui.shared.parts import DASH, duration, number, percent, plain_sentence, points, table_behind, type_size, with_interval

BOOTSTRAP_SEED = 7
_DIGITS = 12
_CHART_HEIGHTS = 29
"""Height of a chart in heights of its type."""


@dataclass(frozen=True)
class ExpertFacts:
    """What a recording says of its experts.

    `programs` names the experts that write programs. `digests` of their weights and `load_s`, the seconds of loading a model before its first call, are by name, and lack who is not
    known; `no_thresholds` says why `effects` is empty, where it is.
    """

    n_questions: int
    n_with_gold: int
    n_left_out: int
    cost_note: str
    gold_yes_rate: float
    majority: float
    figures: tuple[ExpertFigures, ...]
    kinds: tuple[KindFigures, ...]
    transfers: tuple[TransferEffect, ...]
    programs: tuple[str, ...]
    digests: Mapping[str, str]
    load_s: Mapping[str, float]
    reliabilities: tuple[Reliability, ...]
    effects: tuple[ThresholdEffect, ...]
    no_thresholds: str


def expert_facts(ref: RecordingRef) -> ExpertFacts:
    """Return the figures of a recording; IncompleteRecording while no question is complete, SettingsError without token counts."""
    return replace(_facts(ref.file, ref.name, ref.shipped, state_of(ref)), load_s=_load_s(ref))


def draw_unusable(ref: RecordingRef) -> None:
    """Draw of which experts replies are INVALID, by cause, and what to do about those that are mostly cut or empty."""
    found = _unusable(ref.file, ref.name, state_of(ref))
    for expert in found:
        if expert.advice:
            st.warning(plain_sentence(f"{expert.advice[:1].upper()}{expert.advice[1:]}"), icon=":material/content_cut:")
    rows = [
        {"Expert": expert.expert, "Why": str(cause), "Replies": n, "Of": expert.n} for expert in found for cause, n in expert.counts.items()
    ]
    if rows:
        with st.expander("Replies that are neither yes nor no, and why", icon=":material/block:"):
            st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


@st.cache_data(max_entries=16, show_spinner=False)
def _unusable(path: Path, name: str, state: State) -> list[Unusable]:
    with Store.open(path, create=False, read_only=True) as store:
        return unusable_replies(store.reasons(name), store.experts(name))


def draw_facts(facts: ExpertFacts) -> None:
    """Draw the figures of all experts: a table, and a chart for each thing that the table says."""
    if not facts.n_with_gold:
        st.info(
            f"None of the {facts.n_questions:,} questions has a gold answer, so no reply can be called right or wrong.",
            icon=":material/info:",
        )
        return
    st.caption(questions_told(facts))
    st.dataframe(summary_frame(facts), hide_index=True, width="stretch", column_config=_COLUMNS, alt=charts.accuracy_alt(facts.figures))
    draw_kinds(facts.kinds, facts.programs)
    draw_transfers(facts.transfers)
    text_size = type_size(charts.TEXT_SIZE)
    _draw(charts.accuracy_chart(facts.figures, facts.majority, text_size), charts.accuracy_alt(facts.figures), "experts_accuracy")
    table_behind(charts.figures_frame(facts.figures), "experts_accuracy")
    left, right = st.columns(2)
    with left:
        _draw(charts.influence_chart(facts.figures, text_size), charts.influence_alt(facts.figures), "experts_influence")
        table_behind(charts.influence_frame(facts.figures), "experts_influence")
    with right:
        _draw(charts.reliability_chart(facts.reliabilities, text_size), charts.reliability_alt(facts.reliabilities), "experts_reliability")
        table_behind(charts.reliability_frame(facts.reliabilities), "experts_reliability")


def questions_told(facts: ExpertFacts) -> str:
    """Return in words which questions the figures are of."""
    without = facts.n_questions - facts.n_with_gold
    unanswered = f" ({without:,} without an answer are not counted as right or wrong)" if without else ""
    left_out = f" {facts.n_left_out:,} more are left out, because replies are still missing." if facts.n_left_out else ""
    return (
        f"First replies to {facts.n_questions:,} questions{unanswered}. Yes is right on {percent(facts.gold_yes_rate)}; "
        f"always the more frequent answer would be right on {percent(facts.majority)}.{left_out} {facts.cost_note}"
    )


def draw_thresholds(facts: ExpertFacts) -> None:
    """Draw what a fitted threshold on P(yes) does on held-out questions."""
    if not facts.n_with_gold:
        return  # told once is enough
    st.markdown("**A threshold on P(yes), fitted on training questions, judged on others**")
    if not facts.effects:
        st.info(plain_sentence(facts.no_thresholds), icon=":material/info:")
        return
    st.dataframe(
        effects_frame(facts.effects),
        hide_index=True,
        width="stretch",
        column_config=_COLUMNS,
        alt="Accuracy with and without threshold",
    )
    st.caption(
        f"{facts.effects[0].n:,} held-out questions. A dash: in training no threshold was better than the expert's own words. "
        "After yes, no: where the border lies once that answer was shown; the figures are of first replies. "
        "A gain counts where its 95 % interval leaves out 0."
    )
    table_behind(charts.threshold_frame(facts.effects), "experts_thresholds", "All figures")


def summary_frame(facts: ExpertFacts) -> pd.DataFrame:
    """Return the figures that people compare first, one row an expert."""
    return pd.DataFrame([_summary(row, facts) for row in facts.figures])


def _summary(row: ExpertFigures, facts: ExpertFacts) -> dict[str, str]:
    return {
        "Expert": row.expert,
        "Right, 95 % interval": with_interval(row.accuracy, row.interval.low, row.interval.high),
        "Balanced": percent(row.balanced_accuracy),
        "Says yes": percent(row.yes_rate),
        "Lean": points(row.lean),
        "Invalid": percent(row.invalid_rate),
        "AUC": number(row.auc, 3),
        "Median": duration(row.seconds_p50),
        "p95": duration(row.seconds_p95),
        "Loading": duration(facts.load_s.get(row.expert)),
        "Cost": f"× {number(row.relative_cost)}",
        "Weights": short_digest(facts.digests.get(row.expert, "")),
    }


def effects_frame(effects: Sequence[ThresholdEffect]) -> pd.DataFrame:
    """Return what thresholds change, one row an expert."""
    return pd.DataFrame([_effect(row) for row in effects])


def _effect(row: ThresholdEffect) -> dict[str, str]:
    gap = row.difference
    return {
        "Expert": row.expert,
        "Yes from": number(row.threshold),
        "After yes, no": f"{number(row.after[0])}, {number(row.after[1])}",
        "Right": f"{percent(row.accuracy)} → {percent(row.accuracy_with)}",
        "Gain, 95 % interval": f"{points(gap.value)} [{points(gap.low)}, {points(gap.high)}]",
        "p": number(row.mcnemar_p, 3),
        "Says yes": f"{percent(row.yes_rate)} → {percent(row.yes_rate_with)} ({percent(row.gold_yes_rate)} are)",
    }


def short_digest(digest: str) -> str:
    """Return enough of a digest to tell weights apart, a dash where it is not known."""
    return digest.removeprefix("sha256:")[:_DIGITS] or DASH


_COLUMNS = {
    "Balanced": st.column_config.TextColumn(help="Mean of the accuracies on yes-questions and on no-questions: a lean does not raise it."),
    "Says yes": st.column_config.TextColumn(help="Share of its replies, invalid ones counted among all."),
    "Lean": st.column_config.TextColumn(help="Points by which the expert says yes more often than yes is right; below 0 it leans to no."),
    "AUC": st.column_config.TextColumn(help="Chance that a yes-question gets a higher P(yes) than a no-question; 0.5 is guessing."),
    "Median": st.column_config.TextColumn(help="Standardised seconds: tokens times this expert's own seconds a token."),
    "Loading": st.column_config.TextColumn(
        help="Bringing the model into memory before its first call, apart from the seconds; a dash where its server did not say, or had it there already."
    ),
    "Weights": st.column_config.TextColumn(help="Digest of the weights that replied, its first digits: by it they can be found again."),
    "Cost": st.column_config.TextColumn(help="Median cost of a call over that of the cheapest expert; by seconds, where they are known."),
    "Yes from": st.column_config.TextColumn(help="P(yes) from which the reply counts as yes."),
    "p": st.column_config.TextColumn(help="Exact McNemar: chance of such a difference if both were right equally often."),
}


def _draw(option: charts.Option, alt: str, key: str) -> None:
    st.echarts_chart(option, key=key, alt=alt, height=_CHART_HEIGHTS * type_size(charts.TEXT_SIZE))


def _load_s(ref: RecordingRef) -> dict[str, float]:
    info = recording_info(ref)
    told = info.meta.get(LOAD_S) if info is not None else None
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)} if isinstance(told, dict) else {}


@st.cache_data(max_entries=8, show_spinner="Measuring the experts")
def _facts(path: Path, name: str, shipped: bool, state: State) -> ExpertFacts:
    ref = RecordingRef(path, name, shipped)
    table = load(ref)
    effects: tuple[ThresholdEffect, ...] = ()
    reason = ""
    try:
        parts = load_parts(ref)
        effects = threshold_effects(parts.training, parts.test, np.random.default_rng(BOOTSTRAP_SEED))
    except SettingsError as error:
        reason = str(error)
    known, priced = table.gold[table.gold > 0], choose_prices(table, "compute")
    return ExpertFacts(
        n_questions=table.n_questions,
        n_with_gold=len(known),
        n_left_out=table.n_left_out,
        cost_note=priced.told,
        gold_yes_rate=yes_rate(known),
        majority=majority_accuracy(known),
        figures=expert_figures(table),
        kinds=kind_figures(table),
        transfers=transfer_effects(table, np.random.default_rng(BOOTSTRAP_SEED)) if len(known) else (),
        programs=tuple(spec.name for spec in table.experts if spec.style == "program"),
        digests={spec.name: spec.digest for spec in table.experts},
        load_s={},  # of the recording's meta, which is no part of this cache's key
        reliabilities=reliability(table),
        effects=effects,
        no_thresholds=reason,
    )
