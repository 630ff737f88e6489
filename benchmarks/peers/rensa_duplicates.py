"""rensa's near-duplicates: TEXTS (a line each) OUT. Writes the lines it drops to OUT, prints seconds and memory as
JSON."""

import json
import resource
import sys
import time
from itertools import islice
from pathlib import Path

import rensa

CHUNK = 50_000


def shingles(text: str) -> list[str]:
    words = text.split()
    return list(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


start = time.perf_counter()
dropped, first = [], 0
kept = rensa.RMinHashDeduplicator(threshold=0.8, num_perm=128, use_lsh=True, num_bands=16)
with Path(sys.argv[1]).open() as lines:
    while chunk := list(islice(lines, CHUNK)):
        sketches = rensa.RMinHash.from_token_sets([shingles(line) for line in chunk], num_perm=128, seed=42)
        is_new = kept.add_pairs([(str(first + i), sketch) for i, sketch in enumerate(sketches)])
        dropped += [first + i for i, new in enumerate(is_new) if not new]
        first += len(chunk)
seconds = time.perf_counter() - start
Path(sys.argv[2]).write_text(json.dumps(dropped))
print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
