"""Percentages: parts, shares, rises and falls, what is left, the whole behind a part, and pass marks."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.names import PEOPLE, TOWNS

_GOODS = ("lamp", "coat", "bicycle", "carpet", "radio", "kettle", "tent", "chair", "telescope", "drum", "saddle", "clock")
_PERCENTS = (4, 5, 8, 10, 12, 15, 16, 20, 24, 25, 30, 35, 40, 45, 55, 60, 65, 70, 75, 80, 85)
_OFFSETS = (-10, -4, -2, -1, 1, 2, 4, 10)


def _filled(rng: Random, answer: bool, **slots: object) -> Filling:
    named = {"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS), "thing": rng.choice(_GOODS)}
    return Filling(named | slots, answer)


def _whole_part(rng: Random) -> tuple[int, int, int]:
    """A percentage, a whole, and the part of it, all of them whole numbers."""
    percent = rng.choice(_PERCENTS)
    return percent, *_parted(rng, percent)


def _stated(rng: Random, true: int) -> int:
    return true + either(rng, 0, [offset for offset in _OFFSETS if abs(offset) < true])


def _part(rng: Random) -> Filling:
    percent, whole, part = _whole_part(rng)
    stated = _stated(rng, part)
    return _filled(rng, stated == part, p=percent, a=whole, c=stated)


def _rise(rng: Random) -> Filling:
    percent, whole, part = _whole_part(rng)
    stated = _stated(rng, whole + part)
    return _filled(rng, stated == whole + part, p=percent, a=whole, c=stated)


def _fall(rng: Random) -> Filling:
    percent, whole, part = _whole_part(rng)
    stated = _stated(rng, whole - part)
    return _filled(rng, stated == whole - part, p=percent, a=whole, c=stated)


def _share(rng: Random) -> Filling:
    percent, stated, whole, part = _two_percentages(rng)
    return _filled(rng, stated == percent, p=stated, a=whole, b=part)


def _two_percentages(rng: Random) -> tuple[int, int, int, int]:
    """The true and a stated percentage, a whole and the part of it."""
    true, stated = (_PERCENTS[place] for place in true_and_stated(rng, 0, len(_PERCENTS) - 1))
    return true, stated, *_parted(rng, true)


def _parted(rng: Random, percent: int) -> tuple[int, int]:
    """A whole number of which the percentage is whole as well, and the part."""
    step = Fraction(percent, 100).denominator
    whole = step * rng.randint(max(2, 40 // step), max(8, 600 // step))
    return whole, percent * whole // 100


def _comparison(rng: Random) -> Filling:
    (p, a, first), (q, b, second) = _whole_part(rng), _whole_part(rng)
    if not 0 < abs(first - second) <= 12 or p == q:
        return _comparison(rng)
    more = rng.random() < 0.5
    return _filled(rng, (first > second) is more, p=p, a=a, q=q, b=b, than="more" if more else "less")


def _whole(rng: Random) -> Filling:
    percent, whole, part = _whole_part(rng)
    stated = whole + either(rng, 0, (-20, -10, -5, 5, 10, 20))
    return _filled(rng, stated == whole, p=percent, b=part, c=stated)


def _two_steps(rng: Random) -> Filling:
    up, down = rng.choice((5, 10, 15, 20, 25, 30, 40, 50)), rng.choice((5, 10, 15, 20, 25, 30, 40, 50))
    start = 40 * rng.randint(2, 25)
    end = start * Fraction(100 + up, 100) * Fraction(100 - down, 100)
    if end.denominator > 1:
        return _two_steps(rng)
    # The tempting mistake is to take one percentage from the other.
    tempting = start + start * Fraction(up - down, 100)
    wrong = [*(int(end) + offset for offset in (-2, -1, 1, 2)), *([int(tempting)] * 2 if tempting.denominator == 1 else [])]
    stated = either(rng, int(end), [other for other in wrong if other != end])
    return _filled(rng, stated == end, a=start, p=up, q=down, c=stated)


def _change(rng: Random) -> Filling:
    percent, stated, whole, part = _two_percentages(rng)
    rising = rng.random() < 0.5
    end = whole + part if rising else whole - part
    return _filled(rng, stated == percent, a=whole, b=end, p=stated, way="rises" if rising else "falls", noun="rise" if rising else "fall")


def _pass_mark(rng: Random) -> Filling:
    percent, whole, part = _whole_part(rng)
    if not 30 <= percent <= 85:
        return _pass_mark(rng)
    got = part + rng.choice((-3, -2, -1, 0, 1, 2))
    return _filled(rng, got >= part, p=percent, a=whole, b=got)


def _others(rng: Random) -> Filling:
    first, second = rng.sample((5, 10, 15, 20, 25, 30, 35, 40, 45), 2)
    whole = 20 * rng.randint(3, 30)
    left = whole * (100 - first - second) // 100
    stated = _stated(rng, left)
    return _filled(rng, stated == left, p=first, q=second, a=whole, c=stated)


FAMILIES = (
    Family(
        "part",
        (
            "Is {p}% of {a} equal to {c}?",
            "Do {p} percent of {a} make {c}?",
            "{name} saves {p} percent of {a} coins. Is that {c} coins?",
            "Taking {p}% of {a}, do you get {c}?",
            "Of the {a} houses in {town}, {p} percent have a garden; are these {c} houses?",
            "Is {c} exactly {p} percent of {a}?",
        ),
        _part,
    ),
    Family(
        "rise",
        (
            "If {a} goes up by {p} percent, is the result {c}?",
            "A {thing} for {a} coins becomes {p}% dearer. Does it cost {c} coins then?",
            "{name} earned {a} coins and now gets {p} percent more. Is the new pay {c} coins?",
            "Does {a} increased by {p}% make {c}?",
            "{town} had {a} inhabitants and grew by {p} percent; are there {c} now?",
            "With {p} percent tax added to {a} coins, is the price {c} coins?",
        ),
        _rise,
    ),
    Family(
        "fall",
        (
            "If {a} goes down by {p} percent, is the result {c}?",
            "A {thing} for {a} coins is sold with {p}% off. Does it cost {c} coins then?",
            "{name} had {a} stamps and gave away {p} percent of them. Are {c} left?",
            "Does {a} reduced by {p}% make {c}?",
            "Of {a} trees near {town}, {p} percent fell in a storm; do {c} still stand?",
            "After a discount of {p} percent on {a} coins, is the price {c} coins?",
        ),
        _fall,
    ),
    Family(
        "share",
        (
            "Is {b} a share of {p} percent of {a}?",
            "Out of {a} seats {b} are taken. Is that {p}%?",
            "{name} has read {b} of {a} pages; is that {p} percent of the book?",
            "Do {b} parts out of {a} amount to {p}%?",
            "In {town}, {b} of {a} voters said yes. Was that a share of {p} percent?",
            "When {b} is written as a percentage of {a}, does one get {p}%?",
        ),
        _share,
    ),
    Family(
        "comparison",
        (
            "Is {p}% of {a} {than} than {q}% of {b}?",
            "Are {p} percent of {a} coins {than} than {q} percent of {b} coins?",
            "{name} gets {p} percent of {a}, a friend gets {q} percent of {b}. Does {name} get {than}?",
            "Does {p}% of {a} come to {than} than {q}% of {b}?",
            "Would a tax of {p} percent on {a} coins bring {than} than a tax of {q} percent on {b} coins?",
            "If you compare {p}% of {a} with {q}% of {b}, is {p}% of {a} {than}?",
        ),
        _comparison,
    ),
    Family(
        "whole",
        (
            "If {p} percent of a number is {b}, is the number {c}?",
            "{b} is {p}% of a sum. Is the sum {c}?",
            "{name} spent {b} coins, which was {p} percent of the money. Had {name} {c} coins?",
            "In {town} {b} people, {p} percent of all, came by boat; are there {c} people in all?",
            "When {p}% of a path are {b} metres, is the whole path {c} metres long?",
            "Is {c} the number of which {b} is {p} percent?",
        ),
        _whole,
    ),
    Family(
        "two steps",
        (
            "A price of {a} coins rises by {p} percent and then falls by {q} percent. Is it {c} coins in the end?",
            "If {a} is increased by {p}% and the result decreased by {q}%, do you get {c}?",
            "{name} adds {p} percent to {a} and takes {q} percent off the new number. Is {c} left?",
            "The lake of {town} held {a} fish, then {p}% more, then {q}% fewer than that; are {c} fish left?",
            "A {thing} costs {a} coins, is made {p} percent dearer, then {q} percent cheaper. Does it now cost {c}?",
            "Does raising {a} by {p} percent, then lowering the outcome by {q} percent, lead to {c}?",
        ),
        _two_steps,
    ),
    Family(
        "change",
        (
            "If a price {way} from {a} to {b} coins, is that a {noun} of {p} percent?",
            "A number {way} from {a} to {b}. Is the change exactly {p}% of the old number?",
            "Is the {noun} from {a} to {b} a {noun} of {p} percent?",
            "The level of a pond at {town} {way} from {a} to {b} cm; is this {noun} {p}%?",
            "{name} sees a count that {way} from {a} to {b}. Is the {noun} {p} percent of {a}?",
            "Measured against {a}, is the {noun} to {b} one of {p}%?",
        ),
        _change,
    ),
    Family(
        "pass mark",
        (
            "Are {b} out of {a} points at least {p} percent?",
            "A test has {a} points and is passed with {p}% or more. Does {name} pass with {b} points?",
            "In {town} a vote of {a} people needs at least {p} percent yes. Do {b} yes votes suffice?",
            "Is {b} at least {p}% of {a}?",
            "For a prize {name} needs {p} percent of {a} points or more and has {b}. Is that enough?",
            "Does a score of {b} reach {p}% of {a}?",
        ),
        _pass_mark,
    ),
    Family(
        "others",
        (
            "Of {a} balls {p}% are red, {q}% blue and the others green. Are {c} balls green?",
            "{name} spends {p} percent of {a} coins on rent and {q} percent of {a} on food. Are {c} coins left?",
            "If {p}% and another {q}% of the {a} seats are sold, are {c} seats unsold?",
            "In {town}, {p} percent of {a} people walk, {q} percent cycle, the rest drive; do {c} drive?",
            "From {a} sacks {p}% go north and {q}% of the {a} go south. Do {c} stay?",
            "Taking {p} percent of {a} and {q} percent of {a} away from {a}, do you keep {c}?",
        ),
        _others,
    ),
)
"""All families of the kind."""
