"""Whole numbers: primes, divisors, squares, powers, remainders, digits, binary and Roman numerals."""

from __future__ import annotations

from math import gcd, isqrt, lcm
from random import Random

from benchmarks.questions.families import Family, Filling, either, true_and_stated
from benchmarks.questions.names import PEOPLE, TOWNS

_ROMAN = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)


def _filled(rng: Random, answer: bool, **slots: object) -> Filling:
    return Filling({"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS)} | slots, answer)


def _has_divisor(number: int) -> bool:
    return any(number % divisor == 0 for divisor in range(2, isqrt(number) + 1))


def _prime(rng: Random) -> Filling:
    # Numbers divisible by 2, 3 or 5 would show that they are not prime.
    number = rng.choice([number for number in range(31, 700) if gcd(number, 30) == 1])
    return _filled(rng, not _has_divisor(number), n=number)


def _divisible(rng: Random) -> Filling:
    divisor = rng.choice((3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 18, 19, 21, 23))
    number = divisor * rng.randint(9, 60) + either(rng, 0, (-3, -2, -1, 1, 2, 3))
    return _filled(rng, number % divisor == 0, n=number, d=divisor)


def _square(rng: Random) -> Filling:
    number = rng.randint(6, 60) ** 2 + either(rng, 0, (-9, -4, -3, 3, 4, 9))
    return _filled(rng, isqrt(number) ** 2 == number, n=number)


def _remainder(rng: Random) -> Filling:
    number, divisor = rng.randint(60, 900), rng.randint(6, 23)
    true = number % divisor
    stated = either(rng, true, [(true + offset) % divisor for offset in (-2, -1, 1, 2)])
    return _filled(rng, stated == true, n=number, d=divisor, r=stated)


def _digit_sum(rng: Random) -> Filling:
    number = rng.randint(101, 99_999)
    true = sum(map(int, str(number)))
    stated = true + either(rng, 0, (-2, -1, 1, 2))
    return _filled(rng, stated == true, n=number, s=stated)


def _binary(rng: Random) -> Filling:
    number = rng.randint(9, 200)
    stated = number + either(rng, 0, (-4, -2, -1, 1, 2, 4))
    return _filled(rng, stated == number, n=number, b=f"{stated:b}")


def roman(number: int) -> str:
    """The Roman numeral of a number from 1 to 3999."""
    numeral = ""
    for value, sign in _ROMAN:
        numeral += sign * (number // value)
        number %= value
    return numeral


def _roman(rng: Random) -> Filling:
    number = rng.randint(14, 2400)
    stated = number + either(rng, 0, (-10, -5, -2, -1, 1, 2, 5, 10))
    return _filled(rng, stated == number, n=number, r=roman(stated))


def _common_divisor(rng: Random) -> Filling:
    factor = rng.randint(2, 15)
    one, other = (factor * multiple for multiple in rng.sample(range(2, 13), 2))
    true = gcd(one, other)
    stated = either(rng, true, [wrong for wrong in (true // 2, true * 2, true - 1, true + 1) if 1 < wrong != true])
    return _filled(rng, stated == true, a=one, b=other, g=stated)


def _common_multiple(rng: Random) -> Filling:
    one, other = rng.sample(range(4, 25), 2)
    true = lcm(one, other)
    stated = either(rng, true, [wrong for wrong in (true * 2, true // 2, true - one, true + other) if wrong not in (0, true)])
    return _filled(rng, stated == true, a=one, b=other, m=stated)


def _power(rng: Random) -> Filling:
    base, exponent = rng.choice([(base, exponent) for base in range(2, 13) for exponent in range(2, 9) if 60 < base**exponent < 5000])
    true = base**exponent
    wrong = [base ** (exponent + 1), base ** (exponent - 1), true + base, true - base, true + 2, true - 2]
    stated = either(rng, true, wrong)
    return _filled(rng, stated == true, b=base, e=exponent, n=stated)


def _palindrome(rng: Random) -> Filling:
    half = str(rng.randint(10, 999))
    digits = half + half[::-1][rng.randint(0, 1) :]
    if rng.random() < 0.5:
        place = rng.randrange(1, len(digits) - 1) if len(digits) > 3 else 0
        digits = digits[:place] + str((int(digits[place]) + rng.choice((1, 2))) % 10 or 3) + digits[place + 1 :]
    return _filled(rng, digits == digits[::-1], n=digits)


def _divisor_count(rng: Random) -> Filling:
    # Only squares have an odd number of divisors, so an odd number stated would be wrong as a rule.
    true, stated = true_and_stated(rng, 4, 12, step=2)
    number = rng.choice([number for number in range(12, 200) if _n_divisors(number) == true])
    return _filled(rng, stated == true, n=number, k=stated)


def _n_divisors(number: int) -> int:
    return sum(number % divisor == 0 for divisor in range(1, number + 1))


def _multiples(rng: Random) -> Filling:
    step, low = rng.randint(3, 12), rng.randint(5, 80)
    high = low + rng.randint(25, 90)
    true = high // step - (low - 1) // step
    stated = true + either(rng, 0, (-2, -1, 1, 2))
    return _filled(rng, stated == true, d=step, a=low, b=high, k=stated) if stated > 1 else _multiples(rng)


FAMILIES = (
    Family(
        "prime",
        (
            "Is {n} a prime number?",
            "Is the number {n} prime?",
            "{name} looks for primes and finds {n}. Is {n} one?",
            "Does {n} have no divisors except 1 and itself?",
            "Is it true that only 1 and {n} divide {n} without remainder?",
            "Would a list of all primes below 1000 include {n}?",
        ),
        _prime,
    ),
    Family(
        "divisible",
        (
            "Is {n} divisible by {d}?",
            "Can {n} be divided by {d} without a remainder?",
            "{name} packs {n} eggs in boxes of {d}. Are all boxes full?",
            "Is {n} a multiple of {d}?",
            "Does {d} divide {n} evenly?",
            "Can the {n} people of a parade in {town} walk in rows of {d} with nobody left over?",
        ),
        _divisible,
    ),
    Family(
        "square",
        (
            "Is {n} a square number?",
            "Is the square root of {n} a whole number?",
            "Can {name} lay {n} square tiles as one full square?",
            "Is there a whole number that gives {n} when multiplied by itself?",
            "Is {n} the square of a whole number?",
            "Does {n} belong to the sequence 1, 4, 9, 16 and so on of square numbers?",
        ),
        _square,
    ),
    Family(
        "remainder",
        (
            "Does {n} divided by {d} leave the remainder {r}?",
            "Is {r} the remainder when {n} is divided by {d}?",
            "{name} deals {n} cards to {d} players, as many to each as possible. Do {r} cards stay on the table?",
            "Is {n} modulo {d} equal to {r}?",
            "From {n} beads as many chains of {d} as possible are made. Do {r} beads remain?",
            "If {d} is subtracted from {n} as often as possible without going below 0, is {r} the end?",
        ),
        _remainder,
    ),
    Family(
        "digit sum",
        (
            "Is the digit sum of {n} equal to {s}?",
            "Do the digits of {n} add up to {s}?",
            "{name} adds the digits of {n}. Is the result {s}?",
            "If you sum all digits of {n}, do you get {s}?",
            "The code of a lock in {town} is {n}; is the sum of its digits {s}?",
            "Does {n} have digits with a total of {s}?",
        ),
        _digit_sum,
    ),
    Family(
        "binary",
        (
            "Is {n} in binary {b}?",
            "Does the binary number {b} equal {n} in decimal?",
            "{name} writes {n} in base 2. Is it {b}?",
            "In the binary system, is {n} written as {b}?",
            "Does {b} in base 2 stand for {n} in base 10?",
            "Converted from binary to decimal, is {b} the number {n}?",
        ),
        _binary,
    ),
    Family(
        "roman",
        (
            "Is {r} the Roman numeral for {n}?",
            "Does the Roman numeral {r} stand for {n}?",
            "{name} reads {r} on an old gate. Is that {n} in Roman numerals?",
            "Written in Roman numerals, is {n} the same as {r}?",
            "A stone in {town} bears the Roman number {r}; does it mean {n}?",
            "If {r} is read as a Roman numeral, is its value {n}?",
        ),
        _roman,
    ),
    Family(
        "common divisor",
        (
            "Is {g} the greatest common divisor of {a} and {b}?",
            "Do {a} and {b} have {g} as their greatest common divisor?",
            "{name} cuts ribbons of {a} and {b} cm into equal pieces, as long as possible. Are they {g} cm long?",
            "Is {g} the largest number that divides both {a} and {b}?",
            "Does the greatest common factor of {a} and {b} equal {g}?",
            "For the numbers {a} and {b}, is the gcd {g}?",
        ),
        _common_divisor,
    ),
    Family(
        "common multiple",
        (
            "Is {m} the least common multiple of {a} and {b}?",
            "Do {a} and {b} have {m} as their least common multiple?",
            "Buses leave {town} every {a} and every {b} minutes, now both at once. Do both leave together next in {m} minutes?",
            "Is {m} the smallest positive number divisible by both {a} and {b}?",
            "For the numbers {a} and {b}, is the lcm {m}?",
            "{name} rings one bell every {a} and another every {b} seconds, starting together. Do they next ring together after {m} seconds?",
        ),
        _common_multiple,
    ),
    Family(
        "power",
        (
            "Is {b} to the power of {e} equal to {n}?",
            "Does {b} raised to the power {e} give {n}?",
            "{name} multiplies {e} factors of {b} with one another. Is the product {n}?",
            "If {b} is the base and {e} the exponent, is the power {n}?",
            "Is {n} the value of {b}^{e}?",
            "When {b} is taken {e} times as a factor, is the result {n}?",
        ),
        _power,
    ),
    Family(
        "palindrome",
        (
            "Does the number {n} read the same from both ends?",
            "Is {n} a palindrome as a string of digits?",
            "{name} reverses the digits of {n}. Is the number unchanged?",
            "Written backwards, is {n} still {n}?",
            "The tram in {town} has number {n}; do its digits form a palindrome?",
            "Are the digits of {n} the same in reverse order?",
        ),
        _palindrome,
    ),
    Family(
        "divisor count",
        (
            "Does {n} have exactly {k} divisors, 1 and {n} included?",
            "Is {k} the number of positive divisors of {n}?",
            "Counting 1 and itself, has {n} exactly {k} divisors?",
            "{name} lists all whole numbers that divide {n}. Are there {k} of them?",
            "Do exactly {k} positive whole numbers divide {n} without remainder?",
            "If every positive divisor of {n} is counted, is the count {k}?",
        ),
        _divisor_count,
    ),
    Family(
        "multiples",
        (
            "Are there exactly {k} multiples of {d} from {a} to {b}, both ends included?",
            "From {a} to {b} inclusive, are exactly {k} numbers divisible by {d}?",
            "{name} marks every multiple of {d} among the pages {a} to {b}, ends included. Are {k} pages marked?",
            "Is {k} the count of whole numbers from {a} through {b} that {d} divides evenly?",
            "Houses in {town} have the numbers {a} to {b}, both included; are {k} of these divisible by {d}?",
            "If you go through all numbers from {a} to {b} inclusive, do you find {k} multiples of {d}?",
        ),
        _multiples,
    ),
)
"""All families of the kind."""
