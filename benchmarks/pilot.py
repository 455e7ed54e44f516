"""Which experts are worth recording: first prompts on a few bundled questions of the training part; the held-out half is not touched.

    python -m benchmarks.pilot PER_KIND EXPERT [EXPERT ...]

Experts are written as on the command line, for instance gguf:FILE.gguf@examples. Prints the share of right answers, the
AUC of P(yes), the share of yes and of invalid replies, and seconds a question, the model loaded.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from der_core.config import AskOptions, ExpertSpec
from der_core.experts.opening import open_expert
from der_core.experts.pool import parse_experts
from der_core.recording.questions import load_questions, split_counts
from der_core.records import Label, Question, Reply

N_TRAINING, SPLIT, DRAW = 536, 7, 1


def main(arguments: Sequence[str]) -> None:
    """Print one line per expert."""
    per_kind, *names = arguments
    questions = sample(int(per_kind))
    for spec in parse_experts(names):
        print(figures(spec, questions), flush=True)


def sample(per_kind: int) -> list[Question]:
    """Draw so many questions of each kind from the training part."""
    questions = load_questions("bundled")
    splits = split_counts(questions, train=N_TRAINING, test=len(questions) - N_TRAINING, seed=SPLIT)
    training = set(splits.train) | set(splits.validation)
    rng = random.Random(DRAW)
    kinds = sorted({question.kind or "" for question in questions})
    return [
        drawn
        for kind in kinds
        for drawn in rng.sample([question for question in questions if question.kind == kind and question.id in training], per_kind)
    ]


def figures(spec: ExpertSpec, questions: Sequence[Question]) -> str:
    """Ask one expert all questions and return its line."""
    expert = open_expert(spec, AskOptions(threads=1))
    try:
        expert.ask(questions[0], Label.NONE)  # loads the model
        began = time.perf_counter()
        replies = [expert.ask(question, Label.NONE) for question in questions]
        seconds = (time.perf_counter() - began) / len(questions)
    finally:
        expert.close()
    labels = np.array([reply.label for reply in replies])
    right = np.mean(labels == np.array([question.gold for question in questions]))
    return (
        f"{spec.name}: right {right:.1%}, AUC {auc(questions, replies):.2f}, yes {np.mean(labels == Label.YES):.0%}, "
        f"invalid {np.mean(labels == Label.INVALID):.0%}, {seconds:.1f} s a question, {len(questions)} questions"
    )


def auc(questions: Sequence[Question], replies: Sequence[Reply]) -> float:
    """Return how often a yes-question has the greater P(yes) of a pair with a no-question; half for equals, unknown ones left out."""
    p_yes = np.array([np.nan if reply.p_yes is None else reply.p_yes for reply in replies])
    return auc_of(p_yes, np.array([question.gold is Label.YES for question in questions]))


def auc_of(p_yes: NDArray[np.float64], is_yes: NDArray[np.bool_]) -> float:
    """Return the same from P(yes), nan where unknown, and whether yes is right."""
    yes, no = p_yes[is_yes & np.isfinite(p_yes)], p_yes[~is_yes & np.isfinite(p_yes)]
    return float(np.mean(yes[:, None] > no) + np.mean(yes[:, None] == no) / 2)


if __name__ == "__main__":
    main(sys.argv[1:])
