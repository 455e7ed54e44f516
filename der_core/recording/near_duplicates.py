"""Texts that say the same in almost the same words: what splits must not tell apart.

Two texts are near-duplicates where the pairs of neighbouring words of both have a Jaccard similarity of at least
`SIMILAR` and at least half of their numbers are the same; and so is what a chain of such texts joins. Every pair that
can be alike is compared: the similar ones share one of their rarest pairs of words (prefix filtering, Bayardo et al.,
"Scaling Up All Pairs Similarity Search", WWW 2007), so few others are looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIMILAR = 0.8
"""Of 30 words, one may be another; of 100, five."""
SAME_NUMBERS = 0.5
"""Passages made by rule differ in their numbers, and each states a fact of its own."""
_BITS = 512

_WORDS = re.compile(r"[^\W_]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
Ints = NDArray[np.int64]


def normal_form(text: str) -> str:
    """Return the words of a text without case, punctuation, white space and ways of encoding letters (the text itself if it has no words)."""
    words = _WORDS.findall(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold()))
    return " ".join(words) or text.strip()


@lru_cache(maxsize=8)  # every page and command splits the same questions again
def near_duplicates(texts: tuple[str, ...]) -> tuple[int, ...]:
    """Return for each text the place of the first text that it is a near-duplicate of, its own place if there is none."""
    if not texts:
        return ()
    forms = [normal_form(text) for text in texts]
    place_of = {form: place for place, form in reversed(list(enumerate(forms)))}
    distinct = list(place_of)
    groups = _joined(*_items(distinct))
    first = np.full(len(distinct), len(texts))
    np.minimum.at(first, groups, list(place_of.values()))
    found = dict(zip(distinct, first[groups].tolist(), strict=True))
    return tuple(found[form] for form in forms)


def _items(forms: Sequence[str]) -> tuple[list[Ints], list[Ints]]:
    """The pairs of neighbouring words of each text, and its numbers; both as `_ranked` gives them."""
    number: dict[str, int] = {}
    numbered = [np.array([number.setdefault(word, len(number)) for word in form.split() or [""]], dtype=np.int64) for form in forms]
    words = np.concatenate(numbered)
    owner = np.repeat(np.arange(len(forms)), [len(text) for text in numbered])
    ends = np.append(owner[1:] != owner[:-1], True)
    alone = ends & np.insert(ends[:-1], 0, True)  # the only word of its text, which is a pair with nothing
    paired = ~ends | alone
    pairs = (words * (len(number) + 1) + np.append(words[1:], 0) + 1)[paired]
    pairs[alone[paired]] -= (np.append(words[1:], 0) + 1)[alone]
    is_number = np.array([not word.isalpha() for word in number])[words]
    return _ranked(owner[paired], pairs, len(forms)), _ranked(owner[is_number], words[is_number], len(forms))


def _ranked(owner: Ints, items: Ints, n_texts: int) -> list[Ints]:
    """The distinct items of each text as numbers in ascending order, the rarest of all texts being the lowest."""
    known, place, frequency = np.unique(items, return_inverse=True, return_counts=True)
    rank = np.empty(len(known), dtype=np.int64)
    rank[np.argsort(frequency, kind="stable")] = np.arange(len(known))
    n = max(len(known), 1)
    each = np.sort(owner * n + rank[place])
    text, item = np.divmod(each[np.append(True, each[1:] != each[:-1])[: len(each)]], n)
    return np.split(item, np.searchsorted(text, np.arange(1, n_texts)))


def _prefix(items: Ints, similarity: float) -> Ints:
    """The rarest items, one of which every set shares that is similar enough; -1 stands for "none" of an empty set."""
    return items[: len(items) - int(np.ceil(similarity * len(items))) + 1] if len(items) else np.array([-1])


def _joined(shingles: list[Ints], numbers: list[Ints]) -> Ints:
    """The number of each text's group."""
    groups = np.arange(len(shingles))
    keys, texts = _postings(shingles, numbers)
    sizes = np.array([len(text) for text in shingles])
    bits = _bitmaps(shingles)
    sets, number_sets = [frozenset(text.tolist()) for text in shingles], [frozenset(text.tolist()) for text in numbers]
    left, distance = np.arange(len(keys)), 0
    while len(left):
        # Texts that share a key stand side by side: first each with its neighbour, then with the next but one, and so on.
        distance += 1
        left = left[left < len(keys) - distance]
        left = left[keys[left] == keys[left + distance]]
        a, b = texts[left], texts[left + distance]
        apart = groups[a] != groups[b]
        a, b = a[apart], b[apart]
        differing = np.bitwise_count(bits[a] ^ bits[b]).sum(axis=1)
        close = differing <= (1 - SIMILAR) / (1 + SIMILAR) * (sizes[a] + sizes[b])
        for one, other in zip(a[close].tolist(), b[close].tolist(), strict=True):
            if groups[one] == groups[other]:
                continue  # they came together over an earlier pair
            if _alike(sets[one], sets[other], SIMILAR) and _alike(number_sets[one], number_sets[other], SAME_NUMBERS):
                groups[groups == groups[other]] = groups[one]
    return groups


def _postings(shingles: list[Ints], numbers: list[Ints]) -> tuple[Ints, Ints]:
    """Every pair of a rare number and a rare shingle as one key, with the text that has it, in order of the keys."""
    most = 1 + max(int(text[-1]) for text in shingles)
    found = [
        ((_prefix(of, SAME_NUMBERS)[:, None] + 1) * most + _prefix(text, SIMILAR)).ravel()
        for text, of in zip(shingles, numbers, strict=True)
    ]
    keys = np.concatenate(found)
    texts = np.repeat(np.arange(len(found)), [len(of) for of in found])
    order = np.argsort(keys, kind="stable")
    return keys[order], texts[order]


def _bitmaps(shingles: list[Ints]) -> NDArray[np.uint64]:
    """Each text's shingles laid on `_BITS` bits: two texts differ in at least as many shingles as their bits do."""
    marks = np.zeros((len(shingles), _BITS), dtype=bool)
    for row, text in enumerate(shingles):
        marks[row, text % _BITS] = True
    return np.packbits(marks, axis=1).view(np.uint64)


def _alike(one: frozenset[int], other: frozenset[int], similarity: float) -> bool:
    """Whether two sets have that Jaccard similarity; two empty ones have."""
    common = len(one & other)
    return common >= similarity * (len(one) + len(other) - common)
