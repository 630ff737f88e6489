"""Bytes of a training on each GPU. GB are 1e9 bytes."""

from typing import NamedTuple

from stages.plan.shapes import Shape, embeddings, linears, lora_parameters, parameters
from stages.train.mixture import Mixture
from stages.train.params import ProfileStudent

TILE = (4096, 32768)  # tokens and words of the logits that TRL's fused head holds at once (trl/kernels/chunked_logprob.py)
BUCKET = 500_000_000  # elements that DeepSpeed reduces at once (its reduce_bucket_size)
LIVE = 1_000_000_000  # parameters that ZeRO-3 keeps gathered (its stage3_max_live_parameters)
CONTEXT_BYTES = 1_000_000_000  # of CUDA, cuBLAS and NCCL in each process, about
NF4_BYTES = 4.127 / 8  # a parameter, constants included (arXiv 2305.14314, section 3: 0.127 bits with double quantisation)


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


def width(settings: ProfileStudent) -> int:
    """Bytes of a number in the training's precision."""
    return 4 if settings.precision == "float32" else 2


def trainable(shape: Shape, settings: ProfileStudent) -> int:
    lora = settings.lora
    return parameters(shape) if settings.method == "full" else lora_parameters(shape, lora.rank, lora.targets, lora.dora)


def states(num_trained: float, num_frozen: float, frozen_bytes: float, zero: int, num_processes: int, precision_bytes: int) -> tuple[float, float, float]:
    """Bytes of (weights, gradients, optimizer states) on each GPU.

    Mixed precision and Adam: 2 + 2 + 12 bytes a parameter (arXiv 1910.02054, section 3.1), parted by ZeRO (section 5). Without ZeRO
    the weights are float32 themselves, 4 + 4 + 8. In float32 DeepSpeed holds a second copy of the weights among the optimizer's states.
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


def published_layer_activations(context: int, rows: int, hidden: int, heads: int, flash: bool) -> float:
    """s·b·h·(34 + 5·a·s/h) bytes of a GPT layer in 16 bits (arXiv 2205.05198, section 4.1); FlashAttention drops the second term.

    For comparison: Llama's layers, gated and with fewer keys than queries, hold other tensors; see `layer_activations`.
    """
    return context * rows * hidden * (34 + (0 if flash else 5 * heads * context / hidden))


def layer_activations(shape: Shape, settings: ProfileStudent) -> float:
    """Bytes a token that one layer of transformers' Llama keeps for the backward pass, with attention that keeps no scores.

    Each norm keeps its input in float32; attention its queries, keys, values, output and a sum for each head; the gated
    MLP the gate, its activation and the up projection. Full tuning also keeps what each weight's gradient needs: the normalised
    input of both norms, and every linear layer's input. LoRA keeps its targets' inputs alone, cast to the adapter's float32, once for each.
    """
    w = width(settings)
    hidden, queries, keys, middle = shape.hidden, shape.heads * shape.head_size, shape.kv_heads * shape.head_size, shape.intermediate
    common = 2 * 4 * hidden + w * (2 * queries + 2 * keys) + 4 * shape.heads + 3 * w * middle
    if settings.method == "full":
        return common + w * (2 * hidden + 2 * hidden + middle)
    inputs = {name: size for name, (size, _) in linears(shape).items()}
    if w == 2:  # cast anew for each target
        cast = sum(4 * inputs[target] for target in settings.lora.targets)
    else:
        sources = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "gate_proj": 1, "up_proj": 1, "down_proj": 2}  # o_proj's input is kept anyhow
        cast = sum(4 * size for _, size in {(sources[t], inputs[t]) for t in settings.lora.targets if t in sources})
    return common + cast + 4 * settings.lora.rank * len(settings.lora.targets)


def activations(shape: Shape, settings: ProfileStudent, context: int, mixture: Mixture) -> float:
    """Bytes kept for the backward pass. With checkpointing each layer's input, and one layer's activations (arXiv 2205.05198, section 5)."""
    tokens, layer = context * mixture.rows_per_device, layer_activations(shape, settings)
    w = width(settings)
    end = tokens * shape.hidden * (4 + (w if settings.method == "full" else 0))  # the last norm
    if mixture.checkpointing:
        return tokens * (shape.layers * w * shape.hidden + layer) + end
    return tokens * shape.layers * layer + end


def logits(shape: Shape, settings: ProfileStudent, context: int, mixture: Mixture) -> float:
    """TRL's fused head holds one tile of them, in the precision and in float32, its input, and its input's gradient in float32."""
    tokens = context * mixture.rows_per_device
    tile = min(tokens, TILE[0]) * min(shape.vocabulary, TILE[1]) * (width(settings) + 4)
    return tile + (width(settings) + 4) * tokens * shape.hidden


def other(shape: Shape, settings: ProfileStudent, context: int, mixture: Mixture) -> float:
    w, total, num_trained = width(settings), parameters(shape), trainable(shape, settings)
    temporaries = 3 * w * context * mixture.rows_per_device * shape.intermediate  # gradients of gate, its activation and up
    if mixture.zero == 0:
        autocast = 2 * total if settings.method == "full" and w == 2 else 0  # 16-bit copies that torch.autocast keeps
        return CONTEXT_BYTES + temporaries + autocast + (4 * num_trained if mixture.num_processes > 1 else 0)  # DDP's buckets
    gathered = w * (min(total, LIVE) + max(inputs * outputs for inputs, outputs in linears(shape).values())) if mixture.zero == 3 else 0
    return CONTEXT_BYTES + temporaries + 2 * w * min(num_trained, BUCKET) + gathered


def estimate(shape: Shape, settings: ProfileStudent, context: int, mixture: Mixture) -> Memory:
    num_trained, total = trainable(shape, settings), parameters(shape)
    num_frozen = 0 if settings.method == "full" else total
    frozen_bytes = float(width(settings))
    if settings.method == "lora" and settings.lora.quantization == "nf4":
        kept = embeddings(shape) / total  # embeddings stay as they are
        frozen_bytes = kept * frozen_bytes + (1 - kept) * NF4_BYTES
    weights, gradients, optimizer = states(num_trained, num_frozen, frozen_bytes, mixture.zero, mixture.num_processes, width(settings))
    host = 0.0
    if mixture.offload_optimizer:
        host, optimizer = host + optimizer, 0.0
        if mixture.zero >= 2:
            host, gradients = host + gradients, 0.0
    if mixture.offload_parameters:
        host, weights = host + weights, 0.0
    return Memory(
        weights,
        gradients,
        optimizer,
        activations(shape, settings, context, mixture),
        logits(shape, settings, context, mixture),
        other(shape, settings, context, mixture),
        host,
    )
