"""How right each expert is by kind of question, how often programs run, and why those that failed did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from der_core.evaluation.expert_figures import KindFigures
from der_core.evaluation.statistics import Interval
from der_core.evaluation.transfer import ALL_KINDS, NO_KIND, TransferEffect
from der_core.experts.program import failure_of
from der_core.recording.store import Store
from ui.shared.home import RecordingRef
from ui.shared.loaders import State, recorded_experts, state_of
from ui.shared.parts import DASH, percent, table_behind, with_interval

_MOST_GROUPS = 12


def draw_kinds(figures: Sequence[KindFigures], programs: Sequence[str]) -> None:
    """Draw the table expert by kind; for those named in `programs` also how often their programs run. Nothing where no question has a kind."""
    if not any(row.kind for row in figures):
        return
    st.markdown("**Right by kind of question**, of all asked, with the 95 % interval")
    st.dataframe(kinds_frame(figures), hide_index=True, width="stretch", alt="How often each expert is right, by kind of question")
    writers = [row for row in figures if row.expert in programs]
    if writers:
        st.markdown("**Programs by kind**: how often they run and print yes or no, and how often they are right where they do")
        st.dataframe(runs_frame(writers), hide_index=True, width="stretch", alt="How often programs run, by kind of question")
    table_behind(all_frame(figures), "experts_kinds", "All figures by kind")


def draw_transfers(effects: Sequence[TransferEffect]) -> None:
    """Draw what being shown another expert's answer does, over all kinds, with the table by kind behind it; nothing for one expert alone."""
    if not effects:
        return
    st.markdown(
        "**Shown another expert's answer**: how often each is right alone, after another's answer to the same question, and after a random "
        "yes or no. What the answer itself is worth is shown less random"
    )
    overall = [effect for effect in effects if effect.kind == ALL_KINDS]
    st.dataframe(
        transfers_frame(overall).drop(columns="Kind"), hide_index=True, width="stretch", alt="What being shown another answer does"
    )
    table_behind(transfers_frame(effects), "experts_transfers", "By kind of question")


def transfers_frame(effects: Sequence[TransferEffect]) -> pd.DataFrame:
    """Return a row a kind and expert: right alone, shown and after a random answer, and both differences with intervals."""
    rows = [
        {
            "Kind": effect.kind,
            "Expert": effect.expert,
            "Questions": effect.n,
            "Alone": percent(effect.alone),
            "Shown": percent(effect.shown),
            "Random": percent(effect.random),
            "Shown less alone": effect.gain.in_points(),
            "Shown less random": effect.information.in_points(),
        }
        for effect in effects
    ]
    return pd.DataFrame(rows)


def draw_failures(ref: RecordingRef) -> None:
    """Draw why programs of a recording gave no answer, the most frequent reasons first; nothing where none failed."""
    writers = [spec.name for spec in recorded_experts(ref) if spec.style == "program"]
    reasons = _reasons(ref.file, ref.name, state_of(ref)) if writers else {}
    frame = failures_frame({name: reasons[name] for name in writers if name in reasons})
    if len(frame):
        st.markdown("**Why programs gave no answer**")
        st.dataframe(frame, hide_index=True, width="stretch", alt="Programs without an answer, by reason")


def kinds_frame(figures: Sequence[KindFigures]) -> pd.DataFrame:
    """Return a row a kind and a column an expert: right of asked, with its interval."""
    return _by_kind(figures, lambda row: {row.expert: _share(row.n_right, row.n, row.right)})


def runs_frame(figures: Sequence[KindFigures]) -> pd.DataFrame:
    """Return a row a kind, and for each expert how often its programs run and are right where they run."""
    return _by_kind(
        figures,
        lambda row: {
            f"{row.expert} runs": _share(row.n_answered, row.n, row.answers),
            f"{row.expert} right where it runs": _share(row.n_right, row.n_answered, row.right_where_answered),
        },
    )


def all_frame(figures: Sequence[KindFigures]) -> pd.DataFrame:
    """Return every figure as a number, one row for each expert and kind."""
    return pd.DataFrame([_numbers(row) for row in figures])


def failures_frame(reasons: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Return how many replies of each expert have no answer, by group of reason; `reasons` is as `Store.reasons` returns it."""
    return pd.DataFrame([row for name, counts in reasons.items() for row in _failures(name, counts)])


def _by_kind(figures: Sequence[KindFigures], cells: Callable[[KindFigures], dict[str, str]]) -> pd.DataFrame:
    rows: dict[str, dict[str, object]] = {}
    for row in figures:
        into = rows.setdefault(row.kind, {"Kind": row.kind or NO_KIND, "Questions": 0})
        into["Questions"] = max(row.n, int(str(into["Questions"])))
        into |= cells(row)
    return pd.DataFrame(list(rows.values()))


def _share(some: int, of: int, interval: Interval) -> str:
    return with_interval(some / of, interval.low, interval.high) if of else DASH


def _numbers(row: KindFigures) -> dict[str, object]:
    shares = {"Right": row.right, "Answers": row.answers, "Right where answered": row.right_where_answered}
    told = {
        f"{name} %, 95 % {end}": percent(value)
        for name, bounds in shares.items()
        for end, value in (("from", bounds.low), ("to", bounds.high))
    }
    return {
        "Kind": row.kind or NO_KIND,
        "Expert": row.expert,
        "Questions": row.n,
        "Answered": row.n_answered,
        "Right": row.n_right,
        **told,
    }


def _failures(name: str, counts: Mapping[str, int]) -> list[dict[str, object]]:
    groups: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reason, n in sorted(counts.items(), key=lambda item: -item[1]):
        if reason:
            groups[failure_of(reason)] += n
            examples.setdefault(failure_of(reason), reason)
    total, common = sum(counts.values()), groups.most_common()
    rest = sum(n for _, n in common[_MOST_GROUPS:])
    shown = [*common[:_MOST_GROUPS], *([("all others", rest)] if rest else [])]
    return [
        {"Expert": name, "Why": group, "Programs": n, "Of all": percent(n / total), "For example": examples.get(group, DASH)}
        for group, n in shown
    ]


@st.cache_data(max_entries=16, show_spinner=False)
def _reasons(path: Path, name: str, state: State) -> dict[str, dict[str, int]]:
    with Store.open(path, create=False, read_only=True) as store:
        return store.reasons(name)
