"""Choosing runs: people see names, the address holds ids, so a link still works after a run was renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from der_core.evaluation.runs import Run
from ui.shared.address_choice import choose_by_id, news_in_address, warn_of_unknown, write_address
from ui.shared.loaders import runs

_BETWEEN = ","


def choose_run(key: str, label: str = "Run") -> Run | None:
    """Draw the choice of one run and return it, None where there is none at all; `?<key>=<id>` opens the page with that run."""
    known = runs()
    if not known:
        return None
    chosen = choose_by_id(key, "run", label, run_names(known))
    return next(run for run in known if run.id == chosen)


def active_run(key: str = "run") -> Run | None:
    """Return the run last looked at in this tab, else the first of all; None where there is none."""
    known, seen = runs(), st.session_state.get(f"{key}_address")
    return next((run for run in known if run.id == seen), next(iter(known), None))


def choose_runs(key: str, label: str, at_most: int) -> tuple[Run, ...]:
    """Draw the choice of up to `at_most` runs and return them in the order chosen; `?<key>=<id>,<id>` opens the page with those."""
    by_id = {run.id: run for run in runs()}
    names = run_names(tuple(by_id.values()))
    _follow_address(key, names, at_most)
    picked = st.multiselect(
        label,
        list(by_id),
        key=key,
        format_func=names.__getitem__,
        max_selections=at_most,
        persist_state="session",
        placeholder="Choose runs",
        wrap=True,
    )
    chosen = [run_id for run_id in picked if run_id in by_id][:at_most]
    write_address(key, _BETWEEN.join(chosen))
    return tuple(by_id[run_id] for run_id in chosen)


def run_names(shown: Sequence[Run]) -> dict[str, str]:
    """Return what to call each run, by id: its name, with its id where two share a name."""
    names = [run.name for run in shown]
    return {run.id: run.name if names.count(run.name) == 1 else f"{run.name} ({run.id})" for run in shown}


def _follow_address(key: str, names: Mapping[str, str], at_most: int) -> None:
    """Put the runs of a new address into the widget, and take out those that are gone; an address of its own making is no news."""
    address, wanted = news_in_address(key), st.session_state.get(key, [])
    if address is not None:
        wanted = address.split(_BETWEEN)
        for gone in [run_id for run_id in dict.fromkeys(wanted) if run_id and run_id not in names][:at_most]:
            warn_of_unknown("run", gone, "those that are")
    found = [run_id for run_id in dict.fromkeys(wanted) if run_id in names][:at_most]
    told = {run_id: names[run_id] for run_id in found}
    if found != st.session_state.get(key, []) or told != st.session_state.get(f"{key}_told", told):
        st.session_state[key] = found  # said anew where one has another name: the browser holds the old one
    st.session_state[f"{key}_told"] = told
