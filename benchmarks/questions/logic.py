"""Logic: orderings of three and four, places in a line, invented species, and rules about two-state things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from benchmarks.questions.families import Family, Filling, capitalise
from benchmarks.questions.names import CREATURES, PEOPLE, TOWNS

_SCALES = (
    ("taller", "shorter", "tallest", "shortest", PEOPLE),
    ("older", "younger", "oldest", "youngest", PEOPLE),
    ("faster", "slower", "fastest", "slowest", PEOPLE),
    ("stronger", "weaker", "strongest", "weakest", PEOPLE),
    ("richer", "poorer", "richest", "poorest", PEOPLE),
    ("larger", "smaller", "largest", "smallest", TOWNS),
    ("colder", "warmer", "coldest", "warmest", TOWNS),
    ("noisier", "quieter", "noisiest", "quietest", TOWNS),
)
"""More, less, most, least, and whom or what the words are said of."""

_PLACES = ("first", "second", "third", "fourth")

_THINGS = (
    ("the gate", "open", "shut"),
    ("the lamp", "on", "off"),
    ("the flag", "up", "down"),
    ("the tank", "full", "empty"),
    ("the oven", "hot", "cold"),
    ("the road", "wet", "dry"),
    ("the alarm", "loud", "silent"),
    ("the bridge", "raised", "lowered"),
)
"""Things with two states, one of which always holds."""

Statement = tuple[str, str, str]
"""Form ("all", "no", "some", "some not"), subject and predicate."""


def _pair(rng: Random, n_names: int) -> Filling:
    more, less, _, _, pool = rng.choice(_SCALES)
    order = rng.sample(pool, n_names)
    # Neighbours are told outright; the question needs at least one name in between.
    high = rng.randrange(n_names - 2)
    low = rng.randrange(high + 2, n_names)
    first, second = rng.sample((high, low), 2)
    upwards = rng.random() < 0.5
    slots = _premises(rng, order, more, less) | {"x": order[first], "y": order[second], "rel": more if upwards else less}
    return Filling(slots, (first < second) is upwards)


def _extreme(rng: Random, n_names: int) -> Filling:
    more, less, most, least, pool = rng.choice(_SCALES)
    order = rng.sample(pool, n_names)
    upwards = rng.random() < 0.5
    asked = rng.choice((0, n_names - 1, rng.randrange(n_names)))
    slots = _premises(rng, order, more, less) | {"x": order[asked], "best": most if upwards else least}
    return Filling(slots, asked == (0 if upwards else n_names - 1))


def _premises(rng: Random, order: Sequence[str], more: str, less: str) -> dict[str, str]:
    """The facts about `order` (most first): two statements for three names, one shortened chain for four."""
    pairs = list(zip(order, order[1:], strict=False))
    rng.shuffle(pairs)
    if len(pairs) == 2:
        p, q = (_statement(rng, high, low, more, less) for high, low in pairs)
        return {"p": p, "q": q}
    word, told = (more, pairs) if rng.random() < 0.5 else (less, [(low, high) for high, low in pairs])
    (a, b), (c, d), (e, f) = told
    return {"chain": f"{a} is {word} than {b}, {c} than {d} and {e} than {f}"}


def _statement(rng: Random, high: str, low: str, more: str, less: str) -> str:
    return f"{high} is {more} than {low}" if rng.random() < 0.5 else f"{low} is {less} than {high}"


def _pair_of_three(rng: Random) -> Filling:
    return _pair(rng, 3)


def _pair_of_four(rng: Random) -> Filling:
    return _pair(rng, 4)


def _extreme_of_three(rng: Random) -> Filling:
    return _extreme(rng, 3)


def _extreme_of_four(rng: Random) -> Filling:
    return _extreme(rng, 4)


def _place(rng: Random) -> Filling:
    order = rng.sample(PEOPLE, rng.choice((3, 4)))
    free, clues = _places_of_three(rng, order) if len(order) == 3 else _places_of_four(rng, order)
    asked, stated = rng.choice(free), rng.choice(free)
    slots = {"n": {3: "three", 4: "four"}[len(order)], "clues": clues, "x": asked, "nth": _PLACES[order.index(stated)]}
    return Filling(slots, asked == stated)


def _places_of_three(rng: Random, order: Sequence[str]) -> tuple[Sequence[str], str]:
    """Who is left to ask about, and clues that leave only `order`: one end is told, and who of the others is ahead."""
    at_front = rng.random() < 0.5
    end = f"{order[0]} is first" if at_front else f"{order[-1]} is last"
    ahead, behind = free = order[1:] if at_front else order[:-1]
    return free, f"{end} and " + (f"{ahead} is ahead of {behind}" if rng.random() < 0.5 else f"{behind} is behind {ahead}")


def _places_of_four(rng: Random, order: Sequence[str]) -> tuple[Sequence[str], str]:
    """The same with both ends told."""
    first, ahead, behind, last = order
    relation = f"{ahead} ahead of {behind}" if rng.random() < 0.5 else f"{behind} behind {ahead}"
    return (ahead, behind), f"{first} is first, {last} last and {relation}"


def _member(rng: Random) -> Filling:
    kind, middle, outer = rng.sample(CREATURES, 3)
    inside, asked_inside = rng.random() < 0.5, rng.random() < 0.5
    rules = [f"all {kind}s are {middle}s", f"{'all' if inside else 'no'} {middle}s are {outer}s"]
    rng.shuffle(rules)
    asked = f"a {outer}" if asked_inside else f"outside the {outer}s"
    return Filling({"p": rules[0], "q": rules[1], "name": rng.choice(PEOPLE), "k": kind, "c": asked}, inside is asked_inside)


def _syllogism(rng: Random) -> Filling:
    while True:
        one, middle, other = rng.sample(CREATURES, 3)
        first, second = (_premise(rng, end, middle) for end in (one, other))
        subject, predicate = rng.sample((one, other), 2)
        conclusion = (rng.choice(("all", "no", "some", "some not")), subject, predicate)
        strict = conclusion in _consequences([first, second])
        # Some readers take "all blorps" to say that there are blorps: ask only where that makes no difference.
        generous = conclusion in _consequences([first, second, *(("some", noun, noun) for noun in (one, middle, other))])
        if strict == generous:
            return Filling({"p": _say(first), "q": _say(second), "c": _say(conclusion)}, strict)


def _premise(rng: Random, end: str, middle: str) -> Statement:
    subject, predicate = rng.sample((end, middle), 2)
    return rng.choice(("all", "no", "some")), subject, predicate


def _consequences(premises: Iterable[Statement]) -> set[Statement]:
    """All that follows from the premises by conversion and by the four syllogisms of the first figure."""
    known = set(premises)
    while True:
        found = {(form, predicate, subject) for form, subject, predicate in known if form in ("no", "some")}
        found |= {step for left in known for right in known if (step := _first_figure(left, right)) is not None}
        if found <= known:
            return known
        known |= found


def _first_figure(left: Statement, right: Statement) -> Statement | None:
    """Barbara, Celarent, Darii or Ferio with `left` as minor and `right` as major premise."""
    forms = {("all", "all"): "all", ("all", "no"): "no", ("some", "all"): "some", ("some", "no"): "some not"}
    form = forms.get((left[0], right[0]))
    return (form, left[1], right[2]) if form is not None and left[2] == right[1] else None


def _say(statement: Statement) -> str:
    form, subject, predicate = statement
    quantifier, negation = ("some", "not ") if form == "some not" else (form, "")
    return f"{quantifier} {subject}s are {negation}{predicate}s"


def _conditional(rng: Random) -> Filling:
    (cause, *cause_states), (effect, *effect_states) = rng.sample(_THINGS, 2)
    rng.shuffle(cause_states)
    rng.shuffle(effect_states)
    forwards = rng.random() < 0.5
    told = f"{cause} is {cause_states[0]}" if forwards else f"{effect} is {effect_states[1]}"
    thing, actual, states = (effect, effect_states[0], effect_states) if forwards else (cause, cause_states[1], cause_states)
    asked = rng.choice(states)
    slots = {"rule": f"{cause} is {cause_states[0]}", "then": f"{effect} is {effect_states[0]}", "told": told, "q": f"{thing} {asked}"}
    return Filling(slots | {"Told": capitalise(told)}, asked == actual)


FAMILIES = (
    Family(
        "pair of three",
        (
            "{p} and {q}. Is {x} {rel} than {y}?",
            "If {p} and {q}, is {x} {rel} than {y}?",
            "Knowing that {p} and that {q}, is {x} {rel} than {y}?",
            "{p}, while {q}; does that make {x} {rel} than {y}?",
            "Is {x} {rel} than {y} when {p} and {q}?",
        ),
        _pair_of_three,
    ),
    Family(
        "extreme of three",
        (
            "{p} and {q}. Is {x} the {best} of the three?",
            "If {p} and {q}, is {x} the {best} of them all?",
            "Given that {p} and {q}, is {x} the {best}?",
            "{p}, whereas {q}; is the {best} one {x}?",
            "Is the {best} of the three {x} if {p} and {q}?",
        ),
        _extreme_of_three,
    ),
    Family(
        "pair of four",
        (
            "{chain}. Is {x} {rel} than {y}?",
            "If {chain}, is {x} {rel} than {y}?",
            "Given that {chain}, is {x} {rel} than {y}?",
            "{chain}; must {x} be {rel} than {y}?",
            "Is {x} {rel} than {y} if {chain}?",
        ),
        _pair_of_four,
    ),
    Family(
        "extreme of four",
        (
            "{chain}. Is {x} the {best} of the four?",
            "If {chain}, is {x} the {best}?",
            "Given that {chain}, is the {best} one {x}?",
            "{chain}; does that make {x} the {best}?",
            "Is {x} the {best} of all when {chain}?",
        ),
        _extreme_of_four,
    ),
    Family(
        "place",
        (
            "In a queue of {n}, {clues}. Is {x} {nth}?",
            "In a race of {n}, {clues}; does {x} come {nth}?",
            "If {clues} in a line of {n}, is {x} {nth}?",
            "Of {n} people waiting, {clues}; is it {x} who is {nth}?",
            "Is {x} {nth} in a line of {n} where {clues}?",
        ),
        _place,
    ),
    Family(
        "member",
        (
            "{p}, {q}, and {name} is a {k}. Is {name} {c}?",
            "If {p}, {q} and {name} is a {k}, must {name} be {c}?",
            "{name} is a {k}. As {p} and {q}, is {name} {c}?",
            "Is {name}, a {k}, {c} if {p} and {q}?",
            "Given that {p} and {q}, can a {k} called {name} be {c}?",
        ),
        _member,
    ),
    Family(
        "syllogism",
        (
            "{p} and {q}. Does it follow that {c}?",
            "If {p} and {q}, does it follow that {c}?",
            "Suppose {p} and {q}. Is it certain that {c}?",
            "Is it certain that {c} if {p} and {q}?",
            "When {p} and {q}, must it hold that {c}?",
        ),
        _syllogism,
    ),
    Family(
        "conditional",
        (
            "Whenever {rule}, {then}. {Told}. Is {q}?",
            "If {rule}, {then}; right now {told}. Is {q}?",
            "{told}, and whenever {rule}, {then}. Is {q}?",
            "Is {q} when {told}, given that {then} whenever {rule}?",
            "By rule, {then} every time {rule}; {told}. Is {q}?",
        ),
        _conditional,
    ),
)
"""All families of the kind."""
