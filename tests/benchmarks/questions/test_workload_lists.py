"""Lists, sets and small tables of a workload: every answer found again from the text, the slow way."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from generated_reading import found, mentioned, numbers
from workload_reading import Rule, arranged, read, runs

from benchmarks.questions.workload import draw
from der_core.records import Label

SEEDS = range(4)

# ----------------------------------------------------------------------------------------------------- lists


def parsed(sentence: str) -> tuple[list[str], str]:
    """The one list of a sentence, and the sentence without it."""
    entries = max(runs(sentence, last_and=True), key=len)
    return entries, re.sub(r"\[?" + r"(?:, | and )".join(entries) + r"\]?", "LIST", sentence)


def parsed_numbers(sentence: str) -> tuple[list[int], list[int]]:
    """The one list of a sentence, and the numbers outside of it, ranks such as 2nd left out."""
    entries, rest = parsed(sentence)
    return [int(entry) for entry in entries], numbers(re.sub(r"\d(nd|rd)", "", rest))


def rank(sentence: str) -> int:
    match = re.search(r"(\d)(nd|rd)", sentence)
    return int(match[1]) if match else 1


def has_rank(sentence: str) -> bool:
    entries, (stated,) = parsed_numbers(sentence)
    ahead = [entry for entry in entries if (entry > stated if "largest" in sentence else entry < stated)]
    return stated in entries and len(ahead) == rank(sentence) - 1


def is_at_place(sentence: str) -> bool:
    entries, rest = parsed(sentence)
    (place,) = found(r"(?:entry|item|label) number (\d+)|position (\d+)", rest)
    (entry,) = found(r"is (\w+) entry|does (\w+) stand|Is (\w+) item|equal to (\w+)\?|taken by (\w+)\?|label number \d+ (\w+)\?", rest)
    return dict(enumerate(entries, start=1))[int(place)] == entry


def is_ordered(sentence: str) -> bool:
    entries = [int(entry) for entry in parsed(sentence)[0]]
    steps = [after - before for before, after in zip(entries, entries[1:], strict=False)]
    return min(steps) > 0 if "ascending" in sentence else max(steps) < 0


def repeats(sentence: str) -> bool:
    entries = parsed(sentence)[0]
    return any(entry in entries[:place] for place, entry in enumerate(entries))


def is_total(sentence: str) -> bool:
    entries, (stated,) = parsed_numbers(sentence)
    for entry in entries:
        stated -= entry
    return stated == 0


def is_count_beyond(sentence: str) -> bool:
    entries, others = parsed_numbers(sentence)
    count, limit = arranged(others, sentence, {"the count of|If you keep": "nk"}, "kn")
    ranked = sorted([*entries, limit], reverse="greater than" in sentence)
    return ranked.index(limit) == count


def is_of_one_parity(sentence: str) -> bool:
    ends = "13579" if re.search(r"\bodd\b", sentence) else "02468"
    return all(entry[-1] in ends for entry in parsed(sentence)[0])


def is_spread(sentence: str) -> bool:
    entries, (stated,) = parsed_numbers(sentence)
    return max(one - other for one in entries for other in entries) == stated


def is_reversed(sentence: str) -> bool:
    one, other = (run for run in runs(sentence, last_and=False) if len(run) > 3)
    return [*reversed(other)] == one


def is_length(sentence: str) -> bool:
    entries, (stated,) = parsed_numbers(sentence) if re.search(r"\d, \d", sentence) else (parsed(sentence)[0], numbers(sentence))
    return sum(1 for _ in entries) == stated


LISTS: list[Rule] = [
    (r"reverse order|[Rr]eversing|end to the start|turned round|way back|last entry to", is_reversed),
    (r"difference between|than the smallest|apart|from the largest|tallest|a range of", is_spread),
    (r"\d(nd|rd)|largest|smallest", has_rank),
    (r"(entry|item|label) number|position \d", is_at_place),
    (r"ascending|descending", is_ordered),
    (r"(greater|smaller) than \d", is_count_beyond),
    (r"different\?|free of|no 2 of|only once|unique|all differ", lambda sentence: not repeats(sentence)),
    (r"more than once|repeated|duplicate|the same|typed twice", repeats),
    (r"\b(even|odd)\b", is_of_one_parity),
    (r"sum of|add up|total|Adding|in all", is_total),
    (r"entries|calls|parcels", is_length),
]

# ------------------------------------------------------------------------------------------------------ sets


def both(sentence: str) -> tuple[set[str], set[str]]:
    """Lists A and B, in the order in which the sentence has them."""
    one, other = runs(sentence, last_and=False)
    return set(one), set(other)


def outside(sentence: str) -> list[int]:
    """The numbers that stand in neither list."""
    return numbers(re.sub(r"\w+(?:, \w+)+", "", sentence))


IN_BOTH = r"Is (\w+) in both|Is (\w+) common|name (\w+)\?|Is (\w+) in each|Does (\w+) appear|Is (\w+) on signs"
IN_A_ONLY = r"Is (\w+) in list A|Is (\w+) missing from|name (\w+) while|is (\w+) left|Does (\w+) belong|Is (\w+) heard"
IN_ONE = r"Is (\w+) in only one|contain (\w+)\?|Is (\w+) named by one|Is (\w+) in one|list (\w+)\?"


def is_in_both(sentence: str) -> bool:
    return all(found(IN_BOTH, sentence)[0] in entries for entries in both(sentence))


def is_in_a_only(sentence: str) -> bool:
    one, other = both(sentence)
    if "missing from list B" in sentence:
        one, other = other, one
    return found(IN_A_ONLY, sentence)[0] in one - other


def is_in_one(sentence: str) -> bool:
    return sum(found(IN_ONE, sentence)[0] in entries for entries in both(sentence)) == 1


def is_common_count(sentence: str) -> bool:
    one, other = both(sentence)
    return [len([entry for entry in one if entry in other])] == outside(sentence)


def is_union_size(sentence: str) -> bool:
    one, other = both(sentence)
    return [len({*one, *other})] == outside(sentence)


def is_missing_count(sentence: str) -> bool:
    one, other = both(sentence)
    return [len([entry for entry in one if entry not in other])] == outside(sentence)


def is_subset(sentence: str) -> bool:
    one, other = both(sentence)
    return one <= other


def overlap(sentence: str) -> bool:
    one, other = both(sentence)
    return not one.isdisjoint(other)


def are_same(sentence: str) -> bool:
    one, other = map(sorted, runs(sentence, last_and=False))
    return one == other


SETS: list[Rule] = [
    (r"different entries|different things|together\?|union|Joining", is_union_size),
    (r"(of list A missing|and list B .* has not|but not by|minus the set|Taking out|still lacking)", is_missing_count),
    (r"\d+ in common|number of entries shared|\d+ of these named|intersection|shared entries|on both lists", is_common_count),
    (r"order", are_same),
    (r"exactly the same|equal\?|rearranged|are the loads", are_same),
    (r"everything in list A|list A .* too\?|name all|subset|that is needed|all wishes", is_subset),
    (r"nothing|without any shared|disjoint|no entry of|differ in", lambda sentence: not overlap(sentence)),
    (r"at least 1|some entry|anything named|overlap|any entry", overlap),
    (r"Is \w+ in list A|missing from list B|name \w+ while|is \w+ left|belong|heard in", is_in_a_only),
    (r"only one|just one|by one of them|in one b|in one of the", is_in_one),
    (r"in both|common to|both of them name|in each of|as well as|on signs", is_in_both),
]

# ---------------------------------------------------------------------------------------------- small tables


def table(text: str) -> tuple[dict[str, int], str]:
    """The values of a table by name, and the question after it."""
    _, *lines, sentence = text.split("\n")
    assert 4 <= len(lines) <= 7
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}, sentence


def added(values: Sequence[int]) -> int:
    total = 0
    for value in values:
        total += value
    return total


def is_table_total(text: str) -> bool:
    values, sentence = table(text)
    return [added([*values.values()])] == numbers(sentence)


def is_total_without(text: str) -> bool:
    values, sentence = table(text)
    (left_out,) = mentioned(sentence, [*values])
    return [added([value for name, value in values.items() if name != left_out])] == numbers(sentence)


def is_ranked(text: str) -> bool:
    values, sentence = table(text)
    (name,) = mentioned(sentence, [*values])
    order = sorted(values.values())
    return order[-rank(sentence) if "highest" in sentence else rank(sentence) - 1] == values[name]


def is_difference(text: str) -> bool:
    values, sentence = table(text)
    one, other = mentioned(sentence, [*values])
    if re.match("Subtracting|Would", sentence):
        one, other = other, one
    return [values[one] - values[other]] == numbers(sentence)


def is_pair_sum(text: str) -> bool:
    values, sentence = table(text)
    return [added([values[name] for name in mentioned(sentence, [*values])])] == numbers(sentence.replace("2 lines", ""))


def is_table_count(text: str) -> bool:
    values, sentence = table(text)
    (limit,) = found(r"(?:above|below) (\d+)", sentence)
    (count,) = numbers(re.sub(r"(?:above|below) \d+", "", sentence))
    return sum((value > int(limit)) is ("above" in sentence) and value != int(limit) for value in values.values()) == count


def are_all_beyond(text: str) -> bool:
    values, sentence = table(text)
    (limit,) = numbers(sentence)
    return min(values.values()) > limit if "above" in sentence else max(values.values()) < limit


def is_compared(text: str) -> bool:
    values, sentence = table(text)
    one, other = mentioned(sentence, [*values])
    if re.match("If|Compared|Suppose", sentence):
        one, other = other, one
    (extra,) = numbers(sentence)
    gap = values[one] - (values[other] + extra)
    return gap > 0 if "higher" in sentence else gap < 0


def is_table_spread(text: str) -> bool:
    values, sentence = table(text)
    order = sorted(values.values())
    return [order[-1] - order[0]] == numbers(sentence)


def is_multiple(text: str) -> bool:
    values, sentence = table(text)
    (name,) = mentioned(sentence, [*values])
    factor, stated = arranged(numbers(sentence), sentence, {"^Would|the product of": "nk"}, "kn")
    return added([values[name]] * factor) == stated


SMALL_TABLES: list[Rule] = [
    (
        r"highest value greater|are the highest and|Are the highest and|Subtracting the lowest|the gap|span a range|From the smallest",
        is_table_spread,
    ),
    (r"\b(higher|lower)\b(?! value greater)", is_compared),
    (r"highest|lowest", is_ranked),
    (r"Leaving out|Without|struck out|except \w+ make|every line but|Ignoring", is_total_without),
    (r"(Are all values|every figure|each line|without exception|no line|each entry).*(above|below)", are_all_beyond),
    (r"(above|below) \d", is_table_count),
    (r"\d times|multiplied by|the product of", is_multiple),
    (r"greater than that|exceed|difference between|Subtracting the figure|apart|draw level", is_difference),
    (r"all values|values in the table|every line|total of the table|do all entries|all the figures", is_table_total),
    (r"together|sum for|Adding the figures|jointly|2 lines", is_pair_sum),
]

# ----------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "rules"), (("lists", LISTS), ("sets", SETS), ("small_tables", SMALL_TABLES)))
def test_answers_follow_from_the_words_of_the_question(kind: str, rules: list[Rule], seed: int) -> None:
    for question in draw(kind, 120, seed):
        text = question.text if question.passage is None else f"{question.passage}\n{question.text}"
        assert Label.of_answer(read(text, rules)) is question.gold, text


@pytest.mark.parametrize(
    ("sentence", "rules", "answer"),
    (
        ("Is 8 the 2nd largest of 8, 3, 9 and 1?", LISTS, True),
        ("Are the numbers 1, 4, 3, 9 in ascending order?", LISTS, False),
        ("Does any entry of the list plum, lamp, rope, plum appear more than once?", LISTS, True),
        ("List A is red, blue; list B is blue, pink. Do they contain 4 different entries in total?", SETS, False),
        ("Are the sets {1, 2} and {3, 4} disjoint?", SETS, True),
        ("Age in years\nMei: 4\nJun: 9\nBao: 7\nOlu: 5\nIs the sum of all values 25?", SMALL_TABLES, True),
        ("Age in years\nMei: 4\nJun: 9\nBao: 7\nOlu: 5\nDoes Mei exceed Olu by 1?", SMALL_TABLES, False),
    ),
)
def test_the_slow_readings_know_answers_worked_out_by_hand(sentence: str, rules: list[Rule], answer: bool) -> None:
    assert read(sentence, rules) is answer
