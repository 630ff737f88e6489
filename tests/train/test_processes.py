"""Several processes learn what one learns; a training that was killed goes on and ends with the same weights."""

import re
import shutil
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.torch import load_file

from tests.architecture.closure import ROOT
from tests.train.place import examples, execute, make, run, start, train_here

ROWS = examples(44)  # steps of 16, 16 and 4 of the 36 that are learnt from, so the last one is shared unevenly
METHODS = {"full": "model.safetensors", "lora": "adapter_model.safetensors"}
TWO = {"num_processes": 2, "rows_per_device": 4}
pytestmark = pytest.mark.slow
needs_deepspeed = pytest.mark.skipif(
    not find_spec("deepspeed") or not shutil.which("g++"),
    reason="DeepSpeed is not installed, or there is no g++ for it",
)


def place(folder: Path, method: str, **parallelism: Any) -> Path:
    return make(
        folder,
        ROWS[:36],
        ROWS[36:],
        f"profiles.laptop.student-8b.train.method={method}",
        "profiles.laptop.student-8b.train.num_epochs=4",
        **parallelism,
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What one process makes of the examples, for each method."""
    found = {}
    for method in METHODS:
        found[method] = place(tmp_path_factory.mktemp(method), method)
        code, printed = train_here(found[method])
        assert code == 0, printed
    return found


def assert_same(folder: Path, other: Path, method: str) -> None:
    mine, theirs = (load_file(place / "models/8b" / METHODS[method]) for place in (folder, other))
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert (mine[name] - theirs[name]).abs().max() < 1e-4 * theirs[name].abs().max() + 1e-6, name
    for curve in ("train", "validation"):
        lines = [(place / f"metrics/{curve}-8b.csv").read_text().splitlines()[1:] for place in (folder, other)]
        values = [[float(line.split(",")[1]) for line in some] for some in lines]
        assert values[0] == pytest.approx(values[1], abs=2e-4)


def wait_until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found


def kill_at_step(folder: Path, step: int, **environment: str) -> None:
    """Start the training, kill -9 the stage when the checkpoint of the step is whole, and see that no process of it stays."""
    with start(folder, POTSTILL_CHECKPOINT_SECONDS="0", **environment) as running:
        stage = psutil.Process(running.pid)
        wait_until(
            lambda: (
                list(folder.glob(f".potstill/checkpoints/*/checkpoint-{step}/whole.json")) or running.poll() is not None
            )
        )
        children = stage.children(recursive=True)
        running.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == [], "no trainer outlives the stage"
    assert not (folder / "models/8b").exists()


def test_two_processes_killed_go_on_in_one(alone: dict[str, Path], tmp_path: Path) -> None:
    """Without ZeRO a checkpoint fits any number of processes. What was tokenized and counted before the kill stands."""
    folder = place(tmp_path, "lora", **TWO)
    kill_at_step(folder, 2)
    (counts,) = folder.glob(".potstill/checkpoints/*/counts.json")
    counts.write_text(counts.read_text().replace('"examples": 36', '"examples": 37'))
    execute(folder)
    code, printed = train_here(folder)
    assert code == 0, printed
    assert re.search(r"train-8b: going on from checkpoint-\d+", printed)
    assert '"examples": 37' in (folder / "metrics/train-8b.json").read_text(), "nothing was counted a second time"
    assert_same(folder, alone["lora"], "lora")


def edited_code(folder: Path) -> Path:
    """A copy of the code that draws another order of the rows."""
    shutil.copytree(ROOT / "stages", folder / "stages")
    file = folder / "stages/train/order.py"
    drawn = file.read_text().replace("manual_seed(seed + epoch)", "manual_seed(seed + epoch + 1)")
    assert drawn != file.read_text()
    file.write_text(drawn)
    return folder


def test_a_killed_training_does_not_go_on_under_other_code(alone: dict[str, Path], tmp_path: Path) -> None:
    """Weights of two codes would be no code's result."""
    code = str(edited_code(tmp_path / "code"))
    folder, uninterrupted = place(tmp_path / "killed", "lora"), place(tmp_path / "whole", "lora")
    kill_at_step(folder, 3)
    (abandoned,) = folder.glob(".potstill/checkpoints/8b-*")
    status, printed = run(folder, PYTHONPATH=code)
    assert status == 0, printed
    assert "going on from" not in printed
    assert (
        f"train-8b: {abandoned} holds an unfinished training that differs in code (train/order.py): this one starts anew, "
        "and that folder may be removed unless a training still runs in it\n"
    ) in printed
    assert abandoned.exists(), "whether to give it up is for a person to say"
    status, printed = run(uninterrupted, PYTHONPATH=code)
    assert status == 0, printed
    weights = [(made / "models/8b" / METHODS["lora"]).read_bytes() for made in (folder, uninterrupted, alone["lora"])]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2], "the edit decides the result"


@needs_deepspeed
@pytest.mark.parametrize(("zero", "method"), [(2, "lora"), (3, "full")])
def test_deepspeed_learns_the_same_and_goes_on_where_it_was_killed(
    zero: int, method: str, alone: dict[str, Path], tmp_path: Path
) -> None:
    """The other stages and methods: benchmarks/zero.py."""
    folder = place(tmp_path, method, zero=zero, **TWO)
    kill_at_step(folder, 3)
    execute(folder, **TWO)
    code, printed = train_here(folder)
    assert code == 1
    assert re.search(
        rf"train-8b: .* was written by 2 processes with ZeRO-{zero}, wanted 2 with ZeRO-0: set num_processes and zero in",
        printed,
    )
    execute(folder, zero=zero, **TWO)
    code, printed = train_here(folder)
    assert code == 0, printed
    assert re.search(r"train-8b: going on from checkpoint-\d+", printed)
    assert_same(folder, alone[method], method)


def test_a_worker_that_stops_says_why_last(tmp_path: Path) -> None:
    folder = make(
        tmp_path, ROWS, [], "profiles.laptop.student-8b.train.learning_rate=30", "train.warmup_share=0.0", **TWO
    )
    code, printed = train_here(folder)
    assert code == 1
    assert re.match(
        r"train-8b: step \d+: the loss .* the last good checkpoint is none, none was written yet",
        printed.strip().splitlines()[-1],
    )
