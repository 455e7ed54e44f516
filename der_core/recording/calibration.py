"""What a token costs an expert: seconds per token from lone calls, with nothing else running."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from der_core.errors import ExpertError, SettingsError
from der_core.experts.bounds import check_reply
from der_core.experts.patience import watched_waits
from der_core.experts.protocol import Expert
from der_core.recording.crew import WARM_UP
from der_core.recording.store import Calibration
from der_core.records import Label, Question, Reply

N_CALLS = 30
"""Lone calls that a calibration makes, unless told otherwise."""
FEWEST_REPLIES = 5
"""With fewer replies nothing is said of an expert's speed."""
BUSY_SHARE = 0.5
"""Load, in processes per core, from which on a machine is too busy to measure on."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Load:
    """How busy the machine is: processes that ran or waited in the last minute (None: the system does not tell), and its cores."""

    average: float | None
    cores: int

    @property
    def is_busy(self) -> bool:
        """Whether times measured now would be those of other work as well."""
        return self.average is not None and self.average > BUSY_SHARE * self.cores


def current_load() -> Load:
    """Return how busy the machine is now."""
    average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Load(average, os.cpu_count() or 1)


def check_idle(load: Load) -> None:
    """Raise SettingsError where the machine is too busy to measure on."""
    if load.is_busy:
        raise SettingsError(
            f"The machine is busy: a load of {load.average:.1f} on {load.cores} cores. Seconds measured beside other work price nothing; "
            "wait until it is idle, or give --busy to measure nevertheless."
        )


def calibrate(
    expert: Expert,
    questions: Sequence[Question],
    n_calls: int = N_CALLS,
    *,
    load: Load,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: threading.Event | None = None,
) -> Calibration:
    """Return the seconds per evaluated prompt token and per generated token of an expert, by non-negative least squares.

    One call at a time, on questions whose prompts are spread from the shortest to the longest; nothing is stored. Where
    the server tells the seconds of prompt and generation apart, each is fitted alone, else both to the seconds of the
    whole call. Tokens that the server says were cached are not counted. Raises ExpertError where the expert cannot be
    asked and SettingsError where its server tells no counts or too few calls gave a reply.
    """
    stopped = stop or threading.Event()
    with watched_waits(is_stopped=stopped.is_set):
        expert.ask(WARM_UP, Label.NONE)
        replies, faults = [], []
        for done, question in enumerate(chosen := spread(expert, questions, n_calls)):
            if stopped.is_set():
                break
            on_progress(done, len(chosen))
            try:
                replies.append(_asked(expert, question))
            except ExpertError as error:
                faults.append(str(error))
    on_progress(len(chosen), len(chosen))
    return _fitted(expert, replies, faults, load)


def spread(expert: Expert, questions: Sequence[Question], n: int) -> list[Question]:
    """Return up to `n` of the questions, evenly spread over the lengths of their prompts, long and short in turn."""
    by_length = sorted(questions, key=lambda question: len(expert.request(question, Label.NONE).text))
    last = len(by_length) - 1
    places = {round(place * last / max(min(n, last + 1) - 1, 1)) for place in range(min(n, last + 1))}
    chosen = [by_length[place] for place in sorted(places)]
    # Neighbours of like length would be measured at like times, and a drift of the machine be taken for one of length.
    return [*chosen[::2], *chosen[1::2][::-1]]


def _asked(expert: Expert, question: Question) -> Reply:
    reply = expert.ask(question, Label.NONE)
    check_reply(reply)
    return reply


def _fitted(expert: Expert, replies: Sequence[Reply], faults: Sequence[str], load: Load) -> Calibration:
    counted = [reply for reply in replies if reply.prompt_tokens is not None and reply.generated_tokens is not None]
    name = expert.spec.name
    if replies and not counted:
        raise SettingsError(f"The server of {name} tells no token counts, so that nothing can be said of the cost of a token.")
    if len(counted) < FEWEST_REPLIES:
        why = f", the last fault: {faults[-1]}" if faults else ""
        raise SettingsError(f"Only {len(counted)} calls of {name} gave a reply; a calibration needs {FEWEST_REPLIES}{why}")
    evaluated = np.array([(reply.prompt_tokens or 0) - (reply.cached_tokens or 0) for reply in counted], dtype=np.float64)
    generated = np.array([reply.generated_tokens for reply in counted], dtype=np.float64)
    apart = [reply for reply in counted if reply.prompt_s > 0 and math.isfinite(reply.generation_s)]
    told_apart = len(apart) == len(counted)
    if told_apart:
        prompt_s, generation_s = (np.array([getattr(reply, part) for reply in counted]) for part in ("prompt_s", "generation_s"))
        prompt_rate, generated_rate = _slope(evaluated, prompt_s), _slope(generated, generation_s)
        seconds = prompt_s + generation_s
    else:
        seconds = np.array([reply.wall_s - (reply.load_s if reply.load_s > 0 else 0.0) for reply in counted])
        prompt_rate, generated_rate = _slopes(evaluated, generated, seconds)
    spare = np.abs(prompt_rate * evaluated + generated_rate * generated - seconds)
    meta = _account(expert, load, counted, faults, told_apart)
    meta["median_error"] = round(float(np.median(spare / np.maximum(seconds, 1e-9))), 4)
    return Calibration(name, prompt_rate, generated_rate, len(counted), meta)


def _slope(tokens: Floats, seconds: Floats) -> float:
    """The least-squares slope through the origin; 0 where there was nothing to measure."""
    weight = float(tokens @ tokens)
    return float(tokens @ seconds) / weight if weight else 0.0


def _slopes(evaluated: Floats, generated: Floats, seconds: Floats) -> tuple[float, float]:
    from scipy.optimize import nnls  # late: only servers that tell no times apart need it

    prompt_rate, generated_rate = nnls(np.column_stack([evaluated, generated]), seconds)[0]
    return float(prompt_rate), float(generated_rate)


def _account(expert: Expert, load: Load, counted: Sequence[Reply], faults: Sequence[str], told_apart: bool) -> dict[str, Any]:  # Any: JSON
    spec = expert.spec
    return {
        "digest": spec.digest,
        "threads": spec.threads,
        "engine": spec.engine,
        "load_average": load.average,
        "cores": load.cores,
        "busy": load.is_busy,
        "seconds_of": "prompt and generation apart" if told_apart else "the whole call",
        "cached_tokens": "told" if all(reply.cached_tokens is not None for reply in counted) else "not told",
        "prompt_tokens": [min(reply.prompt_tokens or 0 for reply in counted), max(reply.prompt_tokens or 0 for reply in counted)],
        "n_without_reply": len(faults),
    }
