"""How long a training takes: an estimate, from arithmetic and traffic that do not overlap."""

from stages.train.parallelism import Parallelism
from stages.train.params import Training
from tools.plan import gpus
from tools.plan.activations import has_mask, width
from tools.plan.gpus import Gpu
from tools.plan.memory import NF4_BYTES, trainable
from tools.plan.shapes import Shape, embeddings

# Share of the peak that dense training of Llama-like models reaches; published figures lie between 0.38 and 0.55
# (Llama 3, arXiv 2407.21783, table 4: 0.38 to 0.43; Megatron-LM, arXiv 2205.05198, table 5: 0.42 to 0.56).
EFFICIENCY = 0.4
NETWORK = 25e9  # bytes a second of each GPU between machines: a card of 200 Gb/s for each, as NVIDIA's DGX A100 has
# parameters a second of DeepSpeed's Adam on a host's processor, about (ZeRO-Offload, arXiv 2101.06840, section 6.2)
CPU_ADAM = 4e9


def flops_per_token(shape: Shape, settings: Training, context: float, parallelism: Parallelism) -> float:
    """Forward 2 a parameter, backward 4, of which LoRA leaves out the frozen weights' gradients, 2; and attention.

    Checkpointing computes the forward twice. (arXiv 2001.08361, section 2.1; arXiv 2205.05198, section 5.) Attention
    that keeps no scores computes them again in the backward, 2.5 times the forward (arXiv 2307.08691, section 4.1).
    Packed rows of a pass come as one long row, of which sdpa computes all, what its mask hides too.
    """
    forward = 2.0 * (
        shape.parameters - shape.vocabulary * shape.hidden * (0 if shape.tied else 1)
    )  # looking up a word costs nothing
    masked = settings.packing and has_mask(settings, parallelism)
    seen = context * parallelism.rows_per_device if masked else context / 2
    attention = 4.0 * seen * shape.layers * shape.heads * shape.head_size
    again = 1 if parallelism.checkpointing else 0
    return forward * ((3 if settings.method == "full" else 2) + again) + attention * (3.5 + again)


def dequantisation(shape: Shape, settings: Training, parallelism: Parallelism, gpu: Gpu) -> float:
    """Seconds of one pass: nf4 weights are read, written in the precision and read again, in the forward, in the
    backward and in checkpointing's second forward; bound by the GPU's memory."""
    if settings.method == "full" or settings.lora.quantization == "none":
        return 0.0
    times = 3 if parallelism.checkpointing else 2
    return times * (shape.parameters - embeddings(shape)) * (NF4_BYTES + 2 * width(settings)) / gpu.bandwidth


def step_seconds(
    shape: Shape, settings: Training, context: float, batch: int, parallelism: Parallelism, gpu: Gpu
) -> tuple[float, float, float]:
    """Seconds of one step for (arithmetic, traffic between GPUs, traffic with the host and Adam there).

    Traffic of the weights' gradients is 2 a parameter for ZeRO-0 to 2; ZeRO-3 gathers all weights in the forward and in
    the backward
    of every pass besides (arXiv 1910.02054, section 7).
    """
    n, w = parallelism.num_processes, width(settings)
    num_trained, total = trainable(shape, settings), shape.parameters
    passes = batch / (n * parallelism.rows_per_device)
    peak = gpus.peak(gpu, settings.precision)
    link = min(gpu.link, NETWORK) if parallelism.hostfile else gpu.link
    arithmetic = (
        batch / n * context * flops_per_token(shape, settings, context, parallelism) / (peak * EFFICIENCY)
    ) + passes * dequantisation(shape, settings, parallelism, gpu)
    remote = (n - 1) / n  # of each thing gathered
    reduced = 2 * (4 if parallelism.zero == 0 else w) * num_trained
    gathered = 2 * w * total * passes if parallelism.zero == 3 else 0
    host = 0.0
    if parallelism.offload_optimizer:
        host += 2 * w * num_trained / n / gpu.host_link + num_trained / CPU_ADAM
    if parallelism.offload_parameters:
        host += 2 * w * total / n * passes / gpu.host_link
    return arithmetic, (reduced + gathered) * remote / link, host


def seconds_per_1000(
    shape: Shape, settings: Training, context: float, batch: int, parallelism: Parallelism, gpu: Gpu, sequences: int = 1
) -> float:
    """Of 1,000 rows of so many sequences of `context` tokens."""
    arithmetic, between, host = step_seconds(shape, settings, context, batch, parallelism, gpu)
    return (sequences * arithmetic + between + host) * 1000 / batch
