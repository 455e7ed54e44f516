"""Units: weekdays, months, leap years, durations, clocks, dates, temperatures and conversions."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from benchmarks.questions.families import Family, Filling, nearby
from benchmarks.questions.names import DAYS, MONTHS
from benchmarks.questions.times import clock

_COMMON_YEAR = 2023
"""Any year without 29 February."""

_LARGER = {
    ("kilometres", "metres"): 1000,
    ("metres", "centimetres"): 100,
    ("centimetres", "millimetres"): 10,
    ("kilograms", "grams"): 1000,
    ("tonnes", "kilograms"): 1000,
    ("litres", "millilitres"): 1000,
    ("hours", "minutes"): 60,
    ("minutes", "seconds"): 60,
    ("days", "hours"): 24,
    ("weeks", "days"): 7,
    ("dozen", "single items"): 12,
    ("square metres", "square centimetres"): 10_000,
}
"""How many of the second unit make one of the first."""


def _weekday(rng: Random) -> Filling:
    start, n_days = rng.randrange(7), rng.choice([n for n in range(3, 40) if n % 7])
    forward = rng.random() < 0.5
    reached = (start + (n_days if forward else -n_days)) % 7
    stated = nearby(rng, reached + 7, (1, 2)) % 7
    slots = {"d": DAYS[start], "n": n_days, "e": DAYS[stated], "way": "after" if forward else "before"}
    return Filling(slots, stated == reached)


def _month_lengths(rng: Random) -> Filling:
    first, second = rng.sample([month for month in range(12) if month != 1], 2)
    total = _days_in(first) + _days_in(second)
    stated = rng.choice((60, 61, 62))
    return Filling({"a": MONTHS[first], "b": MONTHS[second], "n": stated}, total == stated)


def _days_in(month: int) -> int:
    following = date(_COMMON_YEAR + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return (following - date(_COMMON_YEAR, month + 1, 1)).days


def _leap_year(rng: Random) -> Filling:
    year = rng.choice((rng.randrange(1904, 2097, 4), rng.randint(1901, 2099), rng.randrange(1600, 2500, 100)))
    return Filling({"y": year}, year % 4 == 0 and (year % 100 != 0 or year % 400 == 0), str(year))


def _span(rng: Random) -> Filling:
    start, length = rng.randrange(6 * 60, 20 * 60, 5), rng.randrange(35, 200, 5)
    stated = nearby(rng, length, (5, 10, 40, 60))
    return Filling({"a": clock(start), "b": clock(start + length), "n": stated}, stated == length)


def _ending(rng: Random) -> Filling:
    start, length = rng.randrange(7 * 60, 20 * 60, 5), rng.randrange(45, 180, 5)
    end = nearby(rng, start + length, (5, 10, 15), chance=0.1)
    before = rng.random() < 0.5
    slots = {"a": clock(start), "n": length, "b": clock(end), "side": "before" if before else "after"}
    return Filling(slots, start + length < end if before else start + length > end)


def _conversion(rng: Random) -> Filling:
    (large, small), factor = rng.choice(tuple(_LARGER.items()))
    count = rng.randint(2, 15)
    true = count * factor
    wrong = [other for other in (true * 10, true // 10, true + factor, true - factor, count * (factor + 2)) if other != true and other > 1]
    stated = true if rng.random() < 0.5 else rng.choice(wrong)
    return Filling({"a": count, "large": large, "b": stated, "small": small}, stated == true)


def _comparison(rng: Random) -> Filling:
    (large, small), factor = rng.choice(tuple(_LARGER.items()))
    count = rng.randint(2, 12)
    amount = rng.choice([n for n in range(max(2, count * factor // 2), count * factor * 2, max(1, factor // 4)) if n != count * factor])
    more = rng.random() < 0.5
    slots = {"a": amount, "small": small, "b": count, "large": large, "than": "more" if more else "less"}
    return Filling(slots, (amount > count * factor) is more, f"{amount} {small}")


def _date(rng: Random) -> Filling:
    start = date(_COMMON_YEAR, 1, 1) + timedelta(days=rng.randrange(300))
    n_days = rng.randint(8, 45)
    true = start + timedelta(days=n_days)
    stated = true + timedelta(days=0 if rng.random() < 0.5 else rng.choice((-2, -1, 1, 2)))
    return Filling({"n": n_days, "a": _spoken(start), "b": _spoken(stated)}, stated == true)


def _spoken(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _temperature(rng: Random) -> Filling:
    celsius = rng.randrange(-20, 105, 5)
    fahrenheit = celsius * 9 // 5 + 32
    stated = fahrenheit if rng.random() < 0.5 else fahrenheit + rng.choice((-32, -18, -9, 9, 18, 27))
    return Filling({"c": celsius, "f": stated}, stated == fahrenheit, str(celsius))


def _clock_face(rng: Random) -> Filling:
    time = 60 * rng.choice([hour for hour in range(1, 24) if hour != 12]) + rng.randrange(5, 60, 5)
    half = "a.m." if time < 720 else "p.m."
    stated = time if rng.random() < 0.5 else (time + rng.choice((60, 120, 720, 1320))) % 1440
    slots = {"t": f"{(time // 60 - 1) % 12 + 1}:{time % 60:02d} {half}", "s": clock(stated)}
    return Filling(slots, stated == time)


FAMILIES = (
    Family(
        "weekday",
        (
            "If a fair starts on a {d}, is the day {n} days {way} the start a {e}?",
            "Is the weekday {n} days {way} a {d} always a {e}?",
            "Counting from a {d}, does the day {n} days {way} it fall on a {e}?",
            "A letter is dated {d}. Was another one, dated {n} days {way} it, written on a {e}?",
            "Is a {e} reached exactly {n} days {way} a {d}?",
        ),
        _weekday,
    ),
    Family(
        "months",
        (
            "Do {a} and {b} together have exactly {n} days?",
            "If you add the days of {a} to those of {b}, do you get {n}?",
            "Would a diary with one page a day need {n} pages for {a} and {b}?",
            "Is {n} the total number of days in {a} and {b}?",
            "Someone works every day of {a} and {b}: is that {n} days of work?",
        ),
        _month_lengths,
    ),
    Family(
        "leap",
        (
            "Is {y} a leap year in the Gregorian calendar?",
            "By the Gregorian calendar, does February {y} have 29 days?",
            "Does the Gregorian year {y} have 366 days?",
            "Under the Gregorian rules, is there a 29 February in the year {y}?",
            "Would a Gregorian calendar for {y} need an extra day at the end of February?",
        ),
        _leap_year,
    ),
    Family(
        "span",
        (
            "Are there exactly {n} minutes between {a} and {b} on the same day?",
            "From {a} to {b} of one day, do {n} minutes pass?",
            "If a lesson runs from {a} to {b}, does it last {n} minutes?",
            "Does a nap that begins at {a} and ends at {b} take {n} minutes?",
            "A cake goes in at {a} and comes out at {b}; did it bake for {n} minutes?",
        ),
        _span,
    ),
    Family(
        "ending",
        (
            "Does a film that starts at {a} and lasts {n} minutes end {side} {b}?",
            "If a hike sets out at {a} and takes {n} minutes, is it over {side} {b}?",
            "A meeting opens at {a} and goes on for {n} minutes. Does it close {side} {b}?",
            "Leaving at {a} on a ride of {n} minutes, does a cyclist arrive {side} {b}?",
            "When {n} minutes have passed since {a}, is the clock at a time {side} {b}?",
        ),
        _ending,
    ),
    Family(
        "conversion",
        (
            "Are {a} {large} the same as {b} {small}?",
            "Do {b} {small} make up exactly {a} {large}?",
            "Converted to {small}, are {a} {large} equal to {b}?",
            "Is it right to replace {a} {large} by {b} {small}?",
            "Would {a} {large}, given in {small}, be written as {b}?",
        ),
        _conversion,
    ),
    Family(
        "comparison",
        (
            "Are {a} {small} {than} than {b} {large}?",
            "Compared with {b} {large}, are {a} {small} {than}?",
            "If one label says {a} {small} and another {b} {large}, does the first stand for {than}?",
            "Is an amount of {a} {small} {than} than an amount of {b} {large}?",
            "Do {a} {small} come to {than} than {b} {large}?",
        ),
        _comparison,
    ),
    Family(
        "date",
        (
            "In a year that is not a leap year, does {b} come exactly {n} days after {a}?",
            "Outside leap years, is {b} the date {n} days after {a}?",
            "In a common year, if a visa starts on {a}, is {b} exactly {n} days later?",
            "Counting {n} days on from {a} of a 365-day year, do you reach {b}?",
            "In a 365-day year, does a guest arriving on {a} and leaving on {b} stay {n} nights?",
        ),
        _date,
    ),
    Family(
        "temperature",
        (
            "Is {c} degrees Celsius equal to {f} degrees Fahrenheit?",
            "Does a thermometer at {c} degrees Celsius show {f} degrees on the Fahrenheit scale?",
            "Converted to Fahrenheit, is a temperature of {c} degrees Celsius {f} degrees?",
            "Do {f} degrees Fahrenheit and {c} degrees Celsius describe the same temperature?",
            "Would a gauge reading {c} degrees Celsius read {f} degrees if it used Fahrenheit?",
        ),
        _temperature,
    ),
    Family(
        "clock",
        (
            "Is {t} written as {s} on a 24-hour clock?",
            "Does a 24-hour clock show {s} when it is {t}?",
            "Are {t} and {s} on a 24-hour clock the same time of day?",
            "If a ticket says {s} in 24-hour time, is that {t}?",
            "In the 24-hour system, would {t} be given as {s}?",
        ),
        _clock_face,
    ),
)
"""All families of the kind."""
