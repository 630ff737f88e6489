"""datasketch's near-duplicates: TEXTS (a line each) OUT. Writes the lines it drops to OUT, prints seconds and memory as
JSON."""

import json
import resource
import sys
import time
from itertools import islice
from pathlib import Path

from datasketch import MinHash, MinHashLSH

CHUNK = 10_000


def shingles(text: str) -> list[bytes]:
    words = text.encode().split()
    return list(map(b" ".join, zip(words, words[1:], words[2:], strict=False)))


start = time.perf_counter()
dropped, first, kept = [], 0, {}
index = MinHashLSH(threshold=0.8, num_perm=128)
with Path(sys.argv[1]).open() as lines:
    while chunk := list(islice(lines, CHUNK)):
        for i, sketch in enumerate(MinHash.generator([shingles(line) for line in chunk], num_perm=128), first):
            if any(kept[key].jaccard(sketch) >= 0.8 for key in index.query(sketch)):
                dropped.append(i)
            else:
                index.insert(i, sketch)
                kept[i] = sketch
        first += len(chunk)
seconds = time.perf_counter() - start
Path(sys.argv[2]).write_text(json.dumps(dropped))
print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
