"""Opening hours: weekdays, a weekend of its own, one late evening, one day shut, and a last admission."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from benchmarks.questions.families import Family, Filling, Scene, nearby
from benchmarks.questions.names import DAYS, TOWNS
from benchmarks.questions.times import clock

_PLACES = ("museum", "swimming pool", "castle", "glasshouse", "gallery", "sculpture park", "planetarium", "butterfly house")
_WEEKDAYS = DAYS[:5]

_OPENINGS = (
    "From Monday to Friday the {p} of {town} is open from {o} to {c}. On Saturday and Sunday it opens at {o2} and closes at {c2}.",
    "The {p} in {town} opens at {o} on weekdays and closes at {c}; at the weekend its hours are {o2} to {c2}.",
    "Hours of the {p} in {town}: Monday to Friday {o} to {c}, Saturday and Sunday {o2} to {c2}.",
    "On weekdays visitors of the {p} in {town} are welcome between {o} and {c}, on Saturdays and Sundays between {o2} and {c2}.",
    "{o} to {c} on weekdays and {o2} to {c2} on Saturdays and Sundays: these are the hours of the {p} in {town}.",
)
_EXCEPTIONS = (
    "There are two exceptions: on {late} it closes {k} hours later, and on {shut} it stays shut.",
    "Each {shut}, however, it does not open at all, and each {late} it stays open {k} hours longer in the evening.",
    "An exception is {late}, when closing time is {k} hours later; another is {shut}, when the doors remain closed.",
    "It does not open on {shut}, though, and it closes {k} hours later than usual on {late}.",
    "{late} brings {k} extra hours in the evening, whereas {shut} is a day of rest without visitors.",
)
_ADMISSIONS = (
    "On every day nobody is let in during the last {m} minutes.",
    "The ticket office shuts {m} minutes before closing time, and after that nobody can enter.",
    "Whoever comes less than {m} minutes before closing time is not admitted.",
    "Admission ends {m} minutes before the doors close.",
    "To be let in, one must arrive at least {m} minutes before closing time.",
)


@dataclass(frozen=True)
class Hours:
    """Opening and closing time of each day of the week (minutes after midnight); days without are shut all day."""

    place: str
    days: dict[str, tuple[int, int]]
    special: tuple[str, str]
    """The late day and the day shut."""
    admission: int
    """Minutes before closing time from which nobody is let in."""

    def length(self, day: str) -> int:
        """Minutes for which the place is open on a day."""
        opening, closing = self.days.get(day, (0, 0))
        return closing - opening


def build_scene(rng: Random) -> Scene:
    """A passage about the hours of a place, and the families that ask about it."""
    place, opening, weekend = rng.choice(_PLACES), 30 * rng.randint(16, 20), 30 * rng.randint(18, 22)
    closing, weekend_closing = opening + 60 * rng.randint(6, 8), weekend + 60 * rng.randint(4, 7)
    late, shut = rng.sample(_WEEKDAYS, 2)
    extra, admission = rng.randint(2, 3), rng.choice((20, 30, 45, 60))
    days = {day: (opening, closing) if day in _WEEKDAYS else (weekend, weekend_closing) for day in DAYS if day != shut}
    days[late] = (opening, closing + 60 * extra)
    times = {"o": clock(opening), "c": clock(closing), "o2": clock(weekend), "c2": clock(weekend_closing)}
    passage = " ".join(
        (
            rng.choice(_OPENINGS).format(p=place, town=rng.choice(TOWNS), **times),
            rng.choice(_EXCEPTIONS).format(late=late, shut=shut, k={2: "two", 3: "three"}[extra]),
            rng.choice(_ADMISSIONS).format(m=admission),
        )
    )
    hours = Hours(place, days, (late, shut), admission)
    return Scene(passage, tuple(Family(name, phrasings, partial(fill, hours)) for name, phrasings, fill in _QUESTIONS))


def _day(hours: Hours, rng: Random) -> str:
    return rng.choice(hours.special) if rng.random() < 0.5 else rng.choice(DAYS)


def _open_day(hours: Hours, rng: Random) -> str:
    return rng.choice((hours.special[0], rng.choice(tuple(hours.days))))


def _open_at(hours: Hours, rng: Random) -> Filling:
    day = _day(hours, rng)
    edge = rng.choice(hours.days.get(day, hours.days[hours.special[0]]))
    time = edge + rng.choice((-45, -30, -20, 20, 30, 45))
    opening, closing = hours.days.get(day, (0, 0))
    return Filling({"p": hours.place, "t": clock(time), "d": day}, opening <= time < closing)


def _longer(hours: Hours, rng: Random) -> Filling:
    first, second = rng.sample(tuple(hours.days), 2)
    longer = rng.random() < 0.5
    slots = {"p": hours.place, "d": first, "e": second, "more": "longer" if longer else "shorter"}
    gap = hours.length(first) - hours.length(second)
    return Filling(slots, gap > 0 if longer else gap < 0)


def _length(hours: Hours, rng: Random) -> Filling:
    day = _open_day(hours, rng)
    stated = nearby(rng, hours.length(day) // 60, (1, 2, 3))
    return Filling({"p": hours.place, "d": day, "h": stated}, 60 * stated == hours.length(day))


def _admitted(hours: Hours, rng: Random) -> Filling:
    day = _open_day(hours, rng)
    opening, closing = hours.days[day]
    time = closing - hours.admission + rng.choice((-15, -10, -5, 5, 10, 15))
    return Filling({"p": hours.place, "d": day, "t": clock(time)}, opening <= time <= closing - hours.admission)


def _change(hours: Hours, rng: Random) -> Filling:
    first, second = rng.sample(tuple(hours.days), 2)
    end = rng.choice((0, 1))
    sooner = rng.random() < 0.5
    slots = {"p": hours.place, "d": first, "e": second, "verb": ("open", "close")[end], "rank": "earlier" if sooner else "later"}
    gap = hours.days[first][end] - hours.days[second][end]
    return Filling(slots, gap < 0 if sooner else gap > 0)


_QUESTIONS = (
    (
        "hours open",
        (
            "Is the {p} open at {t} on {d}?",
            "Would one find the {p} open on a {d} at {t}?",
            "On {d}, is {t} within the opening hours of the {p}?",
            "Are there opening hours of the {p} that include {t} on {d}?",
            "Can a visitor be inside the {p} at {t} on a {d}?",
        ),
        _open_at,
    ),
    (
        "hours longer",
        (
            "Is the {p} open for a {more} time on {d} than on {e}?",
            "Are the opening hours of the {p} {more} on {d} than on {e}?",
            "Compared with {e}, is {d} a {more} day for visitors of the {p}?",
            "Between opening and closing, does the {p} have a {more} day on {d} than on {e}?",
            "Does {d} give visitors of the {p} a {more} time inside than {e} does?",
        ),
        _longer,
    ),
    (
        "hours length",
        (
            "Is the {p} open for exactly {h} hours on {d}?",
            "On a {d}, do exactly {h} hours pass between opening and closing of the {p}?",
            "Does the {p} stay open for {h} hours in all on {d}?",
            "Do the opening hours of the {p} on {d} add up to {h}?",
            "From opening to closing, does the {p} keep its doors open {h} hours on {d}?",
        ),
        _length,
    ),
    (
        "hours admission",
        (
            "Is a visitor who comes to the {p} at {t} on {d} still let in?",
            "Can one still enter the {p} at {t} on a {d}?",
            "Arriving at {t} on {d}, is one still admitted to the {p}?",
            "On {d}, is {t} early enough to get into the {p}?",
            "Will somebody reaching the {p} on a {d} at {t} be allowed inside?",
        ),
        _admitted,
    ),
    (
        "hours change",
        (
            "Does the {p} {verb} {rank} on {d} than on {e}?",
            "Will the {p} {verb} at a {rank} time on {d} than it does on {e}?",
            "Does the {p} {verb} {rank} in the day on {d} than on {e}?",
            "If one compares {d} with {e}, does the {p} {verb} {rank} on {d}?",
            "On {d}, does the {p} {verb} {rank} than it does on {e}?",
        ),
        _change,
    ),
)
