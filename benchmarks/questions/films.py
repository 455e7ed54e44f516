"""Two screens and a few films, shown twice a day each, with one day of the week that differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from random import Random

from benchmarks.questions.families import Family, Filling, Scene
from benchmarks.questions.names import DAYS, TOWNS
from benchmarks.questions.times import clock

_TITLES = ("Saltwind", "Paperboat", "Nocturne", "Longitude", "Marigold", "Undertow", "Ashgrove", "Kestrel", "Semaphore", "Tinderbox")

_OPENINGS = (
    "Programme of the picture house in {town}, the same on every day of the week but one.",
    "The cinema of {town} has two screens and keeps this programme all week, with a single exception.",
    "{town} has a small cinema. Its daily showings are these.",
    "At the door of the cinema in {town} hangs the following programme, valid for each day.",
    "Here is the daily plan of the film theatre in {town}.",
)
_LINES = (
    "{f}, {m} minutes, screen {s}: {x} and {y}",
    "Screen {s} shows {f} ({m} minutes) at {x} and again at {y}.",
    "{f} lasts {m} minutes and starts at {x} and {y} on screen {s}.",
    "At {x} and {y} on screen {s}: {f}, which lasts {m} minutes",
    "{x} and {y}: {f} (screen {s}, {m} minutes)",
)
_CUTS = (
    "On {day}s every showing that would begin after {t} is dropped.",
    "{day} is the exception: nothing starts after {t} on that day.",
    "Showings that begin after {t} are left out on {day}s, and only then.",
    "However, the staff go home early on {day}s, so no film starts after {t} on that day.",
    "The programme is shorter on {day}s, when showings with a start after {t} are cancelled.",
)
_SHIFTS = (
    "On {day}s all showings on screen {s} begin {k} minutes later than listed.",
    "{day} is the exception: every film on screen {s} starts {k} minutes later on that day.",
    "Films on screen {s} are delayed by {k} minutes on {day}s, and only then.",
    "However, screen {s} is cleaned on {day}s, so its films start {k} minutes later on that day.",
    "The programme differs on {day}s, when everything on screen {s} is shown {k} minutes later.",
)


@dataclass(frozen=True)
class Film:
    """A film with its screen, its length in minutes, and the two starts listed (minutes after midnight)."""

    title: str
    minutes: int
    screen: int
    starts: tuple[int, int]


@dataclass(frozen=True)
class Programme:
    """The films, and how the starts of one film are changed on one day of the week."""

    films: tuple[Film, ...]
    day: str
    changed: Callable[[Film], tuple[int, ...]]

    def starts(self, film: Film, day: str) -> tuple[int, ...]:
        """The starts of a film on a day of the week."""
        return self.changed(film) if day == self.day else film.starts


def build_scene(rng: Random) -> Scene:
    """A passage about a cinema, and the families that ask about it."""
    n_first = 2
    titles = rng.sample(_TITLES, n_first + rng.choice((1, 2)))
    films = (*_screen(rng, 1, titles[:n_first]), *_screen(rng, 2, titles[n_first:]))
    day = rng.choice(DAYS)
    text, changed = rng.choice((_cut, _shift))(rng, films, day)
    line = rng.choice(_LINES)
    shown = rng.sample(films, len(films))
    parts = [rng.choice(_OPENINGS).format(town=rng.choice(TOWNS)), *(_print(line, film) for film in shown), text]
    programme = Programme(films, day, changed)
    return Scene("\n".join(parts), tuple(Family(name, phrasings, partial(fill, programme)) for name, phrasings, fill in _QUESTIONS))


def _screen(rng: Random, screen: int, titles: list[str]) -> list[Film]:
    """Films that take turns on one screen, each shown twice, with a pause after each showing."""
    lengths = [rng.randrange(80, 135) for _ in titles]
    time, starts = rng.randrange(13 * 60, 15 * 60, 5), []
    for length in lengths * 2:
        starts.append(time)
        time = 5 * ((time + length + rng.randint(15, 40)) // 5)
    return [Film(title, lengths[i], screen, (starts[i], starts[i + len(titles)])) for i, title in enumerate(titles)]


def _cut(rng: Random, films: tuple[Film, ...], day: str) -> tuple[str, Callable[[Film], tuple[int, ...]]]:
    firsts, seconds = (sorted(film.starts[turn] for film in films) for turn in (0, 1))
    limit = 30 * ((rng.choice(seconds) - 1) // 30)
    limit = max(limit, firsts[-1] + 10)
    changed = partial(_starts_until, limit)
    return rng.choice(_CUTS).format(day=day, t=clock(limit)), changed


def _starts_until(limit: int, film: Film) -> tuple[int, ...]:
    return tuple(start for start in film.starts if start <= limit)


def _shift(rng: Random, films: tuple[Film, ...], day: str) -> tuple[str, Callable[[Film], tuple[int, ...]]]:
    screen, delay = rng.choice(films).screen, rng.choice((10, 15, 20, 25))
    return rng.choice(_SHIFTS).format(day=day, s=screen, k=delay), partial(_starts_delayed, screen, delay)


def _starts_delayed(screen: int, delay: int, film: Film) -> tuple[int, ...]:
    return tuple(start + (delay if film.screen == screen else 0) for start in film.starts)


def _print(line: str, film: Film) -> str:
    x, y = map(clock, film.starts)
    return line.format(f=film.title, m=film.minutes, s=film.screen, x=x, y=y)


def _day(programme: Programme, rng: Random) -> str:
    return programme.day if rng.random() < 0.6 else rng.choice(DAYS)


def _begins(programme: Programme, rng: Random) -> Filling:
    film, day = rng.choice(programme.films), _day(programme, rng)
    time = rng.choice((*film.starts, *programme.changed(film), rng.choice(programme.films).starts[0]))
    return Filling({"f": film.title, "t": clock(time), "d": day}, time in programme.starts(film, day))


def _ends(programme: Programme, rng: Random) -> Filling:
    film, day = rng.choice(programme.films), _day(programme, rng)
    end = programme.starts(film, day)[0] + film.minutes
    limit = 5 * round(end / 5) + rng.choice((-15, -10, -5, 5, 10, 15))
    before = rng.random() < 0.5
    slots = {"f": film.title, "d": day, "t": clock(limit), "side": "before" if before else "after"}
    return Filling(slots, end < limit if before else end > limit)


def _longer(programme: Programme, rng: Random) -> Filling:
    first, second = rng.sample(programme.films, 2)
    longer = rng.random() < 0.5
    slots = {"f": first.title, "g": second.title, "more": "longer" if longer else "shorter"}
    return Filling(slots, first.minutes > second.minutes if longer else first.minutes < second.minutes)


def _same_screen(programme: Programme, rng: Random) -> Filling:
    first, second = rng.sample(programme.films, 2)
    return Filling({"f": first.title, "g": second.title}, first.screen == second.screen)


def _how_many(programme: Programme, rng: Random) -> Filling:
    day = _day(programme, rng)
    count = sum(len(programme.starts(film, day)) for film in programme.films)
    stated = rng.choice((count, *range(4, 9)))
    return Filling({"d": day, "n": stated}, stated == count)


def _one_after_the_other(programme: Programme, rng: Random) -> Filling:
    day = _day(programme, rng)
    pairs = [(first, second, _pause(programme, first, second, day)) for first, second in permutations(programme.films, 2)]
    # A pause of 0 minutes would be a matter of opinion.
    first, second, pause = rng.choice([pair for pair in pairs if pair[2] != 0])
    return Filling({"f": first.title, "g": second.title, "d": day}, pause > 0)


def _pause(programme: Programme, first: Film, second: Film, day: str) -> int:
    """Minutes from the end of the first showing of one film to the last start of another."""
    return programme.starts(second, day)[-1] - programme.starts(first, day)[0] - first.minutes


_QUESTIONS = (
    (
        "film start",
        (
            "Does {f} begin at {t} on a {d}?",
            "Is there a showing of {f} at {t} on {d}s?",
            "On a {d}, can one see {f} from its start at {t}?",
            "Is {t} a time at which {f} begins on {d}s?",
            "Would a visitor at {t} on a {d} see {f} just starting?",
        ),
        _begins,
    ),
    (
        "film end",
        (
            "Does the first showing of {f} on a {d} end {side} {t}?",
            "On {d}s, is the first showing of {f} over {side} {t}?",
            "Will those who see {f} in its first showing on a {d} come out {side} {t}?",
            "Is it {side} {t} when the first showing of {f} ends on a {d}?",
            "On a {d}, do the lights go on {side} {t} after {f} is first shown?",
        ),
        _ends,
    ),
    (
        "film length",
        (
            "Is {f} a {more} film than {g}?",
            "Comparing running times, is {f} {more} than {g}?",
            "Does {f} have a {more} running time than {g}?",
            "Of {f} and {g}, is {f} the {more} one?",
            "Measured in minutes, is {f} {more} than {g}?",
        ),
        _longer,
    ),
    (
        "film screen",
        (
            "Are {f} and {g} shown on the same screen?",
            "Do {f} and {g} share a screen?",
            "Is the screen of {f} also the one used for {g}?",
            "Would somebody who saw {f} find {g} on that same screen?",
            "Does one screen serve for both {f} and {g}?",
        ),
        _same_screen,
    ),
    (
        "film count",
        (
            "Are there exactly {n} showings on a {d}?",
            "Does the cinema have {n} showings in all on {d}s?",
            "Counting everything, do {n} showings begin on a {d}?",
            "Is {n} the number of showings on a {d}?",
            "On {d}s, do films start exactly {n} times?",
        ),
        _how_many,
    ),
    (
        "film both",
        (
            "On a {d}, is the first showing of {f} over before the last showing of {g} starts?",
            "Can one see all of the first {f} and then all of the last {g} on a {d}?",
            "Does the last showing of {g} on a {d} begin after the first one of {f} has ended?",
            "After the first {f} of a {d}, is there time for the whole last {g}?",
            "On {d}s, could one person watch the first {f} and afterwards the last {g}, both complete?",
        ),
        _one_after_the_other,
    ),
)
