"""Bytes of a training on each GPU. GB are 1e9 bytes."""

from typing import NamedTuple

from stages.train.parallelism import Parallelism
from stages.train.params import Training
from tools.plan import activations
from tools.plan.activations import width
from tools.plan.objectives import PLAIN, Held
from tools.plan.shapes import Shape, embeddings, linears, lora_parameters

TILE = (
    4096,
    32768,
    # tokens and words of the logits that TRL's fused head holds at once (trl/kernels/chunked_logprob.py,
    # trl/trainer/utils.py)
)
# Of one number of the logits of learnt tokens: seven in float32 at once, where the gradient begins. Three stay for the
# backward (the log-softmax of the target, of the buckets, and it without the kept tokens, in stages/train/lesson.py and
# divergences.py), and four come and go; measured by torch's profiler, tests/tools/plan/test_objectives.py.
WHOLE = 28
BUCKET = 500_000_000  # elements that DeepSpeed reduces at once (its reduce_bucket_size)
LIVE = 1_000_000_000  # parameters that ZeRO-3 keeps gathered (its stage3_max_live_parameters)
CONTEXT_BYTES = 1_000_000_000  # of CUDA and cuBLAS in each process, about
NCCL_BYTES = 1_000_000_000  # of its buffers where there are several GPUs, about
NF4_BYTES = (
    4.127 / 8
)  # a parameter, constants included (arXiv 2305.14314, section 3: 0.127 bits with double quantisation)


class Memory(NamedTuple):
    """Bytes on one GPU at the peak."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    other: float  # communication buffers, temporaries, the CUDA context
    host: float  # in the machine's memory, of one GPU's share

    @property
    def peak(self) -> float:
        return self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.other


def trainable(shape: Shape, settings: Training) -> int:
    lora = settings.lora
    return shape.parameters if settings.method == "full" else lora_parameters(shape, lora.rank, lora.targets, lora.dora)


def states(
    num_trained: float, num_frozen: float, frozen_bytes: float, zero: int, num_processes: int, precision_bytes: int
) -> tuple[float, float, float]:
    """Bytes of (weights, gradients, optimizer states) on each GPU.

    Mixed precision and Adam: 2 + 2 + 12 bytes a parameter (arXiv 1910.02054, section 3.1), parted by ZeRO (section 5).
    Without ZeRO
    the weights are float32 themselves, 4 + 4 + 8. In float32 DeepSpeed holds a second copy of the weights among the
    optimizer's states.
    Frozen weights are parted by ZeRO-3 alone.
    """
    shares = num_processes
    frozen = num_frozen * frozen_bytes / (shares if zero == 3 else 1)
    if zero == 0:
        return frozen + 4 * num_trained, 4 * num_trained, 8 * num_trained
    weights = precision_bytes * num_trained / (shares if zero == 3 else 1)
    gradients = precision_bytes * num_trained / (shares if zero >= 2 else 1)
    return frozen + weights, gradients, 12 * num_trained / shares


def model_states(num_parameters: float, num_trained: float | None, zero: int, num_processes: int) -> float:
    """Bytes of all states in 16-bit training; `num_trained` None is full tuning."""
    if num_trained is None:
        return sum(states(num_parameters, 0, 2, zero, num_processes, 2))
    return sum(states(num_trained, num_parameters, 2, zero, num_processes, 2))


def logits(shape: Shape, settings: Training, context: int, parallelism: Parallelism) -> float:
    """TRL's fused head holds one tile of them in the precision, the decoder's output and, in float32, the gradients of
    that and of trained weights."""
    w, tokens = width(settings), context * parallelism.rows_per_device
    output = (activations.residual_width(settings, parallelism) + 4) * tokens * shape.hidden
    full = settings.method == "full"
    head = 4 * shape.vocabulary * shape.hidden if full else 0
    cast = w * TILE[1] * shape.hidden if full and activations.autocasts(settings, parallelism) else 0
    return w * min(tokens, TILE[0]) * TILE[1] + output + head + cast


def whole_logits(shape: Shape, settings: Training, context: int, parallelism: Parallelism) -> float:
    """Of an objective's own loss, if all tokens are learnt; and the decoder's output with its gradient. Autocast casts
    a trained head, and its gradient."""
    w, tokens = width(settings), context * parallelism.rows_per_device
    output = (activations.residual_width(settings, parallelism) + w) * tokens * shape.hidden
    casts = 2 * w if settings.method == "full" and activations.autocasts(settings, parallelism) else 0
    return WHOLE * tokens * shape.vocabulary + output + casts * shape.vocabulary * shape.hidden


def divergence(shape: Shape, settings: Training, context: int, parallelism: Parallelism, teacher: Shape) -> float:
    """Beside `logits` of TRL's chunked divergence: two tiles in float32, and the teacher's output
    (trl/kernels/chunked_divergence.py)."""
    tokens = context * parallelism.rows_per_device
    return 2 * 4 * min(tokens, TILE[0]) * TILE[1] + width(settings) * tokens * teacher.hidden


def teacher_weights(teacher: Shape, settings: Training, parallelism: Parallelism) -> float:
    """Frozen, and parted by ZeRO-3 alone."""
    return width(settings) * teacher.parameters / (parallelism.num_processes if parallelism.zero == 3 else 1)


def reply_cache(shape: Shape, settings: Training, context: int, parallelism: Parallelism) -> float:
    """Keys and values of a step's replies, which a process generates at once."""
    rows = settings.batch_size / parallelism.num_processes
    return 2 * width(settings) * shape.layers * shape.kv_heads * shape.head_size * context * rows


