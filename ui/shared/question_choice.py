"""Choosing the questions of a recording: the bundled set, BoolQ, or a file of one's own."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import streamlit as st

from der_core.errors import DerError, QuestionsError
from der_core.recording.opening import ReadLimits
from der_core.recording.questions import BUNDLED_SETS, QuestionFile, load_questions, read_questions
from der_core.records import Question
from ui.shared.address_choice import choose_segment
from ui.shared.parts import notice, plain

SOURCES = {"bundled": "Bundled set", "hard": "Hard set", "boolq": "BoolQ", "file": "Own file"}
"""Where questions come from; the address holds the words on the right."""
BOOLQ_SIZES = {"validation": 3_270, "train": 9_427}
MAX_SAMPLES, DEFAULT_SAMPLES = 10_000, 200
MAX_BYTES = 16 * 1024 * 1024
UPLOAD_LIMITS = ReadLimits(n_bytes=128 * 1024 * 1024, n_rows=200_000)
"""Of what an upload holds when it is unpacked: reading more would keep every other tab waiting."""
_UPLOADS = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "gz", "bz2", "xz", "zst", "zip"]

_ABOUT = {
    "bundled": "Our own yes/no questions, written for this program: nothing is fetched.",
    "hard": "Our own questions too: dialogues, rules, timetables and others, on which small models guess.",
    "boolq": "Naturally occurring questions about Wikipedia passages (Clark et al. 2019), fetched from the Hugging Face hub at the start.",
    "file": "JSON lines, JSON, CSV, TSV or Parquet, packed or not, with the columns question and answer (yes or no); "
    "passage, id and kind are optional, and usual other names are understood. At most 16 MB, 128 MB unpacked and 200,000 questions.",
}


@dataclass(frozen=True)
class Asked:
    """Questions chosen: a short name for them, how many, and how to load them (in the background, where that takes long).

    `is_confirmed` is False while it has to be confirmed that they are to be asked without answers.
    """

    name: str
    n: int
    load: Callable[[], Sequence[Question]]
    is_confirmed: bool = True


def choose_questions() -> Asked | None:
    """Draw the choice and return it; None, with the reason on the page, where there are none."""
    source = choose_segment("Questions from", list(SOURCES), "bundled", "record_questions", format_func=SOURCES.__getitem__)
    st.caption(_ABOUT[source])
    try:
        return _bundled(source) if source in BUNDLED_SETS else {"boolq": _boolq, "file": _file}[source]()
    except DerError as error:
        notice(error)
        return None


def _bundled(name: str) -> Asked:
    samples, with_passage = _size(_n_bundled(name))
    return Asked(_named(name, samples, with_passage), samples, partial(load_questions, name, with_passage=with_passage, limit=samples))


def _boolq() -> Asked:
    split = choose_segment("Split", list(BOOLQ_SIZES), "validation", "record_split")
    samples, with_passage = _size(BOOLQ_SIZES[split])
    load = partial(load_questions, "boolq", split=split, with_passage=with_passage, limit=samples)
    return Asked(_named(f"boolq-{split}", samples, with_passage), samples, load)


def _file() -> Asked | None:
    upload = st.file_uploader("Question file", type=_UPLOADS, key="record_file", max_upload_size=16)
    if upload is None:
        return None
    content = upload.getvalue()
    file = read_upload(upload.name, content)
    (st.warning if file.unread or file.n_without_answer else st.caption)(plain(file.summary))
    is_confirmed = not file.without_answers or st.checkbox(
        f"Ask them all the same: {plain(file.without_answers)}", key=f"record_no_answers_{upload.file_id}"
    )
    samples, with_passage = _size(file.n_read)
    name = _named(Path(_safe(upload.name)).stem, samples, with_passage)
    return Asked(name, samples, lambda: read_upload(upload.name, content, with_passage, samples).questions, is_confirmed)


def _size(n_all: int) -> tuple[int, bool]:
    left, right = st.columns(2, vertical_alignment="bottom")
    typed = left.number_input(
        f"How many of the {n_all:,}",
        1,
        MAX_SAMPLES,
        DEFAULT_SAMPLES,
        50,
        key="record_samples",
        bind="query-params",
        persist_state="session",
        help="Drawn at random under a fixed seed: a larger sample holds the smaller one.",
    )
    with_passage = right.toggle("With passage", True, key="record_passage", bind="query-params", persist_state="session")
    return min(max(int(typed or DEFAULT_SAMPLES), 1), n_all, MAX_SAMPLES), bool(with_passage)


def _named(source: str, samples: int, with_passage: bool) -> str:
    return f"{source}-{samples}" + ("" if with_passage else "-no-passage")


def _safe(name: str) -> str:
    """The name of an uploaded file, fit to be one here."""
    return re.sub(r"[^\w.-]+", "-", Path(name.replace("\\", "/")).name)[-80:].lstrip(".-") or "questions.jsonl"


@st.cache_data(show_spinner=False, max_entries=2)
def _n_bundled(name: str) -> int:
    return len(load_questions(name))


@st.cache_data(show_spinner=False, max_entries=4, max_size="64MiB")
def read_upload(name: str, content: bytes, with_passage: bool = True, limit: int | None = None) -> QuestionFile:
    """Return what was read of an uploaded file; QuestionsError names the line at fault."""
    if len(content) > MAX_BYTES:
        raise QuestionsError(f"{name[:80]} is larger than 16 MB; divide it, or record it from the command line.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _safe(name)
        path.write_bytes(content)
        try:
            file = read_questions(path, with_passage=with_passage, limit=limit, limits=UPLOAD_LIMITS)
        except QuestionsError as error:
            raise QuestionsError(str(error).replace(f"{folder}/", "")) from error
    return replace(file, source=path.name)
