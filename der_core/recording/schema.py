"""The tables of a store, as migrations: entry k brings a file from version k to version k + 1.

Nothing is stored twice: questions, prompt texts and request frames are kept once by content, replies once by
the key of their request; entries say which recording holds which reply where. A prompt text that contains its
question is compressed with the question as dictionary, so that only the words around it take room.
Times are unix seconds in UTC where named `created_utc`, else durations in seconds; NULL is "not known".
"""

APPLICATION_ID = 0x44455231
"""Marks an SQLite file as one of ours ("DER1")."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS recordings (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        meta TEXT NOT NULL,
        created_utc INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS questions (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        body TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS recorded_questions (
        recording INTEGER NOT NULL REFERENCES recordings(id),
        question_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        question INTEGER NOT NULL REFERENCES questions(id),
        PRIMARY KEY (recording, question_id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS recorded_experts (
        id INTEGER PRIMARY KEY,
        recording INTEGER NOT NULL REFERENCES recordings(id),
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        spec TEXT NOT NULL,
        UNIQUE (recording, name)
    );
    CREATE TABLE IF NOT EXISTS frames (
        id INTEGER PRIMARY KEY,
        body TEXT NOT NULL,
        reply_digest TEXT NOT NULL,
        UNIQUE (body, reply_digest)
    );
    CREATE TABLE IF NOT EXISTS texts (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        question INTEGER REFERENCES questions(id),
        body BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS replies (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        frame INTEGER NOT NULL REFERENCES frames(id),
        texts TEXT NOT NULL,
        text TEXT NOT NULL,
        label INTEGER NOT NULL,
        p_yes REAL,
        load_s REAL,
        prompt_s REAL,
        generation_s REAL,
        wall_s REAL,
        prompt_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL,
        generated_tokens INTEGER NOT NULL,
        created_utc INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS entries (
        recording INTEGER NOT NULL REFERENCES recordings(id),
        question INTEGER NOT NULL REFERENCES questions(id),
        expert INTEGER NOT NULL REFERENCES recorded_experts(id),
        previous_label INTEGER NOT NULL,
        reply INTEGER NOT NULL REFERENCES replies(id),
        PRIMARY KEY (recording, question, expert, previous_label)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS faults (
        id INTEGER PRIMARY KEY,
        recording INTEGER NOT NULL REFERENCES recordings(id),
        expert TEXT NOT NULL,
        kind TEXT NOT NULL,
        message TEXT NOT NULL,
        created_utc INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS vectors (
        id INTEGER PRIMARY KEY,
        encoder TEXT NOT NULL,
        text_digest BLOB NOT NULL,
        vector BLOB NOT NULL,
        UNIQUE (encoder, text_digest)
    );
    """,
    # How the numbers of a vector are packed: f4, or f2 where halves lose nothing.
    "ALTER TABLE vectors ADD COLUMN packed TEXT NOT NULL DEFAULT 'f4';",
)

AT_PLACE = """
    JOIN entries e ON e.reply = p.id
    JOIN recorded_experts x ON x.id = e.expert
    JOIN recorded_questions q USING (recording, question)
    WHERE (e.recording, question_id, x.name, previous_label) = (?, ?, ?, ?)
"""
"""Finds the reply `p` at one place of a recording."""

KEEP_ONE_RECORDING: tuple[str, ...] = (
    "DELETE FROM entries WHERE recording != :recording",
    "DELETE FROM faults WHERE recording != :recording",
    "DELETE FROM recorded_experts WHERE recording != :recording",
    "DELETE FROM recorded_questions WHERE recording != :recording",
    "DELETE FROM recordings WHERE id != :recording",
    "DELETE FROM replies WHERE id NOT IN (SELECT reply FROM entries)",
    "DELETE FROM frames WHERE id NOT IN (SELECT frame FROM replies)",
    "DELETE FROM texts WHERE id NOT IN (SELECT j.value FROM replies, json_each(replies.texts) j)",
    "DELETE FROM questions WHERE id NOT IN (SELECT question FROM recorded_questions)"
    " AND id NOT IN (SELECT question FROM texts WHERE question IS NOT NULL)",
)
"""What an export removes, in this order: other recordings, and then whatever nothing refers to any more."""
