"""Finished replies, kept outside DVC's outputs so that nothing is asked twice.

One SQLite file under the main checkout: DVC sets DVC_ROOT there for `dvc exp run --temp` and queued
runs too. A commit holds a whole batch, so a process killed at any moment leaves whole batches only.
Processes that ask at the same time claim what they are about to ask, so that none asks what another does.
"""

import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stages.sampling.ledger.schema import migrate
from stages.sampling.request import Model, Reply

FIELDS = "text, finish_reason, prompt_tokens, completion_tokens, served, reasoning"
# SQLite's default limit of variables in one statement is 32,766
KEYS_PER_QUERY = 10_000
# Replies are on the disk itself so long after they are kept: a killed process loses none, a power cut as many.
SYNC_SECONDS = 1.0
# Owners within this process: it may take its own POSIX locks again, so a lock does not tell it that another ledger here
# lives.
OWNERS_HERE: set[str] = set()


def default_path() -> Path:
    return Path(os.environ.get("DVC_ROOT", ".")) / ".potstill" / "ledger.sqlite"


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained("nothing was asked"):
            self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=NORMAL")
            migrate(self.connection, path)
        self._synced = time.monotonic()
        self._owner = uuid.uuid4().hex
        self._owners = path.parent / "owners"
        self._lock: int | None = None

    @contextmanager
    def _explained(self, cost: str) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise SystemExit(
                f"ledger {self.path}: {error}; {cost}. If the disk is full, free some space and run the same command "
                f"again: only what is missing is asked. "
                "`python -m tools.ledger verify` tells whether the file is whole."
            ) from error

    @contextmanager
    def transaction(self, cost: str) -> Generator[None]:
        """All of what is done within, or none of it."""
        with self._explained(cost):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    def get(self, keys: list[bytes]) -> dict[bytes, Reply]:
        """Key -> reply, for those of the keys that have one."""
        rows = self._select(f"SELECT key, {FIELDS} FROM replies WHERE key IN", keys)
        return {
            key: Reply(text, ended, prompt, completion, "", served, thought)
            for key, text, ended, prompt, completion, served, thought in rows
        }

    def known(self, keys: list[bytes]) -> set[bytes]:
        """Those of the keys that have a reply."""
        return {key for (key,) in self._select("SELECT key FROM replies WHERE key IN", keys)}

    def has_replies_of(self, model: Model) -> bool:
        query = "SELECT 1 FROM replies WHERE engine = ? AND model = ? AND revision = ? LIMIT 1"
        return self.connection.execute(query, (model.local_engine, model.name, model.revision)).fetchone() is not None

    def _select(self, query: str, keys: list[bytes]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), KEYS_PER_QUERY):
            chunk = keys[start : start + KEYS_PER_QUERY]
            yield from self.connection.execute(f"{query} ({','.join('?' * len(chunk))})", chunk)

    def put(self, model: Model, replies: Iterable[tuple[bytes, Reply]]) -> None:
        """Keep these replies, all or none; a key that has a reply keeps its first."""
        day = datetime.now(UTC).date().isoformat()
        rows = [
            (key, r.text, r.finish_reason, r.prompt_tokens, r.completion_tokens,
             model.local_engine, model.name, model.revision, r.served, day,
             model.cost(r.prompt_tokens, r.completion_tokens), r.reasoning)
            for key, r in replies
        ]  # fmt: skip
        with self.transaction(f"{len(rows)} replies could not be kept, all earlier ones are"):
            self.connection.executemany("INSERT OR IGNORE INTO replies VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows)
            self.connection.executemany("DELETE FROM claims WHERE key = ?", [row[:1] for row in rows])
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self._sync()

    def _sync(self) -> None:
        with self._explained("all replies are kept"):
            self.connection.execute("PRAGMA wal_checkpoint")
        self._synced = time.monotonic()

    def claim(self, keys: list[bytes]) -> set[bytes]:
        """Those of the keys that are this process's to ask: without a reply, and asked by no other living process."""
        with self.transaction("nothing more was asked"):
            self._show_life()
            living = self._bury_the_dead()
            claimed = {
                key
                for key, owner in self._select("SELECT key, owner FROM claims WHERE key IN", keys)
                if owner in living
            }
            free = set(keys) - claimed - self.known(keys)
            self.connection.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?)", [(key, self._owner) for key in free]
            )
        return free

    def release(self) -> None:
        """Give up all claims of this process."""
        if self._lock is not None:
            with self.transaction("this run's claims stand until its process ends"):
                self.connection.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
            self._sync()
            (self._owners / self._owner).unlink(missing_ok=True)
            OWNERS_HERE.discard(self._owner)
            os.close(self._lock)
            self._lock = None

    def _show_life(self) -> None:
        """Hold a lock that the kernel lets go of when this process dies: how others know that its claims are void."""
        if self._lock is None:
            self._owners.mkdir(exist_ok=True)
            self._lock = os.open(self._owners / self._owner, os.O_CREAT | os.O_RDWR)
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
            OWNERS_HERE.add(self._owner)

    def _bury_the_dead(self) -> set[str]:
        """The other owners that live; the claims of the others are deleted."""
        living = set[str]()
        for lock in self._owners.iterdir():
            if lock.name == self._owner:
                continue
            if lock.name not in OWNERS_HERE and is_free(lock):
                self.connection.execute("DELETE FROM claims WHERE owner = ?", (lock.name,))
                lock.unlink(missing_ok=True)
            else:
                living.add(lock.name)
        return living

    def close(self) -> None:
        self.release()
        self.connection.close()


def is_free(lock: Path) -> bool:
    """True where no process holds a lock on this file; a POSIX lock, so it outlives no process and no child inherits
    it."""
    try:
        with lock.open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
