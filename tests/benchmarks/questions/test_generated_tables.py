"""Small tables: each is read back from its passage and every answer found again by counting through it."""

from __future__ import annotations

import re

import pytest
from generated_reading import filled, found, mentioned, numbers, read

from benchmarks.questions import DEFAULT_SEED, generate
from der_core.records import Label

SEEDS = (DEFAULT_SEED, *range(6))
Cells = dict[str, dict[str, int]]
"""Rows by name, figures by heading."""


def cells_of(passage: str) -> Cells:
    """The table of a passage with its misprint corrected."""
    lines = [[part.strip() for part in line.split("|")] for line in passage.splitlines() if "|" in line]
    headings = [re.sub(r" \(.*\)", "", heading).lower() for heading in lines[0][1:]]
    cells = {line[0]: dict(zip(headings, map(int, line[1:]), strict=True)) for line in lines[1:]}
    for pattern in (
        r"the (?P<c>[a-z ]+) of (?P<r>\w+) should be (?P<new>\d+), not (?P<old>\d+)",
        r"(?P<r>\w+) has an? (?P<c>[a-z ]+) of (?P<new>\d+), not (?P<old>\d+)",
        r"the (?P<c>[a-z ]+) of (?P<r>\w+) is really (?P<new>\d+) instead of (?P<old>\d+)",
        r"says (?P<old>\d+) as the (?P<c>[a-z ]+) of (?P<r>\w+), it should say (?P<new>\d+)",
        r"the (?P<c>[a-z ]+) of (?P<r>\w+) was copied wrongly and must be read as (?P<new>\d+) rather than (?P<old>\d+)",
    ):
        for fix in re.finditer(pattern, passage):
            (heading,) = mentioned(fix["c"], headings)
            assert cells[fix["r"]][heading] == int(fix["old"])
            cells[fix["r"]][heading] = int(fix["new"])
    return cells


def column(cells: Cells, sentence: str) -> str:
    (heading,) = mentioned(sentence, list(next(iter(cells.values()))))
    return heading


def starred(passage: str, cells: Cells) -> list[str]:
    rule = found(r"(?:with a|whose|if its|having a|with a) ([a-z ]+?) (?:of more than|is above|exceeds|above|over) (\d+)", passage)
    heading = column(cells, rule[0])
    return [row for row in cells if cells[row][heading] > int(rule[1])]


def has_star(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    (row,) = mentioned(sentence, list(cells))
    return row in starred(passage, cells)


def is_star_count(passage: str, sentence: str) -> bool:
    return [len(starred(passage, cells_of(passage)))] == numbers(sentence)


def is_checker(passage: str, sentence: str) -> bool:
    who, day = found(
        r"checked by (\w+) on a (\w+)|and (\w+) checked it the following (\w+)|It was (\w+) who checked everything on (\w+),"
        r"|checking, on (?=\w+, was the task of (\w+)\.)(\w+)|On (?=\w+ the numbers.*done by (\w+),)(\w+)",
        passage,
    )
    return {who, day} <= set(re.findall(r"[A-Z]\w+", sentence))


def is_figure(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    (row,) = mentioned(sentence, list(cells))
    return [cells[row][column(cells, sentence)]] == numbers(sentence)


def is_ahead(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    one, other = mentioned(sentence, list(cells))
    heading = column(cells, sentence)
    if sentence.startswith("Set against"):
        one, other = other, one
    larger = re.search("higher|greater", sentence) is not None
    return [row for row in sorted(cells, key=lambda row: cells[row][heading], reverse=larger) if row in (one, other)][0] == one


def leader(cells: Cells, heading: str, word: str) -> str:
    """The only row with the highest or lowest figure."""
    sign = 1 if word in ("highest", "greatest") else -1
    (row,) = [row for row in cells if all(sign * cells[row][heading] >= sign * other[heading] for other in cells.values())]
    return row


def is_leader(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    (word,) = re.findall("highest|lowest|greatest|smallest", sentence)
    return [leader(cells, column(cells, sentence), word)] == mentioned(sentence, list(cells))


def is_same_leader(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    words = re.findall("highest|lowest|greatest|smallest", sentence)
    headings = mentioned(sentence, list(next(iter(cells.values()))))
    return len({leader(cells, heading, word) for heading, word in zip(headings, words, strict=True)}) == 1


def is_pair_sum(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    heading = column(cells, sentence)
    one, other = mentioned(sentence, list(cells))
    total = cells[one][heading] + cells[other][heading]
    (stated,) = numbers(sentence)
    return total > stated if "more than" in sentence else total < stated


def is_difference(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    heading = column(cells, sentence)
    one, other = mentioned(sentence, list(cells))
    if re.match("Subtracting|Would", sentence):
        one, other = other, one
    return [cells[one][heading] - cells[other][heading]] == numbers(sentence)


def is_count(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    heading = column(cells, sentence)
    side, limit = found(r"(above|below) (\d+)", sentence)
    (stated,) = numbers(re.sub(rf"{side} {limit}", "", sentence))
    sign = 1 if side == "above" else -1
    return len([row for row in cells if sign * cells[row][heading] > sign * int(limit)]) == stated


def is_total(passage: str, sentence: str) -> bool:
    cells = cells_of(passage)
    heading = column(cells, sentence)
    (left,) = numbers(sentence)
    for row in cells.values():
        left -= row[heading]
    return left == 0


TABLES = {
    r"^(?!.*\d).*\bstar\b": has_star,
    r"^(?=.*\d).*\bstars?\b": is_star_count,
    r"check": is_checker,
    r"right \w+ |a (?!total)\w+[\w ]* of \d+\?|^Is the [\w ]+ of \w+ \d+\?|the true": is_figure,
    r"higher|lower|greater\b|smaller\b": is_ahead,
    r"^(?!.*(highest|lowest|greatest|smallest).*(highest|lowest|greatest|smallest)).*(highest|lowest|greatest|smallest)": is_leader,
    r"(highest|lowest|greatest|smallest).*(highest|lowest|greatest|smallest)": is_same_leader,
    r"combined|Adding the|and \w+ together|Taken together|put together": is_pair_sum,
    r"more than that of|exceed|Subtracting|more to match|ahead of": is_difference,
    r"(above|below) \d": is_count,
    r"all \w+ together|Adding up|adds up|add up|is summed": is_total,
}


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_follow_from_the_passage(seed: int) -> None:
    for question in generate("tables", seed):
        assert question.passage is not None
        assert Label.of_answer(read(question.text, filled(question.passage, TABLES))) is question.gold, (question.passage, question.text)
