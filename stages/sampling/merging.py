"""An adapter that an engine cannot serve is merged into its base, outside DVC's outputs: it stays what it is."""

# peft and transformers: no types of their own
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
import shutil
from pathlib import Path
from typing import Any

from stages.sampling.request import Model

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM 0.31 has kernels for (MaxLoRARanks, vllm/config/lora.py)


def served_rank(rank: int) -> int:
    """The smallest that vLLM has kernels for and that holds an adapter of this rank."""
    return min(known for known in RANKS if known >= rank)


def fault(local_engine: str, rank: int, dora: bool) -> str | None:
    """Why the engine cannot serve an adapter, if it cannot."""
    if dora:  # vLLM's `PEFTHelper`; transformers 5.17 names the magnitudes otherwise than peft saves them
        return "vLLM serves no DoRA adapters" if local_engine == "vllm" else "transformers loses DoRA's magnitudes"
    if local_engine == "vllm" and rank > RANKS[-1]:
        return f"vLLM serves adapters of ranks up to {RANKS[-1]}, got {rank}"
    return None


def to_load(model: Model) -> str:
    """The model's name, or the folder of the merged one where it is an adapter that the engine cannot serve."""
    config = Path(model.name) / "adapter_config.json"
    if not config.exists():
        return model.name
    adapter = json.loads(config.read_text())
    if not fault(model.local_engine, adapter["r"], adapter.get("use_dora", False)):
        return model.name
    return str(merged(Path(model.name), model.revision, model.precision))


def merged(folder: Path, revision: str, precision: str) -> Path:
    """The adapter in `folder`, of this digest, in its base; made where it is not there yet."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    home = Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".potstill" / "merged"
    whole = home / f"{revision}-{precision}"
    if whole.exists():
        return whole
    base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    print(f"merging {folder} into {base}, in {whole}: it cannot be served as an adapter", flush=True)
    dtype = "auto" if precision == "auto" else getattr(torch, precision)
    model: Any = AutoPeftModelForCausalLM.from_pretrained(str(folder), dtype=dtype, use_safetensors=True)
    part = home / f"{whole.name}.part-{os.getpid()}"
    model.merge_and_unload().save_pretrained(part)
    AutoTokenizer.from_pretrained(folder).save_pretrained(part)
    try:
        part.rename(whole)
    except OSError:  # another process was faster
        shutil.rmtree(part)
    return whole
