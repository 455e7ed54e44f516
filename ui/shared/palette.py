"""Colours of charts: safe for colour-blind people (Okabe and Ito 2008), legible on light and on dark ground."""

from __future__ import annotations

EXPERTS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""One colour an expert, by its place in the recording; the theme's chart colours are the same."""

QUIET = "#8A94A0"
"""For what is there to compare with: diagonals, borders, baselines."""


def expert_colour(index: int) -> str:
    """Return the colour of the expert at that place of its recording, the same on every page."""
    return EXPERTS[index % len(EXPERTS)]
