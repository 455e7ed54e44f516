"""Are the experts ready to be asked? Asked of their servers briefly, remembered for a few seconds, told with the next step."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import streamlit as st

from der_core.config import AskOptions, ExpertSpec
from der_core.experts.backends import BACKENDS, backend_of, portable_model
from der_core.experts.opening import ExpertHealth, check_experts
from ui.shared.expert_choice import STYLES
from ui.shared.home import allow_remote
from ui.shared.parts import DASH, plain_sentence

_CONNECT_S, _READ_S = 1.0, 3.0
_DIGEST_LENGTH = 12
_MEGABYTE = 1e6


def health_of(specs: Sequence[ExpertSpec]) -> list[ExpertHealth]:
    """Return the health of each expert, at most ten seconds old."""
    return _health(tuple(specs), allow_remote())


def not_ready(healths: Sequence[ExpertHealth]) -> list[str]:
    """Return what stands in the way of asking all of them, each sentence once."""
    return list(dict.fromkeys(health.message for health in healths if not health.ready))


def pull_lines(healths: Sequence[ExpertHealth]) -> list[str]:
    """Return the commands that fetch the models which a running server lacks."""
    commands = {BACKENDS[health.spec.backend].fetch_command(health.spec.model): health for health in healths if not health.ready}
    return [command for command, health in commands.items() if command and command in health.message]


def draw_health(healths: Sequence[ExpertHealth]) -> None:
    """Draw who is ready, and the next step for those who are not."""
    draw_obstacles(healths)
    st.dataframe(health_frame(healths), hide_index=True, width="stretch", alt="Experts chosen, and whether each is ready to be asked")
    if st.button(
        "Check again",
        icon=":material/refresh:",
        key="experts_check",
        help="Looks anew; by itself the page looks every ten seconds at most.",
    ):
        _health.clear()
        st.rerun()


def draw_obstacles(healths: Sequence[ExpertHealth]) -> None:
    """Draw the next step for experts that are not ready; nothing where all are."""
    missing = pull_lines(healths)
    if missing:
        st.warning("Ollama is running, but lacks some of these models. Fetch them in a terminal:", icon=":material/download:")
        st.code("\n".join(missing), language="bash")
    for sentence in not_ready(healths):
        if not any(command in sentence for command in missing):
            st.warning(plain_sentence(sentence), icon=":material/power_off:")


def health_frame(healths: Sequence[ExpertHealth]) -> pd.DataFrame:
    """Return the table of experts and their state."""
    return pd.DataFrame([_row(health) for health in healths])


def _row(health: ExpertHealth) -> dict[str, str]:
    spec = health.spec
    return {
        "State": "● ready" if health.ready else "○ not ready",
        "Expert": spec.name,
        "Size": f"{health.size_bytes / _MEGABYTE:,.0f} MB" if health.size_bytes else DASH,
        "Digest": short_digest(health.digest),
        "Model": portable_model(spec.backend, spec.model),
        "Parameters": f"{spec.params_billions:.3g} billion" if spec.params_billions else DASH,
        "Answers": STYLES[spec.style].lower(),
        "Where": spec.host or backend_of(spec).place,
    }


def short_digest(digest: str) -> str:
    """Return the first characters of a digest, as people compare them."""
    return digest.removeprefix("sha256:")[:_DIGEST_LENGTH] or DASH


@st.cache_data(ttl=10, max_entries=32, show_spinner=False)
def _health(specs: tuple[ExpertSpec, ...], remote: bool) -> list[ExpertHealth]:
    if not specs:
        return []
    options = AskOptions(connect_timeout_s=_CONNECT_S, read_timeout_s=_READ_S, retries=0, patience_s=0.0, allow_remote=remote)
    # Side by side: a host that hangs costs its timeout once, not once an expert.
    with ThreadPoolExecutor(len(specs)) as pool:
        return [health for (health,) in pool.map(lambda spec: check_experts([spec], options), specs)]
