"""The verdict of a comparison in a dozen words, and the statistics behind it one press below."""

from __future__ import annotations

import streamlit as st

from der_core.evaluation.comparison import Comparison
from ui.shared.parts import plain


def draw_headline(comparison: Comparison) -> None:
    """Draw whether learning to route paid, and in a fold what exactly was measured."""
    st.subheader(plain(comparison.verdict()), anchor=False)
    with st.expander("In full", icon=":material/straighten:"):
        st.markdown(
            f"{plain(comparison.headline())} Deployable routers only: none of them looks at the right answer. A difference counts "
            "where its 95 % interval, paired by question, lies wholly on one side of 0."
        )
