"""Small tables: look-ups, comparisons, extremes, sums, differences and counts, with a misprint, a star or a signature beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from benchmarks.questions.families import Family, Filling, Scene, nearby
from benchmarks.questions.names import DAYS, PEOPLE, TOWNS
from benchmarks.questions.themes import THEMES, Column, Theme

MIN_WORDS, MAX_WORDS = 30, 90
"""Length of a passage. The bars between columns are left out for the lower limit and counted for the upper one."""

_FOCUS = 0.6
"""How often a question about a corrected table needs the correction."""

_MISPRINTS = (
    "One figure is a misprint: the {col} of {row} should be {new}, not {old}.",
    "Please correct the table by hand: {row} has a {col} of {new}, not {old}.",
    "The printer made a mistake, for the {col} of {row} is really {new} instead of {old}.",
    "Only one figure is wrong. Where it says {old} as the {col} of {row}, it should say {new}.",
    "Note that the {col} of {row} was copied wrongly and must be read as {new} rather than {old}.",
)
_STARS = (
    "Every {noun} with a {col} of more than {k} is given a star; the others get none.",
    "A star goes to each {noun} whose {col} is above {k}, and to no other.",
    "Stars are awarded too: a {noun} receives one if its {col} exceeds {k}, otherwise not.",
    "A {noun} earns a star only by having a {col} above {k}, and then always.",
    "All {plural} with a {col} over {k} carry a star, while the rest carry none.",
)
_SIGNATURES = (
    "The figures were checked by {one} on a {day}; {two} typed them.",
    "{two} typed the table, and {one} checked it the following {day}.",
    "On {day} the numbers were checked. This was done by {one}, as {two} had only typed them.",
    "It was {one} who checked everything on {day}, after {two} had done the typing.",
    "Typing was left to {two}; checking, on {day}, was the task of {one}.",
)


@dataclass(frozen=True)
class Table:
    """A table as it is meant to be read: misprints corrected. `values[row][column]`; no figure stands twice in a column."""

    theme: Theme
    columns: tuple[Column, ...]
    values: dict[str, tuple[int, ...]]
    focus: tuple[str, int] | None = None
    """The cell that was misprinted: questions are about it more often than by chance."""

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows, from the top."""
        return tuple(self.values)

    def column(self, index: int) -> list[int]:
        """The figures of a column, from the top."""
        return [figures[index] for figures in self.values.values()]

    def cell(self, rng: Random) -> tuple[str, int]:
        """Row and column to ask about."""
        if self.focus is not None and rng.random() < _FOCUS:
            return self.focus
        return rng.choice(self.rows), rng.randrange(len(self.columns))

    def pair(self, rng: Random) -> tuple[str, str, int]:
        """Two rows, in any order, and the column to ask about."""
        row, index = self.cell(rng)
        other = rng.choice([name for name in self.rows if name != row])
        first, second = rng.sample((row, other), 2)
        return first, second, index


@dataclass(frozen=True)
class Note:
    """The sentence beside a table, the families that ask about it, and the figure to print in the cell `focus` instead of the true one."""

    text: str
    families: tuple[Family, ...] = ()
    focus: tuple[str, int] | None = None
    printed: int = 0


def build_scene(rng: Random) -> Scene:
    """A passage with a table, and the families that ask about it."""
    while True:
        theme = rng.choice(THEMES)
        table = _draw_table(rng, theme)
        note = rng.choice((_misprint, _star, _signature))(rng, table)
        table = replace(table, focus=note.focus)
        passage = _print(rng, table, note)
        if len(passage.replace("|", " ").split()) >= MIN_WORDS and len(passage.split()) <= MAX_WORDS:
            families = tuple(Family(name, phrasings, partial(fill, table)) for name, phrasings, fill in _QUESTIONS)
            return Scene(passage, families + note.families)


def _draw_table(rng: Random, theme: Theme) -> Table:
    columns = tuple(rng.sample(theme.columns, rng.choice((2, 2, 3))))
    rows = rng.sample(theme.rows, rng.randint(3, 6))
    figures = [rng.sample(range(column.low, column.high + 1, column.step), len(rows)) for column in columns]
    return Table(theme, columns, dict(zip(rows, zip(*figures, strict=True), strict=True)))


def _print(rng: Random, table: Table, note: Note) -> str:
    shown = {row: list(figures) for row, figures in table.values.items()}
    if note.focus is not None:
        row, index = note.focus
        shown[row][index] = note.printed
    lines = [" | ".join((table.theme.heading, *(column.heading for column in table.columns)))]
    lines += [" | ".join((row, *map(str, figures))) for row, figures in shown.items()]
    opening = rng.choice(table.theme.openings).format(who=rng.choice(PEOPLE), town=rng.choice(TOWNS))
    parts = [f"{opening} {note.text}", *lines] if rng.random() < 0.5 else [opening, *lines, note.text]
    return "\n".join(parts)


