"""Question files as people have them: every format, packing and spelling is read or refused with what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from fuzzing import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from der_core.errors import QuestionsError
from der_core.recording.opening import FILE_LIMITS, MEGABYTE, ReadLimits
from der_core.recording.questions import load_questions, read_questions
from der_core.records import Label, Question

YES, NO = Label.YES, Label.NO
TEA = [
    {"question": "is tea made from leaves", "passage": "Tea is made from leaves.", "idx": 0, "label": 1},
    {"question": "is tea made from bark", "passage": "Tea is made from leaves.", "idx": 1, "label": 0},
]
TEA_READ = (
    Question("0", "is tea made from leaves", "Tea is made from leaves.", YES),
    Question("1", "is tea made from bark", "Tea is made from leaves.", NO),
)
SMALL = ReadLimits(n_bytes=2_000, n_rows=20, row_bytes=500, document_bytes=1_000)


def lines(rows: list[dict[str, object]] = TEA) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(separator: str, rows: list[dict[str, object]] = TEA) -> bytes:
    return pd.DataFrame(rows).to_csv(sep=separator, index=False).encode()


def saved(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def golds(path: Path) -> list[Label | None]:
    return [question.gold for question in load_questions(path)]


# --- labels, ids and columns of public sets


def test_unlabelled_sets_mark_what_is_unknown_by_minus_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "test.jsonl", lines([{**row, "label": -1} for row in TEA]))
    assert golds(path) == [None, None]
    assert golds(saved(tmp_path / "train.jsonl", lines())) == [YES, NO]


def test_a_column_of_labels_with_a_gap_holds_floats(tmp_path: Path) -> None:
    text = "idx,question,passage,label\n0,is tea made from leaves,Tea.,1.0\n1,is tea made from bark,Tea.,0.0\n2,is tea hot,Tea.,\n"
    assert [(question.id, question.gold) for question in load_questions(saved(tmp_path / "q.csv", text))] == [
        ("0", YES),
        ("1", NO),
        ("2", None),
    ]


def test_floats_and_nan_are_answers_in_json_too(tmp_path: Path) -> None:
    text = '{"question": "is it a", "label": 1.0}\n{"question": "is it b", "label": 0.0}\n{"question": "is it c", "label": NaN}\n'
    assert golds(saved(tmp_path / "q.jsonl", text)) == [YES, NO, None]


@pytest.mark.parametrize(("written", "read"), [(0, "0"), (1.0, "1"), ("2.0", "2"), ("1.10", "1.10"), ("007", "007"), (-3, "-3")])
def test_whole_numbers_are_ids(tmp_path: Path, written: object, read: str) -> None:
    assert load_questions(saved(tmp_path / "q.jsonl", lines([{**TEA[0], "idx": written}])))[0].id == read


def test_an_id_that_is_missing_here_and_there_is_made_from_the_content(tmp_path: Path) -> None:
    first, second = load_questions(saved(tmp_path / "q.jsonl", lines([{**TEA[0], "idx": float("nan")}, {**TEA[1], "idx": None}])))
    assert first.id.startswith("q-") and second.id.startswith("q-") and first.id != second.id


def test_a_column_of_another_name_is_taken_and_named(tmp_path: Path) -> None:
    rows = [{"Query": "does the shop open at nine", "context": "The shop opens at nine.", "gold": "yes", "guid": "a"}]
    file = read_questions(saved(tmp_path / "q.jsonl", lines(rows)))
    assert file.questions == (Question("a", "does the shop open at nine", "The shop opens at nine.", YES),)
    assert file.columns == {"question": ("Query",), "passage": ("context",), "answer": ("gold",), "id": ("guid",)}
    assert "Taken: question from Query, passage from context, answer from gold, id from guid" in file.summary


def test_a_misspelt_answer_column_is_named_with_what_it_was_meant_as(tmp_path: Path) -> None:
    text = "question,answr,source\n" + "".join(f"is lamp {i} lit,yes,me\n" for i in range(12))
    file = read_questions(saved(tmp_path / "typo.csv", text))
    assert file.unread == ("answr", "source")
    assert "Nobody reads: answr, source (is answr meant as answer?)" in file.summary
    assert "None of the 12 questions" in file.without_answers and "nobody reads answr" in file.without_answers


def test_half_of_the_answers_is_no_reason_to_ask(tmp_path: Path) -> None:
    text = "question,answer\n" + "".join(f"is lamp {i} lit,{('yes', '', 'no', '')[i % 4]}\n" for i in range(24))
    file = read_questions(saved(tmp_path / "half.csv", text))
    assert (len(file.questions), file.n_without_answer, file.without_answers) == (24, 12, "")
    assert file.summary == f"{tmp_path}/half.csv: 24 questions, 0 with a passage, 6 yes, 6 no, 12 without an answer."


def test_the_summary_tells_what_was_drawn_and_left_out(tmp_path: Path) -> None:
    text = "question,answer\nis it a,yes\n,,,\nis it a,yes\nis it b,no\n  , \nis it c,no\n"
    file = read_questions(saved(tmp_path / "q.csv", text), limit=2)
    assert (len(file.questions), file.n_read, file.left_out) == (2, 3, {"empty row": 2, "repeated row": 1})
    assert "2 questions drawn from 3" in file.summary and file.summary.endswith("Left out: 2 x empty row, 1 x repeated row.")


def test_one_question_with_two_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="line 3: same question or id .* as .*line 2"):
        load_questions(saved(tmp_path / "q.csv", "question,answer\nis it a,yes\nis it a,no\n"))


def test_names_of_columns_are_shown_without_control_characters_and_not_by_the_thousand(tmp_path: Path) -> None:
    row = {"question": "is it a", "\x1b[31mred\n": 1, "": 2, **{f"extra{i}" * 50: 3 for i in range(100)}}
    summary = read_questions(saved(tmp_path / "q.jsonl", lines([row]))).summary
    assert (
        summary.isprintable() and len(summary) < 700 and "\ufffd[31mred" in summary and "(no name)" in summary and "and 94 more" in summary
    )


# --- formats


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", lines()),
        ("q.ndjson", lines()),
        ("q.JSONL", b"\xef\xbb\xbf" + lines()),
        ("q.json", lines()),
        ("q.json", json.dumps(TEA)),
        ("q.json", json.dumps(TEA, indent=2)),
        ("q.jsonl", json.dumps(TEA)),
        ("q.json", json.dumps({"version": "1.1", "tags": ["a"], "data": TEA})),
        ("q.json", json.dumps({"version": "1.1", "data": TEA}, indent=1)),
        ("q.csv", table(",")),
        ("q.csv", table(";")),
        ("q.csv", table("\t")),
        ("q.csv", table("|")),
        ("q.tsv", table("\t")),
        ("q.tsv", table(",")),
        ("q.csv", b"\xef\xbb\xbf\r\n" + table(";").replace(b"\n", b"\r\n")),
    ],
)
def test_every_format_gives_the_same_questions(tmp_path: Path, name: str, content: bytes | str) -> None:
    assert load_questions(saved(tmp_path / name, content)) == TEA_READ


def test_one_object_alone_is_one_question(tmp_path: Path) -> None:
    for indent in (None, 2):
        assert load_questions(saved(tmp_path / "q.json", json.dumps(TEA[0], indent=indent))) == TEA_READ[:1]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no questions"),
        ("[]", "holds no questions"),
        ('["is it"]', "item 1: not a JSON object"),
        (json.dumps({"train": TEA, "test": TEA}), r"holds 2 lists \(train, test\)"),
        ('[\n{"question": "is it"},\n{"question": "is\n', "not JSON .*line 3"),
        ("[" * 100_000, "not JSON"),
        ("{" * 100_000, "not JSON"),
        ('{"question": "is it"}\n{"question": \n', "line 2: not JSON"),
    ],
)
def test_json_that_holds_no_questions_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(QuestionsError, match=problem) as caught:
        load_questions(saved(tmp_path / "q.json", content))
    assert "\n" not in str(caught.value)


def test_parquet_is_read_with_the_types_that_it_has(tmp_path: Path) -> None:
    frame = pd.DataFrame({**pd.DataFrame(TEA), "label": [1.0, np.nan], "picture": [b"\x00", b"\x01"]})
    frame.to_parquet(tmp_path / "q.parquet")
    file = read_questions(tmp_path / "q.parquet")
    assert [(question.id, question.gold) for question in file.questions] == [("0", YES), ("1", None)]
    assert file.unread == ("picture",)


def test_parquet_from_the_hub_carries_the_names_of_its_classes(tmp_path: Path) -> None:
    features = Features({"question": Value("string"), "label": ClassLabel(names=["yes", "no"])})
    Dataset.from_dict({"question": ["is ice cold", "is ice hot"], "label": [0, 1]}, features=features).to_parquet(tmp_path / "q.parquet")
    assert golds(tmp_path / "q.parquet") == [YES, NO]


def test_parquet_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match=r"q\.parquet cannot be read as Parquet \(.*\)\. Save it again"):
        load_questions(saved(tmp_path / "q.parquet", b"PAR1 or so"))
    parquet.write_table(pa.table({"question": ["is it"] * 21}), tmp_path / "long.parquet")
    with pytest.raises(QuestionsError, match="more than 20 rows"):
        read_questions(tmp_path / "long.parquet", limits=SMALL)
    parquet.write_table(pa.table({"question": [f"is it {i}" * 40 for i in range(10)]}), tmp_path / "wide.parquet")
    with pytest.raises(QuestionsError, match=r"more than 0\.001\d* MB"):
        read_questions(tmp_path / "wide.parquet", limits=SMALL)


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (pa.DictionaryArray.from_arrays(pa.array([0] * 40_000, pa.int32()), pa.array(["is it so " * 2_000])), {}),
        (pa.array(["is it so " * 2_000] * 40_000), {}),
        (pa.array(["is it so " * 2_000] * 40_000), {"use_dictionary": False, "column_encoding": {"question": "DELTA_BYTE_ARRAY"}}),
        (pa.array(["is it so " * 2_000] * 40_000), {"use_dictionary": False}),
    ],
)
def test_parquet_that_unfolds_to_too_much_is_refused_before_it_is_held(tmp_path: Path, texts: pa.Array, written: dict[str, object]) -> None:
    path = tmp_path / "bomb.parquet"
    parquet.write_table(pa.table({"question": texts}), path, compression="zstd", write_statistics=False, **written)
    assert path.stat().st_size < MEGABYTE
    with pytest.raises(QuestionsError, match="holds more than 64 MB; divide it"):
        read_questions(path, limits=replace(FILE_LIMITS, n_bytes=64 * MEGABYTE))


def test_parquet_with_texts_that_repeat_is_read_however_they_are_kept(tmp_path: Path) -> None:
    passages = ["The tide turns at noon. " * 200, "Ice floats on water. " * 200]
    table = pa.table(
        {
            "question": pa.array([f"is it {i}" for i in range(2_000)], pa.large_string()),
            "passage": [passages[i % 2] for i in range(2_000)],
            "answer": [i % 3 == 0 for i in range(2_000)],
            "kind": pa.array(["tide", "ice"] * 1_000).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "plain.parquet")
    delta = {name: "DELTA_BYTE_ARRAY" for name in ("question", "passage")}
    parquet.write_table(table.drop(["kind"]), tmp_path / "delta.parquet", use_dictionary=False, column_encoding=delta)
    for name in ("plain.parquet", "delta.parquet"):
        questions = read_questions(tmp_path / name, limits=replace(FILE_LIMITS, n_bytes=12 * MEGABYTE)).questions
        assert [(q.text, q.passage, q.gold) for q in questions[:2]] == [
            ("is it 0", passages[0].strip(), YES),
            ("is it 1", passages[1].strip(), NO),
        ]
        assert len(questions) == 2_000


def test_parquet_columns_of_lists_are_named(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"question": ["is it"], "passage": [["it", "is"]]}), tmp_path / "q.parquet")
    with pytest.raises(QuestionsError, match=r"the column passage holds list<.*, not texts or numbers"):
        load_questions(tmp_path / "q.parquet")


def test_a_long_cell_is_read_whole(tmp_path: Path) -> None:
    passage = "word " * 100_000
    (question,) = load_questions(saved(tmp_path / "q.csv", f'question,passage\nis it,"{passage}"\n'))
    assert question.passage == passage.strip()


@pytest.mark.parametrize("name", ["q.xlsx", "q.txt", "q.sqlite", "data.d/q.jsonl.rar"])
def test_a_file_of_another_kind_is_told_what_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    with pytest.raises(QuestionsError, match=r"format that is not read.*\.csv.*\.parquet"):
        load_questions(saved(tmp_path / name, lines()))


@pytest.mark.parametrize("mark", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_told(tmp_path: Path, mark: str) -> None:
    with pytest.raises(QuestionsError, match="UTF-16"):
        load_questions(saved(tmp_path / "q.csv", "question,answer\nis it,yes\n".encode(mark)))


# --- packing


def zipped(content: bytes, names: tuple[str, ...] = ("q.jsonl",)) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, content)

    return write


PACKERS = {
    "q.jsonl.gz": gzip.compress,
    "q.jsonl.bz2": bz2.compress,
    "q.jsonl.xz": lzma.compress,
    "q.jsonl.zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}


@pytest.mark.parametrize("name", PACKERS)
def test_packed_lines_are_unpacked_and_cut_ones_refused(tmp_path: Path, name: str) -> None:
    packed = PACKERS[name](lines())
    assert load_questions(saved(tmp_path / name, packed)) == TEA_READ
    with pytest.raises(QuestionsError, match=r"cut short|cannot be read: Truncated"):
        load_questions(saved(tmp_path / name, packed[:-4]))


def test_other_formats_may_be_packed_too_and_what_is_not_packed_is_read_as_it_is(tmp_path: Path) -> None:
    assert load_questions(saved(tmp_path / "q.csv.gz", gzip.compress(table(";")))) == TEA_READ
    assert load_questions(saved(tmp_path / "q.json.bz2", bz2.compress(json.dumps(TEA).encode()))) == TEA_READ
    assert load_questions(saved(tmp_path / "q.jsonl.gz", lines())) == TEA_READ
    assert load_questions(saved(tmp_path / "q.jsonl", gzip.compress(lines()))) == TEA_READ


def test_a_zip_of_one_file_is_read(tmp_path: Path) -> None:
    for name in ("q.zip", "q.jsonl.zip"):
        zipped(lines())(tmp_path / name)
        assert load_questions(tmp_path / name) == TEA_READ


@pytest.mark.parametrize(
    ("names", "problem"),
    [((), "holds 0 files"), (("a.csv", "b.csv"), "holds 2 files"), (("q.xlsx",), "'q.xlsx', which is no question file")],
)
def test_a_zip_of_anything_else_is_refused(tmp_path: Path, names: tuple[str, ...], problem: str) -> None:
    zipped(b"x", names)(tmp_path / "q.zip")
    with pytest.raises(QuestionsError, match=problem):
        load_questions(tmp_path / "q.zip")


def test_damaged_packing_is_refused(tmp_path: Path) -> None:
    spoiled = bytearray(gzip.compress(lines()))
    spoiled[20] ^= 0xFF
    with pytest.raises(QuestionsError, match="cannot be unpacked|not UTF-8|not JSON"):
        load_questions(saved(tmp_path / "q.jsonl.gz", bytes(spoiled)))
    with pytest.raises(QuestionsError, match="cannot be unpacked"):
        load_questions(saved(tmp_path / "q.zip", b"PK\x03\x04 and nothing more"))


# --- what must not be opened, and how much is read


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe.jsonl", "device.csv", "folder.json"):
        with pytest.raises(QuestionsError, match=rf"{name} is not a regular file"):
            load_questions(tmp_path / name)
    with pytest.raises(QuestionsError, match="cannot be read: File name too long"):
        load_questions(tmp_path / f"{'x' * 300}.jsonl")
    with pytest.raises(QuestionsError, match="no source of questions"):
        load_questions("x" * 5_000)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("q.jsonl", lines([{"question": "is it" * 100}]), "line 1: longer than"),
        ("q.csv", "question\nis it\n" + "x" * 600, "line 3: longer than"),
        ("q.csv", 'question\n"' + "is it\n" * 200 + '"\n', "line 2: not CSV .field larger than field limit .500"),
        ("q.csv", "question\n" + "".join(f"is it {i}\n" for i in range(21)), "more than 20 rows"),
        ("q.jsonl", "\n" * 2_001, r"more than 0\.001\d* MB"),
        ("q.json", json.dumps([{"question": f"is it {i}" * 10} for i in range(12)]), "as one JSON value; save it as JSON lines"),
        ("q.jsonl.gz", gzip.compress(b'{"question": "is it"}\n' * 1_000, mtime=0), "more than"),
        ("q.jsonl.xz", lzma.compress(b" " * 10_000_000), "line 1: longer than"),
    ],
)
def test_a_limit_that_is_passed_is_told(tmp_path: Path, name: str, content: bytes | str, problem: str) -> None:
    with pytest.raises(QuestionsError, match=problem):
        read_questions(saved(tmp_path / name, content), limits=SMALL)


def test_a_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = saved(tmp_path / "bomb.jsonl.gz", gzip.compress(bytes(200_000_000)))
    tracemalloc.start()
    with pytest.raises(QuestionsError, match="line 1: longer than 4 MB"):
        load_questions(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000


# --- whatever else is in a file


def seeds(folder: Path) -> dict[str, bytes]:
    """A sound file of each format and packing."""
    pd.DataFrame(TEA).to_parquet(folder / "whole.parquet")
    zipped(lines())(folder / "whole.zip")
    plain = {
        "q.jsonl": lines(),
        "q.json": json.dumps({"data": TEA}).encode(),
        "q.csv": table(";"),
        "q.tsv": table("\t"),
        "q.parquet": (folder / "whole.parquet").read_bytes(),
        "q.zip": (folder / "whole.zip").read_bytes(),
    }
    return plain | {name: pack(lines()) for name, pack in PACKERS.items()}


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    name, whole = data.draw(st.sampled_from(sorted(seeds(tmp_path).items())))
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    place = data.draw(st.integers(0, len(body)))
    body[place:place] = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b"\n", b"[[[", b"\x00", b",,,", b"\\ud83d"])))
    path = saved(tmp_path / name, bytes(body[: data.draw(st.integers(0, len(body)))]) if data.draw(st.booleans()) else bytes(body))
    try:
        file = read_questions(path)
    except QuestionsError as error:
        assert "\n" not in str(error) and len(str(error)) < 1_500
    else:
        assert file.summary.isprintable() and all(question.text and question.id for question in file.questions)
