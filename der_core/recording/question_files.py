"""Question files as rows: JSON lines, JSON, CSV and its kin, Parquet.

Lines are taken apart by Python's own json and csv modules, Parquet by pyarrow. pandas reads all of these, but it
joins rows in silence where a quote is not closed, makes floats of labels where one is missing, and names no line.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from reprlib import repr as shortly
from typing import TYPE_CHECKING

from der_core.errors import QuestionsError
from der_core.recording.hub import class_names
from der_core.recording.opening import (
    FILE_LIMITS,
    JSON,
    MEGABYTE,
    PARQUET,
    SEPARATORS,
    ReadLimits,
    check_regular,
    decoded,
    format_within,
    in_words,
    lines_of,
    opened,
    too_large,
)
from der_core.recording.question_rows import Row, name_classes, role_of, shown_names

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile

_BATCH = 256
"""Rows of a Parquet file that are held at once."""
_SMALL_BATCH = 16
"""As many where each value may repeat the beginning of the one before, so that little of a file can unfold to much."""


def file_rows(path: Path, limits: ReadLimits = FILE_LIMITS) -> Iterator[Row]:
    """Yield the rows of a question file in their order; a row of empty cells is yielded without values.

    Raises QuestionsError, with the line where there is one, for what is no regular file, is not of its format,
    or passes a limit.
    """
    with in_words(path):
        check_regular(path, limits)
        kind = format_within(path)
        if kind in PARQUET:
            rows = _parquet_rows(path, limits)
        elif kind in SEPARATORS:
            rows = _table_rows(path, SEPARATORS[kind], limits)
        elif _is_document(path, kind, limits):
            rows = _document_rows(path, limits)
        else:
            rows = _json_line_rows(path, limits)
        for number, row in enumerate(rows, start=1):
            if number > limits.n_rows:
                raise QuestionsError(f"{path} holds more than {limits.n_rows:,} rows; divide it.")
            yield row


def _is_document(path: Path, kind: str, limits: ReadLimits) -> bool:
    """Tell whether a JSON file is one value rather than an object on each line."""
    with opened(path) as stream:
        start = stream.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    if kind != JSON or not start.startswith(b"{"):
        return start.startswith(b"[")
    with opened(path) as stream:
        filled = (line for line in lines_of(stream, path, replace(limits, row_bytes=limits.document_bytes)) if line.strip())
        first, second = next(filled, ""), next(filled, "")
    try:
        lists = _lists_in(json.loads(first))
    except (ValueError, RecursionError):
        return True  # an object that goes on over several lines, or a mistake that reading it will name
    return not second and bool(lists)


def _lists_in(document: object) -> dict[str, list[object]]:
    """The lists of objects that a JSON object holds, by name."""
    fields = document.items() if isinstance(document, dict) else ()
    return {str(name): value for name, value in fields if isinstance(value, list) and any(isinstance(row, dict) for row in value)}


def _document_rows(path: Path, limits: ReadLimits) -> Iterator[Row]:
    with opened(path) as stream:
        raw = stream.read(limits.document_bytes + 1)
    if len(raw) > limits.document_bytes:
        megabytes = limits.document_bytes / MEGABYTE
        raise QuestionsError(f"{path} holds more than {megabytes:g} MB as one JSON value; save it as JSON lines, an object on each line.")
    document = _parsed(decoded(raw, path, 1), str(path))
    lists = _lists_in(document)
    if len(lists) > 1:
        names = shown_names(lists)
        raise QuestionsError(f"{path} holds {len(lists)} lists ({names}); keep the one with the questions.")
    items = document if isinstance(document, list) else next(iter(lists.values()), [document])
    for number, item in enumerate(items, start=1):
        yield _object_row(item, f"{path}, item {number}")


def _json_line_rows(path: Path, limits: ReadLimits) -> Iterator[Row]:
    with opened(path) as stream:
        for number, line in enumerate(lines_of(stream, path, limits), start=1):
            if line.strip():
                where = f"{path}, line {number}"
                yield _object_row(_parsed(line, where), where)


def _parsed(text: str, where: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise QuestionsError(f"{where}: not JSON ({error}). Each line must be one JSON object, or the file one array of them.") from error


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """json itself would take the last of several and drop the others in silence."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.60} stands twice in one object")
    return fields


def _object_row(value: object, where: str) -> Row:
    if not isinstance(value, dict):
        raise QuestionsError(f"{where}: not a JSON object. Each row must be one, with question and answer.")
    return Row(where, value)


def _table_rows(path: Path, separators: str, limits: ReadLimits) -> Iterator[Row]:
    csv.field_size_limit(limits.row_bytes)  # of the whole process: csv knows no other way, and its own 128 KB are too few
    with opened(path) as stream:
        lines = lines_of(stream, path, limits)
        head: list[str] = []
        for line in lines:
            head.append(line)
            if line.strip():
                break
        separator = _separator(head[-1] if head else "", separators)
        records = _records(csv.reader(itertools.chain(head, lines), delimiter=separator, strict=True), path)
        where, header = next(records, ("", []))
        names = _header(header, where)
        for where, cells in records:
            if not any(cell.strip() for cell in cells):
                yield Row(where, {})
            elif len(cells) < len(names):
                raise QuestionsError(
                    f"{where}: {len(cells)} fields where the header names {len(names)}. Write every separator, and quote a text that goes on over several lines."
                )
            elif any(cell.strip() for cell in cells[len(names) :]):
                raise QuestionsError(f"{where}: more fields than the header names. Quote a text that holds the separator {separator!r}.")
            else:
                yield Row(where, dict(zip(names, cells, strict=False)))


