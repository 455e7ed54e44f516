"""Weekly classes as a list, and one week in which a class moves and another is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from benchmarks.questions.families import Family, Filling, Scene, nearby
from benchmarks.questions.names import DAYS, PEOPLE, TOWNS
from benchmarks.questions.times import clock

_SUBJECTS = ("Pottery", "Fencing", "Tango", "Origami", "Welding", "Juggling", "Weaving", "Calligraphy", "Archery", "Yodelling", "Mosaic")
_USUAL, _FAIR = "in an ordinary week", "in the week of the fair"

_OPENINGS = (
    "Evening classes at the community centre of {town} this term:",
    "The adult school of {town} has put up its weekly plan.",
    "{town} offers the following courses, each of them once a week.",
    "Whoever wants to learn something new in {town} can pick from this plan:",
    "This is what the club house in {town} teaches every week.",
)
_LINES = (
    "{day} {s} to {e}: {c} with {who}",
    "{c} ({who}), {day} {s} to {e}",
    "{day}: {c}, {s} to {e}, taught by {who}",
    "{who} teaches {c} on {day} from {s} to {e}.",
    "{c}: {day}, {s} until {e}, teacher {who}",
)
_EXCEPTIONS = (
    "In the week of the fair {moved} moves to {day}, at the same hours, and {dropped} is cancelled.",
    "When it is the week of the fair, {dropped} does not take place and {moved} is held on {day} at its usual hours.",
    "One week differs, the week of the fair: {moved} is then shifted to {day} without a change of hours, and there is no {dropped}.",
    "The week of the fair is an exception. {dropped} is left out, while {moved} keeps its hours but is given on {day}.",
    "Please note the week of the fair, when {day} replaces the usual day of {moved}, hours unchanged, and {dropped} is called off.",
)


@dataclass(frozen=True)
class Lesson:
    """A class: day of the week, start and end in minutes after midnight."""

    subject: str
    teacher: str
    day: str
    start: int
    end: int


@dataclass(frozen=True)
class Plan:
    """The lessons of an ordinary week and of the week of the fair, by subject."""

    usual: dict[str, Lesson]
    fair: dict[str, Lesson]

    def of(self, week: str) -> dict[str, Lesson]:
        """The lessons of a week, named as in the questions."""
        return self.fair if week == _FAIR else self.usual


def build_scene(rng: Random) -> Scene:
    """A passage about a plan of classes, and the families that ask about it."""
    lessons = _draw(rng)
    moved, host, dropped = rng.sample(lessons, 3)
    while moved.day == host.day:
        moved, host, dropped = rng.sample(lessons, 3)
    usual = {lesson.subject: lesson for lesson in lessons}
    shifted = Lesson(moved.subject, moved.teacher, host.day, moved.start, moved.end)
    fair = {subject: lesson for subject, lesson in (usual | {moved.subject: shifted}).items() if subject != dropped.subject}
    line = rng.choice(_LINES)
    parts = [rng.choice(_OPENINGS).format(town=rng.choice(TOWNS)), *(_print(line, lesson) for lesson in lessons)]
    parts.append(rng.choice(_EXCEPTIONS).format(moved=moved.subject, day=host.day, dropped=dropped.subject))
    plan = Plan(usual, fair)
    return Scene("\n".join(parts), tuple(Family(name, phrasings, partial(fill, plan)) for name, phrasings, fill in _QUESTIONS))


def _draw(rng: Random) -> list[Lesson]:
    """Four or five classes on three days, at least two of them on one day."""
    n_lessons, days = rng.choice((4, 5)), rng.sample(DAYS[:6], 3)
    subjects, teachers = rng.sample(_SUBJECTS, n_lessons), rng.sample(PEOPLE, n_lessons)
    lessons = []
    for index in range(n_lessons):
        # Starts are multiples of 15 minutes and ends are not: no lesson begins at the minute when another ends.
        start, length = rng.randrange(16 * 60, 20 * 60, 15), rng.randrange(50, 130, 15)
        lessons.append(Lesson(subjects[index], teachers[index], days[index % 3], start, start + length))
    return sorted(lessons, key=lambda lesson: (DAYS.index(lesson.day), lesson.start))


def _print(line: str, lesson: Lesson) -> str:
    return line.format(day=lesson.day, s=clock(lesson.start), e=clock(lesson.end), c=lesson.subject, who=lesson.teacher)


def _held(plan: Plan, rng: Random) -> Filling:
    week, lesson = rng.choice((_USUAL, _FAIR)), rng.choice(tuple(plan.usual.values()))
    lessons = plan.of(week)
    days = [plan.usual[lesson.subject].day, plan.fair.get(lesson.subject, lesson).day, rng.choice(tuple(lessons.values())).day]
    day = rng.choice(days)
    held = lesson.subject in lessons and lessons[lesson.subject].day == day
    return Filling({"c": lesson.subject, "d": day, "week": week}, held)


def _teaches(plan: Plan, rng: Random) -> Filling:
    week, teacher = rng.choice((_USUAL, _FAIR)), rng.choice(tuple(plan.usual.values())).teacher
    day = rng.choice(tuple(plan.usual.values())).day
    busy = any(lesson.teacher == teacher and lesson.day == day for lesson in plan.of(week).values())
    return Filling({"who": teacher, "d": day, "week": week}, busy)


def _length(plan: Plan, rng: Random) -> Filling:
    first, second = rng.sample(tuple(plan.usual.values()), 2)
    longer = rng.random() < 0.5
    gap = (first.end - first.start) - (second.end - second.start)
    slots = {"c": first.subject, "e": second.subject, "more": "longer" if longer else "shorter"}
    return Filling(slots, gap > 0 if longer else gap < 0)


def _start(plan: Plan, rng: Random) -> Filling:
    first, second = rng.sample(tuple(plan.usual.values()), 2)
    sooner = rng.random() < 0.5
    slots = {"c": first.subject, "e": second.subject, "rank": "earlier" if sooner else "later"}
    return Filling(slots, first.start < second.start if sooner else first.start > second.start)


def _both(plan: Plan, rng: Random) -> Filling:
    week = rng.choice((_USUAL, _FAIR))
    first, second = rng.sample(tuple(plan.of(week).values()), 2)
    clash = first.day == second.day and first.start < second.end and second.start < first.end
    return Filling({"c": first.subject, "e": second.subject, "week": week}, not clash)


def _together(plan: Plan, rng: Random) -> Filling:
    first, second = rng.sample(tuple(plan.usual.values()), 2)
    total = first.end - first.start + second.end - second.start
    stated = nearby(rng, total, (15, 30))
    return Filling({"c": first.subject, "e": second.subject, "n": stated}, stated == total)


_QUESTIONS = (
    (
        "class day",
        (
            "Is {c} taught on {d} {week}?",
            "Does {c} take place on {d} {week}?",
            "Would a learner find {c} on {d} {week}?",
            "On {d}, is there a lesson of {c} {week}?",
            "Does the plan for {d} include {c} {week}?",
        ),
        _held,
    ),
    (
        "class teacher",
        (
            "Does {who} teach on {d} {week}?",
            "Is {who} giving a lesson on {d} {week}?",
            "Must {who} come in to teach on {d} {week}?",
            "On {d}, does {who} have a class {week}?",
            "Would one meet {who} at work on {d} {week}?",
        ),
        _teaches,
    ),
    (
        "class length",
        (
            "Is a lesson of {c} {more} than a lesson of {e}?",
            "Does {c} take a {more} time than {e}?",
            "Comparing their length, is {c} {more} than {e}?",
            "Measured in minutes, is {c} {more} than {e}?",
            "Set beside {e}, is {c} the {more} class?",
        ),
        _length,
    ),
    (
        "class start",
        (
            "Does {c} begin at an hour that is {rank} than that of {e}?",
            "Whatever the day, is the starting time of {c} {rank} than that of {e}?",
            "By the clock alone, does {c} start {rank} than {e}?",
            "Is the clock time at which {c} begins {rank} than the one for {e}?",
            "Leaving days aside, does {c} start {rank} in the day than {e}?",
        ),
        _start,
    ),
    (
        "class both",
        (
            "Can one person attend {c} and {e} in full {week}?",
            "Is it possible to sit through both {c} and {e} {week}?",
            "Do {c} and {e} leave room for each other {week}, without any overlap?",
            "Could somebody go to the whole of {c} and the whole of {e} {week}?",
            "Are {c} and {e} free of any clash {week}?",
        ),
        _both,
    ),
    (
        "class total",
        (
            "Do {c} and {e} together last {n} minutes in an ordinary week?",
            "Adding the minutes of {c} to those of {e}, do you get {n}?",
            "Is {n} minutes the total length of one lesson of {c} and one of {e}?",
            "Does somebody who takes {c} and {e} sit in class for {n} minutes in an ordinary week?",
            "Would {c} followed by {e} fill exactly {n} minutes of lessons?",
        ),
        _together,
    ),
)
