"""The score columns at scale: `python -m benchmarks.columns [--rows 20000 100000 1000000] [--models 500 2000]`.

For each size of `--rows`: rows as the filter writes them (benchmarks/planted.py), four replies to a prompt, and vectors
of 384 numbers around 200 topics of uneven size go through the columns that need no model, as dvc runs them.
Seconds by the clock and by the processor, its start included, and peak memory. For each size of `--models`: the
laptop's problems with their solutions go through the columns that need one, with the laptop's models, in one process
that has loaded the libraries before.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import planted
from stages.filter.agreement import votes
from stages.models.local import digest
from stages.rows.parquet import ROWS_AT_ONCE, read_rows, writing
from stages.rows.row import KEY, schema, score_schema
from stages.score.column import OUT
from stages.score.columns import space
from stages.score.rows import PATH
from tests.here import run_here
from tests.score.scored import save_reward_model
from tests.settings import copy_settings

SAMPLES = 4  # replies to a prompt, which do not all agree
TOPICS, WIDTH = 200, 384
NEIGHBOUR = 6
AT_ONCE = 4_000  # vectors: a stage's peak memory, as the kernel counts it, is no less than that of who starts it


def write_filtered(folder: Path, count: int, seed: int) -> None:
    """data/filtered/rows.parquet of word problems and pairs of sentences, all of which pass."""
    draw = random.Random(seed)
    columns = schema("filter")
    with writing(folder / PATH, columns) as write:
        for start in range(0, count, ROWS_AT_ONCE):
            rows = [dict.fromkeys(columns) | filtered(i, draw) for i in range(start, min(start + ROWS_AT_ONCE, count))]
            frame = pl.DataFrame(rows, schema=columns).drop("votes", "agreement", "majority")
            write(votes(frame.with_columns(vote="answer").with_row_index("row")))


def filtered(i: int, draw: random.Random) -> dict[str, Any]:
    row = draw.choices((planted.problem, planted.pair), (8, 2))[0](draw)
    answer = draw.choice((row.reference, "1", "2"))
    short = f"#### {answer}"
    target = f"{row.text.rsplit('####', 1)[0].strip()} {short}"
    read = {"answer": answer, "target": target, "short": short, "is_validation": i % 20 < SAMPLES}
    return planted.replied(f"p{i // SAMPLES:07}", "clean", row) | {"sample": i % SAMPLES} | read


def write_vectors(folder: Path, count: int, seed: int) -> None:
    """The files of score.embedding: directions around one of TOPICS, in 16 directions more than in others."""
    draw = np.random.default_rng(seed)
    middle = draw.standard_normal((TOPICS, WIDTH), np.float32)
    axes = draw.standard_normal((TOPICS, 16, WIDTH), np.float32)
    shares = 1 / np.arange(1, TOPICS + 1)
    path = folder / OUT / "embeddings.npy"
    path.parent.mkdir(parents=True)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, WIDTH))
    for start in range(0, count, AT_ONCE):
        topics = draw.choice(TOPICS, min(AT_ONCE, count - start), p=shares / shares.sum())
        along = draw.standard_normal((len(topics), 1, 16), np.float32)
        noise = draw.standard_normal((len(topics), WIDTH), np.float32)
        vectors = middle[topics] + 0.25 * (along @ axes[topics])[:, 0] + 0.3 * noise
        out[start : start + len(topics)] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    out.flush()
    with writing(folder / OUT / "embedding.parquet", score_schema(["vector"])) as write:
        rows = read_rows(folder / PATH, KEY).with_columns(s_vector=pl.int_range(count).cast(pl.Float64))
        for some in rows.iter_slices(ROWS_AT_ONCE):
            write(some)


def recall(folder: Path) -> str:
    """Whether the distances of the first 2,000 rows are those to their true neighbours, among all rows."""
    vectors = np.load(folder / OUT / "embeddings.npy", mmap_mode="r")
    found = read_rows(folder / OUT / "space.parquet", ("s_nearest", "s_knn")).head(2_000)
    best = np.zeros((len(found), 0), np.float32)
    for start in range(0, len(vectors), AT_ONCE):
        near = np.concatenate([best, vectors[: len(found)] @ vectors[start : start + AT_ONCE].T], axis=1)
        best = -np.partition(-near, NEIGHBOUR, axis=1)[:, : NEIGHBOUR + 1]
    exact = 1 - -np.sort(-best, axis=1)[:, [1, NEIGHBOUR]]  # the first is the row itself
    right = (np.abs(found.to_numpy() - exact) < 2e-4).mean(axis=0)
    return f"nearest is exact of {right[0]:.1%}, knn of {right[1]:.1%}, too far by {(found.to_numpy() - exact).mean():.4f} in the mean"


def recall_in_cells(folder: Path) -> str:
    """Of so few rows that all are compared: the share of the six nearest that are in the cells."""
    vectors = np.load(folder / OUT / "embeddings.npy")
    exact = space.neighbours(vectors, NEIGHBOUR)
    middle = space.centres(vectors, len(vectors) // space.CELL)
    found = space.in_cells(vectors, space.nearest_centres(vectors, middle, space.PROBED), NEIGHBOUR)
    return f"recall in cells {(found >= exact[:, -1:] - 1e-6).mean():.4f}"


def at_scale(top: Path, sizes: list[int]) -> Iterator[str]:
    for size in sizes:
        folder = top / str(size)
        write_filtered(folder, size, seed=1)
        copy_settings(folder, "score.shape.measure=true", "score.space.topics=100")
        write_vectors(folder, size, seed=1)
        yield f"{size:,} rows, shape: {run('shape', folder)}"
        yield f"{size:,} rows, space: {run('space', folder)}"
        yield recall(folder) if size > space.EXACT else recall_in_cells(folder)


MODELS = Path("data/laptop/models")
LOCAL = {
    "likelihood": ["score.likelihood.teacher=teacher"],
    "embedding": [
        "score.embedding.model=data/laptop/models/base-8b",
        f"score.embedding.revision='{digest(MODELS / 'base-8b')}'",
    ],
    "reward": ["score.reward.model=reward", "score.reward.precision=float32"],
    "cycle": ["score.cycle.by=teacher", "score.cycle.max_tokens=64", "sampling.min_success_ratio=0.0"],
    "gradient": ["score.gradient.under=base-8b"],
}


def with_models(top: Path, sizes: list[int]) -> Iterator[str]:
    """Rows/s by the processor, after a first pass over a few rows that is not counted."""
    save_reward_model(top / "reward")
    for column, overrides in LOCAL.items():
        for size in (8, *sizes):
            folder = top / f"{column}-{size}"
            write_problems(folder, size)
            (folder / "data/laptop").symlink_to(Path("data/laptop").resolve())
            (folder / "reward").symlink_to(top / "reward")
            copy_settings(folder, *overrides, f"score.reward.revision='{digest(top / 'reward')}'")
            started, busy = time.perf_counter(), time.process_time()
            code, log = run_here(folder, f"score.columns.{column}", *(["teacher"] if column == "likelihood" else []))
            assert code == 0, log
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
            if size in sizes:
                yield f"{size:,} rows, {column}: {seconds:.1f} s, {busy:.1f} s of a processor, {size / busy:,.0f} rows/s"


def write_problems(folder: Path, count: int) -> None:
    """data/filtered/rows.parquet of the laptop's problems, every twentieth held out."""
    lines = Path("data/laptop/problems/train.jsonl").read_text().splitlines()
    columns = schema("filter")
    rows = [
        dict.fromkeys(columns)
        | {"id": one["id"], "task": "math", "split": "train", "style": "cot", "sample": 0, "is_validation": i % 20 == 0}
        | {
            "messages": [{"role": "user", "content": one["question"]}],
            "target": f"{one['solution']} #### {one['answer']}",
        }
        for i, one in enumerate(map(json.loads, lines[:count]))
    ]
    assert len(rows) == count
    with writing(folder / PATH, columns) as write:
        write(pl.DataFrame(rows, schema=columns))


def run(column: str, folder: Path) -> str:
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.score.columns.{column}"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path.cwd()), "DVC_ROOT": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, column
    seconds, busy = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return f"{seconds:.1f} s, {busy:.1f} s of a processor, peak {usage.ru_maxrss / 1024:,.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[20_000, 100_000, 1_000_000])
    parser.add_argument("--models", type=int, nargs="*", default=[500, 2_000])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as top:
        folder = Path(top).resolve()
        for line in chain(at_scale(folder, asked.rows), with_models(folder, asked.models)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
