"""What must hold before models are merged: each refusal is one sentence, and no model was written yet."""

import json
from pathlib import Path
from typing import Any

from stages.merge.folder import ADAPTER, PRECISIONS, Place
from stages.merge.params import Source


def tensor_fault(models: dict[str, dict[str, Place]]) -> str | None:
    """In what one of the models, each with its tensors, differs from the first."""
    first, expected = next(iter(models.items()))
    for model, found in models.items():
        if odd := sorted(expected.keys() ^ found.keys()):
            return f"{model}: got other tensors than {first} has, such as {odd[0]}, wanted the same architecture"
        for name, place in found.items():
            wanted = expected[name].shape
            if place.shape != wanted:
                return f"{model}: tensor {name} has the shape {place.shape}, wanted {wanted} as in {first}"
            if place.dtype not in PRECISIONS:
                return f"{model}: tensor {name} is {place.dtype}, wanted {', '.join(PRECISIONS)}: no quantized weights"
    return None


def tokenizer_fault(models: dict[str, dict[str, int]]) -> str | None:
    """In what one of the models, each with its tokens' ids, differs from the first."""
    first, expected = next(iter(models.items()))
    for model, ids in models.items():
        if odd := sorted(expected.items() ^ ids.items()):
            return f"{model}: got another tokenizer than {first} has, they differ in {odd[0][0]!r}, wanted the same"
    return None


def adapter_fault(adapter: Path, base: Source) -> str | None:
    """An adapter is a difference from one base only."""
    told: dict[str, Any] = json.loads((adapter / ADAPTER).read_text())
    theirs = Source(name=told["base_model_name_or_path"], revision=told.get("revision") or base.revision)
    if theirs != base:
        return f"{adapter}: got an adapter of {theirs}, wanted one of {base}, which is merge.base"
    return None
