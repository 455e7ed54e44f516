"""What can be done with one run: star, rename, delete with undo, and take its files home."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from der_core.errors import DerError
from der_core.evaluation.html_report import html_report
from der_core.evaluation.runs import Run
from der_core.foreign import in_one_line
from ui.runs.traces import traces_csv
from ui.shared.home import run_store
from ui.shared.loaders import run_report, unreadable_runs
from ui.shared.parts import notice, plain, plain_sentence

MAX_NAME = 60
MOST_LISTED = 20
_FAILED = "runs_failed"
_UNDO = "runs_undo"


def draw_actions(run: Run) -> None:
    """Draw what can be done with `run`."""
    name, star, delete = st.columns([4, 1, 1], vertical_alignment="bottom")
    key = f"runs_name_{run.id}"
    name.text_input("Name", run.name, key=key, max_chars=MAX_NAME, on_change=_rename, args=(run.id, key))
    star.button(
        "Unstar" if run.starred else "Star",
        key="runs_star",
        icon=":material/star:",
        width="stretch",
        on_click=_star,
        args=(run.id, not run.starred),
    )
    delete.button("Delete", key="runs_delete", icon=":material/delete:", width="stretch", on_click=_delete, args=(run.id,))
    try:
        _draw_downloads(run)
    except DerError as error:
        notice(error)


def draw_undo() -> None:
    """Say what went wrong or was deleted a moment ago, with the way back."""
    failure: str | None = st.session_state.pop(_FAILED, None)
    if failure:
        st.error(plain_sentence(failure), icon=":material/error:")
    undone = next((run for run in run_store().deleted() if run.id == st.session_state.get(_UNDO)), None)
    if undone is not None:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"Deleted “{plain(undone.name)}”.", width="content")
            st.button("Undo", key="runs_undo_button", icon=":material/undo:", on_click=_restore, args=(undone.id,))


def draw_deleted() -> None:
    """List the deleted runs, each with the way back, and the way to be rid of them."""
    aside = run_store().deleted()
    if not aside:
        return
    with st.expander(f"Deleted runs ({len(aside)})", icon=":material/delete:"):
        for run in aside:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(run.name)} :small[:gray[{plain(run.id)}]]")
                st.button("Bring back", key=f"runs_restore_{run.id}", on_click=_restore, args=(run.id,))
        st.button("Delete these for good", key="runs_purge", icon=":material/delete_forever:", on_click=run_store().purge)


def draw_unreadable() -> None:
    """List the folders that cannot be shown as runs, each with the reason and the way to be rid of it."""
    unreadable = unreadable_runs()
    if not unreadable:
        return
    with st.expander(f"Runs that cannot be shown ({len(unreadable)})", icon=":material/error:", expanded=True):
        for number, found in enumerate(unreadable[:MOST_LISTED]):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{plain(found.id)} :small[:gray[{plain(in_one_line(found.reason))}]]")
                st.button("Delete", key=f"runs_unreadable_{number}", on_click=_delete, args=(found.id,))
        if len(unreadable) > MOST_LISTED:
            st.caption(f"And {len(unreadable) - MOST_LISTED:,} more; they are listed when these are deleted.")


def _draw_downloads(run: Run) -> None:
    report, router = run_report(run.id), run_store().router_path(run.id)
    files: tuple[tuple[str, str, str, bytes | Callable[[], bytes]], ...] = (
        ("Report, JSON", f"{run.id}.json", "application/json", json.dumps(report, indent=1, ensure_ascii=False).encode()),
        ("Report, HTML page", f"{run.id}.html", "text/html", html_report(report, run.name).encode()),
        ("Router, zip", f"{run.id}.zip", "application/zip", router.read_bytes),
        ("Traces, CSV", f"{run.id}-traces.csv", "text/csv", lambda: traces_csv(run.id)),
    )
    with st.container(horizontal=True):
        for label, file_name, mime, content in files:
            st.download_button(
                label,
                content,
                file_name=file_name,
                mime=mime,
                key=f"runs_download_{Path(file_name).suffix[1:]}",
                icon=":material/download:",
                on_click="ignore",
            )


def _carefully(act: Callable[[], object]) -> bool:
    """Do it and tell whether it went well; another tab may have been quicker."""
    try:
        act()
    except DerError as error:
        st.session_state[_FAILED] = str(error)
        return False
    return True


def _rename(run_id: str, key: str) -> None:
    _carefully(lambda: run_store().rename(run_id, str(st.session_state[key])[:MAX_NAME]))


def _star(run_id: str, starred: bool) -> None:
    _carefully(lambda: run_store().star(run_id, starred))


def _delete(run_id: str) -> None:
    if _carefully(lambda: run_store().delete(run_id)):
        st.session_state[_UNDO] = run_id


def _restore(run_id: str) -> None:
    if _carefully(lambda: run_store().restore(run_id)):
        st.session_state.pop(_UNDO, None)
        st.session_state["run"] = run_id
