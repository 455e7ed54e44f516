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
    # Counts may be unknown; what a reply was read from; who asks what now; digests, prices and flip rates. SQLite lifts
    # NOT NULL only by making the table anew. A prompt of 0 tokens does not exist: it was a count that was never told.
    """
    CREATE TABLE replies_with_evidence (
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
        prompt_tokens INTEGER,
        cached_tokens INTEGER,
        generated_tokens INTEGER,
        created_utc INTEGER NOT NULL,
        reason TEXT,
        alternatives BLOB,
        token_logprobs BLOB,
        printed TEXT,
        interpreter TEXT,
        digest_in_force TEXT
    );
    INSERT INTO replies_with_evidence
        SELECT id, key, frame, texts, text, label, p_yes, load_s, prompt_s, generation_s, wall_s,
               nullif(prompt_tokens, 0), cached_tokens, generated_tokens, created_utc, NULL, NULL, NULL, NULL, NULL, NULL
        FROM replies;
    DROP TABLE replies;
    ALTER TABLE replies_with_evidence RENAME TO replies;
    CREATE TABLE claims (
        key BLOB PRIMARY KEY,
        owner TEXT NOT NULL,
        expires_utc REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE calibrations (
        id INTEGER PRIMARY KEY,
        recording INTEGER NOT NULL REFERENCES recordings(id),
        expert TEXT NOT NULL,
        prompt_token_s REAL NOT NULL,
        generated_token_s REAL NOT NULL,
        n_calls INTEGER NOT NULL,
        meta TEXT NOT NULL,
        created_utc INTEGER NOT NULL
    );
    CREATE TABLE flip_rates (
        id INTEGER PRIMARY KEY,
        recording INTEGER NOT NULL REFERENCES recordings(id),
        expert TEXT NOT NULL,
        n_asked INTEGER NOT NULL,
        n_flipped INTEGER NOT NULL,
        meta TEXT NOT NULL,
        created_utc INTEGER NOT NULL
    );
    """,
)

AS_OF_TODAY: dict[int, tuple[str, ...]] = {
    1: ("CREATE TEMP VIEW vectors AS SELECT *, 'f4' AS packed FROM main.vectors",),
    2: (
        """CREATE TEMP VIEW replies AS SELECT id, key, frame, texts, text, label, p_yes, load_s, prompt_s, generation_s, wall_s,
           nullif(prompt_tokens, 0) AS prompt_tokens, cached_tokens, generated_tokens, created_utc, NULL AS reason, NULL AS alternatives,
           NULL AS token_logprobs, NULL AS printed, NULL AS interpreter, NULL AS digest_in_force FROM main.replies""",
        "CREATE TEMP TABLE calibrations (id, recording, expert, prompt_token_s, generated_token_s, n_calls, meta, created_utc)",
        "CREATE TEMP TABLE flip_rates (id, recording, expert, n_asked, n_flipped, meta, created_utc)",
    ),
}
"""What a file of version k lacks for being read as one of version k + 1, laid over it in memory: the file stays as it is."""

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
    "DELETE FROM calibrations WHERE recording != :recording",
    "DELETE FROM flip_rates WHERE recording != :recording",
    "DELETE FROM claims",
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
