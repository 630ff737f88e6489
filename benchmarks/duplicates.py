"""Near-duplicates against rensa and datasketch, contamination against sets of tuples: `python -m benchmarks.duplicates
[--rows N] [--peers PYTHON]`.

Texts of 60 words, of a vocabulary with Zipf's frequencies; a tenth are copies with 1 to 4 words changed. What should go
is
decided by the exact Jaccard of word 3-grams, 0.8. Each tool runs in a process of its own and reads the same file;
`--peers`
names a Python with rensa and datasketch, of which the second is left out above 100,000. Templated texts are measured
without a peer.
"""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from stages.filter.contamination import leaks
from stages.similarity.near_duplicates import near_duplicates
from stages.similarity.ngrams import WORD

LENGTH, VOCABULARY, NGRAM, THRESHOLD, WINDOW, RUN, NUM_TEST, CHUNK = 60, 30_000, 3, 0.8, 32, 13, 1319, 50_000
TEMPLATES = [
    "{a} has {i} {x} and buys {j} more {y} at the market for {k} dollars each. How many {x} and {y} does {a} have "
    "now, and what did {a} pay?",
    "{a} and {b} share {i} {x}. {a} gives {j} of them to {b}, who then loses {k} {y}. How many are left with {a} and "
    "{b}?",
    "A train with {i} {x} leaves at {j} o'clock. After {k} hours {a} counts the {y} again. How many does {a} count?",
    "In a shop {x} cost {i} cents and {y} cost {j} cents. {a} buys {k} of each. How much does {a} spend?",
    "{a} reads {i} pages of {x} a day for {j} days, and {b} reads {k} pages of {y}. How many pages do {a} and {b} "
    "read?",
]


def random_texts(rng: np.random.Generator, vocabulary: np.ndarray, count: int) -> Iterator[str]:
    shares = 1 / np.arange(1, VOCABULARY + 1)
    for start in range(0, count, CHUNK):
        picked = rng.choice(VOCABULARY, size=(min(CHUNK, count - start), LENGTH), p=shares / shares.sum())
        yield from map(" ".join, vocabulary[picked])


