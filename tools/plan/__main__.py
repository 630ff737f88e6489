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
from tools.plan import candidates, gpus, memory, objectives, shapes
from tools.plan.gpus import Gpu
from tools.plan.report import Case, plans_of, print_case, print_objective, print_plans, recommendation, what_would_fit


def main(arguments: list[str]) -> None:
    asked = read_arguments(arguments)
    profile = asked.profile or ("llama" if asked.gpus and selected_profile() == "laptop" else None)
    params = load(asked.student, profile)
    settings = params.profile.model_copy(update={"method": asked.method} if asked.method else {})
    context, batch = asked.context or settings.max_length, asked.batch or settings.batch_size
    teacher = objectives.read_teacher(profile)
    found = None if asked.gpus or asked.hostfile else gpus.found()
    on_gpus = bool(asked.gpus or asked.hostfile or found)
    holds = objectives.held(params, teacher, on_gpus)
    needs = objectives.in_words(params, teacher, holds, context)
    if not on_gpus:
        check_host_memory(asked.model or params.base.model, settings)
        if not asked.json:
            print_objective(params.train.objective, needs)
        answer(
            asked,
            candidates.on_cpu(batch),
            "recommended: one process on the CPU, for there is no GPU; name some with --gpus and --gpu-memory",
        )
        return
    gpu_name, gpu = choose_gpu(asked, found)
    num_gpus = asked.gpus or (slots(asked.hostfile) if asked.hostfile else found[0] if found else 0)
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


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.plan",
        description="Plan the training of a student; what is not named comes from params.yaml.",
    )
    parser.add_argument("student", help="one of `students` in params.yaml")
    parser.add_argument("--gpus", type=int, help="their number; without it those of this machine")
    parser.add_argument("--gpu-memory", type=float, help="GB (1e9 bytes) of each")
    parser.add_argument(
        "--gpu", help=f"their kind, for speed: {', '.join(gpus.GPUS)}; without it the slowest of that memory"
    )
    parser.add_argument("--hostfile", help="of several machines: a line `address slots=8` for each")
    parser.add_argument(
        "--profile",
        help="of params.yaml; without it the selected one, or llama where GPUs are named and laptop is selected",
    )
    parser.add_argument("--model", help="a folder, a config.json or a name, instead of the student's base")
    parser.add_argument("--method", choices=("lora", "full"))
    parser.add_argument("--context", type=int, help="tokens a row")
    parser.add_argument("--batch", type=int, help="rows a step, over all GPUs")
    parser.add_argument("--price", type=float, help="of a GPU for an hour, to print the cost")
    parser.add_argument("--json", action="store_true", help="print the recommended parallelism alone")
    parser.add_argument(
        "--write",
        action="store_true",
        help="keep the recommended parallelism in .potstill, where training takes it from",
    )
    return parser.parse_args(arguments)


def selected_profile() -> str:
    return YAML(typ="safe").load(Path("params.yaml"))["profile"]


def choose_gpu(asked: argparse.Namespace, found: tuple[int, str, Gpu] | None) -> tuple[str, Gpu]:
    if asked.gpu:
        gpu = gpus.named(asked.gpu)
        return asked.gpu, gpu._replace(memory=asked.gpu_memory * 1e9) if asked.gpu_memory else gpu
    if asked.gpu_memory:
        return gpus.of_memory(asked.gpu_memory * 1e9)
    if found:
        return found[1:]
    raise SystemExit("plan: got GPUs of no size, wanted --gpu-memory GB or --gpu NAME")


def check_host_memory(model: str, settings: Training) -> None:
    """Stop where the states alone are more than a CPU machine's memory."""
    try:
        shape = shapes.find(model)
    except SystemExit:
        return  # the CPU's parallelism needs no shape, so models of other kinds train as well
    needed = sum(memory.estimate(shape, settings, 1, candidates.on_cpu(batch=1))[:3])
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > machine:
        raise SystemExit(
            f"nothing fits: {model} needs {needed / 1e9:.0f} GB for its states alone, and this machine has "
            f"{machine / 1e9:.0f} GB and no GPU"
        )


def slots(hostfile: str) -> int:
    """GPUs in a DeepSpeed host file."""
    lines = [line.split("#")[0].split() for line in Path(hostfile).read_text().splitlines()]
    return sum(int(part.removeprefix("slots=")) for line in lines for part in line if part.startswith("slots="))


def answer(asked: argparse.Namespace, parallelism: Parallelism, text: str) -> None:
    if asked.write:
        folder = Path(os.environ.get("DVC_ROOT", ".")) / ".potstill"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"parallelism-{asked.student}.json").write_text(parallelism.model_dump_json(indent=2) + "\n")
        print(f"written to {folder / f'parallelism-{asked.student}.json'}", file=sys.stderr)
    print(parallelism.model_dump_json() if asked.json else text)


if __name__ == "__main__":
    main(sys.argv[1:])
