"""The ledger's tables, and how an older ledger becomes one of today's."""

import sqlite3
from pathlib import Path

VERSION = 3

# The replies lie in the order of their arrival: only the short keys are looked up at random, which keeps ten million
# fast.
TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY NOT NULL, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    engine TEXT NOT NULL, model TEXT NOT NULL, revision TEXT NOT NULL, served TEXT NOT NULL, day TEXT NOT NULL,
    cost REAL, reasoning TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY NOT NULL, owner TEXT NOT NULL) WITHOUT ROWID;
"""
FROM_1 = """
ALTER TABLE replies RENAME TO replies_1;
{tables}
INSERT INTO replies SELECT
    from_hex(key), text, finish_reason, prompt_tokens, completion_tokens, engine, model, revision,
    '', day, 0, '' FROM replies_1;
DROP TABLE replies_1;
"""
FROM_2 = """
ALTER TABLE replies RENAME TO replies_2;
{tables}
INSERT INTO replies SELECT *, '' FROM replies_2 ORDER BY rowid;
DROP TABLE replies_2;
"""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the ledger to today's form in one transaction; an unknown, later form is left alone."""
    version = get_version(connection)
    if version == VERSION:
        return
    if version > VERSION:
        raise SystemExit(
            f"ledger {path}: got form {version}, wanted {VERSION} or earlier: a later Potstill wrote it; use that "
            f"one. Nothing was changed."
        )
    connection.create_function("from_hex", 1, bytes.fromhex)
    connection.execute("BEGIN IMMEDIATE")
    version = get_version(connection)  # another process may have been first
    statements = {0: TABLES, 1: FROM_1.format(tables=TABLES), 2: FROM_2.format(tables=TABLES), VERSION: ""}[version]
    for statement in statements.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.commit()


def get_version(connection: sqlite3.Connection) -> int:
    """Form 1 bore no number: a table of replies without a claims table."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (num_tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'replies'").fetchone()
    return version or num_tables
