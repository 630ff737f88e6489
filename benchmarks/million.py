"""A million prompts from a Parquet file through the ledger: `python -m benchmarks.million [10000 100000 1000000]`.

For each size: a Parquet data set goes through `prompts` and `generate` as the stages run, against an instant local
endpoint; then `generate` once more with every reply there. Seconds and peak memory of each process.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars

from benchmarks.endpoint import serving
from tests.settings import copy_settings, set_dataset

OVERRIDES = ["profiles.laptop.teacher.engine=openai", "profiles.laptop.teacher.model=teacher"]


def make(folder: Path, count: int) -> None:
    """A working folder with a data set of `count` train questions."""
    copy_settings(folder, *OVERRIDES)
    set_dataset(folder, "laptop-math", "files.train=train.parquet")
    shutil.copytree("data/retention", folder / "data/retention")
    rows = folder / "data/sets/laptop-math/rows"
    rows.mkdir(parents=True)
    for split in ("validation", "test"):
        shutil.copy(f"data/laptop/problems/{split}.jsonl", rows)
    text = polars.format(
        "Question {}: a baker has {} loaves and sells 7 of them every day; how many are left after 11 days?", "i", "i"
    )
    polars.select(i=polars.int_range(count)).lazy().select(
        id=polars.format("q{}", "i"), question=text, answer=polars.lit("1"), solution=polars.lit("")
    ).sink_parquet(rows / "train.parquet")


def run(stage: str, folder: Path, address: str) -> tuple[float, float]:
    """Seconds, and the peak memory of the process in MB."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "DVC_ROOT": str(folder), "OPENAI_BASE_URL": address}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"], cwd=folder, env=environment, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, stage
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    for count in [int(word) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory(dir=".") as top, serving(Path(top), 0.0) as address:
            folder = Path(top).resolve()
            make(folder, count)
            for what, stage in (
                ("prompts", "prompts"),
                ("generate", "generate"),
                ("generate, all answered already", "generate"),
            ):
                seconds, peak = run(stage, folder, address)
                print(
                    f"{count:,} {what}: {seconds:.1f} s, {seconds / count * 1e6:.0f} µs a row, {peak:,.0f} MB",
                    flush=True,
                )
            megabytes = (folder / ".potstill/ledger.sqlite").stat().st_size / 1e6
            print(f"{count:,} replies: a ledger of {megabytes:,.0f} MB", flush=True)
            completions = (folder / "metrics/generate.json").read_text()
            assert json.loads(completions)["generate"]["stop"] == count


if __name__ == "__main__":
    main()
