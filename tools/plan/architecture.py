"""A model as transformers builds it from its config, without memory for its weights: what it has of everything."""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple


class Counts(NamedTuple):
    family: str  # the config's model_type
    parameters: int  # tied weights once
    linears: dict[str, list[tuple[int, int]]]  # (inputs, outputs) of the linear layers, by the last part of their names


def read(path: Path) -> Any:
    """The config of a folder, or of a config.json."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(path)
    except (OSError, ValueError, KeyError, TypeError) as error:  # no JSON, no model_type, one that is not known
        first = str(error).strip().splitlines()[0]
        raise SystemExit(f"plan: {path}: {first}; wanted the config.json of a model that transformers has") from None


def count(config: Any, path: Path) -> Counts:
    """Exact for every causal language model: nothing is known of families here."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:  # an encoder; numbers that do not fit
        first = str(error).strip().splitlines()[0]
        raise SystemExit(f"plan: {path}: {first}; wanted the config.json of a causal language model") from None
    found = defaultdict[str, list[tuple[int, int]]](list)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            found[name.rsplit(".", maxsplit=1)[-1]].append((module.in_features, module.out_features))
    return Counts(config.model_type, sum(p.numel() for p in model.parameters()), dict(found))


def lora_parameters(linears: dict[str, list[tuple[int, int]]], rank: int, targets: list[str], dora: bool) -> int:
    """Trainable ones: A and B of each target (arXiv 2106.09685, section 4.1), and DoRA's magnitude of each output
    (arXiv 2402.09353, section 4)."""
    unknown = [target for target in targets if target not in linears]
    if unknown:
        raise SystemExit(
            f"plan: lora.targets has {', '.join(unknown)}, wanted some of {', '.join(linears)}; see params.yaml"
        )
    sizes = [size for target in targets for size in linears[target]]
    return sum(rank * (inputs + outputs) + (outputs if dora else 0) for inputs, outputs in sizes)
