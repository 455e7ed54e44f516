"""Logic questions: premises read back from the words, and every possible world asked for the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import permutations, product

import pytest
from generated_reading import Rule, found, read

from benchmarks.questions import DEFAULT_SEED, generate
from der_core.records import Label

SEEDS = (DEFAULT_SEED, *range(6))
ORDINALS = ["first", "second", "third", "fourth"]
MORE = {"taller", "older", "faster", "stronger", "richer", "larger", "colder", "noisier"}
MOST = {"tallest", "oldest", "fastest", "strongest", "richest", "largest", "coldest", "noisiest"}
Order = tuple[str, ...]


def agreed(answers: Sequence[bool]) -> bool:
    """What all possible worlds answer; there must be one, and they must agree."""
    assert len(set(answers)) == 1, answers
    return answers[0]


def orders(facts: str) -> list[Order]:
    """All rankings, most first, under which every "X is taller than Y" and "X than Y" of the facts holds."""
    (word,) = {word for word in re.findall(r"is (\w+er) than", facts) if word in MORE} or {""}
    pairs = []
    for name, verb, other in re.findall(r"(\w+) (?:is (\w+er) )?than (\w+)", facts):
        lesser = verb not in MORE if verb else word == ""
        pairs.append((other, name) if lesser else (name, other))
    names = sorted({name for pair in pairs for name in pair})
    return [order for order in permutations(names) if all(order.index(one) < order.index(other) for one, other in pairs)]


def is_ranked(sentence: str) -> bool:
    question = r"(?:[Ii]s|make|must) (\w+) (?:be )?(\w+er) than (\w+)"
    tail = re.findall(rf"(?:^{question} (?:if|when)|(?:, |\. |; |that ){question}\?$)", sentence)
    ((*_,),) = tail
    name, word, other = (part for part in tail[0] if part)
    facts = re.sub(rf"(?:[Ii]s|make|must) {name} (?:be )?{word} than {other}(?=\?| if| when)", "", sentence)
    return agreed([(order.index(name) < order.index(other)) is (word in MORE) for order in orders(facts)])


def is_extreme(sentence: str) -> bool:
    (best,) = re.findall(r"\w+est\b", sentence)
    (name,) = found(rf"[Ii]s (\w+) the {best}|make (\w+) the {best}|the {best} one (\w+)|the {best} of the three (\w+)", sentence)
    return agreed([order[0 if best in MOST else -1] == name for order in orders(sentence)])


def is_placed(sentence: str) -> bool:
    size = {"three": 3, "four": 4}[found(r"of (three|four)\b|Of (three|four)\b", sentence)[0]]
    question = r"[Ii]s ([A-Z]\w+) (second|third|first|fourth)(?:\?| in a line)|does (\w+) come (\w+)\?|it (\w+) who is (\w+)\?"
    name, place = found(question, sentence)
    facts = re.sub(question, "", sentence)
    ahead = [(b, a) if way == "behind" else (a, b) for a, way, b in re.findall(r"(\w+) (?:is )?(ahead of|behind) (\w+)", facts)]
    ends = [(who, 0 if end == "first" else size - 1) for who, end in re.findall(r"(\w+) (?:is )?(first|last)\b", facts)]
    names = sorted({who for pair in ahead for who in pair} | {who for who, _ in ends})
    assert len(names) == size and name in names
    possible = [
        order
        for order in permutations(names)
        if all(order[at] == who for who, at in ends) and all(order.index(a) < order.index(b) for a, b in ahead)
    ]
    return agreed([order[ORDINALS.index(place)] == name for order in possible])


def is_member(sentence: str) -> bool:
    rules = re.findall(r"\b([Aa]ll|[Nn]o) (\w+)s are (\w+)s", sentence)
    kind = found(r"is a (\w+)\.|is a (\w+),|, a (\w+),|can a (\w+) called|is a (\w+)\b", sentence)[0]
    outside = re.findall(r"outside the (\w+)s", sentence)
    asked = outside or re.findall(r"(?:Is \w+|is \w+|must \w+ be|called \w+ be|, a \w+,) a (\w+)(?:\?| if)", sentence)
    nouns = sorted({noun for _, one, other in rules for noun in (one, other)})
    worlds = [dict(zip(nouns, world, strict=True)) for world in product((True, False), repeat=len(nouns))]
    possible = [w for w in worlds if w[kind] and all(not w[a] or w[b] is (rule.lower() == "all") for rule, a, b in rules)]
    return agreed([world[asked[-1]] is not bool(outside) for world in possible])


Holds = Callable[[frozenset[tuple[bool, ...]]], bool]


def statement(form: str, one: int, negated: bool, other: int) -> Holds:
    """Whether a statement holds where exactly the given sorts of individuals exist (a sort: which of the three nouns apply)."""
    if form == "some":
        return lambda world: any(sort[one] and sort[other] is not negated for sort in world)
    return lambda world: all(not sort[one] or sort[other] is (form == "all") for sort in world)


def is_consequence(sentence: str) -> bool:
    told = re.findall(r"\b([Aa]ll|[Nn]o|[Ss]ome) (\w+)s are (not )?(\w+)s", sentence)
    nouns = sorted({noun for _, one, _, other in told for noun in (one, other)})
    assert len(told) == 3 and len(nouns) == 3
    parts = [statement(form.lower(), nouns.index(one), bool(negated), nouns.index(other)) for form, one, negated, other in told]
    conclusion = parts.pop(0 if re.match("Is it certain", sentence) else -1)
    sorts = list(product((True, False), repeat=3))
    worlds = [frozenset(sort for sort, exists in zip(sorts, mask, strict=True) if exists) for mask in product((True, False), repeat=8)]
    peopled = [world for world in worlds if all(any(sort[noun] for sort in world) for noun in range(3))]
    # Whether or not "all" is taken to say that there are any.
    return agreed([all(conclusion(world) for world in some if all(part(world) for part in parts)) for some in (worlds, peopled)])


STATES = [{"open", "shut"}, {"on", "off"}, {"up", "down"}, {"full", "empty"}, {"hot", "cold"}, {"wet", "dry"}]
STATES += [{"loud", "silent"}, {"raised", "lowered"}]


def is_implied(sentence: str) -> bool:
    if_then = r"(?:Whenever|whenever|If) the (\w+) is (\w+), the (\w+) is (\w+)"
    then_if = r"the (\w+) is (\w+) (?:whenever|every time) the (\w+) is (\w+)"
    forwards = re.search(if_then, sentence)
    rule = found(if_then if forwards else then_if, sentence)
    cause, effect = (rule[:2], rule[2:]) if forwards else (rule[2:], rule[:2])
    rest = re.sub(if_then if forwards else then_if, "", sentence)
    asked, fact = found(r"Is the (\w+) (\w+)(?:\?| when)", rest), found(r"[Tt]he (\w+) is (\w+)", re.sub(r"Is the \w+ \w+", "", rest))
    options = [[(thing, state) for state in next(pair for pair in STATES if told in pair)] for thing, told in (cause, effect)]
    worlds = [world for world in product(*options) if fact in world and (cause not in world or effect in world)]
    return agreed([asked in world for world in worlds])


LOGIC: list[Rule] = [
    (r"(?:[Ii]s|make|must) \w+ (be )?\w+er than \w+(\?| if| when)", is_ranked),
    (r"\w+est\b", is_extreme),
    (r"\b(ahead of|behind)\b", is_placed),
    (r"outside the|\ba \w+\?|, a \w+, a \w+ if", is_member),
    (r"follow that|certain that|hold that", is_consequence),
    (r"the \w+ is \w+, the|(whenever|every time) the", is_implied),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_hold_in_every_world_that_the_premises_allow(seed: int) -> None:
    for question in generate("logic", seed):
        assert Label.of_answer(read(question.text, LOGIC)) is question.gold, question.text


@pytest.mark.parametrize(
    ("sentence", "answer"),
    (
        ("Mei is taller than Bao and Olu is shorter than Bao. Is Olu taller than Mei?", False),
        ("All zogs are feps and no feps are mavs. Does it follow that no mavs are zogs?", True),
        ("Whenever the gate is open, the lamp is on. The lamp is off. Is the gate open?", False),
    ),
)
def test_the_slow_readings_know_answers_worked_out_by_hand(sentence: str, answer: bool) -> None:
    assert read(sentence, LOGIC) is answer
