"""Asking an endpoint, against other clients: `python -m benchmarks.endpoint [--rounds 3] [--count 10000]`.

An instant local server on one core, one client after another on the other core, distinct prompts, 256 at a time.
The peers live in environments of their own; each is left out where its variable names no Python:
BENCH_OPENAI (openai), BENCH_CURATOR (bespokelabs-curator), BENCH_DISTILABEL (distilabel[openai], requests).
Medians over the rounds, in which every client takes its turn; a second run of Potstill and curator finds all answered.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEERS = {
    "potstill": ("benchmarks/peers/potstill.py", sys.executable),
    "openai": ("benchmarks/peers/openai_bare.py", os.environ.get("BENCH_OPENAI")),
    "curator": ("benchmarks/peers/curator.py", os.environ.get("BENCH_CURATOR")),
    "distilabel": ("benchmarks/peers/distilabel_pipeline.py", os.environ.get("BENCH_DISTILABEL")),
}
CONCURRENCY = 256
LATENCY = 0.05  # seconds


@contextmanager
def serving(folder: Path, latency: float) -> Iterator[str]:
    """The address of a stub server, which says in the end how many requests it answered."""
    port = folder / "port"
    port.unlink(missing_ok=True)
    command = [
        "taskset",
        "-c",
        "1",
        sys.executable,
        "-m",
        "benchmarks.stub_server",
        str(port),
        "--latency",
        str(latency),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        while not port.exists():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port.read_text()}/v1"
        server.terminate()
        print(f"requests answered: {server.communicate()[0].strip()}", flush=True)


def run(name: str, address: str, count: int, concurrency: int, folder: Path) -> dict[str, float]:
    """What the client prints, and the wall time of its whole process."""
    script, python = PEERS[name]
    folder.mkdir(exist_ok=True)
    start = time.perf_counter()
    environment = os.environ | ({"PYTHONPATH": "."} if name == "potstill" else {})
    command = ["taskset", "-c", "0", str(python), script, address, str(count), str(concurrency), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"process": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    names = [name for name, (_, python) in PEERS.items() if python]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    again: dict[str, list[float]] = {"potstill": [], "curator": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as top, serving(Path(top), 0.0) as address:
            for name in names:
                results[name].append(run(name, address, options.count, CONCURRENCY, Path(top) / name))
            for name in set(again) & set(names):
                again[name].append(run(name, address, options.count, CONCURRENCY, Path(top) / name)["process"])
    ours = statistics.median(row["seconds"] for row in results["potstill"])
    for name in names:
        seconds, cpu, peak = (
            statistics.median(row[field] for row in results[name]) for field in ("seconds", "cpu", "peak_mb")
        )
        print(
            f"{name}: {options.count / seconds:,.0f} requests/s, {cpu:.1f} CPU-s, {peak:.0f} MB; potstill is "
            f"{seconds / ours:.1f} times as fast"
        )
    for name in set(again) & set(names):
        print(f"{name}, all answered already: {statistics.median(again[name]):.2f} s, the whole process")
    for concurrency in (64, 128, 256):
        with tempfile.TemporaryDirectory() as top, serving(Path(top), LATENCY) as address:
            seconds = run("potstill", address, options.count, concurrency, Path(top) / "potstill")["asking"]
        rate, best = options.count / seconds, concurrency / LATENCY
        print(
            f"potstill at {LATENCY * 1000:.0f} ms, {concurrency} at a time: {rate:,.0f} requests/s, {rate / best:.0%} "
            f"of {best:,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
