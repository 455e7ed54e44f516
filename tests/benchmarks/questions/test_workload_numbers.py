"""Dates, percentages and numbers of a workload: every answer found again from the text, the slow way."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta
from fractions import Fraction

import pytest
from generated_reading import days, numbers
from workload_reading import Rule, arranged, read

from benchmarks.questions.workload import draw
from der_core.records import Label

SEEDS = range(4)

# ----------------------------------------------------------------------------------------------------- dates

MONTHS = list(calendar.month_name)
NAMED = "|".join(MONTHS[1:])
DATE = re.compile(
    rf"(?P<d>\d+) (?P<m>{NAMED}) (?P<y>\d{{4}})|(?P<m2>{NAMED}) (?P<d2>\d+), (?P<y2>\d{{4}})|(?P<y3>\d{{4}})-(?P<m3>\d\d)-(?P<d3>\d\d)"
)


def dates(sentence: str) -> list[date]:
    found = []
    for match in DATE.finditer(sentence):
        year, month, day = (next(match[name] for name in (part, f"{part}2", f"{part}3") if match[name]) for part in "ymd")
        found.append(date(int(year), MONTHS.index(month) if month in MONTHS else int(month), int(day)))
    return found


def besides(sentence: str) -> list[int]:
    """The numbers of a sentence that belong to no date."""
    return numbers(DATE.sub("", sentence))


def stepped(start: date, n_days: int) -> date:
    for _ in range(abs(n_days)):
        start += timedelta(days=1 if n_days > 0 else -1)
    return start


def is_shifted(sentence: str) -> bool:
    one, other = dates(sentence)
    start, stated = (other, one) if re.match("Is |Does ", sentence) else (one, other)
    (n_days,) = besides(sentence)
    return stepped(start, -n_days if re.search(r"\bbefore\b", sentence) else n_days) == stated


def is_weeks_later(sentence: str) -> bool:
    one, other = dates(sentence)
    start, stated = (other, one) if sentence.startswith("Is ") else (one, other)
    (n_weeks,) = besides(sentence)
    return stepped(start, 7 * n_weeks) == stated


def is_on_weekday(sentence: str) -> bool:
    (day,) = dates(sentence)
    return [f"{day:%A}"] == days(sentence)


def is_same_weekday(sentence: str) -> bool:
    one, other = dates(sentence)
    return f"{one:%a}" == f"{other:%a}"


def is_leap(sentence: str) -> bool:
    (year,) = [number for number in numbers(sentence) if number > 1000]
    return len({date.fromordinal(place) for place in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())}) == 366


def is_month_length(sentence: str) -> bool:
    ((month, year),) = re.findall(rf"({NAMED}) (\d{{4}})", sentence)
    (stated,) = numbers(re.sub(r"\b\d{4}\b", "", sentence))
    return sum(day > 0 for week in calendar.monthcalendar(int(year), MONTHS.index(month)) for day in week) == stated


def is_span(sentence: str) -> bool:
    one, other = dates(sentence)
    start, end = (other, one) if "later than" in sentence else (one, other)
    return [end.toordinal() - start.toordinal()] == besides(sentence)


def is_within(sentence: str) -> bool:
    start, limit = dates(sentence)
    reached = stepped(start, besides(sentence)[0])
    return reached < limit if "earlier" in sentence else reached > limit


def is_in_order(sentence: str) -> bool:
    one, other = dates(sentence)
    if sentence.startswith("Compared"):
        one, other = other, one
    return one < other if "earlier" in sentence else one > other


def is_day_of_year(sentence: str) -> bool:
    plain = re.sub(r"1 January( is day 1| being 1)?(?! \d)|from 1\b|page 1 for", "", sentence)
    ((day,), (stated,)) = dates(plain), besides(plain)
    return stepped(date(day.year, 1, 1), stated - 1) == day


DATES: list[Rule] = [
    (r"day number|is day 1|days of the year|numbers the days|among the days|yearbook", is_day_of_year),
    (r"leap|366|29 February in", is_leap),
    (r"number of days in|last day of|each day of|rented for all|days of [A-Z]|[A-Z][a-z]+ \d{4} have", is_month_length),
    (r"\bby exactly \d+ days", is_span),
    (r"\d days (?!by).*\b(earlier|later)\b|\bearlier\b.*\d days|expires \d+ days", is_within),
    (r"\b(earlier|later) (date|in time|than)\b", is_in_order),
    (r"\d weeks\b", is_weeks_later),
    (r"weekday|day of the week", lambda text: is_on_weekday(text) if days(text) else is_same_weekday(text)),
    (r"Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday", is_on_weekday),
    (r"\bdays (before|after) (?!it was)|day \d+ days", is_shifted),
    (r"the time from|days pass|stays in|subtract|finished", is_span),
]

# ----------------------------------------------------------------------------------------------- percentages


def parts(sentence: str) -> tuple[list[int], list[int]]:
    """The percentages of a sentence, and its other numbers."""
    pattern = r"(\d+)(?:%| percent)"
    return [int(number) for number in re.findall(pattern, sentence)], numbers(re.sub(pattern, "", sentence))


def is_part(sentence: str) -> bool:
    (percent,), others = parts(sentence)
    whole, stated = arranged(others, sentence, {"exactly": "ca"}, "ac")
    return stated * 100 == percent * whole


def is_rise(sentence: str) -> bool:
    (percent,), (old, new) = parts(sentence)
    return Fraction(new - old, old) == Fraction(percent, 100)


def is_fall(sentence: str) -> bool:
    (percent,), (old, new) = parts(sentence)
    return Fraction(old - new, old) == Fraction(percent, 100)


def is_share(sentence: str) -> bool:
    (percent,), others = parts(sentence)
    part, whole = arranged(others, sentence, {"Out of": "ab"}, "ba")
    return Fraction(part, whole) == Fraction(percent, 100)


def is_larger_part(sentence: str) -> bool:
    (p, q, *_), (a, b, *_) = parts(sentence)
    gap = p * a - q * b
    return gap > 0 if "more" in sentence else gap < 0


def is_whole(sentence: str) -> bool:
    (percent,), others = parts(sentence)
    part, whole = arranged(others, sentence, {"number of which": "cb"}, "bc")
    return Fraction(part * 100, percent) == whole


def is_two_steps(sentence: str) -> bool:
    (up, down), (start, stated) = parts(sentence)
    raised = Fraction(start) + Fraction(start * up, 100)
    return raised - raised * down / 100 == stated


def is_change(sentence: str) -> bool:
    (percent,), (old, new, *_) = parts(sentence)
    change = new - old if re.search(r"\brises?\b", sentence) else old - new
    return Fraction(change * 100, old) == percent


def is_enough(sentence: str) -> bool:
    (percent,), others = parts(sentence)
    got, whole = arranged(others, sentence, {"A test|a vote|For a prize": "ab"}, "ba")
    return Fraction(got, whole) >= Fraction(percent, 100)


def is_rest(sentence: str) -> bool:
    (p, q), (whole, *_, stated) = parts(sentence)
    return Fraction(stated, whole) == 1 - Fraction(p, 100) - Fraction(q, 100)


PERCENTAGES: list[Rule] = [
    (r"balls|on rent|and another|the rest drive|sacks|away from \d+, do you keep", is_rest),
    (r"and then falls|, then |the result decreased|off the new number", is_two_steps),
    (r"(%|percent)(?=.*(%|percent)).*\b(more|less)\b", is_larger_part),
    (r"at least|or more|Does a score", is_enough),
    (r"of a number is|of a sum|of the money|of all, came|of a path|number of which", is_whole),
    (r"\b(rises?|falls?) (from|to)\b", is_change),
    (r"goes up|dearer|percent more|increased by|grew by|tax added", is_rise),
    (r"goes down|% off|gave away|reduced by|fell in|discount", is_fall),
    (r"a share of|Out of|has read|parts out of|voters|as a percentage", is_share),
    (r"saves|Taking|have a garden|Is \d+% of|Do \d+ percent|exactly", is_part),
]

# --------------------------------------------------------------------------------------------------- numbers


def is_prime(sentence: str) -> bool:
    number = max(value for value in numbers(sentence) if value != 1000)
    return not {one * other for one in range(2, 30) for other in range(2, number // one + 1)} & {number}


def is_divisible(sentence: str) -> bool:
    number, divisor = arranged(numbers(sentence), sentence, {"^Does": "dn"}, "nd")
    while number > 0:
        number -= divisor
    return number == 0


def is_square(sentence: str) -> bool:
    return numbers(sentence)[0] in [sum(range(1, 2 * side, 2)) for side in range(1, 100)]


def is_remainder(sentence: str) -> bool:
    number, divisor, stated = arranged(numbers(sentence), sentence, {"the remainder when": "rnd", "subtracted": "dn0r"}, "ndr")
    while number >= divisor:
        number -= divisor
    return number == stated


def is_digit_sum(sentence: str) -> bool:
    number, stated = numbers(sentence)
    total = 0
    while number:
        number, digit = divmod(number, 10)
        total += digit
    return total == stated


def is_binary(sentence: str) -> bool:
    orders = {"^Does the binary|from binary": "bn", "writes": "n2b", "stand for": "b2nt"}
    number, binary = arranged(numbers(sentence), sentence, orders, "nb")
    return sum(2**place for place, digit in enumerate(reversed(str(binary))) if digit == "1") == number


def is_roman(sentence: str) -> bool:
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
    (numeral,) = re.findall(r"\b[IVXLCDM]+\b", sentence)
    signs = [values[sign] for sign in numeral]
    return [sum(-sign if sign < max(signs[place:]) else sign for place, sign in enumerate(signs))] == numbers(sentence)


def is_common_divisor(sentence: str) -> bool:
    a, b, stated = arranged(numbers(sentence), sentence, {r"^Is \d": "gab"}, "abg")
    return stated == max(value for value in range(1, a + 1) if a % value == b % value == 0)


def is_common_multiple(sentence: str) -> bool:
    a, b, stated = arranged(numbers(sentence), sentence, {r"^Is \d": "mab"}, "abm")
    return stated == min({a * factor for factor in range(1, b + 1)} & {b * factor for factor in range(1, a + 1)})


def is_power(sentence: str) -> bool:
    base, exponent, stated = arranged(numbers(sentence), sentence, {"factors of": "ebn", r"\^": "nbe"}, "ben")
    product = 1
    for _ in range(exponent):
        product *= base
    return product == stated


def is_palindrome(sentence: str) -> bool:
    digits = str(numbers(sentence)[0])
    return all(one == other for one, other in zip(digits, reversed(digits), strict=True))


def is_divisor_count(sentence: str) -> bool:
    plain = re.sub(r"1 and (\d+ included|itself)", "", sentence)
    number, stated = arranged(numbers(plain), plain, {"^Is|^Do exactly": "kn"}, "nk")
    return len([(one, other) for one in range(1, number + 1) for other in range(1, number + 1) if one * other == number]) == stated


def is_multiple_count(sentence: str) -> bool:
    orders = {"exactly \\d+ multiples": "kdab", "every multiple": "dabk", "^Is": "kabd", "you find": "abkd", "": "abkd"}
    step, low, high, stated = arranged(numbers(sentence), sentence, orders, "dabk")
    return len([value for value in range(low, high + 1) if value in range(0, high + 1, step)]) == stated


NUMBERS: list[Rule] = [
    (r"Roman", is_roman),
    (r"binary|base 2", is_binary),
    (r"inclusive|ends included|both included|through", is_multiple_count),
    (r"common divisor|common factor|ribbons|divides both|gcd", is_common_divisor),
    (r"common multiple|leave together|divisible by both|lcm|ring together", is_common_multiple),
    (r"positive divisor|exactly \d+ divisors|numbers that divide|positive whole numbers", is_divisor_count),
    (r"prime|no divisors|only 1 and", is_prime),
    (r"power|factors of|\^|as a factor", is_power),
    (r"palindrome|from both ends|reverses|backwards|reverse order", is_palindrome),
    (r"digit", is_digit_sum),
    (r"the remainder|modulo|cards|beads|subtracted from", is_remainder),
    (r"square|by itself", is_square),
    (r"divisible|divided by|boxes|a multiple of|evenly|rows of", is_divisible),
]

# ----------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "rules"), (("dates", DATES), ("percentages", PERCENTAGES), ("numbers", NUMBERS)))
def test_answers_follow_from_the_words_of_the_question(kind: str, rules: list[Rule], seed: int) -> None:
    for question in draw(kind, 120, seed):
        assert Label.of_answer(read(question.text, rules)) is question.gold, question.text


@pytest.mark.parametrize(
    ("sentence", "rules", "answer"),
    (
        ("Does 25 December 2023 fall on a Monday?", DATES, True),
        ("Is 2024-03-01 the date 2 days after February 28, 2024?", DATES, True),
        ("Does the year 1900 have 366 days?", DATES, False),
        ("If 100 goes up by 10 percent, is the result 110?", PERCENTAGES, True),
        ("Does raising 100 by 10 percent, then lowering the outcome by 10 percent, lead to 100?", PERCENTAGES, False),
        ("Is 91 a prime number?", NUMBERS, False),
        ("Is MCMXCIV the Roman numeral for 1994?", NUMBERS, True),
        ("Does 12 have exactly 5 divisors, 1 and 12 included?", NUMBERS, False),
    ),
)
def test_the_slow_readings_know_answers_worked_out_by_hand(sentence: str, rules: list[Rule], answer: bool) -> None:
    assert read(sentence, rules) is answer
