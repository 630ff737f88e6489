"""Shapes of models: facts of the Llama family, and of any config.json of a family whose activations are known."""

from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from tools.plan import architecture

# Families whose activations tests/tools/plan/test_activations.py compares with those that real models keep.
CHECKED = ("llama", "mistral", "qwen2", "qwen3")


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
    head_norms: bool  # each query and key is normalised, as Qwen3 does
    parameters: int  # of the whole model


# From the config.json of each model's repository.
SHAPES = {
    "Llama-2-7b": Shape(32000, 4096, 11008, 32, 32, 32, 128, False, False, 6_738_415_616),
    "Llama-2-13b": Shape(32000, 5120, 13824, 40, 40, 40, 128, False, False, 13_015_864_320),
    "Llama-2-70b": Shape(32000, 8192, 28672, 80, 64, 8, 128, False, False, 68_976_648_192),
    "Llama-3.1-8B": Shape(128256, 4096, 14336, 32, 32, 8, 128, False, False, 8_030_261_248),
    "Llama-3.1-70B": Shape(128256, 8192, 28672, 80, 64, 8, 128, False, False, 70_553_706_496),
    "Llama-3.1-405B": Shape(128256, 16384, 53248, 126, 128, 8, 128, False, False, 405_853_388_800),
    "Llama-3.2-1B": Shape(128256, 2048, 8192, 16, 32, 8, 64, True, False, 1_235_814_400),
    "Llama-3.2-3B": Shape(128256, 3072, 8192, 28, 24, 8, 128, True, False, 3_212_749_824),
    "Llama-3.3-70B": Shape(128256, 8192, 28672, 80, 64, 8, 128, False, False, 70_553_706_496),
}


def find(model: str) -> Shape:
    """The shape of a folder, a config.json, a name of the table with or without owner and ending, or a model in the
    hub's local cache."""
    return named(model) or from_config(find_config(model), model)


def named(model: str) -> Shape | None:
    """A shape of the table."""
    name = model.rsplit("/", maxsplit=1)[-1]
    for known in sorted(SHAPES, key=len, reverse=True):
        if not Path(model).exists() and name.lower().removeprefix("meta-").startswith(known.lower()):
            return SHAPES[known]
    return None


def find_config(model: str) -> Path:
    path = Path(model)
    if path.exists():
        file = path / "config.json" if path.is_dir() else path
    else:
        file = cached(model) if model.count("/") == 1 else None
    if file is None or not file.is_file():
        raise SystemExit(
            f"plan: --model {model}: got neither a folder with config.json, nor one of {', '.join(SHAPES)}, nor a "
            f"model in the hub's cache"
        )
    return file


def cached(model: str) -> Path | None:
    """Of the revision that came last: one that was fetched by its commit has no branch in the cache."""
    repo = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model")
    return max(repo.glob("snapshots/*/config.json"), key=lambda path: path.lstat().st_mtime, default=None)


def from_config(path: Path, model: str) -> Shape:
    config = architecture.read(path)
    counts = architecture.count(config, path)
    if counts.family not in CHECKED:
        raise SystemExit(
            f"plan: {model} is a {counts.family} of {counts.parameters:,} parameters, whose activations were never "
            f"compared with a real model's, wanted one of {', '.join(CHECKED)}; choose the parallelism yourself, in "
            f".potstill/ (docs/train.md)"
        )
    return to_shape(config, counts.parameters)


def to_shape(config: Any, parameters: int) -> Shape:
    heads, hidden = config.num_attention_heads, config.hidden_size
    return Shape(
        config.vocab_size,
        hidden,
        config.intermediate_size,
        config.num_hidden_layers,
        heads,
        config.num_key_value_heads or heads,
        getattr(config, "head_dim", None) or hidden // heads,
        config.tie_word_embeddings,
        config.model_type == "qwen3",
        parameters,
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


def lora_parameters(shape: Shape, rank: int, targets: list[str], dora: bool) -> int:
    return architecture.lora_parameters(
        {name: [sizes] * shape.layers for name, sizes in linears(shape).items()}, rank, targets, dora
    )
