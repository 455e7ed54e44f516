"""Arithmetic: sums, differences, products, percentages, remainders, fractions, means and small purchases."""

from __future__ import annotations

from random import Random

from benchmarks.questions.families import Family, Filling, nearby
from benchmarks.questions.names import PEOPLE

_GOODS = ("pens", "mangoes", "candles", "notebooks", "lemons", "buttons", "kites", "tiles", "bowls", "bulbs", "rolls", "stamps")


def _sum(rng: Random) -> Filling:
    first, second = rng.randint(12, 980), rng.randint(12, 480)
    stated = nearby(rng, first + second, (1, 2, 10, 20, 100))
    return Filling({"a": first, "b": second, "c": stated}, stated == first + second)


def _difference(rng: Random) -> Filling:
    first, second = rng.randint(60, 900), rng.randint(11, 59)
    left = first - second
    stated = nearby(rng, left, (1, 3, 5, 9, 10), chance=0.1)
    more = rng.random() < 0.5
    return Filling(
        {"a": first, "b": second, "c": stated, "than": "more than" if more else "less than"}, left > stated if more else left < stated
    )


def _product(rng: Random) -> Filling:
    first, second = rng.randint(3, 25), rng.randint(4, 19)
    stated = nearby(rng, first * second, (1, 2, second, 10))
    return Filling({"a": first, "b": second, "c": stated}, stated == first * second)


def _percentage(rng: Random) -> Filling:
    percent, whole = rng.choice((5, 10, 15, 20, 25, 30, 40, 60, 75, 80)), 20 * rng.randint(2, 40)
    stated = nearby(rng, percent * whole // 100, (1, 2, 4, 5, 10))
    return Filling({"p": percent, "n": whole, "c": stated}, 100 * stated == percent * whole)


def _remainder(rng: Random) -> Filling:
    divisor = rng.randint(5, 13)
    number = divisor * rng.randint(3, 14) + rng.randint(0, divisor - 1)
    stated = nearby(rng, number % divisor, (1, 2, 3))
    if not 2 <= stated < divisor:
        stated = divisor - 2
    return Filling({"n": number, "d": divisor, "r": stated}, number % divisor == stated)


def _fraction(rng: Random) -> Filling:
    (a, b), (c, d) = _proper_fraction(rng), _proper_fraction(rng)
    if a * d == b * c:
        c, d = 1, b + d
    more = rng.random() < 0.5
    slots = {"a": a, "b": b, "c": c, "d": d, "than": "more than" if more else "less than"}
    return Filling(slots, (a * d > b * c) is more)


def _proper_fraction(rng: Random) -> tuple[int, int]:
    bottom = rng.randint(3, 12)
    return rng.randint(1, bottom - 1), bottom


def _mean(rng: Random) -> Filling:
    middle = rng.randint(14, 60)
    low, high = rng.randint(1, 7), rng.randint(1, 12)
    numbers = [middle - low, middle + high, middle + low - high]
    rng.shuffle(numbers)
    stated = nearby(rng, middle, (1, 2, 3))
    return Filling({"a": numbers[0], "b": numbers[1], "c": numbers[2], "m": stated}, 3 * stated == sum(numbers))


def _purchase(rng: Random) -> Filling:
    price, count = rng.randint(2, 9), rng.randint(3, 12)
    paid = price * count + rng.randint(3, 40)
    stated = nearby(rng, paid - price * count, (1, 2, price))
    slots = {"name": rng.choice(PEOPLE), "goods": rng.choice(_GOODS), "count": count, "price": price, "paid": paid, "c": stated}
    return Filling(slots, stated == paid - price * count)


FAMILIES = (
    Family(
        "sum",
        (
            "Is {a} plus {b} equal to {c}?",
            "Do {a} and {b} add up to {c}?",
            "If you add {b} to {a}, do you get {c}?",
            "Does the sum of {a} and {b} come to {c}?",
            "Counting on {b} from {a}, do you land on {c}?",
        ),
        _sum,
    ),
    Family(
        "difference",
        (
            "Does {a} minus {b} leave {than} {c}?",
            "If {b} is taken away from {a}, does {than} {c} remain?",
            "Is the difference between {a} and {b} {than} {c}?",
            "From {a} sheets {b} are used up; are {than} {c} left?",
            "Is the step from {b} up to {a} {than} {c}?",
        ),
        _difference,
    ),
    Family(
        "product",
        (
            "Is {a} times {b} equal to {c}?",
            "Does multiplying {a} by {b} give {c}?",
            "Do {a} rows of {b} chairs make {c} chairs in all?",
            "Is {c} the product of {a} and {b}?",
            "Would {a} boxes with {b} pencils each hold {c} pencils altogether?",
        ),
        _product,
    ),
    Family(
        "percentage",
        (
            "Is {p} percent of {n} equal to {c}?",
            "Does {p}% of {n} come to {c}?",
            "If {p} percent of {n} seats are taken, are exactly {c} seats taken?",
            "Out of {n} votes, are {c} votes exactly {p} percent?",
            "Would a {p} percent share of {n} coins be {c} coins?",
        ),
        _percentage,
    ),
    Family(
        "remainder",
        (
            "When {n} is divided by {d}, is the remainder {r}?",
            "Does dividing {n} by {d} leave a remainder of {r}?",
            "If {n} sweets are shared out evenly among {d} children, are {r} sweets left over?",
            "Is {r} what remains when {d} is taken from {n} as often as possible?",
            "After packing {n} eggs into as many full boxes of {d} as possible, do {r} remain?",
        ),
        _remainder,
    ),
    Family(
        "fraction",
        (
            "Is {a}/{b} {than} {c}/{d}?",
            "Does {a}/{b} of a loaf weigh {than} {c}/{d} of the same loaf?",
            "Is the fraction {a}/{b} worth {than} the fraction {c}/{d}?",
            "Is walking {a}/{b} of a path {than} walking {c}/{d} of it?",
            "If jug A is {a}/{b} full and an equal jug B {c}/{d} full, does A hold {than} B?",
        ),
        _fraction,
    ),
    Family(
        "mean",
        (
            "Is {m} the average of {a}, {b} and {c}?",
            "Do the numbers {a}, {b} and {c} have a mean of {m}?",
            "Is the arithmetic mean of {a}, {b} and {c} equal to {m}?",
            "Three throws score {a}, {b} and {c}; is the average throw {m}?",
            "If {a}, {b} and {c} are averaged, is the result {m}?",
        ),
        _mean,
    ),
    Family(
        "purchase",
        (
            "{name} buys {count} {goods} at {price} coins each and pays {paid}; is the change {c} coins?",
            "With {paid} coins, {name} buys {count} {goods} for {price} each. Are {c} coins left?",
            "If {goods} cost {price} coins each, does {name} keep {c} of {paid} coins after buying {count}?",
            "{name} had {paid} coins and bought {count} {goods} at {price} apiece; do {c} coins remain?",
            "After paying {price} coins for each of {count} {goods}, has {name} {c} of {paid} coins left?",
        ),
        _purchase,
    ),
)
"""All families of the kind."""
