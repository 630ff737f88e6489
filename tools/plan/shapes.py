"""Shapes of models: facts of the Llama family, and of any config.json that is like theirs."""

import json
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import try_to_load_from_cache


class Shape(NamedTuple):
    """Of a decoder as `LlamaForCausalLM` builds it; sizes in elements."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    tied: bool  # input and output embeddings are one


# From the config.json of each model's repository.
SHAPES = {
    "Llama-2-7b": Shape(32000, 4096, 11008, 32, 32, 32, 128, False),
    "Llama-2-13b": Shape(32000, 5120, 13824, 40, 40, 40, 128, False),
    "Llama-2-70b": Shape(32000, 8192, 28672, 80, 64, 8, 128, False),
    "Llama-3.1-8B": Shape(128256, 4096, 14336, 32, 32, 8, 128, False),
    "Llama-3.1-70B": Shape(128256, 8192, 28672, 80, 64, 8, 128, False),
    "Llama-3.1-405B": Shape(128256, 16384, 53248, 126, 128, 8, 128, False),
    "Llama-3.2-1B": Shape(128256, 2048, 8192, 16, 32, 8, 64, True),
    "Llama-3.2-3B": Shape(128256, 3072, 8192, 28, 24, 8, 128, True),
    "Llama-3.3-70B": Shape(128256, 8192, 28672, 80, 64, 8, 128, False),
}
KEYS = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


def find(model: str) -> Shape:
    """The shape of a folder, a config.json, a name of the table with or without owner and ending, or a model in the
    hub's local cache."""
    name = model.rsplit("/", maxsplit=1)[-1]
    path = Path(model)
    for known in sorted(SHAPES, key=len, reverse=True):
        if not path.exists() and name.lower().removeprefix("meta-").startswith(known.lower()):
            return SHAPES[known]
    cached = try_to_load_from_cache(model, "config.json") if not path.exists() and model.count("/") == 1 else None
    file = Path(cached) if isinstance(cached, str) else path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise SystemExit(
            f"plan: --model {model}: got neither a folder with config.json, nor one of {', '.join(SHAPES)}, nor a "
            f"model in the hub's cache"
        )
    return from_config(file)


def from_config(path: Path) -> Shape:
    config = json.loads(path.read_text())
    missing = [key for key in KEYS if key not in config]
    if missing:
        raise SystemExit(f"plan: {path} lacks {', '.join(missing)}, wanted the config.json of a Llama-like model")
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    return Shape(
        config["vocab_size"],
        hidden,
        config["intermediate_size"],
        config["num_hidden_layers"],
        heads,
        config.get("num_key_value_heads") or heads,
        config.get("head_dim") or hidden // heads,
        config.get("tie_word_embeddings", False),
    )


def linears(shape: Shape) -> dict[str, tuple[int, int]]:
    """(inputs, outputs) of each linear layer of one block."""
    queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    return {
        "q_proj": (shape.hidden, queries),
        "k_proj": (shape.hidden, keys),
        "v_proj": (shape.hidden, keys),
        "o_proj": (queries, shape.hidden),
        "gate_proj": (shape.hidden, shape.intermediate),
        "up_proj": (shape.hidden, shape.intermediate),
        "down_proj": (shape.intermediate, shape.hidden),
    }


def embeddings(shape: Shape) -> int:
    return shape.vocabulary * shape.hidden * (1 if shape.tied else 2)


def parameters(shape: Shape) -> int:
    """Of the whole model: embeddings, linear layers, two norms a block and one at the end."""
    block = sum(inputs * outputs for inputs, outputs in linears(shape).values()) + 2 * shape.hidden
    return embeddings(shape) + shape.layers * block + shape.hidden


def lora_parameters(shape: Shape, rank: int, targets: list[str], dora: bool) -> int:
    """Trainable ones: A and B of each target (arXiv 2106.09685, section 4.1), and DoRA's magnitude of each output
    (arXiv 2402.09353, section 4)."""
    known = linears(shape)
    unknown = [target for target in targets if target not in known]
    if unknown:
        raise SystemExit(
            f"plan: lora.targets has {', '.join(unknown)}, wanted some of {', '.join(known)}; see params.yaml"
        )
    return shape.layers * sum(rank * sum(known[target]) + (known[target][1] if dora else 0) for target in targets)
