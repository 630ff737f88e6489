"""Time and memory of tokenising N rows of about 500 tokens once, and of two workers that map them: `python -m
benchmarks.tokens [N ...]`.

Against it stands what each worker would hold without the file: the same examples as Python lists of ints (`--lists`,
for a size that fits).
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

from tests.settings import copy_settings

ROOT = Path.cwd()
NUM_TOKENS = 500  # of a row, about
CHARACTERS = 1_100  # of a target of so many tokens in the laptop's tokenizer, found by trial

PREPARE = """
from stages.train import base, prepare
from stages.train.params import load
params = load("8b")
tokenizer = base.read_tokenizer(params, "8b")
prepare.prepare(Path("tokens"), params, tokenizer, base.stop_ids(params, tokenizer), "8b")
"""
MAP = """
from stages.train import arrow
rows = arrow.rows_to_learn(Path("tokens"), packing=False)
order = list(range(len(rows)))
random.Random(0).shuffle(order)
total = sum(len(rows[number]["input_ids"]) for number in order)
"""
LISTS = """
from stages.train import arrow
from stages.train.examples import Tokens
rows = arrow.rows_to_learn(Path("tokens"), packing=False)
held = [Tokens(row["input_ids"], row["labels"]) for row in rows]
"""
MEASURE = """
import random, resource, sys, time
from pathlib import Path
start = time.monotonic()
exec(sys.argv[1])
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon:"))
print(time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, own / 1e3)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--lists", action="store_true")
    asked = parser.parse_args()
    print("| rows | what | seconds | peak MB | MB of its own at the end |\n| --- | --- | --- | --- | --- |")
    for count in asked.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make(folder, count)
            (prepared,) = run(folder, PREPARE, 1)
            tell(count, "tokenised once", prepared)
            size = sum(file.stat().st_size for file in (folder / "tokens").glob("*.arrow")) / 1e6
            print(f"| {count:,} | its files: {size:,.0f} MB | | | |")
            for number, worker in enumerate(run(folder, MAP, 2), 1):
                tell(count, f"worker {number} of 2 maps it and reads every row, shuffled", worker)
            if asked.lists:
                tell(count, "a worker with lists of ints", run(folder, LISTS, 1)[0])


def make(folder: Path, count: int) -> None:
    copy_settings(folder, "profiles.laptop.student-8b.train.max_length=1000")
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    (folder / "data/filtered").mkdir()
    (folder / "tokens").mkdir()
    solutions = cycle(json.loads(line)["solution"] for line in (ROOT / "data/laptop/problems/train.jsonl").open())
    draw = random.Random(0)
    texts = [
        " ".join(islice(solutions, 40))[: draw.randrange(CHARACTERS // 2, 3 * CHARACTERS // 2)] for _ in range(1_000)
    ]
    prompt = [
        {"role": "system", "content": "Give the answer after ####."},
        {"role": "user", "content": "How many are there?"},
    ]
    with (folder / "data/selected/train.jsonl").open("w") as file:
        for number in range(count):
            row = {
                "prompt": prompt,
                "completion": [{"role": "assistant", "content": f"{number} {texts[number % len(texts)]}"}],
            }
            file.write(json.dumps(row) + "\n")
    (folder / "data/selected/validation.jsonl").touch()


def run(folder: Path, code: str, num_processes: int) -> list[tuple[float, ...]]:
    """Seconds, peak MB, and MB at the end that no file backs, of each of the processes that run the code at once."""
    command, environment = [sys.executable, "-c", MEASURE, code], os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(num_processes)
    ]
    printed = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return [tuple(map(float, text.split()[-3:])) for text in printed]


def tell(count: int, what: str, measured: tuple[float, ...]) -> None:
    seconds, peak, own = measured
    print(f"| {count:,} | {what} | {seconds:,.1f} | {peak:,.0f} | {own:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
