"""The SQLite file of a store: its kind, its version, how several processes share it, and its errors in words."""

from __future__ import annotations

import functools
import math
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from der_core.errors import StoreError
from der_core.foreign import in_one_line
from der_core.recording.schema import APPLICATION_ID, AS_OF_TODAY, MIGRATIONS

BUSY_S = 30.0
"""How long to wait for another process that is writing to the same file."""
READ_S = 120.0
"""How long one query may take: a file can be made so that reading it never ends."""
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What reading raises where a file holds anything but a recording."""

_PAUSE_S = 0.01
_LARGEST_VALUE_BYTES = 1 << 25
_STEPS_BETWEEN_LOOKS = 100_000

Declared = frozenset[tuple[str, str, str, str]]
"""Kind, name, table and normalised SQL of everything that a file declares."""


class TimeBudget:
    """Ends queries of one connection that take too long."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._ends = math.inf
        db.set_progress_handler(lambda: time.monotonic() > self._ends, _STEPS_BETWEEN_LOOKS)

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """End a query inside the block after so many seconds, with StoreError."""
        self._ends = time.monotonic() + seconds
        try:
            yield
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_INTERRUPT:
                raise
            raise StoreError(f"Reading the recording store took longer than {seconds:.0f} s and was ended; is the file damaged?") from error
        finally:
            self._ends = math.inf


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
            if _code(error) != sqlite3.SQLITE_CANTOPEN:
                raise
            if log.exists() and log.stat().st_size:
                raise StoreError(
                    f"{path} cannot be read where nothing may be written: part of it still stands in {log.name}. Copy both files elsewhere."
                ) from error
            db.close()
            db = _connect(f"{address}&immutable=1")
    return db


def _connect(address: str) -> sqlite3.Connection:
    db = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE_BYTES)
    return db


def bring_up_to_date(db: sqlite3.Connection, path: Path, read_only: bool) -> None:
    """Make a new file a store, bring an older one up to date; StoreError where it is neither, or newer than this program.

    A file that is only read stays as it is: what an older one lacks is laid over it in memory.
    """
    db.execute("PRAGMA trusted_schema = OFF")  # the file may come from a stranger
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("BEGIN")  # one look, between whatever others write meanwhile
    with db:
        owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        declared = _declared(db)
    if owner != APPLICATION_ID and (declared or read_only):
        raise StoreError(f"{path} is not a recording store; choose another file.")
    if version > len(MIGRATIONS):
        raise StoreError(f"{path} was written by a newer version of this program (schema {version} above {len(MIGRATIONS)}); update first.")
    _check_declared(declared, version, path)
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


def _check_declared(declared: Declared, version: int, path: Path) -> None:
    """Raise StoreError unless a file declares the tables of its version and nothing else: no view, trigger, index or column more."""
    ours = _declared_by(MIGRATIONS[:version])
    known = {entry[:2] for entry in ours}
    for kind, name, table, _ in sorted(declared - ours):
        what = f"{kind} {name} is not as in a recording" if (kind, name) in known else f"it holds a {kind} {name!r:.60} (on {table!r:.60})"
        raise StoreError(f"{path} was not written by this program: {in_one_line(what)}. It is not read; choose another file.")
    for kind, name, _, _ in sorted(ours - declared, key=lambda entry: entry[0] != "table"):
        raise StoreError(f"{path} was not written by this program: it lacks the {kind} {name}. It is not read; choose another file.")


@functools.lru_cache(maxsize=8)
def _declared_by(migrations: tuple[str, ...]) -> Declared:
    db = sqlite3.connect(":memory:")
    db.executescript("".join(migrations))
    declared = _declared(db)
    db.close()
    return declared


def _declared(db: sqlite3.Connection) -> Declared:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master").fetchall()
    return frozenset((str(kind), str(name), str(table), re.sub(r'[\s"]+', "", str(sql)).lower()) for kind, name, table, sql in rows)


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Switch to the log, waiting for others that are just opening the file: SQLite gives up at once where two switch together."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
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


def _code(error: sqlite3.OperationalError) -> int | None:
    """SQLite's code of an error; None for one of Python's own, as for a text that is none."""
    return getattr(error, "sqlite_errorcode", None)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise into a StoreError that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # a damaged file may break SQLite's own messages
        raise StoreError(
            f"The recording store {path} cannot be used: {in_one_line(str(error))}. Check the file, or use another."
        ) from error


@contextmanager
def as_recorded(path: Path, table: str, row: object = None) -> Iterator[None]:
    """Turn what unpacking raises, where a file holds anything but a recording, into a StoreError that names the table and the row."""
    try:
        yield
    except UNREADABLE as error:
        place = f"table {table}" if row is None else f"table {table}, row {in_one_line(str(row), 40)}"
        told = in_one_line(str(error).rstrip("."), 200) or type(error).__name__
        raise StoreError(
            f"{path} holds something that was not recorded ({place}: {told}). See: python -m der_core store verify."
        ) from error
