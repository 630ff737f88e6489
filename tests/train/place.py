"""A folder with a few real examples, in which `python -m stages.train 8b` runs, as a process or in this one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT
from tests.here import run_here
from tools.plan.candidates import on_cpu

BASE = ROOT / "data/laptop/models/base-8b"


def examples(count: int) -> list[dict[str, Any]]:
    """Additions, each of another length."""
    rows = []
    for n in range(count):
        words = " and again".join([f"{n} + 7 = {n + 7}"] * (1 + n % 3))
        prompt = [
            {"role": "system", "content": "Give the answer after ####."},
            {"role": "user", "content": f"{n} + 7 = ?"},
        ]
        rows.append({"prompt": prompt, "completion": [{"role": "assistant", "content": f"{words}. #### {n + 7}"}]})
    return rows


def make(
    folder: Path, rows: list[dict[str, Any]], validation: list[dict[str, Any]], *overrides: str, **parallelism: Any
) -> Path:
    """The folder with params.yaml changed, and with a parallelism where one is asked for."""
    shutil.copytree(BASE, folder / "data/laptop/models/base-8b")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    apply_overrides(str(folder / "params.yaml"), list(overrides))
    (folder / "data/selected").mkdir(parents=True)
    for split, some in (("train", rows), ("validation", validation)):
        (folder / f"data/selected/{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    execute(folder, **parallelism)
    return folder


def execute(folder: Path, **parallelism: Any) -> None:
    (folder / ".potstill").mkdir(exist_ok=True)
    chosen = on_cpu(batch=16).model_copy(update=parallelism)
    (folder / ".potstill/parallelism-8b.json").write_text(chosen.model_dump_json())


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    whole = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "DVC_ROOT": str(folder)} | environment
    return subprocess.Popen(
        [sys.executable, "-m", "stages.train", "8b"],
        cwd=folder,
        env=whole,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(folder: Path, **environment: str) -> tuple[int, str]:
    """Exit status and all that was printed."""
    with start(folder, **environment) as running:
        printed, _ = running.communicate()
    return running.returncode, printed


def train_here(folder: Path) -> tuple[int, str]:
    """The same in this process; those that the parallelism asks for besides are started."""
    return run_here(folder, "train", "8b")
