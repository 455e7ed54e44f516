"""Which wording of the Knowledge Transfer Prompt does least harm and most good: every wording on the same questions.

    python -m benchmarks.advice EXPERT REPLIES.jsonl QUESTIONS.jsonl [QUESTIONS.jsonl ...]

EXPERT is an embedded one as on the command line (gguf:FILE@examples). Replies are kept in REPLIES.jsonl, one a line, and not
asked again; the table is printed at the end. An adviser who is right on a given share is simulated: its answer is drawn,
and the reply after that answer is looked up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from der_core.config import AskOptions
from der_core.evaluation.expert_figures import auc
from der_core.experts.embedded import EmbeddedExpert
from der_core.experts.grammar import parse_expert
from der_core.experts.prompts import build_messages
from der_core.experts.protocol import Messages
from der_core.recording.questions import load_questions
from der_core.records import Label, Question, Reply

WORDINGS: dict[str, str] = {
    "another model": "Another model thinks that the answer is {}. What is your own answer?",
    "keep or correct": "A first answer was: {}. Keep it if it is right, correct it if it is wrong.",
    "previous answer": "Previous answer: {}",
    "careful expert": "A careful expert read this too and answered: {}. Give the correct answer.",
    "not checked": "Previous answer, not checked: {}",
    "in brackets": "({}, says another reader.)",
}
"""Wordings of the advice, {} for the previous answer."""
ADVISERS = (0.6, 0.7, 0.8)
FOLDS, DRAWS = 5, 200

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Call:
    """One call: the question, the wording ("" for the first prompt), and the answer that was shown."""

    question: Question
    wording: str
    shown: Label


def main(arguments: Sequence[str]) -> None:
    """Ask what is missing, then print one line per wording."""
    name, replies, *files = arguments
    questions = [question for file in files for question in load_questions(file)]
    kept = ask_all(name, Path(replies), questions)
    print(f"{len(questions)} questions; first answer: {first_line(questions, kept)}")
    print(
        "| wording | after right advice | after wrong | AUC within yes, no | with an adviser right on 60, 70, 80 %: thresholds by label, and the mix |"
    )
    print("| --- | --- | --- | --- | --- |")
    for wording in WORDINGS:
        print(line(wording, questions, kept))


def ask_all(name: str, place: Path, questions: Sequence[Question]) -> dict[tuple[str, str, str], float]:
    """Return P(yes) by question, wording and shown answer, asking only for what `place` lacks."""
    kept = {}
    if place.exists():
        for text in place.read_text().splitlines():
            row = json.loads(text)
            kept[row["question"], row["wording"], row["shown"]] = float(row["p_yes"])
    expert = EmbeddedExpert(parse_expert(name), AskOptions(threads=1, states_folder=str(place.parent / "states")))
    with place.open("a") as out:
        for number, question in enumerate(questions):
            missing = [call for call in calls(question) if (question.id, call.wording, call.shown.word) not in kept]
            for call, reply in zip(missing, replies_of(expert, question, missing), strict=True):
                row = {"question": question.id, "wording": call.wording, "shown": call.shown.word, "text": reply.text, "p_yes": reply.p_yes}
                kept[question.id, call.wording, call.shown.word] = float("nan") if reply.p_yes is None else reply.p_yes
                out.write(json.dumps(row) + "\n")
                out.flush()
            if missing:
                print(f"{number + 1} of {len(questions)}", file=sys.stderr, flush=True)
    expert.close()
    return kept


def calls(question: Question) -> list[Call]:
    """The first prompt, and every wording after both answers."""
    return [Call(question, "", Label.NONE), *(Call(question, wording, shown) for wording in WORDINGS for shown in (Label.YES, Label.NO))]


def replies_of(expert: EmbeddedExpert, question: Question, asked: Sequence[Call]) -> Iterator[Reply]:
    """The reply to each call, all prompts of the question begun from what they have in common."""
    prompts = [prompt(call, expert.spec.style) for call in calls(question)]
    for call in asked:
        yield expert.reply_to(prompt(call, expert.spec.style), prompts)


def prompt(call: Call, style: str) -> Messages:
    """The prompt of a call, laid out as the product lays its own out."""
    system, (role, text) = build_messages(call.question, Label.NONE, style)  # type: ignore[arg-type]  # the style of an expert
    if not call.wording:
        return system, (role, text)
    body, closing = text.rsplit("\n\n", 1)
    return system, (role, f"{body}\n\n{WORDINGS[call.wording].format(call.shown.word)}\n\n{closing}")


def first_line(questions: Sequence[Question], kept: dict[tuple[str, str, str], float]) -> str:
    """How the expert does without advice."""
    p, gold, groups = first(questions, kept), golds(questions), groups_of(questions)
    fitted = crossed(p[:, None], np.zeros(len(p), dtype=int), gold, groups)
    return f"right {np.mean((p >= 0.5) == gold):.1%}, with a threshold of its own (left out by passage) {fitted:.1%}, AUC {auc(p, codes(gold)):.2f}"


def line(wording: str, questions: Sequence[Question], kept: dict[tuple[str, str, str], float]) -> str:
    """The row of one wording."""
    gold, groups = golds(questions), groups_of(questions)
    after = np.array([[kept[question.id, wording, word] for word in ("yes", "no")] for question in questions])
    said = after >= 0.5
    right_advice, wrong_advice = (np.where(gold == is_right, said[:, 0], said[:, 1]) == gold for is_right in (True, False))
    within = [auc(after[:, column], codes(gold)) for column in (0, 1)]
    rng = np.random.default_rng(1)
    found = []
    for share in ADVISERS:
        scores = []
        for _ in range(DRAWS):
            is_yes = np.where(rng.random(len(gold)) < share, gold, ~gold)
            p = np.where(is_yes, after[:, 0], after[:, 1])
            scores.append((crossed(p[:, None], is_yes.astype(int), gold, groups), mixed(p, is_yes, gold, groups)))
        found.append(" ".join(f"{value:.2f}" for value in np.mean(scores, axis=0)))
    return f"| {wording} | {right_advice.mean():.2f} | {wrong_advice.mean():.2f} | {within[0]:.2f}, {within[1]:.2f} | {'; '.join(found)} |"


def crossed(p: Floats, label: NDArray[np.int64], gold: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Accuracy with a threshold for each previous label, fitted on the other folds (whole passages)."""
    right = np.zeros(len(gold), dtype=bool)
    for fold in range(FOLDS):
        held = groups % FOLDS == fold
        for value in np.unique(label):
            train, test = ~held & (label == value), held & (label == value)
            border = best_threshold(p[train, 0], gold[train])
            right[test] = (p[test, 0] >= border) == gold[test]
    return float(right.mean())


