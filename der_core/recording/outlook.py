"""Replies that cannot be used, told apart by cause: an expert that is cut off or silent is not one that is wrong."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from der_core.config import ExpertSpec
from der_core.experts.parsing import was_cut

FEWEST_REPLIES = 10
"""From so many replies on an expert is judged."""
CUT_SHARE = 0.5
"""From this share of cut or empty replies on, more tokens are advised."""
UNREAD_SHARE = 0.2
"""From this share of replies that say neither yes nor no on, holding the expert to yes or no is advised."""


class Cause(enum.StrEnum):
    """Why replies are INVALID, in words that follow "they were"."""

    THINKING = "cut while it was still thinking"
    CUT = "cut before the answer"
    EMPTY = "empty"
    NEITHER = "neither yes nor no"
    PROGRAM = "programs that failed"
    OTHER = "unreadable for another reason"


_REMEDIES = {
    Cause.THINKING: "give it more tokens with max_tokens in the experts file, or turn thinking off",
    Cause.CUT: "give it more tokens with max_tokens in the experts file",
    Cause.EMPTY: "look at its server's log, or leave this expert out",
}


@dataclass(frozen=True)
class Unusable:
    """How many of an expert's `n` replies are INVALID, by cause; `advice` says what to do, "" where little can be gained."""

    expert: str
    n: int
    counts: Mapping[Cause, int]
    advice: str

    @property
    def share(self) -> float:
        """The share of replies that are INVALID, in [0, 1]."""
        return sum(self.counts.values()) / self.n


def unusable_replies(reasons: Mapping[str, Mapping[str, int]], experts: Iterable[ExpertSpec]) -> list[Unusable]:
    """Return for each expert that replied how many of its replies are INVALID and why, with what to do about it.

    `reasons` counts the replies of each expert by name and by `Reply.reason` ("": the reply is a yes or a no);
    `Store.reasons` returns them for a recording.
    """
    return [_unusable(spec, reasons[spec.name]) for spec in experts if sum(reasons.get(spec.name, {}).values())]


def advice_on(reasons: Mapping[str, Mapping[str, int]], experts: Iterable[ExpertSpec]) -> tuple[str, ...]:
    """Return the sentences of `unusable_replies` alone; empty where every expert can be used as it is."""
    return tuple(found.advice for found in unusable_replies(reasons, experts) if found.advice)


def cause_of(reason: str, spec: ExpertSpec) -> Cause | None:
    """Return what kind of failure `Reply.reason` tells of; None for a reply that is a yes or a no."""
    if not reason:
        return None
    if was_cut(reason) or reason.startswith("cut "):
        return Cause.THINKING if "thought" in reason or "thinking" in reason else Cause.CUT
    if reason.startswith("the reply is empty"):
        return Cause.EMPTY
    if str(spec.style) == "program":
        return Cause.PROGRAM
    return Cause.NEITHER if reason.startswith("neither") else Cause.OTHER


def _unusable(spec: ExpertSpec, reasons: Mapping[str, int]) -> Unusable:
    counts: Counter[Cause] = Counter()
    for reason, n in reasons.items():
        cause = cause_of(reason, spec)
        if cause is not None:
            counts[cause] += n
    n = sum(reasons.values())
    return Unusable(spec.name, n, dict(counts.most_common()), _advice(spec, counts, n) if n >= FEWEST_REPLIES else "")


def _advice(spec: ExpertSpec, counts: Counter[Cause], n: int) -> str:
    silent = {cause: counts[cause] for cause in _REMEDIES if counts[cause]}
    n_silent, n_unread = sum(silent.values()), counts[Cause.NEITHER] + counts[Cause.OTHER]
    if n_silent >= CUT_SHARE * n:
        causes = sorted(silent, key=lambda cause: -silent[cause])
        return f"{_how_many(n_silent, n)} of {spec.name} were {' or '.join(causes)}: {_REMEDIES[causes[0]]}."
    if n_unread >= UNREAD_SHARE * n and not spec.held:
        return f"{_how_many(n_unread, n)} of {spec.name} were {Cause.NEITHER}: hold it to yes or no, with +held behind its name."
    return ""


def _how_many(some: int, n: int) -> str:
    return f"all {n:,} replies" if some == n else f"{some:,} of {n:,} replies"
