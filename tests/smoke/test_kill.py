"""kill -9 in the middle of a stage: nothing answered is asked again, and the bytes are those of an uninterrupted
run."""

import hashlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.smoke.conftest import ENVIRONMENT, NUM_TRAIN
from tools.plan.candidates import on_cpu

pytestmark = pytest.mark.slow

BATCH = 128  # rows that reach the ledger together


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def num_kept(ledger: Path) -> int:
    if not ledger.exists():
        return 0
    try:
        return sqlite3.connect(f"file:{ledger}?mode=ro", uri=True).execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture
def copy(clone: Path, tmp_path: Path) -> Path:
    """The clone before `generate`: prompts are there, nothing was asked yet."""
    subprocess.run(["git", "checkout", "-q", "."], cwd=clone, check=True)
    subprocess.run(["dvc", "checkout", "-q"], cwd=clone, env=ENVIRONMENT, check=True)
    shutil.copytree(clone, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns(".potstill"))
    return tmp_path / "copy"


def start(folder: Path, *command: str, **more: str) -> subprocess.Popen[str]:
    environment = ENVIRONMENT | {"DVC_ROOT": str(folder)} | more
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_generate_goes_on_where_it_was_killed(copy: Path) -> None:
    completions, ledger = copy / "data/completions/completions.parquet", copy / ".potstill/ledger.sqlite"
    whole = completions.read_bytes()
    completions.unlink()
    with start(copy, sys.executable, "-m", "stages.generate") as killed:
        wait_until(lambda: num_kept(ledger) >= BATCH)
        killed.send_signal(signal.SIGKILL)
    kept = num_kept(ledger)
    assert kept % BATCH == 0
    assert kept < NUM_TRAIN
    assert not completions.exists()
    with start(copy, sys.executable, "-m", "stages.generate") as again:
        output, _ = again.communicate()
    assert f"{NUM_TRAIN} requests, {kept} in the ledger, {NUM_TRAIN - kept} to ask" in output
    assert completions.read_bytes() == whole


def test_train_killed_at_three_moments_ends_with_the_same_bytes(copy: Path) -> None:
    student = copy / "models/8b"
    reports = ("metrics/train-8b.*", "metrics/validation-8b.csv")
    whole, metrics = (
        digests(student),
        {path.name: path.read_bytes() for report in reports for path in copy.glob(report)},
    )
    shutil.rmtree(student)
    checkpoints = copy / ".potstill/checkpoints"
    moments = (
        lambda: any(checkpoints.glob("*/checkpoint-3/whole.json")),
        lambda: any(
            not (folder / "whole.json").exists() for folder in checkpoints.glob("*/checkpoint-9")
        ),  # while it is written
        lambda: any(checkpoints.glob("*/student/model.safetensors")),  # before it was looked at
    )
    for moment in moments:
        with start(copy, sys.executable, "-m", "stages.train", "8b", POTSTILL_CHECKPOINT_SECONDS="0") as killed:
            wait_until(moment)
            killed.send_signal(signal.SIGKILL)
    with start(copy, sys.executable, "-m", "stages.train", "8b") as again:
        output, _ = again.communicate()
    assert re.search("going on from (checkpoint-|the trained student)", output)
    assert digests(student) == whole
    assert {path.name: path.read_bytes() for report in reports for path in copy.glob(report)} == metrics
    assert list(checkpoints.iterdir()) == [], "a finished training leaves no checkpoint"


def test_kill_of_dvc_leaves_no_trainer(copy: Path) -> None:
    """Nor the launcher of two of them."""
    parallelism = on_cpu(batch=8).model_copy(update={"num_processes": 2})
    (copy / ".potstill").mkdir(exist_ok=True)
    (copy / ".potstill/parallelism-8b.json").write_text(parallelism.model_dump_json())
    with start(copy, "dvc", "repro", "-f", "-s", "train-8b", POTSTILL_CHECKPOINT_SECONDS="0") as dvc:
        running: list[psutil.Process] = []

        def steps_are_learnt() -> bool:
            running[:] = psutil.Process(dvc.pid).children(recursive=True)
            return any((copy / ".potstill/checkpoints").glob("*/checkpoint-2/whole.json"))

        wait_until(steps_are_learnt)
        dvc.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(running, timeout=10)
    assert len(running) >= 4, "the stage, the launcher and two workers"
    assert alive == []


def test_kill_of_dvc_leaves_no_orphan(copy: Path) -> None:
    with start(copy, "dvc", "repro", "-f", "-s", "generate") as dvc:
        running: list[psutil.Process] = []

        def stage_runs() -> bool:
            children = psutil.Process(dvc.pid).children(recursive=True)
            running[:] = [child for child in children if "stages.generate" in " ".join(child.cmdline())]
            return bool(running) and num_kept(copy / ".potstill/ledger.sqlite") >= BATCH

        wait_until(stage_runs)
        dvc.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(running, timeout=10)
    assert alive == []
    assert num_kept(copy / ".potstill/ledger.sqlite") < NUM_TRAIN, "it was stopped, it did not come to its end"
