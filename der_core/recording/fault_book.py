"""Calls without a reply: how many, of what kind, and why, in words."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from der_core.errors import ExpertError


class FaultBook:
    """The faults of one run, and why experts were given up. Messages that differ in numbers only tell of one cause."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._causes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._wording: dict[str, str] = {}
        self._given_up: dict[str, str] = {}

    def add(self, expert: str, fault: ExpertError) -> tuple[str, str]:
        """Take note of a call without a reply; return its kind and its message in one line."""
        kind, message = type(fault).__name__, " ".join(str(fault).split())
        cause = re.sub(r"\d+(?:[.,]\d+)*", "0", message)
        self._kinds[kind] += 1
        self._causes[expert][cause] += 1
        self._wording[cause] = message
        return kind, message

    def give_up(self, expert: str, why: str) -> None:
        """Take note that an expert is asked no more."""
        self._given_up[expert] = why

    @property
    def by_kind(self) -> Mapping[str, int]:
        """How many calls gave no reply, by kind of fault."""
        return dict(self._kinds)

    def reasons(self) -> dict[str, str]:
        """Say for each expert with faults how many calls gave no reply and what most of them met, or why it was given up."""
        return {name: self._reason(name) for name in self._causes}

    def _reason(self, expert: str) -> str:
        causes = self._causes[expert]
        n, ((cause, n_most), *others) = causes.total(), causes.most_common()
        told = f"{n} call{'s' if n > 1 else ''} without a reply"
        told += f" of {len(causes)} causes, most often ({n_most})" if others else ""
        told += f": {self._wording[cause].rstrip('.')}"
        why = self._given_up.get(expert)
        if why is None:
            return f"expert {expert}: {told}"
        return f"expert {expert} was given up: {why.rstrip('.')}" + (f" (in all, {told})" if others else "")
