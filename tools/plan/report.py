"""What the planner prints: the table of parallelisms, what would fit, and the recommendation."""

from typing import NamedTuple

from stages.train.params import Training
from tools.plan import candidates
from tools.plan.candidates import Plan
from tools.plan.gpus import Gpu
from tools.plan.objectives import Held
from tools.plan.shapes import Shape

COLUMNS = ("weights", "gradients", "optimizer", "activat.", "logits", "other", "peak")


class Case(NamedTuple):
    """A training and the GPUs that it is planned for."""

    model: str
    shape: Shape
    settings: Training
    context: int
    batch: int
    gpu_name: str
    gpu: Gpu
    num_gpus: int
    hostfile: str | None
    holds: Held  # by the objective, beside a plain training
    row_lengths: list[int] | None  # tokens of some of the rows to be trained on


def plans_of(case: Case) -> list[Plan]:
    return candidates.plan(
        case.shape,
        case.settings,
        case.context,
        case.batch,
        case.gpu,
        case.num_gpus,
        case.hostfile,
        case.holds,
        case.row_lengths,
    )


def print_case(case: Case, profile: str | None) -> None:
    lora = case.settings.lora
    how = (
        case.settings.method
        if case.settings.method == "full"
        else f"LoRA of rank {lora.rank} on {', '.join(lora.targets)}, base {lora.quantization}"
    )
    print(
        f"{case.model}: {case.shape.parameters / 1e9:.2f} billion parameters, {how}, {case.settings.precision}"
        + (f" (profile {profile})" if profile else "")
    )
    print(
        f"{case.batch} rows of {case.context} tokens a step on {case.num_gpus} × {case.gpu.memory / 1e9:.0f} GB, "
        f"taken for {case.gpu_name}"
    )
    print(
        "GB of each GPU; rows in one pass; estimated seconds of 1,000 rows, all as long as they may be"
        + ("" if case.row_lengths is None else ", and expected of those in data/selected, padded in each pass")
        + "\n"
    )


def print_objective(name: str, sentences: list[str]) -> None:
    if sentences:
        print(f"objective {name}: {'; '.join(sentences)}\n")


def print_plans(case: Case, plans: list[Plan], price: float | None) -> None:
    print(
        f"{'parallelism':54}{'rows':>5}"
        + "".join(f"{column:>10}" for column in COLUMNS)
        + f"{'seconds':>9}{'expected':>9}{'GPU-hours':>10}"
        + ("     cost" if price else "")
        + "  fits"
    )
    for one in plans:
        sizes = [*one.memory[:6], one.memory.peak]
        hours = one.seconds * case.num_gpus / 3600
        cost = f"{hours * price:9.2f}" if price else ""
        line = f"{candidates.name(one.parallelism, case.settings):54}{one.parallelism.rows_per_device:5}" + "".join(
            f"{size / 1e9:10.1f}" for size in sizes
        )
        expected = f"{'-':>9}" if one.expected is None else f"{one.expected:9.0f}"
        print(f"{line}{one.seconds:9.0f}{expected}{hours:10.2f}{cost}  {'yes' if one.fits else 'no'}")
    print()


def what_would_fit(case: Case, plans: list[Plan]) -> list[str]:
    """Other GPUs, contexts and weights with which something fits without offload, in words."""

    def fits(changed: Case) -> bool:
        return any(one.fits and not one.parallelism.offload_optimizer for one in plans_of(changed))

    found = []
    more = next(
        (
            n
            for n in ([] if case.holds.alone else [case.num_gpus * 2**k for k in range(1, 8)])
            if fits(case._replace(num_gpus=n, batch=n, hostfile=None))
        ),
        None,
    )
    if more:
        found.append(f"{more} GPUs of this size would do")
    shorter = next(
        (c for c in (case.context // 2**k for k in range(1, 6)) if c >= 128 and fits(case._replace(context=c))), None
    )
    if shorter:
        found.append(f"rows of {shorter} tokens would fit (--context; max_length in params.yaml)")
    if case.settings.method == "full" and fits(
        case._replace(settings=case.settings.model_copy(update={"method": "lora"}))
    ):
        found.append("LoRA would fit (method: lora)")
    lora = case.settings.lora.model_copy(update={"quantization": "nf4"})
    if case.settings.lora.quantization == "none" and fits(
        case._replace(settings=case.settings.model_copy(update={"method": "lora", "lora": lora}))
    ):
        found.append("QLoRA would fit (lora.quantization: nf4)")
    offloaded = next((one for one in plans if one.fits and one.parallelism.offload_optimizer), None)
    return [*found, *(["offload fits"] if offloaded else [])]


def recommendation(case: Case, plans: list[Plan], best: Plan) -> str:
    """One line: the parallelism, its figures, and why no other."""
    parallelism = best.parallelism
    size = f"{best.memory.peak / 1e9:.1f} of {case.gpu.memory / 1e9:.0f} GB"
    figures = (
        f"{parallelism.rows_per_device} row{'s' * (parallelism.rows_per_device > 1)} a pass, {size}, "
        f"{best.seconds:.0f} s for 1,000 rows"
    )
    if parallelism.offload_optimizer:
        reason = (
            f"nothing fits without offload, which needs {best.memory.host * case.num_gpus / 1e9:.0f} GB of the "
            f"machines' memory"
        )
        reason += "".join(f"; {other}" for other in what_would_fit(case, plans) if other != "offload fits")
        return f"recommended: {candidates.name(parallelism, case.settings)}: {figures}; {reason}"
    rivals = [one for one in plans if one.fits and one is not best and not one.parallelism.offload_optimizer]
    equal = [
        candidates.name(one.parallelism, case.settings)
        for one in rivals
        if one.seconds <= (1 + candidates.TIE) * best.seconds
    ]
    slower = sorted(
        (one.seconds / best.seconds, candidates.name(one.parallelism, case.settings))
        for one in rivals
        if one.seconds > (1 + candidates.TIE) * best.seconds
    )
    larger = [
        one for one in plans if not (one.fits or one.parallelism.offload_optimizer) and one.seconds < best.seconds
    ]
    too_large = min(larger, key=lambda one: one.memory.peak, default=None)
    reasons = [f"the smallest states of the fastest ({', '.join(equal)} take as long)"] if equal else []
    reasons += [f"{slower[0][1]} takes {slower[0][0]:.2f} times as long"] if slower and not equal else []
    limit = (1 - candidates.MARGIN) * case.gpu.memory / 1e9
    reasons += (
        [
            f"{candidates.name(too_large.parallelism, case.settings)} needs {too_large.memory.peak / 1e9:.1f} GB, of "
            f"at most {limit:.1f}"
        ]
        if too_large
        else []
    )
    return (
        f"recommended: {candidates.name(parallelism, case.settings)}: {figures}; "
        f"{'; '.join(reasons) or 'nothing else fits'}"
    )