def _separator(header: str, candidates: str) -> str:
    """Return the separator under which the header names a question, or else the most columns."""

    def columns(separator: str) -> list[str]:
        try:
            return next(csv.reader([header], delimiter=separator, strict=True), [])
        except csv.Error:
            return []

    fitting = [separator for separator in candidates if any(role_of(name) == "question" for name in columns(separator))]
    return max(fitting or candidates, key=lambda separator: len(columns(separator)))


def _records(reader: Iterator[list[str]], path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each record that is no empty line, with the place where it begins."""
    while True:
        began: int = reader.line_num + 1  # type: ignore[attr-defined]  # a csv reader, whose class has no public name
        where = f"{path}, line {began}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise QuestionsError(f"{where}: not CSV ({error}, by line {reader.line_num}). {_QUOTING}") from error  # type: ignore[attr-defined]
        if cells is None:
            return
        if cells:
            yield where, cells


_QUOTING = "Is a quote that opens there never closed? A quote within a quoted cell is written twice."


def _header(cells: Sequence[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise QuestionsError(f"{where}: the column {shown_names(twice[:1])} stands twice. Rename one.")
    if names and not any(role_of(name) == "question" for name in names):
        raise QuestionsError(
            f"{where}: no question column among {shown_names(names)}. Name one of them question; cells are separated by comma, semicolon, tab or |."
        )
    return names


def _parquet_rows(path: Path, limits: ReadLimits) -> Iterator[Row]:
    """Yield the rows; columns that nobody reads are named in them, but stay in the file."""
    import pyarrow  # late: most files are text
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
        names = _header(file.schema_arrow.names, str(path))
        taken = [name for name in names if role_of(name)]
        prefixed = _checked_columns(file, taken, path, limits)
        # Texts that stand in the file once for many rows are held once; pyarrow cannot do so where they share beginnings.
        file = ParquetFile(path, read_dictionary=[name for name in taken if name not in prefixed])
        classes = _classes(file.schema_arrow)
        n_bytes, number = 0, 0
        for batch in file.iter_batches(batch_size=_SMALL_BATCH if prefixed else _BATCH, columns=taken):
            n_unfolded = sum(map(_unfolded_bytes, batch.columns))
            n_bytes += n_unfolded
            if n_bytes > limits.n_bytes:
                raise QuestionsError(too_large(path, limits.n_bytes))
            n_held = batch.num_rows if n_unfolded <= limits.row_bytes else 1
            for start in range(0, batch.num_rows, n_held):
                for values in batch.slice(start, n_held).to_pylist():
                    number += 1
                    yield Row(f"{path}, row {number}", {**dict.fromkeys(names), **name_classes(values, classes)})
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise QuestionsError(f"{path} cannot be read as Parquet ({reason}). Save it again, or as JSON lines.") from error


def _checked_columns(file: ParquetFile, taken: Sequence[str], path: Path, limits: ReadLimits) -> set[str]:
    """Return the columns whose values may each repeat the beginning of the one before.

    Raises QuestionsError, before any row is read, for too many rows or bytes and for columns of neither texts nor numbers.
    """
    import pyarrow.types as kinds  # late, with the rest of pyarrow

    if file.metadata.num_rows > limits.n_rows:
        raise QuestionsError(f"{path} holds more than {limits.n_rows:,} rows; divide it.")
    for name in taken:
        kind = file.schema_arrow.field(name).type
        if kinds.is_nested(kind) or kinds.is_fixed_size_binary(kind):
            raise QuestionsError(
                f"{path}: the column {shown_names([name])} holds {str(kind):.60}, not texts or numbers. Make it one of them."
            )
    groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
    chunks = [chunk for group in groups for chunk in map(group.column, range(group.num_columns)) if chunk.path_in_schema in taken]
    if sum(chunk.total_uncompressed_size for chunk in chunks) > limits.n_bytes:
        raise QuestionsError(too_large(path, limits.n_bytes))
    return {chunk.path_in_schema for chunk in chunks if "DELTA_BYTE_ARRAY" in chunk.encodings}


def _unfolded_bytes(column: pyarrow.Array) -> int:
    """Bytes of the values of a column, each counted as often as it occurs; without its texts being copied."""
    import pyarrow
    import pyarrow.compute as compute

    if not isinstance(column, pyarrow.DictionaryArray) or pyarrow.types.is_primitive(column.dictionary.type):
        held: int = column.nbytes
        return held
    n_bytes: int | None = compute.sum(compute.binary_length(column.dictionary).take(column.indices)).as_py()
    return n_bytes or 0


def _classes(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """The names of the classes by column, where the file says that the hub's library wrote it."""
    if b"huggingface" not in (schema.metadata or {}):
        return {}
    from datasets import Features  # late: it takes seconds

    try:
        return class_names(Features.from_arrow_schema(schema))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"its description of the columns is not the hub's: {shortly(error)}") from error