def context_bytes(parallelism: Parallelism) -> int:
    return CONTEXT_BYTES + (NCCL_BYTES if parallelism.num_processes > 1 else 0)


def other(shape: Shape, settings: Training, context: int, parallelism: Parallelism) -> float:
    """Bytes of communication buffers, temporaries and the CUDA context."""
    w, num_parameters, num_trained = width(settings), shape.parameters, trainable(shape, settings)
    temporaries = (
        3 * w * context * parallelism.rows_per_device * shape.intermediate
    )  # gradients of gate, its activation and up
    if activations.has_mask(settings, parallelism):  # as booleans, one for all layers
        temporaries += parallelism.rows_per_device ** (2 if settings.packing else 1) * context**2
    if parallelism.zero == 0:
        autocast = (
            2 * (num_parameters - embeddings(shape)) if settings.method == "full" and w == 2 else 0
        )  # 16-bit copies for the backward
        return (
            context_bytes(parallelism)
            + temporaries
            + autocast
            + (4 * num_trained if parallelism.num_processes > 1 else 0)
        )  # DDP's buckets
    largest = max(inputs * outputs for inputs, outputs in linears(shape).values())
    gathered = (
        w * (min(num_parameters, LIVE) + largest + shape.vocabulary * shape.hidden) if parallelism.zero == 3 else 0
    )  # TRL gathers the whole head
    return context_bytes(parallelism) + temporaries + 2 * w * min(num_trained, BUCKET) + gathered


def estimate(shape: Shape, settings: Training, context: int, parallelism: Parallelism, holds: Held = PLAIN) -> Memory:
    """`holds` is what the objective needs beside a plain training."""
    num_trained, total = trainable(shape, settings), shape.parameters
    num_frozen = 0 if settings.method == "full" else total
    frozen_bytes = float(width(settings))
    if settings.method == "lora" and settings.lora.quantization == "nf4":
        kept = embeddings(shape) / total  # embeddings stay as they are
        frozen_bytes = kept * frozen_bytes + (1 - kept) * NF4_BYTES
    weights, gradients, optimizer = states(
        num_trained, num_frozen, frozen_bytes, parallelism.zero, parallelism.num_processes, width(settings)
    )
    host = 0.0
    if parallelism.offload_optimizer:
        host, optimizer = host + optimizer, 0.0
        if parallelism.zero >= 2:
            host, gradients = host + gradients, 0.0
    if parallelism.offload_parameters:
        host, weights = host + weights, 0.0
    in_pass = parallelism.model_copy(update={"rows_per_device": holds.sequences * parallelism.rows_per_device})
    kept = activations.total(shape, settings, context, in_pass)
    of_logits = (whole_logits if holds.whole_logits else logits)(shape, settings, context, in_pass)
    if holds.teacher:
        weights += teacher_weights(holds.teacher, settings, parallelism)
        kept = max(kept, reply_cache(shape, settings, context, parallelism))  # one goes before the other comes
        of_logits += divergence(shape, settings, context, in_pass, holds.teacher)
    return Memory(weights, gradients, optimizer, kept, of_logits, other(shape, settings, context, in_pass), host)
