"""Where an unfinished training is kept, and how it is found again.

Checkpoints lie under the main checkout, outside DVC's outputs, in a folder named for everything that
decides the result: a killed training goes on, a training with other parameters starts afresh.
"""

import hashlib
import json
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.train.params import Params

PACKAGES = ("accelerate", "peft", "torch", "transformers", "trl")


def folder(student: str, params: Params, data: list[Path]) -> Path:
    decides = {
        "params": params.model_dump(),
        "data": [hashlib.sha256(path.read_bytes()).hexdigest() for path in data],
        "versions": {package: metadata.version(package) for package in PACKAGES},
    }
    name = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".potstill" / "checkpoints" / f"{student}-{name}"


def latest(output: Path) -> Path | None:
    """The last whole checkpoint: its state is written last, so a kill while saving leaves none that can be read."""
    whole = [path for path in output.glob("checkpoint-*") if is_whole(path)]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return True


class SaveByTime(TrainerCallback):
    """Save when `seconds` have passed since the start or the last save."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._saved = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if time.monotonic() - self._saved >= self._seconds:
            control.should_save = True
            self._saved = time.monotonic()
