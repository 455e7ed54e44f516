"""Buses, trams and ferries at regular times, with one day of the week that differs and a fare for children."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from benchmarks.questions.families import Family, Filling, Scene, nearby
from benchmarks.questions.names import DAYS, TOWNS
from benchmarks.questions.times import clock

_VEHICLES = ("bus", "tram", "ferry", "train", "cable car", "coach")

_OPENINGS = (
    "From {a} to {b} a {v} leaves every {n} minutes, the first one at {first} and the last one at {last}. The ride takes {m} minutes.",
    "There is a {v} from {a} to {b} at {first}, and then one every {n} minutes until the last at {last}. Each takes {m} minutes.",
    "The {v} that links {a} with {b} needs {m} minutes. Starting in {a} at {first}, it runs every {n} minutes, finally at {last}.",
    "Travellers in {a} can take a {v} to {b} every {n} minutes between {first} and {last}, both times included. They spend {m} minutes on board.",
    "In {a} the first {v} to {b} departs at {first}. Others follow at intervals of {n} minutes, the last at {last}, and all take {m} minutes.",
)
_LATE_STARTS = (
    "On {day}s nothing runs before {t}, but from then on the usual times hold.",
    "{day} is different: the first departure of that day is the one at {t}, and later ones are as usual.",
    "Those who travel on a {day} should know that all departures before {t} are left out on that day.",
    "The departures earlier than {t} are cancelled on {day}s, and only on {day}s.",
    "Early trips do not exist on {day}s, when service begins with the departure at {t}; otherwise nothing changes.",
)
_EARLY_ENDS = (
    "On {day}s nothing runs after {t}, although the earlier times stay the same.",
    "{day} is different: the last departure of that day is the one at {t}, while earlier ones are as usual.",
    "Those who travel on a {day} should know that all departures after {t} are left out on that day.",
    "The departures later than {t} are cancelled on {day}s, and only on {day}s.",
    "Late trips do not exist on {day}s, when service ends with the departure at {t}; otherwise nothing changes.",
)
_FARES = (
    "An adult pays {fare} coins and a child {child}.",
    "The fare is {fare} coins for adults and {child} for children.",
    "Tickets cost {fare} coins, but only {child} for a child.",
    "Children travel for {child} coins, adults for {fare}.",
    "For each adult {fare} coins are due, for each child {child}.",
)


@dataclass(frozen=True)
class Service:
    """A line from town `a` to town `b`. Times are minutes after midnight; on `day` only those within `kept` are run."""

    vehicle: str
    a: str
    b: str
    times: tuple[int, ...]
    ride: int
    day: str
    kept: tuple[int, int]
    fare: int
    child: int

    def on(self, day: str) -> tuple[int, ...]:
        """The departures of a day of the week."""
        if day != self.day:
            return self.times
        return tuple(time for time in self.times if self.kept[0] <= time <= self.kept[1])


def build_scene(rng: Random) -> Scene:
    """A passage about a line, and the families that ask about it."""
    service, interval, exception = _draw(rng)
    first, last = clock(service.times[0]), clock(service.times[-1])
    opening = rng.choice(_OPENINGS).format(a=service.a, b=service.b, v=service.vehicle, n=interval, first=first, last=last, m=service.ride)
    rest = [exception, rng.choice(_FARES).format(fare=service.fare, child=service.child)]
    rng.shuffle(rest)
    families = tuple(Family(name, phrasings, partial(fill, service)) for name, phrasings, fill in _QUESTIONS)
    return Scene(" ".join([opening, *rest]), families)


def _draw(rng: Random) -> tuple[Service, int, str]:
    interval, first = rng.choice((20, 25, 30, 40, 45, 50, 60)), rng.randrange(5 * 60, 8 * 60, 5)
    times = tuple(range(first, first + interval * rng.randint(9, 15) + 1, interval))
    late = rng.random() < 0.5
    turn = times[rng.randint(2, 4)] if late else times[-rng.randint(3, 5)]
    day = rng.choice(DAYS)
    a, b = rng.sample(TOWNS, 2)
    fare = rng.randint(4, 14)
    kept = (turn, times[-1]) if late else (times[0], turn)
    service = Service(rng.choice(_VEHICLES), a, b, times, rng.randrange(12, 56), day, kept, fare, rng.randint(2, fare - 1))
    exception = rng.choice(_LATE_STARTS if late else _EARLY_ENDS).format(day=day, t=clock(turn))
    return service, interval, exception


def _day(service: Service, rng: Random) -> str:
    return service.day if rng.random() < 0.6 else rng.choice(DAYS)


def _departure(service: Service, rng: Random) -> Filling:
    day = _day(service, rng)
    dropped = [time for time in service.times if time not in service.on(service.day)]
    time = rng.choice((rng.choice(dropped), rng.choice(service.times), rng.choice(service.times) + 5))
    return Filling({"t": clock(time), "d": day, "v": service.vehicle, "a": service.a}, time in service.on(day))


def _arrival(service: Service, rng: Random) -> Filling:
    time = rng.choice(service.on(service.day))
    limit = 5 * round((time + service.ride) / 5) + rng.choice((-10, -5, 5, 10))
    before = rng.random() < 0.5
    slots = {"t": clock(time), "v": service.vehicle, "b": service.b, "u": clock(limit), "side": "before" if before else "after"}
    arrival = time + service.ride
    return Filling(slots, arrival < limit if before else arrival > limit)


def _wait(service: Service, rng: Random) -> Filling:
    day = _day(service, rng)
    coming = rng.choice(service.on(day))
    here = coming - rng.randint(2, 14)
    wait = min(time for time in service.on(day) if time >= here) - here
    stated = wait + rng.choice((-3, -2, -1, 1, 2, 3))
    more = rng.random() < 0.5
    slots = {"t": clock(here), "d": day, "v": service.vehicle, "a": service.a, "k": stated, "than": "more than" if more else "less than"}
    return Filling(slots | {"b": service.b}, wait > stated if more else wait < stated)


def _edge(service: Service, rng: Random) -> Filling:
    day, end = _day(service, rng), rng.choice((0, -1))
    stated = rng.choice((service.times[end], service.on(service.day)[end]))
    slots = {"v": service.vehicle, "a": service.a, "d": day, "t": clock(stated), "edge": "first" if end == 0 else "last"}
    return Filling(slots, stated == service.on(day)[end])


def _fare(service: Service, rng: Random) -> Filling:
    adults, children = rng.randint(2, 4), rng.randint(2, 5)
    total = adults * service.fare + children * service.child
    stated = nearby(rng, total, (1, 2, service.child, service.fare))
    return Filling({"x": adults, "y": children, "c": stated}, stated == total)


_QUESTIONS = (
    (
        "line departure",
        (
            "Is there a {v} leaving {a} at {t} on a {d}?",
            "Does a {v} leave {a} at {t} on {d}s?",
            "On a {d}, can one set off from {a} at {t} by {v}?",
            "Is {t} one of the {d} departure times in {a}?",
            "Would somebody in {a} see a {v} start at {t} on a {d}?",
        ),
        _departure,
    ),
    (
        "line arrival",
        (
            "Does the {v} that leaves at {t} reach {b} {side} {u}?",
            "Leaving by the {t} {v}, is one in {b} {side} {u}?",
            "Is the arrival in {b} {side} {u} for those who leave at {t}?",
            "Will passengers of the {t} {v} get off in {b} {side} {u}?",
            "If a {v} sets off at {t}, does it arrive {side} {u}?",
        ),
        _arrival,
    ),
    (
        "line wait",
        (
            "Coming to the stop in {a} at {t} on a {d}, does one wait {than} {k} minutes?",
            "On a {d} at {t} in {a}, is the next {v} to {b} {than} {k} minutes away?",
            "Does a traveller who gets to {a} at {t} on a {d} wait {than} {k} minutes?",
            "If it is {t} on a {d}, will the next {v} from {a} leave in {than} {k} minutes?",
            "Is the wait in {a} {than} {k} minutes for somebody who is there at {t} on a {d}?",
        ),
        _wait,
    ),
    (
        "line edge",
        (
            "Does the {edge} {v} from {a} leave at {t} on a {d}?",
            "Is {t} the time of the {edge} {v} from {a} on {d}s?",
            "On {d}s, is the {edge} departure from {a} at {t}?",
            "Is the {v} at {t} the {edge} one to leave {a} on a {d}?",
            "Would the {edge} {v} of a {d} start from {a} at {t}?",
        ),
        _edge,
    ),
    (
        "line fare",
        (
            "Do {x} adults and {y} children pay {c} coins altogether?",
            "Is {c} coins the right fare for {x} adults with {y} children?",
            "Would a group of {x} adults and {y} children need exactly {c} coins?",
            "For {x} adults travelling with {y} children, do the tickets come to {c} coins?",
            "If {y} children and {x} adults ride together, is {c} coins the total price?",
        ),
        _fare,
    ),
)
