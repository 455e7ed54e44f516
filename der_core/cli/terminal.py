"""The only place that prints: lines, progress and tables for the terminal."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from der_core.foreign import harmless, in_one_line


def prepare_output() -> None:
    """Let the standard streams replace letters that their encoding lacks: a pipe of Windows may know 200 of them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class Harmless(logging.Formatter):
    """What is logged may quote others: what could steer the terminal is spelled out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return harmless(super().format(record))


def say(text: str = "") -> None:
    """Print one line (or paragraph) to standard output; what could steer the terminal is spelled out."""
    _print(f"{harmless(text)}\n", sys.stdout)


def complain(text: str) -> None:
    """Print one line to standard error; what could steer the terminal is spelled out."""
    _print(f"{harmless(text)}\n", sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`); the work is still wanted, and so are the files that it writes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say_json(title: str, data: Any) -> None:  # Any: a JSON value
    """Print a heading and a JSON value below it."""
    say(f"\n== {title} ==")
    say(json.dumps(data, indent=2, ensure_ascii=False))


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: "–", "42 s", "3 min 05 s", "2 h 10 min"."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def figure(value: float | None, digits: int = 2) -> str:
    """Return a number as people read it, a dash where nobody knows it."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


class ProgressBar:
    """A progress line: rewritten in place on a terminal, one line every `every_s` seconds elsewhere."""

    def __init__(
        self, title: str, stream: TextIO | None = None, every_s: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._every_s = 0.1 if self._live else every_s
        self._clock = clock
        self._shown: float | None = None

    def show(self, done: float, total: float, eta_s: float | None, note: str = "") -> None:
        """Show how far the work is; the last step is always shown."""
        now = self._clock()
        if done < total and self._shown is not None and now - self._shown < self._every_s:
            return
        self._shown = now
        share = done / total if total else 1.0
        filled = round(24 * share)
        note = in_one_line(note)
        line = (
            f"{self._title} [{'#' * filled}{'.' * (24 - filled)}] {share:4.0%} {done:g}/{total:g}, {duration(eta_s)} left {note}".rstrip()
        )
        _print(f"\r\x1b[K{line}" if self._live else f"{line}\n", self._stream)

    def count(self, done: int, total: int) -> None:
        """Show how much of the work is done."""
        self.show(done, total, None)

    def interrupt(self) -> None:
        """Clear the line, so that something else can be printed; the next step draws it again."""
        if self._live:
            _print("\r\x1b[K", self._stream)
        self._shown = None

    def close(self) -> None:
        """End the line."""
        if self._live and self._shown is not None:
            _print("\n", self._stream)
