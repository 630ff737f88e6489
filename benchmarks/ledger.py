"""How fast the ledger keeps and finds replies, against a plain append-only JSONL file: `python -m benchmarks.ledger`.

100,000 replies of 1 KB, in batches of 128 as the transformers engine commits them.
"""

import json
import os
import tempfile
import time
from pathlib import Path

from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Reply

NUM_REPLIES, BATCH = 100_000, 128
MODEL = Model("transformers", "org/model", "a" * 40, "float32", 0.0, 0.0)


def main() -> None:
    replies = [(i.to_bytes(32), Reply("x" * 1000, "stop", 60, 40, "", "")) for i in range(NUM_REPLIES)]
    keys = [key for key, _ in replies]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = Ledger(path)
        start = time.perf_counter()
        for i in range(0, NUM_REPLIES, BATCH):
            ledger.put(MODEL, replies[i : i + BATCH])
        put_sqlite = time.perf_counter() - start
        start = time.perf_counter()
        found = Ledger(path).get(keys)
        get_sqlite = time.perf_counter() - start
        assert len(found) == NUM_REPLIES
        put_lines, get_lines = jsonl(Path(folder) / "ledger.jsonl", replies)
    print(f"sqlite: {NUM_REPLIES / put_sqlite:,.0f} puts/s, {NUM_REPLIES / get_sqlite:,.0f} gets/s with the opening")
    print(f"jsonl, flushed to disk a batch: {NUM_REPLIES / put_lines:,.0f} puts/s, {NUM_REPLIES / get_lines:,.0f} gets/s with the opening")
    print(f"sqlite / jsonl: puts {put_lines / put_sqlite:.2f}, gets {get_lines / get_sqlite:.2f}")


def jsonl(path: Path, replies: list[tuple[bytes, Reply]]) -> tuple[float, float]:
    """Seconds to append and fsync all replies batch by batch, and to read them back into a dict."""
    start = time.perf_counter()
    with path.open("w") as file:
        for i in range(0, len(replies), BATCH):
            file.writelines(json.dumps([key.hex(), reply.text, reply.finish_reason]) + "\n" for key, reply in replies[i : i + BATCH])
            file.flush()
            os.fsync(file.fileno())
    put = time.perf_counter() - start
    start = time.perf_counter()
    with path.open() as file:
        found = {key: rest for key, *rest in map(json.loads, file)}
    assert len(found) == len(replies)
    return put, time.perf_counter() - start


if __name__ == "__main__":
    main()
