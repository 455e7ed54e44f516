"""JSON with one or a few of its values replaced by what no honest program writes, drawn by hypothesis."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2**63,
    10**30,
    10**400,
    0.5,
    -1e308,
    1e308,
    1e-320,
    "",
    "x",
    "x" * 3_000,
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "a\x00b",
    "../../etc/passwd",
    "1e999",
    "nan",
    "![picture](http://127.0.0.1/x.png)",
    [],
    [None],
    [[]],
    ["x"] * 2_000,
    {},
    {"x": {}},
    {"": 1},
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON value; of a list the first three entries stand for all."""
    parts = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    return [*([here] if here else []), *(path for key, part in parts for path in places(part, (*here, key)))]


@st.composite
def bent(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """`whole` with one to three of its values replaced, removed, doubled, or joined by an unknown field."""
    made = copy.deepcopy(whole)
    for _ in range(draw(st.sampled_from((1, 1, 1, 3)))):
        *above, last = draw(st.sampled_from(places(made)))
        at = made
        for key in above:
            at = at[key]
        match draw(st.sampled_from(("replace", "replace", "replace", "remove", "double", "add"))):
            case "replace":
                at[last] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
            case "remove":
                del at[last]
            case "double" if isinstance(at[last], list):
                at[last] = at[last] * 2
            case _ if isinstance(at[last], dict):
                at[last]["later"] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
            case _:
                at[last] = [at[last]]
        if not places(made):
            return made
    return made
