"""Where programs that a model wrote are run: pydantic-monty, an interpreter without a way out.

It knows no file, no network, no environment, no clock and no chance (a program that asks for one of them fails), and
none of our functions. It works in a process of its own that serves one program after the other, each from a blank
state; a process that dies or hangs is replaced.
"""

from __future__ import annotations

import atexit
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from der_core.errors import InterpreterMissing

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontyError, MontySession

SECONDS = 0.5
"""Longest run of a program."""
MEMORY_BYTES = 32 << 20
"""Most memory that a program may hold."""
PRINTED_BYTES = 4096
"""Most that a program may print, in UTF-8."""
CALL_DEPTH = 200
"""Deepest nesting of calls."""
REASON_CHARACTERS = 200
"""Longest reason that is kept."""

COMMON_NAMES = """\
import math, re
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from itertools import combinations, permutations, product
from math import ceil, floor, gcd, sqrt
"""
"""Run before every program: models use these names without importing them."""

_HANGS_S = 2.0
_GRACE_S = 0.5


@dataclass(frozen=True)
class Execution:
    """What a run came to: what was printed, within the limit, why it failed ("" where it did not), and its seconds."""

    printed: str
    failure: str
    seconds: float


class Sandbox:
    """One interpreter process, started at the first program; safe across threads, which wait for one another."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._lock = threading.Lock()
        self._pool: Monty | None = None

    @property
    def interpreter(self) -> str:
        """Name and version of the interpreter; raises InterpreterMissing where it is not installed."""
        try:
            from pydantic_monty import __version__
        except ImportError as error:
            raise _missing(error) from error
        return f"pydantic-monty {__version__}"

    def start(self) -> None:
        """Start the interpreter and wait until it answers; raises InterpreterMissing where it cannot."""
        with ExitStack() as stack:
            self._session(stack)

    def run(self, program: str) -> Execution:
        """Run a program from a blank state; raises InterpreterMissing where there is nothing to run it with."""
        from pydantic_monty import MontyError

        printed, failure = _Printed(), ""
        with ExitStack() as stack:
            session = self._session(stack)
            start_s = time.perf_counter()
            try:
                session.feed_run(program, print_callback=printed.take)
            except MontyError as error:
                failure = printed.failure or _in_words(error)
            return Execution(printed.text, failure, time.perf_counter() - start_s)

    def close(self) -> None:
        """End the process; the next program starts another."""
        with self._lock:
            if self._pool is not None:
                self._pool.__exit__(None, None, None)
            self._pool = None

    def _session(self, stack: ExitStack) -> MontySession:
        """A blank session with the common names, until `stack` is left."""
        from pydantic_monty import MontyCrashedError

        try:
            return self._prepared(stack)
        except MontyCrashedError:
            pass  # a process that died or hung while it was idle: no program is to blame, and the next one is new
        try:
            return self._prepared(stack)
        except MontyCrashedError as error:
            raise _missing(error) from error

    def _prepared(self, stack: ExitStack) -> MontySession:
        try:
            session = stack.enter_context(
                self._started().checkout(
                    script_name="program.py",
                    limits={
                        "max_feed_duration_secs": SECONDS,
                        "max_memory": MEMORY_BYTES,
                        "max_recursion_depth": CALL_DEPTH,
                        "max_suspensions": 1,
                    },
                    # Without a handler these calls fail; otherwise a reply would hang on the day and on luck.
                    os_policy={"datetime": "call_host", "sleep": "call_host", "random_start": "call_host"},
                )
            )
        except (OSError, RuntimeError) as error:
            raise _missing(error) from error
        session.feed_run(COMMON_NAMES)
        return session

    def _started(self) -> Monty:
        with self._lock:
            if self._pool is None:
                from pydantic_monty import Monty

                pool = Monty(max_processes=1, request_timeout=_HANGS_S, feed_duration_limit_grace=_GRACE_S)
                self._pool = pool.__enter__()
            return self._pool


SANDBOX = Sandbox()
"""The interpreter of this process."""

atexit.register(SANDBOX.close)


class _Printed:
    """What a program prints, up to the limit."""

    def __init__(self) -> None:
        self._kept = b""
        self.failure = ""

    @property
    def text(self) -> str:
        return self._kept.decode(errors="ignore")  # the limit may cut a character in two

    def take(self, stream: str, text: str) -> None:
        if stream != "stdout":
            return
        self._kept += text.encode()
        if len(self._kept) > PRINTED_BYTES:
            self._kept = self._kept[:PRINTED_BYTES]
            self.failure = f"the program printed more than {PRINTED_BYTES:,} bytes"
            raise OverflowError  # ends the program, which cannot catch it


def _in_words(error: MontyError) -> str:
    """Why a program failed, in one line; limits in words that are the same each time."""
    from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

    if isinstance(error, MontyCrashedError):
        return "the interpreter hung and was replaced" if error.timed_out else "the interpreter died and was replaced"
    message = error.display("type-msg") if isinstance(error, MontyRuntimeError | MontySyntaxError) else str(error)
    if message.startswith("TimeoutError: feed time limit"):
        return f"the program ran longer than {SECONDS} seconds"
    if message.startswith(("MemoryError: memory limit", "MemoryError: the worker exceeded")):
        return f"the program needed more than {MEMORY_BYTES >> 20} MB"
    line = " ".join(message.split())
    return line if len(line) <= REASON_CHARACTERS else line[: REASON_CHARACTERS - 1] + "…"


def _missing(error: Exception) -> InterpreterMissing:
    said = " ".join(str(error).split())[:REASON_CHARACTERS]
    return InterpreterMissing(
        f"The interpreter for programs cannot be started ({said or type(error).__name__}); "
        "install the packages of requirements.txt, and leave MONTY_BIN unset."
    )
