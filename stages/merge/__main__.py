"""Make a model of others, where params ask for one: `python -m stages.merge`."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from stages.merge import alike, folder
from stages.merge.folder import Place
from stages.merge.params import Params, load
from stages.sampling.process_group import die_with_parent

OUT = Path("models/merged")
PART = OUT.with_name("merged.part")  # a killed merge leaves it, and it does not count
MODEL = PART / "model"


def main() -> None:
    die_with_parent()
    params = load()
    shutil.rmtree(PART, ignore_errors=True)
    report: dict[str, Any] = {"method": params.method}
    try:
        MODEL.mkdir(parents=True)
        if params.method == "none":
            (MODEL / "README.md").write_text("`merge.method` in params.yaml is none, so no model was made.\n")
        else:
            report |= merge(params)
        shutil.rmtree(OUT, ignore_errors=True)
        MODEL.rename(OUT)
    finally:
        shutil.rmtree(PART, ignore_errors=True)
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/merge.json").write_text(json.dumps({"merge": report}, indent=2) + "\n")
    print(f"merge: {report}", file=sys.stderr)


def merge(params: Params) -> dict[str, Any]:
    """Write the model; returns how many tensors and values it has, and how far it lies from where it started."""
    assert params.base
    start, base = params.onto if params.onto and params.method == "transfer" else params.base, params.base
    found = {source: folder.find(source) for source in (start, base, *params.models)}
    adapters = [source for source in params.models if (found[source] / folder.ADAPTER).exists()]
    for adapter in adapters:
        refuse(alike.adapter_fault(found[adapter], base))
    tokenizers = {source: folder.tokenizer(path) for source, path in found.items()}
    refuse(alike.tokenizer_fault({str(source): tokenizer.get_vocab() for source, tokenizer in tokenizers.items()}))
    places = {source: folder.places(path) for source, path in found.items() if source not in adapters}
    refuse(alike.tensor_fault({str(source): some for source, some in places.items()}))
    for number, adapter in enumerate(adapters):
        places[adapter] = folder.places(with_adapter(found[base], found[adapter], PART / f"tuned-{number}"))
    refuse(alike.tensor_fault({str(source): some for source, some in places.items()}))
    tuned = params.models[0]
    tokenizers[tuned].save_pretrained(MODEL)  # with the chat template that it was tuned to
    shutil.copy(found[start] / "config.json", MODEL)
    for path in (found[start], found[tuned]):
        if (path / "generation_config.json").exists():
            shutil.copy(path / "generation_config.json", MODEL)
    return write_weights(params, found[start], [places[source] for source in (start, base, *params.models)])


def refuse(fault: str | None) -> None:
    if fault:
        raise SystemExit(f"merge: model {fault}; see `merge` in params.yaml")


def with_adapter(base: Path, adapter: Path, out: Path) -> Path:
    """A folder with the base's weights and the adapter in them, in float32, so that small differences stay."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
    return out


def write_weights(params: Params, start: Path, models: list[dict[str, Place]]) -> dict[str, Any]:
    """Into the files that the start, the first model, has, with its precision; one of them is in memory at a time."""
    import torch
    from safetensors.torch import save_file

    from stages.merge import tensors

    generator = torch.Generator().manual_seed(params.seed)
    num_values, moved, length = 0, 0.0, 0.0
    for file in folder.weight_files(start):
        made = dict[str, Any]()
        for name in [name for name, place in models[0].items() if place.file == file]:
            before, base, *tuned = (folder.read(model[name], name) for model in models)
            after = tensors.merged(params, before, base, tuned, generator)
            num_values += after.numel()
            moved += float((after - before).double().square().sum())
            length += float(before.double().square().sum())
            made[name] = after.to(getattr(torch, folder.PRECISIONS[models[0][name].dtype]))
        save_file(made, MODEL / file.name, metadata={"format": "pt"})
    if (start / folder.INDEX).exists():
        shutil.copy(start / folder.INDEX, MODEL)
    return {"tensors": len(models[0]), "values": num_values, "moved": round((moved / length) ** 0.5, 6)}


if __name__ == "__main__":
    main()
