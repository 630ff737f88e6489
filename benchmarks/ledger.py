"""How fast the ledger keeps and finds replies as it grows, and with what memory: `python -m benchmarks.ledger [100000
1000000 10000000]`.

Replies of 1 KB at 100,000, beside an append-only JSONL file that is flushed to the disk once a second; of 100 bytes
above.
"""

import json
import os
import random
import resource
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from stages.sampling.ledger.store import SYNC_SECONDS, Ledger
from stages.sampling.request import Model, Reply

BATCH, NUM_LOOKED_UP = 128, 100_000
MODEL = Model("transformers", "org/model", "a" * 40, "float32", 0.0, 0.0)


def key(number: int) -> bytes:
    return sha256(number.to_bytes(8)).digest()


def ledger(folder: Path, count: int, reply: Reply) -> tuple[float, float]:
    """Seconds to put all replies in batches, and to open the ledger and find NUM_LOOKED_UP of them at random."""
    path = folder / "ledger.sqlite"
    kept, start = Ledger(path), time.perf_counter()
    for i in range(0, count, BATCH):
        kept.put(MODEL, [(key(n), reply) for n in range(i, min(i + BATCH, count))])
    put = time.perf_counter() - start
    wanted = [key(random.randrange(count)) for _ in range(NUM_LOOKED_UP)]
    start = time.perf_counter()
    opened = Ledger(path)
    for i in range(0, NUM_LOOKED_UP, 5_000):
        assert len(opened.get(wanted[i : i + 5_000])) == len(set(wanted[i : i + 5_000]))
    return put, time.perf_counter() - start


def jsonl(path: Path, count: int, reply: Reply) -> tuple[float, float]:
    """Seconds to append all replies, and to read them back into a dict."""
    start = synced = time.perf_counter()
    with path.open("w") as file:
        for i in range(0, count, BATCH):
            file.writelines(
                json.dumps([key(n).hex(), reply.text, reply.finish_reason]) + "\n"
                for n in range(i, min(i + BATCH, count))
            )
            file.flush()
            if time.perf_counter() - synced >= SYNC_SECONDS:
                os.fsync(file.fileno())
                synced = time.perf_counter()
    put, start = time.perf_counter() - start, time.perf_counter()
    with path.open() as file:
        assert len({line[0]: line for line in map(json.loads, file)}) == count
    return put, time.perf_counter() - start


def main() -> None:
    for count in [int(word) for word in sys.argv[1:]] or [100_000]:
        reply = Reply("x" * (1000 if count <= 100_000 else 100), "stop", 60, 40, "", "")
        with tempfile.TemporaryDirectory(dir=".") as top:
            put, get = ledger(Path(top), count, reply)
            size = (Path(top) / "ledger.sqlite").stat().st_size / 1e6
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{count:,}: {count / put:,.0f} puts/s, {NUM_LOOKED_UP / get:,.0f} gets/s with the opening, "
                f"{size:,.0f} MB, peak memory {peak:,.0f} MB",
                flush=True,
            )
            if count <= 100_000:
                put_lines, get_lines = jsonl(Path(top) / "ledger.jsonl", count, reply)
                print(f"ledger / jsonl: puts {put_lines / put:.2f}, gets {get_lines / get * NUM_LOOKED_UP / count:.2f}")


if __name__ == "__main__":
    main()
