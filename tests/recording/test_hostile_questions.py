"""Question files as hostile or unlucky people make them: each is refused in one line, or read for what it plainly says."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from fuzzing import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from der_core.errors import QuestionsError
from der_core.recording.questions import read_questions
from der_core.records import Label

ROW = b'{"question": "is it a", "answer": "yes"}\n'
FORMULA = "=cmd|'/c calc'!A1"


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def parquet_of(rows: object) -> bytes:
    out = io.BytesIO()
    pd.DataFrame(rows).to_parquet(out)
    return out.getvalue()


REFUSED: dict[str, tuple[str, bytes]] = {
    "an empty file": ("q.jsonl", b""),
    "blanks alone": ("q.csv", b" \n\n \n"),
    "a mark alone": ("q.csv", b"\xef\xbb\xbf"),
    "a header alone": ("q.csv", b"question,answer\n"),
    "a quote that is never closed": ("q.csv", b'question,answer\nis it a,yes\n"is it b,no\nis it c,yes\nis it d,no\n'),
    "a quote that is never closed, in the header": ("q.csv", b'"question,answer\nis it a,yes\n'),
    "a quote that is never closed, in the last cell": ("q.tsv", b'question\tanswer\nis it a\t"yes\n'),
    "letters behind a closed quote": ("q.csv", b'question,answer\n"is it" a,yes\n'),
    "a row that is too short": ("q.csv", b"question,passage,answer\nis it a\n"),
    "a row that is too long": ("q.csv", b"question,answer\nis it a,yes,no,maybe\n"),
    "the same column twice": ("q.csv", b"question,answer,answer\nis it a,yes,no\n"),
    "no question column": ("q.csv", b"subject,answer\nis it a,yes\n"),
    "UTF-16": ("q.csv", "question,answer\nis it a,yes\n".encode("utf-16")),
    "UTF-32": ("q.jsonl", ROW.decode().encode("utf-32")),
    "Latin-1": ("q.csv", "question,answer\nis it höher,yes\n".encode("latin-1")),
    "NUL bytes": ("q.csv", b"question,answer\nis it \x00a,yes\n"),
    "NUL in JSON": ("q.jsonl", b'{"question": "is it \\u0000 a"}\n'),
    "half a letter": ("q.jsonl", b'{"question": "is it \\ud800 a"}\n'),
    "a field twice": ("q.jsonl", b'{"question": "is it a", "question": "is it b"}\n'),
    "depth without end": ("q.jsonl", b"[" * 200_000),
    "a deep answer": ("q.jsonl", b'{"question": "is it a", "answer": ' + b"[" * 900 + b"]" * 900 + b"}\n"),
    "a number of a million digits": ("q.jsonl", b'{"question": "is it a", "id": ' + b"9" * 1_000_000 + b"}\n"),
    "an infinite answer": ("q.jsonl", b'{"question": "is it a", "answer": 1e999}\n'),
    "a list as a question": ("q.jsonl", b'{"question": ["is it a"]}\n'),
    "an object as a passage": ("q.jsonl", b'{"question": "is it a", "passage": {"text": "b"}}\n'),
    "true as a question": ("q.jsonl", b'{"question": true}\n'),
    "a blank question": ("q.jsonl", b'{"question": " \\t"}\n'),
    "an answer that is none": ("q.csv", b"question,answer\nis it a,perhaps\n"),
    "an answer of 2": ("q.csv", b"question,answer\nis it a,2\n"),
    "two answers to one question": ("q.csv", b"question,answer\nis it a,yes\nis it a,no\n"),
    "two questions of one id": ("q.csv", b"id,question\n1,is it a\n1,is it b\n"),
    "an array that is cut": ("q.json", b'[{"question": "is it a"},'),
    "a number": ("q.json", b"7"),
    "a text": ("q.json", b'"is it a"'),
    "two lists": ("q.json", b'{"train": [{"question": "is it a"}], "test": [{"question": "is it b"}]}'),
    "comments": ("q.json", b'[{"question": "is it a"} /* yes */]'),
    "single quotes": ("q.jsonl", b"{'question': 'is it a'}\n"),
    "a web page": ("q.csv", b"<!doctype html><html><body>404</body></html>\n"),
    "a program": ("q.jsonl", b"\x7fELF\x02\x01\x01" + bytes(64)),
    "Parquet that is none": ("q.parquet", b"PAR1" + bytes(32) + b"PAR1"),
    "Parquet that is cut": ("q.parquet", parquet_of({"question": ["is it a"]})[:-9]),
    "Parquet of lists": ("q.parquet", parquet_of({"question": [["is it a"]]})),
    "Parquet of bytes": ("q.parquet", parquet_of({"question": [b"\xff\xfe"]})),
    "packing that is cut": ("q.jsonl.gz", gzip.compress(ROW * 50, mtime=0)[:-12]),
    "packing with another sum": ("q.jsonl.gz", gzip.compress(ROW, mtime=0)[:-8] + bytes(8)),
    "packing with rubbish behind": ("q.jsonl.gz", gzip.compress(ROW, mtime=0) + b"rubbish"),
    "a bomb of one line": ("q.jsonl.xz", lzma.compress(bytes(8_000_000))),
    "a bomb of blank lines within a bomb": ("q.jsonl.gz", gzip.compress(gzip.compress(b"\n" * 9_000_000, mtime=0), mtime=0)),
    "a broken zst": ("q.jsonl.zst", b"\x28\xb5\x2f\xfd" + bytes(20)),
    "a broken bz2": ("q.jsonl.bz2", b"BZh9" + bytes(20)),
    "a zip of two files": ("q.zip", zipped(("a.jsonl", ROW), ("b.jsonl", ROW))),
    "a zip of a zip": ("q.zip", zipped(("a.zip", zipped(("a.jsonl", ROW))))),
    "a zip of nothing": ("q.zip", zipped()),
    "a zip of a program": ("q.zip", zipped(("a.exe", b"MZ"))),
    "a zip that is cut": ("q.zip", zipped(("a.jsonl", ROW))[:-30]),
}

READ: dict[str, tuple[str, bytes, Sequence[str]]] = {
    "a mark before the header": ("q.csv", b"\xef\xbb\xbfquestion,answer\nis it a,yes\n", ["is it a"]),
    "line ends of Windows": ("q.csv", b"question,answer\r\nis it a,yes\r\nis it b,no\r\n", ["is it a", "is it b"]),
    "no end of the last line": ("q.jsonl", ROW.rstrip(), ["is it a"]),
    "a formula, which stays text": ("q.csv", f"question,answer\n{FORMULA},yes\n".encode(), [FORMULA]),
    "letters that turn the line": ("q.jsonl", json.dumps({"question": "is \u202eit\u202c a"}).encode(), ["is \u202eit\u202c a"]),
    "separators within quotes": ("q.csv", b'question;answer\n"is it a; or b, or c\td|e";yes\n', ["is it a; or b, or c\td|e"]),
    "a line end within quotes": ("q.csv", b'question,answer\n"is it\na",yes\n', ["is it\na"]),
    "quotes within quotes": ("q.csv", b'question,answer\n"is it ""a""",yes\n', ['is it "a"']),
    "empty rows and columns without a name": ("q.csv", b"question,,answer\n,,\nis it a,,yes\n,,\n", ["is it a"]),
    "packed twice in a row": ("q.jsonl.gz", gzip.compress(ROW, mtime=0) + gzip.compress(ROW.replace(b" a", b" b"), mtime=0), ["is it a", "is it b"]),
    "another name than its packing": ("q.jsonl", bz2.compress(ROW), ["is it a"]),
    "a way out of a zip, which leads nowhere": ("q.zip", zipped(("../../etc/evil.jsonl", ROW)), ["is it a"]),
    "a hundred columns that nobody reads": (
        "q.jsonl",
        json.dumps({"question": "is it a", **{f"extra {i}" * 30: [i] for i in range(100)}}).encode(),
        ["is it a"],
    ),
    "a long cell": ("q.csv", b"question,passage\nis it a," + b"x" * 300_000 + b"\n", ["is it a"]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_one_line_that_names_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(QuestionsError) as caught:
        read_questions(tmp_path / name)
    told = str(caught.value)
    assert told.isprintable() and len(told) < 1_500 and str(tmp_path / name) in told


@pytest.mark.parametrize(("name", "content", "texts"), READ.values(), ids=READ)
def test_it_is_read_for_what_it_says(tmp_path: Path, name: str, content: bytes, texts: Sequence[str]) -> None:
    (tmp_path / name).write_bytes(content)
    file = read_questions(tmp_path / name)
    assert [question.text for question in file.questions] == texts and file.summary.isprintable()
    assert not list(tmp_path.parent.glob("evil*"))


# --- whatever is written is read again, whatever the format

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40).map(str.strip).filter(bool)
ANSWERS = {Label.YES: ["yes", "True", "1", "1.0"], Label.NO: ["no", "FALSE", "0", "0.0"], None: ["", "-1", "NaN", "n/a"]}


