"""Where training starts from: the base as it is, or parted into an adapter and a rest (CorDA, arXiv 2406.05223).

CorDA trains the part of the weights that the examples use most (ipm) or least (kpm), and freezes the rest. What is
saved is the difference from the base, as a plain adapter of twice the rank, so that it is served like any other.
"""

import json
from pathlib import Path
from typing import Any

from stages.models.local import pin
from stages.train import arguments, arrow
from stages.train.params import Params

NUM_EXAMPLES = 256  # from which CorDA learns what the weights are used for, as many as in the paper
EIGENS = "corda.pt"
START = "start.safetensors"  # the adapter before the first step


def pinned(params: Params) -> Params:
    """The parameters with the base's revision, which of a merged base is its digest, for it decides the result."""
    revision = pin(params.base.model, params.base.revision)
    return params.model_copy(update={"base": params.base.model_copy(update={"revision": revision})})


def is_parted(params: Params) -> bool:
    return params.profile.method == "lora" and params.profile.lora.init != "zeros"


def adapter(model: Any, params: Params, output: Path, device: Any, student: str) -> Any:
    """PEFT's settings of the adapter, None without one. Where the model is to be parted, it is prepared for it.

    The decomposition is kept in `output`, so that every process, and one that goes on, parts the weights alike.
    """
    if params.profile.method != "lora":
        return None
    config = arguments.to_lora_config(params)
    if not is_parted(params):
        return config
    from accelerate import PartialState
    from peft.tuners.lora.config import CordaConfig
    from peft.tuners.lora.corda import preprocess_corda

    kept = output / EIGENS
    part = kept.with_suffix(".part")
    config.init_lora_weights = "corda"
    model.to(device)
    with PartialState().main_process_first():
        config.corda_config = CordaConfig(
            cache_file=str(kept if kept.exists() else part),
            corda_method="ipm" if params.profile.lora.init == "corda-ipm" else "kpm",
        )
        if not kept.exists():
            part.unlink(missing_ok=True)
        try:
            preprocess_corda(model, config, lambda: read(model, output, device))
        except ValueError as error:  # a rank over the layer's width
            raise SystemExit(f"train-{student}: CorDA: {error}; see train.lora in params.yaml") from None
        if not kept.exists():
            part.rename(kept)
    return config


def read(model: Any, output: Path, device: Any) -> None:
    """Run the model over the first examples, one by one, for what its layers are given."""
    import torch

    for example in arrow.head(output, NUM_EXAMPLES):
        model(input_ids=torch.tensor([example.input_ids], device=device))


def keep(model: Any, params: Params, output: Path) -> None:
    """Keep the adapter as it is before the first step."""
    if is_parted(params):
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        tensors = get_peft_model_state_dict(model)
        save_file({name: tensor.float().cpu().contiguous() for name, tensor in tensors.items()}, output / START)


def make_plain(out: Path, params: Params, output: Path, student: str) -> None:
    """Turn the saved adapter of the rest into one of the base: B A - B0 A0 = [B -B0] [A; A0], of twice the rank."""
    if not is_parted(params):
        return
    import torch
    from safetensors.torch import load_file, save_file

    file, settings = out / "adapter_model.safetensors", out / "adapter_config.json"
    start, trained = load_file(output / START), load_file(file)
    if all(torch.equal(tensor, start[name]) for name, tensor in trained.items()):
        raise SystemExit(
            f"train-{student}: the saved adapter is the one that training started with: nothing was trained"
        )
    plain = {
        name: torch.cat([tensor, -start[name]], 1) if "lora_B" in name else torch.cat([tensor, start[name]], 0)
        for name, tensor in trained.items()
    }
    save_file(plain, file, metadata={"format": "pt"})
    told = json.loads(settings.read_text())
    told |= {name: 2 * told[name] for name in ("r", "lora_alpha")}  # alpha / r stays
    told |= {"init_lora_weights": True, "corda_config": None}
    settings.write_text(json.dumps(told, indent=2, sort_keys=True))
