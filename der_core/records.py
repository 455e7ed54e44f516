"""The nouns of the product as frozen records: question, reply, step, route.

They carry data and properties only; `docs/metrics.md` is the dictionary of the words.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass


class Label(enum.IntEnum):
    """What a reply says. The integer is the code used in every array of the table.

    `NONE` is never the label of a reply: as a previous label it means that no expert has been asked yet.
    """

    NONE = 0
    YES = 1
    NO = 2
    INVALID = 3

    @property
    def word(self) -> str:
        """The label as people read it: "none", "yes", "no" or "invalid"."""
        return self.name.lower()

    @classmethod
    def of_answer(cls, answer: bool) -> Label:
        """The label of a gold answer."""
        return cls.YES if answer else cls.NO


N_LABELS = len(Label)
"""Length of the previous-label axis of the table: none, yes, no, invalid."""


@dataclass(frozen=True)
class Question:
    """A yes/no question, with the passage it is asked about if there is one.

    `gold` is None for a question typed by a person: nobody knows the answer. `passage_key` is the group of the
    passage that a question has in its source and is asked without.
    """

    id: str
    text: str
    passage: str | None = None
    gold: Label | None = None
    kind: str | None = None
    passage_key: str | None = None

    @property
    def group(self) -> str:
        """Key of the passage (or, where there is none, of the question): questions of one passage are not independent.

        Splits also keep together what is nearly the same (see `der_core.recording.splits.passage_groups`).
        """
        return self.passage_key or subject_key(self.passage if self.passage is not None else self.text)


def subject_key(subject: str) -> str:
    """Return the key of a passage or question text, the same for other white space and case."""
    return hashlib.sha256(" ".join(subject.split()).lower().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Reply:
    """What one call of an expert returned.

    Times are seconds as the server reports them (`wall_s`: as we measured them around the call), nan where unknown.
    `prompt_tokens` counts the whole prompt; `cached_tokens` of them were found in the server's prefix
    cache and cost next to nothing in `prompt_s`. A count is None where the server does not tell it: unknown is not
    zero. `p_yes` is the probability of yes against no at the token that decides the label, None where the server
    gives no log-probabilities.

    `reason` says in one sentence why the label is INVALID, and is empty for any other label. `alternatives` are the
    likely tokens at the deciding place, each with its natural log-probability. `token_logprobs` holds the
    log-probability of every generated token, for styles that write more than one word. `printed` is what a program
    of the expert printed, and `interpreter` names what ran it, with its version.
    """

    text: str
    label: Label
    p_yes: float | None
    load_s: float
    prompt_s: float
    generation_s: float
    wall_s: float
    prompt_tokens: int | None
    cached_tokens: int | None
    generated_tokens: int | None
    model_digest: str
    reason: str = ""
    alternatives: tuple[tuple[str, float], ...] = ()
    token_logprobs: tuple[float, ...] = ()
    printed: str | None = None
    interpreter: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a route: who was asked after which label, what came back, and what the router thought.

    `label` is what the reply counts as: its own word, or what the expert's threshold on P(yes) makes of it.
    `seconds` are standardised (see `der_core.routing.cost`). `probabilities` are the router's, one per action (experts in order, STOP last where there is one);
    empty for routers that have none. `quality` is nan where the gold answer is unknown. `p_right` is how likely the router takes
    `label` to be right (0 for an invalid reply); None for routers that do not say.
    """

    expert: str
    previous_label: Label
    prompt: str
    reply: Reply
    label: Label
    cost: float
    seconds: float
    quality: float
    probabilities: tuple[float, ...] = ()
    repeated: bool = False
    p_right: float | None = None


@dataclass(frozen=True)
class Route:
    """The steps taken for one question, and why it ended there.

    `stop_reason` is a phrase for people (see `StopReason.words`).
    """

    question: Question
    steps: tuple[Step, ...]
    stop_reason: str

    @property
    def answer(self) -> Label:
        """The label of the last reply (NONE for a route without steps)."""
        return self.steps[-1].label if self.steps else Label.NONE

    @property
    def cost(self) -> float:
        """Sum of the costs of the steps."""
        return sum(step.cost for step in self.steps)

    @property
    def seconds(self) -> float:
        """Sum of the standardised seconds of the steps."""
        return sum(step.seconds for step in self.steps)