def as_table(rows: Sequence[dict[str, str]], separator: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["question", "passage", "answer"], delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


WRITERS: dict[str, Callable[[Sequence[dict[str, str]]], bytes]] = {
    "q.jsonl": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "q.json": lambda rows: json.dumps({"data": rows}, ensure_ascii=False).encode(),
    "q.csv": lambda rows: as_table(rows, ","),
    "q.tsv": lambda rows: as_table(rows, "\t"),
    "semicolons.csv": lambda rows: as_table(rows, ";"),
    "q.parquet": parquet_of,
    "q.csv.gz": lambda rows: gzip.compress(as_table(rows, ","), mtime=0),
}


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_was_written_is_read(tmp_path: Path, data: st.DataObject) -> None:
    texts = data.draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True))
    golds = [data.draw(st.sampled_from([Label.YES, Label.NO, None])) for _ in texts]
    passages = [data.draw(st.one_of(st.just(""), TEXTS)) for _ in texts]
    rows = [
        {"question": text, "passage": passage, "answer": data.draw(st.sampled_from(ANSWERS[gold]))}
        for text, passage, gold in zip(texts, passages, golds, strict=True)
    ]
    name = data.draw(st.sampled_from(sorted(WRITERS)))
    (tmp_path / name).write_bytes(WRITERS[name](rows))
    read = read_questions(tmp_path / name).questions
    assert [(question.text, question.passage or "", question.gold) for question in read] == list(zip(texts, passages, golds, strict=True))
