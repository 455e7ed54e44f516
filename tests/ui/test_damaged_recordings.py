"""The person's own store of recordings, damaged in one place or another: every page says so in a sentence, and none shows an exception."""

from __future__ import annotations

import re
import sqlite3

import pytest
from homes import Home, open_page

DEEP = "[" * 50_000
PAGES = ("app.py", *(f"pages/{name}.py" for name in ("experts", "record", "train", "route", "compare", "reward_lab", "runs")))
DAMAGE = {
    "meta that is a list": "UPDATE recordings SET meta = '[1]'",
    "meta without end": f"UPDATE recordings SET meta = '{DEEP}'",
    "a name of bytes": "UPDATE recordings SET name = x'ff00'",
    "a question that is none": "UPDATE questions SET body = '[]' WHERE id = 2",
    "a question that is not there": "DELETE FROM questions WHERE id = 2",
    "settings that are a list": "UPDATE recorded_experts SET spec = '[\"cheap\"]' WHERE id = 1",
    "settings of another expert": "UPDATE recorded_experts SET spec = replace(spec, '\"cheap\"', '\"other\"') WHERE id = 1",
    "a text that is none": "UPDATE replies SET text = CAST(x'ff41' AS TEXT) WHERE id = 2",
    "a label that is none": "UPDATE replies SET label = 7 WHERE id = 2",
    "P(yes) of 5": "UPDATE replies SET p_yes = 5 WHERE id = 2",
    "a count of 2**40": "UPDATE replies SET prompt_tokens = 1 << 40 WHERE id = 2",
    "a place that leads nowhere": "UPDATE entries SET expert = 99 WHERE reply = 2",
    "a fault of bytes": "INSERT INTO faults (recording, expert, kind, message, created_utc) VALUES (1, 'cheap', x'ff', 'x', 'never')",
    "a vector that is none": "UPDATE vectors SET vector = x'0000c07f'",
    "a view": "CREATE VIEW extra AS SELECT 1",
    "another schema": "ALTER TABLE replies ADD COLUMN host TEXT",
}


@pytest.mark.parametrize("sql", DAMAGE.values(), ids=DAMAGE)
def test_it_is_told_and_no_page_breaks(recorded_home: Home, sql: str) -> None:
    damage(recorded_home, sql)
    assert told_on_pages()


def test_a_text_that_is_not_shown_disturbs_nobody(recorded_home: Home) -> None:
    damage(recorded_home, "UPDATE replies SET text = x'ff' WHERE id = 2")
    assert not told_on_pages()


@pytest.mark.parametrize("body", [b"question,answer\n", b"SQLite format 3\x00" + bytes(84)], ids=["a text", "a head alone"])
def test_so_is_a_file_that_is_no_store(recorded_home: Home, body: bytes) -> None:
    for log in recorded_home.folder.glob("recordings.sqlite-*"):
        log.unlink()
    recorded_home.store.write_bytes(body)
    assert told_on_pages()


def damage(home: Home, sql: str) -> None:
    with sqlite3.connect(home.store) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(sql)
    db.close()


def told_on_pages() -> list[str]:
    """Open every page, none of which may show an exception; return the sentences that say that the recordings cannot be read."""
    apps = {page: open_page(page) for page in PAGES}
    assert [page for page, app in apps.items() if app.exception] == []
    told = (str(element.value) for app in apps.values() for element in (*app.error, *app.warning))
    return [
        words for words in told if re.search("was not recorded|not written by this program|cannot be used|not a recording store", words)
    ]
