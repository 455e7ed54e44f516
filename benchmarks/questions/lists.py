"""Lists: extremes, positions, order, repeats, sums, ranks and counts of four to seven entries."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.names import PEOPLE, TOWNS

# fmt: off
ITEMS = (
    "plum", "lamp", "rope", "drum", "tent", "coin", "boot", "kite", "soap", "fork", "bell", "leaf", "ring", "desk", "sail",
    "comb", "brick", "glove", "spoon", "chair", "cup", "shell", "torch", "basil", "olive", "peach", "clock", "brush", "stone",
    "fig", "map", "net", "oar", "pen", "rug", "saw", "tray", "vase", "wire", "yarn", "button", "ticket", "hammock", "bucket",
)
"""Short nouns to fill lists with."""
# fmt: on


def shown(rng: Random, entries: Sequence[object]) -> str:
    """The entries in one of three ways: "3, 8, 5", "[3, 8, 5]" or "3, 8 and 5"."""
    plain = ", ".join(map(str, entries))
    return rng.choice((plain, f"[{plain}]", f"{', '.join(map(str, entries[:-1]))} and {entries[-1]}"))


def _numbers(rng: Random, low: int = 3, high: int = 99) -> list[int]:
    return rng.sample(range(low, high), rng.randint(4, 7))


def _filled(rng: Random, entries: Sequence[object], answer: bool, **slots: object) -> Filling:
    return Filling({"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS), "xs": shown(rng, entries)} | slots, answer)


def _extreme(rng: Random) -> Filling:
    entries, largest = _numbers(rng), rng.random() < 0.5
    ranked = sorted(entries, reverse=largest)
    stated = either(rng, ranked[0], ranked[1:3])
    return _filled(rng, entries, stated == ranked[0], x=stated, most="largest" if largest else "smallest")


def _rank(rng: Random) -> Filling:
    entries, largest, place = _numbers(rng), rng.random() < 0.5, rng.choice((2, 3))
    ranked = sorted(entries, reverse=largest)
    stated = either(rng, ranked[place - 1], (ranked[place - 2], ranked[place]))
    nth = {2: "2nd", 3: "3rd"}[place]
    return _filled(rng, entries, stated == ranked[place - 1], x=stated, nth=nth, most="largest" if largest else "smallest")


def _position(rng: Random) -> Filling:
    entries = rng.sample(ITEMS, rng.randint(4, 7)) if rng.random() < 0.6 else [str(number) for number in _numbers(rng)]
    place = rng.randint(1, len(entries))
    stated = either(rng, place, [other for other in (place - 1, place + 1) if 1 <= other <= len(entries)])
    return _filled(rng, entries, stated == place, x=entries[place - 1], n=stated)


def _ordered(rng: Random) -> Filling:
    upwards = rng.random() < 0.5
    entries = sorted(_numbers(rng), reverse=not upwards)
    in_order = rng.random() < 0.5
    if not in_order:
        place = rng.randrange(len(entries) - 1)
        entries[place], entries[place + 1] = entries[place + 1], entries[place]
    return _filled(rng, entries, in_order, way="ascending" if upwards else "descending")


def _repeats(rng: Random) -> tuple[list[object], bool]:
    pool: Sequence[object] = ITEMS if rng.random() < 0.4 else range(10, 60)
    entries, repeated = rng.sample(list(pool), rng.randint(5, 7)), rng.random() < 0.5
    if repeated:
        place, other = rng.sample(range(len(entries)), 2)
        entries[place] = entries[other]
    return entries, repeated


def _repeated(rng: Random) -> Filling:
    entries, repeated = _repeats(rng)
    return _filled(rng, entries, repeated)


def _distinct(rng: Random) -> Filling:
    entries, repeated = _repeats(rng)
    return _filled(rng, entries, not repeated)


def _total(rng: Random) -> Filling:
    entries = _numbers(rng, 2, 60)
    stated = sum(entries) + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    return _filled(rng, entries, stated == sum(entries), n=stated)


def _count_beyond(rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 2, 5)
    above, limit = rng.random() < 0.5, rng.randrange(25, 76)
    upper, lower = range(limit + 1, 99), range(3, limit)
    inside, outside = (upper, lower) if above else (lower, upper)
    entries = [*rng.sample(inside, count), *rng.sample(outside, rng.randint(1, 3))]
    return _filled(rng, rng.sample(entries, len(entries)), stated == count, k=stated, n=limit, side="greater" if above else "smaller")


def _all_even(rng: Random) -> Filling:
    odd, broken = rng.choice((0, 1)), rng.random() < 0.5
    entries = rng.sample(range(10 + odd, 90, 2), rng.randint(4, 7))
    if broken:
        entries[rng.randrange(len(entries))] += 1
    return _filled(rng, entries, not broken, parity="odd" if odd else "even")


def _spread(rng: Random) -> Filling:
    entries = _numbers(rng)
    spread = max(entries) - min(entries)
    stated = spread + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    return _filled(rng, entries, stated == spread, n=stated) if stated > 0 else _spread(rng)


def _backwards(rng: Random) -> Filling:
    entries: list[object] = list(rng.sample(ITEMS, rng.randint(4, 5)) if rng.random() < 0.5 else _numbers(rng))
    mirrored, right = entries[::-1], rng.random() < 0.5
    if not right:
        place = rng.randrange(len(mirrored) - 1)
        mirrored[place], mirrored[place + 1] = mirrored[place + 1], mirrored[place]
    return _filled(rng, entries, right, xs=", ".join(map(str, entries)), ys=", ".join(map(str, mirrored)))


def _length(rng: Random) -> Filling:
    n_entries, stated = true_and_stated(rng, 5, 10)
    pool: Sequence[object] = ITEMS if rng.random() < 0.5 else range(10, 99)
    return _filled(rng, rng.sample(list(pool), n_entries), stated == n_entries, n=stated)


FAMILIES = (
    Family(
        "extreme",
        (
            "Is {x} the {most} of the numbers {xs}?",
            "In the list {xs}, is {x} the {most} number?",
            "{name} wrote down {xs}. Is {x} the {most} of them?",
            "Looking at {xs}: is the {most} entry {x}?",
            "The lots in {town} sold for {xs} coins; was {x} the {most} sum?",
            "Does the list {xs} have {x} as its {most} value?",
        ),
        _extreme,
    ),
    Family(
        "rank",
        (
            "Is {x} the {nth} {most} of {xs}?",
            "Among the numbers {xs}, does {x} come out as the {nth} {most}?",
            "{name} scored {xs} in several games. Is {x} the {nth} {most} score?",
            "In the list {xs}, is the {nth} {most} number {x}?",
            "The wells of {town} are {xs} metres deep; is {x} the {nth} {most} depth?",
            "Would {x} be the {nth} {most} value among {xs}?",
        ),
        _rank,
    ),
    Family(
        "position",
        (
            "In the list {xs}, is {x} entry number {n}?",
            "Counting from 1, does {x} stand at position {n} of {xs}?",
            "{name} reads out {xs}, in this order. Is {x} item number {n}?",
            "Is entry number {n} of the list {xs} equal to {x}?",
            "With positions counted from 1, is position {n} of {xs} taken by {x}?",
            "On a shelf in {town} are labels in this order: {xs}. Is label number {n} {x}?",
        ),
        _position,
    ),
    Family(
        "ordered",
        (
            "Are the numbers {xs} in {way} order?",
            "Is the list {xs} sorted in {way} order?",
            "{name} put {xs} in a row. Is the row in {way} order?",
            "Do {xs} stand in {way} order, as written?",
            "Reading {xs} from left to right, is the order {way}?",
            "The queue tickets in {town} are {xs}; are they in {way} order?",
        ),
        _ordered,
    ),
    Family(
        "repeated",
        (
            "Does any entry of the list {xs} appear more than once?",
            "Is there a repeated entry in {xs}?",
            "{name} noted {xs}. Was anything noted more than once?",
            "Does the list {xs} contain a duplicate?",
            "Among {xs}, are at least 2 entries the same?",
            "A clerk in {town} typed {xs}; was some entry typed twice?",
        ),
        _repeated,
    ),
    Family(
        "distinct",
        (
            "Are all entries of {xs} different?",
            "Is the list {xs} free of duplicates?",
            "{name} collects {xs}. Are no 2 of these the same?",
            "Does each entry of {xs} occur only once?",
            "Is every entry of the list {xs} unique?",
            "The labels in {town} read {xs}; do they all differ from one another?",
        ),
        _distinct,
    ),
    Family(
        "total",
        (
            "Is the sum of {xs} equal to {n}?",
            "Do the numbers {xs} add up to {n}?",
            "{name} pays bills of {xs} coins. Is the total {n} coins?",
            "Adding all numbers in {xs}, do you get {n}?",
            "The houses of a street in {town} have {xs} windows; are there {n} windows in all?",
            "Is {n} the total of the list {xs}?",
        ),
        _total,
    ),
    Family(
        "beyond",
        (
            "Are exactly {k} of the numbers {xs} {side} than {n}?",
            "In the list {xs}, is the count of numbers {side} than {n} equal to {k}?",
            "{name} throws {xs} points. Are exactly {k} of these results {side} than {n}?",
            "Of {xs}, do exactly {k} turn out {side} than {n}?",
            "If you keep only the numbers {side} than {n} of {xs}, do {k} remain?",
            "Buses in {town} carry {xs} people; do exactly {k} of these numbers prove {side} than {n}?",
        ),
        _count_beyond,
    ),
    Family(
        "parity",
        (
            "Are all of the numbers {xs} {parity}?",
            "Is every number in the list {xs} {parity}?",
            "{name} picks {xs}. Is each of these numbers {parity}?",
            "Does the list {xs} consist of {parity} numbers only?",
            "House numbers on one side of a street in {town} are {xs}; are they all {parity}?",
            "Would it be right to call each of {xs} an {parity} number?",
        ),
        _all_even,
    ),
    Family(
        "spread",
        (
            "Is the difference between the largest and the smallest of {xs} equal to {n}?",
            "In the list {xs}, is the largest number greater than the smallest by exactly {n}?",
            "{name} measured {xs}. Are the largest and the smallest value {n} apart?",
            "Taking the smallest of {xs} from the largest, do you get {n}?",
            "The towers of {town} are {xs} metres high; is the tallest {n} metres higher than the lowest?",
            "Do the numbers {xs} cover a range of {n} from smallest to largest?",
        ),
        _spread,
    ),
    Family(
        "backwards",
        (
            "Is the list {xs} in reverse order the list {ys}?",
            "Does reversing {xs} give {ys}?",
            "{name} reads {xs} from the end to the start. Is the result {ys}?",
            "If the order of {xs} is turned round, do you get {ys}?",
            "A train from {town} stops at signs {xs}. On the way back, are the signs {ys}?",
            "Written from the last entry to the opening one, does {xs} become {ys}?",
        ),
        _backwards,
    ),
    Family(
        "length",
        (
            "Does the list {xs} have {n} entries?",
            "Are there exactly {n} entries in {xs}?",
            "{name} calls out {xs}. Is that {n} calls?",
            "Is {n} the number of entries in the list {xs}?",
            "Counting the entries of {xs}, do you reach {n}?",
            "Parcels to {town} are marked {xs}; are these {n} parcels?",
        ),
        _length,
    ),
)
"""All families of the kind."""
