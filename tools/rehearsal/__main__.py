"""The llama profile's own path without a GPU: `make rehearsal`.

A copy of this working tree in .rehearsal runs the whole graph with tiny models of Llama-3.1's form. A vLLM server is
the teacher; the students are trained in bfloat16 by two processes under ZeRO-3 with checkpointing; vLLM serves the
small one as an adapter and the large one, tuned with DoRA, merged. docs/cluster.md says what that cannot show.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides

from stages.models.local import digest
from stages.sampling.process_group import die_with_parent
from stages.train.parallelism import Parallelism

FOLDER = Path(".rehearsal")
FAMILY = Path("data/laptop/families/nli")  # which the laptop world draws
ROWS = {"train": 240, "validation": 30, "test": 40}
STEPS = {"teacher": 100, "8b": 20, "70b": 20}
SHAPES = {"teacher": (128, 3, False), "8b": (64, 2, True), "70b": (128, 2, False)}  # hidden, layers, tied
SERVED = "meta-llama/Llama-3.1-405B-Instruct"  # as params.yaml names the teacher
TRAINING = {
    "num_processes": 2,
    "zero": 3,
    "offload_optimizer": False,
    "offload_parameters": False,
    "checkpointing": True,
    "attention": "sdpa",
    "liger": False,
    "rows_per_device": 4,
    "hostfile": None,
    "peak_flops": None,
}
SECONDS_TO_START = 600


def main() -> None:
    started = time.monotonic()
    copy_project(FOLDER)
    os.chdir(FOLDER)
    data_set()
    overrides("profile=llama", "dataset=rehearsal")
    run("dvc", "repro", "prompts")
    make_models()
    for student in ("8b", "70b"):
        path = Path(f".potstill/parallelism-{student}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(Parallelism.model_validate(TRAINING).model_dump_json(indent=2))
    with teacher() as address:
        run("dvc", "repro", OPENAI_BASE_URL=address, OPENAI_API_KEY="none", **ON_CPU)
    run(sys.executable, "-m", "tools.table")
    print(f"rehearsed in {time.monotonic() - started:.0f} s")


# vLLM's for CPUs: the cache's GB, and one process, which dies with its parent
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1"}


def copy_project(folder: Path) -> None:
    """What git sees of this working tree, edits included; DVC there knows nothing of this checkout's git or results."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and Path(name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, folder / name)
    (folder / "dvc.lock").unlink()
    with (folder / ".dvc/config").open("a") as config:
        config.write("    no_scm = true\n")


def data_set() -> None:
    """The first rows of the laptop world's entailment problems."""
    rows = Path("data/sets/rehearsal/rows")
    rows.mkdir(parents=True)
    shutil.copy("data/sets/laptop-nli/dataset.yaml", rows.parent)
    for split, count in ROWS.items():
        lines = (FAMILY / f"{split}.jsonl").read_text().splitlines(keepends=True)[:count]
        (rows / f"{split}.jsonl").write_text("".join(lines))


def make_models() -> None:
    """And enter the students' in params.yaml."""
    from tools.rehearsal import models

    prompts, rows = (
        [json.loads(line) for line in Path(name).read_text().splitlines()]
        for name in ("data/prompts/train.jsonl", "data/sets/rehearsal/rows/train.jsonl")
    )
    learnt = list(models.replies(prompts, {row["id"]: row for row in rows}))
    tokens = models.tokenizer([turn["content"] for messages, _ in learnt for turn in messages] + [r for _, r in learnt])
    for name, (hidden, layers, tied) in SHAPES.items():
        shape = models.config(tokens, hidden, layers, tied)
        models.make(Path("rehearsed") / name, tokens, learnt, shape, STEPS[name])
    for student in ("8b", "70b"):
        section, folder = f"profiles.llama.student-{student}", f"rehearsed/{student}"
        overrides(
            f"{section}.base.model={folder}",
            f"{section}.base.revision='{digest(Path(folder))}'",
            f"{section}.train.num_epochs=2",
            f"{section}.train.learning_rate=0.005",
            f"{section}.train.batch_size=16",
        )
    overrides("profiles.llama.student-70b.train.lora.dora=true")


def overrides(*settings: str) -> None:
    apply_overrides("params.yaml", list(settings))


def run(*command: str, **environment: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, env=os.environ | {"PATH": path} | environment, check=False)
    if done.returncode:
        raise SystemExit(f"rehearsal: {' '.join(command)} failed; what it wrote is in {Path.cwd()}")


@contextmanager
def teacher() -> Iterator[str]:
    """The address of a vLLM server with the teacher, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # `vllm serve` looks for a package of the name vllm
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", "rehearsed/teacher"]
    command += ["--served-model-name", SERVED, "--dtype", "bfloat16", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-enable-chunked-prefill"]  # a seeded draw fails on a CPU otherwise
    log = Path("teacher.log")
    with log.open("w") as file, serving(command, file) as server:
        deadline = time.monotonic() + SECONDS_TO_START
        while not is_healthy(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"rehearsal: the teacher's server did not start; see {log.resolve()}")
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def serving(command: list[str], log: Any) -> Iterator[subprocess.Popen[bytes]]:
    server = subprocess.Popen(
        command,
        env=os.environ | ON_CPU,
        stdout=log,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
    )
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


def is_healthy(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
    except urllib.error.URLError:
        return False


if __name__ == "__main__":
    main()
