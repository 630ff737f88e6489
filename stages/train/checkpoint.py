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

from accelerate.utils import wait_for_everyone
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.train.mixture import Mixture
from stages.train.params import Params

WHOLE = "whole.json"
# It changes no result, so it is no parameter.
CHECKPOINT_SECONDS = float(os.environ.get("POTSTILL_CHECKPOINT_SECONDS", "600"))
PACKAGES = ("accelerate", "peft", "torch", "transformers", "trl")


def folder(student: str, params: Params, data: list[Path]) -> Path:
    decides = {
        "params": params.model_dump(),
        "data": [hashlib.sha256(path.read_bytes()).hexdigest() for path in data],
        "versions": {package: metadata.version(package) for package in PACKAGES},
    }
    name = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return home() / "checkpoints" / f"{student}-{name}"


def home() -> Path:
    """Of what a training keeps on this machine: the main checkout, in experiments too."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".potstill"


def latest(output: Path) -> Path | None:
    """The last whole checkpoint: it is marked when every process has written its part, so a kill while saving leaves none that counts."""
    whole = [path for path in output.glob("checkpoint-*") if (path / WHOLE).exists()]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def fits(checkpoint: Path, mixture: Mixture, student: str) -> None:
    """DeepSpeed's checkpoints hold each process's share, so they fit the same processes and stage only; the others fit any number of processes."""
    written, wanted = json.loads((checkpoint / WHOLE).read_text()), layout(mixture)
    if written != wanted and (written["zero"] or wanted["zero"]):
        raise SystemExit(
            f"train-{student}: {checkpoint} was written by {written['num_processes']} processes with ZeRO-{written['zero']}, wanted "
            f"{wanted['num_processes']} with ZeRO-{wanted['zero']}: set num_processes and zero in .potstill/mixture-{student}.json to go on from it, "
            "or remove its folder to start afresh"
        )


def layout(mixture: Mixture) -> dict[str, int]:
    return {"num_processes": mixture.num_processes, "zero": mixture.zero}


class SaveByTime(TrainerCallback):
    """Save when CHECKPOINT_SECONDS have passed since the start or the last save, and mark what is saved as whole."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._saved = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if agreed(time.monotonic() - self._saved >= CHECKPOINT_SECONDS):
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._saved = time.monotonic()
        wait_for_everyone()
        if state.is_world_process_zero:
            whole = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / WHOLE
            part = whole.with_suffix(".part")
            part.write_text(json.dumps(layout(self._mixture)))
            part.rename(whole)


def agreed(due: bool) -> bool:
    """The first process's clock decides for all, or some would wait for ever for the others to save."""
    from accelerate.utils import broadcast_object_list

    return bool(broadcast_object_list([due])[0])
