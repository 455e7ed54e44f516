"""The view of Compare that tells whether the learned router knows when it does not know."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from der_core.evaluation.reliability import SurenessFigures, answer_sureness, sureness_figures
from ui.compare.charts import TEXT_SIZE, abstention_chart, abstention_frame, sureness_chart, sureness_frame
from ui.compare.subject import Subject
from ui.shared.parts import empty_state, number, percent, plain, table_behind, type_size

SURENESS = "Sureness"
_CHART_HEIGHTS = 26
"""Height of a chart in heights of its type."""
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def draw_sureness(subject: Subject) -> None:
    """Draw how well the learned router knows whether its answers are right, and what withholding the least sure ones would buy."""
    figures = figures_of(subject)
    if figures is None:
        empty_state(
            "No router here says how sure it is: only trained ones do, and those of an earlier version did not. Train one, or choose another run."
        )
        return
    st.markdown(
        f"How likely each answer of **{plain(subject.traced)}** is right, by its own estimate: fitted on training questions, calibrated on "
        f"validation questions, and judged here on {figures.n:,} held-out ones, of whose answers {percent(figures.right)} are right."
    )
    with st.container(horizontal=True):
        st.metric(
            "Calibration error (ECE)", percent(figures.ece), border=True, help="Mean gap between what it says and how often it is right."
        )
        told = f"Mean squared gap; always saying {percent(figures.right)} has {number(figures.brier_of_share, 3)}. Lower is better."
        st.metric("Brier score", number(figures.brier, 3), border=True, help=told)
        st.metric(
            "Risk-coverage area",
            percent(figures.aurc),
            border=True,
            help="Mean share of wrong answers over all shares answered, the surest first.",
        )
    size = type_size(TEXT_SIZE)
    left, right = st.columns(2)
    with left:
        st.echarts_chart(
            sureness_chart(figures, size),
            key="compare_sureness",
            height=_CHART_HEIGHTS * size,
            alt="How often answers are right, by how sure it is",
        )
        table_behind(sureness_frame(figures), "compare_sureness")
    with right:
        alt = "Share of wrong answers against the share of questions that are answered"
        st.echarts_chart(abstention_chart(figures, size), key="compare_abstention", height=_CHART_HEIGHTS * size, alt=alt)
        table_behind(abstention_frame(figures), "compare_abstention")
    st.markdown("**Abstaining**: answering only where it is sure enough")
    st.dataframe(choices_frame(figures), hide_index=True, width="stretch", alt="What abstaining buys")


def choices_frame(figures: SurenessFigures) -> pd.DataFrame:
    """Return for some shares of questions the least sureness that answers at least so many, and how many of the answers are then wrong."""
    rows = []
    for wanted in COVERAGES:
        place = next(place for place, coverage in enumerate(figures.coverage) if coverage >= wanted - 1e-9)
        rows.append(
            {
                "Answer where at least": f"{percent(figures.thresholds[place], 0)} sure",
                "Answered": percent(figures.coverage[place]),
                "Wrong of those": percent(figures.risk[place]),
                "Right of those": percent(1 - figures.risk[place]),
            }
        )
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def figures_of(subject: Subject) -> SurenessFigures | None:
    """Return how good the sureness of the learned router is; None where there is none."""
    evaluation = subject.evaluation
    if evaluation.agent is None or evaluation.router is None:
        return None
    run = evaluation.comparison.rollouts[evaluation.agent.name]
    p = answer_sureness(evaluation.agent, run, len(evaluation.router.experts))
    return None if p is None else sureness_figures(p, run.correct)
