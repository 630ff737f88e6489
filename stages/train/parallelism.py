"""How a training is executed on this machine. None of it changes the result, so none of it is a parameter.

A file `.potstill/parallelism-8b.json` beside the checkpoints, which a person may write (`python -m tools.plan 8b
--write`)
and edit; where there is none, the planner is run as a process, so that its code decides no result.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Parallelism(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    num_processes: Annotated[int, Field(gt=0)]  # one for each GPU, over all machines; on a CPU as many as wanted
    zero: Literal[
        0, 1, 2, 3
    ]  # DeepSpeed ZeRO: nothing, optimizer, gradients too, weights too are parted between processes
    offload_optimizer: bool  # its states lie in the machine's memory
    offload_parameters: bool  # the weights too; ZeRO-3 alone can
    checkpointing: bool  # activations are computed a second time instead of kept
    attention: Literal["sdpa", "flash_attention_2"]
    liger: bool  # Liger kernels, where liger-kernel is installed
    rows_per_device: Annotated[int, Field(gt=0)]  # rows in one forward pass of one process
    hostfile: str | None  # of DeepSpeed: a line `address slots=8` for each machine; None is this machine alone
    peak_flops: Annotated[float, Field(gt=0)] | None  # of one device in the precision, for the log's MFU


def load(student: str, home: Path) -> Parallelism:
    """The parallelism in `home`, else the planner's."""
    path = home / f"parallelism-{student}.json"
    if path.exists():
        text, source = path.read_text(), str(path)
    else:
        planner = [sys.executable, "-m", "tools.plan", student, "--json"]
        done = subprocess.run(planner, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"train-{student}: the planner found no way to run this training here:\n{done.stderr.strip()}"
            )
        text, source = done.stdout, " ".join(planner[1:])
    try:
        return Parallelism.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}, got {e['input']!r}" for e in error.errors()
        )
        raise SystemExit(
            f"train-{student}: {source} is no parallelism: {faults}; remove it, or write it anew with `python -m "
            f"tools.plan {student} --write`"
        ) from None
