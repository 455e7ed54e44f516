"""Sets of questions on the hub, through the datasets library: by name, with a configuration where a set has several."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from der_core.errors import QuestionsError
from der_core.recording.question_rows import Row, name_classes, role_of

BOOLQ = "google/boolq"
_LOUD = ("huggingface_hub", "datasets", "transformers", "sentence_transformers")
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(:[\w.-]+)?")


def is_hub_name(source: str) -> bool:
    """Tell whether `source` can be a hub set: "org/name", "name/configuration" or "org/name:configuration"."""
    return _HUB_NAME.fullmatch(source) is not None


def hub_prefix(name: str, split: str) -> str:
    """Return what the ids of a hub set's questions begin with, such as "boolq-train"."""
    return "-".join([*re.split("[/:]", name)[1:], split])


def hub_rows(name: str, split: str) -> Iterator[Row]:
    """Yield the rows of one split, class numbers replaced by the names of the classes.

    Raises QuestionsError, with what to do, where the set cannot be loaded.
    """
    loaded = _loaded(name, split)
    names, classes = list(loaded.features), class_names(loaded.features)
    # Pictures and sounds beside the questions would be decoded for nobody.
    taken = loaded.select_columns([column for column in names if role_of(column)] or names)
    for number, values in enumerate(taken):
        yield Row(f"{name}, {split} question {number}", {**dict.fromkeys(names), **name_classes(values, classes)})


def hub_errors() -> tuple[type[Exception], ...]:
    """What can go wrong between a library and the hub, odd surroundings included: an address of a proxy that is none, a missing file of
    certificates, a proxy for which a package is missing (ImportError)."""
    import httpx2

    return OSError, ValueError, ImportError, httpx2.HTTPError, httpx2.InvalidURL


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Keep bars and notices of the hub's libraries away from people, who get one line at the end; bars stay away for good."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # documented, but not marked as exported

    disable_progress_bars()
    levels = {logger: logger.level for logger in map(logging.getLogger, _LOUD)}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def class_names(features: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the names of the classes, by column, for those columns whose values are numbers of classes."""
    from datasets import ClassLabel  # late: it takes seconds, and the hub is one source of several

    return {name: list(feature.names) for name, feature in features.items() if isinstance(feature, ClassLabel)}


def _loaded(name: str, split: str) -> Any:  # Any: a datasets.Dataset, whose library is imported late
    from datasets import disable_progress_bars, load_dataset
    from datasets.exceptions import DatasetsError

    disable_progress_bars()
    unknown: list[FileNotFoundError] = []
    try:
        with quiet_hub():
            for repository, configuration in _readings(name):
                try:
                    return load_dataset(repository, configuration, split=split)
                except FileNotFoundError as error:
                    unknown.append(error)
            raise unknown[0]
    except (*hub_errors(), DatasetsError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise QuestionsError(
            f"{name} ({split}) could not be loaded from the hub: {reason}. "
            "Without a hub, use --questions FILE.jsonl with question and answer on each line."
        ) from error


def _readings(name: str) -> list[tuple[str, str | None]]:
    """What the name may mean, as repository and configuration, the likelier first: "a/b" is a set of a's or the set a, configured as b."""
    if ":" in name:
        repository, _, configuration = name.partition(":")
        return [(repository, configuration)]
    owner, _, rest = name.partition("/")
    readings = [(name, None), (owner, rest)]
    # A set that is a folder here needs no hub, which would be waited for under the other reading.
    return readings[::-1] if Path(owner).is_dir() and not Path(name).is_dir() else readings
