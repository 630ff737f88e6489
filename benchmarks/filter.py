"""The filter at scale: `python -m benchmarks.filter [--rows 10000 100000 1000000]`.

For each size: completions with planted faults (benchmarks/planted.py) go through `filter` and `select` as dvc runs
them, every rule on.
What it finds is compared with what was planted; memory is that of all its processes together. Then, on 20,000 rows in
one
process, what each rule about single rows costs, and reading plain numbers against math-verify.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from math_verify import parse, verify

from benchmarks.planted import write, write_scores
from stages.filter.measures import measure
from stages.filter.params import Params, load
from stages.filter.reading import read_batch
from stages.filter.rules import ROW_RULES
from stages.rows.parquet import batches, read_rows
from stages.rows.row import schema
from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS
from tests.settings import copy_settings

ON = ["filter.private=reject", "filter.contamination.action=remove", "select.min_grade=3.0"]
CHAIN = ["profiles.laptop.prompts.num_summaries=2", "profiles.laptop.prompts.summary_words=20"]
BATCH = 20_000
COMPLETIONS, SELECTED = Path("data/completions/completions.parquet"), Path("data/selected/rows.parquet")


def run(folder: Path, stage: str) -> tuple[float, float, str]:
    """Seconds, peak MB of the stage and its processes (proportional set size), and its log."""
    log = folder / "log"
    started, peak = time.monotonic(), 0
    with log.open("w") as file:
        process = psutil.Popen(
            [sys.executable, "-m", f"stages.{stage}"],
            cwd=folder,
            stderr=file,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
        while process.poll() is None:
            peak = max(peak, memory(process))
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(log.read_text())
    return time.monotonic() - started, peak / 1e6, log.read_text()


def memory(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass
    return total


def verdicts(folder: Path) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Rows planted by kind, and rows rejected by kind and reason."""
    rows = [(id.split("-")[0], reason) for id, reason in read_rows(folder / SELECTED, ("id", "reason")).iter_rows()]
    return Counter(kind for kind, _ in rows), Counter((kind, reason) for kind, reason in rows if reason)


def at_scale(top: Path, sizes: list[int]) -> None:
    columns = ("rows", "seconds", "rows/s", "peak MB", "clean rows rejected", "faults under their own reason")
    columns = (*columns, "select, seconds", "select, peak MB")
    print(f"| {' | '.join(columns)} |\n| {' | '.join('---' for _ in columns)} |")
    for size in sizes:
        folder = top / str(size)
        write(folder, size, seed=1)
        copy_settings(folder, *ON, *CHAIN)
        seconds, peak, log = run(folder, "filter")
        write_scores(folder)
        selecting, of_select, _ = run(folder, "select")
        planted, rejected = verdicts(folder)
        false = sum(count for (kind, _), count in rejected.items() if kind == "clean")
        right = sum(count for (kind, reason), count in rejected.items() if kind == reason)
        faulty = planted.total() - planted["clean"]
        found = (f"{false / planted['clean']:.3%}", f"{right:,} of {faulty:,}", f"{selecting:.1f}", f"{of_select:,.0f}")
        print(f"| {size:,} | {seconds:.1f} | {size / seconds:,.0f} | {peak:,.0f} | {' | '.join(found)} |")
        for (kind, reason), count in sorted(rejected.items()):
            if kind not in (reason, "clean"):
                print(f"{count} of {planted[kind]} {kind} as {reason}", file=sys.stderr)
        print(log, file=sys.stderr)


def timed(what: Callable[[], object]) -> float:
    """Microseconds a row of BATCH, the best of three."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        what()
        best = min(best, time.perf_counter() - started)
    return best / BATCH * 1e6


def by_rule(folder: Path) -> None:
    """Those that need a library for each row by what they add to reading; the others by their expression."""
    params = load_from(folder, ON)
    batch = next(batches(folder / COMPLETIONS, tuple(schema("generate")))).with_row_index("row")
    batch = batch.rename({"reasoning": "thoughts"})
    off = [
        "filter.answer.contradiction=false",
        "filter.private=none",
        "filter.chain_of_density.steps=false",
        "filter.chain_of_density.length_tolerance=0.0",
    ]
    off += ["filter.chain_of_density.lost_entities=false", "filter.chain_of_density.faithful=0.0"]
    bare = load_from(folder, off)
    reading = timed(lambda: read_batch(batch, bare))
    print("\n| rule | µs a row |\n| --- | --- |")
    print(f"| reading the answer | {reading:.1f} |")
    for name, on in (
        ("contradiction", off[1:]),
        ("private", [off[0], *off[2:], "filter.private=reject"]),
        ("chain", off[:2]),
    ):
        asked = load_from(folder, on)
        print(f"| {name} | {timed(lambda asked=asked: read_batch(batch, asked)) - reading:.1f} |")
    read = read_batch(batch, params)
    print(f"| languages, and n-grams of degenerate, echo and leak | {timed(lambda: measure(read, params)):.1f} |")
    measured = measure(read, params)
    for rule in ROW_RULES:
        if rule.fault and rule.is_on(params):
            expression = rule.fault(params)
            print(
                f"| {rule.reason} (expression) | "
                f"{timed(lambda expression=expression: measured.select(expression)):.2f} |"
            )


def load_from(folder: Path, overrides: list[str]) -> Params:
    copy_settings(folder, *overrides, *CHAIN)
    here = Path.cwd()
    os.chdir(folder)
    try:
        return load()
    finally:
        os.chdir(here)


def against_math_verify(folder: Path) -> None:
    """Rows/s on replies whose answer is a plain number, in one process; the verdicts are the same."""
    rows = read_rows(folder / COMPLETIONS, ("id", "text", "reference")).iter_rows()
    chosen = [(text, number) for id, text, number in rows if id.startswith(("clean", "wrong")) and number.isdigit()]
    chosen, asked, task = chosen[:5_000], Asked("cot", "####", [], False), TASKS["math"]

    def ours() -> list[bool]:
        readings = [(task.read(text, asked), reference) for text, reference in chosen]
        return [
            reading is not None and bool(task.is_right) and task.is_right(reading.answer, reference, [])
            for reading, reference in readings
        ]

    def theirs() -> list[bool]:
        return [
            verify(number(reference), number(text.split("####")[1]), timeout_seconds=None) for text, reference in chosen
        ]

    assert ours() == theirs(), "the verdicts must be the same"
    ratio = timed(theirs) / timed(ours)
    print(f"\nReading and grading {len(chosen):,} plain numbers: {ratio:.0f} times math-verify, the same verdicts.")


def number(text: str) -> list[Any]:
    return parse(text, parsing_timeout=None)  # pyright: ignore[reportArgumentType]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as top:
        at_scale(Path(top), asked.rows)
        small = Path(top) / "rules"
        write(small, BATCH, seed=2)
        by_rule(small)
        against_math_verify(small)


if __name__ == "__main__":
    main()
