"""The SQLite file of a store: its kind, its version, how several processes share it, and its errors in words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from der_core.errors import StoreError
from der_core.recording.schema import APPLICATION_ID, AS_OF_TODAY, MIGRATIONS

BUSY_S = 30.0
"""How long to wait for another process that is writing to the same file."""
_PAUSE_S = 0.01


def connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """Open a file; it is made where there is none, unless it is only read."""
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    db = _connect(address)
    if read_only:
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            # A file with a write-ahead log needs a file beside it, which read-only media refuse; nobody can write there either.
            log = path.with_name(f"{path.name}-wal")
            if error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN or (log.exists() and log.stat().st_size):
                raise
            db.close()
            db = _connect(f"{address}&immutable=1")
    return db


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def bring_up_to_date(db: sqlite3.Connection, path: Path, read_only: bool) -> None:
    """Make a new file a store, bring an older one up to date; StoreError where it is neither, or newer than this program.

    A file that is only read stays as it is: what an older one lacks is laid over it in memory.
    """
    db.execute("PRAGMA trusted_schema = OFF")  # the file may come from a stranger
    db.execute("BEGIN")  # one look, between whatever others write meanwhile
    with db:
        owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        is_empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and not (is_empty and not read_only):
        raise StoreError(f"{path} is not a recording store; choose another file.")
    if version > len(MIGRATIONS):
        raise StoreError(f"{path} was written by a newer version of this program (schema {version} above {len(MIGRATIONS)}); update first.")
    if read_only:
        db.execute("PRAGMA temp_store = MEMORY")
        for number in range(version, len(MIGRATIONS)):
            for statement in AS_OF_TODAY.get(number, ()):
                db.execute(statement)
        return
    _use_write_ahead_log(db)
    db.execute("PRAGMA synchronous = NORMAL")
    for number in range(version, len(MIGRATIONS)):
        _migrate(db, number)
    db.execute("PRAGMA foreign_keys = ON")  # not before: a migration may make a table anew that others refer to


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Switch to the log, waiting for others that are just opening the file: SQLite gives up at once where two switch together."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)


def _migrate(db: sqlite3.Connection, number: int) -> None:
    """Bring a file from version `number` to the next, unless another process was quicker."""
    db.execute("BEGIN IMMEDIATE")
    with db:  # commits, or rolls back on the way out of an error
        if db.execute("PRAGMA user_version").fetchone()[0] > number:
            return
        for statement in MIGRATIONS[number].split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {number + 1}")


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise into a StoreError that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The recording store {path} cannot be used: {error}. Check the file, or use another.") from error


@contextmanager
def as_recorded(path: Path) -> Iterator[None]:
    """Turn what unpacking raises, where a file holds anything but a recording, into a StoreError."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} holds something that was not recorded ({error}). See: python -m der_core store verify.") from error
