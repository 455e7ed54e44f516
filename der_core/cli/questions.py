"""What `record` and `run` do before anything is asked: read the questions, say what was read, have it confirmed."""

from __future__ import annotations

import argparse

from der_core.cli.terminal import say
from der_core.errors import QuestionsError
from der_core.recording.questions import QuestionFile, read_questions


def read_and_tell(arguments: argparse.Namespace, split: str, limit: int | None, *, with_passage: bool) -> QuestionFile:
    """Return what was read of the source that the options name, its summary printed.

    Raises QuestionsError where no question has an answer, unless --no-answers says that this is as it should be.
    """
    file = read_questions(arguments.questions, split=split, with_passage=with_passage, limit=limit, seed=arguments.seed)
    say(file.summary)
    if file.without_answers and not arguments.no_answers:
        raise QuestionsError(f"{file.without_answers} Name the column of answers answer or label, or confirm with --no-answers.")
    return file
