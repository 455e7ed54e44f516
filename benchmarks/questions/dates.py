"""Dates: days added and taken away, weekdays, leap years, lengths of months, spans, and places in the year."""

from __future__ import annotations

from calendar import isleap, monthrange
from datetime import date, timedelta
from random import Random

from benchmarks.questions.families import Family, Filling, either
from benchmarks.questions.names import DAYS, MONTHS, PEOPLE, TOWNS


def written(rng: Random, day: date) -> str:
    """The date in one of three ways: 4 July 2031, July 4, 2031 or 2031-07-04."""
    month = MONTHS[day.month - 1]
    return rng.choice((f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", day.isoformat()))


def _some_day(rng: Random) -> date:
    return date(1950, 1, 1) + timedelta(days=rng.randrange(40_000))


def _named(rng: Random) -> dict[str, object]:
    return {"name": rng.choice(PEOPLE), "town": rng.choice(TOWNS)}


def _shift(rng: Random) -> Filling:
    start, n_days, forward = _some_day(rng), rng.randint(9, 120), rng.random() < 0.5
    reached = start + timedelta(days=n_days if forward else -n_days)
    stated = reached + timedelta(days=either(rng, 0, (-2, -1, 1, 2)))
    slots = {"a": written(rng, start), "b": written(rng, stated), "n": n_days, "way": "after" if forward else "before"}
    return Filling(_named(rng) | slots, stated == reached)


def _weeks(rng: Random) -> Filling:
    start, n_weeks = _some_day(rng), rng.randint(2, 14)
    reached = start + timedelta(weeks=n_weeks)
    stated = reached + timedelta(days=either(rng, 0, (-7, -2, -1, 1, 2, 7)))
    return Filling(_named(rng) | {"a": written(rng, start), "b": written(rng, stated), "n": n_weeks}, stated == reached)


def _weekday(rng: Random) -> Filling:
    day = _some_day(rng)
    stated = (day.weekday() + either(rng, 0, (-2, -1, 1, 2))) % 7
    return Filling(_named(rng) | {"a": written(rng, day), "d": DAYS[stated]}, stated == day.weekday())


def _same_weekday(rng: Random) -> Filling:
    first = _some_day(rng)
    second = first + timedelta(days=7 * rng.randint(2, 40) + either(rng, 0, (-2, -1, 1, 2)))
    return Filling(_named(rng) | {"a": written(rng, first), "b": written(rng, second)}, first.weekday() == second.weekday())


def _leap(rng: Random) -> Filling:
    year = rng.choice((rng.randrange(1804, 2197, 4), rng.randrange(1802, 2197, 2), rng.randrange(1600, 2500, 100)))
    return Filling(_named(rng) | {"y": year}, isleap(year), str(year))


def _month_length(rng: Random) -> Filling:
    # With every month goes either length in question, so that neither month nor length tells the answer.
    month, year = rng.choice((1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)), rng.randint(1951, 2059)
    if month == 2 and rng.random() < 0.5:
        year -= year % 4
    stated = rng.choice((28, 29) if month == 2 else (30, 31))
    return Filling(_named(rng) | {"m": f"{MONTHS[month - 1]} {year}", "n": stated}, stated == monthrange(year, month)[1])


def _span(rng: Random) -> Filling:
    start, n_days = _some_day(rng), rng.randint(12, 200)
    stated = n_days + either(rng, 0, (-10, -2, -1, 1, 2, 10))
    end = start + timedelta(days=n_days)
    return Filling(_named(rng) | {"a": written(rng, start), "b": written(rng, end), "n": stated}, stated == n_days)


def _limit(rng: Random) -> Filling:
    start, n_days, earlier = _some_day(rng), rng.randint(10, 90), rng.random() < 0.5
    gap = rng.choice((-4, -3, -2, -1, 1, 2, 3, 4))
    limit = start + timedelta(days=n_days + gap)
    slots = {"a": written(rng, start), "b": written(rng, limit), "n": n_days, "when": "earlier" if earlier else "later"}
    return Filling(_named(rng) | slots, (gap > 0) is earlier)


def _order(rng: Random) -> Filling:
    first, gap, earlier = _some_day(rng), rng.choice((-1, 1)) * rng.randint(2, 70), rng.random() < 0.5
    slots = {"a": written(rng, first), "b": written(rng, first + timedelta(days=gap)), "when": "earlier" if earlier else "later"}
    return Filling(_named(rng) | slots, (gap > 0) is earlier)


def _day_of_year(rng: Random) -> Filling:
    day = date(rng.randint(1951, 2059), rng.randint(2, 12), rng.randint(1, 28))
    true = day.timetuple().tm_yday
    stated = true + either(rng, 0, (-2, -1, 1, 2))
    return Filling(_named(rng) | {"a": written(rng, day), "n": stated}, stated == true)


FAMILIES = (
    Family(
        "shift",
        (
            "Is {b} the date {n} days {way} {a}?",
            "Does {b} lie exactly {n} days {way} {a}?",
            "{name} marks the day {n} days {way} {a} in a diary. Is that {b}?",
            "Take {a} and find the day {n} days {way} it; is it {b}?",
            "The fair in {town} was held {n} days {way} {a}. Was that on {b}?",
            "A parcel left {town} {n} days {way} {a}; did it leave on {b}?",
            "If today is {a}, is {b} the day {n} days {way} today?",
        ),
        _shift,
    ),
    Family(
        "weeks",
        (
            "Is {b} exactly {n} weeks after {a}?",
            "{name} begins a course on {a} and it ends {n} weeks later. Does it end on {b}?",
            "Counting {n} weeks from {a}, do you arrive at {b}?",
            "A plant in {town} was watered on {a} and again {n} weeks later. Was that on {b}?",
            "If a loan runs for {n} weeks from {a}, is it due on {b}?",
            "When {n} weeks have gone by since {a}, is the date {b}?",
        ),
        _weeks,
    ),
    Family(
        "weekday",
        (
            "Does {a} fall on a {d}?",
            "In the Gregorian calendar, is {a} a {d}?",
            "Is the weekday of {a} {d}?",
            "{name} has an appointment in {town} on {a}. Is it on a {d}?",
            "Would a calendar show {a} in the column for {d}?",
            "The market of {town} is held only on a {d}: can it be held on {a}?",
            "Looking up {a}, do you find that it is a {d}?",
        ),
        _weekday,
    ),
    Family(
        "same weekday",
        (
            "Do {a} and {b} fall on the same day of the week?",
            "Is {b} the same weekday as {a}?",
            "{name} visits {town} on {a} and on {b}. Are both visits on the same weekday?",
            "Have {a} and {b} one and the same weekday?",
            "A choir meets always on one weekday. It met on {a}; can it have met on {b}?",
            "Would the weekday printed for {a} be right for {b} as well?",
        ),
        _same_weekday,
    ),
    Family(
        "leap",
        (
            "Is the year {y} a leap year?",
            "Does the year {y} have 366 days?",
            "Is there a 29 February in {y}?",
            "Would {name} need a calendar with 366 days for {y}?",
            "By the rules of the Gregorian calendar, is {y} a leap year?",
            "The archive of {town} keeps one sheet for each day of {y}: are these 366 sheets?",
        ),
        _leap,
    ),
    Family(
        "month length",
        (
            "Does {m} have {n} days?",
            "Is {n} the number of days in {m}?",
            "{name} writes one page on each day of {m}. Does that make {n} pages?",
            "Is day {n} the last day of {m}?",
            "A room in {town} is rented for all of {m}; is that {n} days?",
            "Counting the days of {m}, do you get {n}?",
        ),
        _month_length,
    ),
    Family(
        "span",
        (
            "Is the time from {a} to {b} exactly {n} days?",
            "Do {n} days pass from {a} to {b}?",
            "{name} stays in {town} from {a} to {b}. Is that {n} nights?",
            "If you subtract {a} from {b}, is the difference {n} days?",
            "Is {b} later than {a} by exactly {n} days?",
            "A bridge was begun on {a} and finished on {b}. Was it finished {n} days after it was begun?",
        ),
        _span,
    ),
    Family(
        "limit",
        (
            "Is the day {n} days after {a} {when} than {b}?",
            "A voucher of {a} expires {n} days after that date. Is this {when} than {b}?",
            "{name} leaves {town} on {a} and returns {n} days after that. Is the return {when} than {b}?",
            "Adding {n} days to {a}, do you get a date {when} than {b}?",
            "Work starts on {a} and takes {n} days. Is the date {n} days after the start {when} than {b}?",
            "If {n} days are counted on from {a}, is the day reached {when} than {b}?",
        ),
        _limit,
    ),
    Family(
        "order",
        (
            "Is {a} {when} than {b}?",
            "Does {a} come {when} in time than {b}?",
            "{name} was in {town} on {a} and in another town on {b}. Was the visit to {town} {when} than the other?",
            "Of a letter dated {a} and a reply dated {b}, does the letter have the {when} date?",
            "Compared with {b}, is {a} the {when} date?",
            "Is a bill of {a} {when} than a bill of {b}?",
        ),
        _order,
    ),
    Family(
        "day of year",
        (
            "Is {a} day number {n} of its year?",
            "If 1 January is day 1, is {a} day {n}?",
            "Counting the days of the year from 1, does {a} get the number {n}?",
            "{name} numbers the days of each year from 1 on. Does {a} receive number {n}?",
            "Does {a} have {n} as its position among the days of its year, 1 January being 1?",
            "In {town} the pages of a yearbook are numbered by day, page 1 for 1 January. Is {a} on page {n}?",
        ),
        _day_of_year,
    ),
)
"""All families of the kind."""
