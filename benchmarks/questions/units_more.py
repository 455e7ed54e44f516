"""More units, for workloads: mixed amounts, sums of amounts, speeds, temperatures, clocks and durations."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from benchmarks.questions import units
from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.names import PEOPLE, TOWNS
from benchmarks.questions.times import clock

_SIZES = (
    ("kilometres", "metres", 1000),
    ("metres", "centimetres", 100),
    ("centimetres", "millimetres", 10),
    ("kilograms", "grams", 1000),
    ("tonnes", "kilograms", 1000),
    ("litres", "millilitres", 1000),
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60),
    ("days", "hours", 24),
    ("weeks", "days", 7),
)
"""A larger unit, a smaller one, and how many of the smaller make one of the larger."""


def _in_figures(family: Family) -> Family:
    """The family, with an amount where a phrasing says "the first"."""
    return replace(family, phrasings=tuple(text.replace("does the first stand", "do {a} {small} stand") for text in family.phrasings))


def _filled(rng: Random, answer: bool, **slots: object) -> Filling:
    return Filling({"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS)} | slots, answer)


def _mixed(rng: Random) -> Filling:
    large, small, factor = rng.choice(_SIZES)
    a, b = rng.randint(2, 12), rng.randint(2, factor - 1)
    true = a * factor + b
    # The tempting mistake is a factor of 100 or of 10.
    tempting = a * (10 if factor in (60, 100) else 100) + b
    wrong = [true + factor, true - factor, true + 1, true - 1, tempting]
    stated = either(rng, true, [other for other in wrong if other != true])
    return _filled(rng, stated == true, a=a, b=b, large=large, small=small, n=stated)


def _sum(rng: Random) -> Filling:
    large, small, factor = rng.choice(_SIZES)
    a, b = rng.randint(2, 9), rng.randint(2, 3 * factor)
    total = a * factor + b
    # The step is near enough to need the sum and even enough not to show in the digits.
    limit = total + rng.choice((-1, 1)) * rng.randint(1, max(2, factor // 4))
    more = rng.random() < 0.5
    return _filled(rng, (total > limit) is more, a=a, b=b, large=large, small=small, n=limit, than="more" if more else "less")


def _speed(rng: Random) -> Filling:
    speed, minutes = 6 * rng.randint(2, 25), 10 * rng.randint(1, 17)
    true = speed * minutes // 60
    stated = true + either(rng, 0, [offset for offset in (-3, -2, -1, 1, 2, 3) if true + offset > 0])
    return _filled(rng, stated == true, v=speed, m=minutes, n=stated)


def _parts(rng: Random) -> Filling:
    large, small, factor = rng.choice([size for size in _SIZES if size[2] % 4 == 0])
    whole, (true, stated) = rng.randint(1, 9), true_and_stated(rng, 1, 3)
    amount = f"{whole + true / 4:g}"
    return _filled(rng, stated == true, a=amount, large=large, small=small, n=whole * factor + stated * factor // 4)


def _temperature(rng: Random) -> Filling:
    celsius = rng.randrange(-30, 125, 5)
    fahrenheit = celsius * 9 // 5 + 32
    stated = fahrenheit + either(rng, 0, (-18, -9, 9, 18))
    return _filled(rng, stated == fahrenheit, c=celsius, f=stated)


def _arrival(rng: Random) -> Filling:
    start, hours, minutes = rng.randrange(5 * 60, 16 * 60, 5), rng.randint(1, 6), rng.randrange(5, 60, 5)
    true = start + 60 * hours + minutes
    stated = true + either(rng, 0, (-60, -10, -5, 5, 10, 60))
    return _filled(rng, stated == true, a=clock(start), h=hours, m=minutes, b=clock(stated))


def _before(rng: Random) -> Filling:
    end, length = rng.randrange(9 * 60, 23 * 60, 5), rng.randrange(25, 240, 5)
    true = end - length
    stated = true + either(rng, 0, (-40, -10, -5, 5, 10, 40))
    return _filled(rng, stated == true, b=clock(end), n=length, a=clock(stated))


def _midnight(rng: Random) -> Filling:
    start, length = rng.randrange(20 * 60, 24 * 60, 5), rng.randrange(245, 480, 5)
    stated = length + either(rng, 0, (-60, -10, -5, 5, 10, 60))
    return _filled(rng, stated == length, a=clock(start), b=clock(start + length), n=stated)


def _pieces(rng: Random) -> Filling:
    large, small, factor = rng.choice([size for size in _SIZES[:6] if size[2] >= 100])
    size, whole = rng.choice(
        [(size, whole) for size in (20, 25, 40, 50, 125, 200, 250) for whole in range(2, 13) if whole * factor % size == 0]
    )
    true = whole * factor // size
    stated = true + either(rng, 0, [offset for offset in (-4, -2, -1, 1, 2, 4) if true + offset > 1])
    return _filled(rng, stated == true, a=whole, s=size, large=large, small=small, n=stated)


_MORE = (
    Family(
        "mixed",
        (
            "Are {a} {large} and {b} {small} together {n} {small}?",
            "Is an amount of {a} {large} {b} {small} the same as {n} {small}?",
            "{name} notes {a} {large} and {b} {small}. Given only in {small}, is that {n}?",
            "Does {a} {large} plus {b} {small} come to {n} {small}?",
            "Can {n} {small} be split into exactly {a} {large} and {b} {small}?",
            "A record from {town} stands at {a} {large} and {b} {small}; does that equal {n} {small}?",
        ),
        _mixed,
    ),
    Family(
        "sum",
        (
            "Is the sum of {a} {large} and {b} {small} {than} than {n} {small}?",
            "Adding {b} {small} to {a} {large}, do you get {than} than {n} {small}?",
            "{name} has {a} {large} and then {b} {small} more. Is that {than} than {n} {small}?",
            "Do {a} {large} and another {b} {small} make {than} than {n} {small}?",
            "Compared with {n} {small}, are {a} {large} and {b} {small} taken together {than}?",
            "If {a} {large} are joined by {b} {small}, is the total {than} than {n} {small}?",
        ),
        _sum,
    ),
    Family(
        "speed",
        (
            "At {v} km per hour, does a car go {n} km in {m} minutes?",
            "A train runs at {v} km/h for {m} minutes. Does it cover {n} km?",
            "{name} rides a motorbike at a steady {v} km an hour. After {m} minutes, are {n} km done?",
            "Does a ferry from {town} moving at {v} km/h travel {n} km within {m} minutes?",
            "If a drone flies {v} km each hour, does it fly {n} km in {m} minutes?",
            "Is {n} km the distance driven in {m} minutes at {v} km per hour?",
        ),
        _speed,
    ),
    Family(
        "parts",
        (
            "Are {a} {large} exactly {n} {small}?",
            "Does {a} {large} equal {n} {small}?",
            "{name} converts {a} {large} into {small}. Is the result {n}?",
            "Expressed in {small}, is {a} {large} the same as {n}?",
            "Do {n} {small} amount to {a} {large}?",
            "A label in {town} says {a} {large}; would {n} {small} be just as right?",
        ),
        _parts,
    ),
    Family(
        "temperature",
        (
            "Do {c} degrees Celsius equal {f} degrees Fahrenheit?",
            "Is {f} degrees Fahrenheit the right conversion of {c} degrees Celsius?",
            "{name} reads {c} degrees Celsius. On a Fahrenheit scale, would that be {f} degrees?",
            "In {town} it is {c} degrees Celsius; is that {f} degrees in Fahrenheit?",
            "If an oven shows {c} on the Celsius scale, does it show {f} on the Fahrenheit scale?",
            "Are {c} degrees on the Celsius scale and {f} on the Fahrenheit scale equally warm?",
        ),
        _temperature,
    ),
    Family(
        "arrival",
        (
            "A train leaves {town} at {a} and travels {h} h {m} min. Does it arrive at {b}?",
            "If it is {a} now, is it {b} in {h} hours and {m} minutes?",
            "{name} starts work at {a} and works {h} hours {m} minutes without a break. Is work over at {b}?",
            "Does a show that begins at {a} and lasts {h} hours and {m} minutes end at {b}?",
            "Adding {h} h {m} min to {a}, do you reach {b}?",
            "Is {b} the time {h} hours and {m} minutes after {a}?",
        ),
        _arrival,
    ),
    Family(
        "backwards",
        (
            "A talk ends at {b} after {n} minutes. Did it begin at {a}?",
            "Is {a} exactly {n} minutes before {b}?",
            "{name} must be in {town} at {b} and needs {n} minutes. Is {a} the time to leave?",
            "Going back {n} minutes from {b}, do you reach {a}?",
            "If bread is done at {b} and has baked {n} minutes, was it put in at {a}?",
            "With {n} minutes still to go until {b}, is it {a}?",
        ),
        _before,
    ),
    Family(
        "midnight",
        (
            "From {a} in the evening to {b} the next morning, do {n} minutes pass?",
            "A night train leaves {town} at {a} and arrives at {b} the next day. Does it take {n} minutes?",
            "{name} falls asleep at {a} and wakes at {b} the next morning. Is that a sleep of {n} minutes?",
            "A machine runs from {a} until {b} on the following day. Does it run for {n} minutes?",
            "Are there {n} minutes from {a} to {b} of the following day?",
            "If a watch begins at {a} and is relieved at {b} the next day, does it last {n} minutes?",
        ),
        _midnight,
    ),
    Family(
        "pieces",
        (
            "Do {a} {large} make exactly {n} portions of {s} {small}?",
            "Can {a} {large} be divided into {n} parts of {s} {small} with nothing left?",
            "{name} splits {a} {large} into pieces of {s} {small} each. Are there {n} pieces?",
            "Is {n} the number of times that {s} {small} fit into {a} {large}?",
            "With {s} {small} needed each time, do {a} {large} last for exactly {n} times?",
            "Do {n} lots of {s} {small} come to {a} {large}?",
        ),
        _pieces,
    ),
)
_KEPT = ("span", "ending", "conversion", "comparison", "clock")
FAMILIES = (*(_in_figures(family) for family in units.FAMILIES if family.name in _KEPT), *_MORE)
"""The families of a workload: those of the bundled questions that are no dates, and more."""
