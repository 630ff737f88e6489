"""All ways to execute a training on some GPUs, and the choice between them."""

import importlib.util
from typing import NamedTuple

from stages.train.parallelism import Parallelism
from stages.train.params import Training
from tools.plan import gpus, lengths, memory, speed
from tools.plan.gpus import Gpu
from tools.plan.memory import Memory
from tools.plan.objectives import PLAIN, Held
from tools.plan.shapes import Shape

MARGIN = 0.1  # of the GPU's memory stays free: fragments, and rows longer than most
TIE = 0.02  # of the time: within it the smaller memory wins


class Plan(NamedTuple):
    parallelism: Parallelism
    memory: Memory
    seconds: float  # for 1,000 rows, all as long as they may be
    expected: float | None  # for 1,000 rows as long as those to be trained on are; None where none are there yet
    fits: bool


def on_cpu(batch: int) -> Parallelism:
    """One process, whatever the cores, so that the result is the same bytes on every laptop."""
    return Parallelism(
        num_processes=1,
        zero=0,
        offload_optimizer=False,
        offload_parameters=False,
        checkpointing=False,
        attention="sdpa",
        liger=False,
        rows_per_device=batch,
        hostfile=None,
        peak_flops=None,
    )


def candidates(settings: Training, gpu: Gpu, num_gpus: int, hostfile: str | None) -> list[Parallelism]:
    """Every stage, with and without checkpointing and offload, for one row a GPU."""
    found = []
    lora = settings.method == "lora"
    whole = lora and (
        settings.lora.quantization == "nf4" or settings.lora.init != "zeros"
    )  # ZeRO-3 parts no such weights
    for zero in (0, 1, 2, 3):
        if (zero == 3 and whole) or (zero == 0 and hostfile):
            continue
        for optimizer, weights in ((False, False), (True, False), (True, True)):
            if (optimizer and zero == 0) or (weights and zero != 3):
                continue
            for checkpointing in (False, True):
                parallelism = {
                    "num_processes": num_gpus,
                    "zero": zero,
                    "offload_optimizer": optimizer,
                    "offload_parameters": weights,
                    "checkpointing": checkpointing,
                    "attention": gpus.attention(gpu),
                    "liger": bool(importlib.util.find_spec("liger_kernel")),
                    "rows_per_device": 1,
                    "hostfile": hostfile,
                    "peak_flops": gpus.peak(gpu, settings.precision),
                }
                found.append(Parallelism.model_validate(parallelism))
    return found


def plan(
    shape: Shape,
    settings: Training,
    context: int,
    batch: int,
    gpu: Gpu,
    num_gpus: int,
    hostfile: str | None,
    holds: Held = PLAIN,
    row_lengths: list[int] | None = None,
) -> list[Plan]:
    """Each candidate with the most rows a GPU that fit, or one where none does."""
    if batch % num_gpus:
        raise SystemExit(
            f"plan: a batch of {batch} rows cannot be shared by {num_gpus} GPUs; change batch_size in params.yaml, or "
            f"--batch, to a multiple of them"
        )
    return [
        with_rows(shape, settings, context, batch, gpu, parallelism, holds, row_lengths)
        for parallelism in candidates(settings, gpu, num_gpus, hostfile)
        if not (holds.teacher and parallelism.zero)  # train refuses replies that several processes draw
    ]


def with_rows(
    shape: Shape,
    settings: Training,
    context: int,
    batch: int,
    gpu: Gpu,
    parallelism: Parallelism,
    holds: Held,
    row_lengths: list[int] | None,
) -> Plan:
    """With the most rows in a pass of those that fit and are as fast as the fastest of them."""
    share, found = batch // parallelism.num_processes, list[Plan]()
    for rows in (rows for rows in range(1, share + 1) if share % rows == 0):
        filled = parallelism.model_copy(update={"rows_per_device": rows})
        needed = memory.estimate(shape, settings, context, filled, holds)

        def seconds(tokens: float, filled: Parallelism = filled) -> float:
            return speed.seconds_per_1000(shape, settings, tokens, batch, filled, gpu, holds.sequences)

        real = lengths.padded(row_lengths, 1 if settings.packing else rows) if row_lengths else None
        fits = needed.peak <= (1 - MARGIN) * gpu.memory
        found.append(Plan(filled, needed, seconds(context), None if real is None else seconds(real), fits))
    fitting = [one for one in found if one.fits] or found[:1]
    fastest = min(one.seconds for one in fitting)
    return [one for one in fitting if one.seconds <= (1 + TIE) * fastest][-1]


def choose(plans: list[Plan]) -> Plan | None:
    """The fastest that fits; of equally fast ones the one with the smallest states, whatever rows fill the rest, and
    with as small ones
    the plainest; offload only where nothing fits without."""
    fitting = [one for one in plans if one.fits]
    kept = (
        [one for one in fitting if not one.parallelism.offload_optimizer]
        or [one for one in fitting if not one.parallelism.offload_parameters]
        or fitting
    )
    if not kept:
        return None
    fastest = min(one.seconds for one in kept)
    return min((one for one in kept if one.seconds <= (1 + TIE) * fastest), key=lambda one: sum(one.memory[:3]))


def name(parallelism: Parallelism, settings: Training) -> str:
    quantization = settings.lora.quantization if settings.method == "lora" else "none"
    parts = [
        f"ZeRO-{parallelism.zero}",
        {"none": "LoRA", "nf4": "QLoRA"}[quantization] if settings.method == "lora" else "full",
    ]
    parts += ["checkpointing"] if parallelism.checkpointing else []
    parts += (
        ["both offloaded"]
        if parallelism.offload_parameters
        else ["optimizer offloaded"]
        if parallelism.offload_optimizer
        else []
    )
    return " + ".join(parts)