def _misprint(rng: Random, table: Table) -> Note:
    row, index = rng.choice(table.rows), rng.randrange(len(table.columns))
    column = table.columns[index]
    true = table.values[row][index]
    old = rng.choice([figure for figure in range(column.low, column.high + 1, column.step) if figure not in table.column(index)])
    text = rng.choice(_MISPRINTS).format(col=column.noun, row=row, new=true, old=old)
    return Note(text, focus=(row, index), printed=old)


def _star(rng: Random, table: Table) -> Note:
    index = rng.randrange(len(table.columns))
    limit = rng.choice(sorted(table.column(index))[:-1])
    theme = table.theme
    text = rng.choice(_STARS).format(noun=theme.noun, plural=theme.plural, col=table.columns[index].noun, k=limit)
    starred = tuple(row for row in table.rows if table.values[row][index] > limit)
    fills: tuple[tuple[str, tuple[str, ...], Callable[[Random], Filling]], ...] = (
        ("table star", _STAR_PHRASINGS, partial(_has_star, table, starred)),
        ("table stars", _STAR_COUNT_PHRASINGS, partial(_count_stars, table, starred)),
    )
    return Note(text, tuple(Family(*parts) for parts in fills))


def _has_star(table: Table, starred: tuple[str, ...], rng: Random) -> Filling:
    row = rng.choice(table.rows)
    return Filling({"row": row, "noun": table.theme.noun}, row in starred)


def _count_stars(table: Table, starred: tuple[str, ...], rng: Random) -> Filling:
    stated = rng.choice((2, 3, 4))
    return Filling({"plural": table.theme.plural, "n": stated}, len(starred) == stated)


def _signature(rng: Random, table: Table) -> Note:
    one, two = rng.sample(PEOPLE, 2)
    day, other_day = rng.sample(DAYS, 2)
    text = rng.choice(_SIGNATURES).format(one=one, two=two, day=day)
    fill = partial(_who_checked, (one, two), (day, other_day))
    return Note(text, (Family("table signature", _SIGNATURE_PHRASINGS, fill),))


def _who_checked(people: tuple[str, str], days: tuple[str, str], rng: Random) -> Filling:
    who, day = rng.choice(people), rng.choice(days)
    return Filling({"who": who, "day": day}, who == people[0] and day == days[0])


def _lookup(table: Table, rng: Random) -> Filling:
    row, index = table.cell(rng)
    stated = rng.choice((table.values[row][index], rng.choice(table.column(index))))
    return Filling({"row": row, "col": table.columns[index].noun, "v": stated}, stated == table.values[row][index])


def _compare(table: Table, rng: Random) -> Filling:
    first, second, index = table.pair(rng)
    higher, column = rng.random() < 0.5, table.columns[index]
    slots = {"a": first, "b": second, "col": column.noun, "word": column.sizes.more if higher else column.sizes.less}
    return Filling(slots, (table.values[first][index] > table.values[second][index]) is higher)


def _extreme(table: Table, rng: Random) -> Filling:
    row, index = table.cell(rng)
    highest, column = rng.random() < 0.5, table.columns[index]
    best = max(table.column(index)) if highest else min(table.column(index))
    slots = {"row": row, "col": column.noun, "best": _most(column, highest), "plural": table.theme.plural}
    return Filling(slots, table.values[row][index] == best)


def _pair_sum(table: Table, rng: Random) -> Filling:
    first, second, index = table.pair(rng)
    column = table.columns[index]
    total = table.values[first][index] + table.values[second][index]
    stated = nearby(rng, total, (column.step, 2 * column.step, 10 * column.step), chance=0.1)
    more = rng.random() < 0.5
    slots = {"a": first, "b": second, "col": column.noun, "v": stated, "than": "more than" if more else "less than"}
    return Filling(slots, total > stated if more else total < stated)


def _difference(table: Table, rng: Random) -> Filling:
    first, second, index = table.pair(rng)
    column = table.columns[index]
    if table.values[first][index] < table.values[second][index] and rng.random() < 0.6:
        first, second = second, first
    gap = table.values[first][index] - table.values[second][index]
    stated = nearby(rng, abs(gap), (column.step, 2 * column.step))
    return Filling({"a": first, "b": second, "col": column.noun, "v": stated}, gap == stated)


def _count(table: Table, rng: Random) -> Filling:
    _, index = table.cell(rng)
    limit = rng.choice(table.column(index))
    above = rng.random() < 0.5
    count = sum(figure > limit if above else figure < limit for figure in table.column(index))
    stated = rng.choice((2, 3, 4, max(2, count)))
    slots = {"n": stated, "plural": table.theme.plural, "col": table.columns[index].noun, "k": limit, "side": "above" if above else "below"}
    return Filling(slots, count == stated)


def _total(table: Table, rng: Random) -> Filling:
    _, index = table.cell(rng)
    column = table.columns[index]
    total = sum(table.column(index))
    stated = nearby(rng, total, (column.step, 2 * column.step, 10 * column.step))
    return Filling({"plural": table.theme.plural, "col": column.noun, "v": stated}, total == stated)