def grams(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return set(zip(words, words[1:], words[2:], strict=False))


def plant(path: Path, count: int) -> dict[int, int]:
    """Write the texts; the lines that are near copies, with the lines they copy."""
    rng, randomly = np.random.default_rng(0), random.Random(0)
    vocabulary = np.array(
        ["".join(chr(97 + letter) for letter in rng.integers(0, 26, rng.integers(3, 10))) for _ in range(VOCABULARY)],
        dtype=object,
    )
    originals = list(random_texts(rng, vocabulary, count * 9 // 10))
    truth = {}
    with path.open("w") as file:
        file.writelines(text + "\n" for text in originals)
        for line in range(len(originals), count):
            of = randomly.randrange(len(originals))
            words = originals[of].split()
            for place in randomly.sample(range(LENGTH), randomly.randint(1, 4)):
                words[place] = randomly.choice(vocabulary)
            copy = " ".join(words)
            file.write(copy + "\n")
            a, b = grams(originals[of]), grams(copy)
            if len(a & b) / len(a | b) >= THRESHOLD:
                truth[line] = of
    return truth


def plant_templates(path: Path, count: int) -> None:
    randomly = random.Random(0)
    names, things = [f"name{i}" for i in range(200)], [f"thing{i}s" for i in range(100)]
    templates = [*TEMPLATES, *("Here is a question. " + text for text in TEMPLATES)]
    with path.open("w") as file:
        for _ in range(count):
            a, b, x, y = (*randomly.sample(names, 2), *randomly.sample(things, 2))
            i, j, k = (randomly.randint(1, 100) for _ in range(3))
            file.write(randomly.choice(templates).format(a=a, b=b, x=x, y=y, i=i, j=j, k=k) + "\n")


def plant_leaks(path: Path, test: Path, texts: Path) -> None:
    """Every thousandth text gets a run of 10 to 20 words from a test text."""
    rng, randomly = np.random.default_rng(1), random.Random(1)
    vocabulary = np.array([f"word{i}" for i in range(VOCABULARY)], dtype=object)
    theirs = list(random_texts(rng, vocabulary, NUM_TEST))
    test.write_text("".join(text + "\n" for text in theirs))
    with texts.open() as lines, path.open("w") as file:
        for i, line in enumerate(lines):
            run = randomly.choice(theirs).split()[5 : 5 + randomly.randint(10, 20)] if i % 1000 == 0 else []
            file.write(" ".join([*run, line]))


def chunks(path: Path) -> Iterator[list[str]]:
    with path.open() as lines:
        while chunk := list(islice(lines, CHUNK)):
            yield chunk


def work_near(path: Path, _: Path, scratch: Path) -> list[int]:
    return near_duplicates(
        (pl.Series(chunk) for chunk in chunks(path)),
        NGRAM,
        THRESHOLD,
        WINDOW,
        scratch,
        lambda later, earlier: np.ones(len(later), bool),
    )["position"].to_list()


def work_leaks(path: Path, test: Path, _: Path) -> list[int]:
    """By all three rules; what the third finds is not counted."""
    theirs = pl.DataFrame(
        {
            "id": [str(i) for i in range(NUM_TEST)],
            "question": test.read_text().splitlines(),
            "solution": [""] * NUM_TEST,
        }
    )
    rows = (
        pl.select(
            row=pl.int_range(i * CHUNK, i * CHUNK + len(chunk), dtype=pl.UInt32),
            question=pl.Series(chunk),
            target=pl.lit(""),
        )
        for i, chunk in enumerate(chunks(path))
    )
    return leaks(rows, theirs, RUN, 0.6).filter(pl.col("rule") != "similar")["row"].to_list()


def work_tuples(path: Path, test: Path, _: Path) -> list[int]:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(WORD, text.lower())
        return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}

    theirs = set().union(*map(runs, test.read_text().splitlines()))
    return [
        i * CHUNK + at
        for i, chunk in enumerate(chunks(path))
        for at, text in enumerate(chunk)
        if not theirs.isdisjoint(runs(text))
    ]


WORK = {"near": work_near, "leaks": work_leaks, "tuples": work_tuples}


def work(name: str, path: Path, out: Path, other: Path) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        found = WORK[name](path, other, Path(scratch))
    seconds = time.perf_counter() - start
    out.write_text(json.dumps(found))
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def run(*command: str | Path, out: Path) -> tuple[float, float, list[int]]:
    """Seconds, peak memory in MB and the lines that were found."""
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told["seconds"], told["peak_mb"], json.loads(out.read_text())


def apart(plant: Callable[..., Any], *args: Any) -> Any:
    """In a process of its own, because a process begins with the peak memory of the one that starts it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(plant, *args).result()


def row(what: str, count: int, seconds: float, peak: float, found: str) -> None:
    print(f"| {what} | {count:,} | {count / seconds:,.0f} | {seconds:.1f} | {peak:,.0f} | {found} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peers")
    parser.add_argument("--work", nargs=4, metavar=("NAME", "TEXTS", "OUT", "OTHER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        name, *paths = asked.work
        work(name, *map(Path, paths))
        return
    us = (sys.executable, "-m", "benchmarks.duplicates", "--work")
    print("| what | texts | texts/s | seconds | MB | found |\n| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(dir=".") as top:
        texts, leaking, test, out = (Path(top) / name for name in ("texts.txt", "leaking.txt", "test.txt", "out.json"))
        truth = set(apart(plant, texts, asked.rows))
        tools: dict[str, tuple[str | Path, ...]] = {"near-duplicates": (*us, "near", texts, out, texts)}
        if asked.peers:
            tools |= {
                peer: (asked.peers, f"benchmarks/peers/{peer}_duplicates.py", texts, out)
                for peer in (("rensa", "datasketch") if asked.rows <= 100_000 else ("rensa",))
            }
        for name, command in tools.items():
            seconds, peak, found = run(*command, out=out)
            right = len(truth.intersection(found))
            row(
                name,
                asked.rows,
                seconds,
                peak,
                f"recall {right / len(truth):.4f}, precision {right / max(len(found), 1):.4f}",
            )
        apart(plant_leaks, leaking, test, texts)
        pair = []
        for name, what in (("leaks", "contamination"), ("tuples", "13-grams as sets of tuples")):
            seconds, peak, found = run(*us, name, leaking, out, test, out=out)
            pair.append(found)
            row(what, asked.rows, seconds, peak, f"{len(found)} rows")
        assert all(a == b for a, b in pairwise(pair)), "both must find the same rows"
        apart(plant_templates, texts, 200_000)
        seconds, peak, found = run(*us, "near", texts, out, texts, out=out)
        row("near-duplicates, templated", 200_000, seconds, peak, f"{len(found)} rows")


if __name__ == "__main__":
    main()
