"""Browsing a recording: search, filters, a page of questions, and all replies to one of them in full."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from der_core.recording.store import Call
from der_core.recording.table import load_table
from der_core.records import Label
from ui.record.panel import draw_faults
from ui.record.search import Replies, Wanted, label_word
from ui.shared.home import RecordingRef
from ui.shared.loaders import State, open_store, state_of
from ui.shared.parts import count, duration, empty_state, number, plain, show_text

PAGE_SIZE = 25
_QUESTION_WIDTH = 380
_SHOWN = {Label.NONE: "Asked first", Label.YES: "After a yes", Label.NO: "After a no", Label.INVALID: "After an invalid answer"}
_EVERYBODY = "anybody, right or wrong"


def load_replies(ref: RecordingRef) -> Replies:
    """Return a recording with the texts of its replies, incomplete questions included."""
    return _replies(ref.file, ref.name, ref.shipped, state_of(ref))


def draw_replies(ref: RecordingRef) -> None:
    """Draw the browser of a recording."""
    replies = load_replies(ref)
    rows = replies.find(_wanted(replies))
    n_all = replies.table.n_questions
    if not len(rows):
        empty_state(f"None of the {n_all:,} questions fits; loosen the search.")
        return
    st.caption(
        f"{len(rows):,} of {n_all:,} questions. Each expert: its label when asked first (after a yes, a no, an invalid answer). Choose a row to read it."
    )
    page = _page(len(rows))
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    event = st.dataframe(
        replies.rows_frame(shown),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        # A key of its own for each page: a chosen row must not point at another question after a search.
        key=f"record_rows_{replies.table.questions[shown[0]].id}_{len(shown)}",
        column_config={"Question": st.column_config.TextColumn(width=_QUESTION_WIDTH)},
        alt="Recorded questions with the labels of each expert",
    )
    chosen = event.selection.rows
    if len(rows) == 1 or (chosen and chosen[0] < len(shown)):
        _draw_question(replies, int(shown[chosen[0] if chosen else 0]))


def draw_recorded_faults(ref: RecordingRef) -> None:
    """Draw the calls of a recording that gave no reply, with what was said last about each kind."""
    with open_store(ref) as store:
        faults = store.faults(ref.name)
    if not faults:
        st.caption("Every call of this recording gave a reply.")
        return
    kinds = [fault.kind for fault in faults]
    draw_faults({kind: kinds.count(kind) for kind in dict.fromkeys(kinds)})
    for kind, message in {fault.kind: fault.message for fault in faults}.items():
        show_text(f"{kind}, the last one: {message}")


def _wanted(replies: Replies) -> Wanted:
    names = [_EVERYBODY, *(spec.name for spec in replies.table.experts)]
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    text = left.text_input(
        "Search questions, passages and replies",
        type="search",
        key="record_search",
        bind="query-params",
        persist_state="session",
        icon=":material/search:",
    )
    wrong = middle.selectbox("Answered wrong by", names, key="record_wrong", bind="query-params", persist_state="session")
    invalid = right.toggle("Some reply invalid", key="record_invalid", bind="query-params", persist_state="session")
    kinds = _kinds(replies.kinds)
    return Wanted(text or "", kinds, wrong if wrong in names[1:] else "", bool(invalid))


def _kinds(known: tuple[str, ...]) -> tuple[str, ...]:
    if len(known) < 2:
        return ()
    picked = st.multiselect(
        "Kinds", list(known), key="record_kinds", bind="query-params", persist_state="session", placeholder="All kinds", wrap=True
    )
    return tuple(kind for kind in picked if kind in known)


def _page(n_rows: int) -> int:
    n_pages = -(-n_rows // PAGE_SIZE)
    if n_pages == 1:
        return 1
    return min(max(int(st.pagination(n_pages, key="record_page", bind="query-params", persist_state="page")), 1), n_pages)


def _draw_question(replies: Replies, row: int) -> None:
    question = replies.table.questions[row]
    with st.container(border=True):
        st.markdown(f"**Question** · gold answer: {label_word(question.gold or Label.NONE)}")
        show_text(question.text)
        if question.passage:
            with st.expander("Passage", icon=":material/article:"):
                show_text(question.passage)
        for expert, spec in enumerate(replies.table.experts):
            st.markdown(f"**{expert + 1}.** {plain(spec.name)}")
            labels = [Label.NONE] if spec.is_asked_once else list(Label)
            asked = [label for label in labels if replies.table.labels[row, expert, label]]
            for column, label in zip(st.columns(max(len(asked), 1)), asked, strict=False):
                with column:
                    _draw_reply(replies, row, expert, label)


def _draw_reply(replies: Replies, row: int, expert: int, label: Label) -> None:
    table = replies.table
    place = (row, expert, label)
    said = label_word(Label(int(table.labels[place])))
    st.caption(f"{_SHOWN[label]}: **{said}** {replies.mark(row, expert, label)}")
    show_text(replies.texts.get(Call(table.questions[row].id, table.experts[expert].name, label), ""))
    seconds = f"prompt {duration(float(table.prompt_s[place]))}, reply {duration(float(table.generation_s[place]))}"
    prompt, cached, generated = (count(float(array[place])) for array in (table.prompt_tokens, table.cached_tokens, table.generated_tokens))
    tokens = f"{prompt} tokens in ({cached} known already), {generated} out"
    st.caption(f"P(yes) {number(float(table.p_yes[place]), 3)} · {seconds} · loading {duration(float(table.load_s[place]))} · {tokens}")


@st.cache_resource(max_entries=2, show_spinner="Reading the replies")
def _replies(path: Path, name: str, shipped: bool, state: State) -> Replies:
    with open_store(RecordingRef(path, name, shipped)) as store:
        texts = {Call(question, expert, previous): text for question, expert, previous, text in store.entry_rows(name, ("p.text",))}
        return Replies(load_table(store, name, require_complete=False), texts)
