"""More arithmetic, for workloads: chains, brackets, stories of several steps, divisions, decimals and journeys."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from benchmarks.questions import arithmetic
from benchmarks.questions.families import Family, Filling, either
from benchmarks.questions.names import PEOPLE, TOWNS

_GOODS = ("marbles", "shells", "cards", "badges", "beads", "pears", "books", "postcards", "keys", "nails", "acorns", "spoons")
_OFFSETS = (-10, -2, -1, 1, 2, 10)


def _filled(rng: Random, answer: bool, **slots: object) -> Filling:
    return Filling({"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS), "goods": rng.choice(_GOODS)} | slots, answer)


def _stated(rng: Random, true: int) -> int:
    return either(rng, true, [true + offset for offset in _OFFSETS if true + offset > 0])


def _chain(rng: Random) -> Filling:
    a, b = rng.randint(30, 400), rng.randint(20, 300)
    c = rng.randint(5, a + b - 20)
    true = a + b - c
    stated = _stated(rng, true)
    return _filled(rng, stated == true, a=a, b=b, c=c, n=stated)


def _brackets(rng: Random) -> Filling:
    a, b, c = rng.randint(3, 40), rng.randint(3, 40), rng.randint(3, 12)
    true = (a + b) * c
    # The tempting mistake is to leave the brackets out.
    stated = either(rng, true, [wrong for wrong in (a + b * c, a * c + b, true + c, true - c) if wrong != true])
    return _filled(rng, stated == true, a=a, b=b, c=c, n=stated)


def _expressions(rng: Random) -> Filling:
    a, b, c, d = (rng.randint(6, 30) for _ in range(4))
    if not 0 < abs(a * b - c * d) <= 25:
        return _expressions(rng)
    greater = rng.random() < 0.5
    return _filled(rng, (a * b > c * d) is greater, a=a, b=b, c=c, d=d, than="greater" if greater else "smaller")


def _division(rng: Random) -> Filling:
    each, people = rng.randint(6, 60), rng.randint(3, 19)
    stated = _stated(rng, each)
    return _filled(rng, stated == each, a=each * people, b=people, n=stated)


def _story(rng: Random) -> Filling:
    start, bought = rng.randint(25, 150), rng.randint(10, 90)
    packs, size = rng.randint(2, 7), rng.randint(3, 9)
    true = start + bought - packs * size
    if true < 5:
        return _story(rng)
    stated = _stated(rng, true)
    return _filled(rng, stated == true, a=start, b=bought, c=packs, d=size, n=stated)


def _decimals(rng: Random) -> Filling:
    one, other = (Decimal(rng.randint(105, 4990)) / 100 for _ in range(2))
    stated = one + other + Decimal(either(rng, 0, (-100, -10, -1, 1, 10, 100))) / 100
    return _filled(rng, stated == one + other, a=f"{one:.2f}", b=f"{other:.2f}", n=f"{stated:.2f}")


def _journey(rng: Random) -> Filling:
    speed, hours = rng.randint(4, 95), rng.randint(2, 9)
    stated = _stated(rng, speed * hours)
    return _filled(rng, stated == speed * hours, v=speed, h=hours, n=stated)


def _enough(rng: Random) -> Filling:
    price, count = rng.randint(3, 24), rng.randint(4, 19)
    paid = price * count + rng.choice((-3, -2, -1, 0, 1, 2))
    return _filled(rng, paid >= price * count, p=price, c=count, n=paid)


def _rectangle(rng: Random) -> Filling:
    long, short = sorted(rng.sample(range(4, 45), 2), reverse=True)
    true = 2 * (long + short)
    stated = true + either(rng, 0, (-4, -2, -1, 1, 2, 4))
    return _filled(rng, stated == true, a=long, b=short, n=stated)


_MORE = (
    Family(
        "chain",
        (
            "Is {a} plus {b} minus {c} equal to {n}?",
            "Starting at {a}, adding {b} and subtracting {c}, do you arrive at {n}?",
            "{name} has {a} {goods}, finds {b} and loses {c}. Are there {n} now?",
            "A bus leaves {town} with {a} sacks, takes on {b} more and drops {c}; does it carry {n}?",
            "Does {a} + {b} - {c} give {n}?",
            "A tank with {a} litres gains {b} and then loses {c}. Are {n} litres in it?",
        ),
        _chain,
    ),
    Family(
        "brackets",
        (
            "Is ({a} + {b}) * {c} equal to {n}?",
            "Is {c} times the sum of {a} and {b} equal to {n}?",
            "{name} adds {a} to {b} and multiplies the sum by {c}. Is the result {n}?",
            "A kit has {a} long and {b} short nails; do {c} such kits hold {n} nails?",
            "If the sum of {a} and {b} is taken {c} times, do you get {n}?",
            "Each of {c} trains to {town} has {a} seats below and {b} above. Is that {n} seats?",
        ),
        _brackets,
    ),
    Family(
        "expressions",
        (
            "Is {a} * {b} {than} than {c} * {d}?",
            "Is the product of {a} and {b} {than} than the product of {c} and {d}?",
            "Does {a} times {b} give a {than} number than {c} times {d}?",
            "A field of {a} by {b} metres and another of {c} by {d} metres: has the field of {a} by {b} the {than} area?",
            "{name} fills {a} shelves with {b} {goods} each, a friend {c} shelves with {d} each. Has {name} the {than} number?",
            "Compared with {c} rows of {d}, do {a} rows of {b} make a {than} total?",
        ),
        _expressions,
    ),
    Family(
        "division",
        (
            "Is {a} divided by {b} equal to {n}?",
            "If {b} people share {a} {goods} equally, does each get {n}?",
            "{name} packs {a} {goods} evenly into {b} boxes. Are {n} in each box?",
            "Does {a} / {b} come to {n}?",
            "Split into {b} equal parts, does {a} give parts of {n}?",
            "The {a} people of a choir in {town} stand in {b} equal rows; are there {n} in a row?",
        ),
        _division,
    ),
    Family(
        "story",
        (
            "{name} has {a} {goods}, buys {b} more and gives {d} to each of {c} friends. Are {n} left?",
            "From a stock of {a} {goods} plus {b} new ones, {c} packs of {d} are sold. Do {n} remain?",
            "A hall in {town} has {a} chairs; {b} are brought in, then {c} stacks of {d} go out. Are {n} chairs there?",
            "With {a} coins in hand and {b} coins earned, {name} buys {c} tickets at {d} coins each. Are {n} coins left?",
            "Is {a} + {b} - {c} * {d} equal to {n}?",
            "If {c} times {d} is taken away from the sum of {a} and {b}, is {n} left?",
        ),
        _story,
    ),
    Family(
        "decimals",
        (
            "Is {a} + {b} equal to {n}?",
            "Do {a} and {b} make {n} when added?",
            "{name} pays {a} for soup and {b} for bread. Is the bill {n}?",
            "Two parcels weigh {a} kg and {b} kg; do they weigh {n} kg together?",
            "Does the sum of {a} and {b} equal {n} exactly?",
            "A path near {town} has parts of {a} km and {b} km. Is it {n} km long?",
        ),
        _decimals,
    ),
    Family(
        "journey",
        (
            "At {v} km an hour, does a trip of {h} hours cover {n} km?",
            "A machine makes {v} bolts an hour. Does it make {n} bolts in {h} hours?",
            "{name} types {v} lines an hour for {h} hours. Is that {n} lines?",
            "Does a boat from {town} going {v} km in each hour travel {n} km in {h} hours?",
            "If a pump moves {v} litres a minute, does it move {n} litres in {h} minutes?",
            "Earning {v} coins a day, has one {n} coins after {h} days?",
        ),
        _journey,
    ),
    Family(
        "enough",
        (
            "Are {n} coins enough for {c} tickets at {p} coins each?",
            "{name} has {n} coins and wants {c} {goods} at {p} coins apiece. Is the money sufficient?",
            "Can {c} {goods} for {p} coins each be paid with {n} coins?",
            "If one needs {p} screws for a chair, do {n} screws suffice for {c} chairs?",
            "Do {n} seats suffice for {c} groups of {p} people?",
            "The school in {town} has {n} pens. Can each of {c} classes get {p} pens?",
        ),
        _enough,
    ),
    Family(
        "rectangle",
        (
            "Is the perimeter of a rectangle of {a} by {b} cm equal to {n} cm?",
            "A garden in {town} is {a} metres long and {b} metres wide. Is the fence round it {n} metres long?",
            "Walking once around a field of {a} by {b} metres, does {name} walk {n} metres?",
            "Does a frame of {a} by {b} cm need {n} cm of edging?",
            "Do the 4 sides of a rectangle with length {a} and width {b} add up to {n}?",
            "For a rectangle with sides {a} and {b}, is the perimeter {n}?",
        ),
        _rectangle,
    ),
)
FAMILIES = (*(family for family in arithmetic.FAMILIES if family.name not in ("percentage", "remainder")), *_MORE)
"""The families of a workload: those of the bundled questions, percentages and remainders left out, and more."""
