"""Generated questions without passage: every answer found again from the words alone, the slow way."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from generated_reading import DAYS, Rule, days, found, numbers, read, times

from benchmarks.questions import DEFAULT_SEED, generate
from der_core.records import Label

SEEDS = (DEFAULT_SEED, *range(6))

# ------------------------------------------------------------------------------------------------ arithmetic


def is_sum(sentence: str) -> bool:
    one, other, stated = numbers(sentence)
    return len([*range(one), *range(other)]) == stated


def is_gap(sentence: str) -> bool:
    one, other, stated = numbers(sentence)
    gap = len(range(min(one, other), max(one, other)))
    return gap > stated if "more than" in sentence else gap < stated


def is_product(sentence: str) -> bool:
    values = numbers(sentence)
    stated, one, other = values if "the product" in sentence else (values[2], *values[:2])
    return sum(other for _ in range(one)) == stated


def is_percentage(sentence: str) -> bool:
    percent, whole, stated = numbers(sentence)
    if sentence.startswith("Out of"):
        percent, whole, stated = stated, percent, whole
    return Fraction(percent, 100) * whole == stated


def is_remainder(sentence: str) -> bool:
    number, divisor, stated = numbers(sentence)
    if "what remains" in sentence:
        number, divisor, stated = stated, divisor, number
    while number >= divisor:
        number -= divisor
    return number == stated


def is_larger_fraction(sentence: str) -> bool:
    one, other = (Fraction(text) for text in re.findall(r"\d+/\d+", sentence))
    return one > other if "more" in sentence else one < other


def is_mean(sentence: str) -> bool:
    values = numbers(sentence)
    stated = values.pop(0 if "the average of" in sentence else -1)
    return Fraction(sum(values), len(values)) == stated


def is_change(sentence: str) -> bool:
    forms = {  # count, price, paid, stated as positions in the sentence
        r"is the change": (0, 1, 2, 3),
        r"^With": (1, 2, 0, 3),
        r"^If": (3, 0, 2, 1),
        r"had": (1, 2, 0, 3),
        r"^After paying": (1, 0, 3, 2),
    }
    values = numbers(sentence)
    count, price, paid, stated = (values[place] for place in next(form for key, form in forms.items() if re.search(key, sentence)))
    for _ in range(count):
        paid -= price
    return paid == stated


ARITHMETIC: list[Rule] = [
    (r"\bplus\b|\badd\b|sum of|Counting on", is_sum),
    (r"minus|taken away|difference between|used up|step from", is_gap),
    (r"\btimes\b|multiplying|rows of|the product|boxes with", is_product),
    (r"percent|%", is_percentage),
    (r"remainder|left over|what remains|full boxes", is_remainder),
    (r"\d/\d", is_larger_fraction),
    (r"average|mean", is_mean),
    (r"\b(buys|bought|buying|paying)\b", is_change),
]

# ----------------------------------------------------------------------------------------------------- words

RIGHT = set(
    [
        "separate",
        "necessary",
        "definitely",
        "receive",
        "believe",
        "calendar",
        "beginning",
        "accommodate",
        "embarrass",
        "occurred",
        "tomorrow",
        "weird",
        "government",
        "environment",
        "library",
        "knowledge",
        "surprise",
        "address",
        "business",
        "disappear",
        "immediately",
        "restaurant",
        "successful",
        "until",
    ]
)
ORDINALS = ["first", "second", "third", "fourth", "fifth"]


def quoted(sentence: str) -> list[str]:
    return re.findall(r'"(\w+)"', sentence)


def letter(sentence: str) -> str:
    (found_letter,) = re.findall(r"(?<!\w)([A-Z])(?!\w)", sentence)
    return str(found_letter).lower()


def is_edge(sentence: str) -> bool:
    word, sought = quoted(sentence)[0], letter(sentence)
    return word.startswith(sought) if re.search(r"begin with|first", sentence) else word.endswith(sought)


def is_contained(sentence: str) -> bool:
    return any(sign == letter(sentence) for sign in quoted(sentence)[0])


def is_length(sentence: str) -> bool:
    return [sum(1 for _ in quoted(sentence)[0])] == numbers(sentence)


def is_at_place(sentence: str) -> bool:
    (place,) = found(rf"\b({'|'.join(ORDINALS)})\b", sentence)
    return dict(zip(ORDINALS, quoted(sentence)[0], strict=False))[place] == letter(sentence)


def is_twice(sentence: str) -> bool:
    return len(quoted(sentence)[0].split(letter(sentence))) == 3


def is_in_order(sentence: str) -> bool:
    one, other = quoted(sentence)
    before = re.search(r'before "|before the|earlier', sentence) is not None
    return (sorted((one, other))[0] == one) is before


def is_vowel_count(sentence: str) -> bool:
    return [len(re.sub("[^aeiou]", "", quoted(sentence)[0]))] == numbers(sentence)


def is_palindrome(sentence: str) -> bool:
    (word,) = quoted(sentence)
    return all(word[place] == word[-1 - place] for place in range(len(word)))


def is_reversal(sentence: str) -> bool:
    one, other = quoted(sentence)
    return "".join(reversed(one)) == other


WORDS: list[Rule] = [
    (r"(begin|end) with|(?<!from its )(first|last) letter|you meet (first|last)", is_edge),
    (r"contain the letter|used anywhere|need the letter|be found in|at least one", is_contained),
    (r"letters long|have exactly \d+ letters|word of|write exactly|would fill|fill exactly", is_length),
    (r"(second|third|fourth|fifth)", is_at_place),
    (r"twice|exactly two", is_twice),
    (r"before \"|before the|after \"|after the|earlier|later", is_in_order),
    (r"vowel|consonants", is_vowel_count),
    (r"palindrome|the same forwards|is the word unchanged|still the same word", is_palindrome),
    (r"writing \"|backwards give|from its last letter to its first|the result|opposite order", is_reversal),
    (r"spelling of|spelled correctly|the spelling|spelling test", lambda sentence: quoted(sentence)[0] in RIGHT),
]

# ----------------------------------------------------------------------------------------------------- units

MONTHS = list(calendar.month_name)
SIZES = {  # of each unit in the smallest unit of its sort
    "millimetres": 1,
    "centimetres": 10,
    "metres": 1000,
    "kilometres": 1_000_000,
    "grams": 1,
    "kilograms": 1000,
    "tonnes": 1_000_000,
    "millilitres": 1,
    "litres": 1000,
    "seconds": 1,
    "minutes": 60,
    "hours": 3600,
    "days": 86_400,
    "weeks": 604_800,
    "single items": 1,
    "dozen": 12,
    "square centimetres": 1,
    "square metres": 10_000,
}
UNIT = "|".join(sorted(SIZES, key=len, reverse=True))


def is_weekday(sentence: str) -> bool:
    (n_days,) = numbers(sentence)
    start, reached = days(sentence)
    if sentence.startswith("Is a"):
        start, reached = (start, reached) if "the weekday" in sentence else (reached, start)
    place = DAYS.index(start)
    for _ in range(n_days):
        place = (place + (-1 if "before" in sentence else 1)) % 7
    return DAYS[place] == reached


def is_two_months(sentence: str) -> bool:
    months = [MONTHS.index(name) for name in re.findall("|".join(MONTHS[1:]), sentence)]
    stated = [number for number in numbers(sentence)]
    assert 2 not in months and len(months) == 2
    return [sum(calendar.monthrange(2021, month)[1] for month in months)] == stated


def is_leap(sentence: str) -> bool:
    (year,) = [number for number in numbers(sentence) if number > 1000]
    return calendar.isleap(year)


def is_span(sentence: str) -> bool:
    start, end = times(sentence)
    return [len(range(start, end))] == numbers(sentence)


def is_over(sentence: str) -> bool:
    (start, limit), (length,) = times(sentence), numbers(sentence)
    end = start
    for _ in range(length):
        end += 1
    return end < limit if "before" in sentence else end > limit


def amounts(sentence: str) -> list[Fraction]:
    """Each amount of the sentence in the smallest unit of its sort; where a number has no unit, the unit named without number is its own."""
    plain = re.sub(rf"[Cc]onverted to ({UNIT}), are (\d+ (?:{UNIT})) equal to (\d+)", r"\2 \3 \1", sentence)
    plain = re.sub(rf"given in ({UNIT}), be written as (\d+)", r"\2 \1", plain)
    pairs = re.findall(rf"(\d+) ({UNIT})", plain)
    assert len(pairs) == 2, sentence
    return [Fraction(number) * SIZES[unit] for number, unit in pairs]


def is_same_amount(sentence: str) -> bool:
    one, other = amounts(sentence)
    return one == other


def is_larger_amount(sentence: str) -> bool:
    one, other = amounts(sentence)
    if sentence.startswith("Compared with"):
        one, other = other, one
    return one > other if re.search(r"\bmore\b", sentence) else one < other


def is_later_date(sentence: str) -> bool:
    dates = [date(2021, MONTHS.index(month), int(day)) for day, month in re.findall(rf"(\d+) ({'|'.join(MONTHS[1:])})", sentence)]
    (n_days,) = found(r"(\d+) (?:days|nights)", re.sub("365-day", "", sentence))
    start, end = sorted(dates)
    return (end - start) == sum([timedelta(days=1)] * int(n_days), timedelta())


def is_same_temperature(sentence: str) -> bool:
    pattern = r"(-?\d+) degrees Fahrenheit|show (-?\d+) degrees|Celsius (-?\d+) degrees|read (-?\d+) degrees"
    (fahrenheit,), (celsius,) = found(pattern, sentence), found(r"(-?\d+) degrees Celsius", sentence)
    return Fraction(int(fahrenheit) - 32) / 9 == Fraction(int(celsius)) / 5


def is_same_time(sentence: str) -> bool:
    spoken, half = found(r"(\d+:\d\d) ([ap])\.m\.", sentence)
    moment = datetime.strptime(f"{spoken} {half.upper()}M", "%I:%M %p")
    return times(sentence.replace(f"{spoken} {half}.m.", "")) == [60 * moment.hour + moment.minute]


UNITS: list[Rule] = [
    (r"day\b.*day\b|Monday.*Monday", is_weekday),
    (r"days of|days in [A-Z]|together have|one page a day|days of work", is_two_months),
    (r"Gregorian", is_leap),
    (r"minutes between|minutes pass|it last \d+|nap|bake", is_span),
    (r"film|hike|meeting|ride|since", is_over),
    (r"the same as|make up|Converted to (?!F)|replace|given in", is_same_amount),
    (r"(more|less) than|Compared|the first stand for", is_larger_amount),
    (r"leap years?,|common year|365-day", is_later_date),
    (r"Celsius", is_same_temperature),
    (r"[ap]\.m\.", is_same_time),
]

# ----------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "rules"), (("arithmetic", ARITHMETIC), ("words", WORDS), ("units", UNITS)))
def test_answers_follow_from_the_words_of_the_question(kind: str, rules: list[Rule], seed: int) -> None:
    for question in generate(kind, seed):
        assert Label.of_answer(read(question.text, rules)) is question.gold, question.text


@pytest.mark.parametrize(
    ("sentence", "rules", "answer"),
    (
        ("Is 2 plus 2 equal to 4?", ARITHMETIC, True),
        ("When 17 is divided by 5, is the remainder 3?", ARITHMETIC, False),
        ('Is the word "noon" a palindrome?', WORDS, True),
        ("Is 1900 a leap year in the Gregorian calendar?", UNITS, False),
        ("Are 90 minutes more than 2 hours?", UNITS, False),
    ),
)
def test_the_slow_readings_know_answers_worked_out_by_hand(sentence: str, rules: list[Rule], answer: bool) -> None:
    assert read(sentence, rules) is answer
