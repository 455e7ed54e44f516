"""The word of a reply that answers: which yes or no it is, or why there is none.

Reading is strict: a "no" before a noun ("no doubt", "No. 4"), a word that is denied, supposed or told of somebody
else, and a choice that is only repeated say nothing. Better no answer than a wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from der_core.experts.prompts import OWN_SENTENCES
from der_core.records import Label

NEITHER = "neither yes nor no"
SAYS_BOTH = "says both yes and no"
ONLY_PROMPT = "only our prompt came back"

LABEL_OF = {"yes": Label.YES, "true": Label.YES, "no": Label.NO, "false": Label.NO}


@dataclass(frozen=True)
class Answer:
    """The deciding word in lower case and the place of its first character, or the reason why there is none."""

    word: str = ""
    place: int = -1
    reason: str = ""

    @property
    def label(self) -> Label:
        """YES, NO, or INVALID without a word."""
        return LABEL_OF.get(self.word, Label.INVALID)


_WORD = re.compile(r"(?<![^\W_])(yes|no|neither)(?![^\W_])", re.IGNORECASE)
_EITHER = r"(?<![^\W_])(?:yes|no)(?![^\W_])"
_ECHO = re.compile(rf"{_EITHER}[\W_]*(?:[/|\\]|\b(?:or|and|nor|vs|versus)\b)[\W_]*{_EITHER}", re.IGNORECASE)
_BOTH = re.compile(r"(?:(?:both|yes|no|and)\b[^\w\n]*)+", re.IGNORECASE)
_TRUTH = re.compile(r"[\W_]*(true|false)[\W_]*", re.IGNORECASE)

_LATEX = r"\\(?:boxed|fbox|text(?:bf|it|rm|tt)?|math(?:rm|bf|it|tt)|operatorname|emph)\b"
_MARKUP = re.compile(rf"{_LATEX}|</?[a-z][^<>\n]*>|<\|[^<>|\n]*\|>", re.IGNORECASE)
_OWN_QUESTION = re.compile(
    r"^(?:[^\w\n]|_)*(?:(?:next|new|another)\s+)?(?:question|passage|q|user|human)\s*\d*[*_\s]*[:：]", re.IGNORECASE | re.MULTILINE
)
_OWN_SENTENCE = re.compile("|".join(r"\s+".join(map(re.escape, sentence.split())) for sentence in OWN_SENTENCES), re.IGNORECASE)

_MARKER = re.compile(
    r"^[^\w\n]*(?:(?:my|the|your|own|final|short|so|therefore|thus|hence|and|correct)[\s,]+)*answer\b[*_\"'\s]*(?:[:=>]|-+|[–—])"
    r"|\\boxed\b|<answer>|[\"']answer[\"']\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_STATED = re.compile(
    r"\banswer\b(?:\s+to\s+[^.!?\n]{1,200}?)?\s+(?:is|was|(?:would|should|must|has\s+to|will)\s+be)\b|\banswer[^\w\n]+(?=(?:yes|no)\b)",
    re.IGNORECASE,
)

# Words further away do not change what a word says, and a long line must not make reading slow.
_NEAR = 300
_CLAUSE = re.compile(r"[.,;:!?…()\[\]{}\n—–=→>|\"“”«»*`]")
_COMPOUND_AFTER = re.compile(r"['’\-‐‑][^\W_]")
_COMPOUND_BEFORE = re.compile(r"[^\W_]['’\-‐‑]$")
_KEY = re.compile(r"[\"']\s*:")
_NUMBER = re.compile(r"\.?[ \t]*+(?:#[ \t]*+)?\d")
_DENIED = re.compile(
    r"(?:\bnot|n['’]t|\bcannot|\bnever|\binstead\s+of|\brather\s+than|\bthan)(?:\s+(?!but\b)[^\W_]+){0,6}[\s\"'“”‘’*_`]*$", re.IGNORECASE
)
_SUPPOSED = re.compile(r"\b(?:if|whether|unless|when|suppose|assuming)\b[^.,;:!?\n]*$", re.IGNORECASE)
_TOLD = re.compile(
    r"\bmodels?\s+(?:also\s+)?(?:think|thought|say|said|believe|answer|claim|gave|reply|replie|conclude|suggest)\w*\b[^.;!?\n]*$"
    r"|\b(?:said|asked|told|replied|voted|answered|shouted|saying)[\s:,]*[\"'“‘]?\s*$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"[\s*_\"'“”’»`)\]}]*(?:$|[.,;:!?…)\]}<\\|—–/\n-]"
    r"|\s(?:it|it['’]s|its|he|she|they|we|i|you|this|that|these|those|there|the|a|an|because|since|as|but|and|so|according|based|not|nor"
    r"|is|was|are|were|in|on|for|from|although|though|while|my|his|her|their|our|your|due|yes|no)(?![^\W_]))",
    re.IGNORECASE,
)
_LEADS_TO_NO = re.compile(
    r"(?:^|[^\w])(?:answer|response|reply|verdict|conclusion|result|say|says|think|guess|believe|choose|pick|select|therefore|thus|hence|so"
    r"|then|but|definitely|clearly|simply|probably|certainly|likely|absolutely|a|an|clear|definite|firm|big)\s+$"
    r"|\b(?:answer|response|reply|verdict|conclusion|result|decision|judge?ment|label|choice)\b.*\b(?:is|was|be)\s+$",
    re.IGNORECASE,
)


def answer_at_once(text: str) -> Answer:
    """Answer of a reply that was asked for one word: the first word that stands as an answer.

    A marked answer ("Answer: yes", a box, JSON) goes before words in running text, not before a reply that begins
    with its answer. True and False count as the whole of an answer.
    """
    return _read(text, reasoned=False)


def answer_after_reason(text: str) -> Answer:
    """Answer of a reply that reasons first: what follows the last "Answer:", else what "the answer is" at last.

    Without either, the word with which the last line begins, or ends after a colon.
    """
    return _read(text, reasoned=True)


def _read(text: str, *, reasoned: bool) -> Answer:
    plain, places = _plain(text)
    head, own_only = _own_words(plain)
    shown = _blank(_MARKUP, head)
    bare = _blank(_ECHO, shown)
    found = (_reasoned_word if reasoned else _first_word)(head, bare)
    if found is not None and found[0] != "neither":
        return Answer(found[0], places[found[1]])
    return Answer(reason=_why_none(shown, bare, own_only, found is not None))


def _why_none(shown: str, bare: str, own_only: bool, neither: bool) -> str:
    if neither:
        return NEITHER
    says_both = re.search(r"\band\b", shown, re.IGNORECASE) and not _has_words(_blank(_ECHO, re.sub(r"\bboth\b", "    ", shown)))
    if says_both or _is_both(bare):
        return SAYS_BOTH
    return ONLY_PROMPT if own_only and not _has_words(bare) else NEITHER


def _own_words(plain: str) -> tuple[str, bool]:
    """The reply up to a question of its own, our sentences blanked out; and whether there were any of these."""
    unquoted = _blank(_OWN_SENTENCE, plain)
    questions = (found.start() for found in _OWN_QUESTION.finditer(unquoted))
    cut = next(questions, None)
    head = unquoted if cut is None else unquoted[:cut]
    return head, unquoted != plain or (cut is not None and not _has_words(head))


def _first_word(head: str, bare: str) -> tuple[str, int] | None:
    if _is_both(bare):
        return None
    first = _standing(bare, 0, len(bare))
    if first is not None and not _has_words(bare[: first[1]]):
        return first
    markers = _markers(head)
    if not markers:
        return first
    # An answer that was announced and never given is not the word of some sentence before it.
    return next((word for marker in markers if (word := _after_marker(bare, marker.end())) is not None), None)


def _reasoned_word(head: str, bare: str) -> tuple[str, int] | None:
    marked = [marker for marker in _markers(head) if _has_words(bare[marker.end() : marker.end() + _NEAR].partition("\n\n")[0])]
    if marked:
        return _after_marker(bare, marked[-1].end())
    for stated in reversed(list(_STATED.finditer(bare))):
        word = _standing(bare, stated.end(), _sentence_end(bare, stated.end()))
        if word is not None:
            return word
    return _last_line_word(bare)


def _last_line_word(bare: str) -> tuple[str, int] | None:
    stripped = bare.rstrip()
    start = stripped.rfind("\n") + 1
    word = _standing(bare, start, len(stripped))
    if word is None or not _has_words(bare[start : word[1]]):
        return word
    ends_it = not _has_words(bare[word[1] + len(word[0]) :])
    return word if ends_it and re.search(r":[\W_]*$", bare[max(start, word[1] - _NEAR) : word[1]]) else None


def _markers(head: str) -> Sequence[re.Match[str]]:
    return list(_MARKER.finditer(head))


def _after_marker(bare: str, start: int) -> tuple[str, int] | None:
    """The answering word on the line that a marker introduces, or on the next one with words where it ends its own."""
    begin = re.compile(r"[\W_]*").match(bare, start)
    words_at = begin.end() if begin else start
    line_end = bare.find("\n", words_at)
    return _standing(bare, start, len(bare) if line_end < 0 else line_end)


def _standing(bare: str, start: int, end: int) -> tuple[str, int] | None:
    """The first word between two places that stands as an answer; "neither" ends the search."""
    truth = _TRUTH.fullmatch(bare, start, end)
    if truth:
        return truth[1].lower(), truth.start(1)
    for found in _WORD.finditer(bare, start, end):
        if _is_answer(bare, found):
            return found[1].lower(), found.start(1)
    return None


def _is_answer(bare: str, found: re.Match[str]) -> bool:
    before, after = bare[max(0, found.start() - _NEAR) : found.start()], bare[found.end() : found.end() + _NEAR]
    line = before[before.rfind("\n") + 1 :]
    if _COMPOUND_AFTER.match(after) or _COMPOUND_BEFORE.search(line) or _KEY.match(after):
        return False
    if _DENIED.search(line[-_NEAR // 4 :]) or _SUPPOSED.search(line) or _TOLD.search(line):
        return False
    clause = _CLAUSE.split(line)[-1]
    opens = not _has_words(clause)
    if found[1].lower() != "no":
        return opens or _GOES_ON.match(after) is not None
    return _GOES_ON.match(after) is not None and not _NUMBER.match(after) and (opens or _LEADS_TO_NO.search(clause) is not None)


def _is_both(bare: str) -> bool:
    words = set(re.findall(r"[^\W_]+", bare.lower()))
    return {"yes", "no"} <= words and _BOTH.fullmatch(bare.strip(" \t\n*_\"'")) is not None


def _sentence_end(bare: str, start: int) -> int:
    end = re.compile(r"[.!?\n]").search(bare, start, start + _NEAR)
    return end.end() if end else min(start + _NEAR, len(bare))


def _has_words(text: str) -> bool:
    return re.search(r"[^\W_]", text) is not None


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found.group()), text)


def _plain(text: str) -> tuple[str, list[int]]:
    """The text in compatibility form (full width, ligatures, accents) without invisible characters; and for each
    of its characters the place in the original."""
    characters, places = [], []
    for place, cluster in _clusters(text):
        for character in _compatible(cluster):
            if unicodedata.category(character) != "Cf":
                characters.append(character)
                places.append(place)
    return "".join(characters), places


def _compatible(cluster: str) -> str:
    plain = unicodedata.normalize("NFKC", cluster)
    # A few letters and enclosed numbers would fall apart into signs, and set free the word beside them.
    return cluster if cluster[0].isalnum() and any(unicodedata.category(character)[0] in "PSZ" for character in plain) else plain


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Each character with the combining marks that follow it, and its place."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]):
            yield start, text[start:end]
            start = end
