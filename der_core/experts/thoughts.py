"""Where in a reply its thought ends and the reply proper begins.

The marks are those of public models, as they are seen when a server leaves them in the content: `<think>` and its
relatives (DeepSeek, Qwen, Seed, EXAONE, Phi), `[THINK]` (Mistral), `◁think▷` (Kimi), `<|START_THINKING|>` (Cohere),
`<|inner_prefix|>` (Apertus), `<|begin_of_thought|>` (OpenThinker), `<unused94>` (MedGemma), `<|channel>` (Gemma 4),
"Here is my thought process:" (Granite 3) and the channels of harmony (gpt-oss), also where a server dropped its marks
and only the words "analysis" and "assistantfinal" are left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = r"(?:(?!end_)\w+[:_])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad)"
_LEFT, _RIGHT = r"(?:<|&lt;|◁)\s*+(?:\|\s*+)?", r"\s*+(?:\|\s*+)?(?:>|&gt;|▷)"
_OPENS = "|".join(
    (
        rf"{_LEFT}{_TAG}(?:\s+\w+\s*=[^<>]*(?:>|&gt;|▷)|{_RIGHT})",
        r"\[\s*think(?:ing)?\s*\]",
        r"<\|inner_prefix\|>",
        r"<unused94>(?:\s*thought\b)?",
        r"<\|channel>(?:\s*(?:thought|analysis)\b)?",
        r"\bhere(?:['’]s|\s+is)\s+my\s+thought\s+process\s*:",
        r"(?-i:\A\s*analysis(?=[A-Z\"'“]))",
    )
)
_CLOSES = "|".join(
    (
        rf"{_LEFT}/\s*{_TAG}{_RIGHT}",
        r"\[\s*/\s*think(?:ing)?\s*\]",
        r"<\|end_thinking\|>",
        r"<\|inner_suffix\|>",
        r"<\|end_of_thought\|>",
        r"<unused95>",
        r"<channel\|>",
        r"\bhere(?:['’]s|\s+is)\s+my\s+response\s*:",
        r"(?-i:assistantfinal)",
    )
)
_MARK = re.compile(
    rf"(?P<channel><\|channel\|>\s*+(?P<name>\w*+)[^<]*+(?:<\|constrain\|>[^<]*)?<\|message\|>)"
    rf"|(?P<half><\|channel\|>)"
    rf"|(?P<end><\|end\|>(?:\s*<\|start\|>\s*assistant\b)?)"
    rf"|(?P<open>{_OPENS})|(?P<close>{_CLOSES})",
    re.IGNORECASE,
)
_TURN_END = re.compile(
    r"<\|(?:im_end|im_start|end|endoftext|end_of_text|eot_id|eom_id|return|start|user|end_of_turn|end_response)\|>"
    r"|<(?:end_of_turn|start_of_turn|turn\||\|turn|eos|/s)>|<\|turn>|<[|｜]end▁of▁sentence[|｜]>|\[INST\]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ReplyProper:
    """The reply without its thoughts: `text[start:end]`; `finished` is False while a thought was still going on."""

    start: int
    end: int
    finished: bool
    thought: bool


def reply_proper(text: str) -> ReplyProper:
    """What stands after the last closed thought of a reply, up to the mark that ends the turn.

    A closing mark without an opening one closes the thought that the chat template opened. Where a thought is still
    open at the end, nothing is left: `start` and `end` are then the length of the text.
    """
    depth, start, opened_at, in_harmony = 0, 0, -1, False
    for mark in _MARK.finditer(text):
        if mark["channel"]:
            in_harmony = mark["name"].lower() != "final"
            depth, start = int(in_harmony), mark.end()
        elif mark["half"]:
            in_harmony, depth = True, 1
        elif mark["end"]:
            # Elsewhere the same mark ends the turn.
            if in_harmony:
                in_harmony, depth, start = False, 0, mark.end()
        elif mark["open"]:
            # Template and model may both have opened it.
            depth += 0 if depth and not text[opened_at : mark.start()].strip() else 1
            opened_at = mark.end()
        else:
            depth, start = max(depth - 1, 0), mark.end()
    if depth:
        return ReplyProper(len(text), len(text), finished=False, thought=True)
    return ReplyProper(start, _turn_end(text, start), finished=True, thought=start > 0)


def is_only_marks(text: str) -> bool:
    """Whether a text holds nothing but white space and the special tokens that begin or end a turn."""
    return not re.sub(r"<\|[^<>|]*\|>|<[|｜][^<>]*[|｜]>|</?\w+>", "", text).strip()


def _turn_end(text: str, start: int) -> int:
    for mark in _TURN_END.finditer(text, start):
        if not is_only_marks(text[start : mark.start()]):
            return mark.start()
    return len(text)
