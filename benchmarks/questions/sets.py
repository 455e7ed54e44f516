"""Sets: what two lists have in common, what only one of them has, and how many entries that makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.lists import ITEMS
from benchmarks.questions.names import PEOPLE, TOWNS

# fmt: off
_POOLS: tuple[Sequence[str], ...] = (
    ITEMS,
    ("red", "blue", "green", "white", "black", "pink", "grey", "brown", "violet", "orange", "gold", "silver", "beige", "teal"),
    ("otter", "heron", "lynx", "mole", "raven", "newt", "hare", "stork", "badger", "finch", "trout", "wasp", "goat", "seal"),
    ("rice", "salt", "beans", "flour", "honey", "butter", "tea", "yeast", "garlic", "mint", "oats", "cheese", "pepper", "syrup"),
    PEOPLE,
    [str(number) for number in range(11, 100)],
)
# fmt: on


@dataclass(frozen=True)
class Pair:
    """Two lists without repeats, of three to six entries, from one pool."""

    pool: Sequence[str]
    a: list[str]
    b: list[str]

    @property
    def common(self) -> list[str]:
        """The entries of both lists."""
        return [entry for entry in self.a if entry in self.b]

    @property
    def only_a(self) -> list[str]:
        """The entries that list B lacks."""
        return [entry for entry in self.a if entry not in self.b]

    @property
    def only_b(self) -> list[str]:
        """The entries that list A lacks."""
        return [entry for entry in self.b if entry not in self.a]


def _pair(rng: Random, n_common: int, n_a: int, n_b: int) -> Pair:
    """Lists with so many entries in common, and so many that are in one of them only."""
    pool = rng.choice(_POOLS)
    drawn = rng.sample(pool, n_common + n_a + n_b)
    common, a, b = drawn[:n_common], drawn[n_common : n_common + n_a], drawn[n_common + n_a :]
    return Pair(pool, rng.sample([*common, *a], n_common + n_a), rng.sample([*common, *b], n_common + n_b))


def _filled(rng: Random, pair: Pair, answer: bool, **slots: object) -> Filling:
    one, other = rng.sample(PEOPLE, 2)
    lists = {"a": ", ".join(pair.a), "b": ", ".join(pair.b)}
    return Filling({"one": one, "other": other, "town": rng.choice(TOWNS)} | lists | slots, answer)


def _in_both(rng: Random) -> Filling:
    pair = _pair(rng, rng.randint(1, 3), 2, rng.randint(2, 3))
    x = either(rng, rng.choice(pair.common), pair.only_a + pair.only_b)
    return _filled(rng, pair, x in pair.common, x=x)


def _in_a_only(rng: Random) -> Filling:
    pair = _pair(rng, rng.randint(2, 3), rng.randint(1, 3), rng.randint(1, 2))
    x = either(rng, rng.choice(pair.only_a), pair.common + pair.only_b)
    return _filled(rng, pair, x in pair.only_a, x=x)


def _in_just_one(rng: Random) -> Filling:
    pair = _pair(rng, rng.randint(2, 3), rng.randint(1, 3), rng.randint(1, 3))
    x = either(rng, rng.choice(pair.only_a + pair.only_b), pair.common)
    return _filled(rng, pair, x not in pair.common, x=x)


def _common_count(rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 2, 5)
    pair = _pair(rng, count, rng.randint(1, 3), rng.randint(1, 3))
    return _filled(rng, pair, stated == count, n=stated)


def _union_size(rng: Random) -> Filling:
    size, stated = true_and_stated(rng, 5, 9)
    only_a = rng.randint(1, 3)
    only_b = rng.randint(1, min(3, size - only_a - 1))
    pair = _pair(rng, size - only_a - only_b, only_a, only_b)
    return _filled(rng, pair, stated == size, n=stated)


def _subset(rng: Random) -> Filling:
    size, missing = rng.randint(3, 5), either(rng, 0, (1,))
    pair = _pair(rng, size - missing, missing, rng.randint(1, 2) + missing)
    return _filled(rng, pair, not missing)


def _disjoint(rng: Random) -> Filling:
    shared = either(rng, 0, (1,))
    return _filled(rng, _barely_sharing(rng, shared), not shared)


def _barely_sharing(rng: Random, n_common: int) -> Pair:
    return _pair(rng, n_common, rng.randint(3, 5) - n_common, rng.randint(3, 5) - n_common)


def _overlapping(rng: Random) -> Filling:
    shared = either(rng, 1, (0,))
    return _filled(rng, _barely_sharing(rng, shared), bool(shared))


def _same_set(rng: Random) -> Filling:
    size, different = rng.randint(4, 6), either(rng, 0, (1,))
    return _filled(rng, _pair(rng, size - different, different, different), not different)


def _missing_count(rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 2, 5)
    pair = _pair(rng, rng.randint(1, 3), count, rng.randint(1, 2))
    return _filled(rng, pair, stated == count, n=stated)


FAMILIES = (
    Family(
        "in both",
        (
            "List A is {a}; list B is {b}. Is {x} in both lists?",
            "Is {x} common to list A ({a}) and list B ({b})?",
            "{one} names {a}. {other} names {b}. Do both of them name {x}?",
            "A box holds {a}; another one holds {b}. Is {x} in each of the two boxes?",
            "Does {x} appear in list A: {a} as well as in list B: {b}?",
            "Signs in {town} read {a}; signs elsewhere read {b}. Is {x} on signs of both places?",
        ),
        _in_both,
    ),
    Family(
        "in a only",
        (
            "List A is {a}; list B is {b}. Is {x} in list A but not in list B?",
            "Is {x} missing from list B ({b}) while list A ({a}) has it?",
            "{one} names {a}. {other} names {b}. Does {one} name {x} while {other} does not?",
            "Striking out of {a} everything that is also in {b}, is {x} left?",
            "Does {x} belong to set A = {{{a}}} minus set B = {{{b}}}?",
            "In {town} one hears {a}; elsewhere one hears {b}. Is {x} heard in {town} but not elsewhere?",
        ),
        _in_a_only,
    ),
    Family(
        "in just one",
        (
            "List A is {a}; list B is {b}. Is {x} in only one of the lists?",
            "Does just one of list A ({a}) and list B ({b}) contain {x}?",
            "{one} names {a}. {other} names {b}. Is {x} named by one of them only?",
            "One bag has {a}; another bag has {b}. Is {x} in one bag but not in the other?",
            "Is {x} in one of the sets {{{a}}} and {{{b}}} without being in both?",
            "A shop in {town} lists {a}; its rival lists {b}. Does only one of them list {x}?",
        ),
        _in_just_one,
    ),
    Family(
        "common count",
        (
            "List A is {a}; list B is {b}. Do they have exactly {n} in common?",
            "Is {n} the number of entries shared by list A ({a}) and list B ({b})?",
            "{one} names {a}. {other} names {b}. Are exactly {n} of these named by both?",
            "Does the intersection of {{{a}}} and {{{b}}} have size {n}?",
            "Comparing {a} with {b}, do you find exactly {n} shared entries?",
            "A club in {town} lists {a}; another club lists {b}. Are {n} entries on both lists?",
        ),
        _common_count,
    ),
    Family(
        "union size",
        (
            "List A is {a}; list B is {b}. Do they contain {n} different entries in total?",
            "Is {n} the number of different entries in list A ({a}) and list B ({b}) taken together?",
            "{one} names {a}. {other} names {b}. Counting repeats once, is that {n} together?",
            "Does the union of {{{a}}} and {{{b}}} have size {n}?",
            "Joining {a} with {b} and dropping duplicates, do you keep {n} entries?",
            "A shelf in {town} has {a}; another shelf has {b}. Does that make {n} different things?",
        ),
        _union_size,
    ),
    Family(
        "subset",
        (
            "List A is {a}; list B is {b}. Is everything in list A also in list B?",
            "Is each entry of list A ({a}) found in list B ({b}) too?",
            "{one} names {a}. {other} names {b}. Does {other} name all that {one} names?",
            "Is the set {{{a}}} a subset of the set {{{b}}}?",
            "{one} needs {a} and has {b}. Has {one} all that is needed?",
            "A baker in {town} wants {a}; the market offers {b}. Can all wishes be met there?",
        ),
        _subset,
    ),
    Family(
        "disjoint",
        (
            "List A is {a}; list B is {b}. Do they have nothing in common?",
            "Are list A ({a}) and list B ({b}) without any shared entry?",
            "{one} names {a}. {other} names {b}. Is nothing named by both?",
            "Are the sets {{{a}}} and {{{b}}} disjoint?",
            "Is it true that no entry of {a} occurs among {b}?",
            "A stall in {town} shows {a}; the next one shows {b}. Do they differ in everything?",
        ),
        _disjoint,
    ),
    Family(
        "overlapping",
        (
            "List A is {a}; list B is {b}. Do they share at least 1 entry?",
            "Is some entry of list A ({a}) also in list B ({b})?",
            "{one} names {a}. {other} names {b}. Is anything named by both?",
            "Do the sets {{{a}}} and {{{b}}} overlap?",
            "Does any entry of {a} occur among {b}?",
            "A stall in {town} shows {a}; the next one shows {b}. Do they agree in at least 1 thing?",
        ),
        _overlapping,
    ),
    Family(
        "same set",
        (
            "List A is {a}; list B is {b}. Apart from the order, are they the same?",
            "Do list A ({a}) and list B ({b}) contain exactly the same entries in some order?",
            "{one} names {a}. {other} names {b}. Do both name the same ones, the order aside?",
            "Are the sets {{{a}}} and {{{b}}} equal?",
            "Can {a} be rearranged to give {b}?",
            "A cart in {town} carries {a}; another cart carries {b}. Whatever the order, are the loads the same?",
        ),
        _same_set,
    ),
    Family(
        "missing count",
        (
            "List A is {a}; list B is {b}. Are exactly {n} entries of list A missing from list B?",
            "Is {n} the number of entries that list A ({a}) has and list B ({b}) has not?",
            "{one} names {a}. {other} names {b}. Are exactly {n} named by {one} but not by {other}?",
            "Does the set {{{a}}} minus the set {{{b}}} have size {n}?",
            "Taking out of {a} all that is also in {b}, do exactly {n} entries stay?",
            "{one} needs {a} and has {b}. Are exactly {n} of the needed entries still lacking?",
        ),
        _missing_count,
    ),
)
"""All families of the kind."""
