"""Write questions of the workload kinds into a file: `python -m benchmarks.questions --n 84 --seed 1 --out FILE.jsonl`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.questions import line
from benchmarks.questions.workload import WORKLOAD_KINDS, draw
from der_core.errors import QuestionsError
from der_core.recording.questions import load_questions


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the questions and write them, one a line; says what was written, or in one line why nothing was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=tuple(WORKLOAD_KINDS), default=tuple(WORKLOAD_KINDS))
    parser.add_argument("--n", type=int, required=True, help="questions of every kind, an even number")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the .jsonl file to write")
    parser.add_argument("--without", nargs="*", default=[], help="files of questions that must not be asked again")
    options = parser.parse_args(arguments)
    try:
        taken = [question.text for source in options.without for question in load_questions(source)]
        questions = [question for kind in dict.fromkeys(options.kinds) for question in draw(kind, options.n, options.seed, taken)]
        options.out.write_text("".join(map(line, questions)), encoding="utf-8", newline="\n")
    except (QuestionsError, OSError) as error:
        parser.exit(1, f"Nothing was written: {error}\n")
    print(f"{len(questions):,} questions written to {options.out}")


if __name__ == "__main__":
    main()
