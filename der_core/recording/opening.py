"""Opening question files: packed ones are unpacked, pipes and devices refused, and lines come in bounded memory."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import itertools
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from der_core.errors import QuestionsError

JSON_LINES, JSON, PARQUET = (".jsonl", ".ndjson"), ".json", (".parquet", ".pq")
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t,;|"}
"""What may stand between the cells of a table, the most likely first."""
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
FORMATS = "JSON lines (.jsonl, .ndjson), .json, .csv, .tsv or .parquet; text may be packed (.gz, .bz2, .xz, .zst, .zip)"
MEGABYTE = 2**20
_SIGNS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class ReadLimits:
    """How much of one file is read, counted after unpacking; what is larger is refused, never cut.

    `document_bytes` bounds JSON that is one value (an array, or an object around one) and has to be held as a whole.
    """

    n_bytes: int = 512 * MEGABYTE
    n_rows: int = 2_000_000
    row_bytes: int = 4 * MEGABYTE
    document_bytes: int = 64 * MEGABYTE


FILE_LIMITS = ReadLimits()


def is_question_file(source: str) -> bool:
    """Tell whether `source` is named as a question file is: whether it is there is another matter."""
    return format_of(source) in (*JSON_LINES, JSON, *SEPARATORS, *PARQUET, ".zip")


def unpacked_stem(source: str) -> str:
    """Return the name of a file without folder and suffixes: "q" for "data/q.jsonl.gz"."""
    path = PurePath(source)
    return PurePath(path.stem).stem if path.suffix.lower() in PACKED else path.stem


def format_of(name: str) -> str:
    """The suffix that says how a file is to be read, without the one that says how it is packed (but ".zip" alone stays)."""
    path = PurePath(name)
    outer, inner = path.suffix.lower(), PurePath(path.stem).suffix.lower()
    return inner or outer if outer in PACKED else outer


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Say in one line what the libraries that open and unpack files raise."""
    try:
        yield
    except EOFError as error:
        raise QuestionsError(f"{path} is cut short: its packing does not come to an end. Fetch or pack it again.") from error
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as error:
        raise QuestionsError(f"{path} cannot be unpacked ({error}). Unpack it yourself, or pack it again.") from error
    except OSError as error:
        raise QuestionsError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def check_regular(path: Path, limits: ReadLimits) -> None:
    """Look before opening: a pipe would be waited for, and a device never ends."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise QuestionsError(f"{path} is not a regular file (a folder, pipe or device); save the questions in a file first.")
    if status.st_size > limits.n_bytes:
        raise QuestionsError(too_large(path, limits.n_bytes))


def too_large(path: Path, n_bytes: int) -> str:
    """Return the sentence about a file that passes a limit."""
    return f"{path} holds more than {n_bytes / MEGABYTE:g} MB; divide it."


def format_within(path: Path) -> str:
    """Return the suffix that says how to read the file: for a zip that of the one file within."""
    if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return format_of(_only_member(path, archive).filename)
    return format_of(path.name)


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise QuestionsError(f"{path} holds {len(members)} files; pack the one file of questions alone.")
    (member,) = members
    if member.flag_bits & 1:
        raise QuestionsError(f"{path} is encrypted; unpack it first.")
    if not is_question_file(member.filename) or format_of(member.filename) == ".zip":
        raise QuestionsError(f"{path} holds {member.filename!r:.80}, which is no question file: {FORMATS}.")
    return member


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """Yield the bytes of the file, unpacked where its first bytes say that it is packed, whatever its name says."""
    with path.open("rb") as file, _unpacked(file, path) as stream:
        yield stream


def _unpacked(file: io.BufferedReader, path: Path) -> io.BufferedIOBase:
    first = file.peek(6)[:6]
    if first.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if first.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if first.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow  # late: few files are packed so

        return io.BufferedReader(pyarrow.CompressedInputStream(file, "zstd"))
    if first.startswith(b"PK\x03\x04"):
        archive = zipfile.ZipFile(file)
        return archive.open(_only_member(path, archive))  # type: ignore[return-value]  # a ZipExtFile, which its type keeps quiet about
    return file


def lines_of(stream: io.BufferedIOBase, path: Path, limits: ReadLimits) -> Iterator[str]:
    """Yield the lines, each with its end; only a line feed ends one."""
    n_bytes = 0
    for number in itertools.count(1):
        line = stream.readline(limits.row_bytes + 1)
        n_bytes += len(line)
        if not line:
            return
        if len(line) > limits.row_bytes:
            raise QuestionsError(f"{path}, line {number}: longer than {limits.row_bytes / MEGABYTE:g} MB, which no question is.")
        if n_bytes > limits.n_bytes:
            raise QuestionsError(too_large(path, limits.n_bytes))
        yield decoded(line, path, number)


def decoded(line: bytes, path: Path, number: int) -> str:
    """Return the text of a line (or of a whole document, as line 1), a mark at the beginning of the file taken off."""
    if number == 1:
        if line.startswith(_SIGNS_OF_UTF16):
            raise QuestionsError(f"{path} is not UTF-8 but UTF-16 text; save it as UTF-8.")
        line = line.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in line:
        raise QuestionsError(f"{path}, line {number}: a NUL byte, so no text (or UTF-16); save it as UTF-8 text.")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise QuestionsError(f"{path} is not UTF-8 text (line {number}: {error.reason}); save it as UTF-8.") from error
