"""Bytes that a forward pass of transformers' Llama keeps for the backward pass, as real models of its code hold
them."""

from stages.train.parallelism import Parallelism
from stages.train.params import Training
from tools.plan.shapes import Shape, linears

# Linear layers that read one tensor, which is kept once for all of them; o_proj's is the attention's output, kept
# anyhow.
SOURCES = {
    "q_proj": "attention",
    "k_proj": "attention",
    "v_proj": "attention",
    "gate_proj": "mlp",
    "up_proj": "mlp",
    "down_proj": "product",
}


def published_layer(context: int, rows: int, hidden: int, heads: int, flash: bool) -> float:
    """s·b·h·(34 + 5·a·s/h) bytes of a GPT layer in 16 bits (arXiv 2205.05198, section 4.1); FlashAttention drops the
    second term.

    For comparison: Llama's layers, gated and with fewer keys than queries, hold other tensors; see `layer_token`.
    """
    return context * rows * hidden * (34 + (0 if flash else 5 * heads * context / hidden))


def width(settings: Training) -> int:
    """Bytes of a number in the training's precision."""
    return 4 if settings.precision == "float32" else 2


def autocasts(settings: Training, parallelism: Parallelism) -> bool:
    """Whether torch.autocast is at work: without DeepSpeed, which holds everything in 16 bits, adapters too."""
    return settings.precision == "bfloat16" and parallelism.zero == 0


def residual_width(settings: Training, parallelism: Parallelism) -> int:
    """Bytes of a number between layers: autocast leaves it in the embedding's precision, float32 where all weights are
    trained."""
    return 4 if autocasts(settings, parallelism) and settings.method == "full" else width(settings)


def has_mask(settings: Training, parallelism: Parallelism) -> bool:
    """Whether sdpa gets a mask: where rows of several lengths are padded, or examples packed. FlashAttention-2 needs
    none."""
    return parallelism.attention == "sdpa" and (parallelism.rows_per_device > 1 or settings.packing)


def layer_token(shape: Shape, settings: Training, parallelism: Parallelism) -> float:
    """Bytes of one token in one layer, with attention that keeps no scores.

    Each norm keeps its input in float32 and a factor; attention its queries, keys, values, output and a float32 sum for
    each head,
    where with a mask keys and values are repeated for every query head (transformers' `use_gqa_in_sdpa`); the gated MLP
    the gate, its
    activation and the up projection. Full tuning also keeps the normalised input of both norms and every linear layer's
    input.
    """
    w, hidden, middle = width(settings), shape.hidden, shape.intermediate
    queries = shape.heads * shape.head_size
    keys = queries if has_mask(settings, parallelism) else shape.kv_heads * shape.head_size
    common = 2 * 4 * (hidden + 1) + w * (2 * queries + 2 * keys) + 4 * shape.heads + 3 * w * middle
    common += head_norms_token(shape, settings, parallelism)
    if settings.method == "lora":
        return common + adapters_token(shape, settings, parallelism)
    inputs = w * middle + w * hidden * (
        5 if autocasts(settings, parallelism) else 2
    )  # autocast copies them for each of q, k, v, gate and up
    return common + inputs + 2 * residual_width(settings, parallelism) * hidden


def head_norms_token(shape: Shape, settings: Training, parallelism: Parallelism) -> float:
    """Bytes of one token in the norms of Qwen3's queries and keys: as the other norms, over each head's numbers."""
    if not shape.head_norms:
        return 0
    heads = shape.heads + shape.kv_heads
    normalised = width(settings) * shape.head_size if settings.method == "full" else 0
    return heads * (4 * (shape.head_size + 1) + normalised)


def adapters_token(shape: Shape, settings: Training, parallelism: Parallelism) -> float:
    """Bytes of what adapters read: a copy for each under autocast (peft casts to float32, autocast back) and after
    dropout, else one for all
    that read the same; A's output; and with DoRA (peft's `lora/dora.py`) the outputs of the linear layer and of the
    adapter."""
    w, lora, known = width(settings), settings.lora, linears(shape)
    copied = lora.dropout > 0 or (autocasts(settings, parallelism) and lora.quantization == "none")
    if copied:
        read = sum(known[target][0] * (w + (1 if lora.dropout else 0)) for target in lora.targets)
    else:
        read = sum(
            w * size
            for _, size in {(SOURCES[target], known[target][0]) for target in lora.targets if target in SOURCES}
        )
    return (
        read
        + len(lora.targets) * w * lora.rank
        + (sum(2 * w * known[target][1] for target in lora.targets) if lora.dora else 0)
    )


def layer_fixed(shape: Shape, settings: Training, context: int, parallelism: Parallelism) -> float:
    """Bytes in one layer that do not grow with each token alike: sdpa's mask in the precision, and the unit matrix by
    which peft's DoRA
    computes the norm of each target."""
    w, rows, known = width(settings), parallelism.rows_per_device, linears(shape)
    # packed examples of all rows come as one long row (TRL's padding_free)
    places = (rows * context) ** 2 if settings.packing else rows * context**2
    units = (
        sum(w * known[target][0] ** 2 for target in settings.lora.targets)
        if settings.method == "lora" and settings.lora.dora
        else 0
    )
    return (w * places if has_mask(settings, parallelism) else 0) + units


def total(shape: Shape, settings: Training, context: int, parallelism: Parallelism, backward: bool = True) -> float:
    """Bytes of the decoder. With checkpointing each layer's input, and one layer's activations in the backward (arXiv
    2205.05198, section 5)."""
    tokens, between = context * parallelism.rows_per_device, residual_width(settings, parallelism)
    layer = tokens * layer_token(shape, settings, parallelism) + layer_fixed(shape, settings, context, parallelism)
    last_norm = tokens * (4 * (shape.hidden + 1) + (between * shape.hidden if settings.method == "full" else 0))
    rotary = 2 * between * context * shape.head_size
    if parallelism.checkpointing:
        return shape.layers * between * tokens * shape.hidden + (layer if backward else 0) + last_norm + rotary
    return shape.layers * layer + last_norm + rotary
