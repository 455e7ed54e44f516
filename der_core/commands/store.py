"""`store`: list, verify and export recordings."""

from __future__ import annotations

import argparse
from pathlib import Path

from der_core.commands.terminal import complain, say
from der_core.errors import StoreError
from der_core.foreign import in_one_line
from der_core.recording.store import Store


def execute(arguments: argparse.Namespace) -> int:
    """Carry out one action; `verify` returns 1 when it finds a problem."""
    # Nothing is written but by export, to another file: a shipped store stays as it is, to the byte.
    with Store.open(Path(arguments.store), create=False, read_only=True) as store:
        return _ACTIONS[arguments.action](store, arguments)


def _list(store: Store, arguments: argparse.Namespace) -> int:
    """Name every recording and read all of it but the replies; what cannot be read is told, and makes the exit code 1."""
    problems: list[str] = []
    try:
        for recording in store.recordings():
            counts = f"{recording.n_questions} questions, {recording.n_experts} experts, {recording.n_entries} replies"
            say(f"{in_one_line(recording.name)}: {counts}")
            problems += store.unreadable(recording.name)
    except StoreError as error:
        problems.append(str(error))
    for problem in problems:
        complain(problem)
    return 1 if problems else 0


def _verify(store: Store, arguments: argparse.Namespace) -> int:
    found = store.examine()
    for problem in found.problems:
        complain(problem)
    say(f"proven: {'; '.join(found.proven)}.")
    say(f"cannot be proven: {'; '.join(found.unproven)}.")
    say(f"{arguments.store}: {f'problems: {len(found.problems)}' if found.problems else 'verified, nothing contradicts it'}")
    return 1 if found.problems else 0


def _export(store: Store, arguments: argparse.Namespace) -> int:
    if not arguments.to:
        raise StoreError("export needs --to FILE.")
    store.export(Path(arguments.to), arguments.recording)
    say(f"Wrote {arguments.to}")
    return 0


_ACTIONS = {"list": _list, "verify": _verify, "export": _export}
