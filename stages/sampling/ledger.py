"""Finished replies, kept outside DVC's outputs so that nothing is asked twice.

One SQLite file under the main checkout: DVC sets DVC_ROOT there for `dvc exp run --temp` and queued
runs too. A commit holds a whole batch, so a process killed at any moment leaves whole batches only.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from stages.sampling.request import Model, Reply

SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    engine TEXT NOT NULL, model TEXT NOT NULL, revision TEXT NOT NULL, day TEXT NOT NULL
) WITHOUT ROWID
"""
# SQLite's default limit of variables in one statement is 32,766
KEYS_PER_QUERY = 10_000


def default_path() -> Path:
    return Path(os.environ.get("DVC_ROOT", ".")) / ".potstill" / "ledger.sqlite"


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained("nothing was asked"):
            self._connection = sqlite3.connect(path, timeout=60)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(SCHEMA)

    @contextmanager
    def _explained(self, cost: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise SystemExit(
                f"ledger {self.path}: {error}; {cost}. If the disk is full, free some space and run the same command again: only what is missing is asked."
            ) from error

    def get(self, keys: list[str]) -> dict[str, Reply]:
        """Key -> reply, for those of the keys that have one."""
        found: dict[str, Reply] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            chunk = keys[start : start + KEYS_PER_QUERY]
            rows = self._connection.execute(
                f"SELECT key, text, finish_reason, prompt_tokens, completion_tokens FROM replies WHERE key IN ({','.join('?' * len(chunk))})",
                chunk,
            )
            found.update({key: Reply(*rest) for key, *rest in rows})
        return found

    def put(self, model: Model, replies: Iterable[tuple[str, Reply]]) -> None:
        """Keep these replies, all or none; a key that has a reply keeps its first."""
        day = datetime.now(UTC).date().isoformat()
        rows = [(key, r.text, r.finish_reason, r.prompt_tokens, r.completion_tokens, model.engine, model.name, model.revision, day) for key, r in replies]
        with self._explained(f"{len(rows)} replies could not be kept, all earlier ones are"), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO replies VALUES (?,?,?,?,?,?,?,?,?)", rows)

    def close(self) -> None:
        self._connection.close()
