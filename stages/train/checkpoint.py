"""Where an unfinished training is kept, and how it is found again.

Checkpoints lie under the main checkout, outside DVC's outputs, in a folder named for everything that decides the
result: a killed training goes on, a training with other parameters, data, versions or code starts anew and says so.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object, wait_for_everyone
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.train.parallelism import Parallelism
from stages.train.params import Params

WHOLE = "whole.json"
DECIDES = "decides.json"
STAGES = Path(__file__).parents[1]
PARTS = ("train/**/*.py", "models/passes.py", "rows/topk.py", "sampling/dated.py")
# It changes no result, so it is no parameter.
CHECKPOINT_SECONDS = float(os.environ.get("POTSTILL_CHECKPOINT_SECONDS", "600"))
PACKAGES = ("accelerate", "deepspeed", "peft", "torch", "transformers", "trl")


def decisive(params: Params, data: list[Path]) -> dict[str, dict[str, Any]]:
    """What decides the result, in four parts: values by name, files as SHA-256, code by its path in `stages`."""
    # engines say whether a teacher can be loaded and how the student will be asked, and decide nothing of it
    sections = params.model_dump(exclude={"teacher": {"engine"}, "base": {"engine"}})
    return {
        "parameters": {
            f"{section}.{name}": value for section in sections for name, value in (sections[section] or {}).items()
        },
        "data": {path.name: digest(path) for path in data},
        "versions": {package: version(package) for package in PACKAGES},
        "code": {path.relative_to(STAGES).as_posix(): digest(path) for path in code()},
    }


def code() -> list[Path]:
    """That of the training, of the passes of a reference model, of the file of the teacher's probabilities, and of the
    date in prompts."""
    return sorted(path for part in PARTS for path in STAGES.glob(part))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version(package: str) -> str | None:
    """None where it is not installed: DeepSpeed may be missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def folder(student: str, decides: dict[str, dict[str, Any]]) -> Path:
    name = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return home() / "checkpoints" / f"{student}-{name}"


def abandoned(student: str, output: Path, decides: dict[str, dict[str, Any]]) -> list[str]:
    """A sentence about each unfinished training of the student that is not the one in `output`."""
    return [
        f"{other} holds an unfinished training that differs in {' and '.join(differing(other, decides))}: "
        "this one starts anew, and that folder may be removed unless a training still runs in it"
        for other in sorted(output.parent.glob(f"{student}-*"))
        if other.name not in (output.name, f"{output.name}.part")
    ]


def differing(other: Path, decides: dict[str, dict[str, Any]]) -> list[str]:
    """The parts in which a folder's training differs, each with the names of what differs."""
    if not (other / DECIDES).exists():
        return ["code"]  # it is of older code, which wrote none
    theirs = json.loads((other / DECIDES).read_text())
    named = {part: unequal(mine, theirs[part]) for part, mine in decides.items()}
    return [f"{part} ({', '.join(names)})" for part, names in named.items() if names]


def unequal(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Names under which the two hold different values, or which one of them lacks."""
    return sorted(name for name in mine.keys() | theirs.keys() if mine.get(name, ...) != theirs.get(name, ...))


@contextmanager
def begun(output: Path, decides: dict[str, dict[str, Any]]) -> Iterator[Path]:
    """A folder that becomes `output` once it is filled: a kill before that leaves a `.part` that does not count, a
    fault leaves nothing."""
    part = output.with_name(f"{output.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / DECIDES).write_text(json.dumps(decides, indent=2))
    try:
        yield part
        part.rename(output)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def home() -> Path:
    """Of what a training keeps on this machine: the main checkout, in experiments too."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".potstill"


def latest(output: Path) -> Path | None:
    """The last whole checkpoint: it is marked when every process has written its part, so a kill while saving leaves
    none that counts."""
    whole = [path for path in output.glob("checkpoint-*") if (path / WHOLE).exists()]
    return max(whole, key=lambda path: int(path.name.split("-")[1]), default=None)


def agreed_latest(output: Path, student: str) -> Path | None:
    """The same for every process. Raises SystemExit where some see another one: they would train on from different
    steps."""
    mine = latest(output)
    seen = gather_object([mine.name if mine else "none"])
    if len(set(seen)) > 1:
        of_each = ", ".join(f"{number}: {name}" for number, name in enumerate(seen))
        raise SystemExit(
            f"train-{student}: got another last checkpoint in {output} from process to process ({of_each}), wanted one "
            f"for all: let all machines share that folder, or remove it everywhere to start afresh"
        )
    return mine


def fits(checkpoint: Path, parallelism: Parallelism, student: str) -> None:
    """DeepSpeed's checkpoints hold each process's share, so they fit the same processes and stage only; the others fit
    any number of processes."""
    written, wanted = json.loads((checkpoint / WHOLE).read_text()), layout(parallelism)
    if written != wanted and (written["zero"] or wanted["zero"]):
        raise SystemExit(
            f"train-{student}: {checkpoint} was written by {written['num_processes']} processes with "
            f"ZeRO-{written['zero']}, wanted "
            f"{wanted['num_processes']} with ZeRO-{wanted['zero']}: set num_processes and zero in "
            f".potstill/parallelism-{student}.json to go on from it, "
            "or remove its folder to start afresh"
        )


def layout(parallelism: Parallelism) -> dict[str, int]:
    return {"num_processes": parallelism.num_processes, "zero": parallelism.zero}


class SaveByTime(TrainerCallback):
    """Save when CHECKPOINT_SECONDS have passed since the start or the last save, and mark what is saved as whole."""

    def __init__(self, parallelism: Parallelism) -> None:
        self._parallelism = parallelism
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
            part.write_text(json.dumps(layout(self._parallelism)))
            part.rename(whole)


def agreed(due: bool) -> bool:
    """The first process's clock decides for all, or some would wait for ever for the others to save."""
    from accelerate.utils import broadcast_object_list

    return bool(broadcast_object_list([due])[0])
