"""Small tables: four to seven lines "name: value", in the passage or before the question, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.lists import ITEMS
from benchmarks.questions.names import PEOPLE, TOWNS

# fmt: off
_FRUIT = ("apples", "plums", "mangoes", "figs", "lemons", "pears", "melons", "kiwis", "dates", "limes", "guavas", "quinces")
_HEADINGS: tuple[tuple[str, Sequence[str]], ...] = (
    ("Points in a quiz", PEOPLE), ("Pages read in a week", PEOPLE), ("Hours worked this month", PEOPLE), ("Age in years", PEOPLE),
    ("Kilometres cycled", PEOPLE), ("Letters written", PEOPLE), ("Crates in the storehouse", _FRUIT), ("Kilograms sold today", _FRUIT),
    ("Price in coins", ITEMS), ("Weight in grams", ITEMS), ("Pieces in stock", ITEMS), ("Visitors on Sunday", TOWNS),
    ("Height above the sea in metres", TOWNS), ("Trains a day", TOWNS), ("Rainy days a year", TOWNS), ("Number of shops", TOWNS),
)
# fmt: on


@dataclass(frozen=True)
class Sheet:
    """Names and their values, no value twice."""

    values: dict[str, int]

    @property
    def total(self) -> int:
        """The sum of all values."""
        return sum(self.values.values())

    def ranked(self, *, highest: bool) -> list[str]:
        """The names, the one with the highest (or lowest) value at the beginning."""
        return sorted(self.values, key=self.values.__getitem__, reverse=highest)


def _sheet(rng: Random) -> tuple[str, Sheet]:
    """What the values are, and the values."""
    heading, names = rng.choice(_HEADINGS)
    low = rng.choice((4, 11, 20))
    drawn = rng.sample(names, rng.randint(4, 7))
    return heading, Sheet(dict(zip(drawn, rng.sample(range(low, 5 * low + 20), len(drawn)), strict=True)))


def _with_table(fill: Callable[[Sheet, Random], Filling], rng: Random) -> Filling:
    heading, sheet = _sheet(rng)
    lines = [heading, *(f"{name}: {value}" for name, value in sheet.values.items())]
    return replace(fill(sheet, rng), passage="\n".join(lines))


def _total(sheet: Sheet, rng: Random) -> Filling:
    stated = sheet.total + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    return Filling({"n": stated}, stated == sheet.total)


def _extreme(sheet: Sheet, rng: Random) -> Filling:
    highest = rng.random() < 0.5
    best, second, *_ = sheet.ranked(highest=highest)
    stated = either(rng, best, (second,))
    return Filling({"x": stated, "most": "highest" if highest else "lowest"}, stated == best)


def _rank(sheet: Sheet, rng: Random) -> Filling:
    highest, place = rng.random() < 0.5, rng.choice((2, 3))
    ranked = sheet.ranked(highest=highest)
    stated = either(rng, ranked[place - 1], (ranked[place - 2], ranked[place]))
    nth = {2: "2nd", 3: "3rd"}[place]
    return Filling({"x": stated, "nth": nth, "most": "highest" if highest else "lowest"}, stated == ranked[place - 1])


def _difference(sheet: Sheet, rng: Random) -> Filling:
    low, high = sorted(rng.sample(list(sheet.values), 2), key=sheet.values.__getitem__)
    gap = sheet.values[high] - sheet.values[low]
    stated = either(rng, gap, [other for other in (gap - 2, gap - 1, gap + 1, gap + 2) if other > 0])
    return Filling({"x": high, "y": low, "n": stated}, stated == gap)


def _pair(sheet: Sheet, rng: Random) -> Filling:
    one, other = rng.sample(list(sheet.values), 2)
    total = sheet.values[one] + sheet.values[other]
    stated = total + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    return Filling({"x": one, "y": other, "n": stated}, stated == total)


def _beyond(sheet: Sheet, rng: Random) -> Filling:
    count, stated = true_and_stated(rng, 2, len(sheet.values) - 1)
    above = rng.random() < 0.5
    ranked = [sheet.values[name] for name in sheet.ranked(highest=above)]
    inner, outer = ranked[count - 1], ranked[count]
    if abs(inner - outer) < 2:
        return _beyond(sheet, rng)
    limit = rng.randrange(min(inner, outer) + 1, max(inner, outer))
    return Filling({"k": stated, "n": limit, "side": "above" if above else "below"}, stated == count)


def _comparison(sheet: Sheet, rng: Random) -> Filling:
    one, other, extra = *rng.sample(list(sheet.values), 2), rng.randint(1, 12)
    gap = sheet.values[one] - sheet.values[other] - extra
    if gap == 0:
        return _comparison(sheet, rng)
    higher = rng.random() < 0.5
    return Filling({"x": one, "y": other, "k": extra, "than": "higher" if higher else "lower"}, (gap > 0) is higher)


def _all_beyond(sheet: Sheet, rng: Random) -> Filling:
    above = rng.random() < 0.5
    first, second, *_ = (sheet.values[name] for name in sheet.ranked(highest=not above))
    step = -1 if above else 1
    limit = either(rng, first + step, (first, first - step)) if abs(first - second) > 1 else either(rng, first + step, (first,))
    fits = all(value > limit if above else value < limit for value in sheet.values.values())
    return Filling({"n": limit, "side": "above" if above else "below"}, fits)


def _without(sheet: Sheet, rng: Random) -> Filling:
    name = rng.choice(list(sheet.values))
    rest = sheet.total - sheet.values[name]
    stated = rest + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    return Filling({"x": name, "n": stated}, stated == rest)


def _spread(sheet: Sheet, rng: Random) -> Filling:
    gap = max(sheet.values.values()) - min(sheet.values.values())
    stated = either(rng, gap, [other for other in (gap - 2, gap - 1, gap + 1, gap + 2) if other > 0])
    return Filling({"n": stated}, stated == gap)


def _multiple(sheet: Sheet, rng: Random) -> Filling:
    name, factor = rng.choice(list(sheet.values)), rng.choice((2, 3, 4, 5))
    product = factor * sheet.values[name]
    stated = product + either(rng, 0, (-factor, -2, -1, 1, 2, factor))
    return Filling({"x": name, "k": factor, "n": stated}, stated == product)


_QUESTIONS: tuple[tuple[str, tuple[str, ...], Callable[[Sheet, Random], Filling]], ...] = (
    (
        "total",
        (
            "Is the sum of all values {n}?",
            "Do the values in the table add up to {n}?",
            "Adding up every line, do you get {n}?",
            "Is {n} the total of the table?",
            "Taken together, do all entries make {n}?",
            "If all the figures are summed, is the outcome {n}?",
        ),
        _total,
    ),
    (
        "extreme",
        (
            "Does {x} have the {most} value?",
            "Is the {most} value that of {x}?",
            "Does the {most} figure in the table belong to {x}?",
            "Looking for the {most} number, do you end at {x}?",
            "Is {x} the line with the {most} figure?",
            "Of all entries, is it {x} whose number is {most}?",
        ),
        _extreme,
    ),
    (
        "rank",
        (
            "Does {x} have the {nth} {most} value?",
            "Is the {nth} {most} value that of {x}?",
            "Does the {nth} {most} figure in the table belong to {x}?",
            "Sorting the lines by number, does {x} come out as the {nth} {most}?",
            "Is {x} the line with the {nth} {most} figure?",
            "Of all entries, is it {x} whose number is the {nth} {most}?",
        ),
        _rank,
    ),
    (
        "difference",
        (
            "Is the value of {x} greater than that of {y} by exactly {n}?",
            "Does {x} exceed {y} by {n}?",
            "Is the difference between {x} and {y} equal to {n}?",
            "Subtracting the figure for {y} from the figure for {x}, do you get {n}?",
            "Do {x} and {y} lie {n} apart?",
            "Would {y} need {n} more to draw level with {x}?",
        ),
        _difference,
    ),
    (
        "pair",
        (
            "Do {x} and {y} together have {n}?",
            "Is the sum for {x} and {y} equal to {n}?",
            "Adding the figures for {x} and {y}, do you get {n}?",
            "Is {n} what {x} and {y} come to jointly?",
            "Do the 2 lines {x} and {y} make {n}?",
            "If {x} and {y} are put together, is their number {n}?",
        ),
        _pair,
    ),
    (
        "beyond",
        (
            "Are exactly {k} of the values {side} {n}?",
            "Is the number of lines with a figure {side} {n} equal to {k}?",
            "Keeping only the lines {side} {n}, do you have {k} left?",
            "Do exactly {k} entries lie {side} {n}?",
            "Is {k} the count of values that are {side} {n}?",
            "If everything {side} {n} is marked, are {k} lines marked?",
        ),
        _beyond,
    ),
    (
        "comparison",
        (
            "Is the value of {x} {than} than the value of {y} plus {k}?",
            "If {y} gets {k} more, is the figure for {x} {than} than the new figure for {y}?",
            "Compared with {y} raised by {k}, is {x} {than}?",
            "Is {x} {than} than {y} after {k} has been added to {y}?",
            "Suppose the number for {y} goes up by {k}; is the number for {x} {than} than that?",
            "Does {x} have a {than} value than {k} plus the value of {y}?",
        ),
        _comparison,
    ),
    (
        "all beyond",
        (
            "Are all values {side} {n}?",
            "Is every figure in the table {side} {n}?",
            "Does each line have a number {side} {n}?",
            "Do all entries, without exception, lie {side} {n}?",
            "Is it true that no line fails to be {side} {n}?",
            "Can one say of each entry that it is {side} {n}?",
        ),
        _all_beyond,
    ),
    (
        "without",
        (
            "Leaving out {x}, is the sum of the others {n}?",
            "Without {x}, do the values add up to {n}?",
            "If the line {x} is struck out, is the total {n}?",
            "Do all entries except {x} make {n} together?",
            "Is {n} the sum of every line but {x}?",
            "Ignoring {x}, does the rest of the table total {n}?",
        ),
        _without,
    ),
    (
        "spread",
        (
            "Is the highest value greater than the lowest by {n}?",
            "Are the highest and the lowest figure {n} apart?",
            "Subtracting the lowest value from the highest, do you get {n}?",
            "Is {n} the gap between the top and the bottom value?",
            "Do the values span a range of exactly {n}?",
            "From the smallest to the greatest figure, is it a step of {n}?",
        ),
        _spread,
    ),
    (
        "multiple",
        (
            "Is {k} times the value of {x} equal to {n}?",
            "If the figure for {x} is multiplied by {k}, is the product {n}?",
            "Taking {x} {k} times, do you get {n}?",
            "Would {x} stand at {n} if its number were multiplied by {k}?",
            "Does {k} times the number beside {x} make {n}?",
            "Is {n} the product of {k} and the entry for {x}?",
        ),
        _multiple,
    ),
)

FAMILIES = tuple(Family(name, phrasings, partial(_with_table, fill)) for name, phrasings, fill in _QUESTIONS)
"""All families of the kind; the passage of a filling is the table."""