def _both(table: Table, rng: Random) -> Filling:
    (one, other), (up, also_up) = rng.sample(range(len(table.columns)), 2), (rng.random() < 0.5, rng.random() < 0.5)
    first, second = table.columns[one], table.columns[other]
    slots = {"noun": table.theme.noun, "best": _most(first, up), "col": first.noun, "most": _most(second, also_up), "col2": second.noun}
    return Filling(slots, _leader(table, one, up) == _leader(table, other, also_up))


def _most(column: Column, highest: bool) -> str:
    return column.sizes.most if highest else column.sizes.least


def _leader(table: Table, index: int, highest: bool) -> str:
    pick = max if highest else min
    return pick(table.rows, key=lambda row: table.values[row][index])


_STAR_PHRASINGS = (
    "Does {row} get a star?",
    "Is {row} among those with a star?",
    "By the rule given, is a star awarded to {row}?",
    "Would you find a star beside {row}?",
    "Has {row} earned its star?",
)
_STAR_COUNT_PHRASINGS = (
    "Do exactly {n} {plural} get a star?",
    "Are exactly {n} stars awarded in all?",
    "Is {n} the number of {plural} with a star?",
    "Must exactly {n} stars be printed for these {plural}?",
    "Counting the {plural} that have earned a star, do you arrive at {n}?",
)
_SIGNATURE_PHRASINGS = (
    "Did {who} check the figures on {day}?",
    "Were the figures checked by {who} on {day}?",
    "Is it true that {who} did the checking, and that the day was {day}?",
    "Was {who} busy checking this table on {day}?",
    "Was the check made on {day} and by {who}?",
)

_QUESTIONS: tuple[tuple[str, tuple[str, ...], Callable[[Table, Random], Filling]], ...] = (
    (
        "table look-up",
        (
            "Is the {col} of {row} {v}?",
            "Does {row} have a {col} of {v}?",
            "Is {v} the right {col} for {row}?",
            "Looking up {row}, do you find a {col} of {v}?",
            "For {row}, is the true {col} {v}?",
        ),
        _lookup,
    ),
    (
        "table comparison",
        (
            "Does {a} have a {word} {col} than {b}?",
            "Is the {col} of {a} {word} than that of {b}?",
            "Comparing {a} with {b}, does {a} have the {word} {col}?",
            "Between {a} and {b}, is it {a} that has the {word} {col}?",
            "Set against {b}, is {a} the one with the {word} {col}?",
        ),
        _compare,
    ),
    (
        "table extreme",
        (
            "Does {row} have the {best} {col} of all?",
            "Is the {col} of {row} the {best} of all {plural}?",
            "Among the {plural}, is {row} the one with the {best} {col}?",
            "Would you name {row} when asked for the {best} {col}?",
            "Looking down the whole list, is the {best} {col} that of {row}?",
        ),
        _extreme,
    ),
    (
        "table pair",
        (
            "Do {a} and {b} have a combined {col} of {than} {v}?",
            "Adding the {col} of {a} to that of {b}, do you get {than} {v}?",
            "Is the {col} of {a} and {b} together {than} {v}?",
            "Taken together, do {a} and {b} reach a {col} of {than} {v}?",
            "If {a} and {b} are put together, is their total {col} {than} {v}?",
        ),
        _pair_sum,
    ),
    (
        "table difference",
        (
            "Is the {col} of {a} exactly {v} more than that of {b}?",
            "Does {a} exceed {b} in {col} by exactly {v}?",
            "Subtracting the {col} of {b} from that of {a}, do you get {v}?",
            "Would {b} need exactly {v} more to match the {col} of {a}?",
            "Is {a} ahead of {b} by exactly {v} in terms of {col}?",
        ),
        _difference,
    ),
    (
        "table count",
        (
            "Do exactly {n} {plural} have a {col} {side} {k}?",
            "Are there exactly {n} {plural} with a {col} {side} {k}?",
            "Is {n} the number of {plural} whose {col} is {side} {k}?",
            "Counting the {plural} with a {col} {side} {k}, do you get {n}?",
            "Is a {col} {side} {k} found in exactly {n} of the {plural}?",
        ),
        _count,
    ),
    (
        "table total",
        (
            "Do all {plural} together have a total {col} of {v}?",
            "Adding up the {col} of all {plural}, do you get {v}?",
            "Is {v} what the {col} of all {plural} adds up to?",
            "Over all {plural}, does the {col} add up to {v}?",
            "If the {col} is summed for the {plural}, is the result {v}?",
        ),
        _total,
    ),
    (
        "table both",
        (
            "Is the {noun} with the {best} {col} also the one with the {most} {col2}?",
            "Does the {noun} with the {best} {col} have the {most} {col2} too?",
            "Do the {best} {col} and the {most} {col2} belong to the same {noun}?",
            "Is a single {noun} responsible for both the {best} {col} and the {most} {col2}?",
            "Does one {noun} combine the {best} {col} with the {most} {col2}?",
        ),
        _both,
    ),
)

SCENES = (build_scene,)
"""All kinds of passages."""
