"""Timetables: lines, hours, classes and films are read back from their passages and relived minute by minute."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from generated_reading import DAYS, Rule, days, filled, found, mentioned, numbers, read, times

from benchmarks.questions import DEFAULT_SEED, generate
from der_core.records import Label

SEEDS = (DEFAULT_SEED, *range(6))

# ---------------------------------------------------------------------------------------------------- lines


@dataclass(frozen=True)
class Line:
    """Departures of every day of the week, minutes on board, fares of adults and children."""

    starts: dict[str, set[int]]
    ride: int
    adult: int
    child: int


def line_of(passage: str) -> Line:
    """A line, its departures found by walking through the day minute by minute."""
    first, last, turn = times(passage)
    interval, ride = (
        int(found(pattern, passage)[0])
        for pattern in (r"(?:every|intervals of) (\d+) minutes", r"(?:takes|needs|spend|take) (\d+) minutes")
    )
    usual = {minute for minute in range(first, last + 1) if (minute - first) % interval == 0}
    (day,) = set(days(passage))
    early_cut = re.search(r"before \d|first departure of that|earlier than|begins with", passage)
    kept = {minute for minute in usual if (minute >= turn if early_cut else minute <= turn)}
    assert {first, last, turn} <= usual and kept < usual
    adult = found(r"adult pays (\d+)|is (\d+) coins for adults|cost (\d+)|adults for (\d+)|each adult (\d+)", passage)
    child = found(r"a child (\d+)|and (\d+) for children|only (\d+) for a|for (\d+) coins, adults|each child (\d+)", passage)
    return Line({name: kept if name == day else usual for name in DAYS}, ride, int(adult[0]), int(child[0]))


def is_departure(line: Line, sentence: str) -> bool:
    return times(sentence)[0] in line.starts[days(sentence)[0]]


def is_arrival(line: Line, sentence: str) -> bool:
    one, other = times(sentence)
    start, limit = (other, one) if re.match("Is the arrival", sentence) else (one, other)
    assert all(start in starts for starts in line.starts.values())
    return start + line.ride < limit if "before" in sentence else start + line.ride > limit


def is_wait(line: Line, sentence: str) -> bool:
    (here,), (day,), (stated,) = times(sentence), days(sentence), numbers(sentence)
    wait = 0
    while here + wait not in line.starts[day]:
        wait += 1
    return wait > stated if "more than" in sentence else wait < stated


def is_edge(line: Line, sentence: str) -> bool:
    ordered = sorted(line.starts[days(sentence)[0]])
    return times(sentence) == [ordered[0 if "first" in sentence else -1]]


def is_fare(line: Line, sentence: str) -> bool:
    adults, children, stated = (int(found(rf"(\d+) {word}", sentence)[0]) for word in ("adults", "children", "coins"))
    return sum([line.adult] * adults + [line.child] * children) == stated


LINES = {
    r"leaving|leave \w+ at|set off from|departure times|would somebody in|Would somebody in": is_departure,
    r"reach|Leaving by|arrival|get off|arrive": is_arrival,
    r"\d minutes": is_wait,
    r"\b(first|last)\b": is_edge,
    r"adults": is_fare,
}

# ---------------------------------------------------------------------------------------------------- hours


@dataclass(frozen=True)
class House:
    """The minutes of every day at which a place is open, and those at which visitors are let in."""

    open: dict[str, set[int]]
    entry: dict[str, set[int]]


def house_of(passage: str) -> House:
    """Opening hours, minute by minute."""
    opening, closing, weekend_opening, weekend_closing = times(passage)
    extra = {"two": 120, "three": 180}[found(r"\b(two|three)\b(?= (?:extra )?hours)", passage)[0]]
    late = found(r"on (\w+) it closes (?:two|three)|each (\w+) it stays open|exception is (\w+),|usual on (\w+)\.|(\w+) brings", passage)[0]
    shut = found(
        r"on (\w+) it stays shut|Each (\w+), however|another is (\w+),|not open on (\w+),|whereas (\w+) is a day of rest", passage
    )[0]
    (before,) = numbers(passage)
    hours = {day: set(range(opening, closing)) if day in DAYS[:5] else set(range(weekend_opening, weekend_closing)) for day in DAYS}
    hours[late] |= set(range(closing, closing + extra))
    hours[shut] = set()
    # At exactly `before` minutes before closing time one is still let in; one minute later not.
    entry = {day: {minute for minute in minutes if minute + before <= max(minutes) + 1} for day, minutes in hours.items()}
    return House(hours, entry)


def is_open(house: House, sentence: str) -> bool:
    return times(sentence)[0] in house.open[days(sentence)[0]]


def is_longer(house: House, sentence: str) -> bool:
    one, other = (len(house.open[day]) for day in days(sentence))
    if sentence.startswith("Compared"):
        one, other = other, one
    assert one and other
    return one > other if "longer" in sentence else one < other


def is_hours(house: House, sentence: str) -> bool:
    (day,) = days(sentence)
    return [len(house.open[day]) / 60] == numbers(sentence)


def is_let_in(house: House, sentence: str) -> bool:
    return times(sentence)[0] in house.entry[days(sentence)[0]]


def is_changed(house: House, sentence: str) -> bool:
    end = min if "open" in sentence else max
    one, other = (end(house.open[day]) for day in days(sentence)[:2])
    return one < other if "earlier" in sentence else one > other


HOURS = {
    r"open at \d|Would one find|within the opening|opening hours of the [\w ]+ that include|be inside": is_open,
    r"longer|shorter": is_longer,
    r"\d hours|add up": is_hours,
    r"let in|enter|admitted|early enough|allowed inside": is_let_in,
    r"earlier|later": is_changed,
}

# -------------------------------------------------------------------------------------------------- classes

Week = dict[str, tuple[str, str, set[int]]]
"""Teacher, day and minutes of each class."""


def weeks_of(passage: str) -> tuple[Week, Week]:
    """The classes of an ordinary week and of the week of the fair."""
    day = "|".join(DAYS)
    forms = (
        rf"^(?P<d>{day}) \S+ to \S+: (?P<c>\w+) with (?P<t>\w+)$",
        rf"^(?P<c>\w+) \((?P<t>\w+)\), (?P<d>{day}) ",
        rf"^(?P<d>{day}): (?P<c>\w+), .*taught by (?P<t>\w+)$",
        rf"^(?P<t>\w+) teaches (?P<c>\w+) on (?P<d>{day}) ",
        rf"^(?P<c>\w+): (?P<d>{day}), .*teacher (?P<t>\w+)$",
    )
    usual: Week = {}
    for line in passage.splitlines()[1:-1]:
        (match,) = [match for form in forms if (match := re.search(form, line))]
        start, end = times(line)
        usual[match["c"]] = (match["t"], match["d"], set(range(start, end)))
    notice = passage.splitlines()[-1]
    dropped = found(r"and (\w+) is cancelled|(\w+) does not|there is no (\w+)|(\w+) is left out|and (\w+) is called off", notice)[0]
    moved = found(r"fair (\w+) moves|and (\w+) is held|fair: (\w+) is|while (\w+) keeps|day of (\w+),", notice)[0]
    teacher, _, minutes = usual[moved]
    fair = {name: lesson for name, lesson in usual.items() if name != dropped}
    fair[moved] = (teacher, days(notice)[0], minutes)
    return usual, fair


def week(weeks: tuple[Week, Week], sentence: str) -> Week:
    assert ("ordinary week" in sentence) != ("week of the fair" in sentence)
    return weeks["week of the fair" in sentence]


def two_lessons(weeks: tuple[Week, Week], sentence: str) -> tuple[str, str]:
    one, other = mentioned(sentence, list(weeks[0]))
    return one, other


def is_held(weeks: tuple[Week, Week], sentence: str) -> bool:
    (subject,) = mentioned(sentence, list(weeks[0]))
    return [lesson[1] for name, lesson in week(weeks, sentence).items() if name == subject] == days(sentence)


def is_teaching(weeks: tuple[Week, Week], sentence: str) -> bool:
    (teacher,) = mentioned(sentence, [lesson[0] for lesson in weeks[0].values()])
    return (teacher, days(sentence)[0]) in {lesson[:2] for lesson in week(weeks, sentence).values()}


def is_longer_class(weeks: tuple[Week, Week], sentence: str) -> bool:
    one, other = (len(weeks[0][subject][2]) for subject in two_lessons(weeks, sentence))
    if sentence.startswith("Set beside"):
        one, other = other, one
    return one > other if "longer" in sentence else one < other


def is_earlier_class(weeks: tuple[Week, Week], sentence: str) -> bool:
    one, other = (min(weeks[0][subject][2]) for subject in two_lessons(weeks, sentence))
    return one < other if "earlier" in sentence else one > other


def is_possible(weeks: tuple[Week, Week], sentence: str) -> bool:
    (_, day, minutes), (_, other_day, other_minutes) = (week(weeks, sentence)[subject] for subject in two_lessons(weeks, sentence))
    return day != other_day or not minutes & other_minutes


def is_class_total(weeks: tuple[Week, Week], sentence: str) -> bool:
    return [sum(len(weeks[0][subject][2]) for subject in two_lessons(weeks, sentence))] == numbers(sentence)


CLASSES = {
    rf"^(?!.*(teach |giving|have a|meet)).*({'|'.join(DAYS)})": is_held,
    r"teach |giving|have a class|meet": is_teaching,
    r"longer|shorter": is_longer_class,
    r"earlier|later": is_earlier_class,
    r"in full|sit through|room for|the whole of|free of any": is_possible,
    r"\d minutes|you get \d": is_class_total,
}

# ---------------------------------------------------------------------------------------------------- films


@dataclass(frozen=True)
class Cinema:
    """Screen and length of each film, and its starts on every day of the week."""

    films: dict[str, tuple[int, int]]
    starts: dict[str, dict[str, list[int]]]


def cinema_of(passage: str) -> Cinema:
    """The programme of a cinema, the day that differs worked in."""
    films, starts = {}, {}
    for line in passage.splitlines()[1:-1]:
        (title,) = set(re.findall(r"\b[A-Z]\w+", line)) - {"At", "Screen"}
        films[title] = (int(found(r"[Ss]creen (\d)", line)[0]), int(found(r"(\d+) minutes", line)[0]))
        starts[title] = times(line)
    notice = passage.splitlines()[-1]
    (day,) = set(days(notice))
    changed = {title: [start for start in listed if start <= times(notice)[0]] for title, listed in starts.items()} if times(notice) else {}
    if not changed:
        screen, delay = (int(found(pattern, notice)[0]) for pattern in (r"screen (\d)", r"(\d+) minutes"))
        changed = {title: [start + delay * (films[title][0] == screen) for start in listed] for title, listed in starts.items()}
    return Cinema(films, {name: changed if name == day else starts for name in DAYS})


def one_film(cinema: Cinema, sentence: str) -> str:
    (title,) = mentioned(sentence, list(cinema.films))
    return title


def is_beginning(cinema: Cinema, sentence: str) -> bool:
    return times(sentence)[0] in cinema.starts[days(sentence)[0]][one_film(cinema, sentence)]


def is_film_over(cinema: Cinema, sentence: str) -> bool:
    title = one_film(cinema, sentence)
    end = cinema.starts[days(sentence)[0]][title][0] + cinema.films[title][1]
    return end < times(sentence)[0] if re.search(r"before \d", sentence) else end > times(sentence)[0]


def is_longer_film(cinema: Cinema, sentence: str) -> bool:
    one, other = (cinema.films[title][1] for title in mentioned(sentence, list(cinema.films)))
    return one > other if "longer" in sentence else one < other


def is_same_screen(cinema: Cinema, sentence: str) -> bool:
    return len({cinema.films[title][0] for title in mentioned(sentence, list(cinema.films))}) == 1


def is_showing_count(cinema: Cinema, sentence: str) -> bool:
    return [sum(map(len, cinema.starts[days(sentence)[0]].values()))] == numbers(sentence)


def is_room_for_both(cinema: Cinema, sentence: str) -> bool:
    one, other = mentioned(sentence, list(cinema.films))
    if sentence.startswith("Does the last"):
        one, other = other, one
    starts = cinema.starts[days(sentence)[0]]
    watching = set(range(starts[one][0], starts[one][0] + cinema.films[one][1]))
    return max(watching) < starts[other][-1]


FILMS = {
    r"begin at|showing of \w+ at|from its start|begins on|just starting": is_beginning,
    r"(end|over|come out|go on) (before|after) \d|(before|after) [\d:]+ when": is_film_over,
    r"longer|shorter": is_longer_film,
    r"same screen|share a screen|the screen of|one screen": is_same_screen,
    r"\d (showings|times)|the number of showings": is_showing_count,
    r"last showing of|the last [A-Z]|whole last": is_room_for_both,
}

# ---------------------------------------------------------------------------------------------------- tests


def readings(passage: str) -> list[Rule]:
    """The rules for the sort of passage, its facts filled in."""
    for sign, facts_of, rules in (
        (r"coins", line_of, LINES),
        (r"screen|Screen", cinema_of, FILMS),
        (r"of the fair", weeks_of, CLASSES),
        (r"weekdays|Monday to Friday", house_of, HOURS),
    ):
        if re.search(sign, passage):
            return filled(facts_of(passage), rules)
    raise AssertionError(passage)


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_follow_from_the_passage(seed: int) -> None:
    for question in generate("timetables", seed):
        assert question.passage is not None
        assert Label.of_answer(read(question.text, readings(question.passage))) is question.gold, (question.passage, question.text)
