"""What a recording still lacks, and how long that will take."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence

from der_core.recording.store import Call
from der_core.records import Label

PASSES: tuple[tuple[Label, ...], ...] = ((Label.NONE, Label.YES, Label.NO), (Label.INVALID,))
"""Previous labels in the order in which they are asked; the second pass only where a reply was invalid."""


ONCE: tuple[Label, ...] = (Label.NONE,)
"""After which labels an expert is asked whose one reply stands after all of them."""


def calls_needed(n_questions: int, n_experts: int, n_asked_once: int = 0) -> tuple[int, int]:
    """Return the fewest and the most calls that a recording can need; `n_asked_once` of the experts are asked a question once."""
    always, sometimes = (len(labels) for labels in PASSES)
    n_others, once = n_experts - n_asked_once, n_asked_once * len(ONCE)
    return n_questions * (n_others * always + once), n_questions * (n_others * (always + sometimes) + once)


class Plan:
    """The replies that are wanted of some experts on some questions, and which of them are there.

    Those of `asked_once` are wanted a single reply to each question. `recorded` are the filled places of the whole recording: an invalid reply of any of its experts makes
    the previous label invalid reachable for all.
    """

    def __init__(
        self, question_ids: Sequence[str], experts: Sequence[str], recorded: Mapping[Call, Label], asked_once: Collection[str] = ()
    ) -> None:
        self._questions = set(question_ids)
        self._experts = set(experts)
        self._asked_once = frozenset(asked_once)
        self._recorded: set[Call] = set()
        self._done: Counter[str] = Counter()
        self._invalid: defaultdict[str, set[Call]] = defaultdict(set)
        for call, label in recorded.items():
            self.add(call, label)

    def add(self, call: Call, label: Label) -> None:
        """Take note of a reply that is in the recording now."""
        if call.question_id in self._questions and label == Label.INVALID:
            self._invalid[call.question_id].add(call)
        if call not in self._recorded and call.question_id in self._questions and call.expert in self._experts:
            self._recorded.add(call)
            self._done[call.expert] += 1

    def remove(self, call: Call) -> None:
        """Take note of a reply that is in the recording no more."""
        self._invalid[call.question_id].discard(call)
        if not self._invalid[call.question_id]:
            del self._invalid[call.question_id]
        if call in self._recorded:
            self._recorded.remove(call)
            self._done[call.expert] -= 1

    @property
    def done(self) -> int:
        """How many of the wanted replies are there."""
        return self._done.total()

    @property
    def total(self) -> int:
        """How many replies are wanted, as far as is known: three a question, four once a reply to it was invalid; or one."""
        return sum(self._n_wanted(expert) for expert in self._experts)

    def n_missing(self, expert: str) -> int:
        """How many replies of one expert are wanted and not there."""
        return self._n_wanted(expert) - self._done[expert]

    def missing(self, expert: str, question_id: str, labels: Sequence[Label]) -> deque[Label]:
        """Return those of `labels` after which the expert has yet to be asked the question."""
        wanted = (label for label in labels if self._is_wanted(expert, question_id, label))
        return deque(label for label in wanted if Call(question_id, expert, label) not in self._recorded)

    def _is_wanted(self, expert: str, question_id: str, label: Label) -> bool:
        if expert in self._asked_once:
            return label in ONCE
        return label != Label.INVALID or question_id in self._invalid

    def _n_wanted(self, expert: str) -> int:
        if expert in self._asked_once:
            return len(ONCE) * len(self._questions)
        return len(PASSES[0]) * len(self._questions) + len(self._invalid)


class Pace:
    """How fast each expert replies, measured by `clock` (seconds) around the calls of this run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._seconds: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()

    def add(self, expert: str, started_at: float, n_side_by_side: int) -> None:
        """Take note of a call that has just ended, made while so many replicas worked side by side."""
        self._seconds[expert] += (self._clock() - started_at) / n_side_by_side  # type: ignore[assignment]  # Counter is typed for whole numbers
        self._calls[expert] += 1

    @property
    def rate_per_s(self) -> float:
        """Calls per second since the run began."""
        elapsed = self._clock() - self._began
        return self._calls.total() / elapsed if elapsed > 0 else 0.0

    def eta_s(self, n_missing: Mapping[str, int]) -> float | None:
        """Return the seconds that the missing calls will take, None before the first call has ended.

        Each expert at its own pace; one that was not called yet at the pace of the others.
        """
        if not self._calls:
            return None
        common = self._seconds.total() / self._calls.total()
        return sum(n * (self._seconds[name] / self._calls[name] if self._calls[name] else common) for name, n in n_missing.items())
