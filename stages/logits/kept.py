"""What teachers have told, kept on this machine outside DVC's outputs, so that no row is asked twice.

A folder for each teacher, as it is asked, and each k. In it parts: files as `stages/rows/topk.py` writes them, whose
rows have their key for an id. A part is there once it is whole and never changes, and each process writes its own.
"""

# pyarrow: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.logits.examples import Scored
from stages.logits.found import Found
from stages.rows.topk import TopK, read, write
from stages.sampling.engine import settled, version
from stages.sampling.ledger.store import default_path
from stages.sampling.request import Model

ROWS_OF_PART = 512  # at least, but of the last one: what a kill can cost
ROWS_AT_ONCE = 4_096  # that are read together: 131 MB where each has 200 tokens and k is 20
MAX_ROWS_OF_PART = 2**20


class Learnt(Protocol):
    @property
    def ids(self) -> list[int]: ...

    @property
    def start(self) -> int: ...


class Kept:
    """Of one teacher. In memory is where each row lies, about 150 bytes, and no probabilities."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts = folder, list[Path]()
        self._places: dict[bytes, int] = {}  # by key: the part's number, times MAX_ROWS_OF_PART, and the row's in it
        for part in sorted(folder.glob("*.parquet")):
            self._enter(part, keys_in(part))

    def _enter(self, part: Path, keys: Sequence[bytes]) -> None:
        first = len(self._parts) * MAX_ROWS_OF_PART
        self._parts.append(part)
        for number, key in enumerate(keys, first):
            self._places.setdefault(key, number)

    def to_ask(self) -> Callable[[Learnt], bool]:
        """Whether a row is to be asked, told of one after the other: it is not kept, and none before has its tokens."""
        seen = set[bytes]()

        def is_new(row: Learnt) -> bool:
            key = key_of(row)
            if key in self._places or key in seen:
                return False
            seen.add(key)
            return True

        return is_new

    def keep(self, answers: Iterable[list[tuple[Scored, Found]]]) -> None:
        """Those that come together stay together. What came before a fault is kept too."""
        some = list[tuple[Scored, Found]]()
        try:
            for few in answers:
                some += few
                if len(some) >= ROWS_OF_PART:
                    part, some = some, []
                    self._write(part)
        finally:
            if some:
                self._write(some)

    def _write(self, some: Sequence[tuple[Scored, Found]]) -> None:
        part, keys = self._folder / f"{uuid.uuid4().hex}.parquet", [key_of(row) for row, _ in some]
        write(part, (TopK("", key.hex(), "", 0, *found) for key, (_, found) in zip(keys, some, strict=True)))
        self._enter(part, keys)

    def read(self, rows: Iterable[Scored]) -> Iterator[tuple[Scored, Found]]:
        """Each row, in order, with what is kept of it. All were asked before."""
        stream = iter(rows)
        while some := list(islice(stream, ROWS_AT_ONCE)):
            places, found = [divmod(self._places[key_of(row)], MAX_ROWS_OF_PART) for row in some], dict[tuple, Found]()
            for part, here in groupby(sorted(set(places)), lambda place: place[0]):
                wanted = {row for _, row in here}
                found |= {(part, row): one for row, one in rows_of(self._parts[part]) if row in wanted}
            yield from ((row, found[place]) for row, place in zip(some, places, strict=True))


def folder(model: Model, k: int) -> Path:
    """In the main checkout, in experiments too. Its name has a digest of all that decides what the teacher tells."""
    model = settled(model)
    decides = [model.engine, version(model), model.name, model.revision, model.precision, k]
    digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
    return default_path().parent / "logits" / f"{Path(model.name).name}-{digest}"


def key_of(row: Learnt) -> bytes:
    """A digest of the ids, and of which are learnt: 16 bytes."""
    return hashlib.blake2b(np.array([row.start, *row.ids], np.int32).tobytes(), digest_size=16).digest()


def keys_in(part: Path) -> list[bytes]:
    """In the order of its rows; none where a power cut tore the file, whose rows are then asked again."""
    try:
        return [bytes.fromhex(id) for id in pq.read_table(part, columns=["id"]).column("id").to_pylist()]
    except (pa.ArrowInvalid, OSError):
        return []


def rows_of(part: Path) -> Iterator[tuple[int, Found]]:
    """Copies, so that a row that stays in memory does not hold the whole part there."""
    for number, row in enumerate(read(part)):
        yield number, Found(row.token_ids.copy(), row.logprobs.copy())
