"""`store`: list, verify and export recordings."""

from __future__ import annotations

import argparse
from pathlib import Path

from der_core.commands.terminal import complain, say
from der_core.errors import StoreError
from der_core.recording.store import Store


def execute(arguments: argparse.Namespace) -> int:
    """Carry out one action; `verify` returns 1 when it finds a problem."""
    # Nothing is written but by export, to another file: a shipped store stays as it is, to the byte.
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        return _ACTIONS[arguments.action](store, arguments)


def _list(store: Store, arguments: argparse.Namespace) -> int:
    for recording in store.recordings():
        say(f"{recording.name}: {recording.n_questions} questions, {recording.n_experts} experts, {recording.n_entries} replies")
    return 0


def _verify(store: Store, arguments: argparse.Namespace) -> int:
    problems = store.verify()
    for problem in problems:
        complain(problem)
    say(f"{arguments.store}: {'verified' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


def _export(store: Store, arguments: argparse.Namespace) -> int:
    if not arguments.to:
        raise StoreError("export needs --to FILE.")
    store.export(Path(arguments.to), arguments.recording)
    say(f"Wrote {arguments.to}")
    return 0


_ACTIONS = {"list": _list, "verify": _verify, "export": _export}
