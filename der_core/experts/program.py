"""Replies of style `program`: the program in a reply is run, and what it prints is the answer.

A program is never taken for granted: one that is cut, fails, meets a limit of the sandbox or prints neither yes nor
no is invalid, and says why.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from der_core.experts.parsing import CUT_PROGRAM, was_cut
from der_core.experts.sandbox import SANDBOX, Sandbox
from der_core.experts.thoughts import reply_proper
from der_core.records import Label, Reply

NO_PROGRAM = "no program in the reply"
SILENT = "the program printed nothing"
NEITHER = "the program printed neither yes nor no"

LONGEST_PROGRAM = 20_000
"""Characters; what a model can write within its limit is far shorter."""

_BLOCK = re.compile(
    r"^[ \t]*(?P<fence>```++|~~~++)[ \t]*+(?P<language>[\w+.-]*+)[^\n`(]*+\n(?P<body>.*?)(?P<closing>(?P=fence)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTHON = frozenset({"", "python", "python3", "py"})
_INLINE = re.compile(r"^(`+)(?:(?:python3?|py)\s)?(?P<code>.*?)(?:\1)?$", re.DOTALL)
# "no" before another word is no answer: "no letter is doubled".
_ANSWER = re.compile(r"(?<![\w-])(?:yes|no(?![^\S\n]+(?!(?:yes|no|because|since)\b)[^\W\d]))(?![\w-])", re.IGNORECASE)
_ECHO = re.compile(r"(?<!\w)(?:yes|no)\W*(?:/|\b(?:or|and|nor)\b)\W*(?:yes|no)(?!\w)", re.IGNORECASE)
_TRUTH = re.compile(r"\W*(true|false)\W*", re.IGNORECASE)
_LABELS = {"yes": Label.YES, "no": Label.NO, "true": Label.YES, "false": Label.NO}


@dataclass(frozen=True)
class Run:
    """What running the program of a reply came to.

    `reason` tells in one line why `label` is INVALID, "" for any other label. `printed` is None where nothing was run.
    `seconds` are those of the run alone.
    """

    label: Label
    printed: str | None
    reason: str
    seconds: float
    interpreter: str


def run_program(text: str, *, cut: bool = False, sandbox: Sandbox = SANDBOX) -> Run:
    """Run the program in the text of a reply and read what it prints; `cut` tells that the tokens ran out.

    The last yes or no that is printed is the label, or True or False where that is the whole last line. Raises
    InterpreterMissing where there is nothing to run it with.
    """
    found = find_program(text, cut)
    if found.refusal:
        return Run(Label.INVALID, None, found.refusal, 0.0, sandbox.interpreter)
    done = sandbox.run(found.program)
    if not found.fenced and done.failure.startswith("SyntaxError"):
        return Run(Label.INVALID, None, NO_PROGRAM, done.seconds, sandbox.interpreter)
    label, reason = (Label.INVALID, done.failure) if done.failure else read_printed(done.printed)
    return Run(label, done.printed, reason, done.seconds, sandbox.interpreter)


@dataclass(frozen=True)
class Found:
    """A program and whether it stood between fences; without one, `refusal` says why."""

    program: str
    fenced: bool
    refusal: str = ""


def find_program(text: str, cut: bool = False) -> Found:
    """Return the program in a reply: its first fenced block of Python.

    Where no closing fence follows, it ends with the text (servers may stop at the fence), unless the tokens ran out.
    Text without any fence is taken whole if it prints something; whether it is Python shows when it is run.
    """
    text = text.replace("\r\n", "\n")
    block = next((found for found in _BLOCK.finditer(text) if found["language"].lower() in _PYTHON), None)
    if cut and (block is None or not block["closing"]):
        return Found("", block is not None, CUT_PROGRAM)
    program = textwrap.dedent(block["body"]) if block else _bare(text)
    if not program.strip() or (block is None and "print(" not in program):
        return Found("", block is not None, NO_PROGRAM)
    if len(program) > LONGEST_PROGRAM:
        return Found("", block is not None, f"the program is longer than {LONGEST_PROGRAM:,} characters")
    return Found(program, block is not None)


def read_printed(printed: str) -> tuple[Label, str]:
    """Return the label that a program printed and "", or INVALID and the reason."""
    lines = [line for line in printed.splitlines() if line.strip()]
    if not lines:
        return Label.INVALID, SILENT
    truth = _TRUTH.fullmatch(lines[-1])
    answers = _ANSWER.findall(_ECHO.sub(lambda echo: "-" * len(echo.group()), printed))
    word = truth.group(1) if truth else answers[-1] if answers else ""
    return (_LABELS[word.lower()], "") if word else (Label.INVALID, NEITHER)


def program_of(reply: Reply) -> str:
    """Return the program that a reply holds, as far as it was written; "" where there is none."""
    if reply.reason == NO_PROGRAM:
        return ""
    proper = reply_proper(reply.text)
    return find_program(reply.text[proper.start : proper.end].strip()).program


def told_run(reply: Reply) -> str:
    """Return in words what came of the program of a reply: "printed: no", or why there is no answer."""
    if reply.label is not Label.INVALID:
        return "what it printed was not kept" if reply.printed is None else f"printed: {reply.printed.strip()}"
    why = reply.reason or "nobody kept why"
    if reply.printed is None:
        return f"no program was run: {why}"
    before = f"; it had printed: {reply.printed.strip()}" if reply.printed.strip() else ""
    if why == SILENT:
        return why
    return f"{why}: {reply.printed.strip()}" if why == NEITHER else f"program failed: {why.replace('the program ', 'it ', 1)}{before}"


_FAILURES = {
    CUT_PROGRAM: "cut at the token limit",
    SILENT: "printed nothing",
    NEITHER: "printed neither yes nor no",
    NO_PROGRAM: "wrote no program",
    "the program ran longer": "time limit",
    "the program needed more": "memory limit",
    "the program printed more": "output limit",
    "the program is longer": "too long to be run",
    "the interpreter": "interpreter hung or died",
    "the reply is empty": "empty reply",
}
"""How failures are grouped, by how their reasons begin; what a program raises is grouped by the name of the exception."""
_RAISED = re.compile(r"[A-Z]\w{0,60}(?=:|$)")


def failure_of(reason: str) -> str:
    """Return the group that the reason of a reply without an answer belongs to: "NameError", "time limit", "printed nothing" ..."""
    if was_cut(reason) or reason.startswith("cut "):
        return _FAILURES[CUT_PROGRAM]
    known = next((group for beginning, group in _FAILURES.items() if reason.startswith(beginning)), None)
    raised = _RAISED.match(reason)
    return known or (raised.group() if raised else "another reason")


def _bare(text: str) -> str:
    """Text without a fenced block, freed of backticks around the whole of it."""
    inline = _INLINE.match(text.strip())
    return inline["code"] if inline else text
