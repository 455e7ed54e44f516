"""Which kinds of questions some expert can answer: first prompts on pilot questions, which never enter a recording.

    python -m benchmarks.pilot EXPERT REPLIES.jsonl QUESTIONS.jsonl [QUESTIONS.jsonl ...]

EXPERT is written as on the command line, for instance gguf:FILE.gguf@program. Replies are kept in REPLIES.jsonl, one a line,
and not asked again. The table at the end has a line for each kind: right of asked, the 80 % interval (Wilson), and whether
the kind enters by the rule that was set beforehand: right on 65 % or more, and the lower end above 55 %.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from der_core.config import AskOptions
from der_core.evaluation.statistics import wilson_interval
from der_core.experts.grammar import parse_expert
from der_core.experts.opening import open_expert
from der_core.recording.questions import load_questions
from der_core.records import Label, Question

ENTERS_FROM, LOWER_END_ABOVE, CONFIDENCE = 0.65, 0.55, 0.80


class Row(TypedDict):
    """A reply as it is kept."""

    question: str
    kind: str
    gold: str
    label: str
    text: str
    printed: str | None
    p_yes: float | None
    generated_tokens: int | None
    wall_s: float


def main(arguments: Sequence[str]) -> None:
    """Ask what is missing, then print the table."""
    name, place, *files = arguments
    questions = [question for file in files for question in load_questions(file)]
    rows = ask_all(name, Path(place), questions)
    print(f"{name}, {len(rows)} questions\n")
    print("| kind | right | share | 80 % interval | no answer | tokens, mean | seconds, median | enters |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        print(line(kind, [row for row in rows if row["kind"] == kind]))


def ask_all(name: str, place: Path, questions: Sequence[Question]) -> list[Row]:
    """Return a row for each question, asking only for what `place` lacks."""
    kept: dict[str, Row] = {}
    if place.exists():
        kept = {row["question"]: row for row in map(json.loads, place.read_text().splitlines())}
    expert = open_expert(parse_expert(name), AskOptions(threads=1, states_folder=str(place.parent / "states")))
    try:
        with place.open("a") as out:
            for question in questions:
                if question.id in kept or question.gold is None:
                    continue
                reply = expert.ask(question, Label.NONE)
                row = Row(
                    question=question.id,
                    kind=question.kind or "",
                    gold=question.gold.word,
                    label=reply.label.word,
                    text=reply.text,
                    printed=reply.printed,
                    p_yes=reply.p_yes,
                    generated_tokens=reply.generated_tokens,
                    wall_s=reply.wall_s,
                )
                kept[question.id] = row
                out.write(json.dumps(row) + "\n")
                out.flush()
    finally:
        expert.close()
    return [kept[question.id] for question in questions if question.id in kept]


def line(kind: str, rows: Sequence[Row]) -> str:
    """The line of one kind."""
    right, n = sum(row["label"] == row["gold"] for row in rows), len(rows)
    interval = wilson_interval(right, n, CONFIDENCE)
    enters = right / n >= ENTERS_FROM and interval.low > LOWER_END_ABOVE
    silent = sum(row["label"] == Label.INVALID.word for row in rows)
    tokens = np.mean([row["generated_tokens"] or 0 for row in rows])
    seconds = np.median([row["wall_s"] for row in rows])
    return (
        f"| {kind} | {right} of {n} | {right / n:.0%} | {interval.low:.0%} to {interval.high:.0%} | {silent} "
        f"| {tokens:.0f} | {seconds:.1f} | {'yes' if enters else 'no'} |"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
