"""A student's weights on their way from the processes of a training to its folder."""

import json
from pathlib import Path
from typing import Any

from stages.train.parallelism import Parallelism
from stages.train.params import Params


def save(trainer: Any, tokenizer: Any, params: Params, parallelism: Parallelism, out: Path) -> None:
    """Write weights (or the adapter) and tokenizer. Every process takes part: under ZeRO-3 each holds a share of the
    weights."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    if params.profile.method == "lora":
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        with gathered(trained, parallelism):
            named = model.named_parameters() if trainer.accelerator.is_main_process else ()
            state = {name: p.detach().cpu().clone() for name, p in named if p.requires_grad}
        precision = torch.float32
    else:
        own = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}  # each tied weight once
        # the first process alone gets it; under ZeRO-3 all must take part
        takes_part = parallelism.zero == 3 or trainer.accelerator.is_main_process
        whole = trainer.accelerator.get_state_dict(trainer.model_wrapped) if takes_part else None
        state = {name: tensor for name, tensor in (whole or {}).items() if name in own}
        precision = getattr(torch, params.profile.precision)
    if trainer.accelerator.is_main_process:
        # one that was used saves that it neither pads nor cuts, and a resumed training may not have used it yet
        tokenizer("")
        # in the machine's memory, for a GPU may have no room for a second copy
        state = {
            name: tensor.to("cpu", precision if tensor.is_floating_point() else None) for name, tensor in state.items()
        }
        model.save_pretrained(out, state_dict=state, safe_serialization=True)
        if params.profile.method == "lora":
            sort_targets(out / "adapter_config.json")
        tokenizer.save_pretrained(out)
    trainer.accelerator.wait_for_everyone()


def sort_targets(settings: Path) -> None:
    """PEFT holds the layers' names in a set, whose order differs from run to run, and so would the student's digest."""
    told = json.loads(settings.read_text())
    told["target_modules"] = sorted(told["target_modules"])
    settings.write_text(json.dumps(told, indent=2, sort_keys=True))


def checkpoint_from_one(trainer: Any, parallelism: Parallelism) -> None:
    """Under ZeRO-1 and 2 every process holds all weights, and transformers has each copy them for a checkpoint, of
    which the first process alone writes its copy."""
    if parallelism.zero in (1, 2) and not trainer.accelerator.is_main_process:
        trainer.save_model = lambda *_, **__: None


def gathered(parameters: list[Any], parallelism: Parallelism) -> Any:
    """A context in which ZeRO-3's parted parameters are whole."""
    if parallelism.zero == 3:
        from deepspeed.runtime.zero.partition_parameters import GatheredParameters

        return GatheredParameters(parameters)
    import contextlib

    return contextlib.nullcontext()
