"""What experts are called in front of people: "Qwen 1.5B, writes a program" for `qwen2.5-coder-1.5b@program`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from der_core.config import ExpertSpec, Style

STYLE_WORDS: dict[Style, str] = {
    "direct": "answers at once",
    "examples": "reads with examples",
    "reason": "reasons first",
    "program": "writes a program",
}
_FAMILIES = {"smollm": "SmolLM", "deepseek": "DeepSeek", "gpt": "GPT", "olmo": "OLMo", "tinyllama": "TinyLlama"}
_SIZE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?[bm](?![\w.])", re.IGNORECASE)
_FAMILY = re.compile(r"(?P<family>[a-z]+)(?P<version>\d[\d.]*)?", re.IGNORECASE)


def friendly_names(specs: Sequence[ExpertSpec]) -> tuple[str, ...]:
    """Return what to call each expert of a pool, in its order: short, and never the same for two of them.

    Names that people gave are kept. Where family and size do not tell two experts apart, their whole model names do, then
    their exact names.
    """
    ways: tuple[Callable[[ExpertSpec], str], ...] = (_short, _long, lambda spec: spec.name)
    names = [ways[0](spec) for spec in specs]
    for way in ways[1:]:
        shared = {name for name, times in Counter(names).items() if times > 1}
        names = [way(spec) if name in shared else name for spec, name in zip(specs, names, strict=True)]
    return _numbered(names)


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Tell equal names apart by numbers: an exact name may be what another expert is called in short."""
    given: list[str] = []
    for name in names:
        numbers = (f"{name} ({number})" for number in range(2, len(names) + 2))
        given.append(next(one for one in (name, *numbers) if one not in given))
    return tuple(given)


def _short(spec: ExpertSpec) -> str:
    """Family and size: "Qwen 1.5B, writes a program"."""
    words, size = _model_words(spec), _size(spec)
    return _styled(spec, [_family(words[0]), size] if words and size else [*map(_word, words)])


def _long(spec: ExpertSpec) -> str:
    """The whole name of the model: "Qwen2.5 Coder 1.5B, writes a program"."""
    return _styled(spec, [*map(_word, _model_words(spec)), _size(spec)])


def _styled(spec: ExpertSpec, words: Sequence[str]) -> str:
    model = " ".join(word for word in words if word)
    return f"{model}, {STYLE_WORDS[spec.style]}" if model and _is_named_after_its_model(spec) else spec.name


def _model_words(spec: ExpertSpec) -> list[str]:
    """The words of a model's name that are no size."""
    return [word for word in re.split(r"[-_:\s]+", _stem(spec.model)) if word and not _SIZE.fullmatch(word)]


def _stem(model: str) -> str:
    """A model's name without folder, owner and file ending."""
    return re.split(r"[/\\]", model)[-1].removesuffix(".gguf")


def _is_named_after_its_model(spec: ExpertSpec) -> bool:
    own, model = spec.name.partition("@")[0].removesuffix("+held"), _stem(spec.model)
    return _joined(own) in (_joined(model), _joined(model.removesuffix(":latest")))


def _joined(name: str) -> str:
    return re.sub(r"[-_:/\s]+", "-", _stem(name)).lower()


def _size(spec: ExpertSpec) -> str:
    """The size as the name tells it, else as the expert does; "" where nobody knows it."""
    told = _SIZE.search(_stem(spec.model))
    if told or spec.params_billions is None:
        return told.group().upper() if told else ""
    return f"{1000 * spec.params_billions:.0f}M" if spec.params_billions < 1 else f"{spec.params_billions:.2g}B"


def _family(word: str) -> str:
    found = _FAMILY.match(word)
    return _word(found["family"] if found else word)


def _word(word: str) -> str:
    found = _FAMILY.fullmatch(word)
    if found is None:
        return word
    family = found["family"]
    known = _FAMILIES.get(family.lower()) or (family.capitalize() if family.islower() else family)
    return known + (found["version"] or "")
