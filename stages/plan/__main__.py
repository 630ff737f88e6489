"""Which way of executing a training fits the GPUs, how long it takes, and which is best: `python -m stages.plan 70b --gpus 8 --gpu-memory 80`.

Needs neither weights nor GPU nor network. `python -m stages.train` asks it with --json, unless --write kept its answer in a file.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from stages.plan import gpus, mixtures, shapes
from stages.plan.gpus import Gpu
from stages.plan.mixtures import Plan
from stages.plan.shapes import Shape
from stages.train.mixture import Mixture
from stages.train.params import ProfileStudent, load

COLUMNS = ("weights", "gradients", "optimizer", "activat.", "logits", "other", "peak")


class Case(NamedTuple):
    """A training and the GPUs that it is planned for."""

    model: str
    shape: Shape
    settings: ProfileStudent
    context: int
    batch: int
    gpu_name: str
    gpu: Gpu
    num_gpus: int
    hostfile: str | None


def main(arguments: list[str]) -> None:
    asked = read_arguments(arguments)
    profile = asked.profile or ("llama" if asked.gpus and selected_profile() == "laptop" else None)
    params = load(asked.student, profile)
    settings = params.profile.model_copy(update={"method": asked.method} if asked.method else {})
    context, batch = asked.context or settings.max_length, asked.batch or settings.batch_size
    found = None if asked.gpus or asked.hostfile else gpus.found()
    if not (asked.gpus or asked.hostfile or found):
        answer(asked, mixtures.on_cpu(batch), "recommended: one process on the CPU, for there is no GPU; name some with --gpus and --gpu-memory")
        return
    gpu_name, gpu = choose_gpu(asked, found)
    num_gpus = asked.gpus or (slots(asked.hostfile) if asked.hostfile else found[0] if found else 0)
    shape = shapes.find(asked.model or params.base.model)
    case = Case(asked.model or params.base.model, shape, settings, context, batch, gpu_name, gpu, num_gpus, asked.hostfile)
    plans = plans_of(case)
    best = mixtures.choose(plans)
    if not asked.json:
        print_case(case, profile)
        print_plans(case, plans, asked.price)
    if best is None:
        raise SystemExit(f"nothing fits: {'; '.join(what_would_fit(case, plans)) or 'nor would more GPUs, a shorter context or nf4'}")
    answer(asked, best.mixture, recommendation(case, plans, best))


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stages.plan", description="Plan the training of a student; what is not named comes from params.yaml.")
    parser.add_argument("student", choices=("8b", "70b"))
    parser.add_argument("--gpus", type=int, help="their number; without it those of this machine")
    parser.add_argument("--gpu-memory", type=float, help="GB (1e9 bytes) of each")
    parser.add_argument("--gpu", help=f"their kind, for speed: {', '.join(gpus.GPUS)}; without it the slowest of that memory")
    parser.add_argument("--hostfile", help="of several machines: a line `address slots=8` for each")
    parser.add_argument("--profile", help="of params.yaml; without it the selected one, or llama where GPUs are named and laptop is selected")
    parser.add_argument("--model", help="a folder, a config.json or a name, instead of the student's base")
    parser.add_argument("--method", choices=("lora", "full"))
    parser.add_argument("--context", type=int, help="tokens a row")
    parser.add_argument("--batch", type=int, help="rows a step, over all GPUs")
    parser.add_argument("--price", type=float, help="of a GPU for an hour, to print the cost")
    parser.add_argument("--json", action="store_true", help="print the recommended mixture alone")
    parser.add_argument("--write", action="store_true", help="keep the recommended mixture in .potstill, where training takes it from")
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


def slots(hostfile: str) -> int:
    """GPUs in a DeepSpeed host file."""
    lines = [line.split("#")[0].split() for line in Path(hostfile).read_text().splitlines()]
    return sum(int(part.removeprefix("slots=")) for line in lines for part in line if part.startswith("slots="))


def plans_of(case: Case) -> list[Plan]:
    return mixtures.plan(case.shape, case.settings, case.context, case.batch, case.gpu, case.num_gpus, case.hostfile)


def print_case(case: Case, profile: str | None) -> None:
    lora = case.settings.lora
    how = case.settings.method if case.settings.method == "full" else f"LoRA of rank {lora.rank} on {', '.join(lora.targets)}, base {lora.quantization}"
    print(
        f"{case.model}: {shapes.parameters(case.shape) / 1e9:.2f} billion parameters, {how}, {case.settings.precision}"
        + (f" (profile {profile})" if profile else "")
    )
    print(f"{case.batch} rows of {case.context} tokens a step on {case.num_gpus} × {case.gpu.memory / 1e9:.0f} GB, taken for {case.gpu_name}")
    print("GB of each GPU; rows in one pass; estimated time of 1,000 rows\n")


def print_plans(case: Case, plans: list[Plan], price: float | None) -> None:
    print(
        f"{'mixture':64}{'rows':>5}"
        + "".join(f"{column:>10}" for column in COLUMNS)
        + f"{'seconds':>9}{'GPU-hours':>10}"
        + ("     cost" if price else "")
        + "  fits"
    )
    for one in plans:
        sizes = [*one.memory[:6], one.memory.peak]
        hours = one.seconds * case.num_gpus / 3600
        cost = f"{hours * price:9.2f}" if price else ""
        line = f"{mixtures.name(one.mixture, case.settings):64}{one.mixture.rows_per_device:5}" + "".join(f"{size / 1e9:10.1f}" for size in sizes)
        print(f"{line}{one.seconds:9.0f}{hours:10.2f}{cost}  {'yes' if one.fits else 'no'}")
    print()


def what_would_fit(case: Case, plans: list[Plan]) -> list[str]:
    """Other GPUs, contexts and weights with which something fits without offload, in words."""

    def fits(changed: Case) -> bool:
        return any(one.fits and not one.mixture.offload_optimizer for one in plans_of(changed))

    found = []
    more = next((n for n in (case.num_gpus * 2**k for k in range(1, 8)) if fits(case._replace(num_gpus=n, batch=n, hostfile=None))), None)
    if more:
        found.append(f"{more} GPUs of this size would do")
    shorter = next((c for c in (case.context // 2**k for k in range(1, 6)) if c >= 128 and fits(case._replace(context=c))), None)
    if shorter:
        found.append(f"rows of {shorter} tokens would fit (--context; max_length in params.yaml)")
    if case.settings.method == "full" and fits(case._replace(settings=case.settings.model_copy(update={"method": "lora"}))):
        found.append("LoRA would fit (method: lora)")
    lora = case.settings.lora.model_copy(update={"quantization": "nf4"})
    if case.settings.lora.quantization == "none" and fits(case._replace(settings=case.settings.model_copy(update={"method": "lora", "lora": lora}))):
        found.append("QLoRA would fit (lora.quantization: nf4)")
    offloaded = next((one for one in plans if one.fits and one.mixture.offload_optimizer), None)
    return [*found, *(["offload fits"] if offloaded else [])]


def recommendation(case: Case, plans: list[Plan], best: Plan) -> str:
    """One line: the mixture, its figures, and why no other."""
    mixture = best.mixture
    size = f"{best.memory.peak / 1e9:.1f} of {case.gpu.memory / 1e9:.0f} GB"
    figures = f"{mixture.rows_per_device} rows a pass, {size}, {best.seconds:.0f} s for 1,000 rows"
    if mixture.offload_optimizer:
        reason = f"nothing fits without offload, which needs {best.memory.host * case.num_gpus / 1e9:.0f} GB of the machines' memory"
        reason += "".join(f"; {other}" for other in what_would_fit(case, plans) if other != "offload fits")
        return f"recommended: {mixtures.name(mixture, case.settings)}: {figures}; {reason}"
    rivals = [one for one in plans if one.fits and one is not best and not one.mixture.offload_optimizer]
    equal = [mixtures.name(one.mixture, case.settings) for one in rivals if one.seconds <= (1 + mixtures.TIE) * best.seconds]
    slower = sorted(
        (one.seconds / best.seconds, mixtures.name(one.mixture, case.settings)) for one in rivals if one.seconds > (1 + mixtures.TIE) * best.seconds
    )
    too_large = [one for one in plans if not one.fits and one.seconds < best.seconds]
    reasons = [f"the smallest of the fastest ({', '.join(equal)} take as long)"] if equal else []
    reasons += [f"{slower[0][1]} takes {slower[0][0]:.2f} times as long"] if slower and not equal else []
    reasons += [f"{mixtures.name(too_large[0].mixture, case.settings)} would need {too_large[0].memory.peak / 1e9:.1f} GB"] if too_large else []
    return f"recommended: {mixtures.name(mixture, case.settings)}: {figures}; {'; '.join(reasons) or 'nothing else fits'}"


def answer(asked: argparse.Namespace, mixture: Mixture, text: str) -> None:
    if asked.write:
        folder = Path(os.environ.get("DVC_ROOT", ".")) / ".potstill"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"mixture-{asked.student}.json").write_text(mixture.model_dump_json(indent=2) + "\n")
        print(f"written to {folder / f'mixture-{asked.student}.json'}", file=sys.stderr)
    print(mixture.model_dump_json() if asked.json else text)


if __name__ == "__main__":
    main(sys.argv[1:])
