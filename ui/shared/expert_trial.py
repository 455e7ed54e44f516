"""The box to try one prompt on one expert: asked in the background, shown in full."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from der_core.config import AskOptions, ExpertSpec, Style
from der_core.errors import DerError, JobBusy
from der_core.experts.opening import open_experts
from der_core.jobs import JobHandle, JobSnapshot, JobState
from der_core.records import Label, Question, Reply
from ui.shared.address_choice import choose_segment
from ui.shared.home import allow_remote, states_folder
from ui.shared.parts import count, duration, notice, number, plain, plain_sentence, show_text
from ui.shared.reply_view import answer_word, draw_reply
from ui.shared.work import board, latest, this_tab, whose

TRY = "try"
PREVIOUS = {"none": "Nobody", "yes": "One who said yes", "no": "One who said no", "invalid": "One who said neither"}
"""Who is said to have answered before, by the word of the label."""
MAX_QUESTION, MAX_PASSAGE = 500, 20_000
"""Characters."""

_P_YES_HELP = (
    "Probability of yes against no at the token that decides.",
    "What a program prints comes with none; a router's training fits one.",
)
_POLL_S = 0.1
_READ_S = 300.0


@dataclass(frozen=True)
class Trial:
    """One question tried on one expert: what was sent and what came back."""

    expert: str
    style: Style
    question: Question
    previous_label: Label
    prompt: str
    reply: Reply


def draw_trial(specs: Sequence[ExpertSpec]) -> None:
    """Draw the box, and what the last trial on this server gave."""
    with st.form("experts_try", border=True):
        left, right = st.columns([2, 1])
        text = left.text_input(
            "Question",
            "Is the Moon larger than the Earth?",
            max_chars=MAX_QUESTION,
            key="experts_question",
            bind="query-params",
            persist_state="session",
        )
        by_name = {spec.name: spec for spec in specs}
        name = right.selectbox(
            "Expert",
            list(by_name),
            key="experts_try_expert",
            placeholder="Choose experts above",
            bind="query-params",
            persist_state="session",
        )
        passage = st.text_area("Passage (optional)", max_chars=MAX_PASSAGE, key="experts_passage", height=100, persist_state="session")
        word = choose_segment("Who answered before", list(PREVIOUS), "none", "experts_previous", format_func=PREVIOUS.__getitem__)
        asked = st.form_submit_button("Ask", icon=":material/send:", type="primary", disabled=not by_name)
    if asked and name in by_name:
        question = Question("tried", (text or "").strip()[:MAX_QUESTION], (passage or "").strip()[:MAX_PASSAGE] or None)
        _start(by_name[name], question, Label[word.upper()])
    job = latest(TRY)
    is_waiting = job is not None and job.state.active
    st.fragment(_draw_job, run_every=1.0 if is_waiting else None)(is_waiting)


def start_trial(spec: ExpertSpec, question: Question, previous_label: Label, options: AskOptions, owner: str) -> str:
    """Ask in the background. Returns the job's id; JobBusy while another trial is under way."""
    return board().start(TRY, f"Asking {spec.name}", lambda job: _try(job, spec, question, previous_label, options), owner)


def _start(spec: ExpertSpec, question: Question, previous_label: Label) -> None:
    if not question.text:
        st.warning("Type a question first.", icon=":material/edit:")
        return
    options = AskOptions(
        connect_timeout_s=3.0, read_timeout_s=_READ_S, retries=0, states_folder=str(states_folder()), allow_remote=allow_remote()
    )
    try:
        start_trial(spec, question, previous_label, options, this_tab())
    except JobBusy as error:
        notice(error)


def _try(job: JobHandle, spec: ExpertSpec, question: Question, previous_label: Label, options: AskOptions) -> Trial | None:
    job.report(0.0, None, "Waiting for the reply; the first one of a model includes loading it")
    ended: queue.SimpleQueue[Trial | DerError | None] = queue.SimpleQueue()
    # A daemon of its own, so that a call that hangs can be left behind when the trial is stopped.
    threading.Thread(target=_ask, args=(spec, question, previous_label, options, ended), daemon=True).start()
    while not job.stop.is_set():
        try:
            outcome = ended.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if isinstance(outcome, DerError):
            raise outcome
        if outcome is None:
            raise RuntimeError("the expert failed in a way that is not one of its errors; see the server's log")
        return outcome
    return None


def _ask(
    spec: ExpertSpec, question: Question, previous_label: Label, options: AskOptions, ended: queue.SimpleQueue[Trial | DerError | None]
) -> None:
    outcome: Trial | DerError | None = None
    try:
        with open_experts([spec], options) as (expert,):
            prompt = expert.request(question, previous_label).text
            outcome = Trial(spec.name, spec.style, question, previous_label, prompt, expert.ask(question, previous_label))
    except DerError as error:
        outcome = error
    finally:
        ended.put(outcome)


def _draw_job(was_waiting: bool) -> None:
    job = latest(TRY)
    if job is not None and job.state.active != was_waiting:
        st.rerun()  # all of the page: that ends the polling
    if job is None:
        st.caption("The prompt and the reply appear here in full, with P(yes) and the seconds it took.")
    elif job.state.active:
        _draw_waiting(job)
    elif isinstance(job.result, Trial):
        _draw_result(job.result)
    else:
        sentence = (
            job.message if job.state is JobState.FAILED else f"{job.title} was stopped before the reply came. Ask again when you like."
        )
        st.warning(plain_sentence(sentence), icon=":material/info:")


def _draw_waiting(job: JobSnapshot) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{plain(job.title)} ({whose(job)}): {duration(job.elapsed_s)}. {job.report.text}.")
        st.button(
            "Stop",
            icon=":material/stop:",
            key="experts_stop",
            on_click=board().stop,
            args=(job.id,),
            disabled=job.state is JobState.STOPPING,
        )


def _draw_result(trial: Trial) -> None:
    reply = trial.reply
    cells = st.columns(5)
    cells[0].metric("Label", answer_word(reply.label), border=True)
    cells[1].metric("P(yes)", number(reply.p_yes, 3), border=True, help=_P_YES_HELP[trial.style == "program"])
    cells[2].metric(
        "Prompt",
        duration(reply.prompt_s),
        border=True,
        help=f"{count(reply.prompt_tokens)} tokens, {count(reply.cached_tokens)} of them known already",
    )
    cells[3].metric("Reply", duration(reply.generation_s), border=True, help=f"{count(reply.generated_tokens)} tokens")
    cells[4].metric("Loading", duration(reply.load_s), border=True, help="Bringing the model into memory, paid once.")
    sent, received = st.columns(2)
    with sent:
        st.markdown(f"**Sent to {plain(trial.expert)}**")
        show_text(trial.prompt)
    with received:
        st.markdown("**Reply**")
        draw_reply(reply, trial.style)
