"""Tune one student on the examples, towards an objective: `python -m stages.train 8b`."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from stages.models.local import check
from stages.sampling.process_group import die_with_parent
from stages.train import arrow, curves, examples, live, machines, parallelism, start
from stages.train.examples import Tokens
from stages.train.objectives.table import OBJECTIVES
from stages.train.parallelism import Parallelism
from stages.train.params import Params, load

NUM_SHOWN = 2  # examples whose loss mask is printed


def main(student: str) -> None:
    params = start.pinned(load(student))
    objective = OBJECTIVES[params.train.objective]
    check(params.base.model, params.base.revision)
    live.check(student)
    die_with_parent()
    # accelerate imports DeepSpeed, which warns if it must look
    os.environ.setdefault("DS_ACCELERATOR", "cuda" if shutil.which("nvidia-smi") else "cpu")
    # after the parameters, because these imports take seconds
    from stages.train import (
        arguments,
        base,
        checkpoint,
        preflight,
        prepare,
        reference,
        refusals,
        saved,
        serving,
        worker,
    )

    serving.check(params, student)
    tokenizer = base.read_tokenizer(params, student)
    stop_ids = base.stop_ids(params, tokenizer)
    refusals.teacher(params, tokenizer, student)
    decides = checkpoint.decisive(params, prepare.sources(objective))
    output = checkpoint.folder(student, decides)
    plan = parallelism.load(student, checkpoint.home())
    found = preflight.look(output)
    preflight.machine(params, plan, found, student)
    if plan.hostfile:
        machines.check(plan.hostfile, output.parent, student)
    refusals.objective(params, plan, student)
    is_trained = saved.is_trained(output)
    if not is_trained:
        preflight.disk_space(preflight.checkpoint_bytes(params), found, output, student)
    if not (is_trained or checkpoint.latest(output)):
        for sentence in checkpoint.abandoned(student, output, decides):
            print(f"train-{student}: {sentence}", file=sys.stderr)
    if not output.exists():
        with checkpoint.begun(output, decides) as part:
            prepare.prepare(part, params, tokenizer, stop_ids, student)
            if objective.kind == "pairs":
                reference.write(part, params, student)
                free_memory()
    first = arrow.head(output, NUM_SHOWN)
    show(first, tokenizer, student)
    if is_trained:
        print(f"train-{student}: going on from the trained student in {output}, to check it", file=sys.stderr)
    elif arguments.needs_launcher(plan, found.num_gpus):
        launch(student, params, plan, output)
    else:
        worker.train(student, params, plan, output, tokenizer)
        free_memory()
    with saved.kept_on_failure(output, student):
        saved.tensors(output / saved.STUDENT, params.profile.method, student)
        saved.answers_alike(output, params, plan.attention, first[0], objective.reload_fault, student)
    counts, report = (json.loads((output / name).read_text()) for name in (prepare.COUNTS, saved.REPORT))
    curves.write(student, report, counts, params.train.log_every_steps)
    saved.publish(output, Path("models") / student)


def show(first: list[Tokens], tokenizer: Any, student: str) -> None:
    for number, example in enumerate(first, 1):
        print(
            f"train-{student}: example {number}, learnt is what stands in ⟦⟧:\n{examples.show(example, tokenizer)}",
            file=sys.stderr,
        )


def launch(student: str, params: Params, plan: Parallelism, output: Path) -> None:
    """Train in the processes of the parallelism; they die with this one."""
    from stages.train import arguments, base

    base.fetch(params, student)
    parallelism_file, stopped = output / "parallelism.json", output / "stopped.txt"
    parallelism_file.write_text(plan.model_dump_json())
    stopped.unlink(missing_ok=True)
    command = arguments.launch_command(student, params, plan, parallelism_file, free_port())
    # the libraries' warnings about each other, once for each process, hide what the training says
    threads = {"OMP_NUM_THREADS": str(arguments.num_threads(plan))}
    environment = threads | os.environ | {"PYTHONWARNINGS": "ignore"}
    if plan.hostfile:
        environment = machines.sent(environment, output / "environment")
    with subprocess.Popen(command, env=environment, preexec_fn=die_with_parent) as launcher:  # noqa: PLW1509 - one system call
        code = launcher.wait()
    if code:
        raise SystemExit(
            stopped.read_text()
            if stopped.exists()
            else f"train-{student}: a training process died ({code}); the reason stands above"
        )


def free_memory() -> None:
    """For what is loaded next: trainers, and models whose head was patched, are cycles, and torch keeps what it once
    took."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("", 0))
        return opened.getsockname()[1]


if __name__ == "__main__":
    main(sys.argv[1])