def best_threshold(p: Floats, gold: NDArray[np.bool_]) -> float:
    """The border between yes and no with the most right answers; 0.5 without replies."""
    if not len(p):
        return 0.5
    borders = np.concatenate([[-1.0], (np.sort(p)[1:] + np.sort(p)[:-1]) / 2, [2.0]])
    return float(borders[np.argmax([np.sum((p >= border) == gold) for border in borders])])


def mixed(p: Floats, is_yes: NDArray[np.bool_], gold: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Accuracy of a logistic mix of the advice and the logit of P(yes), fitted on the other folds by a few Newton steps."""
    x = np.column_stack([np.ones(len(p)), np.log(np.clip(p, 1e-4, 1 - 1e-4) / np.clip(1 - p, 1e-4, 1)), np.where(is_yes, 1.0, -1.0)])
    right = np.zeros(len(gold), dtype=bool)
    for fold in range(FOLDS):
        held = groups % FOLDS == fold
        weights = np.zeros(3)
        for _ in range(8):
            chance = 1 / (1 + np.exp(-x[~held] @ weights))
            slope = x[~held].T @ (gold[~held] - chance) - 0.1 * weights
            curve = (x[~held] * (chance * (1 - chance))[:, None]).T @ x[~held] + 0.1 * np.eye(3)
            weights = weights + np.linalg.solve(curve, slope)
        right[held] = (x[held] @ weights > 0) == gold[held]
    return float(right.mean())


def first(questions: Sequence[Question], kept: dict[tuple[str, str, str], float]) -> Floats:
    """P(yes) of the first replies."""
    return np.array([kept[question.id, "", "none"] for question in questions])


def golds(questions: Sequence[Question]) -> NDArray[np.bool_]:
    """Whether yes is right, by question."""
    return np.array([question.gold is Label.YES for question in questions])


def codes(gold: NDArray[np.bool_]) -> NDArray[np.int8]:
    """The right answers as labels."""
    return np.where(gold, Label.YES, Label.NO).astype(np.int8)


def groups_of(questions: Sequence[Question]) -> NDArray[np.int64]:
    """A number for each passage, by question."""
    order = {group: place for place, group in enumerate(dict.fromkeys(question.group for question in questions))}
    return np.array([order[question.group] for question in questions])


if __name__ == "__main__":
    main(sys.argv[1:])
