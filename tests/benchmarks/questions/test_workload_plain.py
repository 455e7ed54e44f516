"""Arithmetic, words and units of a workload: every answer found again from the text, the slow way."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest
from generated_reading import numbers, times
from generated_reading import read as read_bundled
from test_generated_plain import ARITHMETIC as BUNDLED_ARITHMETIC
from test_generated_plain import SIZES, UNIT, letter, quoted
from test_generated_plain import UNITS as BUNDLED_UNITS
from workload_reading import Rule, arranged, read

from benchmarks.questions.workload import draw
from der_core.records import Label

SEEDS = range(4)

# ------------------------------------------------------------------------------------------------ arithmetic


def is_chain(sentence: str) -> bool:
    a, b, c, stated = numbers(sentence)
    return stated + c == a + b


def is_bracket(sentence: str) -> bool:
    a, b, c, stated = arranged(numbers(sentence), sentence, {"times the sum|Each of": "cabn"}, "abcn")
    return stated == a * c + b * c


def is_expression(sentence: str) -> bool:
    a, b, c, d = arranged(numbers(sentence), sentence, {"field": "abcdab", "Compared": "cdab"}, "abcd")
    gap = sum(a for _ in range(b)) - sum(c for _ in range(d))
    return gap > 0 if "greater" in sentence else gap < 0


def is_division(sentence: str) -> bool:
    a, b, stated = arranged(numbers(sentence), sentence, {"people share|Split": "ban"}, "abn")
    return stated * b == a


def is_story(sentence: str) -> bool:
    a, b, c, d, stated = arranged(numbers(sentence), sentence, {"to each of": "abdcn", "taken away": "cdabn"}, "abcdn")
    for _ in range(c):
        a -= d
    return a + b == stated


def is_decimal_sum(sentence: str) -> bool:
    a, b, stated = map(Decimal, re.findall(r"\d+\.\d\d", sentence))
    return stated - b == a


def is_journey(sentence: str) -> bool:
    speed, hours, stated = arranged(numbers(sentence), sentence, {"At|lines": "vhn", "": "vnh"}, "vhn")
    return sum([speed] * hours) == stated


def is_enough(sentence: str) -> bool:
    have, count, price = arranged(numbers(sentence), sentence, {"be paid with": "cpn", "screws": "pnc"}, "ncp")
    return have - count * price >= 0


def is_perimeter(sentence: str) -> bool:
    long, short, stated = arranged(numbers(sentence), sentence, {"4 sides": "4abn"}, "abn")
    return sum([long, short, long, short]) == stated


def bundled_arithmetic(sentence: str) -> bool:
    return read_bundled(sentence, BUNDLED_ARITHMETIC)


ARITHMETIC: list[Rule] = [
    (r"\d\.\d\d", is_decimal_sum),
    (r"to each of|packs of|stacks of|coins earned|\+ \d+ - \d+ \*|taken away from the sum", is_story),
    (r"minus \d+ equal|subtracting|loses|drops|\+ \d+ - \d+ give", is_chain),
    (r"\) \*|times the sum|multiplies the sum|short nails|sum .* is taken|seats below", is_bracket),
    (r"\b(greater|smaller)\b", is_expression),
    (r"divided by \d+ equal|share \d+ .* equally|evenly into|/ \d+ come|Split into|equal rows", is_division),
    (r"km an hour|bolts|lines an hour|in each hour|pump|a day", is_journey),
    (r"enough for|sufficient|be paid with|suffice|Can each of", is_enough),
    (r"perimeter|fence|once around|edging|4 sides", is_perimeter),
    (r"", bundled_arithmetic),
]

# ----------------------------------------------------------------------------------------------------- words


def place_in(sentence: str) -> int:
    return int(re.findall(r"(?:number|letter|position) (\d+)", sentence)[-1])


def is_at_place(sentence: str) -> bool:
    return dict(enumerate(quoted(sentence)[0], start=1))[place_in(sentence)] == letter(sentence)


def is_from_end(sentence: str) -> bool:
    *_, word = quoted(sentence)
    return dict(enumerate(reversed(word), start=1))[place_in(sentence)] == letter(sentence)


def is_letter_count(sentence: str) -> bool:
    return [len(quoted(sentence)[0].split(letter(sentence))) - 1] == numbers(sentence)


def is_length(sentence: str) -> bool:
    return [sum(1 for _ in quoted(sentence)[0])] == numbers(sentence)


def is_vowel_count(sentence: str) -> bool:
    return [len(re.sub("[^aeiou]", "", quoted(sentence)[0]))] == numbers(sentence)


def is_in_order(sentence: str) -> bool:
    one, other = quoted(sentence)
    return (sorted((one, other))[0] == one) is bool(re.search(r"\bbefore\b", sentence))


def is_longer(sentence: str) -> bool:
    one, other = quoted(sentence)[:2]
    if sentence.startswith("Compared"):
        one, other = other, one
    return len(one) > len(other) if "longer" in sentence else len(one) < len(other)


def is_in_both(sentence: str) -> bool:
    return all(re.search(letter(sentence), word) for word in quoted(sentence))


def is_backwards(sentence: str) -> bool:
    one, other = quoted(sentence)
    return all(sign == other[-1 - place] for place, sign in enumerate(one)) and len(one) == len(other)


def is_anagram(sentence: str) -> bool:
    one, other = map(Counter, quoted(sentence))
    return one == other


def is_without(sentence: str) -> bool:
    words = quoted(sentence)
    left, word = words if sentence.startswith('Is "') else words[::-1]
    return left == re.sub(letter(sentence), "", word)


def has_repeats(sentence: str) -> bool:
    return max(Counter(quoted(sentence)[0]).values()) > 1


def is_palindrome(sentence: str) -> bool:
    word = quoted(sentence)[0]
    return all(word[place] == word[-1 - place] for place in range(len(word)))


WORDS: list[Rule] = [
    (r"alphabet(ical|ically)\b|In a dictionary|A to Z|Alphabetically", is_in_order),
    (r"from the end, is|count backwards|last letter as number 1|backwards\. Is the letter|turned round, is|show [A-Z] at", is_from_end),
    (r"letter number|letter \d+ of|spoken as number|at position|square number|At position", is_at_place),
    (r"vowel|a, e, i, o", is_vowel_count),
    (r"\b(longer|shorter)\b", is_longer),
    (r"both|as well as|each of the words|in common|spelling .* too", is_in_both),
    (r"is removed|Deleting|rubs out|Without any|what stays|left out", is_without),
    (r"exactly \d+ times in|number of letters [A-Z] in|tiles marked|Counting each|how often|underlined", is_letter_count),
    (r"exactly \d+ letters|letters long|keys pressed|exactly \d+ squares|Counting every letter|the length of", is_length),
    (r"rearranged|in another order|shuffles|equally often|jumble|Sorting", is_anagram),
    (r"more than once|is some letter|Is some letter|too few|2 equal letters|different letters|again at some point", has_repeats),
    (r"palindrome|forwards and backwards|unchanged|still|mirror image|stay the same", is_palindrome),
    (r"backwards|[Rr]eversing|to its opening letter|right to left|opposite order", is_backwards),
]

# ----------------------------------------------------------------------------------------------------- units


def size(number: str, unit: str) -> Fraction:
    return Fraction(number) * SIZES[unit]


def is_mixed(sentence: str) -> bool:
    pair = rf"(\d+) ({UNIT}) (?:and |plus )?(\d+) ({UNIT})"
    ((a, large, b, small),) = re.findall(pair, sentence)
    (stated,) = numbers(re.sub(pair, "", sentence))
    return size(a, large) + size(b, small) == stated * SIZES[small]


def is_amount_sum(sentence: str) -> bool:
    sizes = [size(number, unit) for number, unit in re.findall(rf"(\d+) ({UNIT})", sentence)]
    limit = sizes.pop(0 if sentence.startswith("Compared") else 2)
    return sum(sizes) > limit if re.search(r"\bmore( than|\?)", sentence) else sum(sizes) < limit


def is_larger_label(sentence: str) -> bool:
    one, other, again = (size(number, unit) for number, unit in re.findall(rf"(\d+) ({UNIT})", sentence))
    assert one == again
    return one > other if sentence.endswith("more?") else one < other


def is_distance(sentence: str) -> bool:
    (speed,) = re.findall(r"(\d+) km(?:/h| per hour| an hour| each hour)", sentence)
    (minutes,) = re.findall(r"(\d+) minutes", sentence)
    (stated,) = re.findall(r"(\d+) km(?!/h| per| an | each)", sentence)
    return Fraction(int(stated), int(minutes)) == Fraction(int(speed), 60)


def is_decimal_amount(sentence: str) -> bool:
    ((number, large),) = re.findall(rf"(\d+\.\d+) ({UNIT})", sentence)
    rest = sentence.replace(f"{number} {large}", "")
    (small,), (stated,) = re.findall(rf"\b({UNIT})\b", rest), numbers(rest)
    return size(number, large) == stated * SIZES[small]


def is_temperature(sentence: str) -> bool:
    celsius, fahrenheit = arranged(numbers(sentence), sentence, {"right conversion": "fc"}, "cf")
    return Fraction(fahrenheit - 32, 9) == Fraction(celsius, 5)


def is_arrival(sentence: str) -> bool:
    start, end = arranged(times(sentence), sentence, {r"^Is \d\d:\d\d the time": "ba"}, "ab")
    hours, minutes = numbers(sentence)
    return end - minutes - 60 * hours == start


def is_departure(sentence: str) -> bool:
    start, end = arranged(times(sentence), sentence, {"^Is": "ab", "": "ba"}, "ab")
    return [len(range(start, end))] == numbers(sentence)


def is_night(sentence: str) -> bool:
    evening, morning = times(sentence)
    next_day = morning + 24 * 60
    return [next_day - evening] == numbers(sentence)


def is_division_of_amount(sentence: str) -> bool:
    sizes = [size(number, unit) for number, unit in re.findall(rf"(\d+) ({UNIT})", sentence)]
    (pieces,) = numbers(re.sub(rf"\d+ (?:{UNIT})", "", sentence))
    return max(sizes) - pieces * min(sizes) == 0


def bundled_units(sentence: str) -> bool:
    return read_bundled(sentence, BUNDLED_UNITS)


UNITS: list[Rule] = [
    (r"next (day|morning)|following day", is_night),
    (r"\d\d:\d\d.*\d+ h(ours)?\b|\d+ h(ours)?\b.*\d\d:\d\d", is_arrival),
    (r"talk ends|exactly \d+ minutes before|needs \d+ minutes|Going back|has baked|still to go", is_departure),
    (r"\d\d:\d\d", bundled_units),
    (r"Celsius", is_temperature),
    (r"\bkm\b", is_distance),
    (r"\d\.\d", is_decimal_amount),
    (r"stand for (more|less)", is_larger_label),
    (rf"(?=.*\b(more|less)\b)(?:.*?\d+ (?:{UNIT})){{3}}", is_amount_sum),
    (rf"\d+ (?:{UNIT}) (?:and |plus )?\d+ (?:{UNIT})", is_mixed),
    (r"portions of|parts of|pieces of|fit into|needed each time|lots of", is_division_of_amount),
    (r"", bundled_units),
]

# ----------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "rules"), (("arithmetic", ARITHMETIC), ("words", WORDS), ("units", UNITS)))
def test_answers_follow_from_the_words_of_the_question(kind: str, rules: list[Rule], seed: int) -> None:
    for question in draw(kind, 120, seed):
        assert Label.of_answer(read(question.text, rules)) is question.gold, question.text


@pytest.mark.parametrize(
    ("sentence", "rules", "answer"),
    (
        ("Is (2 + 3) * 4 equal to 14?", ARITHMETIC, False),
        ("Are 15 coins enough for 5 tickets at 3 coins each?", ARITHMETIC, True),
        ('Counting from the end, is N letter number 2 of "onion"?', WORDS, False),
        ('Can the letters of "otter" be rearranged to "toret"?', WORDS, True),
        ("From 23:00 in the evening to 01:00 the next morning, do 120 minutes pass?", UNITS, True),
        ("Are 2 hours and 5 minutes together 205 minutes?", UNITS, False),
    ),
)
def test_the_slow_readings_know_answers_worked_out_by_hand(sentence: str, rules: list[Rule], answer: bool) -> None:
    assert read(sentence, rules) is answer
