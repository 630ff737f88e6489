"""Which way of executing a training fits the GPUs, how long it takes, and which is best: `python -m tools.plan 70b
--gpus 8 --gpu-memory 80`.

Needs neither weights nor GPU nor network. `python -m stages.train` asks it with --json, unless --write kept its answer
in a file.
"""

import argparse
import os
import sys
from pathlib import Path

from ruamel.yaml import YAML

from stages.train.parallelism import Parallelism
from stages.train.params import Training, load
from tools.plan import architecture, asking, candidates, gpus, lengths, memory, objectives, shapes
from tools.plan.activations import width
from tools.plan.gpus import Gpu
from tools.plan.report import Case, plans_of, print_case, print_objective, print_plans, recommendation, what_would_fit

MOST_STATES = 16  # bytes of a parameter's weight, gradient and optimizer states; no weight on the disk is under a byte


def main(arguments: list[str]) -> None:
    document = YAML(typ="safe").load(Path("params.yaml"))
    asked = asking.read(arguments, document)
    profile = asked.profile or ("llama" if asked.gpus and document["profile"] == "laptop" else None)
    params = load(asked.student, profile)
    settings = params.profile.model_copy(update={"method": asked.method} if asked.method else {})
    context, batch = asked.context or settings.max_length, asked.batch or settings.batch_size
    teacher = objectives.read_teacher(profile)
    found = None if asked.gpus is not None or asked.hostfile else gpus.found()
    on_gpus = bool(asked.gpus or asked.hostfile or found)
    holds = objectives.held(params, teacher, on_gpus)
    needs = objectives.in_words(params, teacher, holds, context)
    if not on_gpus:
        if asked.gpu or asked.gpu_memory:
            raise SystemExit("plan: got GPUs of a kind or size, but none of them, wanted their number: --gpus")
        check_host_memory(asked.model or params.base.model, settings)
        if not asked.json:
            print_objective(params.train.objective, needs)
        answer(
            asked,
            candidates.on_cpu(batch),
            "recommended: one process on the CPU, for "
            + (
                "--gpus 0 asks for it" if asked.gpus == 0 else "there is no GPU; name some with --gpus and --gpu-memory"
            ),
        )
        return
    gpu_name, gpu = choose_gpu(asked, found)
    num_gpus = asked.gpus or (asking.slots(asked.hostfile) if asked.hostfile else found[0] if found else 0)
    hostfile = asked.hostfile
    if holds.alone:
        num_gpus, hostfile = 1, None
    gpus.check_precision(gpu_name, gpu, settings.precision)
    shape = shapes.find(asked.model or params.base.model)
    case = Case(
        asked.model or params.base.model,
        shape,
        settings,
        context,
        batch,
        gpu_name,
        gpu,
        num_gpus,
        hostfile,
        holds,
        None if asked.json else lengths.sample(asked.model or params.base.model, context),
    )
    plans = plans_of(case)
    best = candidates.choose(plans)
    if not asked.json:
        print_case(case, profile)
        print_objective(params.train.objective, needs)
        print_plans(case, plans, asked.price)
    if best is None:
        raise SystemExit(
            f"nothing fits: {'; '.join(what_would_fit(case, plans)) or 'nor would more GPUs, a shorter context or nf4'}"
        )
    answer(asked, best.parallelism, recommendation(case, plans, best))


def choose_gpu(asked: argparse.Namespace, found: tuple[int, str, Gpu] | None) -> tuple[str, Gpu]:
    if asked.gpu:
        gpu = gpus.named(asked.gpu)
        return asked.gpu, gpu._replace(memory=asked.gpu_memory * 1e9) if asked.gpu_memory else gpu
    if asked.gpu_memory:
        return gpus.of_memory(asked.gpu_memory * 1e9)
    if found:
        return found[1:]
    raise SystemExit("plan: got GPUs of no size, wanted --gpu-memory GB or --gpu NAME")


def counted(model: str, settings: Training) -> tuple[int, int]:
    """Parameters of any causal language model, and of the adapter that LoRA would train."""
    lora = settings.lora
    if shape := shapes.named(model):
        return shape.parameters, shapes.lora_parameters(shape, lora.rank, lora.targets, lora.dora)
    path = shapes.find_config(model)
    counts = architecture.count(architecture.read(path), path)
    return counts.parameters, architecture.lora_parameters(counts.linears, lora.rank, lora.targets, lora.dora)


def check_host_memory(model: str, settings: Training) -> None:
    """Stop where the states alone are more than a CPU machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    weights = sum(file.stat().st_size for file in Path(model).glob("*.safetensors"))
    if 0 < weights * MOST_STATES < machine:
        return  # without counting, which takes seconds
    try:
        num_parameters, num_adapted = counted(model, settings)
    except SystemExit:  # not in the hub's cache: what it needs shows when it loads
        return
    num_trained, num_frozen = (num_parameters, 0) if settings.method == "full" else (num_adapted, num_parameters)
    needed = sum(memory.states(num_trained, num_frozen, width(settings), 0, 1, width(settings)))
    if needed > machine:
        raise SystemExit(
            f"nothing fits: {model} needs {needed / 1e9:.0f} GB for its states alone, and this machine has "
            f"{machine / 1e9:.0f} GB and no GPU"
        )


def answer(asked: argparse.Namespace, parallelism: Parallelism, text: str) -> None:
    if asked.write:
        folder = Path(os.environ.get("DVC_ROOT", ".")) / ".potstill"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"parallelism-{asked.student}.json").write_text(parallelism.model_dump_json(indent=2) + "\n")
        print(f"written to {folder / f'parallelism-{asked.student}.json'}", file=sys.stderr)
    print(parallelism.model_dump_json() if asked.json else text)


if __name__ == "__main__":
    main(sys.argv[1:])
