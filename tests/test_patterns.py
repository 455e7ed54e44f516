"""Every regular expression of the product reads hostile text in linear time: no name or reply can hold the interpreter."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import der_core
import ui

ROOT = Path(__file__).resolve().parents[1]
PIECES = (
    *"a1 -._@`\\<>:/*,;'\"([{)]}=+#|~!?%$&\n\té한",
    *("a ", " a", "a.", "1.", "1,", "a@", "a-", "`a", "<a", "a=", "a:", ":a", "//", "a/", "\\n", " \n", "- ", "yes ", "<think>", "www."),
)
"""What is repeated; an expression that tries every pair of places in it is quadratic."""
LENGTH, LONGEST_S = 20_000, 0.5
"""At this length the quadratic ones take many seconds and the linear ones milliseconds."""


ANYWHERE = {"sub", "subn", "search", "finditer", "findall", "split"}
"""Ways of using an expression that try it at every place of the text; the others try it at one."""


def patterns() -> dict[tuple[str, int, bool], str]:
    """Where each expression stands, by the expression, its flags, and whether it is tried at every place of a text."""
    return {key: name for key, name in (*_written(), *_compiled())}


def _written() -> Iterator[tuple[tuple[str, int, bool], str]]:
    for file in sorted((*ROOT.glob("der_core/**/*.py"), *ROOT.glob("ui/**/*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re":
                first, way = (node.args or [None])[0], node.func.attr
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and way != "compile":
                    yield (first.value, 0, way in ANYWHERE), f"{file.name}:{node.lineno}"


def _compiled() -> Iterator[tuple[tuple[str, int, bool], str]]:
    for package in (der_core, ui):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith(("__main__", "llama_process")):
                continue
            module = importlib.import_module(found.name)
            source = inspect.getsource(module)
            for name, value in vars(module).items():
                ways = set(re.findall(rf"\b{name}\.(\w+)\(", source))
                for pattern in _patterns_in(value):
                    yield (pattern.pattern, pattern.flags, not ways or bool(ways & ANYWHERE)), f"{found.name}.{name}"


def _patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _patterns_in(part)


@pytest.mark.parametrize(("name", "key"), [pytest.param(name, key, id=name) for key, name in patterns().items()])
def test_no_text_holds_an_expression(name: str, key: tuple[str, int, bool]) -> None:
    written, flags, is_tried_anywhere = key
    pattern = re.compile(written, flags)
    for piece in PIECES:
        for before, after in (("", ""), ("x", "\x00"), ("`", "\x00"), ("<", "\x00"), ("http://", "\x00")):
            text = before + piece * (LENGTH // len(piece)) + after
            start = time.process_time()
            pattern.match(text)
            pattern.fullmatch(text)
            if is_tried_anywhere:
                pattern.sub("", text)
            assert time.process_time() - start < LONGEST_S, f"{name} {written!r} on {piece!r}"


def test_a_quadratic_expression_would_be_found() -> None:
    with pytest.raises(AssertionError, match="on ' '"):
        test_no_text_holds_an_expression("made up", (r"[ \t]+$", 0, True))
